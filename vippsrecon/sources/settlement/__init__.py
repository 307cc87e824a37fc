"""Settlement files of Vipps MobilePay become the frames `ledger_entries` and `payouts`.

    portal (CSV, XLSX) ──────────────► entries ───────────────┐
    flat (CSV, XLSX) ──┐                                      ├─► ledger_entries, payouts, rejects,
    sectioned CSV ─────┼─► transactions ──► payouts computed ─┘   notes
    XML 2.0 and 3.0 ───┘    and settlements

A fee is negative in every CSV and workbook and positive in XML; in the frames it is always negative
on the topic `fees`. The payout of an older file is computed from its transactions and compared with
the one it states.
"""

from vippsrecon.sources.settlement.read import read_settlement_files, read_settlements
from vippsrecon.sources.settlement.result import SettlementFiles, SettlementFileSummary

__all__ = [
    "SettlementFileSummary",
    "SettlementFiles",
    "read_settlement_files",
    "read_settlements",
]
