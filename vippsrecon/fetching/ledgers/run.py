"""Read the ledgers of a period, both topics, and prove that no entry is missing.

find the ledgers ──► dates not yet stored ──walk──► entries ──► payouts
                └──► closed dates, from the workspace database ─┘ └──► completeness
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import (
    ConfigurationError,
    ForbiddenError,
    IncompleteError,
    PaymentNotFoundError,
    UnauthorizedError,
)
from vippsrecon.fetching.ledgers.folder import write_ledger_folder
from vippsrecon.fetching.ledgers.result import FetchedLedger, LedgerFacts, convert_to_pandas
from vippsrecon.fetching.ledgers.stored_entries import StoredLedgers, open_stored_ledgers
from vippsrecon.ledger.completeness import ReadTopic, check_completeness
from vippsrecon.ledger.entries import (
    TOPICS,
    LedgerDate,
    ReadableLedger,
    build_entries,
    check_period,
    choose_ledger_msn,
    find_ledgers,
    list_days,
    walk_ledger_dates,
)
from vippsrecon.ledger.payouts import derive_payouts
from vippsrecon.progress_bar import show_progress
from vippsrecon.sources.bank.accounts import normalize_account

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client


def fetch_ledger(
    client: Client,
    first: date,
    last: date,
    msns: Iterable[str] | None = None,
    *,
    out: Path | str | None = None,
    record: bool | None = None,
    progress: bool = False,
) -> FetchedLedger[pd.DataFrame]:
    """Read the ledgers of a period, with payouts and a proof that no entry is missing.

    The account of every payout is the one that its ledger has at the time of reading: the Report API
    does not state to which account an earlier payout was sent.

    Args:
        client: Has keys of the sales units or accounting keys.
        first: First ledger date, an accounting day of the sales unit.
        last: Last ledger date, included.
        msns: Sales units whose ledgers are read; None: those configured.
        out: Folder to write `ledger_entries.parquet`, `payouts.parquet` and `ledger.json` to.
        record: Store closed dates in the workspace database and do not request those it has;
            None: in production.
        progress: Show a progress bar in a terminal or a notebook.

    Raises:
        InputError: The period ends before it begins, or is longer than ten years.
        ConfigurationError: No sales unit is configured, or the environment is `test`, which has no
            Report API.
        IncompleteError: No ledger settles for the sales units.
        ApiError, NoAnswerError: These keys cannot read the ledger, or a date could not be read.

    Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
    """
    fetched = fetch_ledger_frames(
        client, first, last, msns, out=out, record=record, progress=progress
    )
    return convert_to_pandas(fetched)


def fetch_ledger_frames(
    client: Client,
    first: date,
    last: date,
    msns: Iterable[str] | None = None,
    *,
    out: Path | str | None = None,
    record: bool | None = None,
    progress: bool = False,
) -> FetchedLedger[pl.DataFrame]:
    """Read the ledgers of a period as `fetch_ledger` does, into Polars."""
    check_period(first, last)
    units = choose_sales_units(client, msns)
    try:
        ledgers = find_ledgers(client, units)
        if not ledgers:
            raise IncompleteError(
                f"No ledger settles for the sales units {', '.join(units)}. Check their numbers, and "
                "that these keys may read their settlements."
            )
        dates = [
            LedgerDate(owner, topic, day)
            for owner in ledgers
            for topic in TOPICS
            for day in list_days(first, last)
        ]
        with open_stored_ledgers(client.settings, record=record) as stored:
            frames, open_dates, requested = _read_dates(client, dates, stored, progress=progress)
    except (UnauthorizedError, ForbiddenError, PaymentNotFoundError) as error:
        error.add_note(
            "The ledger is read with the keys of the sales unit itself or with accounting keys; partner "
            "keys have no access to it."
        )
        raise
    topics = [
        ReadTopic(
            owner.ledger.ledger_id,
            choose_ledger_msn(owner.ledger),
            topic,
            owner.ledger.currency,
            tuple(sorted(day for ledger_id, kind, day in open_dates if (ledger_id, kind) == key)),
        )
        for owner in ledgers
        for topic in TOPICS
        if (key := (owner.ledger.ledger_id, topic))
    ]
    facts = LedgerFacts(
        client.settings.environment,
        tuple(units),
        first,
        last,
        client.now().replace(microsecond=0),
        requested,
        len(dates) - requested,
    )
    fetched = _combine(frames, topics, facts, client, ledgers)
    if out is not None:
        write_ledger_folder(fetched, topics, Path(out))
    return fetched


def choose_sales_units(client: Client, msns: Iterable[str] | None) -> list[str]:
    """Return the sales units whose ledgers are read, after a check that they can be.

    Raises:
        ConfigurationError: None is configured, or the environment has no Report API.
    """
    settings = client.settings
    if settings.environment == "test":
        raise ConfigurationError(
            "The test environment has no Report API, so no ledger can be read. Set VIPPS_ENVIRONMENT to "
            "production, or to simulator."
        )
    units = list(msns) if msns is not None else [unit.msn for unit in settings.units]
    if not units and client.default_msn is not None:
        units = [client.default_msn]
    if not units:
        raise ConfigurationError(
            "No sales unit is configured: set VIPPS_MSN, or add a [[sales_unit]] to vippsrecon.toml."
        )
    return units


def _read_dates(
    client: Client, dates: Sequence[LedgerDate], stored: StoredLedgers, *, progress: bool
) -> tuple[list[pl.DataFrame], set[tuple[str, str, date]], int]:
    """Return the entries of each date in order, the open dates, and how many were requested."""
    entries = stored.load(dates)
    missing = [ledger_date for ledger_date in dates if ledger_date.key not in entries]
    open_dates = set()
    done = len(dates) - len(missing)
    with show_progress("Reading the ledger", len(dates), "dates", done=done, shown=progress) as bar:
        for reading in walk_ledger_dates(client, missing):
            key = reading.date.key
            entries[key] = build_entries(reading.entries, reading.date.owner.ledger)
            if reading.final:
                stored.record(reading.date, entries[key])
            else:
                open_dates.add(key)
            bar.update()
    return [entries[ledger_date.key] for ledger_date in dates], open_dates, len(missing)


def _combine(
    frames: Sequence[pl.DataFrame],
    topics: Sequence[ReadTopic],
    facts: LedgerFacts,
    client: Client,
    ledgers: Sequence[ReadableLedger],
) -> FetchedLedger[pl.DataFrame]:
    entries = pl.concat([schemas.to_polars(None, schemas.LEDGER_ENTRIES), *frames])
    accounts = {
        owner.ledger.ledger_id: account
        for owner in ledgers
        if (account := normalize_account(owner.ledger.payout_account))
    }
    payouts = derive_payouts(entries, units=client.settings.units, accounts=accounts)
    completeness = check_completeness(entries, topics, facts.first, facts.last)
    return FetchedLedger(entries, payouts, completeness, facts)
