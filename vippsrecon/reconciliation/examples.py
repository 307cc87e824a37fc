"""Worked cases: one order and one payment in the rules' letters, answered in one line each.

For doctests, the rules' own table of cases, and anyone who wants to ask "what would it say?".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.result import Reconciliation, build_frame
from vippsrecon.reconciliation.run import reconcile
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
"""The moment worked cases are compared at: noon UTC, the last of October."""

EXAMPLE_MSN = "123456"
CURRENCY_OF_MARKET = {"NO": "NOK", "SE": "SEK", "DK": "DKK", "FI": "EUR"}


def run_example(**case: Any) -> list[str]:
    """Answer one worked case.

    Args:
        **case: As `reconcile_example` takes them.

    Returns:
        One line per discrepancy: kind, expected → actual and at risk in minor units; without
        any, the pair's bucket and kind.

    >>> run_example(C=400)
    ['discrepancy under_captured 1000 → 400, at risk 600']
    >>> run_example()
    ['matched']
    """
    return describe_result(reconcile_example(**case))


def describe_result(result: Reconciliation) -> list[str]:
    """Return a result as lines: discrepancies, else the buckets of its payments and orders."""
    rows = result.discrepancies.to_dict("records")
    lines = [
        f"discrepancy {row['kind']} {_format_amount(row['expected_minor'])} → "
        f"{_format_amount(row['actual_minor'])}, at risk {row['at_risk_minor']}"
        for row in rows
    ]
    if lines:
        return lines
    sides = result.buckets
    wanted = "payments" if (sides["side"] == "payments").any() else "orders"
    rows = sides[sides["side"] == wanted].to_dict("records")
    return sorted({f"{row['bucket']} {row['kind']}".strip() for row in rows})


def _format_amount(value: Any) -> str:
    return str(value) if isinstance(value, int) else "-"


def reconcile_example(
    *,
    O: int | None = 1000,  # noqa: E741, N803 - the rules' own letters
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
    failure: int | None = None,
    waive: bool = False,
    tolerance: int = 0,
    capture: str = "on_fulfilment",
    with_events: bool = True,
) -> Reconciliation:
    """Reconcile one order (O None: none) with one payment (A None: none).

    Amounts in minor units; days before NOW, fractions of a day allowed. `captures` lists the
    single captures where there are several (then A and C are their sum).
    """
    if captures:
        C = sum(captures)  # noqa: N806
        A = max(A or 0, C)  # noqa: N806
    currency = CURRENCY_OF_MARKET[market]
    ago = _days_before_now
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
                refunded_minor=Or,
                status=status,
                paid=paid,
                by_vipps=by_vipps,
                recurring=recurring,
                split_tender=split_tender,
                truncated_minor=truncated,
                fulfilled_at=ago(fulfilled_days_ago)
                if status in {"fulfilled", "partial"}
                else None,
                refunded_at=ago(refunded_days_ago) if Or else None,
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
        made, logged = make_payment_rows(
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
            made["captured_minor"] = aggregate_captured
        payments.append(made)
        events += logged
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
    return reconcile(
        build_frame(orders, ORDERS),
        build_frame(payments, PAYMENTS),
        build_frame(events, EVENTS) if with_events else None,
        build_frame(failures, FAILURES),
        units=(SalesUnit(EXAMPLE_MSN, market=market, capture=capture),),
        rules=Rules(tolerance_minor=tolerance),
        as_of=NOW,
        waived={(EXAMPLE_MSN, reference)} if waive else (),
    )


def _days_before_now(days: float) -> datetime:
    return NOW - timedelta(days=days)


def utc_day_number(moment: datetime | None) -> int | None:
    """Return the UTC day number of a moment: worked cases keep clear of midnight."""
    return (
        None if moment is None else (moment.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
    )


def make_order_row(**given: Any) -> dict[str, Any]:
    """Return an order with everything not given filled in plausibly."""
    row: dict[str, Any] = {
        "msn": EXAMPLE_MSN,
        "reference": "order-0001",
        "order_number": None,
        "currency": "NOK",
        "ordered_at": _days_before_now(10),
        "total_minor": 1000,
        "refunded_minor": 0,
        "status": "fulfilled",
        "paid": "yes",
        "payment_method": "Vipps",
        "by_vipps": True,
        "recurring": False,
        "split_tender": False,
        "shop_currency_only": False,
        "exported_at": NOW,
        "source_file": "orders.csv",
        "source_row": 2,
    } | given
    for name in ("ordered", "fulfilled", "refunded"):
        row.setdefault(f"{name}_day", utc_day_number(row.get(f"{name}_at")))
    return row


def make_payment_rows(
    *,
    reference: str,
    currency: str = "NOK",
    A: int = 1000,  # noqa: N803
    captures: Sequence[int] = (1000,),
    R: int = 0,  # noqa: N803
    X: int = 0,  # noqa: N803
    state: str = "AUTHORIZED",
    failed_refund: int = 0,
    amount: int | None = None,
    authorized: datetime | None = None,
    captured: datetime | None = None,
    refunded: datetime | None = None,
    msn: str = EXAMPLE_MSN,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a payment and its event log, agreeing with each other."""
    authorized = authorized or _days_before_now(10)
    captured = captured or _days_before_now(6)
    refunded = refunded or _days_before_now(4)
    created = authorized - timedelta(minutes=1)
    events: list[dict[str, Any]] = []

    def log(name: str, value: int, at: datetime, *, success: bool = True) -> None:
        events.append(
            {
                "msn": msn,
                "reference": reference,
                "psp_reference": f"{reference}-{len(events)}",
                "name": name,
                "amount_minor": value,
                "currency": currency,
                "event_at": at,
                "event_day": utc_day_number(at),
                "idempotency_key": None,
                "success": success,
            }
        )

    asked = amount if amount is not None else max(A, X, sum(captures))
    log("CREATED", asked, created)
    if A:
        log("AUTHORIZED", A, authorized)
    for number, value in enumerate(captures):
        log("CAPTURED", value, captured + timedelta(minutes=number))
    if X:
        log(
            "TERMINATED" if state == "TERMINATED" else "CANCELLED", X, captured + timedelta(hours=1)
        )
    if R:
        log("REFUNDED", R, refunded)
    if failed_refund:
        log("REFUNDED", failed_refund, refunded, success=False)
    return {
        "msn": msn,
        "reference": reference,
        "psp_reference": f"{reference}-0",
        "state": state,
        "currency": currency,
        "amount_minor": asked,
        "authorized_minor": A,
        "captured_minor": sum(captures),
        "refunded_minor": R,
        "cancelled_minor": X,
        "payment_method": "WALLET",
        "created_at": created,
        "created_day": utc_day_number(created),
        "authorized_at": authorized if A else None,
        "authorized_day": utc_day_number(authorized) if A else None,
        "discovered_by": "orders",
        "fetched_at": NOW,
    }, events


def run_payments_example(payments: Sequence[tuple[str, int, int, int]], O: int = 1000) -> list[str]:  # noqa: E741, N803
    """Answer one order of `O` with several payments (reference, A, C, X): a line each, by reference."""
    made = [
        make_payment_rows(reference=reference, A=a, captures=(c,) if c else (), X=x)
        for reference, a, c, x in payments
    ]
    result = reconcile(
        build_frame([make_order_row(reference=payments[0][0], total_minor=O)], ORDERS),
        build_frame([payment for payment, _ in made], PAYMENTS),
        build_frame([event for _, logged in made for event in logged], EVENTS),
        as_of=NOW,
    )
    return describe_payments(result)


def run_orders_example(totals: Sequence[int], C: int) -> list[str]:  # noqa: N803
    """Answer several orders under one reference, paid by one payment that captured `C`."""
    payment, logged = make_payment_rows(reference="order-0001", A=C, captures=(C,))
    result = reconcile(
        build_frame(
            [
                make_order_row(total_minor=total, order_number=f"#{n}", source_row=n + 2)
                for n, total in enumerate(totals)
            ],
            ORDERS,
        ),
        build_frame([payment], PAYMENTS),
        build_frame(logged, EVENTS),
        as_of=NOW,
    )
    return describe_result(result)


def describe_payments(result: Reconciliation) -> list[str]:
    """Return a line per payment in order of reference: its discrepancy, else its bucket."""
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
