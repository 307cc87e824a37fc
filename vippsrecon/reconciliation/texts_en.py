"""What each discrepancy means and what to do about it, in fixed sentences without amounts.

One table, so that another language is another table. A variant is a flag that changes the
sentence; where several are raised, the first listed speaks.
"""

from __future__ import annotations

from typing import NamedTuple

import narwhals.stable.v2 as nw

REFUND_WINDOW_PASSED = "refund_window_passed"
"""No flag: a hint that the refund deadline has passed, which changes what a person can do."""

IMPOSSIBLE_REFERENCE = "impossible_reference"
"""No flag: a hint that Vipps MobilePay can have no payment of that name, so it was not asked."""


class CodeText(NamedTuple):
    """A cause and a next step, for a kind and, where given, one of its flags."""

    kind: str
    flag: str
    cause: str
    next_step: str


ENGLISH_TEXTS: tuple[CodeText, ...] = (
    CodeText(
        "missing_in_vipps",
        "no_reference",
        "The order says it was paid with Vipps or MobilePay, but the export holds no payment reference for it.",
        "Export again with the column that holds the payment reference, or look the order up in the shop.",
    ),
    CodeText(
        "missing_in_vipps",
        IMPOSSIBLE_REFERENCE,
        "The reference in the export is none that Vipps MobilePay can have (8 to 64 letters, digits and hyphens), so it was not asked for.",
        "Export again with the column that holds the payment reference, and without opening the file in a spreadsheet.",
    ),
    CodeText(
        "missing_in_vipps",
        "",
        "The order is in the shop's export, but Vipps MobilePay knows no payment under its reference on this sales unit.",
        "Check that the sales unit and the environment are right; then look in the shop for how the order was paid.",
    ),
    CodeText(
        "missing_in_orders",
        "",
        "Vipps MobilePay holds, or held, a payment that no order in the export explains.",
        "Look the reference up in the shop; an order may have been deleted or never created. If nothing was sold, refund the customer.",
    ),
    CodeText(
        "duplicate_payment",
        "",
        "The customer has a second payment for an order that another payment already covers.",
        "Make sure which payment belongs to the order, then refund or release this one by hand.",
    ),
    CodeText(
        "duplicate_order_row",
        "",
        "The same payment reference stands in several order rows that do not add up to the payment.",
        "Correct the export, or find out in the shop which order the payment belongs to.",
    ),
    CodeText(
        "reference_mangled",
        "",
        "The reference in the export is damaged; a payment with the repaired reference was found and compared.",
        "Export again without opening the file in a spreadsheet, and import references as text.",
    ),
    CodeText(
        "currency_mismatch",
        "presentment_currency",
        "The export gives the shop's own currency, while the customer paid in another.",
        "Take an export that holds the currency of the payment; amounts cannot be compared before that.",
    ),
    CodeText(
        "currency_mismatch",
        "",
        "The order and the payment are in different currencies, so no amount was compared.",
        "Find out in the shop which currency the order was sold in.",
    ),
    CodeText(
        "aggregate_mismatch",
        "",
        "The payment's event log and its totals at Vipps MobilePay do not agree, and did not on a second reading.",
        "Fetch again later; if it stays, send the reference to Vipps MobilePay's support. Nothing is done to this payment until then.",
    ),
    CodeText(
        "not_paid",
        "",
        "The payment was declined, expired or cancelled before it was approved, or never answered, while the shop goes on with the order.",
        "Stop the delivery if it is not sent; otherwise ask the customer for payment.",
    ),
    CodeText(
        "cancelled_but_captured",
        "last_refund_failed",
        "The order is cancelled, and the refund of what was captured failed.",
        "Refund what is still held; if it fails again, ask Vipps MobilePay's support why.",
    ),
    CodeText(
        "cancelled_but_captured",
        REFUND_WINDOW_PASSED,
        "The order is cancelled, but money was captured and not refunded in full.",
        "Pay the customer by bank transfer: the time for refunds has passed, and Vipps MobilePay would refuse one (code 6220).",
    ),
    CodeText(
        "cancelled_but_captured",
        "",
        "The order is cancelled, but money was captured and not refunded in full.",
        "Refund what is still held, or correct the order if it was delivered after all.",
    ),
    CodeText(
        "captured_not_fulfilled",
        "",
        "The money was captured, and days later the order is still not fulfilled.",
        "Send the goods or mark the order as fulfilled; if it will not be delivered, refund it.",
    ),
    CodeText(
        "authorization_lost",
        "",
        "The reservation was released or ran out before all that was owed had been captured.",
        "The money can no longer be captured: ask the customer for a new payment.",
    ),
    CodeText(
        "fulfilled_not_captured",
        "status_unknown",
        "Nothing was captured for an order whose state the export does not tell.",
        "Look the order up in the shop; nothing is proposed while its state is unknown.",
    ),
    CodeText(
        "fulfilled_not_captured",
        "",
        "The order is fulfilled, and nothing was captured for it.",
        "Capture the payment before its reservation runs out.",
    ),
    CodeText(
        "duplicate_capture",
        REFUND_WINDOW_PASSED,
        "The same amount was captured more than once, and the excess is exactly that amount.",
        "Pay the customer by bank transfer: the time for refunds has passed, and Vipps MobilePay would refuse one (code 6220).",
    ),
    CodeText(
        "duplicate_capture",
        "",
        "The same amount was captured more than once, and the excess is exactly that amount.",
        "Refund the excess to the customer.",
    ),
    CodeText(
        "rounding_difference",
        "shopware_truncation",
        "Shopware's plugin cuts amounts off instead of rounding them, so the payment is one minor unit low.",
        "Nothing to do; update the plugin when a version that rounds is released.",
    ),
    CodeText(
        "rounding_difference",
        "",
        "The amounts differ by no more than the tolerance set for rounding.",
        "Nothing to do while the sum of rounding stays within its cap.",
    ),
    CodeText(
        "under_captured",
        "not_capturable",
        "The order is fulfilled and less was captured than it comes to, and the reservation no longer covers the rest.",
        "Ask the customer for the rest, or correct the order's total.",
    ),
    CodeText(
        "under_captured",
        "",
        "The order is fulfilled, and less was captured than it comes to.",
        "Capture the rest before the reservation runs out, or correct the order's total.",
    ),
    CodeText(
        "over_captured",
        "express_shipping",
        "The capture holds freight that the customer chose in Vipps MobilePay Express and the order does not show.",
        "Add the freight to the order in the shop; nothing is to be refunded.",
    ),
    CodeText(
        "over_captured",
        "split_tender",
        "More was captured than the order shows for Vipps MobilePay; the order was paid in several ways that the export does not keep apart.",
        "Look up in the shop how much was to be paid with Vipps MobilePay.",
    ),
    CodeText(
        "over_captured",
        REFUND_WINDOW_PASSED,
        "More was captured than the order comes to.",
        "Pay the customer by bank transfer: the time for refunds has passed, and Vipps MobilePay would refuse one (code 6220).",
    ),
    CodeText(
        "over_captured",
        "",
        "More was captured than the order comes to.",
        "Refund the excess, or correct the order if it was changed after the capture.",
    ),
    CodeText(
        "refund_exceeds_capture",
        "",
        "More has been refunded than was ever captured.",
        "Send the reference to Vipps MobilePay's support at once, and refund nothing more on it.",
    ),
    CodeText(
        "refund_failed",
        REFUND_WINDOW_PASSED,
        "The shop refunded the customer, but the refund failed at Vipps MobilePay.",
        "Pay the customer by bank transfer: the time for refunds has passed, and Vipps MobilePay would refuse one (code 6220).",
    ),
    CodeText(
        "refund_failed",
        "",
        "The shop refunded the customer, but the refund failed at Vipps MobilePay.",
        "Refund again; if it fails once more, pay the customer by bank transfer.",
    ),
    CodeText(
        "refund_missing_at_vipps",
        REFUND_WINDOW_PASSED,
        "The shop records a refund that was never made at Vipps MobilePay.",
        "Pay the customer by bank transfer: the time for refunds has passed, and Vipps MobilePay would refuse one (code 6220).",
    ),
    CodeText(
        "refund_missing_at_vipps",
        "",
        "The shop records a refund that was never made at Vipps MobilePay.",
        "Refund the customer, or take the refund back in the shop if it was paid another way.",
    ),
    CodeText(
        "refund_missing_in_shop",
        "made_elsewhere",
        "A refund was made outside this toolkit, in the business portal or by another system, and the shop does not know of it.",
        "Record the refund in the shop, with a credit note.",
    ),
    CodeText(
        "refund_missing_in_shop",
        "refunded_by_us",
        "The refund was made with this toolkit, and stands in its journal, and the shop does not know of it.",
        "Record the refund in the shop, with a credit note; the plan's outcomes name its document.",
    ),
    CodeText(
        "refund_missing_in_shop",
        "",
        "Vipps MobilePay has refunded money that the shop has not recorded.",
        "Record the refund in the shop, with a credit note.",
    ),
    CodeText(
        "remainder_open",
        "",
        "Money is still reserved on the customer's account, and nothing more is to be captured.",
        "Cancel the payment: that releases what is left and touches nothing that was captured.",
    ),
    CodeText(
        "authorization_expiring",
        "",
        "The reservation, or Vipps MobilePay's guarantee for it, soon runs out, and the order is not yet captured in full.",
        "Send and capture before the deadline, or agree a new payment with the customer.",
    ),
)


def choose_sentence(column: str, table: tuple[CodeText, ...] = ENGLISH_TEXTS) -> nw.Expr:
    """Return `cause` or `next_step` as an expression over kind and hints."""
    chain: nw.Expr = nw.lit("")
    for text in reversed(table):
        here: nw.Expr = nw.col("kind") == text.kind
        if text.flag:
            here = here & nw.col("hints").str.contains(text.flag, literal=True)
        chain = nw.when(here).then(nw.lit(getattr(text, column))).otherwise(chain)
    return chain
