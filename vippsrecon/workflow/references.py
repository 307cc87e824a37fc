"""Collect the references to fetch: those of orders, likely variants, those of reference files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon import schemas
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources import find_candidate_references, read_reference_list
from vippsrecon.vipps_rules import NEW_REFERENCE_PATTERN
from vippsrecon.workflow.retried_payments import build_follow_ups, drop_guessed_misses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vippsrecon.fetching import Fetched, FollowUp

REFERENCE_TYPES = dict.fromkeys((*PAYMENT_KEY, "discovered_by"), pl.String)


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

    references: pl.DataFrame
    guesses: frozenset[tuple[str, str]]
    rejects: pl.DataFrame
    repeat_count: int = 0
    follow_ups: tuple[FollowUp, ...] = ()
    notes: tuple[str, ...] = ()


def collect_fetch_references(
    orders: pl.DataFrame, reference_files: Iterable[Path | str] = (), default_msn: str | None = None
) -> ReferenceSet:
    """Collect the references of orders and reference files, and likely variants of them."""
    from_orders = pl.lit("orders").alias("discovered_by")
    own = orders.filter(pl.col("reference").is_not_null()).select(*PAYMENT_KEY, from_orders)
    named = collect_further_references(orders)
    candidates = find_candidate_references(orders)
    likely = candidates.select("msn", pl.col("candidate").alias("reference"), from_orders)
    reference_lists = [read_reference_list(path, default_msn) for path in reference_files]
    listed = [reference_list.references for reference_list in reference_lists]
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
    rows = [(*key, "earlier_run") for key in keys]
    earlier = pl.DataFrame(rows, schema=REFERENCE_TYPES, orient="row")
    known = collect_payment_keys(reference_set.references)
    return reference_set._replace(
        references=stack_unique_references([reference_set.references, earlier]),
        guesses=reference_set.guesses | (set(keys) - known),
    )


def collect_further_references(orders: pl.DataFrame) -> pl.DataFrame:
    """Return the further references that the cells of orders name: one may be a gift card's.

    Returns:
        msn, reference, discovered_by; only references that are valid at Vipps MobilePay.
    """
    named = orders.filter(
        pl.col("reference").is_not_null() & pl.col("further_references").is_not_null()
    )
    return (
        named.select("msn", pl.col("further_references").str.extract_all(r"\S+").alias("reference"))
        .explode("reference", empty_as_null=False)
        .filter(pl.col("reference").str.contains(NEW_REFERENCE_PATTERN))
        .with_columns(discovered_by=pl.lit("orders"))
    )


def drop_expected_misses(
    fetched: Fetched[pl.DataFrame], reference_set: ReferenceSet, orders: pl.DataFrame
) -> pl.DataFrame:
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
    failures: pl.DataFrame, payments: pl.DataFrame, orders: pl.DataFrame
) -> pl.DataFrame:
    """Drop the failures of references that were not sent, but a repaired spelling has an answer.

    The answer is a payment of the order, or a failure of its own. Without one, the failure stays:
    it is the only trace of the reference.
    """
    not_sent = failures["operation"] == "not_sent"
    if not not_sent.any() or not len(orders):
        return failures
    answered = _find_answered_orders(orders, payments, failures.filter(~not_sent))
    keys = failures.select(PAYMENT_KEY).iter_rows()
    is_answered = pl.Series([key in answered for key in keys], dtype=pl.Boolean)
    return failures.filter(~(not_sent & is_answered))


def _find_answered_orders(
    orders: pl.DataFrame, payments: pl.DataFrame, failures: pl.DataFrame
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
    unmatched = known.join(own, on=PAYMENT_KEY, how="anti")
    links = derive_links(unmatched, order_rows, known, named)
    linked = collect_rows(links.select("msn", reference=nw.col("okey")))
    linked += collect_rows(find_orders_of_unread(unread, order_rows, known, named))
    return {(row["msn"], row["reference"]) for row in linked}


def drop_misses_of_other_methods(failures: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Drop 404 failures of orders that the shop states were paid another way.

    Such orders are fetched because the shop may be wrong. That no payment exists is then the
    expected answer and not a failure.
    """
    is_other = ~pl.col("by_vipps").fill_null(value=True) & pl.col("reference").is_not_null()
    other = collect_payment_keys(orders.filter(is_other))
    return _drop_misses(failures, frozenset(other - collect_payment_keys(orders.filter(~is_other))))


def collect_payment_keys(frame: pl.DataFrame) -> set[tuple[str, str]]:
    """Return the (msn, reference) of every row."""
    return set(frame.select(PAYMENT_KEY).rows())


def _drop_misses(failures: pl.DataFrame, droppable: frozenset[tuple[str, str]]) -> pl.DataFrame:
    keys = failures.select(PAYMENT_KEY).iter_rows()
    is_droppable = pl.Series([key in droppable for key in keys], dtype=pl.Boolean)
    return failures.filter(~((failures["status"].fill_null(0) == 404) & is_droppable))


def stack_unique_references(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Concatenate references, keeping the first row of each payment."""
    stacked = pl.concat(
        [pl.DataFrame(schema=REFERENCE_TYPES), *(f.select(*REFERENCE_TYPES) for f in frames)]
    )
    return stacked.unique(PAYMENT_KEY, keep="first", maintain_order=True)


def stack_frames(frames: Sequence[pl.DataFrame], kind: schemas.Frame) -> pl.DataFrame:
    """Concatenate frames of one kind. Without frames, return an empty frame of that kind."""
    return pl.concat(schemas.to_polars(frame, kind) for frame in (None, *frames))
