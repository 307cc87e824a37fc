"""Read the cover of a report: the headline, and what it is about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.sources.files.detect import detect_file_type

SUMMARY_SHEET_NAME = "Summary"
COVER_COLUMN, ABOUT_ROW, HEADLINE_ROW = 1, 1, 4
"""Cells of the sheet, counted from 0. `report.excel.summary` writes them there."""

_HEADLINE = re.compile(r"(?:CLEAN|INCOMPLETE|[0-9][0-9 \u00a0\u202f]* DISCREPANC(?:Y|IES))\. ")


class Cover(NamedTuple):
    """The cover of a report.

    Attributes:
        headline: The verdict in one or two sentences.
        about: Period, sales units and environment in one line.
    """

    headline: str
    about: str

    @property
    def complete(self) -> bool:
        """Whether the run had all its data, so that there is a verdict."""
        return not self.headline.startswith("INCOMPLETE")


def read_cover(path: Path) -> Cover:
    """Read the cover of a report that `vippsrecon reconcile` wrote.

    Raises:
        SourceError: It is not a report of vippsrecon, or its cover was changed.
    """
    rows = _read_summary(path) if detect_file_type(path) == "workbook" else []
    headline, about = (_read_cell(rows, row) for row in (HEADLINE_ROW, ABOUT_ROW))
    if _HEADLINE.match(headline + " ") is None:
        raise SourceError(
            "this is not a report of vippsrecon: its sheet Summary has no verdict", file=path.name
        )
    return Cover(headline, about)


def _read_summary(path: Path) -> list[list[Any]]:
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            if SUMMARY_SHEET_NAME not in workbook.sheet_names:
                return []
            sheet = workbook.get_sheet_by_name(SUMMARY_SHEET_NAME)
            rows: list[list[Any]] = sheet.to_python(skip_empty_area=False, nrows=HEADLINE_ROW + 1)
    # calamine's panics do not even derive from Exception.
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        raise SourceError(
            "the workbook cannot be opened; save it again in Excel", file=path.name
        ) from None
    return rows


def _read_cell(rows: list[list[Any]], row: int) -> str:
    if len(rows) <= row or len(rows[row]) <= COVER_COLUMN:
        return ""
    return " ".join(str(rows[row][COVER_COLUMN]).split())
