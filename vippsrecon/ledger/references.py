"""References from the funds ledger: the only proof that none is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.api.models import Ledger
from vippsrecon.errors import ForbiddenError, InputError, PaymentNotFoundError, UnauthorizedError
from vippsrecon.money import format_count

if TYPE_CHECKING:
    from vippsrecon.api import AsyncClient, Client

ENTRY_TYPES_WITH_REFERENCE = ("capture", "refund")
"""Entry types that carry a payment's reference."""

_HANDLE_PREFIX = "api:"
_MAX_CONCURRENT_READS = 8
_MAX_DAYS = 3_700
"""Days in one walk: ten years, more than the ledger's own history."""

_NO_ACCESS_ERRORS = (UnauthorizedError, ForbiddenError, PaymentNotFoundError)


class LedgerWalk(NamedTuple):
    """What the funds ledger knows of a period.

    Attributes:
        references: msn, reference, discovered_by ("ledger"), each payment once, sorted.
        read: Whether the ledger could be read at all.
        open_dates: Ledger dates that are not final yet: more may come on them.
        notes: What a reader of the report should know, in sentences.
        failed: Whether it is there to be read and could not be: payments may be missing.
    """

    references: pd.DataFrame
    read: bool
    open_dates: tuple[date, ...]
    notes: tuple[str, ...]
    failed: bool = False


def ledger_references(
    client: Client, first: date, last: date, msns: Iterable[str] | None = None
) -> LedgerWalk:
    """Collect the references of every capture and refund on the ledger dates of a period.

    An authorized payment that was never captured is on no ledger: that blind spot stays.
    A date that is not final is read as it stands and named in `open_dates`.

    Args:
        client: Who asks, with keys of the sales units or accounting keys.
        first: First ledger date, a local day.
        last: Last ledger date, included.
        msns: Sales units of interest; None: those configured.

    Returns:
        `read` is False where the Report API cannot be read (it exists in production only, and
        partner keys have no access); nothing is raised for that.

    Raises:
        InputError: The period ends before it begins, or is longer than ten years.
        ServiceError, NoAnswerError, …: The ledger is there and could not be read whole.

    Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
    """
    if not 0 <= (last - first).days < _MAX_DAYS:
        raise InputError(f"the ledger cannot be walked from {first} to {last}")
    settings = client.settings
    if settings.environment == "test":
        return build_unread_walk("the test environment has no Report API")
    units = list(msns) if msns is not None else [unit.msn for unit in settings.units]
    if not units and client.default_msn is not None:
        units = [client.default_msn]
    try:
        found = client.run(_walk_ledgers(client.core, first, last, units))
    except _NO_ACCESS_ERRORS as error:
        return build_unread_walk(f"the Report API may not be read with these keys ({error.status})")
    return _combine_dates(*found, units)


class _DateReferences(NamedTuple):
    """One ledger date, boiled down: a month may hold a million entries."""

    day: date
    final: bool
    keys: set[tuple[str, str]]
    unattributed: int


async def _walk_ledgers(
    core: AsyncClient, first: date, last: date, units: Sequence[str]
) -> tuple[int, list[_DateReferences]]:
    asked_by: dict[str, tuple[Ledger, str]] = {}
    for msn in units:
        for ledger in await core.ledgers(msn):
            asked_by.setdefault(ledger.ledger_id, (ledger, msn))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    waiting = [(*whose, day) for whose in asked_by.values() for day in days]
    read: list[_DateReferences] = []
    for start in range(0, len(waiting), _MAX_CONCURRENT_READS):
        some = waiting[start : start + _MAX_CONCURRENT_READS]
        read += await asyncio.gather(*(_read_ledger_date(core, *one) for one in some))
    return len(asked_by), read


async def _read_ledger_date(
    core: AsyncClient, ledger: Ledger, asked_as: str, day: date
) -> _DateReferences:
    found = await core.ledger_date(ledger.ledger_id, "funds", day, asked_as)
    keys: set[tuple[str, str]] = set()
    nobody = 0
    for entry in found.entries:
        if entry.entry_type not in ENTRY_TYPES_WITH_REFERENCE or not entry.reference:
            continue
        msn = _find_msn(entry.recipient_handle, ledger)
        if msn is None:
            nobody += 1
        else:
            keys.add((msn, entry.reference))
    return _DateReferences(day, found.final, keys, nobody)


def _find_msn(handle: str | None, ledger: Ledger) -> str | None:
    """Return whose entry it is: by its handle, else the one unit the ledger settles for."""
    if handle and handle.startswith(_HANDLE_PREFIX):
        return handle.removeprefix(_HANDLE_PREFIX)
    # Entries from before 2022 have no handle.
    return ledger.msns[0] if not handle and len(ledger.msns) == 1 else None


def _combine_dates(
    ledgers: int, days: Sequence[_DateReferences], units: Sequence[str]
) -> LedgerWalk:
    known = {key for day in days for key in day.keys}
    ours = sorted(key for key in known if key[0] in units)
    others = sorted({msn for msn, _ in known} - set(units))
    opened = tuple(sorted({day.day for day in days if not day.final}))
    nobody = sum(day.unattributed for day in days)
    notes = []
    if not ledgers:
        notes.append("No ledger settles for these sales units, so none was read.")
    if opened:
        notes.append(
            f"{_describe_open_dates(opened)} not final yet: more captures and refunds may come."
        )
    if others:
        notes.append(
            f"The ledger also holds payments of sales units {', '.join(others)}, which are not "
            "configured here and were left out."
        )
    if nobody:
        entries = format_count(nobody, "ledger entry names", "ledger entries name")
        notes.append(f"{entries} no ePayment sales unit: left out.")
    return LedgerWalk(_build_references_frame(ours), bool(ledgers), opened, tuple(notes))


def _describe_open_dates(opened: Sequence[date]) -> str:
    if len(opened) == 1:
        return f"Ledger date {opened[0]} is"
    return f"{format_count(len(opened), 'ledger date')} from {opened[0]} to {opened[-1]} are"


def build_unread_walk(why: str) -> LedgerWalk:
    """Return the walk of a ledger that could not be read, with a note that says why."""
    note = f"The ledger was not read: {why}. Payments the shop does not know cannot be found."
    return LedgerWalk(_build_references_frame([]), False, (), (note,))


def _build_references_frame(keys: Sequence[tuple[str, str]]) -> pd.DataFrame:
    text = pa.large_string()
    columns = {
        "msn": pa.array([msn for msn, _ in keys], text),
        "reference": pa.array([reference for _, reference in keys], text),
        "discovered_by": pa.array(["ledger"] * len(keys), text),
    }
    return schemas.to_pandas(pa.table(columns))
