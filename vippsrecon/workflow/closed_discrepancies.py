"""What the journal has to say of a comparison: which refunds are ours, and what plans settled.

    journal ──keys, open rows──► reconcile ──► discrepancies ──┐
       └──────────rows that were done for discrepancies────────┴─► closed, or still open

A journal that cannot be read is a notice: the comparison stands without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.bulk.execution.operations import PAST_TENSE, parse_timestamp
from vippsrecon.bulk.outcomes.frame import compute_booking_date
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import InputError, StoreError
from vippsrecon.money import format_amount, format_count
from vippsrecon.store import (
    PaymentInFlight,
    Receipt,
    Store,
    database_exists,
    open_store,
    read_own_idempotency_keys,
    read_payments_in_flight,
    read_receipts,
)

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.reconciliation import Reconciliation

T = TypeVar("T")

UNCOMPARED_KINDS = (
    "missing_in_vipps",
    "missing_in_orders",
    "duplicate_payment",
    "duplicate_order_row",
    "currency_mismatch",
    "aggregate_mismatch",
)
"""Kinds of pairs whose amounts were not compared, or prove nothing: nothing is closed by them."""

FETCH_AGAIN = "Fetch again: the payment was read before this operation."
EXPORT_AGAIN = (
    "Export the orders again: the cut-off time of the comparison is earlier than this operation."
)
CHECK_PAYMENT_AND_ORDER = "Check the payment and the order: the money moved, but they still differ."

WAIT_SECONDS = 5.0
"""How long a lock is waited for: no report waits for the journal."""

_CHUNK_SIZE = 20_000
_MAX_NAMED = 3
_ONE_SECOND = timedelta(seconds=1)


class JournalFacts(NamedTuple):
    """What the journal knows before a comparison.

    Attributes:
        keys: Idempotency keys of refunds made with this toolkit.
        unsettled: (msn, reference) of payments with an operation whose outcome is open.
        notices: Sentences for the report.
        asked: Whether there is a journal, and it could be read.
    """

    keys: frozenset[str] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    notices: tuple[str, ...] = ()
    asked: bool = False


def read_journal_facts(settings: Settings, environment: str) -> JournalFacts:
    """Ask the workspace database, where there is one, what is ours in an environment."""

    def ask(store: Store) -> JournalFacts:
        flights = read_payments_in_flight(store, environment)
        return JournalFacts(
            read_own_idempotency_keys(store, environment, "refund"),
            frozenset((one.msn, one.reference) for one in flights),
            _describe_open_rows(flights),
            True,
        )

    found, notices = _query_store(settings, ask)
    return JournalFacts(notices=notices) if found is None else found


def add_closed_discrepancies(result: Reconciliation, settings: Settings) -> Reconciliation:
    """Add to a comparison's notices and manifest what plans settled of it."""

    def ask(store: Store) -> pd.DataFrame:
        return closed_by_receipts(result, store, units=settings.units)

    found, notices = _query_store(settings, ask)
    if found is None or not len(found):
        return replace(result, notices=(*result.notices, *notices))
    manifest = {
        **result.manifest,
        "closed_by_receipts": found[found["closed"]]["discrepancy_id"].nunique(),
        "open_despite_receipts": found[~found["closed"]]["discrepancy_id"].nunique(),
    }
    return replace(
        result, notices=(*result.notices, *describe_closed_discrepancies(found)), manifest=manifest
    )


def closed_by_receipts(
    reconciliation: Reconciliation,
    store: Store,
    *,
    units: Iterable[SalesUnit] = (),
    environment: str | None = None,
) -> pd.DataFrame:
    """Say of each discrepancy that a row of a plan was done for whether it is gone.

    Only payments whose amounts this comparison compared are in it: a discrepancy that is not
    found because its order is in no export, because it is waived, or because its payment could
    not be read, is not closed.

    Args:
        reconciliation: The comparison. Not changed.
        store: The workspace database the plans were carried out with.
        units: Sales units, for their zones; others are taken as their own currency's.
        environment: test, production or simulator; None: as the comparison says.

    Returns:
        `schemas.RECEIPTS`, in order of discrepancy, plan and row.

    Raises:
        InputError: It cannot be told which environment was compared.
        StoreError: The database cannot be used.
    """
    environment = environment or reconciliation.manifest.get("environment")
    if not environment:
        raise InputError(
            "the comparison does not say of which environment its payments are: give environment="
        )
    only = reconciliation.manifest.get("only")
    compared = _select_compared_payments(reconciliation.buckets)
    told = read_receipts(store, environment)
    found: list[tuple[Receipt, str]] = []
    while chunk := list(islice(told, _CHUNK_SIZE)):
        found += _match_discrepancies(chunk, compared, only)
    if not found:
        return schemas.RECEIPTS.empty()
    flags = _read_flags(reconciliation.discrepancies, [one for _, one in found])
    fetched = _read_fetch_times(reconciliation.payments, [receipt for receipt, _ in found])
    zones = {unit.msn: unit for unit in units}
    rows = []
    for receipt, discrepancy_id in found:
        done_at = parse_timestamp(receipt.event_at or receipt.at)
        read_at = fetched.get((receipt.msn, receipt.reference))
        raised = flags.get(discrepancy_id)
        step = None
        if raised is not None:
            # An answer's Date has no fractions.
            earlier = read_at is not None and read_at + _ONE_SECOND <= done_at
            later = "changed_after_export" in raised.split()
            step = FETCH_AGAIN if earlier else EXPORT_AGAIN if later else CHECK_PAYMENT_AND_ORDER
        said = receipt._asdict() | {
            "discrepancy_id": discrepancy_id,
            "done_at": done_at,
            "booking_date": compute_booking_date(
                done_at, zones.get(receipt.msn, SalesUnit(receipt.msn))
            ),
            "closed": raised is None,
            "next_step": step,
        }
        rows.append({name: said[name] for name in schemas.RECEIPTS.names})
    rows.sort(key=lambda row: (row["discrepancy_id"], row["plan_id"], row["row"]))
    table = pa.Table.from_pylist(rows, schema=schemas.RECEIPTS.arrow_schema())
    frame: pd.DataFrame = schemas.validate(schemas.to_pandas(table), schemas.RECEIPTS)
    return frame


def describe_closed_discrepancies(found: pd.DataFrame) -> tuple[str, ...]:
    """Return what a report's cover says of `closed_by_receipts`, one sentence for each case."""
    rows = pa.Table.from_pandas(found, preserve_index=False).to_pylist()
    said = []
    closed = [row for row in rows if row["closed"]]
    if closed:
        count = len({row["discrepancy_id"] for row in closed})
        are = "is closed by its receipt" if count == 1 else "are closed by their receipts"
        said.append(f"{format_count(count, *_NOUN)} {are}: {_format_sums(closed)}.")
    for step in (FETCH_AGAIN, EXPORT_AGAIN, CHECK_PAYMENT_AND_ORDER):
        still = [row for row in rows if row["next_step"] == step]
        if still:
            names = list(dict.fromkeys(row["discrepancy_id"] for row in still))
            more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
            days = sorted({row["booking_date"].isoformat() for row in still})
            on = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
            are = "is" if len(names) == 1 else "are"
            verbs = " and ".join(sorted({PAST_TENSE[row["verb"]] for row in still}))
            said.append(
                f"{format_count(len(names), *_NOUN)} {are} still open although {verbs} on {on} "
                f"({_format_sums(still)}): {', '.join(names[:_MAX_NAMED])}{more}. {step}"
            )
    return tuple(said)


_NOUN = ("discrepancy", "discrepancies")


def _describe_open_rows(flights: Sequence[PaymentInFlight]) -> tuple[str, ...]:
    if not flights:
        return ()
    plans = sorted({one.plan_id for one in flights})
    more = f" and {len(plans) - _MAX_NAMED} more" if len(plans) > _MAX_NAMED else ""
    have = format_count(len(flights), "payment has", "payments have")
    return (
        f"{have} an operation whose outcome is open. Nothing is proposed for them until the outcome "
        f"is settled. Plan {', '.join(plans[:_MAX_NAMED])}{more}: run vippsrecon journal settle.",
    )


def _format_sums(rows: Sequence[dict[str, Any]]) -> str:
    """Return what was done, per verb and currency; a row of a plan counts once."""
    amounts = {(row["plan_id"], row["row"]): row for row in rows}
    sums: dict[tuple[str, str], int] = {}
    for row in amounts.values():
        key = row["verb"], row["currency"]
        sums[key] = sums.get(key, 0) + row["amount_minor"]
    return " and ".join(
        f"{format_amount(minor, currency)} {PAST_TENSE[verb]}"
        for (verb, currency), minor in sorted(sums.items())
    )


def _query_store(settings: Settings, ask: Callable[[Store], T]) -> tuple[T | None, tuple[str, ...]]:
    """Ask the workspace database where there is one; why it could not be asked is a notice."""
    try:
        if not database_exists(settings.database_url):
            return None, ()
        with open_store(settings.database_url, create=False, wait_seconds=WAIT_SECONDS) as store:
            return ask(store), ()
    except StoreError as error:
        why = (
            "The journal could not be read, so refunds made with this toolkit are not recognised in "
            f"this report: {error}"
        )
        return None, (why,)


def _select_compared_payments(buckets: Any) -> pl.DataFrame:
    """Return the row_key of each payment whose amounts were compared."""
    placed = nw.from_native(buckets).lazy()
    kind = nw.col("kind").fill_null("")
    agrees = (nw.col("bucket") == "matched") | (
        (nw.col("bucket") == "discrepancy") & ~kind.is_in(list(UNCOMPARED_KINDS))
    )
    rows = placed.filter((nw.col("side") == "payments") & agrees).select("row_key")
    return _collect_polars(rows)


def _match_discrepancies(
    chunk: Sequence[Receipt], compared: pl.DataFrame, only: str | None
) -> Iterator[tuple[Receipt, str]]:
    """Return each receipt of a payment that was compared, with each discrepancy it answered."""
    named = pl.DataFrame(
        {"row_key": [f"{one.msn}:{one.reference}" for one in chunk], "place": range(len(chunk))},
        schema={"row_key": pl.String, "place": pl.Int64},
    )
    for place in named.join(compared, on="row_key", how="semi")["place"].sort().to_list():
        for discrepancy_id in chunk[place].discrepancy_ids:
            if only in (None, discrepancy_id.partition(":")[0]):
                yield chunk[place], discrepancy_id


def _read_flags(discrepancies: Any, ids: Sequence[str]) -> dict[str, str]:
    """Return discrepancy to flags, of those of these that are there."""
    asked = sorted(set(ids))
    rows = nw.from_native(discrepancies).lazy().select("discrepancy_id", "flags")
    kept = _collect_polars(rows).filter(pl.col("discrepancy_id").is_in(asked))
    return dict(kept.iter_rows())


def _read_fetch_times(payments: Any, done: Sequence[Receipt]) -> dict[tuple[str, str], Any]:
    """Return payment to when it was read, of the payments that something was done with."""
    rows = nw.from_native(payments).lazy().select(*schemas.PAYMENT, "fetched_at")
    named = pl.DataFrame(
        sorted({(one.msn, one.reference) for one in done}),
        schema=dict.fromkeys(schemas.PAYMENT, pl.String),
        orient="row",
    )
    kept = _collect_polars(rows).join(named, on=list(schemas.PAYMENT), how="semi")
    return {(msn, reference): at for msn, reference, at in kept.iter_rows()}


def _collect_polars(rows: nw.LazyFrame[Any]) -> pl.DataFrame:
    return pl.DataFrame(rows.collect(backend="pyarrow").to_arrow())
