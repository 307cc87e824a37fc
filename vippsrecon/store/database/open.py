"""Open the workspace database: one SQLite file by default, PostgreSQL by URL for a team."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

from vippsrecon.errors import StoreError
from vippsrecon.store.database.migrate import apply_migrations, load_migrations, read_version
from vippsrecon.store.database.sql_errors import build_store_error
from vippsrecon.store.database.store import WRITES_OPTION, Store
from vippsrecon.store.database.transactions import read_transaction, write_transaction
from vippsrecon.store.database.url import mask_database_url, parse_database_url, resolve_sqlite_path
from vippsrecon.store.journal.verify import refuse_modified_journal

LOCK_WAIT_SECONDS = 20.0
"""How long to wait for a lock. Longer than PostgreSQL allows an idle transaction, so that the wait
outlasts a process that was stopped in the middle of a transaction."""

IDLE_TRANSACTION_SECONDS = 15
"""PostgreSQL ends a session that is idle in a transaction for this long. Shorter than a lease: a
stopped process loses its database locks before it loses the plan lock."""

CONNECT_TIMEOUT_SECONDS = 10


def open_store(url: str, *, create: bool = True, wait_seconds: float = LOCK_WAIT_SECONDS) -> Store:
    """Open the workspace database and migrate its tables to this version.

    Args:
        url: `sqlite:///file.db` (relative to the working folder; four slashes for an absolute
            path) or `postgresql://user:password@host:5432/database`.
        create: Create the SQLite file if it does not exist.
        wait_seconds: How long to wait for a lock.

    Raises:
        StoreError: The database cannot be used; the sentence says what to do and never contains the password.
    """
    if not create and not database_exists(url):
        raise StoreError(
            f"there is no workspace database {resolve_sqlite_path(parse_database_url(url))}: run this in the folder "
            "where the plan was approved, or name it in VIPPSRECON_DATABASE_URL"
        )
    store = connect_store(url, wait_seconds)
    if (path := find_database_file(url)) is not None:
        _create_private_file(path)
    try:
        _prepare_store(store, wait_seconds)
    except BaseException:
        store.close()
        raise
    return store


def connect_store(url: str, wait_seconds: float = LOCK_WAIT_SECONDS) -> Store:
    """Return a store without connecting to the database: nothing is read, created or migrated.

    Raises:
        StoreError: The URL cannot be read, or names a place where a database must not be.
    """
    address = parse_database_url(url)
    name = mask_database_url(address)
    if address.get_backend_name() == "sqlite":
        engine = _create_sqlite_engine(
            address.set(database=str(resolve_sqlite_path(address))), wait_seconds
        )
    else:
        engine = _create_postgresql_engine(address, wait_seconds)
    return Store(engine, name, str(address.password or ""), refuse_modified_journal)


def find_database_file(url: str) -> Path | None:
    """Return the file of a SQLite database, whether it exists or not; None for PostgreSQL.

    Raises:
        StoreError: The URL cannot be read, or names a place where a database must not be.
    """
    address = parse_database_url(url)
    return resolve_sqlite_path(address) if address.get_backend_name() == "sqlite" else None


def database_exists(url: str) -> bool:
    """Return whether there is a database to open: a SQLite file may not exist yet.

    Raises:
        StoreError: The URL cannot be read, or names a place where a database must not be.
    """
    address = parse_database_url(url)
    return address.get_backend_name() != "sqlite" or resolve_sqlite_path(address).exists()


def _create_private_file(path: Path) -> None:
    """Create the file, empty, for this account only: SQLite gives its other files the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError:
        return  # it exists, or SQLite reports why it cannot be created


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
        connection.isolation_level = None  # the listener below sends BEGIN
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA fullfsync = ON")  # macOS: past the disk's own cache too
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # IMMEDIATE takes the write lock before the first read, so nobody can change what was
        # read before it is written back.
        writes = connection.get_execution_options().get(WRITES_OPTION, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _enable_write_ahead_log(store: Store, wait_seconds: float) -> None:
    """Switch a SQLite file permanently to write-ahead logging: readers do not block the writer."""
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
            # SQLite does not wait here when two processes open a new file at the same time.
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
        # Notice a lost server within seconds; TCP alone would need hours.
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
            # Every query of this package has an index. A new table has no statistics yet, so
            # PostgreSQL would scan the whole table, every time, while it grows.
            cursor.execute("SET enable_seqscan = off")
            # An intention must be on the disk before its request is sent.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    return engine
