"""Check captures, refunds, fees, disputes and balances against the ledger.

Amounts are signed as on the ledger: a capture is positive; a refund, a fee and a retained dispute
are negative. The difference is what the ledger has more than expected.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import UNKNOWN_AMOUNT, Check, CheckFunction, positive_part

EVENT, ENTRY = nw.col("event_minor"), nw.col("entry_minor")
FEE, AGREED_FEE = nw.col("fee_minor"), nw.col("agreed_fee_minor")
HELD = nw.col("held_minor")
"""What a dispute leaves retained: negative, or 0 once all of it was returned. More may be returned."""
AMOUNT = nw.col("amount_minor")

_LONE_EVENT = ENTRY.is_null()
_LONE_ENTRY = EVENT.is_null()


def waived() -> Check:
    """Find payments that the user ignores."""
    return Check(nw.col("waived_payment"))


def outside_period() -> Check:
    """Find entries of another period, and events without an entry that this ledger does not cover."""
    entry = ~_LONE_EVENT & ~nw.col("entry_in")
    return Check(entry | (_LONE_EVENT & ~nw.col("event_in")))


def not_checked() -> Check:
    """Find entries of payments that could not be read: nothing is known about their events."""
    return Check(_LONE_ENTRY & nw.col("unread"))


def timing_after_cut() -> Check:
    """Find entries made after their payment was fetched: fetch again to compare them."""
    return Check(_LONE_ENTRY & nw.col("later_entry"))


def ledger_without_event() -> Check:
    """Find entries whose payment has no such capture or refund."""
    return Check(_LONE_ENTRY, UNKNOWN_AMOUNT, ENTRY, ENTRY.abs())


def capture_not_on_ledger() -> Check:
    """Find captures that should be on the ledger by now."""
    overdue = _LONE_EVENT & (nw.col("entry_type") == "capture") & nw.col("overdue")
    return Check(overdue, EVENT, UNKNOWN_AMOUNT, EVENT)


def refund_not_on_ledger() -> Check:
    """Find refunds that should be on the ledger by now."""
    overdue = _LONE_EVENT & (nw.col("entry_type") == "refund") & nw.col("overdue")
    return Check(overdue, EVENT, UNKNOWN_AMOUNT, EVENT.abs())


def timing_not_on_ledger() -> Check:
    """Find captures and refunds that the ledger may not have yet."""
    return Check(_LONE_EVENT)


def ledger_amount_difference() -> Check:
    """Find entries whose amount is not that of the event."""
    return Check(EVENT != ENTRY, EVENT, ENTRY, (ENTRY - EVENT).abs())


def timing_fee_late() -> Check:
    """Find captures without a fee that may still be charged: its ledger date can be a later one."""
    return Check(nw.col("fee_expected") & FEE.is_null() & ~nw.col("fee_overdue"))


def fee_missing() -> Check:
    """Find captures whose fee should have been charged by now. It will probably be charged later."""
    missing = nw.col("fee_expected") & FEE.is_null() & nw.col("fee_overdue")
    return Check(missing, AGREED_FEE, UNKNOWN_AMOUNT)


def fee_variance() -> Check:
    """Find fees that are not those of the contract."""
    difference = FEE - AGREED_FEE
    beyond = (difference.abs() > nw.col("fee_tolerance")).fill_null(value=False)
    return Check(beyond, AGREED_FEE, FEE, positive_part(-difference))


def dispute_retained() -> Check:
    """Find disputed captures that Vipps MobilePay retained and has not returned in full."""
    return Check(nw.col("retained") & (HELD < 0), nw.lit(0), HELD, -HELD)


def dispute_returned() -> Check:
    """Find disputes that ended with the money returned."""
    return Check(nw.lit(value=True), nw.lit(0), HELD)


def manual_correction() -> Check:
    """Find corrections, which Vipps MobilePay books by hand."""
    return Check(nw.col("role") == "correction", nw.lit(0), AMOUNT, positive_part(-AMOUNT))


def unknown_entry_type() -> Check:
    """Find entries of a type that is not known; they count by their sign."""
    return Check(nw.col("role") == "unknown", nw.lit(0), AMOUNT, AMOUNT.abs())


def balance_chain_break() -> Check:
    """Find days with an entry that does not begin with the balance that the one before ended with."""
    expected, actual = nw.col("closing_before"), nw.col("opening")
    return Check(nw.col("broken"), expected, actual, (actual - expected).abs().fill_null(0))


QUESTIONS: dict[str, tuple[CheckFunction, ...]] = {
    "entry": (
        waived,
        outside_period,
        not_checked,
        timing_after_cut,
        ledger_without_event,
        capture_not_on_ledger,
        refund_not_on_ledger,
        timing_not_on_ledger,
        ledger_amount_difference,
    ),
    "fee": (timing_fee_late, fee_missing, fee_variance),
    "dispute": (dispute_retained, dispute_returned),
    "booking": (manual_correction, unknown_entry_type),
    "balance": (balance_chain_break,),
}
"""Each question with its checks, in order of precedence."""
