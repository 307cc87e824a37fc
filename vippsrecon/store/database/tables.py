"""The tables of the workspace database, as SQLAlchemy Core sees them.

`migrations/*.sql` creates them and describes each; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

METADATA = MetaData()

MIGRATIONS = Table(
    "migrations",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("applied_at", Text, nullable=False),
)

JOURNAL = Table(
    "journal",
    METADATA,
    Column("plan_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("row", BigInteger),
    Column("environment", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("msn", Text),
    Column("reference", Text),
    Column("currency", Text),
    Column("amount_minor", BigInteger),
    Column("idempotency_key", Text),
    Column("detail", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

CARRIERS = Table(
    "carriers",
    METADATA,
    Column("plan_id", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", Text),
    Column("host", Text),
    Column("pid", BigInteger),
    Column("started", Text),
    Column("taken_at", Text),
    Column("heartbeat_at", Text),
)

IN_FLIGHT = Table(
    "in_flight",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("msn", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("plan_id", Text, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("since", Text, nullable=False),
)

CAPS = Table(
    "caps",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
)

RESERVED = Table(
    "reserved",
    METADATA,
    Column("plan_id", Text, primary_key=True),
    Column("row", BigInteger, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("scope", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
)

RUNS = Table(
    "runs",
    METADATA,
    Column("run_id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("first_day", Text),
    Column("last_day", Text),
    Column("as_of", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
)

SEEN_DISCREPANCIES = Table(
    "seen_discrepancies",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("discrepancy_id", Text, primary_key=True),
    Column("first_seen_date", Text, nullable=False),
    Column("run_id", Text, nullable=False),
)

COMPARED_ORDERS = Table(
    "compared_orders",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("msn", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("psp_reference", Text),
    Column("ordered_day", BigInteger),
    Column("bucket", Text, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("order_rows", Text, nullable=False),
)

OPEN_ITEMS = Table(
    "open_items",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("discrepancy_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("msn", Text, nullable=False),
    Column("reference", Text),
    Column("order_number", Text),
    Column("currency", Text, nullable=False),
    Column("at_risk_minor", BigInteger),
    Column("first_seen_date", Text, nullable=False),
    Column("last_seen_date", Text, nullable=False),
    Column("status_at", Text, nullable=False),
    Column("who", Text),
    Column("why", Text),
    Column("until_date", Text),
    Column("closed_by", Text),
    Column("as_of", Text, nullable=False),
)

ITEM_DECISIONS = Table(
    "item_decisions",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("discrepancy_id", Text, primary_key=True),
    Column("in_progress", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("as_of", Text, nullable=False),
)

LEDGER_DATES = Table(
    "ledger_dates",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("ledger_id", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("ledger_date", Text, primary_key=True),
    Column("entry_count", BigInteger, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
)

LEDGER_FEED_PAGES = Table(
    "ledger_feed_pages",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("ledger_id", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("cursor", Text, primary_key=True),
    Column("next_cursor", Text, nullable=False),
    Column("entry_count", BigInteger, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
)

PERIOD_CHANGES = Table(
    "period_changes",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("action", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sides", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
)

PERIOD_FACTS = Table(
    "period_facts",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("fact_key", Text, primary_key=True),
    Column("msn", Text),
    Column("reference", Text),
    Column("currency", Text, nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
)

WRITTEN_VOUCHERS = Table(
    "written_vouchers",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("voucher_number", Text, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("voucher_date", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ledger_id", Text, nullable=False),
    Column("msn", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("vat_code", Text),
    Column("text", Text, nullable=False),
    Column("payout_number", Text),
    Column("reverses", Text),
    Column("entries", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
    Column("written_at", Text, nullable=False),
)

PAYOUT_ACCOUNTS = Table(
    "payout_accounts",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("ledger_id", Text, primary_key=True),
    Column("ledger_date", Text, primary_key=True),
    Column("account", Text, nullable=False),
)

DISPUTE_ENTRIES = Table(
    "dispute_entries",
    METADATA,
    Column("environment", Text, primary_key=True),
    Column("ledger_id", Text, primary_key=True),
    Column("psp_reference", Text, primary_key=True),
    Column("entry_type", Text, primary_key=True),
    Column("ledger_date", Text, primary_key=True),
    Column("amount_minor", BigInteger, primary_key=True),
    Column("entry_number", BigInteger, primary_key=True),
    Column("msn", Text, nullable=False),
    Column("reference", Text),
    Column("currency", Text, nullable=False),
    Column("entry_at", Text),
)


def match_pairs(
    first: Column[str], second: Column[str], pairs: Collection[tuple[str, str]]
) -> ColumnElement[bool]:
    """Build a condition that finds at least the rows of the pairs, by an index on both columns.

    It may find other rows too (first of one pair, second of another), so the caller filters the
    result. Given pairs, PostgreSQL would compare every row with every pair.
    """
    return first.in_({left for left, _ in pairs}) & second.in_({right for _, right in pairs})


class database_time(FunctionElement[str]):  # noqa: N801 (reads as the SQL function it is)
    """The current time of the database, in the journal's format.

    Leases use only this clock, so the clocks of two machines are never compared.
    """

    inherit_cache = True
    type = Text()


@compiles(database_time, "sqlite")
def _compile_for_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


@compiles(database_time, "postgresql")
def _compile_for_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    # clock_timestamp, not now(): now() is when the transaction began, before any wait for a lock
    return """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
