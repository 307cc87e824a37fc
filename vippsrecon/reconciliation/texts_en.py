"""The cause and next step of every discrepancy, as fixed English sentences without amounts.

All sentences are in one table, so another language needs one more table. A code may have several
rows: a row with a flag is used where the pair has that flag. The first row that fits is used.
"""

from __future__ import annotations

from typing import NamedTuple

import narwhals.stable.v2 as nw

REFUND_WINDOW_PASSED = "refund_window_passed"
"""A hint, not a flag: the refund deadline has passed, so the next step is another one."""

IMPOSSIBLE_REFERENCE = "impossible_reference"
"""A hint, not a flag: the reference is not valid at Vipps MobilePay, so it was not requested."""


ONLY_RESERVED = "only_reserved"
"""A hint, not a flag: nothing was captured of a further payment, and it can be released."""


WHOLE_TOTAL = "whole_total"
"""A hint, not a flag: the totals of the file have no decimals, which explains the difference."""

WHOLE_TOTALS_CAUSE = (
    "The totals in the export have no decimals, so they differ from the payments by less than "
    "one unit of the currency."
)

ATTEMPTS_NOT_ASKED = "attempts_not_asked"
"""A hint, not a flag: a further attempt to pay the order was not asked for, so nothing is proposed."""


class CodeText(NamedTuple):
    """Cause and next step for one kind and, where `flag` is not empty, one flag or hint."""

    kind: str
    flag: str
    cause: str
    next_step: str


_WHOLE_TOTALS_STEP = (
    "Export the totals with their decimals. If the shop sells in whole units only, set "
    "tolerance_minor = 99 and a rounding_cap_minor that fits under [tolerances] in vippsrecon.toml."
)

KINDS_OF_WHOLE_TOTALS = (
    "under_captured",
    "over_captured",
    "refund_missing_at_vipps",
    "refund_missing_in_shop",
    "remainder_open",
    "rounding_difference",
)
"""Codes whose difference missing decimals can explain. They share one cause, and so one group."""

_WITHIN_TOLERANCE_STEP = (
    "Nothing to do as long as the sum of rounding differences stays within its limit."
)

ENGLISH_TEXTS: tuple[CodeText, ...] = (
    *(
        CodeText(
            kind,
            WHOLE_TOTAL,
            WHOLE_TOTALS_CAUSE,
            _WITHIN_TOLERANCE_STEP if kind == "rounding_difference" else _WHOLE_TOTALS_STEP,
        )
        for kind in KINDS_OF_WHOLE_TOTALS
    ),
    CodeText(
        "missing_in_vipps",
        "no_reference",
        "According to the export the order was paid with Vipps or MobilePay, but the export has no payment reference for it.",
        "Export again and include the column with the payment reference, or look up the order in the shop.",
    ),
    CodeText(
        "missing_in_vipps",
        IMPOSSIBLE_REFERENCE,
        "The reference in the export is not valid at Vipps MobilePay (8 to 64 letters, digits and hyphens), so it was not looked up.",
        "Export again and include the column with the payment reference; do not open the file in a spreadsheet.",
    ),
    CodeText(
        "missing_in_vipps",
        "",
        "The order is in the shop's export, but Vipps MobilePay has no payment with its reference on this sales unit.",
        "Check that the sales unit and the environment are correct; then check in the shop how the order was paid.",
    ),
    CodeText(
        "paid_twice",
        "",
        "The shop records the order as paid with another payment method, but money was captured at Vipps MobilePay as well.",
        "Check in the shop that the other payment arrived; then give the customer back what was captured at Vipps MobilePay.",
    ),
    CodeText(
        "missing_in_orders",
        "",
        "Vipps MobilePay has a payment that does not belong to any order in the export.",
        "Look up the reference in the shop; the order may have been deleted or never created. If nothing was sold, refund the customer.",
    ),
    CodeText(
        "duplicate_payment",
        ONLY_RESERVED,
        "The customer approved a second payment for an order that another payment already covers; nothing was captured from it.",
        "Cancel the second payment: this releases the reservation.",
    ),
    CodeText(
        "duplicate_payment",
        "",
        "The customer made a second payment for an order that another payment already covers.",
        "Find out which payment belongs to the order, then refund or cancel the other one manually.",
    ),
    CodeText(
        "duplicate_order_row",
        "",
        "Several order rows have the same payment reference, but their totals do not add up to the payment.",
        "Correct the export, or check in the shop which order the payment belongs to.",
    ),
    CodeText(
        "reference_mangled",
        "",
        "The reference in the export is damaged; a payment with the repaired reference was found and compared.",
        "Export again and do not open the file in a spreadsheet; if you must, import the references as text.",
    ),
    CodeText(
        "currency_mismatch",
        "presentment_currency",
        "The export has amounts in the shop's own currency, but the customer paid in another currency.",
        "Export the orders with amounts in the currency of the payment; until then the amounts cannot be compared.",
    ),
    CodeText(
        "currency_mismatch",
        "",
        "The order and the payment are in different currencies, so no amount was compared.",
        "Check in the shop which currency the order was sold in.",
    ),
    CodeText(
        "aggregate_mismatch",
        "",
        "The payment's event log and its totals at Vipps MobilePay do not agree, even after a second fetch.",
        "Fetch again later; if they still differ, send the reference to Vipps MobilePay's support. Do not change this payment until then.",
    ),
    CodeText(
        "not_paid",
        "",
        "The customer declined, cancelled or never answered the payment request, or it expired, but the shop still processes the order.",
        "If the order is not fulfilled yet, stop it; otherwise ask the customer for payment.",
    ),
    CodeText(
        "payment_not_recorded",
        "",
        "The customer paid, but the shop still records the order as unpaid: the message from Vipps MobilePay did not reach it.",
        "Mark the order as paid in the shop and fulfil it, or release or refund the money; then find out why the callback failed.",
    ),
    CodeText(
        "cancelled_but_captured",
        "recorded_by_hand",
        "The order is cancelled, and its refund was recorded by hand in the shop: it did not go through Vipps MobilePay.",
        "Ask who recorded the refund whether the customer was paid back another way; refund only if not.",
    ),
    CodeText(
        "cancelled_but_captured",
        "last_refund_failed",
        "The order is cancelled, but the refund of the captured amount failed.",
        "Refund the remaining captured amount; if the refund fails again, ask Vipps MobilePay's support why.",
    ),
    CodeText(
        "cancelled_but_captured",
        REFUND_WINDOW_PASSED,
        "The order is cancelled, but money was captured and not refunded in full.",
        "Pay the customer by bank transfer: the deadline for refunds has passed, and Vipps MobilePay would reject a refund (code 6220).",
    ),
    CodeText(
        "cancelled_but_captured",
        "",
        "The order is cancelled, but money was captured and not refunded in full.",
        "Refund the remaining captured amount, or correct the order if it was fulfilled after all.",
    ),
    CodeText(
        "captured_not_fulfilled",
        "",
        "The money was captured several days ago, but the order is still not fulfilled.",
        "Fulfil the order, or mark it as fulfilled in the shop; if it will not be fulfilled, refund it.",
    ),
    CodeText(
        "authorization_lost",
        "",
        "The reservation was released or expired before the full amount was captured.",
        "The money can no longer be captured: ask the customer for a new payment.",
    ),
    CodeText(
        "fulfilled_not_captured",
        "status_unknown",
        "Nothing was captured for the order, and the export does not show whether the order is fulfilled.",
        "Look up the order in the shop; no operation is proposed while the order's status is unknown.",
    ),
    CodeText(
        "fulfilled_not_captured",
        "method_unsure",
        "Nothing was captured for the order, and the name of its payment method does not tell whether it was paid with Vipps MobilePay.",
        "Look up in the shop how the order was paid; capture only if it was paid with Vipps MobilePay.",
    ),
    CodeText(
        "fulfilled_not_captured",
        ATTEMPTS_NOT_ASKED,
        "The order is fulfilled, but nothing was captured for it as far as this run knows: further attempts to pay it were not read.",
        "Fetch again, so that the next attempts are read too; the customer may have paid with one of them.",
    ),
    CodeText(
        "fulfilled_not_captured",
        "",
        "The order is fulfilled, but nothing was captured for it.",
        "Capture the payment before the reservation expires.",
    ),
    CodeText(
        "duplicate_capture",
        REFUND_WINDOW_PASSED,
        "The same amount was captured more than once; the excess is exactly that amount.",
        "Pay the customer by bank transfer: the deadline for refunds has passed, and Vipps MobilePay would reject a refund (code 6220).",
    ),
    CodeText(
        "duplicate_capture",
        "",
        "The same amount was captured more than once; the excess is exactly that amount.",
        "Refund the excess to the customer.",
    ),
    CodeText(
        "rounding_difference",
        "shopware_truncation",
        "Shopware's plugin truncates amounts instead of rounding them, so the payment is one minor unit too low.",
        "Nothing to do; update the plugin when a version that rounds correctly is released.",
    ),
    CodeText(
        "rounding_difference",
        "",
        "The difference between the amounts is within the rounding tolerance.",
        _WITHIN_TOLERANCE_STEP,
    ),
    CodeText(
        "under_captured",
        "split_tender",
        "Less was captured than the order's total; the order was paid with several payment methods, and the export does not show the amount of each.",
        "Check in the shop how much of the order was to be paid with Vipps MobilePay.",
    ),
    CodeText(
        "under_captured",
        "not_capturable",
        "The order is fulfilled, but less than its total was captured, and the reservation no longer covers the rest.",
        "Ask the customer for the rest, or correct the order's total.",
    ),
    CodeText(
        "under_captured",
        ATTEMPTS_NOT_ASKED,
        "The order is fulfilled, but less than its total was captured as far as this run knows: further attempts to pay it were not read.",
        "Fetch again, so that the next attempts are read too; the customer may have paid the rest with one of them.",
    ),
    CodeText(
        "under_captured",
        "",
        "The order is fulfilled, but less than its total was captured.",
        "Capture the rest before the reservation expires, or correct the order's total.",
    ),
    CodeText(
        "over_captured",
        "express_shipping",
        "The captured amount includes freight that the customer chose in Vipps MobilePay Express; the order does not include it.",
        "Add the freight to the order in the shop; do not refund anything.",
    ),
    CodeText(
        "over_captured",
        "split_tender",
        "More was captured than the order shows for Vipps MobilePay; the order was paid with several payment methods, and the export does not show the amount of each.",
        "Check in the shop how much of the order was to be paid with Vipps MobilePay.",
    ),
    CodeText(
        "over_captured",
        REFUND_WINDOW_PASSED,
        "More was captured than the order's total.",
        "Pay the customer by bank transfer: the deadline for refunds has passed, and Vipps MobilePay would reject a refund (code 6220).",
    ),
    CodeText(
        "over_captured",
        "",
        "More was captured than the order's total.",
        "Refund the excess, or correct the order if it was changed after the capture.",
    ),
    CodeText(
        "refund_exceeds_capture",
        "",
        "More was refunded than was captured.",
        "Send the reference to Vipps MobilePay's support at once, and make no more refunds of this payment.",
    ),
    CodeText(
        "refund_failed",
        "recorded_by_hand",
        "A refund failed at Vipps MobilePay, and the shop recorded the refund by hand.",
        "Ask who recorded the refund whether the customer was paid back another way; refund only if not.",
    ),
    CodeText(
        "refund_failed",
        REFUND_WINDOW_PASSED,
        "The shop refunded the customer, but the refund failed at Vipps MobilePay.",
        "Pay the customer by bank transfer: the deadline for refunds has passed, and Vipps MobilePay would reject a refund (code 6220).",
    ),
    CodeText(
        "refund_failed",
        ATTEMPTS_NOT_ASKED,
        "The shop refunded the customer, but the refund failed at Vipps MobilePay as far as this run knows: further attempts to pay the order were not read.",
        "Fetch again, so that the next attempts are read too; one of them may have been paid back.",
    ),
    CodeText(
        "refund_failed",
        "",
        "The shop refunded the customer, but the refund failed at Vipps MobilePay.",
        "Refund again; if the refund fails again, pay the customer by bank transfer.",
    ),
    CodeText(
        "refund_missing_at_vipps",
        "recorded_by_hand",
        "The refund was recorded by hand in the shop: it did not go through Vipps MobilePay.",
        "Ask who recorded the refund whether the customer was paid back another way; refund only if not.",
    ),
    CodeText(
        "refund_missing_at_vipps",
        REFUND_WINDOW_PASSED,
        "The shop records a refund that was never made at Vipps MobilePay.",
        "Pay the customer by bank transfer: the deadline for refunds has passed, and Vipps MobilePay would reject a refund (code 6220).",
    ),
    CodeText(
        "refund_missing_at_vipps",
        ATTEMPTS_NOT_ASKED,
        "The shop records a refund that was not made at Vipps MobilePay as far as this run knows: further attempts to pay the order were not read.",
        "Fetch again, so that the next attempts are read too; one of them may have been paid back.",
    ),
    CodeText(
        "refund_missing_at_vipps",
        "",
        "The shop records a refund that was never made at Vipps MobilePay.",
        "Refund the customer, or reverse the refund in the shop if it was paid another way.",
    ),
    CodeText(
        "refund_missing_in_shop",
        "made_elsewhere",
        "A refund was made outside this toolkit, in the business portal or by another system, but it is not recorded in the shop.",
        "Record the refund in the shop, with a credit note.",
    ),
    CodeText(
        "refund_missing_in_shop",
        "refunded_by_us",
        "The refund was made with this toolkit and is in its journal, but it is not recorded in the shop.",
        "Record the refund in the shop, with a credit note; the plan's outcomes show its document number.",
    ),
    CodeText(
        "refund_missing_in_shop",
        "",
        "Money was refunded at Vipps MobilePay, but the refund is not recorded in the shop.",
        "Record the refund in the shop, with a credit note.",
    ),
    CodeText(
        "remainder_open",
        "",
        "Money is still reserved on the customer's account, but nothing more will be captured.",
        "Cancel the payment: this releases the remaining reservation and does not change what was captured.",
    ),
    CodeText(
        "authorization_expiring",
        "",
        "The reservation, or Vipps MobilePay's guarantee for it, expires soon, and the order is not yet captured in full.",
        "Fulfil the order and capture before the deadline, or agree on a new payment with the customer.",
    ),
)


def choose_sentence(column: str, table: tuple[CodeText, ...] = ENGLISH_TEXTS) -> nw.Expr:
    """Return `cause` or `next_step` as an expression over kind and hints."""
    chain: nw.Expr = nw.lit("")
    for text in reversed(table):
        matches: nw.Expr = nw.col("kind") == text.kind
        if text.flag:
            matches = matches & nw.col("hints").str.contains(text.flag, literal=True)
        chain = nw.when(matches).then(nw.lit(getattr(text, column))).otherwise(chain)
    return chain
