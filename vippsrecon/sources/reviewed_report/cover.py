"""Read the cover of a report: the headline, and what it is about."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.sources.files.detect import detect_file_type
from vippsrecon.sources.reviewed_report.language import find_report_language, get_sheet_name
from vippsrecon.texts import LANGUAGES, count_of, list_texts_in, say, use_language

COVER_COLUMN, ABOUT_ROW, HEADLINE_ROW = 1, 1, 4
"""Cells of the sheet, counted from 0. `report.excel.summary` writes them there."""

_NUMBER = r"[0-9][0-9 ,.\u00a0\u202f]*"


class Cover(NamedTuple):
    """The cover of a report.

    Attributes:
        headline: The verdict in one or two sentences.
        about: Period, sales units and environment in one line.
        language: The language of the report.
    """

    headline: str
    about: str
    language: str = "en"

    @property
    def complete(self) -> bool:
        """Whether the run had all its data, so that there is a verdict."""
        words = list_texts_in("headline", self.language)
        return not self.headline.startswith(f"{words['incomplete']}. ")


def read_cover(path: Path) -> Cover:
    """Read the cover of a report that `vippsrecon reconcile` wrote.

    Raises:
        SourceError: It is not a report of vippsrecon, or its cover was changed.
    """
    language, rows = (
        _read_summary(path) if detect_file_type(path) == "workbook" else (LANGUAGES[0], [])
    )
    headline, about = (_read_cell(rows, row) for row in (HEADLINE_ROW, ABOUT_ROW))
    if _compile_headline(language).match(headline + " ") is None:
        raise SourceError(
            "this is not a report of vippsrecon: its sheet Summary has no verdict", file=path.name
        )
    return Cover(headline, about, language)


@cache
def _compile_headline(language: str) -> re.Pattern[str]:
    """Return the pattern of a headline's first words, in one language."""
    with use_language(language):
        words = [re.escape(say(f"headline.{name}")) for name in ("clean", "incomplete")]
        counted = [count_of("discrepancy", number).upper() for number in (1, 2)]
    words += [re.sub(r"\d", lambda _: _NUMBER, re.escape(text)) for text in counted]
    return re.compile(rf"(?:{'|'.join(words)})\. ")


def _read_summary(path: Path) -> tuple[str, list[list[Any]]]:
    """Return the language of the report, and the first rows of its sheet *Summary*."""
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            language = find_report_language(workbook.sheet_names)
            name = "" if language is None else get_sheet_name("summary", language)
            if language is None or name not in workbook.sheet_names:
                return LANGUAGES[0], []
            sheet = workbook.get_sheet_by_name(name)
            rows: list[list[Any]] = sheet.to_python(skip_empty_area=False, nrows=HEADLINE_ROW + 1)
    # calamine's panics do not even derive from Exception.
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        raise SourceError(
            "the workbook cannot be opened; save it again in Excel", file=path.name
        ) from None
    return language, rows


def _read_cell(rows: list[list[Any]], row: int) -> str:
    if len(rows) <= row or len(rows[row]) <= COVER_COLUMN:
        return ""
    return " ".join(str(rows[row][COVER_COLUMN]).split())
