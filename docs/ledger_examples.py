"""One worked example of each code of the leg from payments to the ledger.

The form is that of `docs/code_examples.py`, with the entries of the ledger beside the payment.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from docs.code_examples import REFERENCE, CodeExample, matched, order, payment
from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.reconciliation.example_rows import EXAMPLE_MSN
from vippsrecon.reconciliation.example_rows import days_before_now as ago

LEDGER_ID = "302321"
CONTRACT = FeeContract("1.99", "NOK", 1_00)
"""The agreed fee of every example: 1.99 % and 1.00 NOK a capture."""

EARLIER = matched("shop-2026-0990", 20, 450_00)


class Book:
    """Makes the entries of a ledger, each with the balance after the one before."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._balances = {"funds": 0, "fees": 0}
        self.add("capture", 450_00, 19.6, "shop-2026-0990", psp="shop-2026-0990-2")
        self.fee(9_96, 19.6, "shop-2026-0990", psp="shop-2026-0990-2")

    def add(
        self,
        entry_type: str,
        amount: int,
        days: float,
        reference: str = "",
        *,
        psp: str | None = None,
        topic: str = "funds",
        skipped: int = 0,
    ) -> Book:
        """Add an entry; `skipped` is what entries that are missing would have added before it."""
        at = ago(days)
        before = self._balances[topic] + skipped
        self._balances[topic] = before + amount
        self.entries.append(
            {
                "ledger_id": LEDGER_ID,
                "msn": EXAMPLE_MSN,
                "topic": topic,
                "psp_reference": psp if psp is not None else f"{reference}-2",
                "reference": reference,
                "entry_type": entry_type,
                "entry_at": at,
                "ledger_date": at.date(),
                "currency": "NOK",
                "amount_minor": amount,
                "balance_before_minor": before,
                "balance_after_minor": before + amount,
                "source_file": None,
                "source_row": None,
            }
        )
        return self

    def fee(self, amount: int, days: float, reference: str, *, psp: str | None = None) -> Book:
        """Add the fee of a capture."""
        return self.add("capture-fee", -amount, days, reference, psp=psp, topic="fees")

    def payout(self, days: float) -> Book:
        """Schedule the whole balance for payout."""
        number = f"{LEDGER_ID}-2000001"
        return self.add("payout-scheduled", -self._balances["funds"], days, psp=number)


def _example(story: str, book: Book, *rows: Any, refund: int = 0) -> CodeExample:
    """Return an example of one payment of 1 299.00, captured six days ago, after an earlier one."""
    pairs = rows or [
        (
            order(1_299_00, refunded_minor=refund),
            payment(1_299_00, 1_299_00, R=refund),
        )
    ]
    return CodeExample(
        story,
        [EARLIER[0], *(pair[0] for pair in pairs)],
        [EARLIER[1], *(pair[1] for pair in pairs)],
        entries=book.entries,
    )


def _captured(days: float = 6) -> Book:
    return Book().add("capture", 1_299_00, days, REFERENCE).fee(26_85, days, REFERENCE)


def _long_ago() -> tuple[dict[str, Any], Any]:
    return (
        order(1_299_00, ordered_at=ago(16), fulfilled_at=ago(15)),
        payment(1_299_00, 1_299_00, authorized=ago(16), captured=ago(15)),
    )


def _minutes_ago() -> tuple[dict[str, Any], Any]:
    at = ago(0) - timedelta(minutes=30)
    return (
        order(1_299_00, fulfilled_at=at, ordered_at=at),
        payment(1_299_00, 1_299_00, captured=at, authorized=at - timedelta(hours=1)),
    )


LEDGER_EXAMPLES: dict[str, CodeExample] = {
    "ledger_without_event": _example(
        "The ledger has a capture of 349.00 with a reference that no payment of the shop has.",
        _captured().add("capture", 349_00, 5, "kiosk-77").fee(7_95, 5, "kiosk-77"),
    ),
    "capture_not_on_ledger": _example(
        "The payment was captured six days ago. The ledger has closed that day with a payout, without it.",
        Book().payout(4.5),
    ),
    "refund_not_on_ledger": _example(
        "300.00 was refunded four days ago. The capture is on the ledger, the refund is not, and the days "
        "after it are closed.",
        _captured().payout(2.5),
        refund=300_00,
    ),
    "ledger_amount_difference": _example(
        "The event log says that 1 299.00 was captured, the ledger says 1 229.00.",
        Book().add("capture", 1_229_00, 6, REFERENCE).fee(25_46, 6, REFERENCE),
    ),
    "fee_missing": _example(
        "The capture of fifteen days ago is on the ledger. Its fee is not there after ten days.",
        Book().add("capture", 1_299_00, 15, REFERENCE).add("top-up", 100_00, 1, psp="top-up-1"),
        _long_ago(),
    ),
    "fee_variance": _example(
        "The contract says 1.99 % and 1.00, which is 26.85 for this capture. 32.48 was charged.",
        Book().add("capture", 1_299_00, 6, REFERENCE).fee(32_48, 6, REFERENCE),
    ),
    "dispute_retained": _example(
        "The customer disputed the payment, and Vipps MobilePay retained the money two days ago.",
        _captured().add("retained-disputed-capture", -1_299_00, 2, REFERENCE),
    ),
    "dispute_returned": _example(
        "The money of a disputed payment was retained four days ago and returned one day ago.",
        _captured()
        .add("retained-disputed-capture", -1_299_00, 4, REFERENCE)
        .add("returned-disputed-capture", 1_299_00, 1, REFERENCE),
    ),
    "manual_correction": _example(
        "The ledger has a correction of −150.00, which belongs to no payment.",
        _captured().add("correction", -150_00, 3, psp="correction-1"),
    ),
    "unknown_entry_type": _example(
        "The ledger has an entry of 12.00 of the type `campaign-bonus`, which this version does not know.",
        _captured().add("campaign-bonus", 12_00, 3, psp="bonus-1"),
    ),
    "balance_chain_break": _example(
        "The capture begins with a balance that is 210.00 above the one before: an entry between the two is "
        "missing.",
        Book().add("capture", 1_299_00, 6, REFERENCE, skipped=210_00).fee(26_85, 6, REFERENCE),
    ),
    "timing_not_on_ledger": _example(
        "The payment was captured half an hour before the comparison.", Book(), _minutes_ago()
    ),
    "timing_fee_late": _example(
        "The capture of six days ago is on the ledger, its fee is not there yet.",
        Book().add("capture", 1_299_00, 6, REFERENCE),
    ),
}
