"""Number the vouchers of a period by those that were written before, and write them once.

build_vouchers ──► number_period ──► render_vouchers ──► record_written
│ written vouchers, closed months           │
└────────────── workspace database ◄────────┘
"""

from __future__ import annotations

from datetime import date

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing import number_vouchers, select_unwritten
from vippsrecon.config.settings import Settings
from vippsrecon.store import Store, open_store, read_closed_periods, read_vouchers, record_vouchers
from vippsrecon.workflow.history.database import WAIT_SECONDS, query_database


def number_period(
    settings: Settings, proposed: pl.DataFrame, first: date | None, last: date | None
) -> pl.DataFrame:
    """Compare the proposed vouchers of a period with those that were written.

    Without a workspace database nothing was written, and no month is closed.

    Args:
        settings: Environment and database.
        proposed: What `build_vouchers` proposes.
        first: First day of the period; None: no limit.
        last: Last day.

    Returns:
        `schemas.VOUCHERS`, see `vippsrecon.closing.number_vouchers`.

    Raises:
        StoreError: The database cannot be used.
    """
    written, closed = query_database(
        settings.database_url,
        lambda store: _read(store, settings.books_environment),
        (schemas.to_polars(None, schemas.VOUCHERS), frozenset[str]()),
    )
    return number_vouchers(proposed, written, closed_months=closed, first=first, last=last)


def record_written(settings: Settings, vouchers: pl.DataFrame) -> int:
    """Record the new vouchers and reversals of a file, and return their number.

    Record first and write the file then: a voucher that is recorded twice is one.

    Raises:
        ClosedPeriodError: A month was closed meanwhile; nothing was recorded.
        StoreError: Nothing was recorded.
    """
    unwritten = select_unwritten(vouchers)
    with open_store(settings.database_url, create=True, wait_seconds=WAIT_SECONDS) as store:
        record_vouchers(store, settings.books_environment, unwritten.iter_rows(named=True))
    return unwritten["voucher_number"].n_unique()


def _read(store: Store, environment: str) -> tuple[pl.DataFrame, frozenset[str]]:
    rows = [
        {**row, "voucher_date": date.fromisoformat(row["voucher_date"]), "status": "unchanged"}
        for row in read_vouchers(store, environment)
    ]
    types = schemas.polars_schema(schemas.VOUCHERS)
    frame = pl.DataFrame([{name: row[name] for name in types} for row in rows], schema=types)
    return frame, frozenset(read_closed_periods(store, environment))
