"""One workbook, from opened to whole: row by row, texts as texts, nothing left open."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError

from vippsrecon.spreadsheet.formats import FONT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xlsxwriter.worksheet import Worksheet

A4 = 9


@contextmanager
def open_workbook(path: Path, rows: Path | None = None) -> Iterator[Workbook]:
    """Give a workbook to fill; on leaving, it is written to `path`.

    Each sheet is written top to bottom: rows leave memory as they come.

    Args:
        path: The file.
        rows: Folder for rows until the workbook is put together; None: the machine's own.

    Raises:
        OSError: The place cannot be written, or the disk is full.
    """
    options: dict[str, Any] = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_format_properties": dict(FONT),
    }
    workbook = Workbook(str(path), options if rows is None else {**options, "tmpdir": str(rows)})
    try:
        workbook.use_zip64()
        yield workbook
        workbook.close()
    except FileCreateError as error:
        raise error.args[0] from None
    finally:
        _discard_workbook(workbook)


def set_up_printing(worksheet: Worksheet, name: str, said: str) -> None:
    """Make a sheet print on A4, as wide as the paper, with a footer."""
    worksheet.set_landscape()
    worksheet.set_paper(A4)
    worksheet.fit_to_pages(1, 0)
    worksheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    worksheet.set_footer(
        f"&L&8 {_escape_footer(said)}&C&8 {_escape_footer(name)}&R&8 Page &P of &N"
    )


def _escape_footer(text: str) -> str:
    """Return text for a footer, where & starts a command and 255 characters are the limit.

    A space goes before it: a digit would be read as part of the font size.
    """
    return text[:80].replace("&", "&&")


def _discard_workbook(workbook: Workbook) -> None:
    """Close what a workbook that could not be written still holds open, and let it be forgotten.

    XlsxWriter would try once more to write it when it is collected.
    """
    if not workbook.fileclosed:
        workbook.fileclosed = True
        for worksheet in workbook.worksheets():
            for handle in (worksheet.row_data_fh, worksheet.fh):
                if handle is not None:
                    _close_handle(handle)


def _close_handle(handle: Any) -> None:
    try:
        handle.close()
    except OSError:
        # What was still to be flushed has no room either; the first error is the one to tell.
        return
