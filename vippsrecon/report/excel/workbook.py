"""The workbook a controller hands to the auditor."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.report.excel import controls, summary
from vippsrecon.report.excel.table_sheet import write_table
from vippsrecon.report.excel.tables import tables
from vippsrecon.report.figures import Tally, tally
from vippsrecon.report.frames import Frames, take_in
from vippsrecon.report.outlet import making
from vippsrecon.report.sentences import period
from vippsrecon.spreadsheet.cross_checks import Checks
from vippsrecon.spreadsheet.formats import NAVY, Looks
from vippsrecon.spreadsheet.layout import Page
from vippsrecon.spreadsheet.table import EXCEL_ROWS
from vippsrecon.spreadsheet.workbook_file import filling, for_printing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xlsxwriter import Workbook

    from vippsrecon.report.frames import Reconciled
    from vippsrecon.spreadsheet.table import Table


def write_workbook(
    reconciliation: Reconciled, path: str | Path, *, row_limit: int = EXCEL_ROWS
) -> Path:
    """Write a Reconciliation as an Excel workbook. The same input gives the same bytes.

    Sheets: Summary, Discrepancies, Matched, Timing, Payments, Events, Orders, Rejects and
    failures, Controls. Amounts are in major units. Totals are formulas over the sheets' rows,
    kept beside the figures computed here; Controls compares the two. A frame with more rows
    than a sheet holds goes whole to `<name>.<sheet>.parquet` beside the workbook, and the sheet,
    which then shows the first rows, and Controls say so.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned. Not changed.
        path: Where it shall stand, ending in .xlsx. A report that is there is replaced when the
            new one is whole; one that people worked in (owners, decisions, notes, signatures) is
            kept as `<name>.before-1.xlsx` beside it, and logged as a warning.
        row_limit: Rows a sheet may have.

    Returns:
        The path of the workbook.

    Raises:
        OutputError: The name does not end in .xlsx, or the place cannot be written: a folder,
            missing, open elsewhere, full.
    """
    path = Path(path)
    frames = take_in(reconciliation)
    figures = tally(frames)
    sheets = tables(frames, figures, stem=path.stem, limit=row_limit)
    with making(path) as folder:
        for table in sheets.values():
            if table.spilled:
                _spill(table, frames, folder / table.spilled)
        _write(reconciliation, figures, sheets, folder / path.name)
    return path


def _write(
    reconciliation: Reconciled, figures: Tally, sheets: Mapping[str, Table], path: Path
) -> None:
    rows = path.parent / "rows"
    rows.mkdir()
    with filling(path, rows) as workbook:
        _fill(workbook, reconciliation, figures, sheets)


def _fill(
    workbook: Workbook,
    reconciliation: Reconciled,
    figures: Tally,
    sheets: Mapping[str, Table],
) -> None:
    manifest = reconciliation.manifest
    workbook.set_properties(
        {
            "title": "Reconciliation of orders and payments",
            "subject": period(manifest),
            "author": "vippsrecon",
            "created": _created(str(manifest.get("as_of") or "")),
        }
    )
    looks, checks = Looks(workbook), Checks()
    names = (summary.SHEET, *sheets, controls.SHEET)
    worksheets = {name: workbook.add_worksheet(name) for name in names}
    for name, worksheet in worksheets.items():
        for_printing(worksheet, name, period(manifest))
    # Summary goes first: it collects the checks that Controls shows.
    summary.Summary(workbook, Page(worksheets[summary.SHEET]), looks, dict(sheets), checks).write(
        reconciliation, figures
    )
    for name, table in sheets.items():
        write_table(workbook, worksheets[name], table, looks, checks)
    controls.Controls(workbook, Page(worksheets[controls.SHEET]), looks).write(
        reconciliation, sheets, checks
    )
    worksheets[summary.SHEET].activate()
    worksheets[summary.SHEET].set_tab_color(NAVY)
    workbook.set_size(2400, 1400)


def _created(as_of: str) -> datetime:
    """Return the moment the report stands for: the time of running would change the bytes."""
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _spill(table: Table, frames: Frames, path: Path) -> None:
    import pyarrow.parquet as pq

    kept: dict[str, Any] = {
        "Payments": frames.payments,
        "Events": frames.events,
        "Orders": frames.orders,
        "Discrepancies": frames.discrepancies,
    }
    data = kept.get(table.sheet, table.data)
    pq.write_table(data.to_arrow(), path, compression="zstd")
