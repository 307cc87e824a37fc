"""Use what earlier runs recorded: first-seen days, and orders that belong to payments of this month.

    workspace database ──┐
    folders (--earlier) ─┴─► read_unsettled ──► their references are fetched too ──┐
                         │                                                         ├─► find_earlier_orders
                         └───────────────────────── payments outside the export ───┘          │
    workspace database ◄─┬─ record: for the next month ◄── the result ◄── compared as well ◄──┘
    report.data/ ◄───────┘

An order of October that was captured in November is in October's export only. The workspace
database and October's `report.data/` keep it, so November's run compares it instead of calling it
outside the export. If the database cannot be used, the comparison is made without it and a notice
says so.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from vippsrecon.config.settings import ENVIRONMENTS
from vippsrecon.dates import to_day_number
from vippsrecon.errors import StoreError
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.store import (
    ComparedOrder,
    ItemDecision,
    OpenItem,
    Run,
    Store,
    keep_first_dates,
    keep_latest_items,
    keep_latest_orders,
    read_compared_orders,
    read_first_seen_dates,
    read_item_decisions,
    read_open_items,
    read_unsettled_orders,
    record_money_memory,
    record_run,
)
from vippsrecon.texts import say
from vippsrecon.workflow.history.complete_run import save_complete_run
from vippsrecon.workflow.history.database import query_database
from vippsrecon.workflow.history.earlier_orders import (
    EarlierOrders,
    no_earlier_orders,
    restore_orders,
)
from vippsrecon.workflow.history.money_memory import MoneyMemory, read_money_memory
from vippsrecon.workflow.history.open_items import find_local_day, list_items
from vippsrecon.workflow.history.saved_runs import SavedRun, save_run
from vippsrecon.workflow.references import collect_payment_keys

if TYPE_CHECKING:
    from pathlib import Path

    from vippsrecon.config.settings import Settings
    from vippsrecon.fetching import Fetched
    from vippsrecon.reconciliation import Reconciliation

T = TypeVar("T")

SETTLED_BUCKETS = ("matched", "ignored")
NOT_THE_ORDER = ("superseded_row", "duplicate_order_row")
"""Codes of rows that show an order which another row is: they are not recorded."""


class RunRecords:
    """What the workspace database and folders hold of earlier runs in one environment.

    Args:
        settings: Names the database.
        environment: test, production or simulator.
        enabled: False: the database is neither read nor written.
        saved_runs: What earlier runs stored beside their reports.

    Attributes:
        notices: Sentences for the report: why the database could not be used.
    """

    def __init__(
        self,
        settings: Settings,
        environment: str,
        *,
        enabled: bool = True,
        saved_runs: Sequence[SavedRun] = (),
    ) -> None:
        self._url = settings.database_url
        self._settings = settings
        self._environment = environment
        self._enabled = enabled
        self._saved_runs = saved_runs
        self.notices: tuple[str, ...] = ()

    def read_first_seen(self) -> dict[str, date]:
        """Return the day of the first run that showed each discrepancy, by discrepancy_id."""
        recorded: dict[str, date] = self._query(
            lambda store: read_first_seen_dates(store, self._environment), {}
        )
        return keep_first_dates(*(run.first_seen for run in self._saved_runs), recorded)

    def read_unsettled(self, msns: Collection[str], last: date | None) -> list[ComparedOrder]:
        """Return the orders until the end of the period that earlier runs left unsettled."""
        until_day = to_day_number(last or date.max)
        nothing: list[ComparedOrder] = []
        recorded = self._query(
            lambda store: read_unsettled_orders(store, self._environment, msns, until_day), nothing
        )
        if not self._saved_runs:
            return recorded
        keys = {order.key for order in recorded}
        for run in self._saved_runs:
            keys |= run.list_unsettled(msns, until_day)
        return self._select_unsettled(keys)

    def read_money(self) -> MoneyMemory:
        """Return what earlier months showed of payouts and disputes."""
        nothing = MoneyMemory([], [])
        recorded = self._query(lambda store: read_money_memory(store, self._environment), nothing)
        ledgers = [run.ledger for run in self._saved_runs if run.ledger is not None]
        return nothing.merge(
            *(MoneyMemory.of(ledger.entries, ledger.payouts) for ledger in ledgers), recorded
        )

    def record_money(self, entries: pl.DataFrame | None, payouts: pl.DataFrame | None) -> None:
        """Record what later months must know; a failure of the database becomes a notice."""
        memory = MoneyMemory.of(entries, payouts)
        if any(memory):
            self._query(
                lambda store: record_money_memory(store, self._environment, *memory),
                None,
                create=True,
            )

    def find_earlier_orders(
        self,
        orders: pl.DataFrame,
        fetched: Fetched[pl.DataFrame],
        unsettled: Iterable[ComparedOrder],
    ) -> EarlierOrders:
        """Find the orders of earlier exports that belong to this run.

        Args:
            orders: `schemas.ORDERS` of this run's own exports.
            fetched: The payments.
            unsettled: Orders that an earlier run left unsettled; their references were requested.
        """
        own = collect_payment_keys(orders.drop_nulls("reference"))
        unmatched = collect_payment_keys(fetched.payments) - own
        by_key = {order.key: order for order in unsettled}
        if unmatched:
            by_key |= self._read_orders(unmatched)
        for key in own & by_key.keys():
            del by_key[key]
        if not by_key:
            return no_earlier_orders()
        requested = collect_payment_keys(fetched.payments) | collect_payment_keys(fetched.failures)
        restored = restore_orders(list(by_key.values()), orders, fetched)
        return restored._replace(unread=len(by_key.keys() - requested))

    def identify_run(self, result: Reconciliation, period: tuple[date | None, date | None]) -> Run:
        """Return what is recorded of a run; its ID is the same for the same inputs and arguments."""
        manifest = result.manifest
        identity = {
            name: manifest.get(name)
            for name in ("environment", "inputs", "period", "as_of", "settings")
        }
        text = json.dumps(identity, sort_keys=True, default=str)
        return Run(
            hashlib.sha256(text.encode()).hexdigest()[:32],
            self._environment,
            *period,
            str(manifest["as_of"]),
            result.verdict,
        )

    def read_open_items(self) -> dict[str, OpenItem]:
        """Return what became of each discrepancy that earlier runs reported, by discrepancy_id."""
        nothing: list[OpenItem] = []
        recorded = self._query(lambda store: read_open_items(store, self._environment), nothing)
        return keep_latest_items(*(run.items for run in self._saved_runs), recorded)

    def read_item_decisions(self, before: str) -> dict[str, ItemDecision]:
        """Return who works on what, as `resolve` read it in reports of an earlier cut-off time."""
        nothing: dict[str, ItemDecision] = {}
        decisions = self._query(
            lambda store: dict(read_item_decisions(store, self._environment)), nothing
        )
        return {key: each for key, each in decisions.items() if each.as_of < before}

    def record(
        self,
        result: Reconciliation,
        orders: pl.DataFrame,
        earlier: EarlierOrders,
        period: tuple[date | None, date | None],
        *,
        folder: Path | None = None,
        items: Sequence[OpenItem] = (),
    ) -> None:
        """Record a run for later ones; a failure of the database becomes a notice.

        Args:
            result: The comparison.
            orders: `schemas.ORDERS` of this run's own exports.
            earlier: Orders of earlier exports that it compared too.
            period: First and last day; None for no limit.
            folder: The run's `report.data/`; None: the run is not stored in files.
            items: Every open item as the run left it.

        Raises:
            OutputError: The folder cannot be written.
        """
        if not self._enabled and folder is None:
            return
        run = self.identify_run(result, period)
        rows = result.polars_frame("discrepancies").select("discrepancy_id", "first_seen_date")
        first_seen = keep_first_dates(
            *(saved.first_seen for saved in self._saved_runs), dict(rows.iter_rows())
        )
        buckets = _read_order_buckets(result)
        own = _list_compared_orders(orders, result.polars_frame("payments"), buckets, run.as_of)
        settled: dict[tuple[str, str], bool] = {}
        for row in earlier.orders.iter_rows(named=True):
            key, bucket = (row["msn"], row["reference"]), buckets[_order_key(row)][0]
            settled[key] = settled.get(key, True) and bucket in SETTLED_BUCKETS
        compared_again = (
            order._replace(settled=settled[order.key], as_of=run.as_of)
            for order in earlier.recorded
        )
        carried: set[tuple[str, str]] = set()
        carried = carried.union(*(saved.list_unsettled() for saved in self._saved_runs))
        entries = keep_latest_orders(
            [*self._select_unsettled(carried), *compared_again, *own]
        ).values()
        self._query(
            lambda store: record_run(store, run, first_seen, entries, items), None, create=True
        )
        if folder is not None:
            today = find_local_day(result, self._settings.units)
            save_run(folder, self._environment, entries, first_seen, list_items(items, today))
            if result.complete and self._environment in ENVIRONMENTS:
                save_complete_run(folder, run)

    def _read_orders(
        self, keys: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], ComparedOrder]:
        """Return the latest that is recorded of each of these orders, wherever it is recorded."""
        nothing: list[ComparedOrder] = []
        recorded = self._query(
            lambda store: read_compared_orders(store, self._environment, keys), nothing
        )
        saved = (order for run in self._saved_runs for order in run.read_orders(keys))
        return keep_latest_orders([*saved, *recorded])

    def _select_unsettled(self, keys: Collection[tuple[str, str]]) -> list[ComparedOrder]:
        """Return those of these orders that the latest run that compared them left unsettled."""
        if not keys:
            return []
        return [order for order in self._read_orders(keys).values() if not order.settled]

    def _query(self, query: Callable[[Store], T], default: T, *, create: bool = False) -> T:
        if not self._enabled or self.notices:
            return default
        try:
            return query_database(self._url, query, default, create=create)
        except StoreError as error:
            effect = say(f"notices.{'only_earlier' if self._saved_runs else 'no_earlier'}")
            self.notices = (say("notices.database_unusable", effect=effect, error=str(error)),)
            return default


def _list_compared_orders(
    orders: pl.DataFrame,
    payments: pl.DataFrame,
    buckets: Mapping[str, tuple[str, str]],
    as_of: str,
) -> Iterable[ComparedOrder]:
    psp_references = {
        (msn, reference): psp
        for msn, reference, psp in payments.select(*PAYMENT_KEY, "psp_reference").iter_rows()
    }
    rows_by_key = defaultdict(list)
    referenced = orders.drop_nulls("reference")
    # Half of the columns are empty in most exports, and an empty cell is not recorded.
    filled = [column.name for column in referenced if column.null_count() < len(column)]
    for row in referenced.select(filled).iter_rows(named=True):
        bucket, kind = buckets.get(_order_key(row), ("", ""))
        if bucket and kind not in NOT_THE_ORDER:
            rows_by_key[row["msn"], row["reference"]].append((row, bucket))
    for (msn, reference), rows in rows_by_key.items():
        unsettled = [bucket for _, bucket in rows if bucket not in SETTLED_BUCKETS]
        yield ComparedOrder(
            msn,
            reference,
            psp_references.get((msn, reference)),
            min(
                (row["ordered_day"] for row, _ in rows if row.get("ordered_day") is not None),
                default=None,
            ),
            unsettled[0] if unsettled else rows[0][1],
            not unsettled,
            [{name: value for name, value in row.items() if value is not None} for row, _ in rows],
            as_of,
        )


def _read_order_buckets(result: Reconciliation) -> dict[str, tuple[str, str]]:
    own = result.polars_frame("buckets").filter(pl.col("side") == "orders")
    rows = own.select("row_key", "bucket", "kind").iter_rows()
    return {key: (bucket, kind) for key, bucket, kind in rows}


def _order_key(row: Mapping[str, Any]) -> str:
    return f"{row['source_file']}:{row['source_row']}"
