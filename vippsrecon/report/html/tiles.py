"""Render a Reconciliation as HTML for a notebook: tiles, and a table of the worst discrepancies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.display.html import (
    VERDICT_TONES,
    ColumnKind,
    HtmlView,
    Label,
    Link,
    TableColumn,
)
from vippsrecon.report import sentences
from vippsrecon.report.figures import get_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.money.verdicts import list_leg_heads
from vippsrecon.report.names import get_severity_name
from vippsrecon.texts import format_money, format_number, in_language_of_result, say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import CurrencyTotals, ReportFigures
    from vippsrecon.report.frames import ReportFrames

MAX_DISCREPANCIES_SHOWN = 10

_COLUMNS: tuple[tuple[str, ColumnKind], ...] = (
    ("severity", "code"),
    ("code", "code"),
    ("order", "text"),
    ("reference", "text"),
    ("expected", "number"),
    ("actual", "number"),
    ("at_risk", "number"),
    ("next_step", "sentence"),
)
"""Heading and kind of each column."""

_LEG_COLUMNS: tuple[ColumnKind, ...] = (
    "text", "code", "number", "number", "number", "number", "number"
)  # fmt: skip
"""Kind of each column of `list_leg_heads`."""


@in_language_of_result
def render_reconciliation(
    reconciliation: Reconciliation, rows: int = MAX_DISCREPANCIES_SHOWN
) -> str:
    """Return a Reconciliation as HTML: the tiles, then the worst `rows` discrepancies."""
    frames = build_report_frames(reconciliation)
    view = _build_summary(reconciliation, get_figures(reconciliation))
    if not frames.discrepancies.is_empty():
        _add_worst_discrepancies(view, frames, rows)
    return view.render()


@in_language_of_result
def render_summary_tiles(reconciliation: Reconciliation) -> str:
    """Return the verdict and one row of tiles per currency, as HTML."""
    figures = get_figures(reconciliation)
    return _build_summary(reconciliation, figures).render()


def _build_summary(reconciliation: Reconciliation, figures: ReportFigures) -> HtmlView:
    view = HtmlView(totals.currency for totals in figures.currency_totals)
    view.add_banner(
        sentences.format_headline(reconciliation, figures), VERDICT_TONES[reconciliation.verdict]
    )
    for notice in reconciliation.notices:
        view.add_notice(notice)
    for totals in figures.currency_totals:
        view.add_tiles((name, value, "") for name, value in list_main_figures(totals, figures))
        if open_items := sentences.describe_open_items(totals.currency, figures):
            view.add_sentence(open_items)
    _add_legs(view, figures)
    view.add_sentence(sentences.describe_completeness(reconciliation, figures))
    return view


def _add_legs(view: HtmlView, figures: ReportFigures) -> None:
    """Add one row for each comparison from the orders to the bank, if there is more than the first."""
    if not figures.verdicts:
        return
    rows: list[list[object]] = []
    for each in figures.verdicts:
        tone = VERDICT_TONES.get(each.verdict, "info")
        row: list[object] = [
            f"{each.name}, {each.currency}".rstrip(", "),
            Label(each.explanation, tone),
        ]
        if each.currency:
            counts = (each.agreed, each.expected_later, each.not_checked, each.discrepancies)
            at_risk = format_money(each.at_risk_minor, each.currency)
            row += [view.amounts.localize(text) for text in (*map(format_number, counts), at_risk)]
        rows.append(row + [None] * (len(_LEG_COLUMNS) - len(row)))
    heads = zip(list_leg_heads(), _LEG_COLUMNS, strict=True)
    view.add_table([TableColumn(head, kind) for head, kind in heads], rows)


def list_main_figures(totals: CurrencyTotals, figures: ReportFigures) -> list[tuple[str, str]]:
    """Return the main figures of a currency: name, and value as a sentence has it."""
    currency = totals.currency
    return [
        (say("table.orders"), format_number(totals.orders)),
        (say("table.order_total"), format_money(totals.ordered_minor, currency)),
        (say("table.captured"), sentences.format_moved_amount("captured", totals, figures)),
        (say("table.refunded"), sentences.format_moved_amount("refunded", totals, figures)),
        (say("table.discrepancies"), format_number(totals.discrepancies)),
        (say("table.at_risk"), format_money(totals.at_risk_minor, currency)),
    ]


def _add_worst_discrepancies(view: HtmlView, frames: ReportFrames, rows: int) -> None:
    discrepancies = frames.discrepancies
    view.add_table(
        [TableColumn(say(f"table.{heading}"), kind) for heading, kind in _COLUMNS],
        (_build_cells(row, view) for row in discrepancies.head(rows).iter_rows(named=True)),
        count=discrepancies.height,
        everything=".discrepancies",
    )


def _build_cells(row: dict[str, Any], view: HtmlView) -> list[object]:
    number, reference = row["order_number"], row["reference"]
    if number and row["order_url"]:
        number = Link(number, row["order_url"])
    if reference and row["portal_url"]:
        reference = Link(reference, row["portal_url"])
    amounts = (row[name] for name in ("expected_minor", "actual_minor", "at_risk_minor"))
    return [
        Label(get_severity_name(row["severity"]), row["severity"]),
        row["kind"],
        number,
        reference,
        *(
            None if minor is None else view.amounts.format(minor, row["currency"])
            for minor in amounts
        ),
        row["next_step"],
    ]
