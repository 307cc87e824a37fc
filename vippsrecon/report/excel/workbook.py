"""Write the workbook that a controller gives to the auditor.

Reconciliation → ReportFrames → ReportFigures
                              → SheetTable of each frame → sheets, checks, Parquet files
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.display.written_file import WrittenFile
from vippsrecon.output_files import atomic_report
from vippsrecon.report.changes import ReportChanges, find_changes
from vippsrecon.report.daily_totals import SpanTotals, sum_by_day
from vippsrecon.report.detail import ReportDetail, choose_detail
from vippsrecon.report.excel import controls
from vippsrecon.report.excel.bridge_sheet import BridgeSheetWriter
from vippsrecon.report.excel.existing_report import has_manual_entries
from vippsrecon.report.excel.figures_sheet import FiguresSheetWriter
from vippsrecon.report.excel.money_tables import add_voucher_checks
from vippsrecon.report.excel.summary_sheet import summary
from vippsrecon.report.excel.table_sheet import write_table
from vippsrecon.report.excel.tables import build_sheet_tables
from vippsrecon.report.excel.ties import add_ties
from vippsrecon.report.figures import ReportFigures, compute_figures, get_figures
from vippsrecon.report.frames import ReportFrames, build_report_frames
from vippsrecon.report.names import get_heading, get_sheet_name
from vippsrecon.report.sentences import describe_period
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.spreadsheet.cross_checks import CrossChecks
from vippsrecon.spreadsheet.formats import NAVY, WorkbookFormats
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.table import EXCEL_MAX_ROWS
from vippsrecon.spreadsheet.workbook_file import open_workbook, protect_figures, set_up_printing
from vippsrecon.texts import in_language_of_result, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xlsxwriter import Workbook

    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.spreadsheet.table import SheetTable

    DayTotals = Mapping[str, tuple[SpanTotals, ...]]


@in_language_of_result
def write_workbook(
    reconciliation: Reconciliation,
    path: str | Path,
    *,
    row_limit: int = EXCEL_MAX_ROWS,
    detail: ReportDetail | None = None,
    earlier: str | Path | ReportChanges | None = None,
) -> Path:
    """Write a Reconciliation as an Excel workbook. The same input gives the same bytes.

    Everything is in the language of the comparison. Sheets: Summary, Discrepancies, Matched, Timing,
    Payments, Events, Orders, Rejects and failures, Figures, Controls; Open items, What changed and
    Restatement where there are any; and, if ledger entries or bank statements were compared, Bridge, Ledger, Payouts
    and bank, Cut-off, Vouchers and Radar. Amounts are in major units. Totals are formulas over the rows of the
    sheets; Controls compares them with the figures computed here. A frame with more rows than a
    sheet can hold is written whole to `<name>.<sheet>.parquet` in the same folder; its sheet
    shows the first rows, and a note there and on Controls names the file.

    A report of more than 20,000 orders, payments and events contains the findings only, so that it
    can be mailed: Matched, Payments, Events and Orders are left out, and each discrepancy has the
    state and totals of its payment. Their rows are written to `<name>.data/<sheet>_rows.parquet`,
    which only this account can open; Controls has the number of rows and the SHA-256 of each file.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned. Not changed.
        path: Path of the workbook, ending in .xlsx. An existing report is replaced when the new
            one is complete. If people worked in it (owners, decisions, notes, signatures), it is
            first renamed to `<name>.before-1.xlsx`, and a warning is logged.
        row_limit: Maximum number of rows of a sheet.
        detail: "full" writes all sheets, "findings" leaves out those four; None decides by the
            number of rows.
        earlier: An earlier report that people worked in. Owners, decisions and notes are carried over
            to the same discrepancies, decisions only while the amounts are the same; the sheet
            *What changed* lists what is new, changed, cleared or here again.

    Returns:
        The path of the workbook.

    Raises:
        InputError: `detail` is neither full nor findings, or `earlier` is of another environment.
        SourceError: `earlier` cannot be read as a report.
        OutputError: The name does not end in .xlsx, is a folder, or cannot be written: folder
            missing, file open in another program, disk full.
    """
    path = Path(path)
    changes = find_changes(reconciliation, earlier)
    if changes is not None:
        reconciliation = changes.add_to(reconciliation)
    frames = build_report_frames(reconciliation)
    figures = compute_figures(frames, changes.entries) if changes else get_figures(reconciliation)
    chosen = choose_detail(reconciliation, detail)
    sheets = build_sheet_tables(
        frames, figures, stem=path.stem, limit=row_limit, detail=chosen, changes=changes
    )
    with atomic_report(path, must_keep=has_manual_entries) as folder:
        for name, table in sheets.items():
            if table.overflow_file:
                file = folder / table.overflow_file
                _write_rows_file(table, frames, file)
                if table.left_out:
                    sheets[name] = replace(table, file_sha256=compute_file_sha256(file))
        days = sum_by_day(frames.events, reconciliation.manifest)
        checks = CrossChecks()
        add_voucher_checks(sheets, frames.money, checks)
        if frames.money is not None:
            add_ties(figures.statement, sheets, frames.money.period, checks)
        _write_workbook_file(
            reconciliation, figures, days, sheets, folder / path.name, checks=checks
        )
    return WrittenFile(path)


def _write_workbook_file(
    reconciliation: Reconciliation,
    figures: ReportFigures,
    days: DayTotals,
    sheets: Mapping[str, SheetTable],
    path: Path,
    *,
    checks: CrossChecks,
) -> None:
    rows = path.parent / "rows"
    rows.mkdir()
    with open_workbook(path, rows) as workbook:
        _fill_report_workbook(workbook, reconciliation, figures, days, sheets, checks=checks)


def _fill_report_workbook(
    workbook: Workbook,
    reconciliation: Reconciliation,
    figures: ReportFigures,
    days: DayTotals,
    sheets: Mapping[str, SheetTable],
    *,
    checks: CrossChecks,
) -> None:
    manifest = reconciliation.manifest
    workbook.set_properties(
        {
            "title": get_heading("report"),
            "subject": describe_period(manifest),
            "author": "vippsrecon",
            "created": _compute_creation_time(str(manifest.get("as_of") or "")),
        }
    )
    formats = WorkbookFormats(workbook)
    shown = {name: table for name, table in sheets.items() if not table.left_out}
    drawn = ["figures"] if figures.legs or days or figures.concentrations else []
    stated = ["bridge"] if figures.statement else []
    worksheets = {
        key: workbook.add_worksheet(get_sheet_name(key))
        for key in ("summary", *stated, *shown, *drawn, "controls")
    }
    for worksheet in worksheets.values():
        page = say("sheet_texts.page_of")
        set_up_printing(worksheet, worksheet.get_name(), describe_period(manifest), page)
        protect_figures(worksheet)
    # Summary first and Controls last: Controls shows the checks that all other sheets add.
    summary.SummarySheetWriter(
        workbook=workbook,
        page=SheetLayout(worksheets["summary"]),
        formats=formats,
        tables=dict(sheets),
        checks=checks,
    ).write(reconciliation, figures)
    for name in stated:
        BridgeSheetWriter(
            workbook=workbook,
            page=SheetLayout(worksheets[name]),
            formats=formats,
            tables=sheets,
            checks=checks,
        ).write(figures)
    for name, table in shown.items():
        write_table(workbook, worksheets[name], table, formats, checks)
    for name in drawn:
        FiguresSheetWriter(
            workbook=workbook, page=SheetLayout(worksheets[name]), formats=formats
        ).write(figures, days)
    controls.ControlsSheetWriter(
        workbook=workbook, page=SheetLayout(worksheets["controls"]), formats=formats
    ).write(reconciliation, sheets, checks)
    worksheets["summary"].activate()
    worksheets["summary"].set_tab_color(NAVY)
    workbook.set_size(2400, 1400)


def _compute_creation_time(as_of: str) -> datetime:
    """Return the cut-off time: the time of the run would make the bytes differ between runs."""
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write_rows_file(table: SheetTable, frames: ReportFrames, path: Path) -> None:
    import pyarrow.parquet as pq

    complete_frames: dict[str, Any] = {
        "payments": frames.payments,
        "events": frames.events,
        "orders": frames.orders,
        "discrepancies": frames.discrepancies,
    }
    data = complete_frames.get(table.key, table.data)
    path.parent.mkdir(exist_ok=True)
    pq.write_table(data.to_arrow(), path, compression="zstd")
