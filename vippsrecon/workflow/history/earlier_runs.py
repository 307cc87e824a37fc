"""Use what earlier runs recorded: first-seen days, and orders that belong to payments of this month.

    read_unsettled ──► their references are fetched too ──┐
                                                          ├─► find_earlier_orders ──► compared as well
    payments outside the export ──────────────────────────┘
    record ◄── the result: for the next month

An order of October that was captured in November is in October's export only. The workspace
database keeps it, so November's run compares it instead of calling it outside the export. If the
database cannot be used, the comparison is made without it and a notice says so.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pandas as pd
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.dates import to_day_number
from vippsrecon.errors import StoreError
from vippsrecon.money import format_count
from vippsrecon.store import (
    ComparedOrder,
    Run,
    Store,
    database_exists,
    open_store,
    read_compared_orders,
    read_first_seen_dates,
    read_unsettled_orders,
    record_run,
)
from vippsrecon.workflow.references import collect_payment_keys

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.fetching import Fetched
    from vippsrecon.reconciliation import Reconciliation

T = TypeVar("T")

WAIT_SECONDS = 5.0
"""Longest wait for a lock of the database, so that no report has to wait for it."""

SETTLED_BUCKETS = ("matched", "ignored")
_NOT_THE_ORDER = ("superseded_row", "duplicate_order_row")


class EarlierOrders(NamedTuple):
    """Orders of earlier exports that are compared in this run too.

    Attributes:
        orders: `schemas.ORDERS`.
        keys: Their (msn, reference).
        files: Their `source_file`.
    """

    orders: pd.DataFrame
    keys: frozenset[tuple[str, str]] = frozenset()
    files: tuple[str, ...] = ()

    def describe(self) -> tuple[str, ...]:
        """Return a sentence for the report, if there are any."""
        if not len(self.orders):
            return ()
        are = format_count(
            len(self.orders), "order of an earlier export was", "orders of earlier exports were"
        )
        return (
            f"{are} compared too: unsettled, or with a payment that moved since. What the shop changed "
            "after that export is not known here: an open order counts as unknown, and no later refund "
            "is expected.",
        )


class RunRecords:
    """What the workspace database holds of earlier runs in one environment.

    Args:
        settings: Names the database.
        environment: test, production or simulator.
        enabled: False: nothing is read or recorded.

    Attributes:
        notices: Sentences for the report: why the database could not be used.
    """

    def __init__(self, settings: Settings, environment: str, *, enabled: bool = True) -> None:
        self._url = settings.database_url
        self._environment = environment
        self._enabled = enabled
        self.notices: tuple[str, ...] = ()

    def read_first_seen(self) -> dict[str, date]:
        """Return the day of the first run that showed each discrepancy, by discrepancy_id."""
        return self._query(lambda store: read_first_seen_dates(store, self._environment), {})

    def read_unsettled(self, msns: Collection[str], last: date | None) -> list[ComparedOrder]:
        """Return the orders until the end of the period that earlier runs left unsettled."""
        until_day = to_day_number(last or date.max)
        return self._query(
            lambda store: read_unsettled_orders(store, self._environment, msns, until_day), []
        )

    def find_earlier_orders(
        self, orders: pd.DataFrame, fetched: Fetched, unsettled: Iterable[ComparedOrder]
    ) -> EarlierOrders:
        """Find the orders of earlier exports that belong to this run.

        Args:
            orders: `schemas.ORDERS` of this run's own exports.
            fetched: The payments.
            unsettled: Orders that an earlier run left unsettled; their references were requested.
        """
        own = collect_payment_keys(orders[orders["reference"].notna()])
        strays = collect_payment_keys(fetched.payments) - own
        by_key = {(order.msn, order.reference): order for order in unsettled}
        if strays:
            nothing: list[ComparedOrder] = []
            known = self._query(
                lambda store: read_compared_orders(store, self._environment, strays), nothing
            )
            by_key |= {(order.msn, order.reference): order for order in known}
        for key in own & by_key.keys():
            del by_key[key]
        return (
            _restore_orders(list(by_key.values()), orders, fetched)
            if by_key
            else no_earlier_orders()
        )

    def record(
        self,
        result: Reconciliation,
        orders: pd.DataFrame,
        earlier: EarlierOrders,
        period: tuple[date | None, date | None],
    ) -> None:
        """Record a run for later ones; a failure becomes a notice.

        Args:
            result: The comparison.
            orders: `schemas.ORDERS` of this run's own exports.
            earlier: Orders of earlier exports that it compared too.
            period: First and last day; None for no limit.
        """
        if not self._enabled:
            return
        manifest = result.manifest
        identity = {
            name: manifest.get(name)
            for name in ("environment", "inputs", "period", "as_of", "settings")
        }
        run = Run(
            hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[
                :32
            ],
            self._environment,
            *period,
            str(manifest["as_of"]),
            result.verdict,
        )
        rows = result.discrepancies[["discrepancy_id", "first_seen_date"]]
        first_seen = dict(rows.itertuples(index=False, name=None))
        buckets = _read_order_buckets(result)
        compared = list(_list_compared_orders(orders, result.payments, buckets))
        settled: dict[tuple[str, str], bool] = {}
        for row in _to_rows(earlier.orders):
            key, bucket = (row["msn"], row["reference"]), buckets[_order_key(row)][0]
            settled[key] = settled.get(key, True) and bucket in SETTLED_BUCKETS
        self._query(
            lambda store: record_run(store, run, first_seen, compared, settled), None, create=True
        )

    def _query(self, query: Callable[[Store], T], default: T, *, create: bool = False) -> T:
        if not self._enabled or self.notices:
            return default
        try:
            if not create and not database_exists(self._url):
                return default
            with open_store(self._url, create=create, wait_seconds=WAIT_SECONDS) as store:
                return query(store)
        except StoreError as error:
            self.notices = (
                "The workspace database could not be used, so ages count from this run and orders of "
                f"earlier exports are not compared: {error}",
            )
            return default


def no_earlier_orders() -> EarlierOrders:
    """Return the value for a run without orders of earlier exports."""
    return EarlierOrders(schemas.ORDERS.empty())


def _restore_orders(
    candidates: list[ComparedOrder], orders: pd.DataFrame, fetched: Fetched
) -> EarlierOrders:
    payments = {
        (row["msn"], row["reference"]): row
        for row in _to_rows(
            fetched.payments, ("msn", "reference", "psp_reference", "refunded_minor")
        )
    }
    failed = {
        (row["msn"], row["reference"]): row["status"] == 404
        for row in _to_rows(fetched.failures, ("msn", "reference", "status"))
    }
    moves = _list_moves(fetched.events, {(order.msn, order.reference) for order in candidates})
    own_numbers = set(
        orders[["msn", "store", "order_number"]].fillna("").itertuples(index=False, name=None)
    )
    exported = {
        **orders.groupby("msn")["exported_at"].max().to_dict(),
        None: orders["exported_at"].max() if len(orders) else None,
    }
    restored: list[dict[str, Any]] = []
    keys = set()
    for order in candidates:
        key = (order.msn, order.reference)
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
    table = pa.Table.from_pylist(restored, schema=schemas.ORDERS.arrow_schema())
    files = tuple(sorted({row["source_file"] for row in restored}))
    return EarlierOrders(schemas.to_pandas(table), frozenset(keys), files)


def _is_same_payment(
    order: ComparedOrder, payment: Mapping[str, Any] | None, is_missing: bool | None
) -> bool:
    """Return whether the payment read now is the one that the earlier run compared.

    A payment never vanishes and keeps its pspReference. Otherwise the recorded order is of another
    world: another simulator, most likely.

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


def _list_moves(
    events: pd.DataFrame, keys: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], list[tuple[str, datetime]]]:
    """Return name and time of the successful captures and refunds of these payments."""
    moved = events[events["name"].isin(["CAPTURED", "REFUNDED"]) & events["success"].astype(bool)]
    moved = moved[moved["reference"].isin({reference for _, reference in keys})]
    moves = defaultdict(list)
    for row in _to_rows(moved, ("msn", "reference", "name", "event_at")):
        moves[row["msn"], row["reference"]].append((row["name"], row["event_at"]))
    return moves


def _list_compared_orders(
    orders: pd.DataFrame, payments: pd.DataFrame, buckets: Mapping[str, tuple[str, str]]
) -> Iterable[ComparedOrder]:
    psp_references = {
        (msn, reference): psp
        for msn, reference, psp in payments[["msn", "reference", "psp_reference"]].itertuples(
            index=False, name=None
        )
    }
    rows_by_key = defaultdict(list)
    for row in _to_rows(orders[orders["reference"].notna()]):
        bucket, kind = buckets.get(_order_key(row), ("", ""))
        if bucket and kind not in _NOT_THE_ORDER:
            rows_by_key[row["msn"], row["reference"]].append((row, bucket))
    for (msn, reference), rows in rows_by_key.items():
        unsettled = [bucket for _, bucket in rows if bucket not in SETTLED_BUCKETS]
        yield ComparedOrder(
            msn,
            reference,
            psp_references.get((msn, reference)),
            min(
                (row["ordered_day"] for row, _ in rows if row["ordered_day"] is not None),
                default=None,
            ),
            unsettled[0] if unsettled else rows[0][1],
            not unsettled,
            [{name: value for name, value in row.items() if value is not None} for row, _ in rows],
        )


def _read_order_buckets(result: Reconciliation) -> dict[str, tuple[str, str]]:
    buckets = result.buckets
    own = buckets.loc[buckets["side"] == "orders", ["row_key", "bucket", "kind"]]
    return {key: (bucket, kind) for key, bucket, kind in own.itertuples(index=False, name=None)}


def _order_key(row: Mapping[str, Any]) -> str:
    return f"{row['source_file']}:{row['source_row']}"


def _to_rows(frame: pd.DataFrame, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return a frame's rows as plain values; through Arrow, so that no amount becomes a float."""
    chosen = frame if columns is None else frame[list(columns)]
    rows: list[dict[str, Any]] = pa.Table.from_pandas(chosen, preserve_index=False).to_pylist()
    return rows


def _parse_row(row: Mapping[str, Any]) -> dict[str, Any]:
    values = {column.name: row.get(column.name) for column in schemas.ORDERS.columns}
    for column in schemas.ORDERS.columns:
        if column.kind == "moment" and values[column.name] is not None:
            values[column.name] = datetime.fromisoformat(str(values[column.name])).astimezone(UTC)
    return values
