"""Collect references from the funds ledger: the only proof that no payment is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Generic, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import ForbiddenError, PaymentNotFoundError, UnauthorizedError
from vippsrecon.ledger.entries import (
    DateReading,
    LedgerDate,
    check_period,
    find_ledgers,
    find_sales_unit,
    list_days,
    walk_ledger_dates,
)
from vippsrecon.texts import say

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client

ENTRY_TYPES_WITH_REFERENCE = ("capture", "refund")
"""Entry types that carry a payment's reference."""

_NO_ACCESS_ERRORS = (UnauthorizedError, ForbiddenError, PaymentNotFoundError)


class LedgerWalk(NamedTuple, Generic[schemas.FrameT]):
    """The references of the funds ledger in a period.

    Attributes:
        references: msn, reference, discovered_by ("ledger"), each payment once, sorted.
        read: Whether the ledger could be read at all.
        open_dates: Ledger dates that are not final yet: more entries may follow.
        notes: Sentences for the reader of the report.
        failed: Whether reading an accessible ledger failed: payments may be missing.
    """

    references: schemas.FrameT
    read: bool
    open_dates: tuple[date, ...]
    notes: tuple[str, ...]
    failed: bool = False


def ledger_references(
    client: Client, first: date, last: date, msns: Iterable[str] | None = None
) -> LedgerWalk[pd.DataFrame]:
    """Collect the references of every capture and refund on the ledger dates of a period.

    An authorized payment that was never captured is on no ledger and cannot be found this way.
    A date that is not final is read as it is now and listed in `open_dates`.

    Args:
        client: Has keys of the sales units or accounting keys.
        first: First ledger date, a local day.
        last: Last ledger date, inclusive.
        msns: Sales units of interest; None: those configured.

    Returns:
        `read` is False if the Report API is not accessible (it exists in production only, and
        partner keys have no access); this raises no error.

    Raises:
        InputError: The period ends before it begins, or is longer than ten years.
        ServiceError, NoAnswerError, …: The ledger is accessible but could not be read completely.

    Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
    """
    walk = walk_ledgers(client, first, last, msns)
    return LedgerWalk(schemas.to_pandas(walk.references), *walk[1:])


def walk_ledgers(
    client: Client, first: date, last: date, msns: Iterable[str] | None = None
) -> LedgerWalk[pl.DataFrame]:
    """Collect references as `ledger_references` does, into Polars."""
    check_period(first, last)
    settings = client.settings
    if settings.environment == "test":
        return build_unread_walk(say("notices.ledger_no_api"))
    units = list(msns) if msns is not None else [unit.msn for unit in settings.units]
    if not units and client.default_msn is not None:
        units = [client.default_msn]
    try:
        ledgers = find_ledgers(client, units)
        dates = [
            LedgerDate(owner, "funds", day) for owner in ledgers for day in list_days(first, last)
        ]
        readings = [_collect_references(reading) for reading in walk_ledger_dates(client, dates)]
    except _NO_ACCESS_ERRORS as error:
        return build_unread_walk(say("notices.ledger_no_access", status=str(error.status)))
    return _combine_dates(len(ledgers), readings, units)


class _DateReferences(NamedTuple):
    """The references of one ledger date. The entries are dropped: a month may hold a million."""

    day: date
    final: bool
    keys: set[tuple[str, str]]
    unattributed: int


def _collect_references(reading: DateReading) -> _DateReferences:
    keys: set[tuple[str, str]] = set()
    unassigned = 0
    for entry in reading.entries:
        if entry.entry_type not in ENTRY_TYPES_WITH_REFERENCE or not entry.reference:
            continue
        msn = find_sales_unit(entry.recipient_handle, reading.date.owner.ledger)
        if msn is None:
            unassigned += 1
        else:
            keys.add((msn, entry.reference))
    return _DateReferences(reading.date.day, reading.final, keys, unassigned)


def _combine_dates(
    ledgers: int, days: Sequence[_DateReferences], units: Sequence[str]
) -> LedgerWalk[pl.DataFrame]:
    all_keys = {key for day in days for key in day.keys}
    configured = sorted(key for key in all_keys if key[0] in units)
    others = sorted({msn for msn, _ in all_keys} - set(units))
    opened = tuple(sorted({day.day for day in days if not day.final}))
    unassigned = sum(day.unattributed for day in days)
    notes = []
    if not ledgers:
        notes.append(say("notices.no_ledger"))
    if opened:
        notes.append(_describe_open_dates(opened))
    if others:
        notes.append(say("notices.ledger_other_units", units=", ".join(others)))
    if unassigned:
        notes.append(say("notices.ledger_unassigned", count=unassigned))
    return LedgerWalk(_build_references_frame(configured), bool(ledgers), opened, tuple(notes))


def _describe_open_dates(opened: Sequence[date]) -> str:
    if len(opened) == 1:
        return say("notices.ledger_day_open", day=opened[0])
    return say("notices.ledger_days_open", count=len(opened), first=opened[0], last=opened[-1])


def build_unread_walk(why: str) -> LedgerWalk[pl.DataFrame]:
    """Return the result for a ledger that was not read, with the reason as a note."""
    note = say("notices.ledger_not_read", reason=why)
    return LedgerWalk(_build_references_frame([]), False, (), (note,))


def _build_references_frame(keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
    types = dict.fromkeys(schemas.PAYMENT, pl.String)
    frame = pl.DataFrame(keys, schema=types, orient="row")
    return frame.with_columns(discovered_by=pl.lit("ledger"))
