"""Reconcile worked examples: one order and one payment, given in the rules' letters.

Each result is one line of text. Used by doctests and by the table of cases in the rules, and to
try out what a comparison would report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    days_before_now,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.result import Reconciliation, build_frame
from vippsrecon.reconciliation.run import reconcile
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS
from vippsrecon.vipps_rules import CURRENCY_OF_MARKET


def run_example(**case: Any) -> list[str]:
    """Reconcile one example and describe the result in lines.

    Args:
        **case: Arguments of `make_example`.

    Returns:
        One line per discrepancy: kind, expected → actual and money at risk, in minor units. If
        there is none, the pair's bucket and kind.

    >>> run_example(C=400)
    ['discrepancy under_captured 1000 → 400, at risk 600']
    >>> run_example()
    ['matched']
    """
    return describe_result(reconcile_example(**case))


def describe_result(result: Reconciliation) -> list[str]:
    """Describe a result in lines: its discrepancies, otherwise the buckets of payments or orders."""
    rows = result.discrepancies.to_dict("records")
    lines = [
        f"discrepancy {row['kind']} {_format_amount(row['expected_minor'])} → "
        f"{_format_amount(row['actual_minor'])}, at risk {row['at_risk_minor']}"
        for row in rows
    ]
    if lines:
        return lines
    sides = result.buckets
    side = "payments" if (sides["side"] == "payments").any() else "orders"
    rows = sides[sides["side"] == side].to_dict("records")
    return sorted({f"{row['bucket']} {row['kind']}".strip() for row in rows})


def _format_amount(value: Any) -> str:
    return str(value) if isinstance(value, int) else "-"


class Example(NamedTuple):
    """The input rows of one example and the settings to reconcile them with."""

    orders: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    events: list[dict[str, Any]] | None
    failures: list[dict[str, Any]]
    unit: SalesUnit
    rules: Rules
    waived: frozenset[tuple[str, str]]


def reconcile_example(**case: Any) -> Reconciliation:
    """Reconcile one example.

    Args:
        **case: Arguments of `make_example`.
    """
    example = make_example(**case)
    return reconcile(
        build_frame(example.orders, ORDERS),
        build_frame(example.payments, PAYMENTS),
        None if example.events is None else build_frame(example.events, EVENTS),
        build_frame(example.failures, FAILURES),
        units=(example.unit,),
        rules=example.rules,
        as_of=NOW,
        waived=example.waived,
    )


def make_example(
    *,
    O: int | None = 1000,  # noqa: E741, N803 - the letters of the rules
    Or: int = 0,  # noqa: N803
    A: int | None = 1000,  # noqa: N803
    C: int = 1000,  # noqa: N803
    R: int = 0,  # noqa: N803
    X: int = 0,  # noqa: N803
    status: str = "fulfilled",
    state: str = "AUTHORIZED",
    paid: str = "yes",
    market: str = "NO",
    captures: Sequence[int] = (),
    failed_refund: int = 0,
    authorized_days_ago: float = 10,
    captured_days_ago: float = 6,
    fulfilled_days_ago: float = 6,
    refunded_days_ago: float = 4,
    shop_refunded_days_ago: float | None = None,
    exported_days_ago: float = 0,
    cover: tuple[int, int] = (20, 0),
    amount: int | None = None,
    aggregate_captured: int | None = None,
    reference: str = "order-0001",
    in_export: str | None = None,
    order_currency: str | None = None,
    truncated: int | None = None,
    by_vipps: bool | None = True,
    recurring: bool = False,
    split_tender: bool = False,
    method_unsure: bool = False,
    refunds_unknown: bool = False,
    recorded_by_hand: bool = False,
    shop_authorization: str | None = None,
    rest_refunded: bool = False,
    dates_without_time: bool = False,
    failure: int | None = None,
    waive: bool = False,
    tolerance: int = 0,
    capture: str = "on_fulfilment",
    with_events: bool = True,
) -> Example:
    """Make one order (O=None: no order) and one payment (A=None: no payment).

    Amounts are in minor units. Times are in days before NOW, with fractions allowed. `captures`
    lists several captures; C is then their sum, and A is at least that sum. The shop's refund is at
    the time of the payment's unless `shop_refunded_days_ago` is given.
    """
    if captures:
        C = sum(captures)  # noqa: N806
        A = max(A or 0, C)  # noqa: N806
    currency = CURRENCY_OF_MARKET[market]
    ago = days_before_now
    shop_refund_ago = (
        refunded_days_ago if shop_refunded_days_ago is None else shop_refunded_days_ago
    )
    orders: list[dict[str, Any]] = []
    payments: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    if O is not None:
        orders.append(
            make_order_row(
                reference=in_export or reference,
                currency=order_currency or currency,
                total_minor=O,
                refunded_minor=None if refunds_unknown else Or,
                status=status,
                paid=paid,
                by_vipps=by_vipps,
                recurring=recurring,
                split_tender=split_tender,
                method_unsure=method_unsure,
                recorded_by_hand=recorded_by_hand,
                shop_authorization=shop_authorization,
                rest_refunded=rest_refunded,
                dates_without_time=dates_without_time,
                truncated_minor=truncated,
                fulfilled_at=ago(fulfilled_days_ago)
                if status in {"fulfilled", "partial"}
                else None,
                refunded_at=ago(shop_refund_ago) if Or else None,
                exported_at=ago(exported_days_ago),
            )
        )
    else:
        orders += [
            make_order_row(
                reference=f"other-{n:04}",
                currency=currency,
                total_minor=0,
                source_row=n + 2,
                ordered_at=ago(days),
            )
            for n, days in enumerate(cover)
        ]
    if A is not None:
        payment, log = make_payment_rows(
            reference=reference,
            currency=currency,
            A=A,
            captures=tuple(captures) or ((C,) if C else ()),
            R=R,
            X=X,
            state=state,
            failed_refund=failed_refund,
            amount=amount,
            authorized=ago(authorized_days_ago),
            captured=ago(captured_days_ago),
            refunded=ago(refunded_days_ago),
        )
        if aggregate_captured is not None:
            payment["captured_minor"] = aggregate_captured
        payments.append(payment)
        events += log
    if failure is not None:
        failures.append(
            {
                "msn": EXAMPLE_MSN,
                "reference": reference,
                "operation": "getPayment",
                "status": failure,
                "title": "no",
            }
        )
    return Example(
        orders,
        payments,
        events if with_events else None,
        failures,
        SalesUnit(EXAMPLE_MSN, market=market, capture=capture),
        Rules(tolerance_minor=tolerance),
        frozenset({(EXAMPLE_MSN, reference)} if waive else ()),
    )


def run_payments_example(payments: Sequence[tuple[str, int, int, int]], O: int = 1000) -> list[str]:  # noqa: E741, N803
    """Reconcile one order of `O` with several payments (reference, A, C, X); one line per payment."""
    payment_rows = [
        make_payment_rows(reference=reference, A=a, captures=(c,) if c else (), X=x)
        for reference, a, c, x in payments
    ]
    result = reconcile(
        build_frame([make_order_row(reference=payments[0][0], total_minor=O)], ORDERS),
        build_frame([payment for payment, _ in payment_rows], PAYMENTS),
        build_frame([event for _, log in payment_rows for event in log], EVENTS),
        as_of=NOW,
    )
    return describe_payments(result)


def run_orders_example(totals: Sequence[int], C: int) -> list[str]:  # noqa: N803
    """Reconcile several orders with one reference with one payment that captured `C`."""
    payment, log = make_payment_rows(reference="order-0001", A=C, captures=(C,))
    result = reconcile(
        build_frame(
            [
                make_order_row(total_minor=total, order_number=f"#{n}", source_row=n + 2)
                for n, total in enumerate(totals)
            ],
            ORDERS,
        ),
        build_frame([payment], PAYMENTS),
        build_frame(log, EVENTS),
        as_of=NOW,
    )
    return describe_result(result)


def describe_payments(result: Reconciliation) -> list[str]:
    """Describe each payment in one line, by reference: its discrepancy, otherwise its bucket."""
    lines = {
        row["reference"]: f"discrepancy {row['kind']} {_format_amount(row['expected_minor'])} → "
        f"{_format_amount(row['actual_minor'])}, at risk {row['at_risk_minor']}"
        for row in result.discrepancies.to_dict("records")
    }
    rows = result.buckets[result.buckets["side"] == "payments"].to_dict("records")
    return [
        lines.get(row["row_key"].partition(":")[2], f"{row['bucket']} {row['kind']}".strip())
        for row in rows
    ]
