"""Record what became of each discrepancy over several runs, and read it.

read_open_items        every item, as the latest run that judged it left it
insert_open_items      part of `record_run`: the items as a run leaves them
keep_latest_items      merge items from several places, by the rule of `record_run`
record_item_decisions  who works on what, as people wrote it in a report
read_item_decisions    the latest of these for each discrepancy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from vippsrecon.store.database.rows import insert_rows
from vippsrecon.store.database.store import Store
from vippsrecon.store.database.tables import ITEM_DECISIONS, OPEN_ITEMS
from vippsrecon.store.database.transactions import read_transaction, write_transaction

_DATES = ("first_seen_date", "last_seen_date", "until_date")


class OpenItem(NamedTuple):
    """A discrepancy over several runs.

    Attributes:
        discrepancy_id: The same in every run.
        status: open, in_progress, waived, closed_by_evidence or reopened.
        kind, msn, reference, order_number, currency: As the latest run that showed it has them.
        at_risk_minor: The same, in minor units.
        first_seen_date, last_seen_date: Days of the first and of the latest run that showed it.
        status_at: Cut-off time of the run since which it has this status, YYYY-MM-DDTHH:MM:SSZ.
        who, why: The person responsible and the note, while it is in progress or waived.
        until_date: Last day of the waiver; None: permanent, or not waived.
        closed_by: `Run.run_id` of the run that closed it; None while it is not closed.
        as_of: Cut-off time of the latest run that judged it.
    """

    discrepancy_id: str
    status: str
    kind: str
    msn: str
    reference: str | None
    order_number: str | None
    currency: str
    at_risk_minor: int | None
    first_seen_date: date
    last_seen_date: date
    status_at: str
    who: str | None
    why: str | None
    until_date: date | None
    closed_by: str | None
    as_of: str

    @property
    def key(self) -> tuple[str, str | None]:
        """Its (msn, reference)."""
        return self.msn, self.reference


class ItemDecision(NamedTuple):
    """Whether somebody works on a discrepancy, as people wrote it in a report.

    Attributes:
        discrepancy_id: The discrepancy.
        in_progress: Whether its decision is *in progress*.
        owner, note: As written; "" if empty.
        as_of: Cut-off time of the report.
    """

    discrepancy_id: str
    in_progress: bool
    owner: str
    note: str
    as_of: str


def read_open_items(store: Store, environment: str) -> list[OpenItem]:
    """Return all items of an environment, also closed ones, in order of discrepancy_id."""
    columns = [OPEN_ITEMS.c[name] for name in OpenItem._fields]
    query = (
        select(*columns)
        .where(OPEN_ITEMS.c.environment == environment)
        .order_by(OPEN_ITEMS.c.discrepancy_id)
    )
    with read_transaction(store) as connection:
        return [_parse_item(OpenItem(*row)) for row in connection.execute(query)]


def insert_open_items(connection: Connection, environment: str, items: Iterable[OpenItem]) -> None:
    """Write items that a run judged, unless a run with a later cut-off time has judged them."""
    changed = ", ".join(
        f"{name} = excluded.{name}" for name in OpenItem._fields if name != "discrepancy_id"
    )
    insert_rows(
        connection,
        OPEN_ITEMS.name,
        (
            {
                **item._asdict(),
                **{name: _format_date(getattr(item, name)) for name in _DATES},
                "environment": environment,
            }
            for item in items
        ),
        f"(environment, discrepancy_id) DO UPDATE SET {changed} "
        f"WHERE {OPEN_ITEMS.name}.as_of <= excluded.as_of",
    )


def keep_latest_items(*places: Iterable[OpenItem]) -> dict[str, OpenItem]:
    """Return one item per discrepancy, in order of its id: the one that the latest run judged.

    Of two with the same cut-off time, that of the later place is kept. The earliest first day and the
    latest last day of all places count.
    """
    latest: dict[str, OpenItem] = {}
    for place in places:
        for item in place:
            other = latest.get(item.discrepancy_id, item)
            kept = other if other.as_of > item.as_of else item
            latest[item.discrepancy_id] = kept._replace(
                first_seen_date=min(item.first_seen_date, other.first_seen_date),
                last_seen_date=max(item.last_seen_date, other.last_seen_date),
            )
    return dict(sorted(latest.items()))


def record_item_decisions(
    store: Store, environment: str, decisions: Iterable[ItemDecision]
) -> None:
    """Record who works on what. A decision of an earlier report does not replace a later one.

    Raises:
        StoreError: Nothing was recorded.
    """
    changed = ", ".join(
        f"{name} = excluded.{name}" for name in ItemDecision._fields if name != "discrepancy_id"
    )
    with write_transaction(store) as connection:
        insert_rows(
            connection,
            ITEM_DECISIONS.name,
            (
                {
                    **decision._asdict(),
                    "in_progress": int(decision.in_progress),
                    "environment": environment,
                }
                for decision in decisions
            ),
            f"(environment, discrepancy_id) DO UPDATE SET {changed} "
            f"WHERE {ITEM_DECISIONS.name}.as_of <= excluded.as_of",
        )


def read_item_decisions(store: Store, environment: str) -> Mapping[str, ItemDecision]:
    """Return who works on what in an environment, by discrepancy_id."""
    columns = [ITEM_DECISIONS.c[name] for name in ItemDecision._fields]
    query = select(*columns).where(ITEM_DECISIONS.c.environment == environment)
    with read_transaction(store) as connection:
        rows = [ItemDecision(*row) for row in connection.execute(query)]
    return {row.discrepancy_id: row._replace(in_progress=bool(row.in_progress)) for row in rows}


def _parse_item(item: OpenItem) -> OpenItem:
    # The database gives dates as text.
    first, last, until = (getattr(item, name) for name in _DATES)
    return item._replace(
        first_seen_date=date.fromisoformat(first),
        last_seen_date=date.fromisoformat(last),
        until_date=until and date.fromisoformat(until),
    )


def _format_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
