"""Fetch payments and event logs for an order export or a list of references.

    file ──read──► references ──► fetch ──► payments, events, failures in a folder
                       ▲
        funds ledger ──┘ (order exports only)

Behind `vippsrecon fetch`; `reconcile_month` fetches through `fetch_month` as well.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from vippsrecon import schemas
from vippsrecon.dates import to_date
from vippsrecon.errors import InputError
from vippsrecon.fetching import Fetched, fetch_changes, fetch_frames
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources import choose_profile, is_reference_list, read_order_files
from vippsrecon.workflow.coverage import leave_out_ledger_references, leave_out_references
from vippsrecon.workflow.preflight import (
    check_keys,
    describe_clock_problem,
    walk_ledger,
    warn_of_clock_skew,
)
from vippsrecon.workflow.references import (
    ReferenceSet,
    collect_fetch_references,
    drop_expected_misses,
    stack_unique_references,
)
from vippsrecon.workflow.saved_run import FetchFacts, save_facts

if TYPE_CHECKING:
    from vippsrecon.api import Client
    from vippsrecon.config.settings import Settings


class EarlierFetch(NamedTuple):
    """An earlier fetch that is continued.

    Attributes:
        folder: Its folder.
        expected: msn, reference, captured_minor, refunded_minor as the shop expects them now.
        record: Whether the ledger feed is stored in the workspace database; None: in production.
    """

    folder: Path
    expected: pl.DataFrame
    record: bool | None


class FetchedFile(NamedTuple):
    """The result of `fetch_file`, in Polars.

    Attributes:
        fetched: Payments, events, failures.
        rejects: Rows of the file that could not be used.
        repeat_count: Rows of a list that repeat an earlier reference.
        is_list: Whether the file is a list of references.
        notes: The column used where a list has several; notes of the ledger walk.
        ledger_failed: Whether these keys may read the funds ledger but reading it failed.
    """

    fetched: Fetched[pl.DataFrame]
    rejects: pl.DataFrame
    repeat_count: int
    is_list: bool
    notes: tuple[str, ...]
    ledger_failed: bool


def fetch_file(
    source: Path | str,
    settings: Settings,
    *,
    out: Path | str,
    shop: str | None = None,
    mapping: Path | str | None = None,
    resume: bool = False,
    earlier: Path | str | None = None,
    record: bool | None = None,
    client: Client | None = None,
    progress: bool = False,
) -> FetchedFile:
    """Fetch the payments of an order export or of a plain list of references.

    For an export, the funds ledger of its period is searched for further references as well; for
    a list, only its own references are fetched. With an earlier fetch, only the payments that can have
    changed since are read, and its other payments are taken over.

    Raises:
        InputError: `resume` is given together with `earlier`.
    """
    if resume and earlier is not None:
        raise InputError("--resume and --earlier cannot be used together. Omit one of them.")
    default_msn = settings.default_msn
    source = Path(source)
    is_list = shop is None and mapping is None and is_reference_list(source)
    orders = schemas.to_polars(None, schemas.ORDERS)
    if is_list:
        reference_set = collect_fetch_references(orders, [source], default_msn)
        first, rejects = None, reference_set.rejects
    else:
        files = read_order_files(
            [source], choose_profile(shop, mapping), settings.units, default_msn
        )
        orders = files.orders
        reference_set = leave_out_references(collect_fetch_references(orders), settings.units)
        first, rejects = choose_ledger_start(orders, None), files.rejects
    fetched, facts = fetch_month(
        reference_set,
        settings,
        client=client,
        first=first,
        out=Path(out),
        resume=resume,
        earlier=None if earlier is None else EarlierFetch(Path(earlier), _expect(orders), record),
        progress=progress,
    )
    failures = drop_expected_misses(fetched, reference_set, orders)
    return FetchedFile(
        fetched._replace(failures=failures),
        rejects,
        reference_set.repeat_count,
        is_list,
        (*reference_set.notes, *facts.notes),
        facts.ledger_failed,
    )


def fetch_month(
    reference_set: ReferenceSet,
    settings: Settings,
    *,
    client: Client | None = None,
    first: date | None = None,
    last: date | None = None,
    out: Path | None = None,
    resume: bool = False,
    earlier: EarlierFetch | None = None,
    progress: bool = False,
) -> tuple[Fetched[pl.DataFrame], FetchFacts]:
    """Fetch every reference, and further ones found in the period's funds ledger.

    Args:
        reference_set: The result of `collect_fetch_references`.
        settings: Environment and keys.
        client: An open client; None: one is opened and closed.
        first: First local day to search the ledger for; None: the ledger is not read.
        last: Last local day, included; None: today by server time.
        out: Folder to store everything in; a run that stopped continues from it.
        resume: Continue even a fetch that stopped long ago.
        earlier: A fetch of which only what can have changed is read again; needs `out`.
        progress: Show a progress bar in a terminal or a notebook.
    """
    from vippsrecon.api import Client as OpenedClient

    with nullcontext(client) if client is not None else OpenedClient(settings) as open_client:
        references = reference_set.references
        walk = None
        check_keys(open_client, references["msn"].unique().sort())
        warn_of_clock_skew(open_client.clock_skew_seconds(), settings)
        if earlier is not None and out is not None:
            return _fetch_again(earlier, reference_set, open_client, out, progress=progress)
        if first is not None:
            today = open_client.now().astimezone(choose_time_zone(settings)).date()
            walk = leave_out_ledger_references(
                walk_ledger(open_client, first, max(first, last or today)), settings.units
            )
            references = stack_unique_references([references, walk.references])
        fetched = fetch_frames(
            references,
            open_client,
            out=out,
            resume=resume,
            progress=progress,
            follow_ups=reference_set.follow_ups,
        )
        facts = FetchFacts(
            open_client.now().replace(microsecond=0),
            settings.environment,
            walk is not None and walk.read,
            () if walk is None else walk.notes,
            walk is not None and walk.failed,
            describe_clock_problem(open_client.clock_error_seconds(), fetched),
        )
    if out is not None:
        save_facts(facts, out)
    return fetched, facts


def _fetch_again(
    earlier: EarlierFetch,
    reference_set: ReferenceSet,
    client: Client,
    out: Path,
    *,
    progress: bool,
) -> tuple[Fetched[pl.DataFrame], FetchFacts]:
    fetched, choice = fetch_changes(
        reference_set.references,
        client,
        earlier.folder,
        out,
        expected=earlier.expected,
        record=earlier.record,
        progress=progress,
        follow_ups=reference_set.follow_ups,
    )
    facts = FetchFacts(
        client.now().replace(microsecond=0),
        client.settings.environment,
        choice.with_ledger,
        tuple(choice.describe()),
        False,
        describe_clock_problem(client.clock_error_seconds(), fetched),
    )
    save_facts(facts, out)
    return fetched, facts


def _expect(orders: pl.DataFrame) -> pl.DataFrame:
    """Return what the shop expects of each payment: nothing of an open order's capture."""
    status = pl.col("status")
    return orders.filter(pl.col("reference").is_not_null()).select(
        *PAYMENT_KEY,
        "refunded_minor",
        captured_minor=pl.when(status == "fulfilled")
        .then("total_minor")
        .when(status == "cancelled")
        .then(pl.lit(0, pl.Int64)),
    )


def choose_ledger_start(orders: pl.DataFrame, first: date | None) -> date | None:
    """Return the day to read the ledger from: `first`, else the first day of an order."""
    days = orders["ordered_day"].drop_nulls().sort()
    return first if first is not None or not len(days) else to_date(days[0])


def choose_time_zone(settings: Settings) -> ZoneInfo:
    """Return the time zone for times without an offset: the default sales unit's, else Oslo."""
    return ZoneInfo(settings.unit(settings.default_msn or "").zone)
