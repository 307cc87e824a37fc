"""Check that each order has its payment, and each payment its order.

If a side is missing, duplicated or in another currency, or the order was paid another way, the
amounts are not compared.
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
_OTHER_TENDER = nw.col("other_tender")
_AFTER_AS_OF = nw.col("after_as_of")
_CURRENCY_DIFFERS = (nw.col("order_currency") != nw.col("payment_currency")).fill_null(value=False)
_MONEY_HELD = nw.when(C > 0).then(positive_part(C - R)).otherwise(K)


def outside_period() -> Check:
    """Find pairs without any day in the period.

    >>> from vippsrecon.reconciliation.codes import get_code
    >>> get_code("outside_period").bucket
    'ignored'
    """
    return Check(nw.col("outside_period"))


def superseded_row() -> Check:
    """Find older rows of an order that a newer export shows again: the newest row is the order.

    >>> from vippsrecon.reconciliation.codes import get_code
    >>> get_code("superseded_row").bucket
    'ignored'
    """
    return Check(ROLE == "superseded_row")


def duplicate_order_row() -> Check:
    """Find superfluous order rows: several rows share a reference but do not sum to its payment.

    The row nearest to the captured amount is compared; every other row gets this code.

    >>> from vippsrecon.reconciliation.examples import run_orders_example
    >>> run_orders_example([1000, 900], C=1000)
    ['discrepancy duplicate_order_row 900 → -, at risk 0']
    """
    return Check(ROLE == "surplus", O, UNKNOWN_AMOUNT)


def superseded_attempt() -> Check:
    """Find other attempts to pay the same order that never held money: these match.

    >>> from vippsrecon.reconciliation.examples import run_payments_example
    >>> run_payments_example([("A", 1000, 0, 1000), ("A-1", 1000, 1000, 0)])
    ['matched superseded_attempt', 'matched']
    """
    return Check(ROLE == "superseded")


def duplicate_payment() -> Check:
    """Find orders with two payments that hold or held money: the customer has paid twice.

    One payment counts (`payments.choose_payments` chooses it); every other gets this code. Payments
    that are each less than the order, or that the order's own cell names, are one split payment.

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
        _ORPHAN & (uncovered | outside.fill_null(value=False)),
        UNKNOWN_AMOUNT,
        C,
    )


def missing_in_orders() -> Check:
    """Find payments that hold or held money and have no order in the export.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=None)
    ['discrepancy missing_in_orders - → 1000, at risk 1000']
    >>> run_example(O=None, C=0)
    ['discrepancy missing_in_orders - → 0, at risk 1000']
    >>> run_example(O=None, R=1000)
    ['discrepancy missing_in_orders - → 1000, at risk 0']
    """
    return Check(_ORPHAN & ((C > 0) | (K > 0)), UNKNOWN_AMOUNT, C, _MONEY_HELD)


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


def paid_twice() -> Check:
    """Find orders paid by another method for which Vipps MobilePay captured money as well.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(by_vipps=False)
    ['discrepancy paid_twice 0 → 1000, at risk 1000']
    >>> run_example(by_vipps=False, R=1000)
    ['ignored other_payment_method']
    """
    return Check(HAS_PAYMENT & _OTHER_TENDER & ~_AFTER_AS_OF & (C > R), nw.lit(0), C, C - R)


def other_payment_method() -> Check:
    """Find orders paid by another method, for which Vipps MobilePay kept no money.

    A method that is known only by its title, and is in no list, counts as another method as long as
    Vipps MobilePay captured no money and holds none.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, by_vipps=False)
    ['ignored other_payment_method']
    >>> run_example(A=None, by_vipps=None, method_unsure=True)
    ['ignored other_payment_method']
    """
    unsure = _PAIR & nw.col("method_unsure") & (C == 0) & (K == 0)
    settled = _OTHER_TENDER & (C <= R) & ~(HAS_PAYMENT & _AFTER_AS_OF)
    return Check(settled | unsure)


def not_epayment() -> Check:
    """Find recurring charges: they are not ePayment payments and cannot be read as such.

    Source: https://developer.vippsmobilepay.com/docs/APIs/recurring-api/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, recurring=True)
    ['ignored not_epayment']
    """
    return Check(nw.col("recurring"))


def waived() -> Check:
    """Find orders and payments that the user's ignore file lists.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=400, waive=True)
    ['ignored waived']
    """
    return Check(nw.col("waived"))


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
    """Find pairs that changed after an as-of time earlier than the export: a later run judges them.

    Pairs whose differences a change of the shop after the fetch could explain get this code too;
    `later_changes` finds them once their amounts are compared.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, fulfilled_days_ago=-1)
    ['timing timing_after_cut']
    >>> run_example(O=900, X=0, fulfilled_days_ago=-1)
    ['discrepancy over_captured 900 → 1000, at risk 100']
    """
    return Check((_PAIR | _OTHER_TENDER) & _AFTER_AS_OF & ~_CURRENCY_DIFFERS, O, C)


def currency_mismatch() -> Check:
    """Find orders and payments in different currencies; their amounts are not compared.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(order_currency="SEK")
    ['discrepancy currency_mismatch - → -, at risk 1000']
    """
    return Check(
        _WITH_PAYMENT & _CURRENCY_DIFFERS, UNKNOWN_AMOUNT, UNKNOWN_AMOUNT, positive_part(C - R)
    )


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
    """Find payments without an order that hold no money, and unpaid orders without a payment.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=None, A=0, C=0, state="ABORTED")
    ['ignored abandoned_checkout']
    >>> run_example(A=None, status="open", paid="no")
    ['ignored abandoned_checkout']
    """
    unpaid = _WITHOUT_PAYMENT & has_status("open") & (nw.col("paid") == "no")
    return Check(_ORPHAN | unpaid)


PRESENCE_CHECKS: tuple[CheckFunction, ...] = (
    not_checked,
    waived,
    outside_period,
    superseded_row,
    duplicate_order_row,
    nothing_to_pay,
    paid_twice,
    other_payment_method,
    not_epayment,
    timing_after_cut,
    superseded_attempt,
    duplicate_payment,
    timing_outside_export,
    missing_in_orders,
    cancelled_unpaid,
    abandoned_checkout,
    missing_in_vipps,
    currency_mismatch,
    reference_mangled,
)
"""The checks of this question, in order of precedence.

With one of these codes, the amounts are compared only for `reference_mangled`. For an order that
was paid another way, only the reserved amount is checked.
"""
