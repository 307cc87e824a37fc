"""Take ledger entries and payouts from settlement files, or from a folder of `vippsrecon ledger`.

settlement files ──► entries ──┐
├──► LedgerSource: entries, payouts, proof of completeness, gaps
ledger folder ─────► entries ──┘
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.bank_days import choose_market, compute_payout_bank_date
from vippsrecon.config.settings import Settings
from vippsrecon.errors import InputError
from vippsrecon.fetching.ledgers.folder import (
    ENTRIES_FILE,
    LEDGER_FILE,
    PAYOUTS_FILE,
    load_ledger_folder,
)
from vippsrecon.ledger.completeness import (
    NOT_PROVEN,
    OPEN_DATES,
    ReadTopic,
    check_completeness,
    describe_completeness,
)
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.settlement import read_settlement_files
from vippsrecon.texts import say
from vippsrecon.workflow.coverage import MAX_QUIET_START, Gap
from vippsrecon.workflow.inputs.statement_checks import format_days

Period = tuple[date | None, date | None]


class LedgerSource(NamedTuple):
    """Ledger entries and payouts of a run, and what is said of them.

    Attributes:
        entries: `schemas.LEDGER_ENTRIES`.
        payouts: `schemas.PAYOUTS`, each with the day on which it is expected in the bank.
        completeness: `schemas.LEDGER_COMPLETENESS`: whether an entry is missing.
        rejects: `schemas.REJECTS`.
        notes: What a reader says of its file.
        inputs: SHA-256 by file name.
        coverage: Kind, first and last day by file name.
        environment: Where a ledger folder was read; "" for settlement files.
        days: First and last ledger date that was read of each sales unit; None: not known.
        short_files: Settlement files that state another number of transactions than they have.
    """

    entries: pl.DataFrame
    payouts: pl.DataFrame
    completeness: pl.DataFrame
    rejects: pl.DataFrame
    notes: tuple[str, ...]
    inputs: dict[str, str]
    coverage: dict[str, dict[str, str]]
    environment: str = ""
    days: dict[str, tuple[date, date]] | None = None
    short_files: tuple[str, ...] = ()


def read_settlement_source(files: Sequence[Path], settings: Settings) -> LedgerSource:
    """Read settlement files.

    Raises:
        SourceError: A file cannot be used.
        InputError: No row could be read.
    """
    read = read_settlement_files(files)
    refuse_unreadable(read.entries, read.rejects)
    notes = [f"{file.name}: {note}" for file in read.files for note in file.notes]
    return LedgerSource(
        read.entries,
        add_expected_days(read.payouts, settings),
        prove_completeness(read.entries),
        read.rejects,
        (*notes, *read.notes),
        {file.name: file.sha256 for file in read.files},
        {
            file.name: describe_coverage("settlement", *file.period)
            for file in read.files
            if file.period
        },
        short_files=tuple(file.name for file in read.files if file.is_short),
    )


def read_ledger_source(folder: Path, settings: Settings) -> LedgerSource:
    """Read a folder that `vippsrecon ledger` wrote.

    Raises:
        InputError: The folder is not of a ledger.
        SourceError: A file is damaged or was changed after it was written.
    """
    fetched = load_ledger_folder(folder)
    facts = fetched.facts
    names = (ENTRIES_FILE, PAYOUTS_FILE, LEDGER_FILE)
    return LedgerSource(
        fetched.entries,
        add_expected_days(fetched.payouts, settings),
        fetched.completeness,
        schemas.to_polars(None, schemas.REJECTS),
        (),
        {name: compute_file_sha256(folder / name) for name in names},
        {ENTRIES_FILE: describe_coverage("ledger", facts.first, facts.last)},
        facts.environment,
        dict.fromkeys(facts.sales_units, (facts.first, facts.last)),
    )


def check_coverage(
    source: LedgerSource, period: Period, msns: frozenset[str]
) -> Iterator[Gap | str]:
    """Yield why the run is incomplete, and what has to be checked.

    Args:
        source: What was read.
        period: First and last day that is reconciled; None: no limit.
        msns: Sales units that have orders.
    """
    if source.environment:
        own = source.coverage[ENTRIES_FILE]
        first, last = (date.fromisoformat(own[name]) for name in ("first_day", "last_day"))
        yield from _find_unread_days(first, last, period)
        unproven = source.completeness.filter(pl.col("verdict").is_in([OPEN_DATES, NOT_PROVEN]))
        yield from describe_completeness(unproven)
    else:
        yield from _check_days(source.entries, list(source.inputs), period)
        yield from _find_short_files(source.short_files)
    yield from _find_broken_ledgers(source, period[1])
    yield from _check_units(source.entries, msns)


def prove_completeness(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the proof of completeness of the funds ledgers of settlement files, by currency.

    A file states no balance of fees and no open date, so only the topic funds can be proven.
    """
    funds = order_entries(entries.filter(pl.col("topic") == "funds"))
    if funds.is_empty():
        return schemas.to_polars(None, schemas.LEDGER_COMPLETENESS)
    days = funds["ledger_date"].sort()
    proofs = []
    for own in funds.partition_by("currency", maintain_order=True):
        units = own.group_by("ledger_id", maintain_order=True).agg(pl.col("msn").first())
        topics = [
            ReadTopic(ledger_id, msn, "funds", own["currency"][0])
            for ledger_id, msn in units.rows()
        ]
        proofs.append(check_completeness(own, topics, days[0], days[-1]))
    return pl.concat(proofs).sort("ledger_id", maintain_order=True)


def order_entries(entries: pl.DataFrame) -> pl.DataFrame:
    """Return entries of files from the oldest to the newest.

    A portal's file may be the other way, or sorted by its user.
    """
    order = ["source_file", "source_row"]
    ledger = ["source_file", "ledger_id", "currency"]
    parts = [
        _choose_order(part)
        for part in entries.sort(order).partition_by(ledger, maintain_order=True)
    ]
    parts.sort(key=lambda part: (part["ledger_date"].sort()[0], part["source_file"][0]))
    return pl.concat(parts) if parts else entries


def _choose_order(part: pl.DataFrame) -> pl.DataFrame:
    """Return entries of one file and ledger in the order in which the fewest balances break."""
    days = part["ledger_date"]
    likely = part.reverse() if days[0] > days[-1] else part
    by_time = part.sort("ledger_date", "entry_at", maintain_order=True)
    return min((likely, likely.reverse(), by_time), key=_count_breaks)


def _count_breaks(part: pl.DataFrame) -> int:
    before, after = part["balance_before_minor"], part["balance_after_minor"]
    return int((before.slice(1) != after.slice(0, len(after) - 1)).sum())


def _find_short_files(files: Sequence[str]) -> Iterator[Gap]:
    for file in files:
        yield Gap(
            say("money_files.transactions_missing", file=file),
            say("money_files.transactions_missing_explained", file=file),
        )


def add_expected_days(payouts: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return payouts with the day on which each is expected in the bank, where no file states it."""
    days = [
        day or compute_payout_bank_date(ledger_date, choose_market(settings.unit(msn).market, code))
        for day, ledger_date, msn, code in payouts.select(
            "expected_bank_date", "ledger_date", "msn", "currency"
        ).iter_rows()
    ]
    return payouts.with_columns(expected_bank_date=pl.Series(days, dtype=pl.Date))


def describe_coverage(kind: str, first: date, last: date) -> dict[str, str]:
    """Return what the manifest says of a file: its kind, first and last day."""
    return {"kind": kind, "first_day": first.isoformat(), "last_day": last.isoformat()}


def refuse_unreadable(rows: pl.DataFrame, rejects: pl.DataFrame) -> None:
    """Refuse files of which every row was rejected, since there is nothing to compare."""
    if rows.height or not rejects.height:
        return
    first = Reject(*rejects.row(0))
    facts = {"file": first.source_file, "problem": first.describe()}
    raise InputError(say("reasons.all_rejected", count=rejects.height, **facts))


def _check_days(entries: pl.DataFrame, names: Sequence[str], period: Period) -> Iterator[Gap]:
    if entries.is_empty():
        sentence = say("money_files.no_entries_explained", files=", ".join(names))
        yield Gap(say("money_files.no_entries"), sentence)
        return
    days = entries["ledger_date"].sort()
    if _is_outside(days[0], days[-1], period):
        yield Gap(
            say("money_files.settlement_month"),
            say(
                "money_files.settlement_month_explained",
                covered=format_days(days[0], days[-1]),
                period=format_days(*period),
            ),
        )
        return
    for (ledger,), own in entries.group_by("ledger_id", maintain_order=True):
        yield from _find_silent_days(str(ledger), own["ledger_date"], period)


def _find_silent_days(ledger: str, ledger_dates: pl.Series, period: Period) -> Iterator[Gap]:
    """Find days at the start and end of the period that the entries of a ledger do not reach.

    A shop may sell nothing on some days, so days are missing only if they are more than the longest
    run of days without an entry inside the files, and more than `MAX_QUIET_START`.
    """
    first, last = period
    days = ledger_dates.unique().sort().to_list()
    quiet = max(((b - a).days - 1 for a, b in pairwise(days)), default=0)
    limit = max(quiet, MAX_QUIET_START)
    if first is not None and (days[0] - first).days > limit:
        yield _build_missing_days(first, days[0] - timedelta(days=1), ledger)
    if last is not None and (last - days[-1]).days > limit:
        yield _build_missing_days(days[-1] + timedelta(days=1), last, ledger)


def _build_missing_days(start: date, end: date, ledger: str) -> Gap:
    values = {"days": format_days(start, end), "ledger": ledger}
    return Gap(
        say("money_files.entries_missing", **values),
        say("money_files.entries_missing_explained", **values),
    )


def _find_unread_days(read_from: date, read_to: date, period: Period) -> Iterator[Gap]:
    first, last = period
    unread = []
    if first is not None and read_from > first:
        unread.append((first, min(read_from - timedelta(days=1), last or read_from)))
    if last is not None and read_to < last:
        unread.append((max(read_to + timedelta(days=1), first or read_to), last))
    for start, end in unread:
        days = format_days(start, end)
        yield Gap(
            say("money_files.ledger_unread", days=days),
            say("money_files.ledger_unread_explained", days=days),
        )


def _find_broken_ledgers(source: LedgerSource, last: date | None) -> Iterator[Gap]:
    """Find the ledgers whose last day lacks entries: no comparison shows it, and there is no verdict.

    A balance that breaks earlier, and a missing number of a payout, are discrepancies with codes of
    their own. A day after the period leaves the period complete.
    """
    keys = ("ledger_id", "topic", "currency")
    ends = source.entries.group_by(keys).agg(pl.col("ledger_date").max())
    last_days = {row[:3]: row[3] for row in ends.rows()}
    for row in source.completeness.filter(pl.col("broken_entry").is_not_null()).iter_rows(
        named=True
    ):
        day = row["broken_date"]
        if day != last_days.get(tuple(row[name] for name in keys)) or (last and day > last):
            continue
        clause = say(
            "gaps.ledger_broken",
            ledger=row["ledger_id"],
            topic=say(f"ledger_proof.topic_{row['topic']}"),
            number=row["broken_entry"],
            day=day,
        )
        own = source.completeness.filter(*(pl.col(name) == row[name] for name in keys))
        yield Gap(clause, next(iter(describe_completeness(own))))


def _check_units(entries: pl.DataFrame, msns: frozenset[str]) -> Iterator[str]:
    for msn in sorted(set(entries["msn"]) - msns) if msns else ():
        yield say("money_files.other_unit", msn=msn)
    currencies = entries.group_by("ledger_id").agg(pl.col("currency").unique().sort())
    for ledger, found in currencies.sort("ledger_id").rows():
        if len(found) > 1:
            yield say("money_files.two_currencies", ledger=ledger, currencies=", ".join(found))


def _is_outside(first: date, last: date, period: Period) -> bool:
    start, end = period
    return (start is not None and last < start) or (end is not None and first > end)
