"""Read in rounds: the payments read so far may lead to further references.

    worklist ──► reading ──► payments so far ──follow-up──► further references ──► reading …

There is one round per follow-up, so reading always ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon.config.settings import MAX_IN_FLIGHT
from vippsrecon.errors import InputError
from vippsrecon.fetching.workers import PartSink, ReferenceReader
from vippsrecon.fetching.worklist import Worklist
from vippsrecon.progress_bar import show_progress
from vippsrecon.schemas.inputs import PAYMENT_KEY

if TYPE_CHECKING:
    from vippsrecon.api import Client

FOLLOW_UP_COLUMNS = (
    *PAYMENT_KEY,
    "state",
    "currency",
    "authorized_minor",
    "captured_minor",
    "refunded_minor",
    "cancelled_minor",
)
"""The columns of `schemas.PAYMENTS` that a follow-up gets."""

FollowUp = Callable[[pl.DataFrame], pl.DataFrame]
"""Takes the payments read so far (`FOLLOW_UP_COLUMNS`); returns msn and reference to read too."""


class FetchOptions(NamedTuple):
    """The options of one fetch.

    Attributes:
        events: Whether event logs are read.
        in_flight: How many references are read at the same time; None: the client's setting.
        progress: Show a progress bar in a terminal or a notebook.
        follow_ups: Functions that name further references, one round each.
    """

    client: Client
    events: bool
    in_flight: int | None
    progress: bool
    follow_ups: Sequence[FollowUp]


def read_with_follow_ups(
    work: Worklist,
    done: pl.DataFrame,
    how: FetchOptions,
    keep: PartSink,
    so_far: Callable[[], list[pl.DataFrame]],
) -> int:
    """Read the remaining references and their follow-ups; return how many were read again.

    Args:
        work: The references; the follow-ups add to it.
        done: msn, reference of what an earlier run stored.
        how: Who asks, and how.
        keep: Takes what lands.
        so_far: Returns the stored payments with `FOLLOW_UP_COLUMNS`.
    """
    work.add(done)  # includes the follow-ups of an earlier run
    sendable = int(work.rows["sendable"].sum())
    task = "fetching_events" if how.events else "fetching"
    reader = _read_round(work, work.select_remaining(done), sendable, how, keep, task=task)
    again = reader.reread_count
    for number, follow_up in enumerate(how.follow_ups, start=1):
        if reader.stopped:
            break
        further = work.add(follow_up(pl.concat(so_far()).unique(PAYMENT_KEY)))
        if len(further):
            reader = _read_round(
                work, further, len(further), how, keep, task="further_attempts", number=number
            )
            again += reader.reread_count
    return again


def _read_round(
    work: Worklist,
    left: pl.DataFrame,
    total: int,
    how: FetchOptions,
    keep: PartSink,
    *,
    task: str,
    number: int | None = None,
) -> ReferenceReader:
    most = how.client.settings.in_flight if how.in_flight is None else how.in_flight
    if not 1 <= most <= MAX_IN_FLIGHT:
        raise InputError(f"in_flight is {most}, and must be 1 to {MAX_IN_FLIGHT}")
    with show_progress(
        task,
        total,
        "payments",
        number=number,
        done=total - len(left),
        shown=how.progress,
    ) as bar:
        reader = ReferenceReader(how.client.core, keep, events=how.events, in_flight=most, bar=bar)
        how.client.run(reader.read(work.iterate_rows(left)))
    return reader
