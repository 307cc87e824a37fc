"""What Vipps MobilePay is asked for: the orders' references, likely others, files' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.sources import find_candidate_references, read_reference_list
from vippsrecon.workflow.retried_payments import build_follow_ups, drop_guessed_misses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vippsrecon.fetching import FollowUp

PAYMENT_KEY = list(schemas.PAYMENT)
REFERENCE_SCHEMA = pa.schema(
    [(name, pa.large_string()) for name in (*PAYMENT_KEY, "discovered_by")]
)


class ReferenceSet(NamedTuple):
    """What Vipps MobilePay is asked for.

    Attributes:
        references: msn, reference, discovered_by; each payment once, the orders' own first.
        guesses: Keys among them that no order holds as they stand (a retry's earlier attempt,
            a repaired reference): that Vipps does not know one of these says nothing.
        rejects: Rows of reference files that could not be used.
        repeat_count: How many rows of reference files name a payment that one before them named.
        follow_ups: What to ask for once these are there, round by round.
        notes: Which column of a reference file was taken, where it has others.
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
    """Gather what to ask for: the orders' references, likely others, and the files' own."""
    own = orders.loc[orders["reference"].notna(), PAYMENT_KEY].assign(discovered_by="orders")
    guessed = find_candidate_references(orders)
    likely = pd.DataFrame(
        {
            "msn": guessed["msn"],
            "reference": guessed["candidate"],
            "discovered_by": "orders",
        }
    )
    read = [read_reference_list(path, default_msn) for path in reference_files]
    listed = [one.references[[*PAYMENT_KEY, "discovered_by"]] for one in read]
    known = collect_payment_keys(stack_unique_references([own, *listed]))
    return ReferenceSet(
        stack_unique_references([own, *listed, likely]),
        frozenset(collect_payment_keys(likely) - known),
        stack_frames([one.rejects for one in read], schemas.REJECTS),
        sum(map(len, listed)) - len(stack_unique_references(listed)),
        build_follow_ups(orders) if len(orders) else (),
        tuple(one.note for one in read if one.note),
    )


def drop_expected_misses(
    failures: pd.DataFrame, wanted: ReferenceSet, orders: pd.DataFrame
) -> pd.DataFrame:
    """Leave out that Vipps does not know a reference where that is no surprise.

    We only guessed it, or the shop says the order was paid another way.
    """
    guessed = _drop_misses(failures, wanted.guesses)
    return drop_misses_of_other_methods(
        drop_guessed_misses(guessed, wanted.references, orders), orders
    )


def drop_misses_of_other_methods(failures: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Leave out that Vipps does not know an order the shop says was paid another way.

    It is asked for all the same, since the shop may be wrong; that nothing is there is then
    what was expected, and no failure.
    """
    other = orders["by_vipps"].eq(False).fillna(False).astype(bool) & orders["reference"].notna()
    ours = collect_payment_keys(orders[~other])
    return _drop_misses(failures, frozenset(collect_payment_keys(orders[other]) - ours))


def collect_payment_keys(frame: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the (msn, reference) of each row."""
    return set(frame[PAYMENT_KEY].itertuples(index=False, name=None))


def _drop_misses(failures: pd.DataFrame, left: frozenset[tuple[str, str]]) -> pd.DataFrame:
    unknown = failures["status"].fillna(0).eq(404).astype(bool)
    meant = [key in left for key in failures[PAYMENT_KEY].itertuples(index=False, name=None)]
    return failures[~(unknown & pd.Series(meant, index=failures.index, dtype=bool))]


def stack_unique_references(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Stack references, each payment once, as first discovered."""
    return _concatenate_frames(frames, REFERENCE_SCHEMA).drop_duplicates(
        PAYMENT_KEY, ignore_index=True
    )


def stack_frames(frames: Sequence[pd.DataFrame], kind: schemas.Frame) -> pd.DataFrame:
    """Stack frames of one kind; none of them gives an empty one of that kind."""
    return _concatenate_frames(frames, kind.arrow_schema())


def _concatenate_frames(frames: Sequence[pd.DataFrame], schema: pa.Schema) -> pd.DataFrame:
    # Through Arrow: pandas guesses types anew when one of the frames is empty.
    tables = [
        pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
        for frame in frames
    ]
    return schemas.to_pandas(pa.concat_tables([schema.empty_table(), *tables]))
