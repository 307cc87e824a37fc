"""Describe the verdict, period and completeness of a run in sentences, for a cover page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from vippsrecon.errors import InputError
from vippsrecon.money import format_amount, format_count, group_thousands
from vippsrecon.reconciliation.result import format_period
from vippsrecon.report.names import ITEM_STATUS_NAMES, LINE_TO_FETCHED_NAMES, PROPERTY_NAMES

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.daily_totals import SpanTotals
    from vippsrecon.report.figures import CurrencyTotals, ReportFigures
    from vippsrecon.report.totals.concentration import Concentration
    from vippsrecon.spreadsheet.table import SheetTable

_DISCOVERY_NAMES = {
    "orders": "the orders",
    "ledger": "the funds ledger",
    "earlier_run": "earlier runs",
    "references": "lists of references",
}


def format_headline(reconciliation: Reconciliation, figures: ReportFigures) -> str:
    """Return the verdict in one or two sentences."""
    count = sum(totals.discrepancies for totals in figures.currency_totals)
    discrepancies = format_count(count, "discrepancy", "discrepancies")
    risk = format_at_risk(figures)
    rejected = f" {format_count(figures.rejects, 'input row')} rejected." if figures.rejects else ""
    if reconciliation.verdict == "incomplete":
        return (
            f"INCOMPLETE. {_list_gaps(reconciliation, figures)}, so there is no verdict yet. "
            f"So far: {discrepancies}, {risk}.{rejected}"
        )
    if reconciliation.verdict == "clean":
        harmless = f" {format_count(count, 'harmless difference')}." if count else ""
        return f"CLEAN. Orders and payments agree.{harmless}{rejected}"
    uncompared = reconciliation.manifest.get("uncompared") or {}
    amounts = " and ".join(format_money(minor, code) for code, minor in uncompared.items())
    not_compared = f" {amounts} captured was not compared." if amounts else ""
    return f"{discrepancies.upper()}. {risk[0].upper()}{risk[1:]}.{not_compared}{rejected}"


def _list_gaps(reconciliation: Reconciliation, figures: ReportFigures) -> str:
    """Return why the run is incomplete, as clauses of one sentence."""
    gaps = list(reconciliation.manifest.get("incomplete_because") or ())
    if figures.unread:
        gaps.insert(0, f"{format_count(figures.unread, 'payment')} could not be read")
    text = ", and ".join(gaps) or "the data is not complete"
    return text[0].upper() + text[1:]


def describe_left_out_sheets(tables: Iterable[SheetTable]) -> tuple[str, ...]:
    """Return a sentence that says where the rows of left-out sheets are; none if all are there."""
    left_out = [table for table in tables if table.left_out]
    if not left_out:
        return ()
    *sheets, last = (table.sheet for table in left_out)
    folder = left_out[0].overflow_file.partition("/")[0]
    count = format_count(sum(table.data.height for table in left_out), "row")
    return (
        f"This workbook contains the findings. The sheets {', '.join(sheets)} and {last} are left "
        f"out: their {count} are in the folder {folder} (files and hashes: sheet Controls).",
    )


def describe_change_rows(earlier_report: str) -> str:
    """Return what the rows of *What changed* are."""
    return f"One row per discrepancy of this report or of the earlier one, {earlier_report}."


def describe_open_items(currency: str, figures: ReportFigures) -> str:
    """Return how many open items of a currency have each status; "" if no earlier run is known."""
    totals = figures.select_open_items(currency)
    if not totals:
        return ""
    counts = ", ".join(
        f"{group_thousands(each.rows)} {ITEM_STATUS_NAMES[each.status]}"
        for each in totals
        if each.rows
    )
    at_risk = format_money(sum(each.at_risk_minor for each in totals), currency)
    return f"Open items: {counts}; {at_risk} at risk."


def describe_no_codes(currency: str, discrepant_orders: int) -> str:
    """Return why a currency has no discrepancy: there is none, or it is counted in another currency."""
    if not discrepant_orders:
        return f"None in {currency}."
    return (
        f"No row is counted in {currency}. {format_count(discrepant_orders, 'order')} in {currency} "
        f"{'has its' if discrepant_orders == 1 else 'have their'} payment in another currency: see the "
        "code currency_mismatch in that currency."
    )


def describe_left_out_rows(
    shown: int, count: int, sheet: str, workbook: str = "", noun: str = "row"
) -> str:
    """Return how many rows a page shows and where all of them are; "" if it shows all.

    >>> describe_left_out_rows(1000, 1200, "Discrepancies", "report.xlsx")
    'The first 1 000 of 1 200 rows. All of them: sheet Discrepancies of report.xlsx.'
    """
    if shown >= count:
        return ""
    return (
        f"The first {group_thousands(shown)} of {format_count(count, noun)}. All of them: "
        f"{describe_place(sheet, workbook)}."
    )


def describe_place(sheet: str, workbook: str = "") -> str:
    """Return where to look in the workbook: "sheet Summary of report.xlsx"."""
    return f"sheet {sheet} of {workbook or 'the workbook'}"


def format_share(part: int, whole: int) -> str:
    """Return a share of a total.

    >>> format_share(1, 3), format_share(0, 0)
    ('33.3%', '0.0%')
    """
    return f"{Decimal(part) / whole if whole else Decimal(0):.1%}"


def label_concentration(found: Concentration) -> str:
    """Return a code and where its rows are concentrated, as the label of a bar."""
    return f"{found.kind}: {PROPERTY_NAMES[found.name]} {found.value}"


def describe_concentration(found: Concentration) -> str:
    """Return what most rows of a code have in common, with the share of all orders beside it."""
    share = format_share(found.value_rows, found.rows)
    of_all = format_share(found.value_orders, found.orders)
    return (
        f"{share} of {found.kind} are {PROPERTY_NAMES[found.name]} {found.value} "
        f"({group_thousands(found.value_rows)} of {format_count(found.rows, 'row')}); of all orders "
        f"in {found.currency} it is {of_all}."
    )


def describe_more_sentences(count: int) -> str:
    """Return how many sentences a list leaves out; "" for none."""
    return f"… and {group_thousands(count)} more, of codes with fewer rows." if count > 0 else ""


def describe_cut_axis(start: str) -> str:
    """Return that the bars of a chart begin at an amount, not at zero."""
    return f"The bars begin at {start}, so that the steps can be seen."


def describe_day_chart(spans: Sequence[SpanTotals], currency: str) -> str:
    """Return what a chart of days or months shows, with its first and last."""
    unit = "day" if len(spans[0].label) > len("2026-10") else "month"
    return (
        f"Captured and refunded by {unit}, {currency}: events as fetched, {spans[0].label} to "
        f"{spans[-1].label}"
    )


def format_at_risk(figures: ReportFigures) -> str:
    """Return the amounts at risk, one per currency. Currencies are never added."""
    amounts = [
        format_money(totals.at_risk_minor, totals.currency)
        for totals in figures.currency_totals
        if totals.at_risk_minor
    ]
    return f"{' and '.join(amounts)} at risk" if amounts else "nothing at risk"


def format_money(minor: int, currency: str) -> str:
    """Return an amount for a sentence, also in a currency that Vipps MobilePay does not use.

    >>> format_money(123450, "NOK"), format_money(5, "XTS")
    ('1 234.50 NOK', '0.05 XTS')
    """
    try:
        return format_amount(minor, currency)
    except InputError:
        return format_amount(minor, "NOK")[: -len("NOK")] + currency


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
    return f"{amount} ({format_money(fetched, totals.currency)} as fetched)"


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
    reasons = ", ".join(LINE_TO_FETCHED_NAMES[line] for line in lines)
    return (
        f"For the difference to the amounts as fetched, see the bridge on sheet Summary: {reasons}."
    )


def describe_completeness(reconciliation: Reconciliation, figures: ReportFigures) -> str:
    """Return whether every reference was answered, in one or two sentences.

    Not found (Vipps MobilePay knows no such payment), not sent (no payment can have this reference)
    and not read (no answer came) are counted apart: only the last leaves a gap.
    """
    read = sum(totals.payments for totals in figures.currency_totals)
    counts = f"{format_count(read, 'payment')} read, {group_thousands(figures.not_found)} not found"
    if figures.not_sent:
        counts += (
            f", {group_thousands(figures.not_sent)} not sent (they cannot be payment references; see "
            "sheet Rejects and failures)"
        )
    if figures.unread:
        return (
            f"Not complete: {format_count(figures.unread, 'reference')} not read (see sheet Rejects "
            f"and failures); {counts}. Run the command again: it fetches only what is missing."
        )
    if not reconciliation.complete:
        return (
            f"Not complete: {counts}. {_list_gaps(reconciliation, figures)}. The notices say what to "
            "do."
        )
    return f"Complete: every reference asked for was answered, {counts}."


def describe_discovery(manifest: Mapping[str, Any]) -> str:
    """Return how the payments were found, and which payments may be missing."""
    counts = manifest.get("discovered_by") or {}
    parts = [
        f"{_DISCOVERY_NAMES.get(source, source)} {group_thousands(count)}"
        for source, count in counts.items()
        if count
    ]
    sources = f"Payments found through {', '.join(parts)}. " if parts else ""
    if manifest.get("ledger_read", counts.get("ledger")):
        return sources + "The funds ledger was read, so captures unknown to the shop are included."
    return sources + (
        "The funds ledger was not read, so a capture unknown to the shop is included only if its "
        "reference was given."
    )


def describe_period(manifest: Mapping[str, Any]) -> str:
    """Return period, sales units and environment in one line."""
    days = manifest.get("period")
    period = format_period(days) if days else "All payments, no period chosen"
    units = [
        str(unit.get("msn", unit)) if isinstance(unit, Mapping) else str(unit)
        for unit in manifest.get("sales_units") or ()
    ]
    shown = ", ".join(units[:8]) + (f" and {len(units) - 8} more" if len(units) > 8 else "")
    noun = "sales unit" if len(units) == 1 else "sales units"
    parts = [period, f"{noun} {shown}" if units else "", str(manifest.get("environment") or "")]
    return "  ·  ".join(part for part in parts if part)


def describe_times(manifest: Mapping[str, Any]) -> str:
    """Return cut-off, fetch and export times in one line. All are UTC."""
    exports = sorted({str(at) for at in (manifest.get("exported_at") or {}).values()})
    parts = [
        ("As of", manifest.get("as_of")),
        ("fetched", manifest.get("fetched_at")),
        (
            "orders exported",
            ", ".join(_format_time(at) for at in exports[:3]) + (" …" if len(exports) > 3 else ""),
        ),
    ]
    return "  ·  ".join(f"{label} {_format_time(str(at))}" for label, at in parts if at)


def _format_time(at: str) -> str:
    # An export time is followed by its origin in brackets, such as "(file name)".
    time, space, remark = at.partition(" (")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return at
    zone = " UTC" if moment.tzinfo else ""
    return moment.strftime("%Y-%m-%d %H:%M") + zone + space + remark
