"""Take the input frames of a comparison: validated, lazy, and with the columns that it uses."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    count_rows,
    detect_engine,
    is_empty,
    prepare_frame,
    refuse_large_sums,
)
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS

_PAYMENT_COLUMNS = tuple(
    n for n in PAYMENTS.names if n not in {"psp_reference", "payment_method", "discovered_by"}
)
_EVENT_COLUMNS = (
    "msn",
    "reference",
    "psp_reference",
    "name",
    "amount_minor",
    "event_at",
    "event_day",
    "success",
)
_ORDER_COLUMNS = tuple(
    n for n in ORDERS.names if n not in {"ordered_at", "vat_minor", "payment_method"}
)


class InputFrames:
    """The four input frames of a comparison, validated and lazy."""

    def __init__(
        self,
        orders: LazyFrame,
        payments: LazyFrame,
        events: LazyFrame | None,
        failures: LazyFrame | None,
        refunds: LazyFrame | None,
    ) -> None:
        self.orders = orders
        self.payments = payments
        self.events = events
        self.failures = failures
        self.refunds = refunds


def prepare_frames(
    orders: Any, payments: Any, events: Any, failures: Any, *, keyed: bool
) -> InputFrames:
    """Validate the input frames; read events' idempotency keys only if there are keys to match."""
    columns = (*_EVENT_COLUMNS, *(["idempotency_key"] if keyed else []))
    log = None if events is None else prepare_frame(events, EVENTS, columns)
    order_rows, payment_rows = (
        prepare_frame(orders, ORDERS, _ORDER_COLUMNS),
        prepare_frame(payments, PAYMENTS, _PAYMENT_COLUMNS),
    )
    # No event of any payment means that no event log was fetched. Without payments there is none.
    if log is not None and is_empty(log) and not is_empty(payment_rows):
        log = None
    for data, frame in ((order_rows, ORDERS), (payment_rows, PAYMENTS), (log, EVENTS)):
        if data is not None:
            refuse_large_sums(data, frame)
    return InputFrames(
        order_rows,
        payment_rows,
        log.drop("idempotency_key") if log is not None and keyed else log,
        None
        if failures is None
        else prepare_frame(failures, FAILURES, ("msn", "reference", "operation", "status")),
        _select_keyed_refunds(log) if log is not None and keyed else None,
    )


def count_polars_rows(frames: InputFrames) -> int | None:
    """Return the rows of all frames together; None if they are not on Polars."""
    if detect_engine(nw.to_native(frames.orders)) != "polars":
        return None
    inputs = (frames.orders, frames.payments, frames.events)
    return sum(count_rows(data) for data in inputs if data is not None)


def _select_keyed_refunds(log: LazyFrame) -> LazyFrame:
    is_done_refund = (nw.col("name") == "REFUNDED") & nw.col("success")
    columns = [
        "msn", "reference", "psp_reference", "amount_minor", "event_at_us", "idempotency_key"
    ]  # fmt: skip
    # A log may list one event twice.
    return (
        log.filter(is_done_refund & ~nw.col("idempotency_key").is_null())
        .group_by(*columns)
        .agg(times=nw.len())
        .drop("times", "psp_reference")
    )


def find_latest_fetch(frames: InputFrames) -> int:
    """Return the time of the latest fetch, otherwise of the latest export, in microseconds."""
    fetched = collect_rows(frames.payments.select(at=nw.col("fetched_at_us").max()))[0]["at"]
    if fetched is not None:
        return int(fetched)
    exported = collect_rows(frames.orders.select(at=nw.col("exported_at_us").max()))[0]["at"]
    return int(exported or 0)
