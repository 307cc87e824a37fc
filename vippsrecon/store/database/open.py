"""Opening the workspace database: one SQLite file by default, PostgreSQL by URL for a team."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

from vippsrecon.errors import StoreError
from vippsrecon.store.database.migrate import apply_migrations, load_migrations, read_version
from vippsrecon.store.database.sql_errors import build_store_error
from vippsrecon.store.database.store import WRITES_OPTION, Store
from vippsrecon.store.database.transactions import read_transaction, write_transaction
from vippsrecon.store.database.url import mask_database_url, parse_database_url, resolve_sqlite_path

LOCK_WAIT_SECONDS = 20.0
"""How long a lock is waited for. Longer than PostgreSQL leaves a transaction standing still, so
that a carrier that was stopped in the middle of one is waited out."""

IDLE_TRANSACTION_SECONDS = 15
"""After which PostgreSQL ends the session of a client that stands still in a transaction.
Shorter than a lease: a stopped carrier loses its locks before it loses its plan."""

CONNECT_TIMEOUT_SECONDS = 10


def open_store(url: str, *, create: bool = True, wait_seconds: float = LOCK_WAIT_SECONDS) -> Store:
    """Open the workspace database, and bring its tables to this version.

    Args:
        url: `sqlite:///file.db` (relative to the working folder; four slashes for an absolute
            path) or `postgresql://user:password@host:5432/database`.
        create: Make a SQLite file that does not exist.
        wait_seconds: How long a lock is waited for.

    Raises:
        StoreError: It cannot be used: a sentence with a way out, never with the password.
    """
    if not create and not database_exists(url):
        raise StoreError(
            f"there is no workspace database {resolve_sqlite_path(parse_database_url(url))}: run this in the folder "
            "where the plan was approved, or name it in VIPPSRECON_DATABASE_URL"
        )
    store = connect_store(url, wait_seconds)
    try:
        _prepare_store(store, wait_seconds)
    except BaseException:
        store.close()
        raise
    return store


def connect_store(url: str, wait_seconds: float = LOCK_WAIT_SECONDS) -> Store:
    """Return a database with its tables as they are: nothing is asked of it, or made, yet.

    Raises:
        StoreError: The URL cannot be read, or names a place nothing may be kept in.
    """
    address = parse_database_url(url)
    name = mask_database_url(address)
    if address.get_backend_name() == "sqlite":
        engine = _create_sqlite_engine(
            address.set(database=str(resolve_sqlite_path(address))), wait_seconds
        )
    else:
        engine = _create_postgresql_engine(address, wait_seconds)
    return Store(engine, name, str(address.password or ""))


def database_exists(url: str) -> bool:
    """Say whether there is a database to open: a SQLite file may not have been made yet.

    Raises:
        StoreError: The URL cannot be read, or names a place nothing may be kept in.
    """
    address = parse_database_url(url)
    return address.get_backend_name() != "sqlite" or resolve_sqlite_path(address).exists()


def _prepare_store(store: Store, wait_seconds: float) -> None:
    with read_transaction(store, at_start=True) as connection:
        current = read_version(connection, store.url_masked) == load_migrations()[-1].version
    if not current:
        with write_transaction(store) as connection:
            apply_migrations(connection, store.url_masked)
    if store._engine.dialect.name == "sqlite":
        _enable_write_ahead_log(store, wait_seconds)


def _create_sqlite_engine(address: URL, wait_seconds: float) -> Engine:
    engine = create_engine(
        address,
        connect_args={"check_same_thread": False, "timeout": wait_seconds},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def settle(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA fullfsync = ON")  # macOS: past the disk's own cache too
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # IMMEDIATE takes the write lock before anything is read, so what is read still holds
        # when it is written.
        writes = connection.get_execution_options().get(WRITES_OPTION, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _enable_write_ahead_log(store: Store, wait_seconds: float) -> None:
    """Switch a SQLite file to its write-ahead log, for good: readers and a writer at once."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection = store._engine.raw_connection()
            try:
                cursor = connection.cursor()
                mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
                cursor.close()
            finally:
                connection.close()
        except store._errors as error:
            locked = "locked" in str(error)
            # SQLite does not wait by itself here when two processes open a new file at once.
            if locked and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise build_store_error(error, store.url_masked) from None
        if mode != "wal":
            raise StoreError(
                f"the workspace database {store.url_masked} is on a file system without shared "
                "memory (a network drive, perhaps): put it on this computer's own disk"
            )
        return


def _create_postgresql_engine(address: URL, wait_seconds: float) -> Engine:
    defaults = {
        "application_name": "vippsrecon",
        "connect_timeout": str(CONNECT_TIMEOUT_SECONDS),
        # A server that vanished is noticed in seconds, not in the hours TCP would take.
        "keepalives_idle": "5",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
    }
    try:
        engine = create_engine(
            address,
            connect_args={k: v for k, v in defaults.items() if k not in address.query},
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise StoreError(
            "PostgreSQL needs one more package: pip install 'vippsrecon[postgres]'"
        ) from None

    @event.listens_for(engine, "connect")
    def settle(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {round(wait_seconds * 1000)}")
            cursor.execute(
                f"SET idle_in_transaction_session_timeout = {IDLE_TRANSACTION_SECONDS * 1000}"
            )
            # Every question asked here has its index. A new table has no statistics yet, and
            # PostgreSQL would read it whole, again and again while it grows.
            cursor.execute("SET enable_seqscan = off")
            # What was committed has to be on the disk before the request leaves.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    return engine
