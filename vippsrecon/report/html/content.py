"""Choose what the page shows, and how many rows of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.display.amounts import AmountFormat
from vippsrecon.display.html import VERDICT_TONES
from vippsrecon.report import names, sentences
from vippsrecon.report.columns import list_headings
from vippsrecon.report.daily_totals import sum_by_day
from vippsrecon.report.excel.tables import format_group_notes
from vippsrecon.report.figures import compute_figures, get_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.html.charts import (
    Bar,
    DayChart,
    Waterfall,
    build_at_risk_bars,
    build_concentration_bars,
    build_day_chart,
    build_reservation_bars,
    build_total_bars,
    build_waterfall,
)
from vippsrecon.report.html.row_sections import MAX_ROWS, build_row_sections
from vippsrecon.report.html.tiles import list_main_figures
from vippsrecon.report.money.statement import MONEY_LEGS
from vippsrecon.report.money.verdicts import list_leg_heads
from vippsrecon.report.run_facts import list_input_files, list_run_facts, list_setting_groups
from vippsrecon.texts import format_share, get_language, say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.changes import ReportChanges
    from vippsrecon.report.daily_totals import SpanTotals
    from vippsrecon.report.figures import (
        BridgeLeg,
        BucketTotals,
        CodeTotals,
        CurrencyTotals,
        ReportFigures,
    )
    from vippsrecon.report.totals.ages import AgeTotals, DecisionTotals
    from vippsrecon.report.totals.open_items import ItemTotals
    from vippsrecon.report.totals.reservations import ReservationTotals

MAX_LEGS = 40
"""Two for each sales unit and currency."""

MAX_NOTICES = 100
MAX_GROUPS = 20
MAX_CONCENTRATIONS = 20


class ShareLine(NamedTuple):
    """A line of a table of amounts of one currency. Minor units."""

    label: str
    rows: int
    minor: int
    bar: Bar


class CurrencyBlock(NamedTuple):
    """What the summary shows of one currency."""

    currency: str
    totals: CurrencyTotals
    open_items: tuple[ItemTotals, ...]
    tiles: list[tuple[str, str, str]]
    explanation: str
    codes: list[tuple[CodeTotals, Bar]]
    no_codes: str
    ages: list[ShareLine]
    decisions: list[ShareLine]
    buckets: tuple[BucketTotals, ...]
    reservations: list[ShareLine]
    days: DayChart | None
    days_caption: str


class LegBlock(NamedTuple):
    """One leg of the bridge of one sales unit and currency."""

    leg: BridgeLeg
    heading: str
    total_name: str
    waterfall: Waterfall
    axis: str


def build_content(
    reconciliation: Reconciliation, workbook: str, changes: ReportChanges | None = None
) -> dict[str, Any]:
    """Return the variables of the template.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned.
        workbook: Name of the workbook in which the rows are that the page leaves out.
        changes: What changed since an earlier report, which is already among the inputs.
    """
    frames = build_report_frames(reconciliation)
    figures = compute_figures(frames, changes.entries) if changes else get_figures(reconciliation)
    manifest = reconciliation.manifest
    amounts = AmountFormat(figures.currencies, by_market=False)
    headline, _, rest = sentences.format_headline(reconciliation, figures).partition(". ")
    return {
        "amounts": amounts,
        "names": names,
        "code_title": names.get_code_title,
        "line_name": names.get_line_name,
        "format_share": format_share,
        "language": get_language(),
        "headings": list_headings("discrepancies"),
        "pair_headings": list_headings("timing"),
        "item_headings": list_headings("open_items"),
        "change_headings": list_headings("changed"),
        "restated_headings": list_headings("restatement"),
        "reject_headings": list_headings("rejects"),
        "format_tick": lambda minor, currency: _format_tick(amounts, minor, currency),
        "title": names.get_heading("report"),
        "period": sentences.describe_period(manifest),
        "times": sentences.describe_times(manifest),
        "headline": (f"{headline.removesuffix('.')}.", rest),
        "tone": VERDICT_TONES[reconciliation.verdict],
        "completeness": (
            sentences.describe_completeness(reconciliation, figures),
            sentences.describe_discovery(manifest),
            say("about.limit"),
            *figures.ledgers,
        ),
        "notices": reconciliation.notices[:MAX_NOTICES],
        "notices_left_out": sentences.describe_left_out_rows(
            MAX_NOTICES, len(reconciliation.notices), "summary", workbook, "notice"
        ),
        "leg_verdicts": figures.verdicts,
        "leg_heads": list_leg_heads(),
        "statement": [block for block in figures.statement if block.leg in MONEY_LEGS][:MAX_LEGS],
        "currencies": _build_currency_blocks(figures, sum_by_day(frames.events, manifest)),
        "groups": format_group_notes(
            figures, MAX_GROUPS, sentences.describe_place("summary", workbook)
        ),
        "concentrations": [
            (found, sentences.describe_concentration(found), *build_concentration_bars(found))
            for found in figures.concentrations[:MAX_CONCENTRATIONS]
        ],
        "concentrations_left_out": sentences.describe_more_sentences(
            len(figures.concentrations) - MAX_CONCENTRATIONS
        ),
        **_build_bridge(figures, amounts, workbook),
        **build_row_sections(frames, workbook, changes),
        **_build_controls(reconciliation, workbook),
    }


def _format_tick(amounts: AmountFormat, minor: int, currency: str) -> str:
    """Return an amount without decimals if they are zero: "50 000 kr"."""
    return re.sub(r"[.,]00(?!\d)", "", amounts.format(abs(minor), currency))


def _build_currency_blocks(
    figures: ReportFigures, days: Mapping[str, tuple[SpanTotals, ...]]
) -> list[CurrencyBlock]:
    blocks = []
    for totals in figures.currency_totals:
        currency = totals.currency
        codes = figures.select_codes(currency)
        buckets = figures.select_buckets(currency)
        discrepant = sum(each.orders for each in buckets if each.bucket == "discrepancy")
        spans = days.get(currency, ())
        blocks.append(
            CurrencyBlock(
                currency,
                totals,
                figures.select_open_items(currency),
                [_split_remark(*figure) for figure in list_main_figures(totals, figures)],
                sentences.explain_fetched_amounts(currency, figures),
                list(zip(codes, build_at_risk_bars(codes), strict=True)),
                sentences.describe_no_codes(currency, discrepant),
                _list_ages(figures.select_ages(currency)),
                _list_decisions(figures.select_decisions(currency)),
                buckets,
                _list_reservations(figures.select_reservations(currency)),
                build_day_chart(spans) if spans else None,
                sentences.describe_day_chart(spans, currency) if spans else "",
            )
        )
    return blocks


def _list_ages(ages: Sequence[AgeTotals]) -> list[ShareLine]:
    return [
        ShareLine(names.describe_age(age.from_days, age.to_days), age.rows, age.at_risk_minor, bar)
        for age, bar in zip(ages, build_total_bars(ages), strict=True)
    ]


def _list_decisions(decisions: Sequence[DecisionTotals]) -> list[ShareLine]:
    return [
        ShareLine(names.describe_decision(decided=each.decided), each.rows, each.at_risk_minor, bar)
        for each, bar in zip(decisions, build_total_bars(decisions), strict=True)
    ]


def _list_reservations(reservations: Sequence[ReservationTotals]) -> list[ShareLine]:
    return [
        ShareLine(
            names.describe_days_left(each.from_days, each.to_days),
            each.payments,
            each.reserved_minor,
            bar,
        )
        for each, bar in zip(reservations, build_reservation_bars(reservations), strict=True)
    ]


def _split_remark(name: str, value: str) -> tuple[str, str, str]:
    """Return a figure with what its value has in brackets as a remark of its own."""
    value, bracket, remark = value.partition(" (")
    return name, value, f"({remark}" if bracket else ""


def _build_bridge(figures: ReportFigures, amounts: AmountFormat, workbook: str) -> dict[str, Any]:
    shown = figures.legs[:MAX_LEGS]
    blocks = []
    for leg in shown:
        heading, total_name = names.get_leg_names(leg.leg)
        waterfall = build_waterfall(leg)
        axis = sentences.describe_cut_axis(
            _format_tick(amounts, waterfall.start_minor, leg.currency)
        )
        blocks.append(LegBlock(leg, heading, total_name, waterfall, axis))
    present = {line for leg in shown for line, _, _ in leg.lines}
    return {
        "legs": blocks,
        "legs_left_out": sentences.describe_left_out_rows(
            len(shown), len(figures.legs), "summary", workbook
        ),
        "places": [
            (names.get_line_name(line), place)
            for line, place in names.list_line_places().items()
            if line in present
        ],
    }


def _build_controls(reconciliation: Reconciliation, workbook: str) -> dict[str, Any]:
    facts = list_run_facts(reconciliation)
    inputs = list_input_files(reconciliation.manifest)
    groups = [group for group in list_setting_groups(reconciliation.manifest) if group[1]]
    count = sum(len(rows) for _, rows in groups)
    shown, room = [], MAX_ROWS
    for title, rows in groups:
        shown.append((title, rows[:room]))
        room -= len(rows[:room])
    return {
        "run_facts": facts[:MAX_ROWS],
        "run_facts_left_out": sentences.describe_left_out_rows(
            len(facts[:MAX_ROWS]), len(facts), "controls", workbook
        ),
        "inputs": inputs[:MAX_ROWS],
        "inputs_left_out": sentences.describe_left_out_rows(
            len(inputs[:MAX_ROWS]), len(inputs), "controls", workbook
        ),
        "settings": [(title, rows) for title, rows in shown if rows],
        "settings_left_out": sentences.describe_left_out_rows(
            min(count, MAX_ROWS), count, "controls", workbook
        ),
    }
