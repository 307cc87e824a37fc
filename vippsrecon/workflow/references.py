"""Collect the references to fetch: those of orders, likely variants, those of reference files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.sources import find_candidate_references, read_reference_list
from vippsrecon.vipps_rules import NEW_REFERENCE_PATTERN
from vippsrecon.workflow.retried_payments import build_follow_ups, drop_guessed_misses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vippsrecon.fetching import Fetched, FollowUp

PAYMENT_KEY = list(schemas.PAYMENT)
REFERENCE_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in (*PAYMENT_KEY, "discovered_by")]
)


class ReferenceSet(NamedTuple):
    """The references to fetch, and what is known about them.

    Attributes:
        references: msn, reference, discovered_by; one row per payment, those of orders first.
        guesses: Keys in `references` that are not an order's own reference (an earlier attempt of
            a retry, a repaired reference, a further reference in its cell). A 404 for one of
            these means nothing.
        rejects: Rows of reference files that could not be used.
        repeat_count: Number of rows of reference files that repeat an earlier reference.
        follow_ups: Functions that give further references after the fetch, one per round.
        notes: The column used in a reference file with several columns.
    """

    references: pd.DataFrame
    guesses: frozenset[tuple[str, str]]
    rejects: pd.DataFrame
    repeat_count: int = 0
    follow_ups: tuple[FollowUp, ...] = ()
    notes: tuple[str, ...] = ()


def collect_fetch_references(
    orders: pd.DataFrame, reference_files: Iterable[Path | str] = (), default_msn: str | None = None
) -> ReferenceSet:
    """Collect the references of orders and reference files, and likely variants of them."""
    own = orders.loc[orders["reference"].notna(), PAYMENT_KEY].assign(discovered_by="orders")
    named = collect_further_references(orders)
    candidates = find_candidate_references(orders)
    likely = pd.DataFrame(
        {
            "msn": candidates["msn"],
            "reference": candidates["candidate"],
            "discovered_by": "orders",
        }
    )
    reference_lists = [read_reference_list(path, default_msn) for path in reference_files]
    listed = [
        reference_list.references[[*PAYMENT_KEY, "discovered_by"]]
        for reference_list in reference_lists
    ]
    given_keys = collect_payment_keys(stack_unique_references([own, *listed]))
    return ReferenceSet(
        stack_unique_references([own, *listed, named, likely]),
        frozenset(collect_payment_keys(stack_unique_references([named, likely])) - given_keys),
        stack_frames(
            [reference_list.rejects for reference_list in reference_lists], schemas.REJECTS
        ),
        sum(map(len, listed)) - len(stack_unique_references(listed)),
        build_follow_ups(orders) if len(orders) else (),
        tuple(reference_list.note for reference_list in reference_lists if reference_list.note),
    )


def add_earlier_references(
    reference_set: ReferenceSet, keys: Sequence[tuple[str, str]]
) -> ReferenceSet:
    """Add references of orders that an earlier run left unsettled. A 404 for one means nothing."""
    earlier = pd.DataFrame(keys, columns=PAYMENT_KEY).assign(discovered_by="earlier_run")
    known = collect_payment_keys(reference_set.references)
    return reference_set._replace(
        references=stack_unique_references([reference_set.references, earlier]),
        guesses=reference_set.guesses | (set(keys) - known),
    )


def collect_further_references(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the further references that the cells of orders name: one may be a gift card's.

    Returns:
        msn, reference, discovered_by; only references that are valid at Vipps MobilePay.
    """
    cells = orders[["msn", "reference", "further_references"]].dropna()
    rows = [
        {"msn": msn, "reference": reference, "discovered_by": "orders"}
        for msn, _, cell in cells.itertuples(index=False, name=None)
        for reference in cell.split()
        if re.fullmatch(NEW_REFERENCE_PATTERN, reference)
    ]
    return schemas.to_pandas(pa.Table.from_pylist(rows, schema=REFERENCE_SCHEMA))


def drop_expected_misses(
    fetched: Fetched, reference_set: ReferenceSet, orders: pd.DataFrame
) -> pd.DataFrame:
    """Return the failures without those that were to be expected.

    The reference was only guessed, the shop states that the order was paid another way, or the
    reference is damaged and a repaired spelling of it was asked for instead.
    """
    remaining = _drop_misses(fetched.failures, reference_set.guesses)
    remaining = _drop_repaired_references(remaining, fetched.payments, orders)
    return drop_misses_of_other_methods(
        drop_guessed_misses(remaining, reference_set.references, orders), orders
    )


def _drop_repaired_references(
    failures: pd.DataFrame, payments: pd.DataFrame, orders: pd.DataFrame
) -> pd.DataFrame:
    """Drop the failures of references that were not sent, but a repaired spelling has an answer.

    The answer is a payment of the order, or a failure of its own. Without one, the failure stays:
    it is the only trace of the reference.
    """
    not_sent = failures["operation"].eq("not_sent").fillna(False).astype(bool)
    if not not_sent.any() or not len(orders):
        return failures
    answered = _find_answered_orders(orders, payments, failures[~not_sent])
    is_answered = [
        key in answered for key in failures[PAYMENT_KEY].itertuples(index=False, name=None)
    ]
    return failures[~(not_sent & pd.Series(is_answered, index=failures.index, dtype=bool))]


def _find_answered_orders(
    orders: pd.DataFrame, payments: pd.DataFrame, failures: pd.DataFrame
) -> set[tuple[str, str]]:
    """Return the keys of orders to which the run links a payment or a failure by another spelling."""
    from vippsrecon.reconciliation.engines.backends import collect_rows, prepare_frame
    from vippsrecon.reconciliation.orders_payments.links import (
        collect_named_links,
        derive_links,
        find_orders_of_unread,
    )

    columns = (*PAYMENT_KEY, "attempt_base", "further_references")
    order_rows = prepare_frame(orders, schemas.ORDERS, columns)
    known = prepare_frame(payments, schemas.PAYMENTS, schemas.PAYMENT)
    unread = prepare_frame(failures, schemas.FAILURES, schemas.PAYMENT)
    own = order_rows.select(PAYMENT_KEY)
    no_older_rows = own.head(0).with_columns(okey=nw.col("reference"))
    named = collect_named_links(order_rows, no_older_rows)
    strays = known.join(own, on=PAYMENT_KEY, how="anti")
    links = derive_links(strays, order_rows, known, named)
    linked = collect_rows(links.select("msn", reference=nw.col("okey")))
    linked += collect_rows(find_orders_of_unread(unread, order_rows, known, named))
    return {(row["msn"], row["reference"]) for row in linked}


def drop_misses_of_other_methods(failures: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Drop 404 failures of orders that the shop states were paid another way.

    Such orders are fetched because the shop may be wrong. That no payment exists is then the
    expected answer and not a failure.
    """
    other = orders["by_vipps"].eq(False).fillna(False).astype(bool) & orders["reference"].notna()
    paid_by_vipps = collect_payment_keys(orders[~other])
    return _drop_misses(failures, frozenset(collect_payment_keys(orders[other]) - paid_by_vipps))


def collect_payment_keys(frame: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the (msn, reference) of every row."""
    return set(frame[PAYMENT_KEY].itertuples(index=False, name=None))


def _drop_misses(failures: pd.DataFrame, droppable: frozenset[tuple[str, str]]) -> pd.DataFrame:
    not_found = failures["status"].fillna(0).eq(404).astype(bool)
    is_droppable = [
        key in droppable for key in failures[PAYMENT_KEY].itertuples(index=False, name=None)
    ]
    return failures[~(not_found & pd.Series(is_droppable, index=failures.index, dtype=bool))]


def stack_unique_references(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate references, keeping the first row of each payment."""
    return _concatenate_frames(frames, REFERENCE_SCHEMA).drop_duplicates(
        PAYMENT_KEY, ignore_index=True
    )


def stack_frames(frames: Sequence[pd.DataFrame], kind: schemas.Frame) -> pd.DataFrame:
    """Concatenate frames of one kind. Without frames, return an empty frame of that kind."""
    return _concatenate_frames(frames, kind.arrow_schema())


def _concatenate_frames(frames: Sequence[pd.DataFrame], schema: pa.Schema) -> pd.DataFrame:
    # Through Arrow: pandas would guess the column types again if one of the frames is empty.
    tables = [
        pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
        for frame in frames
    ]
    return schemas.to_pandas(pa.concat_tables([schema.empty_table(), *tables]))
