"""One worked example of each code: what the shop has, what Vipps MobilePay has, and what happened.

Amounts are in minor units, written as 1_299_00 for 1,299.00. Days count back from the cut-off time.
`docs/code_pages.py` reconciles the examples and writes what `reconcile` really returned.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vippsrecon.reconciliation.example_rows import days_before_now as ago
from vippsrecon.reconciliation.example_rows import make_order_row, make_payment_rows

REFERENCE = "shop-2026-1001"


class CodeExample(NamedTuple):
    """The rows of one example, and its story in one or two sentences."""

    story: str
    orders: list[dict[str, Any]]
    payments: list[tuple[dict[str, Any], list[dict[str, Any]]]]
    market: str = "NO"
    waived: bool = False
    in_october: bool = False
    entries: list[dict[str, Any]] = []  # noqa: RUF012 - no example changes it


def order(total: int, **given: Any) -> dict[str, Any]:
    """Return an order, sent six days ago unless its status says otherwise."""
    status = given.setdefault("status", "fulfilled")
    if status in {"fulfilled", "partial"}:
        given.setdefault("fulfilled_at", ago(6))
    if given.get("refunded_minor"):
        given.setdefault("refunded_at", ago(4))
    given.setdefault("reference", REFERENCE)
    return make_order_row(total_minor=total, **given)


def payment(
    reserved: int, *captures: int, **given: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a payment and its events: authorized ten days ago, captured six days ago."""
    given.setdefault("reference", REFERENCE)
    return make_payment_rows(A=reserved, captures=captures, **given)


def matched(reference: str, days: float, total: int) -> tuple[dict[str, Any], Any]:
    """Return an order and its payment that agree, ordered this many days ago."""
    return (
        order(total, reference=reference, ordered_at=ago(days), fulfilled_at=ago(days - 0.4)),
        payment(total, total, reference=reference, authorized=ago(days), captured=ago(days - 0.4)),
    )


def among_others(first: float, last: float, story: str, single: Any) -> CodeExample:
    """Return an example of a payment without an order, between two orders that agree."""
    before = matched("shop-2026-0990", first, 450_00)
    after = matched("shop-2026-1010", last, 725_00)
    return CodeExample(story, [before[0], after[0]], [before[1], single, after[1]])


_PLAIN = [order(1_299_00)]
_DOUBLE = [order(849_00)]

EXAMPLES: dict[str, CodeExample] = {
    "duplicate_order_row": CodeExample(
        "The shop copied an order to change it, and the copy kept the reference of the payment.",
        [order(1_000_00), order(900_00)],
        [payment(1_000_00, 1_000_00)],
    ),
    "paid_twice": CodeExample(
        "The customer began to pay with Vipps, then paid the same order by card. Both were captured.",
        [order(599_00, payment_method="Kort", by_vipps=False)],
        [payment(599_00, 599_00)],
    ),
    "duplicate_payment": CodeExample(
        "The customer paid, saw no confirmation and paid again. The second payment is only reserved.",
        _DOUBLE,
        [payment(849_00, 849_00), payment(849_00, reference=f"{REFERENCE}-1")],
    ),
    "missing_in_orders": among_others(
        20,
        2,
        "A payment was captured, but its order was deleted in the shop.",
        payment(349_00, 349_00),
    ),
    "missing_in_vipps": CodeExample(
        "The order was sent as paid with Vipps, but the sales unit has no such payment.",
        [order(1_290_00)],
        [],
    ),
    "currency_mismatch": CodeExample(
        "The export has the amount in Swedish kronor; the customer paid in Norwegian kroner.",
        [order(500_00, currency="SEK")],
        [payment(485_00, 485_00)],
    ),
    "reference_mangled": CodeExample(
        "The export was saved in a spreadsheet, which removed the zeros before the reference.",
        [order(1_299_00, reference="12345678")],
        [payment(1_299_00, 1_299_00, reference="000012345678")],
    ),
    "cancelled_but_captured": CodeExample(
        "The order was cancelled after the capture, and nobody refunded the customer.",
        [order(799_00, status="cancelled")],
        [payment(799_00, 799_00)],
    ),
    "payment_not_recorded": CodeExample(
        "The customer approved the payment, but the message to the shop was lost.",
        [order(459_00, status="open", paid="no")],
        [payment(459_00, authorized=ago(8))],
    ),
    "captured_not_fulfilled": CodeExample(
        "The money was captured four days ago; the order is still open.",
        [order(2_150_00, status="open")],
        [payment(2_150_00, 2_150_00, captured=ago(4))],
    ),
    "not_paid": CodeExample(
        "The customer stopped the payment, and the shop sent the order all the same.",
        [order(689_00)],
        [payment(0, amount=689_00, state="ABORTED")],
    ),
    "authorization_lost": CodeExample(
        "Half of the order was sent and captured. Then the rest of the reservation was released.",
        [order(1_000_00, status="partial")],
        [payment(1_000_00, 400_00, X=600_00)],
    ),
    "fulfilled_not_captured": CodeExample(
        "The order was sent six days ago, and nobody captured the payment.",
        [order(1_299_00)],
        [payment(1_299_00)],
    ),
    "duplicate_capture": CodeExample(
        "The customer reserved 998.00 for two articles and then kept one. The shop captured 499.00 twice.",
        [order(499_00)],
        [payment(998_00, 499_00, 499_00)],
    ),
    "rounding_difference": CodeExample(
        "The shop rounds the discount otherwise than its payment plugin. `tolerance_minor` is 1.",
        [order(333_33)],
        [payment(333_32, 333_32)],
    ),
    "under_captured": CodeExample(
        "The whole order was sent, but only a part of the reservation was captured.",
        _PLAIN,
        [payment(1_299_00, 899_00)],
    ),
    "over_captured": CodeExample(
        "An article of 200.00 was taken off the order after the whole amount was captured.",
        [order(1_099_00)],
        [payment(1_299_00, 1_299_00)],
    ),
    "refund_exceeds_capture": CodeExample(
        "Two systems refunded the same payment, together more than was captured.",
        [order(500_00, refunded_minor=600_00)],
        [payment(500_00, 500_00, R=600_00)],
    ),
    "refund_failed": CodeExample(
        "The shop recorded a refund of 300.00, but Vipps MobilePay rejected it.",
        [order(1_299_00, refunded_minor=300_00)],
        [payment(1_299_00, 1_299_00, failed_refund=300_00)],
    ),
    "refund_missing_at_vipps": CodeExample(
        "The shop recorded a refund of 300.00. It was never sent to Vipps MobilePay.",
        [order(1_299_00, refunded_minor=300_00)],
        [payment(1_299_00, 1_299_00)],
    ),
    "refund_missing_in_shop": CodeExample(
        "Somebody refunded 300.00 in the business portal and did not record it in the shop.",
        _PLAIN,
        [payment(1_299_00, 1_299_00, R=300_00)],
    ),
    "remainder_open": CodeExample(
        "An article of 200.00 was sold out. The shop captured the rest and did not release the 200.00.",
        [order(800_00)],
        [payment(1_000_00, 800_00)],
    ),
    "authorization_expiring": CodeExample(
        "In Denmark a payment must be captured within 14 days. This one was reserved 12 days ago.",
        [order(420_00, currency="DKK", status="open", ordered_at=ago(12))],
        [payment(420_00, currency="DKK", authorized=ago(12))],
        market="DK",
    ),
    "aggregate_mismatch": CodeExample(
        "The events of the payment show a capture of 1 299.00; its total says 899.00.",
        _PLAIN,
        [
            (row | {"captured_minor": 899_00}, events)
            for row, events in [payment(1_299_00, 1_299_00)]
        ],
    ),
    "timing_awaiting_payment": CodeExample(
        "The customer was asked to pay a minute before the cut-off time.",
        [order(250_00, status="open", paid="no", ordered_at=ago(0.001))],
        [payment(0, amount=250_00, state="CREATED", authorized=ago(0))],
    ),
    "timing_awaiting_fulfilment": CodeExample(
        "The payment is reserved, and the order is not sent yet. Nothing is due.",
        [order(1_299_00, status="open")],
        [payment(1_299_00)],
    ),
    "timing_capture_pending": CodeExample(
        "The order was sent six hours ago. The shop has 24 hours to capture (`capture_grace_hours`).",
        [order(1_299_00, fulfilled_at=ago(0.25))],
        [payment(1_299_00)],
    ),
    "timing_refund_pending": CodeExample(
        "The shop recorded a refund six hours ago. It has 24 hours to arrive (`refund_grace_hours`).",
        [order(1_299_00, refunded_minor=300_00, refunded_at=ago(0.25))],
        [payment(1_299_00, 1_299_00)],
    ),
    "timing_refund_not_recorded": CodeExample(
        "A refund was made in the business portal six hours ago; the shop has 24 hours to record it.",
        _PLAIN,
        [payment(1_299_00, 1_299_00, R=300_00, refunded=ago(0.25))],
    ),
    "timing_after_cut": CodeExample(
        "The payments were read on 31 October. The order was sent on 1 November, before the export.",
        [order(1_299_00, fulfilled_at=ago(-1), exported_at=ago(-1.25))],
        [payment(1_299_00)],
    ),
    "timing_outside_export": among_others(
        5,
        1,
        "The export begins after this payment was authorized: its order is in an earlier export.",
        payment(349_00, 349_00),
    ),
    "outside_period": CodeExample(
        "The report is of October. This order was made, sent and captured in September.",
        [order(410_00, ordered_at=ago(45), fulfilled_at=ago(44))],
        [payment(410_00, 410_00, authorized=ago(45), captured=ago(44))],
        in_october=True,
    ),
    "superseded_row": CodeExample(
        "Two exports hold the order. In the older one it is not sent yet; the newer one counts.",
        [
            order(1_299_00, status="open", exported_at=ago(7), source_file="week-43.csv"),
            order(1_299_00, source_file="week-44.csv"),
        ],
        [payment(1_299_00, 1_299_00)],
    ),
    "nothing_to_pay": CodeExample(
        "A gift card paid the whole order, so there is nothing to pay and no payment.",
        [order(0)],
        [],
    ),
    "other_payment_method": CodeExample(
        "The order was paid with Klarna. It does not concern Vipps MobilePay.",
        [order(990_00, payment_method="Klarna", by_vipps=False)],
        [],
    ),
    "not_epayment": CodeExample(
        "The order is the monthly charge of a subscription, which is not an ePayment payment.",
        [order(129_00, recurring=True)],
        [],
    ),
    "waived": CodeExample(
        "This test order is in the ignore file, with who decided it and why.",
        [order(10_00)],
        [payment(10_00)],
        waived=True,
    ),
    "abandoned_checkout": CodeExample(
        "The customer closed the payment page, and the shop knows that the order is unpaid.",
        [order(359_00, status="open", paid="no")],
        [payment(0, amount=359_00, state="ABORTED")],
    ),
    "superseded_attempt": CodeExample(
        "The first attempt to pay was stopped. The second one, with `-1`, paid the order.",
        [order(849_00)],
        [
            payment(0, amount=849_00, state="ABORTED"),
            payment(849_00, 849_00, reference=f"{REFERENCE}-1"),
        ],
    ),
    "cancellation_fee_kept": CodeExample(
        "A cancelled order of 1 000.00: the shop gave 900.00 back and kept a fee of 100.00.",
        [order(1_000_00, status="cancelled", refunded_minor=900_00)],
        [payment(1_000_00, 1_000_00, R=900_00)],
    ),
}
