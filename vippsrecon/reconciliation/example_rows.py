"""Make the input rows of worked examples: orders, payments and events, with plausible values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
"""The cut-off time of the examples: noon UTC on 31 October."""

EXAMPLE_MSN = "123456"


def days_before_now(days: float) -> datetime:
    """Return the time this many days before `NOW`."""
    return NOW - timedelta(days=days)


def utc_day_number(moment: datetime | None) -> int | None:
    """Return the UTC day number of a time. Examples avoid midnight, so it is also the local day."""
    return (
        None if moment is None else (moment.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
    )


def make_order_row(**given: Any) -> dict[str, Any]:
    """Return an order row, with plausible values for the columns that are not given."""
    row: dict[str, Any] = {
        "msn": EXAMPLE_MSN,
        "reference": "order-0001",
        "order_number": None,
        "currency": "NOK",
        "ordered_at": days_before_now(10),
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
    """Return a payment and the event log that agrees with its totals."""
    authorized = authorized or days_before_now(10)
    captured = captured or days_before_now(6)
    refunded = refunded or days_before_now(4)
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

    requested_amount = amount if amount is not None else max(A, X, sum(captures))
    log("CREATED", requested_amount, created)
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
        "amount_minor": requested_amount,
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
