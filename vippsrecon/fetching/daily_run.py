"""Repeat a fetch from an earlier one: read only the payments that can have changed since.

earlier fetch ──┐
ledger feed ────┼─► choose ──► fetch those ──► merged with the rest ──► a folder like any fetch
references ─────┘        └─► skipped: how many, and why
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from vippsrecon.errors import (
    ForbiddenError,
    InputError,
    PaymentNotFoundError,
    SourceError,
    UnauthorizedError,
)
from vippsrecon.fetching import part_files
from vippsrecon.fetching.changes import ChangeChoice, choose_changed_payments
from vippsrecon.fetching.ledgers.feed import read_feeds
from vippsrecon.fetching.results import Fetched, load_fetched
from vippsrecon.fetching.run import fetch_frames
from vippsrecon.fetching.run_folder import (
    RUN_FILE,
    build_run_info,
    format_time,
    lock_fetch_folder,
    translate_os_errors,
    write_run_info,
)
from vippsrecon.fetching.stored_files.recorded_hashes import hash_files
from vippsrecon.fetching.worklist import Reference, Worklist
from vippsrecon.schemas.inputs import PAYMENT_KEY

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

    from vippsrecon.api import Client
    from vippsrecon.fetching.follow_ups import FollowUp

CURSORS_FIELD = "ledger_cursors"
"""In `fetch.json`: ledger to the cursor of its feed up to which its entries are known."""

_SORT_NAME = "sort_key"
# The separator is below every character of a sales unit: the order is that of the two columns.
_SORT_KEY = pl.concat_str(PAYMENT_KEY, separator="\0").alias(_SORT_NAME)
_NO_ACCESS_ERRORS = (UnauthorizedError, ForbiddenError, PaymentNotFoundError)


class ChangedFetch(NamedTuple):
    """A fetch that was made from an earlier one.

    Attributes:
        fetched: Payments, events and failures, as a whole fetch would have them.
        choice: Which payments were read, which were not, and why.
    """

    fetched: Fetched[pl.DataFrame]
    choice: ChangeChoice


def fetch_changes(
    references: Iterable[Reference] | IntoFrame,
    client: Client,
    earlier: Path | str,
    out: Path | str,
    *,
    expected: pl.DataFrame | None = None,
    record: bool | None = None,
    progress: bool = False,
    follow_ups: Sequence[FollowUp] = (),
) -> ChangedFetch:
    """Fetch into `out` what can have changed since an earlier fetch, and take the rest from there.

    Args:
        references: As for `fetch`. Payments of the earlier fetch are included in any case.
        client: Has the keys.
        earlier: Folder of a complete fetch, or of such a run.
        out: Folder for the results, another one.
        expected: msn, reference, captured_minor, refunded_minor as the shop expects them now.
        record: Whether pages of the ledger feed are stored in the workspace database; None: in
            production.
        progress: Show a progress bar in a terminal or a notebook.
        follow_ups: As for `fetch`.

    Raises:
        InputError: The earlier fetch is not complete or of another environment, or `out` is its folder.
        The errors of `fetch`. A ledger that these keys may not read raises none.
    """
    earlier, out = Path(earlier), Path(out)
    known, info = load_fetched(earlier)
    _check_earlier(earlier, out, info, client)
    work = Worklist(references, client.default_msn)
    msns = sorted({*work.msns, *known.payments["msn"].unique()})
    for msn in msns:
        client.check_keys(msn)
    started_at = client.now()
    entries, cursors = _read_entries(client, msns, _read_cursors(info), record=record)
    choice = choose_changed_payments(
        work.rows, known.payments, known.events, entries, client.now(), expected=expected
    )
    with lock_fetch_folder(out):
        fresh = fetch_frames(
            choice.references,
            client,
            progress=progress,
            follow_ups=_with_earlier(follow_ups, known.payments, choice),
        )
        fetched = _merge(known, fresh, choice.references)
        new_info = build_run_info(work, client.settings, events=True, now=started_at)
        new_info |= {
            CURSORS_FIELD: cursors,
            "earlier": {"asked": choice.asked, "skipped": choice.skipped},
        }
        _write(fetched, new_info, out)
    return ChangedFetch(fetched, choice)


def _check_earlier(earlier: Path, out: Path, info: Mapping[str, Any], client: Client) -> None:
    if earlier.resolve() == out.resolve():
        raise InputError(f"{out} holds the earlier fetch. Name another folder for the new one.")
    if info.get("complete") is not True or info.get("events") is not True:
        raise InputError(
            f"{earlier} is not a complete fetch with events. Run the same fetch again, or fetch without "
            "an earlier one."
        )
    if info.get("environment") != client.settings.environment:
        raise InputError(
            f"{earlier} was fetched in the environment {info.get('environment')}, this is "
            f"{client.settings.environment}. Fetch without an earlier one."
        )


def _read_cursors(info: Mapping[str, Any]) -> dict[str, str]:
    cursors = info.get(CURSORS_FIELD, {})
    if not isinstance(cursors, dict) or not all(isinstance(c, str) for c in cursors.values()):
        raise SourceError("it is damaged. Fetch without an earlier fetch.", file=RUN_FILE)
    return cursors


def _read_entries(
    client: Client, msns: Sequence[str], cursors: dict[str, str], *, record: bool | None
) -> tuple[pl.DataFrame | None, dict[str, str]]:
    """Return the entries since the cursors; None where the ledger of a sales unit cannot be read."""
    if client.settings.environment == "test":
        return None, {}
    try:
        reading = read_feeds(client, msns, cursors, record=record)
    except _NO_ACCESS_ERRORS:
        return None, {}
    if not reading.covers(msns):  # nothing would show a refund of the sales unit without a ledger
        return None, {}
    return reading.entries.filter(pl.col("msn").is_in(msns)), reading.cursors


def _with_earlier(
    follow_ups: Sequence[FollowUp], payments: pl.DataFrame, choice: ChangeChoice
) -> list[FollowUp]:
    """Let follow-ups see all payments, and not name one that is known and not read again."""
    kept = payments.join(choice.references, on=PAYMENT_KEY, how="anti")

    def include_earlier(follow_up: FollowUp) -> FollowUp:
        def find(so_far: pl.DataFrame) -> pl.DataFrame:
            further = follow_up(pl.concat([kept.select(so_far.columns), so_far]))
            return further.join(kept.select(PAYMENT_KEY), on=PAYMENT_KEY, how="anti")

        return find

    return [include_earlier(follow_up) for follow_up in follow_ups]


def _merge(
    known: Fetched[pl.DataFrame], fresh: Fetched[pl.DataFrame], asked: pl.DataFrame
) -> Fetched[pl.DataFrame]:
    """Replace what was read again. A payment that could not be read is missing, not as it was."""
    read = pl.concat([asked.select(PAYMENT_KEY), fresh.payments.select(PAYMENT_KEY)]).unique()

    def merge(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
        kept = earlier.join(read, on=PAYMENT_KEY, how="anti", maintain_order="left")
        # Both are sorted, and no payment is in both: much faster than sorting millions of rows.
        return (
            kept.with_columns(_SORT_KEY)
            .merge_sorted(later.with_columns(_SORT_KEY), key=_SORT_NAME)
            .drop(_SORT_NAME)
        )

    return Fetched(
        merge(known.payments, fresh.payments), merge(known.events, fresh.events), fresh.failures
    )


def _write(fetched: Fetched[pl.DataFrame], info: dict[str, Any], out: Path) -> None:
    times = fetched.payments["fetched_at"].unique()
    with translate_os_errors(out):
        # Without fetch.json nobody takes a half-written folder for a complete one.
        (out / RUN_FILE).unlink(missing_ok=True)
        counts = part_files.write_results(out, *fetched)
        info["counts"] |= {
            **counts,
            "references": counts["payments"] + counts["failures"],
            "missing": fetched.missing,
            "read_again": 0,
        }
        info |= {
            "fetched_at": format_time(max(times)) if len(times) else None,
            "oldest_row_at": format_time(min(times)) if len(times) else None,
            "complete": fetched.missing == 0,
            "sha256": hash_files(out, part_files.RESULT_FILES),
        }
        write_run_info(out, info)
