"""The settlement report as downloaded from the business portal (the format since 2024).

Norwegian headings where all sales units are Norwegian, else English; the three personal columns
are left out, as the portal does unless asked. Source: exports-facts §3, api-facts §6.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from vippsrecon.scenario.calendar import wall
from vippsrecon.scenario.exports.plain_woo_magento import major
from vippsrecon.scenario.ledgers import Entry, Payout
from vippsrecon.scenario.sales_units import SalesUnit

_NORWEGIAN = [
    "Salgssted",
    "MSN/Vippsnummer",
    "Land",
    "Betalingsløsning",
    "Tidspunkt",
    "Bokføringsdato",
    "Type",
    "Beløp",
    "Balanse",
    "Gebyr",
    "Nettobeløp",
    "Valuta",
    "Kategori",
    "PSP-referanse",
    "Ordre-ID/Referanse",
    "Utbetalingsnummer",
    "Bankkonto for utbetaling",
    "Planlagt utbetalingsdato",
]
_ENGLISH = [
    "Sales unit",
    "MSN/Vipps number",
    "Country",
    "Payment solution",
    "Time",
    "Booking date",
    "Type",
    "Amount",
    "Balance",
    "Fee",
    "Net amount",
    "Currency",
    "Category",
    "PSP reference",
    "Order ID/Reference",
]
_TYPES = {
    "capture": ("Belastning", "Capture"),
    "refund": ("Refundering", "Refund"),
    "fees-retained": ("Gebyrer fratrukket", "Fees retained"),
    "payout-scheduled": ("Utbetaling planlagt", "Payout scheduled"),
}


def is_norwegian(units: Sequence[SalesUnit]) -> bool:
    """Tell whether the portal writes Norwegian headings for these sales units."""
    return all(unit.market == "NO" for unit in units)


def header(units: Sequence[SalesUnit]) -> list[str]:
    """Return the headings."""
    return _NORWEGIAN if is_norwegian(units) else _ENGLISH


def row(entry: Entry, payouts: Sequence[Payout], *, norwegian: bool) -> list[str]:
    """Return one funds entry as a row of the report."""
    unit = entry.unit
    fields = [
        unit.name,
        unit.msn,
        unit.market,
        "Vipps MobilePay",
        wall(entry.time, unit.market),
        entry.ledger_date.isoformat(),
        _TYPES[entry.entry_type][0 if norwegian else 1],
        major(entry.amount),
        major(entry.before + entry.amount),
        major(entry.fee),
        major(entry.amount + entry.fee),
        unit.currency,
        "",
        entry.psp_reference,
        entry.reference,
    ]
    if norwegian:
        paid = [p for p in payouts if p.unit is unit] if not entry.handle else []
        if entry.entry_type == "payout-scheduled" and paid:
            fields += [str(paid[0].number), unit.account, paid[0].bank_date.isoformat()]
        else:
            fields += ["", "", ""]
    return fields
