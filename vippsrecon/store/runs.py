"""Record what a reconciliation found, and read what earlier ones found.

record_run             the run, its discrepancies' ids, the orders it compared; one transaction
read_first_seen_dates  the day of the first run that showed each discrepancy
read_latest_complete_run  the cut-off time of the latest run with a verdict
read_compared_orders   orders of earlier runs by the references of payments
read_unsettled_orders  orders that an earlier run left as discrepancy or timing
keep_latest_orders     merge what several places recorded of an order, by the rule of record_run
keep_first_dates       merge first days from several places, by the rule of record_run
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Select, func, select

from vippsrecon.store.database.rows import insert_rows, split_rows
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import (
    COMPARED_ORDERS,
    RUNS,
    SEEN_DISCREPANCIES,
    database_time,
    match_pairs,
)
from vippsrecon.store.database.transactions import read_transaction, write_transaction
from vippsrecon.store.open_items import OpenItem, insert_open_items


class Run(NamedTuple):
    """One reconciliation.

    Attributes:
        run_id: The same for the same inputs and arguments.
        environment: test, production or simulator.
        first_day, last_day: The period; None for no limit.
        as_of: The cut-off time, YYYY-MM-DDTHH:MM:SSZ.
        verdict: clean, discrepancies or incomplete.
    """

    run_id: str
    environment: str
    first_day: date | None
    last_day: date | None
    as_of: str
    verdict: str


class ComparedOrder(NamedTuple):
    """An order that a run compared.

    Attributes:
        msn, reference: The order's sales unit and its own payment reference.
        psp_reference: Of the payment it was compared with; None if there was none.
        ordered_day: Local day of the order, as days since 1970-01-01.
        bucket: Bucket of the order in the run of its own export.
        settled: Whether the latest run that compared it left nothing to do.
        order_rows: Its rows as its own export had them, by column of `schemas.ORDERS`; times are
            read back as ISO 8601 text. Several rows are orders that were paid together.
        as_of: Cut-off time of the latest run that compared it, YYYY-MM-DDTHH:MM:SSZ.
    """

    msn: str
    reference: str
    psp_reference: str | None
    ordered_day: int | None
    bucket: str
    settled: bool
    order_rows: Sequence[Mapping[str, Any]]
    as_of: str

    @property
    def key(self) -> tuple[str, str]:
        """Its (msn, reference)."""
        return self.msn, self.reference


def record_run(
    store: Store,
    run: Run,
    first_seen: Mapping[str, date],
    orders: Iterable[ComparedOrder],
    items: Iterable[OpenItem] = (),
) -> None:
    """Record a run. Recording the same run again changes nothing.

    An order or open item is changed only by a run whose cut-off time is the same or later. Of several
    first days of a discrepancy, the earliest is kept.

    Args:
        store: The workspace database.
        run: The run.
        first_seen: Ids of discrepancies, with the day of the first known run that showed each.
        orders: Orders that it compared, and others that it knows from earlier runs.
        items: Open items as this run leaves them.

    Raises:
        StoreError: Nothing was recorded.
    """
    with write_transaction(store) as connection:
        insert_rows(
            connection,
            RUNS.name,
            [
                {
                    **run._asdict(),
                    "first_day": run.first_day and run.first_day.isoformat(),
                    "last_day": run.last_day and run.last_day.isoformat(),
                    "recorded_at": connection.execute(select(database_time())).scalar_one(),
                }
            ],
            "DO NOTHING",
        )
        insert_rows(
            connection,
            SEEN_DISCREPANCIES.name,
            (
                {
                    "environment": run.environment,
                    "discrepancy_id": discrepancy_id,
                    "first_seen_date": day.isoformat(),
                    "run_id": run.run_id,
                }
                for discrepancy_id, day in first_seen.items()
            ),
            "(discrepancy_id, environment) DO UPDATE SET first_seen_date = excluded.first_seen_date, "
            "run_id = excluded.run_id "
            f"WHERE {SEEN_DISCREPANCIES.name}.first_seen_date > excluded.first_seen_date",
        )
        changed = (
            "psp_reference",
            "ordered_day",
            "bucket",
            "settled",
            "as_of",
            "run_id",
            "order_rows",
        )
        insert_rows(
            connection,
            COMPARED_ORDERS.name,
            (
                {
                    **order._asdict(),
                    "environment": run.environment,
                    "settled": int(order.settled),
                    "run_id": run.run_id,
                    "order_rows": orjson.dumps([dict(row) for row in order.order_rows]).decode(),
                }
                for order in orders
            ),
            "(reference, msn, environment) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in changed)
            + " WHERE compared_orders.as_of <= excluded.as_of",
        )
        insert_open_items(connection, run.environment, items)


def keep_latest_orders(orders: Iterable[ComparedOrder]) -> dict[tuple[str, str], ComparedOrder]:
    """Return one entry per order, in order of key: the one with the latest cut-off time.

    Of two with the same cut-off time, the later one in `orders` is kept.
    """
    latest: dict[tuple[str, str], ComparedOrder] = {}
    for order in orders:
        other = latest.get(order.key)
        if other is None or other.as_of <= order.as_of:
            latest[order.key] = order
    return dict(sorted(latest.items()))


def keep_first_dates(*first_seen: Mapping[str, date]) -> dict[str, date]:
    """Return the earliest day of each discrepancy, in order of discrepancy_id."""
    first: dict[str, date] = {}
    for dates in first_seen:
        for discrepancy_id, day in dates.items():
            first[discrepancy_id] = min(day, first.get(discrepancy_id, day))
    return dict(sorted(first.items()))


def read_first_seen_dates(store: Store, environment: str) -> dict[str, date]:
    """Return the day of the first run that showed each discrepancy, by discrepancy_id."""
    query = select(SEEN_DISCREPANCIES.c.discrepancy_id, SEEN_DISCREPANCIES.c.first_seen_date).where(
        SEEN_DISCREPANCIES.c.environment == environment
    )
    with read_transaction(store) as connection:
        return {row[0]: date.fromisoformat(row[1]) for row in connection.execute(query)}


def read_latest_complete_run(store: Store, environment: str | None) -> str | None:
    """Return the cut-off time of the latest run that was not incomplete; None if there is none.

    Args:
        store: The workspace database.
        environment: test, production or simulator; None for any.
    """
    query = select(func.max(RUNS.c.as_of)).where(RUNS.c.verdict != "incomplete")
    if environment is not None:
        query = query.where(RUNS.c.environment == environment)
    with read_transaction(store) as connection:
        as_of: str | None = connection.execute(query).scalar_one()
    return as_of


def read_compared_orders(
    store: Store, environment: str, keys: Collection[tuple[str, str]]
) -> list[ComparedOrder]:
    """Return the orders of earlier runs whose (msn, reference) is among the keys."""
    orders: list[ComparedOrder] = []
    with read_transaction(store) as connection:
        for chunk in split_rows(sorted(keys)):
            query = _select_orders(environment).where(
                match_pairs(COMPARED_ORDERS.c.reference, COMPARED_ORDERS.c.msn, _reverse(chunk))
            )
            chunk_keys = set(chunk)
            orders += [
                order
                for order in _read_orders(connection, query)
                if (order.msn, order.reference) in chunk_keys
            ]
    return orders


def read_unsettled_orders(
    store: Store, environment: str, msns: Collection[str], until_day: int
) -> list[ComparedOrder]:
    """Return the orders, ordered until a local day, that earlier runs left unsettled.

    Args:
        store: The workspace database.
        environment: test, production or simulator.
        msns: The sales units.
        until_day: Days since 1970-01-01; an order without a day is included.
    """
    query = _select_orders(environment).where(
        COMPARED_ORDERS.c.settled == 0,
        COMPARED_ORDERS.c.msn.in_(sorted(msns)),
        (COMPARED_ORDERS.c.ordered_day <= until_day) | COMPARED_ORDERS.c.ordered_day.is_(None),
    )
    with read_transaction(store) as connection:
        return list(_read_orders(connection, query))


def _select_orders(environment: str) -> Select[Any]:
    columns = [COMPARED_ORDERS.c[name] for name in ComparedOrder._fields]
    return (
        select(*columns)
        .where(COMPARED_ORDERS.c.environment == environment)
        .order_by(COMPARED_ORDERS.c.msn, COMPARED_ORDERS.c.reference)
    )


def _read_orders(connection: Connection, query: Select[Any]) -> Iterator[ComparedOrder]:
    for row in connection.execute(query):
        order = ComparedOrder(*row)
        yield order._replace(
            settled=bool(order.settled), order_rows=orjson.loads(str(order.order_rows))
        )


def _reverse(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(reference, msn) for msn, reference in keys]
