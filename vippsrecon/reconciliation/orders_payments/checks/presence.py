"""Check that each order has its payment, and each payment its order.

If a side is missing, duplicated or in another currency, the amounts are not compared.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import (
    HAS_PAYMENT,
    ROLE,
    UNKNOWN_AMOUNT,
    C,
    Check,
    CheckFunction,
    K,
    O,
    Or,
    R,
    has_status,
    positive_part,
)

_PAIR = ROLE == "pair"
_ORPHAN = ROLE == "orphan"
_WITHOUT_PAYMENT = _PAIR & ~HAS_PAYMENT
_WITH_PAYMENT = _PAIR & HAS_PAYMENT
_MONEY_HELD = nw.when(C > 0).then(positive_part(C - R)).otherwise(K)


def duplicate_order_row() -> Check:
    """Find superfluous order rows: several rows share a reference but do not sum to its payment.

    The row nearest to the captured amount is compared; every other row gets this code.

    >>> from vippsrecon.reconciliation.examples import run_orders_example
    >>> run_orders_example([1000, 900], C=1000)
    ['discrepancy duplicate_order_row 900 → -, at risk 0']
    """
    return Check(ROLE == "surplus", O, UNKNOWN_AMOUNT)


def superseded_attempt() -> Check:
    """Find other attempts to pay the same order that hold no money: these match.

    >>> from vippsrecon.reconciliation.examples import run_payments_example
    >>> run_payments_example([("A", 1000, 0, 1000), ("A-1", 1000, 1000, 0)])
    ['matched superseded_attempt', 'matched']
    """
    return Check(ROLE == "superseded")


def duplicate_payment() -> Check:
    """Find orders with two payments that both hold money: the customer has paid twice.

    The payment nearest to the order total counts; every other live payment gets this code. Payments
    that together are no more than the order are one split payment instead.

    >>> from vippsrecon.reconciliation.examples import run_payments_example
    >>> run_payments_example([("A", 1000, 1000, 0), ("A-1", 1000, 1000, 0)])
    ['matched', 'discrepancy duplicate_payment 0 → 1000, at risk 1000']
    >>> run_payments_example([("A", 600, 600, 0), ("A-1", 400, 400, 0)])
    ['matched', 'matched']
    """
    return Check(ROLE == "second", nw.lit(0), C, _MONEY_HELD)


def timing_outside_export() -> Check:
    """Find payments outside the export: an earlier or later day, or another sales unit.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=None, cover=(5, 1))
    ['timing timing_outside_export']
    """
    day = (
        nw.when(~nw.col("authorized_day").is_null())
        .then(nw.col("authorized_day"))
        .otherwise(nw.col("created_day"))
    )
    outside = (day < nw.col("cover_first_day")) | (day > nw.col("cover_last_day"))
    uncovered = nw.col("cover_exported_us").is_null()
    return Check(
        _ORPHAN & ~nw.col("waived") & (uncovered | outside.fill_null(value=False)),
        UNKNOWN_AMOUNT,
        C,
    )


def missing_in_orders() -> Check:
    """Find payments that hold or held money and have no order in the export.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=None)
    ['discrepancy missing_in_orders - → 1000, at risk 1000']
    >>> run_example(O=None, C=0)
    ['discrepancy missing_in_orders - → 1000, at risk 1000']
    >>> run_example(O=None, R=1000)
    ['discrepancy missing_in_orders - → 1000, at risk 0']
    """
    amount = nw.when(C > 0).then(C).otherwise(K)
    return Check(
        _ORPHAN & ~nw.col("waived") & ((C > 0) | (K > 0)), UNKNOWN_AMOUNT, amount, _MONEY_HELD
    )


def not_checked() -> Check:
    """Find payments that could not be read; they get no result, and the run is incomplete.

    Other attempts to pay the same order get no result either: while one attempt is unread, the
    amounts of the others prove nothing.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, failure=503)
    ['not_checked']
    """
    return Check(nw.col("read_failed"))


def nothing_to_pay() -> Check:
    """Find orders with a total of 0 and no payment.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=0, A=None)
    ['ignored nothing_to_pay']
    """
    return Check(_WITHOUT_PAYMENT & (O == 0))


def other_payment_method() -> Check:
    """Find orders paid by another method, without a payment for their reference.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, by_vipps=False)
    ['ignored other_payment_method']
    """
    return Check(_WITHOUT_PAYMENT & (~nw.col("by_vipps")).fill_null(value=False))


def not_epayment() -> Check:
    """Find recurring charges: they are not ePayment payments and cannot be read as such.

    Source: https://developer.vippsmobilepay.com/docs/APIs/recurring-api/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, recurring=True)
    ['ignored not_epayment']
    """
    return Check(_PAIR & nw.col("recurring"))


def waived() -> Check:
    """Find orders and payments that the user's ignore file lists.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=400, waive=True)
    ['ignored waived']
    """
    return Check(nw.col("waived") & (_PAIR | _ORPHAN))


def cancelled_unpaid() -> Check:
    """Find cancelled orders that were never paid: both sides are zero, so they match.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, status="cancelled")
    ['matched']
    """
    return Check(_WITHOUT_PAYMENT & has_status("cancelled"))


def missing_in_vipps() -> Check:
    """Find orders whose reference has no payment at Vipps MobilePay.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None)
    ['discrepancy missing_in_vipps 1000 → -, at risk 1000']
    >>> run_example(A=None, status="open")
    ['discrepancy missing_in_vipps 1000 → -, at risk 0']
    """
    at_risk = nw.when(has_status("open")).then(nw.lit(0)).otherwise(positive_part(O - Or))
    return Check(_WITHOUT_PAYMENT, O, UNKNOWN_AMOUNT, at_risk)


def timing_after_cut() -> Check:
    """Find orders that the shop changed after the payment was fetched: fetch again.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, fulfilled_days_ago=-1)
    ['timing timing_after_cut']
    """
    return Check(_WITH_PAYMENT & nw.col("shop_later"), O, C)


def currency_mismatch() -> Check:
    """Find orders and payments in different currencies; their amounts are not compared.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(order_currency="SEK")
    ['discrepancy currency_mismatch - → -, at risk 1000']
    """
    differs = nw.col("order_currency") != nw.col("payment_currency")
    return Check(_WITH_PAYMENT & differs, UNKNOWN_AMOUNT, UNKNOWN_AMOUNT, positive_part(C - R))


def reference_mangled() -> Check:
    """Find damaged references that match a payment when repaired; amounts are compared too.

    Spreadsheets drop leading zeros and turn long numbers into 1.23457E+11, and some systems change
    case. Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(reference="000012345678", in_export="12345678")
    ['discrepancy reference_mangled - → -, at risk 0']
    """
    return Check(_WITH_PAYMENT & (nw.col("link") == "repaired"))


def abandoned_checkout() -> Check:
    """Find payments without an order that never captured money and have nothing reserved.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=None, A=0, C=0, state="ABORTED")
    ['ignored abandoned_checkout']
    """
    return Check(_ORPHAN)


PRESENCE_CHECKS: tuple[CheckFunction, ...] = (
    not_checked,
    duplicate_order_row,
    superseded_attempt,
    duplicate_payment,
    timing_outside_export,
    missing_in_orders,
    nothing_to_pay,
    other_payment_method,
    not_epayment,
    waived,
    cancelled_unpaid,
    missing_in_vipps,
    timing_after_cut,
    currency_mismatch,
    reference_mangled,
    abandoned_checkout,
)
"""The checks of this question, in order of precedence.

Of these codes, only `reference_mangled` leaves the amounts to be compared.
"""
