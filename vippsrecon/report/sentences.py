"""The verdict, the period and the completeness of a run, in sentences for a cover."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vippsrecon.errors import InputError
from vippsrecon.money import format_amount, format_count
from vippsrecon.reconciliation.result import format_period
from vippsrecon.report.names import format_number

if TYPE_CHECKING:
    from vippsrecon.report.figures import CurrencyTotals, ReportFigures
    from vippsrecon.report.frames import ReportInput

_DISCOVERY_NAMES = {
    "orders": "the orders",
    "ledger": "the funds ledger",
    "earlier_run": "earlier runs",
    "references": "lists of references",
}


def format_headline(reconciliation: ReportInput, figures: ReportFigures) -> str:
    """Return the verdict in a sentence or two."""
    found = sum(glance.discrepancies for glance in figures.currency_totals)
    counted_found = format_count(found, "discrepancy", "discrepancies")
    risk = format_at_risk(figures)
    rejected = f" {format_count(figures.rejects, 'input row')} rejected." if figures.rejects else ""
    if reconciliation.verdict == "incomplete":
        hole = (
            f"{format_count(figures.unread, 'payment')} could not be read"
            if figures.unread
            else "The data is not whole"
        )
        return (
            f"INCOMPLETE. {hole}, so no verdict can be given until the run is repeated. "
            f"So far: {counted_found}, {risk}.{rejected}"
        )
    if reconciliation.verdict == "clean":
        harmless = f" {format_count(found, 'harmless difference')} noted." if found else ""
        return f"CLEAN. Orders and payments agree.{harmless}{rejected}"
    return f"{counted_found.upper()}. {risk[0].upper()}{risk[1:]}.{rejected}"


def format_at_risk(figures: ReportFigures) -> str:
    """Return what is at risk, one amount per currency, never their sum."""
    amounts = [
        format_money(glance.at_risk_minor, glance.currency)
        for glance in figures.currency_totals
        if glance.at_risk_minor
    ]
    return f"{' and '.join(amounts)} at risk" if amounts else "nothing at risk"


def format_money(minor: int, currency: str) -> str:
    """Return an amount for a sentence, also in a currency Vipps MobilePay does not list.

    >>> format_money(123450, "NOK"), format_money(5, "XTS")
    ('1 234.50 NOK', '0.05 XTS')
    """
    try:
        return format_amount(minor, currency)
    except InputError:
        return format_amount(minor, "NOK")[: -len("NOK")] + currency


def format_moved_amount(leg: str, glance: CurrencyTotals, figures: ReportFigures) -> str:
    """Return what was captured or refunded in one currency, as the bridge has it.

    What the payments' own totals say stands behind it where they say otherwise: events after
    the moment compared at, or totals that disagree with their events.
    """
    foot = figures.sum_bridge_leg(leg, glance.currency)
    fetched: int = getattr(glance, f"{leg}_minor")
    said = format_money(foot, glance.currency)
    return (
        said if foot == fetched else f"{said} ({format_money(fetched, glance.currency)} as fetched)"
    )


def describe_completeness(reconciliation: ReportInput, figures: ReportFigures) -> str:
    """Return whether every reference asked for was answered."""
    read = sum(glance.payments for glance in figures.currency_totals)
    if figures.unread:
        return (
            f"Not complete: {format_count(figures.unread, 'reference')} could not be read "
            f"(sheet Rejects and failures), {format_count(read, 'payment')} could. Run it again: what "
            "is there already is not asked for twice."
        )
    if not reconciliation.complete:
        return (
            f"Not complete: {format_count(read, 'payment')} read, but the funds ledger could not be, so "
            "payments the shop does not know of may be missing. Run it again later."
        )
    return (
        f"Complete: every reference asked for was answered, {format_count(read, 'payment')} read, "
        "0 references failed."
    )


def describe_discovery(manifest: Mapping[str, Any]) -> str:
    """Return how the payments were found, and what that leaves open."""
    counts = manifest.get("discovered_by") or {}
    parts = [
        f"{_DISCOVERY_NAMES.get(how, how)} {format_number(n)}" for how, n in counts.items() if n
    ]
    found = f"Payments found through {', '.join(parts)}. " if parts else ""
    if manifest.get("ledger_read", counts.get("ledger")):
        return found + "The funds ledger was walked, so captures unknown to the shop are here."
    return found + (
        "The funds ledger was not read, so a capture unknown to the shop is found only where its "
        "reference was asked for."
    )


def describe_period(manifest: Mapping[str, Any]) -> str:
    """Return period, sales units and environment in one line."""
    days = manifest.get("period")
    said = format_period(days) if days else "All payments handed in, no period chosen"
    units = [
        str(unit.get("msn", unit)) if isinstance(unit, Mapping) else str(unit)
        for unit in manifest.get("sales_units") or ()
    ]
    shown = ", ".join(units[:8]) + (f" and {len(units) - 8} more" if len(units) > 8 else "")
    noun = "sales unit" if len(units) == 1 else "sales units"
    parts = [said, f"{noun} {shown}" if units else "", str(manifest.get("environment") or "")]
    return "  ·  ".join(part for part in parts if part)


def describe_times(manifest: Mapping[str, Any]) -> str:
    """Return the moments compared at, in one line. All are UTC."""
    exports = sorted({str(at) for at in (manifest.get("exported_at") or {}).values()})
    parts = [
        ("As of", manifest.get("as_of")),
        ("fetched", manifest.get("fetched_at")),
        (
            "orders exported",
            ", ".join(_format_time(at) for at in exports[:3]) + (" …" if len(exports) > 3 else ""),
        ),
    ]
    return "  ·  ".join(f"{what} {_format_time(str(at))}" for what, at in parts if at)


def _format_time(at: str) -> str:
    said, space, remark = at.partition(" (")
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return at
    zone = " UTC" if moment.tzinfo else ""
    return moment.strftime("%Y-%m-%d %H:%M") + zone + space + remark
