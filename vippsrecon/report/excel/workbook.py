"""The workbook a controller hands to the auditor."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.output_files import atomic_report
from vippsrecon.report.excel import controls, summary
from vippsrecon.report.excel.existing_report import has_manual_entries
from vippsrecon.report.excel.table_sheet import write_table
from vippsrecon.report.excel.tables import build_sheet_tables
from vippsrecon.report.figures import ReportFigures, compute_figures
from vippsrecon.report.frames import ReportFrames, build_report_frames
from vippsrecon.report.sentences import describe_period
from vippsrecon.spreadsheet.cross_checks import CrossChecks
from vippsrecon.spreadsheet.formats import NAVY, WorkbookFormats
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.table import EXCEL_MAX_ROWS
from vippsrecon.spreadsheet.workbook_file import open_workbook, set_up_printing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xlsxwriter import Workbook

    from vippsrecon.report.frames import ReportInput
    from vippsrecon.spreadsheet.table import SheetTable


def write_workbook(
    reconciliation: ReportInput, path: str | Path, *, row_limit: int = EXCEL_MAX_ROWS
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
    frames = build_report_frames(reconciliation)
    figures = compute_figures(frames)
    sheets = build_sheet_tables(frames, figures, stem=path.stem, limit=row_limit)
    with atomic_report(path, must_keep=has_manual_entries) as folder:
        for table in sheets.values():
            if table.overflow_file:
                _write_overflow_file(table, frames, folder / table.overflow_file)
        _write_workbook_file(reconciliation, figures, sheets, folder / path.name)
    return path


def _write_workbook_file(
    reconciliation: ReportInput,
    figures: ReportFigures,
    sheets: Mapping[str, SheetTable],
    path: Path,
) -> None:
    rows = path.parent / "rows"
    rows.mkdir()
    with open_workbook(path, rows) as workbook:
        _fill_report_workbook(workbook, reconciliation, figures, sheets)


def _fill_report_workbook(
    workbook: Workbook,
    reconciliation: ReportInput,
    figures: ReportFigures,
    sheets: Mapping[str, SheetTable],
) -> None:
    manifest = reconciliation.manifest
    workbook.set_properties(
        {
            "title": "Reconciliation of orders and payments",
            "subject": describe_period(manifest),
            "author": "vippsrecon",
            "created": _compute_creation_time(str(manifest.get("as_of") or "")),
        }
    )
    looks, checks = WorkbookFormats(workbook), CrossChecks()
    names = (summary.SUMMARY_SHEET_NAME, *sheets, controls.CONTROLS_SHEET_NAME)
    worksheets = {name: workbook.add_worksheet(name) for name in names}
    for name, worksheet in worksheets.items():
        set_up_printing(worksheet, name, describe_period(manifest))
    # Summary goes first: it collects the checks that Controls shows.
    summary.SummarySheetWriter(
        workbook, SheetLayout(worksheets[summary.SUMMARY_SHEET_NAME]), looks, dict(sheets), checks
    ).write(reconciliation, figures)
    for name, table in sheets.items():
        write_table(workbook, worksheets[name], table, looks, checks)
    controls.ControlsSheetWriter(
        workbook, SheetLayout(worksheets[controls.CONTROLS_SHEET_NAME]), looks
    ).write(reconciliation, sheets, checks)
    worksheets[summary.SUMMARY_SHEET_NAME].activate()
    worksheets[summary.SUMMARY_SHEET_NAME].set_tab_color(NAVY)
    workbook.set_size(2400, 1400)


def _compute_creation_time(as_of: str) -> datetime:
    """Return the moment the report stands for: the time of running would change the bytes."""
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write_overflow_file(table: SheetTable, frames: ReportFrames, path: Path) -> None:
    import pyarrow.parquet as pq

    kept: dict[str, Any] = {
        "Payments": frames.payments,
        "Events": frames.events,
        "Orders": frames.orders,
        "Discrepancies": frames.discrepancies,
    }
    data = kept.get(table.sheet, table.data)
    pq.write_table(data.to_arrow(), path, compression="zstd")
