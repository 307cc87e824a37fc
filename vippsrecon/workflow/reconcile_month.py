"""A month from order export to Reconciliation: read, fetch, keep, compare.

    order files ──read──► orders ──references──► fetch ──► payments, events, failures
                                       ▲                        │ kept in report.data/
                ledger, --references ──┘                        ▼
                                                   reconcile ──► Reconciliation

Where there is a workspace database, its journal says which refunds are ours, and which
discrepancies are closed by their receipts. Behind `vippsrecon reconcile` and the notebooks.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from vippsrecon import schemas
from vippsrecon.errors import InputError
from vippsrecon.fetching import Fetched, fetch
from vippsrecon.reconciliation import Reconciliation, reconcile
from vippsrecon.sources import is_reference_list, read_orders
from vippsrecon.version import __version__
from vippsrecon.workflow.closed_discrepancies import (
    add_closed_discrepancies,
    closed_by_receipts,
    read_journal_facts,
)
from vippsrecon.workflow.exported import export_time_hints
from vippsrecon.workflow.hints import capture_setting_hints
from vippsrecon.workflow.ignore_file import read_ignore_file
from vippsrecon.workflow.input_checks import (
    refuse_early_as_of,
    refuse_empty_period,
    refuse_unreadable_exports,
    refuse_wrong_month,
)
from vippsrecon.workflow.preflight import check_keys, walk_ledger, warn_of_clock_skew
from vippsrecon.workflow.references import (
    ReferenceSet,
    collect_fetch_references,
    drop_expected_misses,
    stack_frames,
    stack_unique_references,
)
from vippsrecon.workflow.saved_run import FetchFacts, hash_files, load_saved_run, save_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from vippsrecon.api import Client
    from vippsrecon.config.settings import SalesUnit, Settings
    from vippsrecon.sources import OrderFiles

__all__ = ["choose_time_zone", "closed_by_receipts", "fetch_file", "fetch_month", "reconcile_month"]


VERSIONED_LIBRARIES = ("narwhals", "pandas", "polars", "pyarrow")
"""The libraries whose versions could change a figure; they stand in the manifest."""


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


def reconcile_month(
    order_files: Sequence[Path | str],
    settings: Settings,
    *,
    client: Client | None = None,
    shop: str | None = None,
    mapping: Path | str | None = None,
    payments: Path | str | None = None,
    references: Sequence[Path | str] = (),
    first: date | str | None = None,
    last: date | str | None = None,
    as_of: datetime | None = None,
    exported_at: datetime | None = None,
    keep: Path | str | None = None,
    progress: bool = False,
) -> Reconciliation:
    """Compare a month's order exports with what Vipps MobilePay says of the payments.

    Args:
        order_files: The shop's exports.
        settings: Environment, keys, sales units, tolerances.
        client: One that is open already; without it one is opened and closed.
        shop: Profile of the exports; None: recognised.
        mapping: TOML file with the user's own names of columns.
        payments: Folder that `fetch` or an earlier run left. Then no call is made, and a
            reference that was not asked for in that fetch makes the run incomplete.
        references: Files with further references to ask for.
        first: First local day of the period, included, as a date or "2026-10-01"; None or "":
            everything.
        last: Last local day of the period, included.
        as_of: The moment compared at; None: the house's clock at the end of the fetch.
        exported_at: When the exports were taken; None: from each file.
        keep: Folder to keep the fetch in, so that `payments=keep` gives the same result again.
        progress: Show a bar where there is a terminal.

    Raises:
        InputError: A file cannot be used, or holds no order of the period.
        ConfigurationError: A setting that is needed is missing.
        ApiError, NoAnswerError: The keys were not accepted, or nothing can be reached. One
            reference that could not be read is a row of `failures` instead.
    """
    first, last = _parse_day(first), _parse_day(last)
    files = read_orders(
        order_files,
        shop=shop,
        mapping=mapping,
        units=settings.units,
        default_msn=_find_only_msn(settings),
        exported_at=exported_at,
    )
    refuse_unreadable_exports(files)
    refuse_wrong_month(files, first, last)
    refuse_early_as_of(files, as_of)
    wanted = collect_fetch_references(files.orders, references, _find_only_msn(settings))
    if payments is not None:
        fetched, facts = load_saved_run(Path(payments), wanted)
    else:
        fetched, facts = fetch_month(
            wanted,
            settings,
            client=client,
            first=_choose_ledger_start(files.orders, first),
            last=last,
            out=None if keep is None else Path(keep),
            progress=progress,
        )
    read = [*references, *([settings.ignore_file] if settings.ignore_file else [])]
    place = keep if payments is None else payments
    inputs = hash_files(None if place is None else Path(place), read)
    moment = as_of or facts.as_of
    known = read_journal_facts(settings, facts.environment)
    result = reconcile(
        files.orders,
        fetched.payments,
        fetched.events,
        drop_expected_misses(fetched.failures, wanted, files.orders),
        rejects=stack_frames([files.rejects, wanted.rejects], schemas.REJECTS),
        units=settings.units,
        rules=settings.rules,
        as_of=moment,
        first=first,
        last=last,
        waived=_read_ignored_payments(settings, moment),
        ours=known.keys,
        unsettled=known.unsettled,
        manifest=_build_manifest(files, fetched, settings, facts, inputs),
    )
    refuse_empty_period(result, files, first, last)
    habits = capture_setting_hints(files.orders, fetched.payments, settings.units)
    times = export_time_hints(files)
    said = (*known.notices, *habits, *wanted.notes, *facts.notes, *times)
    told = add_closed_discrepancies(result, settings) if known.asked else result
    return replace(told, notices=(*told.notices, *said))


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
    default_msn = _find_only_msn(settings)
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
        first, rejects = _choose_ledger_start(orders, None), files.rejects
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


def _parse_day(day: date | str | None) -> date | None:
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:
        raise InputError(f"{day!r} is not a day such as 2026-10-31") from None


def _choose_ledger_start(orders: pd.DataFrame, first: date | None) -> date | None:
    """Return the day to walk the ledger from: as asked, else the first ordered day."""
    days = orders["ordered_day"].dropna()
    if first is not None or not len(days):
        return first
    return date(1970, 1, 1) + timedelta(days=int(days.min()))


def _read_ignored_payments(settings: Settings, moment: datetime) -> frozenset[tuple[str, str]]:
    """Read the ignore file: what the user decided to leave alone, until when."""
    if settings.ignore_file is None:
        return frozenset()
    return frozenset(
        read_ignore_file(settings.ignore_file, _find_only_msn(settings), moment.date())
    )


def _build_manifest(
    files: OrderFiles,
    fetched: Fetched,
    settings: Settings,
    facts: FetchFacts,
    inputs: dict[str, str],
) -> dict[str, Any]:
    """Say what the figures rest on: inputs by hash, versions, settings. No path, no time of running."""
    return {
        "environment": facts.environment,
        "sales_units": sorted({*files.orders["msn"].unique(), *fetched.payments["msn"].unique()}),
        "fetched_at": _format_latest(fetched.payments["fetched_at"]),
        "discovered_by": fetched.payments["discovered_by"].value_counts().sort_index().to_dict(),
        "inputs": {file.name: file.sha256 for file in files.files} | inputs,
        "exported_at": {
            file.name: f"{file.exported_at:%Y-%m-%dT%H:%M:%SZ} ({file.exported_at_from})"
            for file in files.files
        },
        "ledger_read": facts.ledger_read,
        "complete": not facts.ledger_failed,
        "notes": [note for file in files.files for note in file.notes],
        "versions": {
            "vippsrecon": __version__,
            **{name: version(name) for name in VERSIONED_LIBRARIES},
        },
        "settings": {
            "sales_units": [_list_unit_settings(unit) for unit in settings.units],
            "rules": dict(vars(settings.rules)),
        },
    }


def _format_latest(moments: pd.Series[Any]) -> str | None:
    return f"{moments.max():%Y-%m-%dT%H:%M:%SZ}" if len(moments) else None


def _list_unit_settings(unit: SalesUnit) -> dict[str, Any]:
    return {name: value for name, value in vars(unit).items() if value not in (None, ())}


def _find_only_msn(settings: Settings) -> str | None:
    """Return the one configured sales unit, or None where there are none or several."""
    known = {unit.msn for unit in settings.units} | set(settings.keys)
    return known.pop() if len(known) == 1 else None


def choose_time_zone(settings: Settings) -> ZoneInfo:
    """Return the zone for a time given without offset: the sales unit's own, else Oslo."""
    return ZoneInfo(settings.unit(_find_only_msn(settings) or "").zone)
