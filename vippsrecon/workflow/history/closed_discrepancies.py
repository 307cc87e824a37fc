"""Add what the journal knows: refunds made with this toolkit, discrepancies that plans closed.

    journal ──keys, open rows──► reconcile ──► discrepancies ──┐
       └──────────rows that were done for discrepancies────────┴─► closed, or still open

If the journal cannot be read, the comparison is made without it and a notice says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon import schemas
from vippsrecon.bulk.outcomes.frame import compute_booking_date
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import InputError, StoreError
from vippsrecon.reconciliation.codes import UNCOMPARED_KINDS
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.store import (
    PaymentInFlight,
    Receipt,
    Store,
    read_own_idempotency_keys,
    read_payments_in_flight,
    read_receipts,
)
from vippsrecon.texts import format_money, say
from vippsrecon.workflow.history.database import query_database

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.config.settings import Settings
    from vippsrecon.reconciliation import Reconciliation

T = TypeVar("T")

_NEXT_STEPS = ("fetch_again", "export_again", "check_payment")
"""Why a discrepancy is still open although its plan row was done, and what to do: keys of notices."""

_CHUNK_SIZE = 20_000
_MAX_NAMED = 3
_ONE_SECOND = timedelta(seconds=1)


class JournalFacts(NamedTuple):
    """What the journal contributes to a comparison.

    Attributes:
        keys: Idempotency keys of refunds made with this toolkit.
        unsettled: (msn, reference) of payments that have an operation whose outcome is open.
        notices: Sentences for the report.
        available: Whether a journal exists and could be read.
    """

    keys: frozenset[str] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    notices: tuple[str, ...] = ()
    available: bool = False


def read_journal_facts(settings: Settings, environment: str) -> JournalFacts:
    """Read from the workspace database, if it exists, what concerns an environment."""

    def read_facts(store: Store) -> JournalFacts:
        flights = read_payments_in_flight(store, environment)
        return JournalFacts(
            read_own_idempotency_keys(store, environment, "refund"),
            frozenset((flight.msn, flight.reference) for flight in flights),
            _describe_open_rows(flights),
            True,
        )

    facts, notices = _query_store(settings, read_facts)
    return JournalFacts(notices=notices) if facts is None else facts


def add_closed_discrepancies(result: Reconciliation, settings: Settings) -> Reconciliation:
    """Add to a comparison's notices and manifest which discrepancies plans have closed."""

    def match_receipts(store: Store) -> list[dict[str, Any]]:
        return _match_receipts(result, store, settings.units, None)

    rows, notices = _query_store(settings, match_receipts)
    if not rows:
        return result.with_changes(notices=(*result.notices, *notices))
    manifest = {
        **result.manifest,
        "closed_by_receipts": len({row["discrepancy_id"] for row in rows if row["closed"]}),
        "open_despite_receipts": len({row["discrepancy_id"] for row in rows if not row["closed"]}),
    }
    return result.with_changes(
        notices=(*result.notices, *describe_closed_discrepancies(rows)),
        manifest=manifest,
    )


def closed_by_receipts(
    reconciliation: Reconciliation,
    store: Store,
    *,
    units: Iterable[SalesUnit] = (),
    environment: str | None = None,
) -> pd.DataFrame:
    """Match each discrepancy with the plan rows done for it, and decide whether it is closed.

    Only payments whose amounts were compared are included. A discrepancy that is absent because
    its order is in no export, because it is waived, or because its payment could not be read is
    not closed.

    Args:
        reconciliation: The comparison; it is not changed.
        store: The workspace database the plans were carried out with.
        units: Sales units, for their time zones; for others the currency decides.
        environment: test, production or simulator; None: that of the comparison.

    Returns:
        `schemas.RECEIPTS`, in order of discrepancy, plan and row.

    Raises:
        InputError: The comparison does not state its environment.
        StoreError: The database cannot be used.
    """
    rows = _match_receipts(reconciliation, store, units, environment)
    frame = pl.DataFrame(rows, schema=schemas.polars_schema(schemas.RECEIPTS))
    return schemas.to_pandas(schemas.cast_to_schema(frame, schemas.RECEIPTS))


def _match_receipts(
    reconciliation: Reconciliation,
    store: Store,
    units: Iterable[SalesUnit],
    environment: str | None,
) -> list[dict[str, Any]]:
    """Return the rows of `schemas.RECEIPTS`."""
    environment = environment or reconciliation.manifest.get("environment")
    if not environment:
        raise InputError(
            "the comparison does not state the environment of its payments. Give environment="
        )
    only = reconciliation.manifest.get("only")
    read = reconciliation.stored_frame
    compared = _select_compared_payments(read("buckets"))
    receipts = read_receipts(store, environment)
    matches: list[tuple[Receipt, str]] = []
    while chunk := list(islice(receipts, _CHUNK_SIZE)):
        matches += _match_discrepancies(chunk, compared, only)
    if not matches:
        return []
    flags = _read_flags(read("discrepancies"), [discrepancy_id for _, discrepancy_id in matches])
    fetched = _read_fetch_times(read("payments"), [receipt for receipt, _ in matches])
    configured = {unit.msn: unit for unit in units}
    rows = []
    for receipt, discrepancy_id in matches:
        done_at = parse_timestamp(receipt.event_at or receipt.at)
        read_at = fetched.get((receipt.msn, receipt.reference))
        open_flags = flags.get(discrepancy_id)
        step = None
        if open_flags is not None:
            # Server time comes from the Date header, which has whole seconds only.
            read_before = read_at is not None and read_at + _ONE_SECOND <= done_at
            done_after_export = "changed_after_export" in open_flags.split()
            fetch, export, check = _NEXT_STEPS
            step = say(
                f"notices.{fetch if read_before else export if done_after_export else check}"
            )
        values = receipt._asdict() | {
            "discrepancy_id": discrepancy_id,
            "done_at": done_at,
            "booking_date": compute_booking_date(
                done_at, configured.get(receipt.msn, SalesUnit(receipt.msn))
            ),
            "closed": open_flags is None,
            "next_step": step,
        }
        rows.append({name: values[name] for name in schemas.RECEIPTS.names})
    rows.sort(key=lambda row: (row["discrepancy_id"], row["plan_id"], row["row"]))
    return rows


def describe_closed_discrepancies(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Describe rows of `schemas.RECEIPTS` for a report's first page, one sentence per case."""
    sentences = []
    closed = [row for row in rows if row["closed"]]
    if closed:
        count = len({row["discrepancy_id"] for row in closed})
        sentences.append(say("notices.closed", count=count, sums=_format_sums(closed)))
    for step in (say(f"notices.{key}") for key in _NEXT_STEPS):
        still = [row for row in rows if row["next_step"] == step]
        if still:
            names = list(dict.fromkeys(row["discrepancy_id"] for row in still))
            days = sorted({row["booking_date"].isoformat() for row in still})
            verbs = sorted({say(f"done.{row['verb']}") for row in still})
            sentences.append(
                say(
                    "notices.still_open",
                    count=len(names),
                    verbs=say("words.and").join(verbs),
                    days=days[0]
                    if len(days) == 1
                    else say("period.from_to", first=days[0], last=days[-1]),
                    sums=_format_sums(still),
                    names=_list_first(names),
                    step=step,
                )
            )
    return tuple(sentences)


def _list_first(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_MAX_NAMED])
    left_out = len(names) - _MAX_NAMED
    return listed + say("words.and_more", count=left_out) if left_out > 0 else listed


def _describe_open_rows(flights: Sequence[PaymentInFlight]) -> tuple[str, ...]:
    if not flights:
        return ()
    plans = sorted({flight.plan_id for flight in flights})
    return (say("notices.open_rows", count=len(flights), plans=_list_first(plans)),)


def _format_sums(rows: Sequence[dict[str, Any]]) -> str:
    """Format the sum per verb and currency. Each plan row is counted once."""
    amounts = {(row["plan_id"], row["row"]): row for row in rows}
    sums: dict[tuple[str, str], int] = {}
    for row in amounts.values():
        key = row["verb"], row["currency"]
        sums[key] = sums.get(key, 0) + row["amount_minor"]
    return say("words.and").join(
        say(
            "notices.sum_moved",
            amount=format_money(minor, currency),
            verb=say(f"done.{verb}"),
        )
        for (verb, currency), minor in sorted(sums.items())
    )


def _query_store(
    settings: Settings, query: Callable[[Store], T]
) -> tuple[T | None, tuple[str, ...]]:
    """Run a query on the workspace database, if it exists. An error becomes a notice."""
    try:
        return query_database(settings.database_url, query, None), ()
    except StoreError as error:
        return None, (say("notices.journal_unreadable", error=str(error)),)


def _select_compared_payments(buckets: Any) -> pl.DataFrame:
    """Return the row_key of each payment whose amounts were compared."""
    buckets_lazy = nw.from_native(buckets).lazy()
    kind = nw.col("kind").fill_null("")
    agrees = (nw.col("bucket") == "matched") | (
        (nw.col("bucket") == "discrepancy") & ~kind.is_in(list(UNCOMPARED_KINDS))
    )
    rows = buckets_lazy.filter((nw.col("side") == "payments") & agrees).select("row_key")
    return _collect_polars(rows)


def _match_discrepancies(
    chunk: Sequence[Receipt], compared: pl.DataFrame, only: str | None
) -> Iterator[tuple[Receipt, str]]:
    """Yield each receipt of a compared payment, with each discrepancy its plan row was for."""
    positions = pl.DataFrame(
        {
            "row_key": [f"{receipt.msn}:{receipt.reference}" for receipt in chunk],
            "place": range(len(chunk)),
        },
        schema={"row_key": pl.String, "place": pl.Int64},
    )
    for place in positions.join(compared, on="row_key", how="semi")["place"].sort().to_list():
        for discrepancy_id in chunk[place].discrepancy_ids:
            if only in (None, discrepancy_id.partition(":")[0]):
                yield chunk[place], discrepancy_id


def _read_flags(discrepancies: Any, ids: Sequence[str]) -> dict[str, str]:
    """Return the flags of each of these discrepancies that is still open, by id."""
    unique_ids = sorted(set(ids))
    rows = nw.from_native(discrepancies).lazy().select("discrepancy_id", "flags")
    selected = _collect_polars(rows).filter(pl.col("discrepancy_id").is_in(unique_ids))
    return dict(selected.iter_rows())


def _read_fetch_times(payments: Any, done: Sequence[Receipt]) -> dict[tuple[str, str], Any]:
    """Return when each payment that has a receipt was read, by (msn, reference)."""
    rows = nw.from_native(payments).lazy().select(*schemas.PAYMENT, "fetched_at")
    done_keys = pl.DataFrame(
        sorted({(receipt.msn, receipt.reference) for receipt in done}),
        schema=dict.fromkeys(schemas.PAYMENT, pl.String),
        orient="row",
    )
    selected = _collect_polars(rows).join(done_keys, on=PAYMENT_KEY, how="semi")
    return {(msn, reference): at for msn, reference, at in selected.iter_rows()}


def _collect_polars(rows: nw.LazyFrame[Any]) -> pl.DataFrame:
    return pl.DataFrame(rows.collect(backend="pyarrow").to_arrow())
