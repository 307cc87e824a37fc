"""Every code of a comparison, one row each: bucket, severity, title and what may be done about it.

A code is the name of a check function. Everything else that is known of a code is in its row here,
except its sentences (cause and next step, in `texts_en`), so that a new code is one check, one row,
one sentence, one worked case and one scenario case. Plain Python without imports: planning and
reporting on refunds read this table without loading a frame library.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """What is known of one code, whatever its amounts are.

    Attributes:
        name: The code itself, such as `under_captured`; it never changes.
        leg: What is compared: order_payment.
        bucket: Where a pair with this code is counted: discrepancy, timing, ignored, matched or
            not_checked.
        severity: Before money, deadline and age are considered. Only discrepancies have one.
        title: A few words beside the code in tables.
        likely_cause: The likely cause where a discrepancy hits very many pairs at once.
        meaning: One sentence for a code that is not a discrepancy; discrepancies have `texts_en`.
        proposes: The one operation that may be proposed: refund, capture, cancel; "" for none.
        plan_reason: The reason that a plan row made from it is given.
        too_little_moved: The amount to propose is expected minus actual, not actual minus expected.
        shop_is_right: After the proposed operation the shop's order is right without a change.
        amounts_compared: False where amounts were not compared, or prove nothing: that such a pair
            has no other discrepancy closes none.
        can_be_at_risk: False where money is never at risk: the rule that a discrepancy without
            money at risk is *low* does not apply.
    """

    name: str
    leg: str
    bucket: str
    severity: str = ""
    title: str = ""
    likely_cause: str = ""
    meaning: str = ""
    proposes: str = ""
    plan_reason: str = ""
    too_little_moved: bool = False
    shop_is_right: bool = False
    amounts_compared: bool = True
    can_be_at_risk: bool = True


_LEG = "order_payment"
_ANY_CAUSE = "a setting, an export or a plugin"

# Two or three lines a row, which the formatter would stretch to nine.
# fmt: off
CODES = (
    Code("duplicate_order_row", _LEG, "discrepancy", "low",
         "A further order row for one payment", _ANY_CAUSE, amounts_compared=False),
    Code("duplicate_payment", _LEG, "discrepancy", "high",
         "A further payment for one order", _ANY_CAUSE, amounts_compared=False),
    Code("missing_in_orders", _LEG, "discrepancy", "high",
         "The payment has no order", "an export that holds only some of the orders",
         amounts_compared=False),
    Code("missing_in_vipps", _LEG, "discrepancy", "high",
         "The order has no payment",
         "the wrong sales unit or environment, or the wrong reference column",
         amounts_compared=False),
    Code("currency_mismatch", _LEG, "discrepancy", "high",
         "Order and payment are in different currencies", "an export in the shop's own currency",
         amounts_compared=False),
    Code("reference_mangled", _LEG, "discrepancy", "medium",
         "The export damaged the reference", "an export opened and saved in a spreadsheet",
         can_be_at_risk=False),
    Code("cancelled_but_captured", _LEG, "discrepancy", "high",
         "The order is cancelled, the money was kept", _ANY_CAUSE, proposes="refund",
         plan_reason="cancellation"),
    Code("captured_not_fulfilled", _LEG, "discrepancy", "medium",
         "Captured long before delivery",
         'the shop captures when the order is placed (set capture = "at_once" for the sales unit), or the export lacks the fulfilment column'),
    Code("not_paid", _LEG, "discrepancy", "high",
         "The shop expects money that never came",
         "an export that does not say whether an order is paid"),
    Code("authorization_lost", _LEG, "discrepancy", "high",
         "The reservation lapsed before all was captured", _ANY_CAUSE),
    Code("fulfilled_not_captured", _LEG, "discrepancy", "high",
         "Delivered, nothing captured",
         "captures that stopped: a plugin setting, or expired keys in the shop",
         proposes="capture", plan_reason="other", too_little_moved=True),
    Code("duplicate_capture", _LEG, "discrepancy", "high",
         "The same amount captured twice", _ANY_CAUSE, proposes="refund", plan_reason="duplicate",
         shop_is_right=True),
    Code("rounding_difference", _LEG, "discrepancy", "info",
         "A difference within the tolerance", "a plugin that cuts amounts off",
         can_be_at_risk=False),
    Code("under_captured", _LEG, "discrepancy", "medium",
         "Less captured than the order says",
         "totals that hold another tender, or a plugin that rounds down", proposes="capture",
         plan_reason="other", too_little_moved=True),
    Code("over_captured", _LEG, "discrepancy", "medium",
         "More captured than the order says", "freight or tips the export leaves out",
         proposes="refund", plan_reason="excess_capture", shop_is_right=True),
    Code("refund_exceeds_capture", _LEG, "discrepancy", "critical",
         "More refunded than captured", _ANY_CAUSE),
    Code("refund_failed", _LEG, "discrepancy", "high",
         "The refund was tried and failed", _ANY_CAUSE, proposes="refund", plan_reason="return",
         too_little_moved=True, shop_is_right=True),
    Code("refund_missing_at_vipps", _LEG, "discrepancy", "high",
         "Refunded in the shop, not at Vipps MobilePay",
         "refunds recorded in the shop and paid another way", proposes="refund",
         plan_reason="return", too_little_moved=True, shop_is_right=True),
    Code("refund_missing_in_shop", _LEG, "discrepancy", "medium",
         "Refunded at Vipps MobilePay, not in the shop",
         "an export without the refunds column, or refunds made in the business portal"),
    Code("remainder_open", _LEG, "discrepancy", "low",
         "Money still reserved that nobody will capture",
         "a shop that never releases what it does not capture", proposes="cancel",
         plan_reason="release", shop_is_right=True),
    Code("authorization_expiring", _LEG, "discrepancy", "medium",
         "The reservation soon lapses", _ANY_CAUSE),
    Code("aggregate_mismatch", _LEG, "discrepancy", "critical",
         "The payment's events and totals disagree", _ANY_CAUSE, amounts_compared=False),
    Code("timing_awaiting_payment", _LEG, "timing",
         title="The customer has not paid yet",
         meaning="The customer has not yet answered the payment request."),
    Code("timing_awaiting_fulfilment", _LEG, "timing",
         title="Reserved, waiting for delivery",
         meaning="The order is not, or not wholly, fulfilled; the rest is not due yet."),
    Code("timing_capture_pending", _LEG, "timing",
         title="Delivered, capture still in its grace",
         meaning="The order was fulfilled a short while ago; the capture may still come."),
    Code("timing_refund_pending", _LEG, "timing",
         title="Refund still in its grace",
         meaning="The shop refunded a short while ago; the refund may still come."),
    Code("timing_after_cut", _LEG, "timing",
         title="Changed after the moment compared at",
         meaning="Something changed after the moment compared at; the next run sees both sides. Where the shop changed after the fetch: fetch again."),
    Code("timing_outside_export", _LEG, "timing",
         title="Belongs to another period's export",
         meaning="The payment's order lies outside the days or sales units of this export."),
    Code("nothing_to_pay", _LEG, "ignored",
         title="Total 0 and no payment", meaning="An order of total 0 without a payment."),
    Code("other_payment_method", _LEG, "ignored",
         title="Paid by other means", meaning="The order was paid another way."),
    Code("not_epayment", _LEG, "ignored",
         title="A recurring charge",
         meaning="A recurring charge, which is not an ePayment payment."),
    Code("waived", _LEG, "ignored",
         title="Waived in the ignore file", meaning="Listed in the ignore file."),
    Code("abandoned_checkout", _LEG, "ignored",
         title="Checkout abandoned", meaning="The customer left before paying."),
    Code("superseded_attempt", _LEG, "matched",
         title="An earlier attempt at the same order",
         meaning="Another attempt at the same order; it holds no money."),
    Code("cancellation_fee_kept", _LEG, "matched",
         title="Cancelled, a fee was kept as agreed",
         meaning="The order is cancelled and the shop kept a fee on purpose."),
    # The last two have no meaning: no report shows them as a code, but as matched and not checked.
    Code("cancelled_unpaid", _LEG, "matched",
         title="Cancelled, and nothing was paid"),
    Code("not_checked", _LEG, "not_checked",
         title="Vipps MobilePay's answer is missing"),
)
"""One row per code. Discrepancies are in the order of their checks, which is the order of the
bridge's lines; the other codes are in the order of the codes page."""
# fmt: on

CODE_BY_NAME = {code.name: code for code in CODES}


def get_code(name: str) -> Code:
    """Return the row of a code.

    >>> get_code("under_captured").severity
    'medium'

    Raises:
        KeyError: No row has this name.
    """
    return CODE_BY_NAME[name]


def _names_in_bucket(bucket: str) -> tuple[str, ...]:
    return tuple(code.name for code in CODES if code.bucket == bucket)


DISCREPANCY_KINDS = _names_in_bucket("discrepancy")
TIMING_KINDS = _names_in_bucket("timing")
IGNORED_KINDS = _names_in_bucket("ignored")
EXPLAINED_KINDS = _names_in_bucket("matched")
"""Codes that explain a pair that is in order."""

MANUAL_FLAGS = (
    "express_shipping",
    "split_tender",
    "split_payment",
    "amounts_as_fetched",
    "possible_duplicate",
    "disputed",
)
"""Flags of rows that a person must resolve: nothing is proposed for them, and no plan made from a
report holds them. A split payment's sum is not the amount of any single payment. No check raises
`disputed` yet, so it keeps a row only out of plans: a reviewer may have added it to the frame."""
