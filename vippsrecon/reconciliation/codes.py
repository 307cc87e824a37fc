"""Define every code of a comparison, one row each: bucket, severity and proposed operation.

A code is the name of a check function. All its other properties are in its row here, except its
texts (title, cause and next step, likely cause or meaning), which are in the catalogues of
`vippsrecon.texts`. A new code therefore needs one check, one row here, its texts, one worked example
and one scenario case. This module imports no frame library, so planning refunds and reporting on
them can read the table without loading one.
"""

from __future__ import annotations

from typing import NamedTuple

from vippsrecon.texts import find_text, say


class Code(NamedTuple):
    """The properties of one code that do not depend on amounts.

    Attributes:
        name: The code, such as `under_captured`; published, so it never changes.
        leg: What is compared: order_payment, payment_ledger, ledger_payout or payout_bank. A code
            of two legs has the first.
        bucket: Where a pair with this code is counted: discrepancy, timing, ignored, matched or
            not_checked.
        severity: Severity before money, deadline and age are considered; only for discrepancies.
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
    proposes: str = ""
    plan_reason: str = ""
    too_little_moved: bool = False
    shop_is_right: bool = False
    amounts_compared: bool = True
    can_be_at_risk: bool = True
    uses_total: bool = False

    @property
    def title(self) -> str:
        """A few words shown beside the code in tables, in the current language."""
        return say(f"codes.{self.name}.title")

    @property
    def likely_cause(self) -> str:
        """The likely cause when many pairs have this discrepancy; "" for any other code."""
        return find_text(f"codes.{self.name}.likely_cause")

    @property
    def meaning(self) -> str:
        """One sentence for a code that is not a discrepancy; "" for any other."""
        return find_text(f"codes.{self.name}.meaning")


_LEG = "order_payment"
_LEDGER = "payment_ledger"
_PAYOUT = "ledger_payout"
_BANK = "payout_bank"

# The formatter would spread each row over nine lines; two or three are easier to compare.
# fmt: off
CODES = (
    Code("duplicate_order_row", _LEG, "discrepancy", "low", amounts_compared=False,
         uses_total=True),
    Code("paid_twice", _LEG, "discrepancy", "high", amounts_compared=False),
    Code("duplicate_payment", _LEG, "discrepancy", "high", proposes="cancel",
         plan_reason="duplicate", shop_is_right=True, amounts_compared=False),
    Code("missing_in_orders", _LEG, "discrepancy", "high", amounts_compared=False),
    Code("missing_in_vipps", _LEG, "discrepancy", "high", amounts_compared=False, uses_total=True),
    Code("currency_mismatch", _LEG, "discrepancy", "high", amounts_compared=False),
    Code("reference_mangled", _LEG, "discrepancy", "medium", can_be_at_risk=False),
    Code("cancelled_but_captured", _LEG, "discrepancy", "high", proposes="refund",
         plan_reason="cancellation"),
    Code("payment_not_recorded", _LEG, "discrepancy", "high"),
    Code("captured_not_fulfilled", _LEG, "discrepancy", "medium"),
    Code("not_paid", _LEG, "discrepancy", "high", uses_total=True),
    Code("authorization_lost", _LEG, "discrepancy", "high", uses_total=True),
    Code("fulfilled_not_captured", _LEG, "discrepancy", "high", proposes="capture",
         plan_reason="other", too_little_moved=True, uses_total=True),
    Code("duplicate_capture", _LEG, "discrepancy", "high", proposes="refund",
         plan_reason="duplicate", shop_is_right=True, uses_total=True),
    Code("rounding_difference", _LEG, "discrepancy", "info", can_be_at_risk=False, uses_total=True),
    Code("under_captured", _LEG, "discrepancy", "medium", proposes="capture", plan_reason="other",
         too_little_moved=True, uses_total=True),
    Code("over_captured", _LEG, "discrepancy", "medium", proposes="refund",
         plan_reason="excess_capture", shop_is_right=True, uses_total=True),
    Code("refund_exceeds_capture", _LEG, "discrepancy", "critical"),
    Code("refund_failed", _LEG, "discrepancy", "high", proposes="refund", plan_reason="return",
         too_little_moved=True, shop_is_right=True),
    Code("refund_missing_at_vipps", _LEG, "discrepancy", "high", proposes="refund",
         plan_reason="return", too_little_moved=True, shop_is_right=True),
    Code("refund_missing_in_shop", _LEG, "discrepancy", "medium"),
    Code("remainder_open", _LEG, "discrepancy", "low", proposes="cancel", plan_reason="release",
         shop_is_right=True, uses_total=True),
    Code("authorization_expiring", _LEG, "discrepancy", "medium", uses_total=True),
    Code("aggregate_mismatch", _LEG, "discrepancy", "critical", amounts_compared=False),
    Code("ledger_without_event", _LEDGER, "discrepancy", "high"),
    Code("capture_not_on_ledger", _LEDGER, "discrepancy", "high"),
    Code("refund_not_on_ledger", _LEDGER, "discrepancy", "high"),
    Code("ledger_amount_difference", _LEDGER, "discrepancy", "high"),
    Code("fee_missing", _LEDGER, "discrepancy", "low", can_be_at_risk=False),
    Code("fee_variance", _LEDGER, "discrepancy", "medium"),
    Code("dispute_retained", _LEDGER, "discrepancy", "high"),
    Code("dispute_returned", _LEDGER, "discrepancy", "info", can_be_at_risk=False),
    Code("manual_correction", _LEDGER, "discrepancy", "medium", can_be_at_risk=False),
    Code("unknown_entry_type", _LEDGER, "discrepancy", "medium"),
    Code("balance_chain_break", _LEDGER, "discrepancy", "high", can_be_at_risk=False),
    # Between payout and bank, too.
    Code("payout_amount_difference", _PAYOUT, "discrepancy", "high"),
    Code("payout_aborted", _PAYOUT, "discrepancy", "high"),
    Code("payout_number_gap", _PAYOUT, "discrepancy", "medium", can_be_at_risk=False),
    Code("negative_balance_carried", _PAYOUT, "discrepancy", "medium"),
    Code("payout_account_changed", _PAYOUT, "discrepancy", "high", can_be_at_risk=False),
    Code("payout_not_in_bank", _BANK, "discrepancy", "high"),
    Code("bank_credit_unexplained", _BANK, "discrepancy", "medium"),
    Code("timing_awaiting_payment", _LEG, "timing"),
    Code("timing_awaiting_fulfilment", _LEG, "timing"),
    Code("timing_capture_pending", _LEG, "timing"),
    Code("timing_refund_pending", _LEG, "timing"),
    Code("timing_refund_not_recorded", _LEG, "timing"),
    Code("timing_after_cut", _LEG, "timing"),
    Code("timing_outside_export", _LEG, "timing"),
    Code("timing_not_on_ledger", _LEDGER, "timing"),
    Code("timing_fee_late", _LEDGER, "timing"),
    Code("timing_payout_in_transit", _BANK, "timing"),
    Code("outside_period", _LEG, "ignored"),
    Code("superseded_row", _LEG, "ignored"),
    Code("other_bank_line", _BANK, "ignored"),
    Code("nothing_to_pay", _LEG, "ignored"),
    Code("other_payment_method", _LEG, "ignored"),
    Code("not_epayment", _LEG, "ignored"),
    Code("waived", _LEG, "ignored"),
    Code("abandoned_checkout", _LEG, "ignored"),
    Code("superseded_attempt", _LEG, "matched"),
    Code("cancellation_fee_kept", _LEG, "matched"),
    # The last two need no meaning: reports show them as "matched" and "not checked", not as codes.
    Code("cancelled_unpaid", _LEG, "matched"),
    Code("not_checked", _LEG, "not_checked"),
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
a report leave them out. The sum of a split payment is not the amount of any single payment. The
customer of a `disputed` payment may get the money through the dispute already."""
