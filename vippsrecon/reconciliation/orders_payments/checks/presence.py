"""Is it there: has each order its payment, and each payment its order?

Where the answer is that a side is missing, twice there, or in another currency, amounts are
not compared.
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
    """A reference stands in several order rows that do not add up to its payment.

    All but the row nearest the captured amount; money is counted with that one.

    >>> from vippsrecon.reconciliation.examples import run_orders_example
    >>> run_orders_example([1000, 900], C=1000)
    ['discrepancy duplicate_order_row 900 → -, at risk 0']
    """
    return Check(ROLE == "surplus", O, UNKNOWN_AMOUNT)


def superseded_attempt() -> Check:
    """An earlier or later attempt at the same order that holds no money: nothing is wrong.

    >>> from vippsrecon.reconciliation.examples import run_payments_example
    >>> run_payments_example([("A", 1000, 0, 1000), ("A-1", 1000, 1000, 0)])
    ['matched superseded_attempt', 'matched']
    """
    return Check(ROLE == "superseded")


def duplicate_payment() -> Check:
    """One order, two payments that both hold money: the customer has paid twice.

    Said of every live payment but the one nearest the order's total. Payments that together
    come to no more than the order are one split payment instead.

    >>> from vippsrecon.reconciliation.examples import run_payments_example
    >>> run_payments_example([("A", 1000, 1000, 0), ("A-1", 1000, 1000, 0)])
    ['matched', 'discrepancy duplicate_payment 0 → 1000, at risk 1000']
    >>> run_payments_example([("A", 600, 600, 0), ("A-1", 400, 400, 0)])
    ['matched', 'matched']
    """
    return Check(ROLE == "second", nw.lit(0), C, _MONEY_HELD)


def timing_outside_export() -> Check:
    """A payment whose order the export cannot hold: placed before, after, or on another unit.

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
    """A payment holds or held money, and the shop knows no order for it.

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
    """The payment could not be read, so nothing is said of it and the run is incomplete.

    Nor is anything said of other attempts at the same order: with one of them unread, what the
    others hold proves nothing.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, failure=503)
    ['not_checked']
    """
    return Check(nw.col("read_failed"))


def nothing_to_pay() -> Check:
    """An order of total 0 without a payment.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(O=0, A=None)
    ['ignored nothing_to_pay']
    """
    return Check(_WITHOUT_PAYMENT & (O == 0))


def other_payment_method() -> Check:
    """An order paid another way, with no payment under its reference.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, by_vipps=False)
    ['ignored other_payment_method']
    """
    return Check(_WITHOUT_PAYMENT & (~nw.col("by_vipps")).fill_null(value=False))


def not_epayment() -> Check:
    """A recurring charge: not an ePayment payment, and not readable as one.

    Source: https://developer.vippsmobilepay.com/docs/APIs/recurring-api/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, recurring=True)
    ['ignored not_epayment']
    """
    return Check(_PAIR & nw.col("recurring"))


def waived() -> Check:
    """Listed in the user's ignore file.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=400, waive=True)
    ['ignored waived']
    """
    return Check(nw.col("waived") & (_PAIR | _ORPHAN))


def cancelled_unpaid() -> Check:
    """A cancelled order that was never paid: both sides agree on nothing.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None, status="cancelled")
    ['matched']
    """
    return Check(_WITHOUT_PAYMENT & has_status("cancelled"))


def missing_in_vipps() -> Check:
    """Vipps MobilePay knows no payment under the order's reference.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(A=None)
    ['discrepancy missing_in_vipps 1000 → -, at risk 1000']
    >>> run_example(A=None, status="open")
    ['discrepancy missing_in_vipps 1000 → -, at risk 0']
    """
    at_risk = nw.when(has_status("open")).then(nw.lit(0)).otherwise(positive_part(O - Or))
    return Check(_WITHOUT_PAYMENT, O, UNKNOWN_AMOUNT, at_risk)


def timing_after_cut() -> Check:
    """The shop changed the order after the payment was fetched: fetch again.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(C=0, fulfilled_days_ago=-1)
    ['timing timing_after_cut']
    """
    return Check(_WITH_PAYMENT & nw.col("shop_later"), O, C)


def currency_mismatch() -> Check:
    """Order and payment are in different currencies, so no amount is compared.

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(order_currency="SEK")
    ['discrepancy currency_mismatch - → -, at risk 1000']
    """
    differs = nw.col("order_currency") != nw.col("payment_currency")
    return Check(_WITH_PAYMENT & differs, UNKNOWN_AMOUNT, UNKNOWN_AMOUNT, positive_part(C - R))


def reference_mangled() -> Check:
    """The export's reference is damaged; repaired, it is a payment's, and amounts are compared.

    Spreadsheets drop leading zeros, turn long digits into 1.23457E+11, and some systems change
    case. Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/

    >>> from vippsrecon.reconciliation.examples import run_example
    >>> run_example(reference="000012345678", in_export="12345678")
    ['discrepancy reference_mangled - → -, at risk 0']
    """
    return Check(_WITH_PAYMENT & (nw.col("link") == "repaired"))


def abandoned_checkout() -> Check:
    """A payment without an order that never held money, or has let go of all of it.

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
"""In the order they are asked. `reference_mangled` alone leaves the amounts to be compared."""
