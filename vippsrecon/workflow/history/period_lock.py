"""Close a month with what its figures are made of, and list what is different afterwards.

The facts come from folders that a run wrote: `report.data/` of `reconcile` has orders, events and, where
they were given, ledger entries, payouts and bank lines; the folder of `ledger` has entries and payouts. A
side that a folder lacks is not closed, and not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing import compare_with_closed_period, list_period_facts
from vippsrecon.config.settings import Settings
from vippsrecon.dates import Period
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching.stored_files.parquet_file import read_parquet_file
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.store import (
    PeriodChange,
    Store,
    close_period,
    open_store,
    read_closed_periods,
    read_period_changes,
    read_period_facts,
    reopen_period,
)
from vippsrecon.workflow.history.closing_checks import (
    refuse_mixed_runs,
    refuse_other_environment,
)
from vippsrecon.workflow.history.database import WAIT_SECONDS, query_database


class _SideFile(NamedTuple):
    """The file of one side: its schema, and the files of which one states its SHA-256."""

    name: str
    frame: schemas.Frame
    hash_files: tuple[str, ...]


_HASHES_FILE = "sha256.json"
_LEDGER_FILES, _MONEY_FILES = ("money.json", "ledger.json"), ("money.json",)

SIDE_FILES = {
    "orders": _SideFile("compared_orders.parquet", schemas.COMPARED_ORDERS, (_HASHES_FILE,)),
    "events": _SideFile("events.parquet", schemas.EVENTS, ("fetch.json",)),
    "ledger_entries": _SideFile("ledger_entries.parquet", schemas.LEDGER_ENTRIES, _LEDGER_FILES),
    "payouts": _SideFile("payouts.parquet", schemas.PAYOUTS, _LEDGER_FILES),
    "bank_lines": _SideFile("bank_lines.parquet", schemas.BANK_LINES, _MONEY_FILES),
    "payout_matches": _SideFile("payout_matches.parquet", schemas.PAYOUT_MATCHES, _MONEY_FILES),
}
"""Side of `schemas.PERIOD_FACTS` to the file of a folder that has it. A bank line is a fact only with its
payout, which the matches name; these are no side of their own."""

_ADVICE = "Repeat the run that wrote this folder."


class PeriodState(NamedTuple):
    """A month, as it was closed and as it is now.

    Attributes:
        period: The month, such as "2026-10".
        closed: Its closing; None while it is open.
        facts: `schemas.PERIOD_FACTS` now.
        sides: The inputs that were found now.
        restatement: `schemas.RESTATEMENT`; without rows where nothing changed or it was open.
        not_compared: Sides that were closed and are not there now.
    """

    period: str
    closed: PeriodChange | None
    facts: pl.DataFrame
    sides: tuple[str, ...]
    restatement: pl.DataFrame
    not_compared: tuple[str, ...]


def read_period(settings: Settings, period: Period, folders: Sequence[Path]) -> PeriodState:
    """Read a month from folders, and compare it with its closing if it is closed.

    Args:
        settings: Environment and database.
        period: A month.
        folders: Folders that `reconcile`, `fetch` or `ledger` wrote. The first that has a file counts.

    Raises:
        InputError: No folder has any of the files, a file is damaged, or a folder is of another
            environment.
        StoreError: The workspace database cannot be used.
    """
    frames = _read_frames(folders)
    refuse_other_environment(settings, folders)
    refuse_mixed_runs(folders)
    facts = list_period_facts(period, **frames)
    return compare_period(
        settings, period.name, facts, tuple(sorted(set(frames) - {"payout_matches"}))
    )


def compare_period(
    settings: Settings, period: str, facts: pl.DataFrame, sides: tuple[str, ...]
) -> PeriodState:
    """Compare the facts of a month with its closing; for an open month there is no restatement."""
    nothing: tuple[PeriodChange | None, list[dict[str, Any]]] = (None, [])
    closed, rows = query_database(
        settings.database_url,
        lambda store: _read_closing(store, settings.books_environment, period),
        nothing,
    )
    restatement = schemas.to_polars(None, schemas.RESTATEMENT)
    if closed is not None:
        before = pl.DataFrame(rows, schema=schemas.polars_schema(schemas.PERIOD_FACTS))
        both = set(closed.sides) & set(sides)
        restatement = compare_with_closed_period(before, facts, period, both)
    missing = () if closed is None else tuple(sorted(set(closed.sides) - set(sides)))
    return PeriodState(period, closed, facts, sides, restatement, missing)


def record_closing(settings: Settings, state: PeriodState, person: str, reason: str = "") -> None:
    """Close a month with the facts that were read.

    Raises:
        ClosedPeriodError: It is closed already.
        InputError: Nobody is named.
        StoreError: Nothing was recorded.
    """
    if not person.strip():
        raise InputError("A period is closed with a name: --by.")
    with open_store(settings.database_url, create=True, wait_seconds=WAIT_SECONDS) as store:
        close_period(
            store,
            settings.books_environment,
            state.period,
            person=person,
            sides=state.sides,
            facts=state.facts.iter_rows(named=True),
            reason=reason,
        )


def record_reopening(settings: Settings, period: str, person: str, reason: str) -> None:
    """Reopen a closed month.

    Raises:
        InputError: The month is not closed, or the name or the reason is missing.
        StoreError: Nothing was recorded.
    """
    with open_store(settings.database_url, create=True, wait_seconds=WAIT_SECONDS) as store:
        reopen_period(store, settings.books_environment, period, person, reason)


def list_period_changes(settings: Settings) -> list[PeriodChange]:
    """Return every closing and reopening of the environment."""
    nothing: list[PeriodChange] = []
    return query_database(
        settings.database_url,
        lambda store: read_period_changes(store, settings.books_environment),
        nothing,
    )


def _read_closing(
    store: Store, environment: str, period: str
) -> tuple[PeriodChange | None, list[dict[str, Any]]]:
    closed = read_closed_periods(store, environment).get(period)
    return closed, [] if closed is None else read_period_facts(store, environment, period)


def _read_frames(folders: Sequence[Path]) -> dict[str, Any]:
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder. Name the .data folder beside a report.")
    frames: dict[str, Any] = {}
    for side, file in SIDE_FILES.items():
        place = next((folder for folder in folders if is_present(folder / file.name)), None)
        if place is None:
            continue
        try:
            frame = read_parquet_file(place / file.name, file.frame, _read_hashes(place, file))
        except SourceError as error:
            raise InputError(f"{place}: {error}") from error
        frames[side] = frame.select(schemas.ORDERS.names) if side == "orders" else frame
    if not frames:
        names = ", ".join(file.name for file in SIDE_FILES.values())
        raise InputError(
            f"None of {names} is in {', '.join(map(str, folders))}. Name the .data folder beside the "
            "month's report, and the folder that vippsrecon ledger wrote."
        )
    return frames


def _read_hashes(folder: Path, file: _SideFile) -> RecordedHashes:
    present = (name for name in file.hash_files if is_present(folder / name))
    hash_file = next(present, file.hash_files[-1])
    content = read_small_json(folder / hash_file) if is_present(folder / hash_file) else None
    if isinstance(content, dict) and hash_file != _HASHES_FILE:
        if content.get("complete") is False:
            raise InputError(
                f"{folder} is of a run that is incomplete, so nothing is closed with it. {_ADVICE}"
            )
        content = content.get("sha256")
    return RecordedHashes(hash_file, content, _ADVICE)
