"""Define the schema of each frame: its columns, their types and bounds, and what one row is.

`inputs` describes the frames that go into a comparison, `settlement` those of money on its way to
the bank, `results` those that come out, `saved_runs` those that a run stores for later runs, and
`closing` those of a period's closing.
No schema requires unique rows: duplicates are data, and the comparison reports them.

`Orders`, `Payments`, `Events` and the others below are the pandera schemas of these frames for
pandas: `Orders.validate(frame, lazy=True)` returns the frame or raises pandera's `SchemaErrors`,
whose `failure_cases` name column, check, value and row. They are built when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.schemas.closing import (
    CLEARING,
    CUT_OFF,
    CUT_OFF_ITEMS,
    CUT_OFF_LINES,
    PERIOD_FACTS,
    PERIOD_SIDES,
    PROOFS,
    REFUND_AGEING,
    REFUND_STAGES,
    RESTATEMENT,
    VAT_TIE_OUT,
    VOUCHER_ROLES,
    VOUCHER_STATUSES,
    VOUCHERS,
)
from vippsrecon.schemas.frame import (
    Column,
    Frame,
    FrameT,
    build_pandera_schema,
    cast_to_schema,
    polars_schema,
    to_pandas,
    to_polars,
    validate,
)
from vippsrecon.schemas.inputs import EVENTS, FAILURES, ORDERS, PAYMENT, PAYMENTS, REJECTS, STATUSES
from vippsrecon.schemas.results import (
    BRIDGE,
    BUCKETS,
    DISCREPANCIES,
    OUTCOMES,
    RECEIPTS,
    SEVERITIES,
    SUMMARY,
)
from vippsrecon.schemas.saved_runs import COMPARED_ORDERS, FIRST_SEEN, ITEM_STATUSES, OPEN_ITEMS
from vippsrecon.schemas.settlement import (
    BANK_LINES,
    LEDGER_COMPLETENESS,
    LEDGER_ENTRIES,
    PAYOUT_MATCHES,
    PAYOUTS,
)

FRAMES = (
    ORDERS,
    PAYMENTS,
    EVENTS,
    FAILURES,
    REJECTS,
    LEDGER_ENTRIES,
    LEDGER_COMPLETENESS,
    PAYOUTS,
    BANK_LINES,
    PAYOUT_MATCHES,
    DISCREPANCIES,
    BUCKETS,
    SUMMARY,
    BRIDGE,
    OUTCOMES,
    RECEIPTS,
    OPEN_ITEMS,
    COMPARED_ORDERS,
    FIRST_SEEN,
    VOUCHERS,
    CUT_OFF,
    CUT_OFF_ITEMS,
    CLEARING,
    REFUND_AGEING,
    VAT_TIE_OUT,
    PERIOD_FACTS,
    RESTATEMENT,
)
"""Every frame, in the order of the monthly work."""

if TYPE_CHECKING:
    Orders: Any
    Payments: Any
    Events: Any
    Failures: Any
    Rejects: Any
    LedgerEntries: Any
    LedgerCompleteness: Any
    Payouts: Any
    BankLines: Any
    PayoutMatches: Any
    Discrepancies: Any
    Buckets: Any
    Summary: Any
    Bridge: Any
    Outcomes: Any
    Receipts: Any
    OpenItems: Any
    ComparedOrders: Any
    FirstSeen: Any
    Vouchers: Any
    CutOff: Any
    CutOffItems: Any
    Clearing: Any
    RefundAgeing: Any
    VatTieOut: Any
    PeriodFacts: Any
    Restatement: Any

__all__ = [
    "BANK_LINES",
    "BRIDGE",
    "BUCKETS",
    "CLEARING",
    "COMPARED_ORDERS",
    "CUT_OFF",
    "CUT_OFF_ITEMS",
    "CUT_OFF_LINES",
    "DISCREPANCIES",
    "EVENTS",
    "FAILURES",
    "FIRST_SEEN",
    "FRAMES",
    "ITEM_STATUSES",
    "LEDGER_COMPLETENESS",
    "LEDGER_ENTRIES",
    "OPEN_ITEMS",
    "ORDERS",
    "OUTCOMES",
    "PAYMENT",
    "PAYMENTS",
    "PAYOUTS",
    "PAYOUT_MATCHES",
    "PERIOD_FACTS",
    "PERIOD_SIDES",
    "PROOFS",
    "RECEIPTS",
    "REFUND_AGEING",
    "REFUND_STAGES",
    "REJECTS",
    "RESTATEMENT",
    "SEVERITIES",
    "STATUSES",
    "SUMMARY",
    "VAT_TIE_OUT",
    "VOUCHERS",
    "VOUCHER_ROLES",
    "VOUCHER_STATUSES",
    "BankLines",
    "Bridge",
    "Buckets",
    "Clearing",
    "Column",
    "ComparedOrders",
    "CutOff",
    "CutOffItems",
    "Discrepancies",
    "Events",
    "Failures",
    "FirstSeen",
    "Frame",
    "FrameT",
    "LedgerCompleteness",
    "LedgerEntries",
    "OpenItems",
    "Orders",
    "Outcomes",
    "Payments",
    "PayoutMatches",
    "Payouts",
    "PeriodFacts",
    "Receipts",
    "RefundAgeing",
    "Rejects",
    "Restatement",
    "Summary",
    "VatTieOut",
    "Vouchers",
    "build_pandera_schema",
    "cast_to_schema",
    "polars_schema",
    "to_pandas",
    "to_polars",
    "validate",
]

_MODELS = {frame.name.title().replace("_", ""): frame for frame in FRAMES}


def __getattr__(name: str) -> Any:
    """Build the pandera schema of a frame when it is first used."""
    if name not in _MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return build_pandera_schema(_MODELS[name], "pandas")
