"""Open and close workbook files: constant memory, texts stay texts, no handle left open."""

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
    """Yield a workbook to fill; on success, write it to `path`.

    Each sheet must be written from top to bottom, because its rows do not stay in memory.

    Args:
        path: The file.
        rows: Folder for temporary files with rows; None for the system's temporary folder.

    Raises:
        OSError: The path cannot be written, or the disk is full.
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


def set_up_printing(
    worksheet: Worksheet, name: str, subject: str, page: str = "Page &P of &N"
) -> None:
    """Set a sheet up to print on A4 landscape, one page wide, with a footer."""
    worksheet.set_landscape()
    worksheet.set_paper(A4)
    worksheet.fit_to_pages(1, 0)
    worksheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    worksheet.set_footer(f"&L&8 {_escape_footer(subject)}&C&8 {_escape_footer(name)}&R&8 {page}")


def protect_figures(worksheet: Worksheet) -> None:
    """Let people change only the cells whose format is not locked.

    There is no password: this prevents mistakes, not fraud. Filters work, and so do the widths and
    heights of columns and rows. Excel sorts a protected sheet only if all its cells are unlocked.
    """
    allowed = ("autofilter", "sort", "format_columns", "format_rows")
    worksheet.protect("", dict.fromkeys(allowed, True))


def _escape_footer(text: str) -> str:
    """Return text for a footer, where & starts a command and 255 characters are the limit.

    The caller puts a space before it, because Excel would read a digit as part of the font size.
    """
    return text[:80].replace("&", "&&")


def _discard_workbook(workbook: Workbook) -> None:
    """Close the open files of a workbook that could not be written, and mark it as closed.

    Otherwise XlsxWriter tries to write it again when the object is garbage-collected.
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
        # The data still to be flushed does not fit on the disk either; the first error is reported.
        return
