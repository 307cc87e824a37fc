"""Restore the orders of earlier exports as they may be compared in this run.

What the shop changed after that export is unknown, and unknown is not zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.store import ComparedOrder
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.fetching import Fetched


class EarlierOrders(NamedTuple):
    """Orders of earlier exports that are compared in this run too.

    Attributes:
        orders: `schemas.ORDERS`.
        keys: Their (msn, reference).
        files: Their `source_file`.
        recorded: The same orders as they were recorded.
        unread: How many unsettled orders were not compared, because nobody asked for their payments.
    """

    orders: pl.DataFrame
    keys: frozenset[tuple[str, str]] = frozenset()
    files: tuple[str, ...] = ()
    recorded: tuple[ComparedOrder, ...] = ()
    unread: int = 0

    def describe(self) -> tuple[str, ...]:
        """Return sentences for the report: which were compared, and which could not be."""
        return (*self._describe_compared(), *self._describe_unread())

    def _describe_unread(self) -> tuple[str, ...]:
        if not self.unread:
            return ()
        return (say("notices.earlier_unread", count=self.unread),)

    def _describe_compared(self) -> tuple[str, ...]:
        if not len(self.orders):
            return ()
        return (say("notices.earlier_compared", count=len(self.orders)),)


def no_earlier_orders() -> EarlierOrders:
    """Return the value for a run without orders of earlier exports."""
    return EarlierOrders(schemas.to_polars(None, schemas.ORDERS))


def restore_orders(
    candidates: list[ComparedOrder], orders: pl.DataFrame, fetched: Fetched[pl.DataFrame]
) -> EarlierOrders:
    """Restore recorded orders whose payment is still the one that was compared then.

    Args:
        candidates: The recorded orders.
        orders: `schemas.ORDERS` of this run's own exports; an order that they show is left out.
        fetched: The payments.
    """
    payments = {
        (row["msn"], row["reference"]): row
        for row in fetched.payments.select(
            "msn", "reference", "psp_reference", "refunded_minor"
        ).iter_rows(named=True)
    }
    failed = {
        (msn, reference): status == 404
        for msn, reference, status in fetched.failures.select(
            "msn", "reference", "status"
        ).iter_rows()
    }
    moves = _list_moves(fetched.events, {order.key for order in candidates})
    own_numbers = set(orders.select(pl.col("msn", "store", "order_number").fill_null("")).rows())
    latest = pl.col("exported_at").max()
    exported = {
        **dict(orders.group_by("msn").agg(latest).rows()),
        None: orders.select(latest).item(),
    }
    restored: list[dict[str, Any]] = []
    keys = set()
    for order in candidates:
        key = order.key
        payment = payments.get(key)
        if not _is_same_payment(order, payment, failed.get(key)):
            continue
        for stored in order.order_rows:
            row = _parse_row(stored)
            number = (row["msn"], row["store"] or "", row["order_number"] or "")
            if row["order_number"] and number in own_numbers:
                continue  # this run's own export shows the order, under another reference
            exported_at = exported.get(order.msn, exported[None]) or row["exported_at"]
            restored.append(_update_row(row, order.bucket, payment, moves[key], exported_at))
            keys.add(key)
    _number_equal_files(restored)
    frame = pl.DataFrame(restored, schema=schemas.polars_schema(schemas.ORDERS))
    files = tuple(sorted({row["source_file"] for row in restored}))
    recorded = tuple(order for order in candidates if order.key in keys)
    return EarlierOrders(frame, frozenset(keys), files, recorded)


def _is_same_payment(
    order: ComparedOrder, payment: Mapping[str, Any] | None, is_missing: bool | None
) -> bool:
    """Return whether the payment read now is the one that the earlier run compared.

    A payment never vanishes and keeps its pspReference. Otherwise the recorded order comes from
    other data, most likely from another simulator.

    Args:
        order: The recorded order.
        payment: The payment with its reference, if it was read.
        is_missing: True: there is no such payment; False: it could not be read; None: it was not
            asked for.
    """
    if payment is not None:
        return order.psp_reference in {None, payment["psp_reference"]}
    return is_missing is False or (is_missing is True and order.psp_reference is None)


def _update_row(
    row: dict[str, Any],
    bucket: str,
    payment: Mapping[str, Any] | None,
    moves: Iterable[tuple[str, datetime]],
    exported_at: datetime,
) -> dict[str, Any]:
    """Return an order of an earlier export as it may be compared now.

    What the shop changed after that export is unknown, and unknown is not zero: an order that was
    open may have been sent since, and a refund made since may be recorded.
    """
    then = row["exported_at"]
    later = {name for name, at in moves if at > then}
    if row["status"] == "open" and (bucket != "discrepancy" or "CAPTURED" in later):
        row |= {"status": "unknown", "paid": "unknown"}
    refunded = 0 if payment is None else payment["refunded_minor"]
    if "REFUNDED" in later and refunded > (row["refunded_minor"] or 0):
        row["refunded_minor"] = None
    row["source_file"] = f"{row['source_file']} (exported {then:%Y-%m-%d})"
    row["exported_at"] = max(exported_at, then)
    return row


def _number_equal_files(rows: Iterable[dict[str, Any]]) -> None:
    """Number the file names of rows that would otherwise have one place: buckets are kept by place.

    Two shops may have exported a file of the same name on the same day.
    """
    places = set()
    for row in rows:
        name, number = row["source_file"], 1
        while (row["source_file"], row["source_row"]) in places:
            number += 1
            row["source_file"] = f"{name} ({number})"
        places.add((row["source_file"], row["source_row"]))


def _list_moves(
    events: pl.DataFrame, keys: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], list[tuple[str, datetime]]]:
    """Return name and time of the successful captures and refunds of these payments."""
    payment_keys = pl.DataFrame(
        list(keys), schema=dict.fromkeys(schemas.PAYMENT, pl.String), orient="row"
    )
    moved = events.filter(pl.col("name").is_in(["CAPTURED", "REFUNDED"]) & pl.col("success")).join(
        payment_keys, on=PAYMENT_KEY, how="semi"
    )
    moves = defaultdict(list)
    for msn, reference, name, at in moved.select(*schemas.PAYMENT, "name", "event_at").iter_rows():
        moves[msn, reference].append((name, at))
    return moves


def parse_time(value: Any) -> datetime | None:
    """Return a recorded time of an order, which may be ISO 8601 text; None stays None."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value)).astimezone(UTC)


def _parse_row(row: Mapping[str, Any]) -> dict[str, Any]:
    values = {column.name: row.get(column.name) for column in schemas.ORDERS.columns}
    for column in schemas.ORDERS.columns:
        if column.kind == "moment":
            values[column.name] = parse_time(values[column.name])
    return values
