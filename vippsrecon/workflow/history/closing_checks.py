"""Refuse to close a month with data that cannot be all of it.

    another environment         the lock is for one environment
    files of two runs           payments of one, and a ledger that was compared with others
    an incomplete run           what it did not read would be missing from the closed month
    a month that is not over    what is made later would be a change of a closed month
    nothing of the month        there is nothing to lock

Comparing a closed month needs only the first two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import Period, parse_recorded_time
from vippsrecon.errors import InputError
from vippsrecon.fetching.part_files import EVENTS_FILE
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.workflow.history.complete_run import COMPLETE_RUN_FILE
from vippsrecon.workflow.history.saved_runs import COMPARED_ORDERS_FILE
from vippsrecon.workflow.inputs.stored_money import FACTS_FILE
from vippsrecon.workflow.saved_run import hash_payments

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings

_FETCH_FILE, _MONTH_FILE, _LEDGER_FILE = "fetch.json", "month.json", "ledger.json"


def refuse_other_environment(settings: Settings, folders: Sequence[Path]) -> None:
    """Refuse folders of another environment than that of the settings.

    Raises:
        InputError: A folder states another one.
    """
    for folder in folders:
        for name in (_FETCH_FILE, _LEDGER_FILE):
            environment = str(_read(folder, name).get("environment") or "")
            if environment and environment != settings.environment:
                stated = settings.environment or "not set"
                raise InputError(
                    f"{folder} is of {environment}, and VIPPS_ENVIRONMENT is {stated}: a month is closed "
                    f"for one environment. Set VIPPS_ENVIRONMENT to {environment}."
                )


def refuse_mixed_runs(folders: Sequence[Path]) -> None:
    """Refuse a folder with a fetch that the ledger and bank lines in it were not compared with.

    Raises:
        InputError: A folder has such files.
    """
    for folder in folders:
        compared = _read(folder, FACTS_FILE).get("payments")
        has_events = is_present(folder / EVENTS_FILE)
        if has_events and isinstance(compared, dict) and compared != hash_payments(folder):
            raise InputError(
                f"{folder} holds payments of one run, and the ledger or bank lines of another. Run "
                "reconcile again with another name (--out), and close the month with its folder."
            )


def refuse_unready_month(
    settings: Settings,
    month: Period,
    folders: Sequence[Path],
    facts: pl.DataFrame,
    *,
    today: date,
) -> None:
    """Refuse to close a month with data that was read before its end, or has nothing of it.

    Args:
        settings: The first sales unit's time zone decides when a day ends.
        month: The month.
        folders: The folders with its data.
        facts: `schemas.PERIOD_FACTS` of the month.
        today: The day by this computer's clock.

    Raises:
        InputError: It is not ready.
    """
    for folder in folders:
        _refuse_incomplete_run(folder)
    names = ", ".join(map(str, folders))
    if facts.is_empty():
        raise InputError(
            f"{names}: nothing of {month.name} is there, so there is nothing to close. Name the month of "
            "the report."
        )
    for folder in folders:
        day = _find_early_day(folder, month, settings, today)
        if day is not None:
            raise InputError(
                f"{month.name} is not over in {folder}, which was read up to {day}. Read it again after "
                f"{month.last}, and close the month then."
            )


def _refuse_incomplete_run(folder: Path) -> None:
    """Refuse the folder of a run whose latest run was incomplete: only a complete one says so."""
    if not is_present(folder / COMPARED_ORDERS_FILE):
        return
    complete_at = parse_recorded_time(_read(folder, COMPLETE_RUN_FILE).get("as_of"))
    moments = pl.read_parquet(folder / COMPARED_ORDERS_FILE, columns=["as_of_at"])["as_of_at"]
    latest = moments.sort()[-1] if len(moments) else None
    if latest is not None and (complete_at is None or complete_at < latest):
        raise InputError(
            f"{folder} is of a run that is incomplete, so nothing is closed with it. Repeat the run that "
            "wrote this folder."
        )


def _find_early_day(folder: Path, month: Period, settings: Settings, today: date) -> date | None:
    """Return the day up to which a folder was read, if that is before the end of the month.

    Files state no time of reading. Their last day may be earlier because the shop sold nothing, so it
    counts only while the month lasts.
    """
    zone = ZoneInfo((settings.units[0] if settings.units else SalesUnit("")).zone)
    ledger = _read(folder, _LEDGER_FILE)
    for text in (_read(folder, _MONTH_FILE).get("as_of"), ledger.get("fetched_at")):
        moment = parse_recorded_time(text)
        if moment is not None and moment.astimezone(zone).date() <= month.last:
            return moment.astimezone(zone).date()
    last_read = _parse_day(ledger.get("last"))
    if last_read is not None and last_read < month.last:
        return last_read
    days = list(filter(None, _list_covered_days(folder)))
    is_early = bool(days) and max(days) < month.last and today <= month.last
    return max(days) if is_early else None


def _list_covered_days(folder: Path) -> Iterator[date | None]:
    """Yield the last day of each settlement file and bank statement that a run was given."""
    facts = _read(folder, FACTS_FILE)
    coverage = _as_object(_as_object(facts.get("ledger")).get("coverage"))
    for about in coverage.values():
        yield _parse_day(_as_object(about).get("last_day"))
    statements = _as_object(facts.get("bank")).get("statements")
    for statement in statements if isinstance(statements, list) else ():
        yield _parse_day(_as_object(statement).get("last_date"))


def _parse_day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _read(folder: Path, name: str) -> dict[str, Any]:
    return _as_object(read_small_json(folder / name)) if is_present(folder / name) else {}


def _as_object(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}
