"""Fetch payments and event logs for an order export or a list of references.

    file ──read──► references ──► fetch ──► payments, events, failures in a folder
                       ▲
        funds ledger ──┘ (order exports only)

Behind `vippsrecon fetch`; `reconcile_month` fetches through `fetch_month` as well.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from vippsrecon import schemas
from vippsrecon.fetching import Fetched, fetch
from vippsrecon.sources import is_reference_list, read_orders
from vippsrecon.workflow.preflight import check_keys, walk_ledger, warn_of_clock_skew
from vippsrecon.workflow.references import (
    ReferenceSet,
    collect_fetch_references,
    drop_expected_misses,
    stack_unique_references,
)
from vippsrecon.workflow.saved_run import FetchFacts, save_facts

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client
    from vippsrecon.config.settings import Settings


class FetchedFile(NamedTuple):
    """What `fetch_file` gives.

    Attributes:
        fetched: Payments, events, failures.
        rejects: Rows of the file that could not be used.
        repeat_count: Rows of a list that name a payment named before.
        is_list: Whether the file is a list of references.
        notes: Which of its columns was taken, where it has others; what the ledger walk says.
        ledger_failed: Whether the funds ledger is there to be read and could not be.
    """

    fetched: Fetched
    rejects: pd.DataFrame
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
    client: Client | None = None,
    progress: bool = False,
) -> FetchedFile:
    """Fetch for an order export, or for a plain list of references.

    An export's period is walked in the ledger too; a list is asked for as it stands.
    """
    default_msn = find_only_msn(settings)
    source = Path(source)
    listed = shop is None and mapping is None and is_reference_list(source)
    orders = schemas.ORDERS.empty()
    if listed:
        wanted = collect_fetch_references(orders, [source], default_msn)
        first, rejects = None, wanted.rejects
    else:
        files = read_orders(
            [source], shop=shop, mapping=mapping, units=settings.units, default_msn=default_msn
        )
        orders = files.orders
        wanted = collect_fetch_references(orders)
        first, rejects = choose_ledger_start(orders, None), files.rejects
    fetched, facts = fetch_month(
        wanted,
        settings,
        client=client,
        first=first,
        out=Path(out),
        resume=resume,
        progress=progress,
    )
    failures = drop_expected_misses(fetched.failures, wanted, orders)
    return FetchedFile(
        fetched._replace(failures=failures),
        rejects,
        wanted.repeat_count,
        listed,
        (*wanted.notes, *facts.notes),
        facts.ledger_failed,
    )


def fetch_month(
    wanted: ReferenceSet,
    settings: Settings,
    *,
    client: Client | None = None,
    first: date | None = None,
    last: date | None = None,
    out: Path | None = None,
    resume: bool = False,
    progress: bool = False,
) -> tuple[Fetched, FetchFacts]:
    """Ask for every reference, and for those the period's funds ledger knows besides.

    Args:
        wanted: What `collect_fetch_references` gives.
        settings: Environment and keys.
        client: One that is open already; without it one is opened and closed.
        first: First local day to walk the ledger for; None: the ledger is not walked.
        last: Last local day, included; None: the day the house's clock shows.
        out: Folder to keep everything in; a run that stopped goes on from it.
        resume: Go on even with a fetch that stopped long ago.
        progress: Show a bar where there is a terminal.
    """
    from vippsrecon.api import Client as Opened

    with nullcontext(client) if client is not None else Opened(settings) as speaker:
        references = wanted.references
        walk = None
        check_keys(speaker, sorted(references["msn"].unique()))
        warn_of_clock_skew(speaker.clock_skew_seconds(), settings)
        if first is not None:
            today = speaker.now().astimezone(choose_time_zone(settings)).date()
            walk = walk_ledger(speaker, first, max(first, last or today))
            references = stack_unique_references([references, walk.references])
        fetched = fetch(
            references,
            speaker,
            out=out,
            resume=resume,
            progress=progress,
            follow_ups=wanted.follow_ups,
        )
        facts = FetchFacts(
            speaker.now().replace(microsecond=0),
            settings.environment,
            walk is not None and walk.read,
            () if walk is None else walk.notes,
            walk is not None and walk.failed,
        )
    if out is not None:
        save_facts(facts, out)
    return fetched, facts


def choose_ledger_start(orders: pd.DataFrame, first: date | None) -> date | None:
    """Return the day to walk the ledger from: as asked, else the first ordered day."""
    days = orders["ordered_day"].dropna()
    if first is not None or not len(days):
        return first
    return date(1970, 1, 1) + timedelta(days=int(days.min()))


def find_only_msn(settings: Settings) -> str | None:
    """Return the one configured sales unit, or None where there are none or several."""
    known = {unit.msn for unit in settings.units} | set(settings.keys)
    return known.pop() if len(known) == 1 else None


def choose_time_zone(settings: Settings) -> ZoneInfo:
    """Return the zone for a time given without offset: the sales unit's own, else Oslo."""
    return ZoneInfo(settings.unit(find_only_msn(settings) or "").zone)
