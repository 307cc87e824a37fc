"""Format a Reconciliation as plain text for a terminal, narrow enough for an e-mail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.errors import printable
from vippsrecon.report import names, sentences
from vippsrecon.report.figures import get_figures
from vippsrecon.report.money.verdicts import list_leg_heads
from vippsrecon.texts import count_of, format_money, format_number, in_language_of_result, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import BucketTotals, CodeTotals, CurrencyTotals, ReportFigures
    from vippsrecon.report.money.verdicts import LegVerdict


@in_language_of_result
def format_summary(reconciliation: Reconciliation, report: str | Path | None = None) -> str:
    """Return a Reconciliation as one page of plain text.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned.
        report: Path of the workbook, for the last line; None for no such line.

    Returns:
        The verdict; figures, codes and outcomes of each currency; whether the data is complete.
        Amounts in major units with their currency. No colour, no newline at the end.
    """
    figures = get_figures(reconciliation)
    lines = [
        sentences.format_headline(reconciliation, figures),
        sentences.describe_period(reconciliation.manifest),
        *(f"! {notice}" for notice in reconciliation.notices),
    ]
    if figures.verdicts:
        lines += ["", *_format_legs(figures.verdicts)]
    for totals in figures.currency_totals:
        lines += ["", *_format_currency_block(totals, figures)]
    lines += [
        "",
        sentences.describe_completeness(reconciliation, figures),
        sentences.describe_discovery(reconciliation.manifest),
        say("about.limit"),
        *figures.ledgers,
    ]
    if report is not None:
        lines += ["", say("terminal.report", path=printable(str(report)))]
    return "\n".join(lines)


@in_language_of_result
def format_other_files(
    reconciliation: Reconciliation,
    *,
    page: str | Path | None = None,
    rows: str | Path | None = None,
) -> str:
    """Return the lines with the paths of the files beside the workbook.

    Args:
        reconciliation: What the files report.
        page: Path of the page; None for no such line.
        rows: Folder with the rows that a report of findings leaves out; None for no such line.
    """
    paths = {"page": page, "other_rows": rows}
    return "\n".join(
        say(f"terminal.{name}", path=printable(str(path)))
        for name, path in paths.items()
        if path is not None
    )


@in_language_of_result
def format_result_line(reconciliation: Reconciliation, report: str | Path) -> str:
    """Return the headline and the path of the workbook in one line, for a log or a mail of cron."""
    figures = get_figures(reconciliation)
    headline = sentences.format_headline(reconciliation, figures)
    return f"{headline} {say('terminal.report', path=printable(str(report)))}"


def _format_currency_block(totals: CurrencyTotals, figures: ReportFigures) -> Iterable[str]:
    currency = totals.currency
    yield say(
        "terminal.block",
        currency=currency,
        orders=count_of("order", totals.orders),
        ordered=format_money(totals.ordered_minor, currency),
        payments=count_of("payment", totals.payments),
        captured=sentences.format_moved_amount("captured", totals, figures),
        refunded=sentences.format_moved_amount("refunded", totals, figures),
    )
    if explanation := sentences.explain_fetched_amounts(currency, figures):
        yield explanation
    if open_items := sentences.describe_open_items(currency, figures):
        yield open_items
    codes = figures.select_codes(currency)
    if codes:
        yield ""
        yield from _align_columns(
            _list_heads("code", "worst", "rows", "at_risk"),
            [_format_code_row(code) for code in codes],
            left=(0, 1),
        )
    buckets = figures.select_buckets(currency)
    if buckets:
        yield ""
        yield from _align_columns(
            _list_heads("outcome", "orders", "payments", "captured"),
            _format_bucket_rows(buckets, currency),
        )


def _format_legs(verdicts: Sequence[LegVerdict]) -> Iterable[str]:
    name, verdict, agreed, later, _, discrepancies, at_risk = list_leg_heads()
    rows = [
        (
            f"{each.name}, {each.currency}".rstrip(", "),
            each.verdict_words,
            *(
                format_number(figure) if each.currency else ""
                for figure in (each.agreed, each.expected_later, each.discrepancies)
            ),
            format_money(each.at_risk_minor, each.currency) if each.currency else "",
        )
        for each in verdicts
    ]
    return _align_columns((name, verdict, agreed, later, discrepancies, at_risk), rows, (0, 1))


def _format_code_row(code: CodeTotals) -> tuple[str, ...]:
    return (
        code.kind,
        names.get_severity_name(code.severity),
        format_number(code.rows),
        format_money(code.at_risk_minor, code.currency),
    )


def _format_bucket_rows(buckets: Sequence[BucketTotals], currency: str) -> list[tuple[str, ...]]:
    sums: dict[str, list[int]] = {}
    for bucket in buckets:
        name = say(f"terminal.{bucket.bucket or 'outside_period'}")
        row = sums.setdefault(name, [0, 0, 0])
        for place, figure in enumerate((bucket.orders, bucket.payments, bucket.captured_minor)):
            row[place] += figure
    return [
        (
            name,
            format_number(orders),
            format_number(payments),
            format_money(captured, currency),
        )
        for name, (orders, payments, captured) in sums.items()
    ]


def _list_heads(*names_of_columns: str) -> tuple[str, ...]:
    return tuple(say(f"terminal.{name}") for name in names_of_columns)


def _align_columns(
    head: tuple[str, ...], rows: list[tuple[str, ...]], left: tuple[int, ...] = (0,)
) -> Iterable[str]:
    """Yield rows as aligned lines: the columns in `left` to the left, figures to the right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        cells = [
            text.ljust(width) if place in left else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
