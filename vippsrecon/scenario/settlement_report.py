"""Write the settlement report as downloaded from the business portal (the format since 2024).

The headings are Norwegian if all sales units are Norwegian, else English. The three columns with
personal data are left out, as in the portal's default.
"""

from __future__ import annotations

from collections.abc import Sequence

from vippsrecon.scenario.calendar import format_wall_time, get_brand
from vippsrecon.scenario.exports.plain_woo_magento import format_major
from vippsrecon.scenario.ledgers import Payout, ScenarioLedgerEntry
from vippsrecon.scenario.ledgers.plants import UNKNOWN_TYPE
from vippsrecon.scenario.sales_units import ScenarioSalesUnit

_NORWEGIAN_HEADINGS = [
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
_ENGLISH_HEADINGS = [
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
_TYPE_NAMES = {
    "capture": ("Belastning", "Capture"),
    "refund": ("Refundering", "Refund"),
    "fees-retained": ("Gebyrer fratrukket", "Fees retained"),
    "payout-scheduled": ("Utbetaling planlagt", "Payout scheduled"),
    "payout-aborted": ("Utbetaling avbrutt", "Payout aborted"),
    "correction": ("Korreksjon", "Correction"),
    "retained-disputed-capture": ("Retained disputed capture", "Retained disputed capture"),
    "returned-disputed-capture": ("Returned disputed capture", "Returned disputed capture"),
    UNKNOWN_TYPE: ("Kampanjestøtte", "Campaign support"),
}


def uses_norwegian_headings(units: Sequence[ScenarioSalesUnit]) -> bool:
    """Return whether the portal writes Norwegian headings for these sales units."""
    return all(unit.market == "NO" for unit in units)


def build_settlement_header(units: Sequence[ScenarioSalesUnit]) -> list[str]:
    """Return the headings."""
    return _NORWEGIAN_HEADINGS if uses_norwegian_headings(units) else _ENGLISH_HEADINGS


def build_settlement_row(
    entry: ScenarioLedgerEntry, payouts: Sequence[Payout], *, norwegian: bool
) -> list[str]:
    """Return a funds entry as a row of the report."""
    unit = entry.unit
    fields = [
        unit.name,
        unit.msn,
        unit.market,
        "Vipps MobilePay" if unit.market == "NO" else get_brand(unit.market, entry.ledger_date),
        format_wall_time(entry.time, unit.market),
        entry.ledger_date.isoformat(),
        _TYPE_NAMES[entry.entry_type][0 if norwegian else 1],
        format_major(entry.amount),
        format_major(entry.before + entry.amount),
        format_major(entry.fee),
        format_major(entry.amount + entry.fee),
        unit.currency,
        "",
        entry.psp_reference,
        entry.reference,
    ]
    if norwegian:
        paid = [p for p in payouts if p.unit is unit] if not entry.handle else []
        if entry.entry_type == "payout-scheduled" and paid:
            fields += [str(paid[0].number), paid[0].account, paid[0].bank_date.isoformat()]
        else:
            fields += ["", "", ""]
    return fields
