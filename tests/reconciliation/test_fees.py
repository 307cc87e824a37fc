"""Fees that do not name their capture, or name one for several payments."""

from __future__ import annotations

from tests.reconciliation.ledger_rows import LEDGER_ID, Ledger, describe, list_buckets
from vippsrecon.config.fee_contracts import FeeContract

AGREED = FeeContract("3", "NOK")


def test_fees_without_a_psp_reference_are_found_by_reference():
    """A file may have no pspReference at all, neither for captures nor for their fees."""
    ledger = Ledger()
    for number in (2, 3):
        reference = f"order-{number}"
        ledger.pay(reference, 1000, days=9)
        ledger.book("capture", 1000, reference=reference, psp_reference=None, days=9)
        ledger.book(
            "capture-fee", -30, topic="fees", reference=reference, psp_reference=None, days=9
        )
    result = ledger.reconcile(contracts=[AGREED])

    assert describe(result) == []
    assert {
        bucket
        for key, bucket in list_buckets(result).items()
        if key.startswith(f"{LEDGER_ID}:fees")
    } == {"matched"}


def test_fees_of_several_payments_under_one_operation_are_one_fee():
    """They are charged for the capture of that operation: its amount counts once."""
    ledger = Ledger()
    ledger.pay("order-2", 1000, days=9)
    ledger.book_events("order-2", fee=10)
    ledger.book(
        "capture-fee", -20, topic="fees", reference="order-3", psp_reference="order-2-2", days=9
    )
    result = ledger.reconcile(contracts=[AGREED])

    assert describe(result) == []
    assert len(result.buckets) == len(ledger.orders) + len(ledger.payments) + len(ledger.entries)
