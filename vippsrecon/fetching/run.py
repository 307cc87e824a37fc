"""Many references become payments, events and failures: the bulk read.

    references ──worklist──► reading (many in flight) ──decoding──► parts on disk ──► results
                    ▲                                            └► or in memory
                    └────── rounds: what was found may lead to further references

One reference that fails never loses the rest: it becomes a row of `failures`. Wrong keys stop
the run, since every other reference would fail alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.fetching import frames
from vippsrecon.fetching.follow_ups import (
    FOLLOW_UP_COLUMNS,
    FetchOptions,
    FollowUp,
    read_with_follow_ups,
)
from vippsrecon.fetching.results import Fetched, read_fetched
from vippsrecon.fetching.run_folder import RunFolder, lock_folder
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.fetching.worklist import PAYMENT_KEY_COLUMNS, Reference, Worklist

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client


def fetch(
    references: Iterable[Reference] | pd.DataFrame,
    client: Client,
    events: bool = True,
    *,
    in_flight: int | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = False,
    follow_ups: Sequence[FollowUp] = (),
) -> Fetched:
    """Read payments and their event logs for many references.

    Each reference is asked for once, however often it is named. Where the events of a payment
    do not sum to its aggregate both are read again, at most twice, before it is believed.

    Args:
        references: Texts (of the one sales unit configured), (msn, reference) pairs, or a frame
            with msn, reference and perhaps discovered_by. Not changed.
        client: Who asks. The number in flight and the keys are its settings'.
        events: Whether event logs are read too; without, two times and all history are unknown.
        in_flight: How many references are asked about at once, 1 to 256; None: the setting.
        out: Folder to keep everything in. A run that stopped less than 24 hours ago goes on
            there, without asking again for what it has; any other is begun anew.
        resume: Go on with the run in `out` however old it is; how old is logged.
        progress: Show a bar where there is a terminal.
        follow_ups: Functions that say, of the payments found so far (a Polars frame of
            `rounds.FOLLOW_UP_COLUMNS`), what to ask for besides (msn, reference): one more round each.

    Returns:
        The three frames, sorted. `Fetched.missing` counts the holes: look at it.

    Raises:
        InputError: `references` or `in_flight` is not what it should be.
        UnauthorizedError, ForbiddenError, ConfigurationError: The keys are wrong; what came
            before is kept in `out`.
        NoAnswerError: Not even an access token could be had.
        OutputError: `out` cannot be written.
    """
    if out is not None:
        fetch_into(
            out,
            references,
            client,
            events,
            in_flight=in_flight,
            resume=resume,
            progress=progress,
            follow_ups=follow_ups,
        )
        return read_fetched(out)[0]
    work = Worklist(references, client.default_msn)
    kept: list[FetchPart] = [
        FetchPart(frames.concatenate_tables([]), work.build_not_sent_failures())
    ]
    read_with_follow_ups(
        work,
        work.rows.clear(),
        FetchOptions(client, events, in_flight, progress, follow_ups),
        kept.append,
        lambda: [pl.DataFrame(part.tables.payments.select(FOLLOW_UP_COLUMNS)) for part in kept],
    )
    tables = frames.concatenate_tables([part.tables for part in kept])
    failures = sorted(
        (one for part in kept for one in part.failures), key=lambda one: (one.msn, one.reference)
    )
    order = [(name, "ascending") for name in PAYMENT_KEY_COLUMNS]
    log = [*order, ("event_at", "ascending"), ("psp_reference", "ascending")]
    return Fetched(
        schemas.to_pandas(tables.payments.sort_by(order)),
        schemas.to_pandas(tables.events.sort_by(log)),
        frames.build_failures(failures),
    )


def fetch_into(
    out: Path,
    references: Iterable[Reference] | pd.DataFrame,
    client: Client,
    events: bool = True,
    *,
    in_flight: int | None = None,
    resume: bool = False,
    progress: bool = False,
    follow_ups: Sequence[FollowUp] = (),
) -> dict[str, Any]:
    """Do what `fetch` does with `out`, without reading the result back.

    Memory stays bounded for any number of references: only their names are held.

    Returns:
        What `fetch.json` says: counts, and whether it is complete.

    Raises:
        As `fetch`; IncompleteError where a part on disk was damaged meanwhile.
    """
    work = Worklist(references, client.default_msn)
    for msn in work.msns:
        # Wrong keys are met here, before an earlier run's files are touched.
        client.check_keys(msn)
    with lock_folder(Path(out)):
        folder = RunFolder(
            Path(out), work, client.settings, events=events, now=client.now(), resume=resume
        )
        if folder.is_finished:
            return folder.info
        try:
            how = FetchOptions(client, events, in_flight, progress, follow_ups)
            again = read_with_follow_ups(work, folder.done(), how, folder.keep, folder.payments)
        except BaseException:
            folder.record_interruption()
            raise
        folder.finish(again)
        return folder.info
