"""Make the report of one period, and print what it found."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.cli.errors import print_warning

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.detail import ReportDetail
    from vippsrecon.sources.reviewed_report.read import ReviewedReport


class ReportOptions(NamedTuple):
    """The options of `reconcile` that are the same for every period: see its help."""

    orders: list[Path]
    shop: str | None
    mapping: Path | None
    payments: Path | None
    references: list[Path]
    earlier: list[Path]
    as_of: datetime | None
    exported_at: datetime | None
    detail: ReportDetail | None
    previous: Path | None
    json: bool
    language: str | None = None
    ledger: Path | None = None
    settlement: tuple[Path, ...] = ()
    bank: tuple[Path, ...] = ()
    bank_mapping: Path | None = None
    cutoff: str | None = None

    def list_inputs(self, settings: Settings) -> list[Path]:
        """Return the files that are read, and so must not be replaced; of a folder, all."""
        from vippsrecon.workflow.export_folder import list_folder_files

        others = (self.mapping, self.bank_mapping, settings.ignore_file)
        exports = [
            file
            for path in self.orders
            for file in (list_folder_files(path) if path.is_dir() else [path])
        ]
        named = [file for file in others if file is not None]
        return [*exports, *self.references, *self.settlement, *self.bank, *named]


class Report(NamedTuple):
    """A report that was written.

    Attributes:
        result: What it shows.
        workbook, page: Where its files are; no page: None.
        detail: full or findings.
    """

    result: Reconciliation
    workbook: Path
    page: Path | None
    detail: str


def make_report(
    options: ReportOptions,
    settings: Settings,
    out: Path,
    days: tuple[str | None, str | None],
    *,
    html: bool,
    replaces: Path,
) -> Report:
    """Reconcile the days, and write the report.

    Args:
        options: What to read, and how.
        settings: Environment, keys, sales units.
        out: The workbook to write.
        days: First and last local day; None: everything.
        html: Whether to write a page as well.
        replaces: The workbook that the new one replaces for its readers. If people worked in it, their
            entries are carried over.
    """
    from vippsrecon.cli import output
    from vippsrecon.output_files import DATA_SUFFIX, PAGE_SUFFIX, refuse_report_path
    from vippsrecon.report import write_html, write_workbook
    from vippsrecon.report.changes import compare_with_report
    from vippsrecon.report.detail import choose_detail
    from vippsrecon.workflow.reconcile_month import reconcile_month

    inputs = options.list_inputs(settings)
    refuse_report_path(out, inputs)
    _check_writable(out)
    page = out.with_suffix(PAGE_SUFFIX) if html else None
    if page is not None:
        refuse_report_path(page, inputs, suffix=PAGE_SUFFIX)
        _check_writable(page)
    earlier_report = _read_earlier_report(options.previous, replaces)
    result = reconcile_month(
        options.orders,
        settings,
        shop=options.shop,
        mapping=options.mapping,
        payments=options.payments,
        references=options.references,
        earlier=options.earlier,
        previous=earlier_report,
        ledger=options.ledger,
        settlement=options.settlement,
        bank=options.bank,
        bank_mapping=options.bank_mapping,
        cutoff=options.cutoff,
        first=days[0],
        last=days[1],
        as_of=options.as_of,
        exported_at=options.exported_at,
        keep=out.with_suffix(DATA_SUFFIX),
        record=True,
        language=options.language,
        progress=output.should_show_progress(options.json),
    )
    changes = None if earlier_report is None else compare_with_report(result, earlier_report)
    detail = choose_detail(result, options.detail)
    workbook = write_workbook(result, out, detail=detail, earlier=changes)
    if page is not None:
        write_html(result, page, workbook=workbook, earlier=changes)
    if changes is not None:
        result = changes.add_to(result)
    return Report(result, workbook, page, detail)


def build_report_json(report: Report) -> dict[str, Any]:
    """Return what `reconcile --json` prints of a report."""
    from vippsrecon.cli import output

    page = {} if report.page is None else {"page": str(report.page)}
    return output.build_reconciliation_json(report.result, str(report.workbook)) | page


def print_report(report: Report) -> None:
    """Print the summary, and where the files are."""
    from vippsrecon.output_files import DATA_SUFFIX
    from vippsrecon.report.terminal import format_other_files, format_summary

    print(format_summary(report.result, report.workbook))
    rows = report.workbook.with_suffix(DATA_SUFFIX) if report.detail == "findings" else None
    if others := format_other_files(report.result, page=report.page, rows=rows):
        print(others)


def print_warnings(result: Reconciliation, report: Path) -> None:
    """Print on standard error why there is no verdict, or what was found."""
    from vippsrecon.cli import output
    from vippsrecon.money import format_count
    from vippsrecon.report.terminal import format_result_line
    from vippsrecon.schemas.failure_effects import select_failures

    unanswered = select_failures(result.polars_frame("failures"), "unanswered")
    if len(unanswered):
        print_warning(
            f"INCOMPLETE: {format_count(len(unanswered), 'reference')} could not be read "
            f"({output.describe_most_common_reason(unanswered)}). There is no verdict. Run the command "
            "again."
        )
    gaps = ", and ".join(result.manifest.get("incomplete_because", ()))
    if gaps:
        print_warning(
            f"INCOMPLETE: {gaps}. There is no verdict. The report's cover says what to do."
        )
    if result.exit_code == 1:
        print_warning(format_result_line(result, report))


def _check_writable(out: Path) -> None:
    # File permissions do not show every obstacle: try before fetching, which can take minutes.
    existed = out.exists()
    with out.open("ab"):
        pass
    if not existed:
        out.unlink()


def _read_earlier_report(previous: Path | None, out: Path) -> ReviewedReport | None:
    """Read the report that was named, or the one that this run replaces if people worked in it."""
    from vippsrecon.errors import InputError
    from vippsrecon.report.excel.existing_report import has_manual_entries
    from vippsrecon.sources.reviewed_report.read import looks_like_report, read_reviewed_report

    if previous is not None:
        return read_reviewed_report(previous)
    if not (out.exists() and looks_like_report(out) and has_manual_entries(out)):
        return None
    try:
        return read_reviewed_report(out)
    except InputError as error:
        print_warning(f"Owners, decisions and notes are not carried over: {error}")
        return None
