"""Format a Reconciliation as plain text for a terminal, narrow enough for an e-mail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.errors import printable
from vippsrecon.money import format_count, group_thousands
from vippsrecon.report import names, sentences
from vippsrecon.report.figures import compute_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.sentences import format_money

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import BucketTotals, CodeTotals, CurrencyTotals, ReportFigures


def format_summary(reconciliation: Reconciliation, report: str | Path | None = None) -> str:
    """Return a Reconciliation as one page of plain text.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned.
        report: Path of the workbook, for the last line; None for no such line.

    Returns:
        The verdict; figures, codes and outcomes of each currency; whether the data is complete.
        Amounts in major units with their currency. No colour, no newline at the end.
    """
    figures = compute_figures(build_report_frames(reconciliation))
    lines = [
        sentences.format_headline(reconciliation, figures),
        sentences.describe_period(reconciliation.manifest),
        *(f"! {notice}" for notice in reconciliation.notices),
    ]
    for totals in figures.currency_totals:
        lines += ["", *_format_currency_block(totals, figures)]
    lines += [
        "",
        sentences.describe_completeness(reconciliation, figures),
        sentences.describe_discovery(reconciliation.manifest),
        names.BLIND_SPOT,
    ]
    if report is not None:
        lines += ["", f"Report: {printable(str(report))}"]
    return "\n".join(lines)


def format_result_line(reconciliation: Reconciliation, report: str | Path) -> str:
    """Return the headline and the path of the workbook in one line, for a log or a mail of cron."""
    figures = compute_figures(build_report_frames(reconciliation))
    headline = sentences.format_headline(reconciliation, figures)
    return f"{headline} Report: {printable(str(report))}"


def _format_currency_block(totals: CurrencyTotals, figures: ReportFigures) -> Iterable[str]:
    currency = totals.currency
    yield (
        f"{currency}: {format_count(totals.orders, 'order')} over "
        f"{format_money(totals.ordered_minor, currency)}, "
        f"{format_count(totals.payments, 'payment')}, captured "
        f"{sentences.format_moved_amount('captured', totals, figures)}, refunded "
        f"{sentences.format_moved_amount('refunded', totals, figures)}"
    )
    if explanation := sentences.explain_fetched_amounts(currency, figures):
        yield explanation
    if open_items := sentences.describe_open_items(currency, figures):
        yield open_items
    codes = figures.select_codes(currency)
    if codes:
        yield ""
        yield from _align_columns(
            ("code", "worst", "rows", "at risk"), [_format_code_row(code) for code in codes]
        )
    buckets = figures.select_buckets(currency)
    if buckets:
        yield ""
        yield from _align_columns(
            ("outcome", "orders", "payments", "captured as fetched"),
            _format_bucket_rows(buckets, currency),
        )


def _format_code_row(code: CodeTotals) -> tuple[str, ...]:
    return (
        code.kind,
        code.severity,
        group_thousands(code.rows),
        format_money(code.at_risk_minor, code.currency),
    )


def _format_bucket_rows(buckets: Sequence[BucketTotals], currency: str) -> list[tuple[str, ...]]:
    sums: dict[str, list[int]] = {}
    for bucket in buckets:
        name = bucket.bucket.replace("_", " ") or "outside the period"
        row = sums.setdefault(name, [0, 0, 0])
        for place, figure in enumerate((bucket.orders, bucket.payments, bucket.captured_minor)):
            row[place] += figure
    return [
        (
            name,
            group_thousands(orders),
            group_thousands(payments),
            format_money(captured, currency),
        )
        for name, (orders, payments, captured) in sums.items()
    ]


def _align_columns(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Yield rows as aligned lines: first column and severities left, figures right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        cells = [
            text.ljust(width) if place == 0 or head[place] == "worst" else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
