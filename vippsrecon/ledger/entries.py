"""Read the entries of ledgers, by ledger date and by feed, into frames.

    find_ledgers ──► walk_ledger_dates ──► one reading per ledger, topic and date ──► build_entries
                 └─► walk_feed ──────────► one page at a time ─────────────────────►

Every function that needs a ledger uses this walk. Personal data (names, messages, phone numbers)
is never requested: the Report API sends it only where a request asks for it.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.api.models import FeedPage, Ledger, LedgerEntry
from vippsrecon.errors import IncompleteError, InputError
from vippsrecon.schemas.arrow import parse_moments
from vippsrecon.vipps_rules import OLD_ENTRY_TYPES

if TYPE_CHECKING:
    from vippsrecon.api import AsyncClient, Client
    from vippsrecon.api.requests import Topic

TOPICS: tuple[Topic, ...] = ("funds", "fees")

MAX_DAYS = 3_700
"""Longest period in days: ten years, more than the ledger's own history."""

ENTRY_COLUMNS = schemas.polars_schema(schemas.LEDGER_ENTRIES)

_API_HANDLE = "api:"
_MAX_CONCURRENT_READS = 8


class ReadableLedger(NamedTuple):
    """A ledger, and the sales unit whose keys read it."""

    ledger: Ledger
    key_msn: str


class LedgerDate(NamedTuple):
    """One date and topic of a ledger."""

    owner: ReadableLedger
    topic: Topic
    day: date

    @property
    def key(self) -> tuple[str, str, date]:
        """Its ledger, topic and date."""
        return self.owner.ledger.ledger_id, self.topic, self.day


class DateReading(NamedTuple):
    """The entries of one ledger date, in their order. Before it is `final`, more may follow."""

    date: LedgerDate
    entries: list[LedgerEntry]
    final: bool


def check_period(first: date, last: date) -> None:
    """Raise if a period cannot be read, before the first request.

    Raises:
        InputError: The period ends before it begins, or is longer than ten years.
    """
    if not 0 <= (last - first).days < MAX_DAYS:
        raise InputError(
            f"The ledger cannot be read from {first} to {last}: the period must be 1 day to 10 years."
        )


def list_days(first: date, last: date) -> list[date]:
    """Return the days of a period, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def find_ledgers(client: Client, msns: Iterable[str]) -> list[ReadableLedger]:
    """Return the ledgers that settle for these sales units, each once.

    A ledger that settles for several sales units is read with the keys of the first one.
    """
    ledgers: dict[str, ReadableLedger] = {}
    for msn in msns:
        for ledger in client.ledgers(msn):
            ledgers.setdefault(ledger.ledger_id, ReadableLedger(ledger, msn))
    return list(ledgers.values())


def walk_ledger_dates(client: Client, dates: Sequence[LedgerDate]) -> Iterator[DateReading]:
    """Read ledger dates, all pages of each, and yield them in the order given.

    Only some dates are in memory at a time: a date may have a million entries.

    Raises:
        ApiError, NoAnswerError: A date could not be read completely.
    """
    for start in range(0, len(dates), _MAX_CONCURRENT_READS):
        yield from client.run(
            _read_dates(client.core, dates[start : start + _MAX_CONCURRENT_READS])
        )


async def _read_dates(core: AsyncClient, dates: Sequence[LedgerDate]) -> list[DateReading]:
    return await asyncio.gather(*(_read_date(core, ledger_date) for ledger_date in dates))


async def _read_date(core: AsyncClient, ledger_date: LedgerDate) -> DateReading:
    (ledger, key_msn), topic, day = ledger_date
    read = await core.ledger_date(ledger.ledger_id, topic, day, key_msn)
    return DateReading(ledger_date, read.entries, read.final)


def walk_feed(
    client: Client, owner: ReadableLedger, topic: Topic, cursor: str = ""
) -> Iterator[FeedPage]:
    """Read the entries of a ledger since a cursor, and yield each page with the cursor after it.

    Ends where the Report API asks to try later. A page that is full by the size that the server states
    is followed by another one even then: what came meanwhile belongs to the same run.

    Args:
        client: Has the keys.
        owner: The ledger.
        topic: funds or fees.
        cursor: Of the last page that was stored; "" begins with the first entry of the ledger.

    Raises:
        IncompleteError: A page repeats its own cursor, so the rest cannot be read.
        ApiError, NoAnswerError: A page could not be read.
    """
    while True:
        page = client.feed(owner.ledger.ledger_id, topic, cursor, owner.key_msn)
        yield page
        if page.try_later and (page.cursor == cursor or not page.is_full):
            return
        if page.cursor == cursor:
            raise IncompleteError(
                f"The feed of ledger {owner.ledger.ledger_id} ({topic}) repeats a cursor without "
                "saying that it has ended. Run the command again later."
            )
        cursor = page.cursor


def find_sales_unit(handle: str | None, ledger: Ledger) -> str | None:
    """Return the ePayment sales unit of an entry: by its handle, else the only one of the ledger.

    None for a handle of another product, and for an entry without a handle on a ledger of several.
    """
    if handle and handle.startswith(_API_HANDLE):
        return handle.removeprefix(_API_HANDLE)
    # Entries from before 2022 have no handle.
    return ledger.msns[0] if not handle and len(ledger.msns) == 1 else None


def build_entries(entries: Sequence[LedgerEntry], ledger: Ledger) -> pl.DataFrame:
    """Return entries of one ledger as a frame of `schemas.LEDGER_ENTRIES`, in their order.

    Renamed entry types have their new name; an unknown one stays as it is, and its sign decides how
    it is booked. A payout, a retained fee and a correction name no sales unit: they have the first
    one of their ledger.

    Raises:
        SchemaError: A value does not fit the schema, such as an unknown currency.
    """
    if not entries:  # most dates of a small shop's ledger
        return pl.DataFrame(schema=ENTRY_COLUMNS)
    handles = {entry.recipient_handle for entry in entries}
    msn_by_handle = {handle: _choose_msn(handle, ledger) for handle in handles}
    values = dict(zip(LedgerEntry._fields, zip(*entries, strict=True), strict=True))
    frame = pl.DataFrame(
        {
            "ledger_id": values["ledger_id"],
            "msn": [msn_by_handle[handle] for handle in values["recipient_handle"]],
            "topic": values["topic"],
            "psp_reference": values["psp_reference"],
            "reference": [reference or None for reference in values["reference"]],
            "entry_type": [OLD_ENTRY_TYPES.get(kind, kind) for kind in values["entry_type"]],
            "entry_at": pl.Series(parse_moments(list(values["time"]), "ledger_entries")),
            "ledger_date": [date.fromisoformat(day) for day in values["ledger_date"]],
            "currency": values["currency"],
            "amount_minor": values["amount_minor"],
            "balance_before_minor": values["balance_before_minor"],
            "balance_after_minor": values["balance_after_minor"],
            "source_file": pl.Series([None] * len(entries), dtype=pl.String),
            "source_row": pl.Series([None] * len(entries), dtype=pl.Int64),
        },
        schema=ENTRY_COLUMNS,
    )
    valid: pl.DataFrame = schemas.validate(frame, schemas.LEDGER_ENTRIES)
    return valid


def choose_ledger_msn(ledger: Ledger) -> str:
    """Return the sales unit of what belongs to the whole ledger: its first one."""
    handles = sorted(ledger.handles, key=lambda handle: not handle.startswith(_API_HANDLE))
    return handles[0].rpartition(":")[2] if handles else ledger.ledger_id


def _choose_msn(handle: str | None, ledger: Ledger) -> str:
    # A handle of another product, such as NO:57860, has the number of its sales unit too.
    return handle.rpartition(":")[2] if handle else choose_ledger_msn(ledger)
