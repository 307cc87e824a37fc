"""Define every code of a comparison, one row each: bucket, severity, title and proposed operation.

A code is the name of a check function. All its other properties are in its row here, except its
sentences (cause and next step, in `texts_en`). A new code therefore needs one check, one row here,
one sentence, one worked example and one scenario case. This module imports no frame library, so
planning refunds and reporting on them can read the table without loading one.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """The properties of one code that do not depend on amounts.

    Attributes:
        name: The code, such as `under_captured`; published, so it never changes.
        leg: What is compared: order_payment.
        bucket: Where a pair with this code is counted: discrepancy, timing, ignored, matched or
            not_checked.
        severity: Severity before money, deadline and age are considered; only for discrepancies.
        title: A few words shown beside the code in tables.
        likely_cause: The likely cause when many pairs have this discrepancy.
        meaning: One sentence for a code that is not a discrepancy; discrepancies have `texts_en`.
        proposes: The one operation that may be proposed: refund, capture, cancel; "" for none.
        plan_reason: The reason written into a plan row that is made from this code.
        too_little_moved: The amount to propose is expected minus actual, not actual minus expected.
        shop_is_right: After the proposed operation the shop's order needs no change.
        amounts_compared: False where the amounts were not compared or prove nothing. The absence
            of another discrepancy on such a pair is then no evidence that one was closed.
        can_be_at_risk: False where money is never at risk. The rule that a discrepancy without
            money at risk is *low* does not apply to such a code.
        uses_total: The order's total is one side of the comparison, so a flag that explains a
            wrong total lowers the severity.
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
    uses_total: bool = False


_LEG = "order_payment"
_ANY_CAUSE = "a setting, an export or a plugin"

# The formatter would spread each row over nine lines; two or three are easier to compare.
# fmt: off
CODES = (
    Code("duplicate_order_row", _LEG, "discrepancy", "low",
         "A further order row for one payment", _ANY_CAUSE, amounts_compared=False,
         uses_total=True),
    Code("paid_twice", _LEG, "discrepancy", "high",
         "Paid another way, and captured as well",
         "a shop that lets customers pay an order again with another payment method",
         amounts_compared=False),
    Code("duplicate_payment", _LEG, "discrepancy", "high",
         "A further payment for one order", _ANY_CAUSE, proposes="cancel", plan_reason="duplicate",
         shop_is_right=True, amounts_compared=False),
    Code("missing_in_orders", _LEG, "discrepancy", "high",
         "The payment has no order", "an export that holds only some of the orders",
         amounts_compared=False),
    Code("missing_in_vipps", _LEG, "discrepancy", "high",
         "The order has no payment",
         "the wrong sales unit or environment, or the wrong reference column",
         amounts_compared=False, uses_total=True),
    Code("currency_mismatch", _LEG, "discrepancy", "high",
         "Order and payment are in different currencies", "an export in the shop's own currency",
         amounts_compared=False),
    Code("reference_mangled", _LEG, "discrepancy", "medium",
         "The export damaged the reference", "an export opened and saved in a spreadsheet",
         can_be_at_risk=False),
    Code("cancelled_but_captured", _LEG, "discrepancy", "high",
         "The order is cancelled but not fully refunded", _ANY_CAUSE, proposes="refund",
         plan_reason="cancellation"),
    Code("payment_not_recorded", _LEG, "discrepancy", "high",
         "Paid, but the shop does not know",
         "callbacks from Vipps MobilePay that do not reach the shop"),
    Code("captured_not_fulfilled", _LEG, "discrepancy", "medium",
         "Captured, not fulfilled yet",
         'the shop captures when the order is placed (set capture = "at_once" for the sales unit), or the export lacks the fulfilment column'),
    Code("not_paid", _LEG, "discrepancy", "high",
         "The shop expects money that never came",
         "an export that does not say whether an order is paid", uses_total=True),
    Code("authorization_lost", _LEG, "discrepancy", "high",
         "The reservation expired before all was captured", _ANY_CAUSE, uses_total=True),
    Code("fulfilled_not_captured", _LEG, "discrepancy", "high",
         "Fulfilled, nothing captured",
         "captures that stopped: a plugin setting, or expired keys in the shop",
         proposes="capture", plan_reason="other", too_little_moved=True, uses_total=True),
    Code("duplicate_capture", _LEG, "discrepancy", "high",
         "The same amount captured twice", _ANY_CAUSE, proposes="refund", plan_reason="duplicate",
         shop_is_right=True, uses_total=True),
    Code("rounding_difference", _LEG, "discrepancy", "info",
         "A difference within the tolerance", "a plugin that truncates amounts",
         can_be_at_risk=False, uses_total=True),
    Code("under_captured", _LEG, "discrepancy", "medium",
         "Less captured than the order says",
         "totals that include another payment method, or a plugin that rounds down", proposes="capture",
         plan_reason="other", too_little_moved=True, uses_total=True),
    Code("over_captured", _LEG, "discrepancy", "medium",
         "More captured than the order says", "freight or tips that are not in the export",
         proposes="refund", plan_reason="excess_capture", shop_is_right=True, uses_total=True),
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
         plan_reason="release", shop_is_right=True, uses_total=True),
    Code("authorization_expiring", _LEG, "discrepancy", "medium",
         "The reservation expires soon", _ANY_CAUSE, uses_total=True),
    Code("aggregate_mismatch", _LEG, "discrepancy", "critical",
         "The payment's events and totals disagree", _ANY_CAUSE, amounts_compared=False),
    Code("timing_awaiting_payment", _LEG, "timing",
         title="The customer has not paid yet",
         meaning="The customer has not yet answered the payment request."),
    Code("timing_awaiting_fulfilment", _LEG, "timing",
         title="Reserved, waiting for fulfilment",
         meaning="The order is not yet fulfilled, or only in part; the rest is not due yet."),
    Code("timing_capture_pending", _LEG, "timing",
         title="Fulfilled, capture within the grace period",
         meaning="The order was fulfilled recently; the capture may still come."),
    Code("timing_refund_pending", _LEG, "timing",
         title="Refund within the grace period",
         meaning="The shop recorded the refund recently; the refund at Vipps MobilePay may still come."),
    Code("timing_refund_not_recorded", _LEG, "timing",
         title="Refund within the grace period, not yet in the shop",
         meaning="The refund was made at Vipps MobilePay recently; the shop may still record it."),
    Code("timing_after_cut", _LEG, "timing",
         title="Changed after the cut-off time",
         meaning="The order or the payment changed after the cut-off time; the next run includes the change. If the shop changed after the fetch, fetch again."),
    Code("timing_outside_export", _LEG, "timing",
         title="Belongs to another period's export",
         meaning="The payment belongs to an order outside the days or sales units of this export."),
    Code("outside_period", _LEG, "ignored",
         title="Outside the period",
         meaning="Nothing was ordered, fulfilled, captured, refunded or cancelled in the period."),
    Code("superseded_row", _LEG, "ignored",
         title="An older row of the same order",
         meaning="A newer export shows the same order again; the newest row is compared."),
    Code("nothing_to_pay", _LEG, "ignored",
         title="Total 0 and no payment", meaning="The order's total is 0 and it has no payment."),
    Code("other_payment_method", _LEG, "ignored",
         title="Paid another way",
         meaning="The order was paid with another payment method, and Vipps MobilePay kept no captured money for it."),
    Code("not_epayment", _LEG, "ignored",
         title="A recurring charge",
         meaning="The order is a recurring charge, which is not an ePayment payment."),
    Code("waived", _LEG, "ignored",
         title="Waived in the ignore file", meaning="The payment is listed in the ignore file."),
    Code("abandoned_checkout", _LEG, "ignored",
         title="Checkout abandoned", meaning="The customer left before paying."),
    Code("superseded_attempt", _LEG, "matched",
         title="An earlier attempt at the same order",
         meaning="Another payment attempt for the same order; it holds no money."),
    Code("cancellation_fee_kept", _LEG, "matched",
         title="Cancelled, a fee was kept as agreed",
         meaning="The order is cancelled, and the shop intentionally kept a fee."),
    # The last two need no meaning: reports show them as "matched" and "not checked", not as codes.
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
    try:
        return CODE_BY_NAME[name]
    except KeyError:
        raise KeyError(f"the code {name} has no row in CODES, {__name__}") from None


def _names_in_bucket(bucket: str) -> tuple[str, ...]:
    return tuple(code.name for code in CODES if code.bucket == bucket)


DISCREPANCY_KINDS = _names_in_bucket("discrepancy")
TIMING_KINDS = _names_in_bucket("timing")
IGNORED_KINDS = _names_in_bucket("ignored")
EXPLAINED_KINDS = _names_in_bucket("matched")
"""Codes of pairs that are matched for a reason worth showing."""

UNCOMPARED_KINDS = tuple(code.name for code in CODES if not code.amounts_compared)
"""Kinds of pairs whose amounts were not compared, or prove nothing: nothing is closed by them."""

MANUAL_FLAGS = (
    "express_shipping",
    "split_tender",
    "split_payment",
    "amounts_as_fetched",
    "possible_duplicate",
    "disputed",
    "recorded_by_hand",
    "refunds_unknown",
    "method_unsure",
)
"""Flags of rows that a person must resolve: no operation is proposed for them, and plans made from
a report leave them out. The sum of a split payment is not the amount of any single payment. No
check raises `disputed` yet; it only keeps a row out of plans when a reviewer has added the flag."""
