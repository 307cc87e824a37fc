"""Read payments and event logs for many references.

    references ──worklist──► reading (many in flight) ──decoding──► parts on disk ──► results
                    ▲                                            └► or in memory
                    └────── follow-ups: the payments read may lead to further references

A reference that fails becomes a row of `failures`; the others are not affected. Wrong keys stop the
run, because every other reference would fail in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.fetching import frames
from vippsrecon.fetching.follow_ups import (
    FOLLOW_UP_COLUMNS,
    FetchOptions,
    FollowUp,
    read_with_follow_ups,
)
from vippsrecon.fetching.results import (
    Fetched,
    convert_to_pandas,
    load_fetched,
    set_fetched_language,
)
from vippsrecon.fetching.run_folder import RunFolder, lock_fetch_folder
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.fetching.worklist import Reference, Worklist
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.texts import use_language

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.stable.v2.typing import IntoFrame

    from vippsrecon.api import Client


def fetch(
    references: Iterable[Reference] | IntoFrame,
    client: Client,
    events: bool = True,
    *,
    in_flight: int | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = False,
    follow_ups: Sequence[FollowUp] = (),
) -> Fetched[pd.DataFrame]:
    """Read payments and their event logs for many references.

    Each reference is requested once, even if it is named several times. If the events of a payment
    do not sum to its aggregate, both are read again, at most twice, before they are accepted.

    Args:
        references: Texts (if one sales unit is configured) or (msn, reference) pairs in a list or
            a series, or a frame with reference and optionally msn and discovered_by (pandas,
            Polars or Arrow). A sales unit may be a number, a reference may not. Not changed.
        client: Its settings hold the keys and the number of requests in flight.
        events: Whether event logs are read too. Without them, created and authorized times and
            the history are unknown.
        in_flight: How many references are read at the same time, 1 to 256; None: the setting.
        out: Folder for the results. A run of the same references that stopped less than 24
            hours ago is continued there; otherwise a new run starts.
        resume: Continue the run in `out` whatever its age; the age is logged.
        progress: Show a progress bar in a terminal or a notebook.
        follow_ups: Each function takes the payments read so far (a Polars frame with
            `FOLLOW_UP_COLUMNS`) and returns further (msn, reference) to read.

    Returns:
        The three frames, sorted. Check `Fetched.missing`: it counts unanswered references.

    Raises:
        InputError: `references` or `in_flight` is not valid.
        UnauthorizedError, ForbiddenError, ConfigurationError: The keys are wrong; what was
            read before is stored in `out`.
        NoAnswerError: No access token could be fetched.
        OutputError: `out` cannot be written.
    """
    with use_language(client.settings.language):  # of the progress bar
        fetched = fetch_frames(
            references,
            client,
            events,
            in_flight=in_flight,
            out=out,
            resume=resume,
            progress=progress,
            follow_ups=follow_ups,
        )
    return convert_to_pandas(fetched)


def fetch_frames(
    references: Iterable[Reference] | IntoFrame,
    client: Client,
    events: bool = True,
    *,
    in_flight: int | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = False,
    follow_ups: Sequence[FollowUp] = (),
) -> Fetched[pl.DataFrame]:
    """Fetch as `fetch` does, into Polars frames."""
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
        return set_fetched_language(load_fetched(out)[0], client.settings.language)
    work = Worklist(references, client.default_msn)
    parts: list[FetchPart] = [
        FetchPart(frames.concatenate_tables([]), work.build_not_sent_failures())
    ]
    read_with_follow_ups(
        work,
        work.rows.clear(),
        FetchOptions(client, events, in_flight, progress, follow_ups),
        parts.append,
        lambda: [pl.DataFrame(part.tables.payments.select(FOLLOW_UP_COLUMNS)) for part in parts],
    )
    tables = frames.concatenate_tables([part.tables for part in parts])
    failures = sorted(
        (failure for part in parts for failure in part.failures),
        key=lambda failure: (failure.msn, failure.reference),
    )
    order = [(name, "ascending") for name in PAYMENT_KEY]
    log = [*order, ("event_at", "ascending"), ("psp_reference", "ascending")]
    fetched = Fetched(
        pl.DataFrame(tables.payments.sort_by(order)),
        pl.DataFrame(tables.events.sort_by(log)),
        pl.DataFrame(frames.build_failures_table(failures)),
    )
    return set_fetched_language(fetched, client.settings.language)


def fetch_into(
    out: Path,
    references: Iterable[Reference] | IntoFrame,
    client: Client,
    events: bool = True,
    *,
    in_flight: int | None = None,
    resume: bool = False,
    progress: bool = False,
    follow_ups: Sequence[FollowUp] = (),
) -> dict[str, Any]:
    """Fetch into a folder like `fetch` with `out`, without reading the result back.

    Memory use stays small for any number of references: only the references are held.

    Returns:
        The content of `fetch.json`: counts, and whether the run is complete.

    Raises:
        The errors of `fetch`; IncompleteError if a part file was damaged during the run.
    """
    work = Worklist(references, client.default_msn)
    for msn in work.msns:
        # Checked first, so that wrong keys leave the files of an earlier run untouched.
        client.check_keys(msn)
    with lock_fetch_folder(Path(out)):
        folder = RunFolder(
            Path(out), work, client.settings, events=events, now=client.now(), resume=resume
        )
        if folder.is_finished:
            return folder.info
        try:
            options = FetchOptions(client, events, in_flight, progress, follow_ups)
            reread_count = read_with_follow_ups(
                work, folder.done(), options, folder.keep, folder.payments
            )
        except BaseException:
            folder.record_interruption()
            raise
        folder.finish(reread_count)
        return folder.info
