"""Describe the verdict, period and completeness of a run in sentences, for a cover page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import format_with_local
from vippsrecon.reconciliation.result import format_period
from vippsrecon.report.names import (
    get_fetched_line_name,
    get_property_value,
    get_sheet_name,
    list_item_statuses,
)
from vippsrecon.texts import (
    count_of,
    format_money,
    format_number,
    format_share,
    list_section,
    say,
    translate_words,
)

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.daily_totals import SpanTotals
    from vippsrecon.report.figures import CurrencyTotals, ReportFigures
    from vippsrecon.report.totals.concentration import Concentration
    from vippsrecon.spreadsheet.table import SheetTable


def format_headline(reconciliation: Reconciliation, figures: ReportFigures) -> str:
    """Return the verdict in one or two sentences."""
    count = sum(totals.discrepancies for totals in figures.currency_totals)
    discrepancies = count_of("discrepancy", count)
    risk = format_at_risk(figures)
    rejected = say("headline.rejected", count=figures.rejects) if figures.rejects else ""
    if reconciliation.verdict == "incomplete":
        return say(
            "headline.incomplete_sentence",
            verdict=say("headline.incomplete"),
            gaps=_list_gaps(reconciliation, figures),
            discrepancies=discrepancies,
            risk=risk,
            rejected=rejected,
        )
    if reconciliation.verdict == "clean":
        differences = count_of("harmless_difference", count)
        return say(
            "headline.clean_sentence",
            verdict=say("headline.clean"),
            harmless=say("headline.harmless", differences=differences) if count else "",
            rejected=rejected,
        )
    uncompared = reconciliation.manifest.get("uncompared") or {}
    amounts = say("words.and").join(format_money(minor, code) for code, minor in uncompared.items())
    return say(
        "headline.discrepancies_sentence",
        verdict=discrepancies.upper(),
        risk=f"{risk[0].upper()}{risk[1:]}",
        not_compared=(say("headline.not_compared", amounts=amounts) if amounts else "")
        + _describe_units_without_ledger(reconciliation),
        rejected=rejected,
    )


def _describe_units_without_ledger(reconciliation: Reconciliation) -> str:
    """Name the sales units that were not compared with the ledger that was given; "" for none."""
    rows = reconciliation.manifest.get("units_without_ledger") or ()
    if reconciliation.manifest.get("ledger_not_compared"):
        return say("headline.ledger_not_compared")
    names = list(dict.fromkeys(row["msn"] for row in rows))
    if not names:
        return ""
    return say("headline.no_ledger", units=", ".join(names), count=len(names))


def _list_gaps(reconciliation: Reconciliation, figures: ReportFigures) -> str:
    """Return why the run is incomplete, as clauses of one sentence."""
    gaps = list(reconciliation.manifest.get("incomplete_because") or ())
    if figures.unread:
        gaps.insert(0, say("headline.unread", count=figures.unread))
    text = say("headline.and_gap").join(gaps) or say("headline.not_complete")
    return text[0].upper() + text[1:]


def describe_left_out_sheets(tables: Iterable[SheetTable]) -> tuple[str, ...]:
    """Return a sentence that says where the rows of left-out sheets are; none if all are there."""
    left_out = [table for table in tables if table.left_out]
    if not left_out:
        return ()
    *sheets, last = (table.sheet for table in left_out)
    return (
        say(
            "summary.sheets_left_out",
            sheets=say("words.and").join(filter(None, (", ".join(sheets), last))),
            rows=count_of("row", sum(table.data.height for table in left_out)),
            folder=left_out[0].overflow_file.partition("/")[0],
        ),
    )


def describe_change_rows(earlier_report: str) -> str:
    """Return what the rows of *What changed* are."""
    return say("about.changed", report=earlier_report)


def describe_open_items(currency: str, figures: ReportFigures) -> str:
    """Return how many open items of a currency have each status; "" if no earlier run is known."""
    totals = figures.select_open_items(currency)
    if not totals:
        return ""
    counts = ", ".join(
        say(
            "changes.sentences.one_count",
            count=each.rows,
            change=list_item_statuses()[each.status],
        )
        for each in totals
        if each.rows
    )
    at_risk = format_money(sum(each.at_risk_minor for each in totals), currency)
    return say("summary.open_items", counts=counts, amount=at_risk)


def describe_no_codes(currency: str, discrepant_orders: int) -> str:
    """Return why a currency has no discrepancy: there is none, or it is counted in another currency."""
    if not discrepant_orders:
        return say("summary.none_in", currency=currency)
    return say("summary.counted_elsewhere", currency=currency, count=discrepant_orders)


def describe_left_out_rows(
    shown: int, count: int, sheet: str, workbook: str = "", noun: str = "row"
) -> str:
    """Return how many rows a page shows and where all of them are; "" if it shows all.

    >>> describe_left_out_rows(1000, 1200, "discrepancies", "report.xlsx")
    'The first 1,000 of 1,200 rows. All of them: sheet Discrepancies of report.xlsx.'
    """
    if shown >= count:
        return ""
    return say(
        "summary.rows_left_out",
        shown=shown,
        all=count_of(noun, count),
        place=describe_place(sheet, workbook),
    )


def describe_place(sheet: str, workbook: str = "") -> str:
    """Return where to look in the workbook: "sheet Summary of report.xlsx"."""
    return say(
        "summary.place",
        sheet=get_sheet_name(sheet),
        workbook=workbook or say("summary.the_workbook"),
    )


def label_concentration(found: Concentration) -> str:
    """Return a code and where its rows are concentrated, as the label of a bar."""
    return f"{found.kind}: {get_property_value(found.name, found.value)}"


def describe_concentration(found: Concentration) -> str:
    """Return what most rows of a code have in common, with the share of all orders beside it."""
    return say(
        "summary.concentration",
        share=format_share(found.value_rows, found.rows),
        kind=found.kind,
        property=get_property_value(found.name, found.value),
        count=found.value_rows,
        rows=count_of("row", found.rows),
        currency=found.currency,
        of_all=format_share(found.value_orders, found.orders),
    )


def describe_more_sentences(count: int) -> str:
    """Return how many sentences a list leaves out; "" for none."""
    return say("summary.more_sentences", count=count) if count > 0 else ""


def describe_cut_axis(start: str) -> str:
    """Return that the bars of a chart begin at an amount, not at zero."""
    return say("summary.cut_axis", start=start)


def describe_day_chart(spans: Sequence[SpanTotals], currency: str) -> str:
    """Return what a chart of days or months shows, with its first and last."""
    key = "summary.by_day" if len(spans[0].label) > len("2026-10") else "summary.by_month"
    return say(key, currency=currency, first=spans[0].label, last=spans[-1].label)


def describe_bars(title: str, amounts: str) -> str:
    """Return what a bar chart shows, for those who do not see it."""
    return say("summary.bars", title=title, amounts=amounts)


def format_at_risk(figures: ReportFigures) -> str:
    """Return the amounts at risk, one per currency. Currencies are never added."""
    amounts = [
        format_money(totals.at_risk_minor, totals.currency)
        for totals in figures.currency_totals
        if totals.at_risk_minor
    ]
    if not amounts:
        return say("headline.nothing_at_risk")
    return say("headline.at_risk", amounts=say("words.and").join(amounts))


def format_moved_amount(leg: str, totals: CurrencyTotals, figures: ReportFigures) -> str:
    """Return the amount captured or refunded in one currency, as in the bridge.

    If the payments' own totals differ, they follow in brackets. They differ because of events after
    the cut-off time, or because a payment's totals disagree with its events.
    """
    bridge_total = figures.sum_bridge_leg(leg, totals.currency)
    fetched: int = getattr(totals, f"{leg}_minor")
    amount = format_money(bridge_total, totals.currency)
    if bridge_total == fetched:
        return amount
    as_fetched = format_money(fetched, totals.currency)
    return say("summary.as_fetched", amount=amount, fetched=as_fetched)


def explain_fetched_amounts(currency: str, figures: ReportFigures) -> str:
    """Return why amounts as fetched differ from the bridge's totals, or "" if they do not.

    The reasons are the bridge's lines from its totals to the payments' own totals.
    """
    lines = dict.fromkeys(
        line
        for leg in figures.legs
        if leg.currency == currency and leg.bridge_total_minor != leg.fetched_minor
        for line, minor, _ in leg.lines_to_fetched
        if minor
    )
    if not lines:
        return ""
    reasons = ", ".join(get_fetched_line_name(line) for line in lines)
    # With files of the money's way to the bank, the bridge has a sheet of its own.
    sheet = get_sheet_name("bridge" if figures.statement else "summary")
    return say("summary.difference_to_fetched", lines=reasons, sheet=sheet)


def describe_completeness(reconciliation: Reconciliation, figures: ReportFigures) -> str:
    """Return whether every reference was answered, in one or two sentences.

    Not found (Vipps MobilePay knows no such payment), not sent (no payment can have this reference)
    and not read (no answer came) are counted apart: only the last leaves a gap.
    """
    read = sum(totals.payments for totals in figures.currency_totals)
    counts = say(
        "completeness.counts", payments=count_of("payment", read), not_found=figures.not_found
    )
    if figures.not_sent:
        counts += say("completeness.not_sent", count=figures.not_sent)
    if figures.unread:
        return say("completeness.unread", count=figures.unread, counts=counts)
    if not reconciliation.complete:
        gaps = _list_gaps(reconciliation, figures)
        return say("completeness.gaps", counts=counts, gaps=gaps)
    return say("completeness.complete", counts=counts)


def describe_discovery(manifest: Mapping[str, Any]) -> str:
    """Return how the payments were found, and which payments may be missing."""
    counts = manifest.get("discovered_by") or {}
    names = list_section("discovery")
    parts = [
        f"{names.get(source, source)} {format_number(count)}"
        for source, count in counts.items()
        if count
    ]
    sources = say("completeness.found_through", sources=", ".join(parts)) if parts else ""
    if manifest.get("ledger_read", counts.get("ledger")):
        return sources + say("completeness.ledger_read")
    return sources + say("completeness.ledger_not_read")


def describe_period(manifest: Mapping[str, Any]) -> str:
    """Return period, sales units and environment in one line."""
    days = manifest.get("period")
    period = format_period(days) if days else say("period.none")
    units = [
        str(unit.get("msn", unit)) if isinstance(unit, Mapping) else str(unit)
        for unit in manifest.get("sales_units") or ()
    ]
    shown = ", ".join(units[:8])
    if len(units) > 8:
        shown += say("words.and_more", count=len(units) - 8)
    named = say("period.sales_units", count=len(units), units=shown) if units else ""
    parts = [period, named, str(manifest.get("environment") or "")]
    return "  ·  ".join(part for part in parts if part)


def describe_times(manifest: Mapping[str, Any]) -> str:
    """Return cut-off, fetch and export times in one line, in UTC and in the zone of the sales units."""
    zone = _find_zone(manifest)
    exports = sorted({str(at) for at in (manifest.get("exported_at") or {}).values()})
    shown = ", ".join(_format_time(translate_origin(at), zone) for at in exports[:3]) + (
        " …" if len(exports) > 3 else ""
    )
    parts = [
        ("period.as_of", manifest.get("as_of")),
        ("period.fetched", manifest.get("fetched_at")),
        ("period.exported", shown),
    ]
    return "  ·  ".join(say(key, at=_format_time(str(at), zone)) for key, at in parts if at)


def translate_origin(at: str) -> str:
    """Return an export time with its origin, such as "(file name)", in the current language."""
    time, bracket, origin = at.rstrip(")").partition(" (")
    return f"{time} ({translate_words('origins').get(origin, origin)})" if bracket else at


def _find_zone(manifest: Mapping[str, Any]) -> str | None:
    """Return the time zone of the run's sales units; None if they have several."""
    settings = (manifest.get("settings") or {}).get("sales_units") or ()
    units = {unit["msn"]: unit for unit in settings}
    zones = {
        SalesUnit(msn, unit.get("market"), unit.get("timezone")).zone
        for msn in map(str, manifest.get("sales_units") or ())
        for unit in [units.get(msn, {})]
    }
    return zones.pop() if len(zones) == 1 else None


def _format_time(at: str, zone: str | None) -> str:
    time, space, remark = at.partition(" (")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return at
    if moment.tzinfo:
        return format_with_local(moment, zone) + space + remark
    return moment.strftime("%Y-%m-%d %H:%M") + space + remark
