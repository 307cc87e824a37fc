"""A month from order export to Reconciliation: read, fetch, keep, compare.

    order files ──read──► orders ──references──► fetch ──► payments, events, failures
                                       ▲                        │ kept in report.data/
                ledger, --references ──┘                        ▼
                                                   reconcile ──► Reconciliation

Where there is a workspace database, its journal says which refunds are ours, and which
discrepancies are closed by their receipts. Behind `vippsrecon reconcile` and the notebooks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon import __version__, schemas
from vippsrecon.errors import InputError
from vippsrecon.reconciliation import Reconciliation, reconcile
from vippsrecon.sources import read_orders
from vippsrecon.workflow.closed_discrepancies import (
    add_closed_discrepancies,
    read_journal_facts,
)
from vippsrecon.workflow.fetch_references import (
    choose_ledger_start,
    fetch_month,
    find_only_msn,
)
from vippsrecon.workflow.hints import capture_setting_hints, export_time_hints
from vippsrecon.workflow.ignore_file import read_ignore_file
from vippsrecon.workflow.input_checks import (
    refuse_early_as_of,
    refuse_empty_period,
    refuse_unreadable_exports,
    refuse_wrong_month,
)
from vippsrecon.workflow.references import (
    collect_fetch_references,
    drop_expected_misses,
    stack_frames,
)
from vippsrecon.workflow.saved_run import FetchFacts, hash_files, load_saved_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from vippsrecon.api import Client
    from vippsrecon.config.settings import SalesUnit, Settings
    from vippsrecon.fetching import Fetched
    from vippsrecon.sources import OrderFiles

VERSIONED_LIBRARIES = ("narwhals", "pandas", "polars", "pyarrow")
"""The libraries whose versions could change a figure; they stand in the manifest."""


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
        default_msn=find_only_msn(settings),
        exported_at=exported_at,
    )
    refuse_unreadable_exports(files)
    refuse_wrong_month(files, first, last)
    refuse_early_as_of(files, as_of)
    wanted = collect_fetch_references(files.orders, references, find_only_msn(settings))
    if payments is not None:
        fetched, facts = load_saved_run(Path(payments), wanted)
    else:
        fetched, facts = fetch_month(
            wanted,
            settings,
            client=client,
            first=choose_ledger_start(files.orders, first),
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


def _parse_day(day: date | str | None) -> date | None:
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:
        raise InputError(f"{day!r} is not a day such as 2026-10-31") from None


def _read_ignored_payments(settings: Settings, moment: datetime) -> frozenset[tuple[str, str]]:
    """Read the ignore file: what the user decided to leave alone, until when."""
    if settings.ignore_file is None:
        return frozenset()
    return frozenset(read_ignore_file(settings.ignore_file, find_only_msn(settings), moment.date()))


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
