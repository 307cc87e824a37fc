"""Translate database errors into sentences that say what to do.

Neither URL nor password is ever quoted. Where no sentence here fits, the first line of the driver's
message is quoted, with the password removed.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError

from vippsrecon.errors import StoreError

SQLITE_MESSAGES = {
    "SQLITE_BUSY": "is locked by another process: wait until it has finished, or find and end it "
    "(a stopped process keeps its lock)",
    "SQLITE_LOCKED": "is locked by another process: wait until it has finished",
    "SQLITE_FULL": "could not be written, the disk is full: free some space and run the same "
    "command again",
    "SQLITE_READONLY": "is read-only: make the file and its folder writable, or copy it elsewhere",
    "SQLITE_CANTOPEN": "cannot be opened: check that its folder exists and may be written to",
    "SQLITE_PERM": "cannot be opened: its file or folder may not be read",
    "SQLITE_AUTH": "cannot be opened: its file or folder may not be read",
    "SQLITE_CORRUPT": "is damaged: put it aside and restore the last backup; nothing is lost at "
    "Vipps MobilePay, and a plan carried out again finds what was done",
    "SQLITE_NOTADB": "is not a database: the file is damaged, encrypted, or something else; name "
    "another in VIPPSRECON_DATABASE_URL",
    "SQLITE_IOERR": "could not be read or written, the disk reported an error: check the disk and "
    "run the same command again",
    "SQLITE_TOOBIG": "did not accept an entry of that size",
}
"""SQLite's result code, or the start of its extended code, to the sentence shown."""

POSTGRESQL_MESSAGES = {
    "28P01": "refused the user name or password: check VIPPSRECON_DATABASE_URL",
    "28": "refused the user: check VIPPSRECON_DATABASE_URL and the server's pg_hba.conf",
    "3D000": "does not exist on that server: create it, or name another in VIPPSRECON_DATABASE_URL",
    "3F000": "has no schema to work in: create it, or correct the user's search_path",
    "42501": "refused permission: let this user create and use tables in the database",
    "53100": "could not be written, the server's disk is full: free some space there and run the "
    "same command again",
    "53300": "has no connection left: let others finish, or raise max_connections",
    "55P03": "is locked by another process: wait until it has finished, or end it",
    "25006": "is read-only (a standby, or set so): name the primary server in "
    "VIPPSRECON_DATABASE_URL",
    "25P03": "ended this session because it was idle in the middle of a transaction; nothing "
    "of it was recorded",
    "40P01": "broke off two transactions that waited for each other; nothing was recorded: "
    "run the same command again",
    "57P": "was shut down by its administrator: run the same command again when it is back",
    "53": "has no resources left: ask its administrator",
    "58": "had an error of its disk: ask its administrator",
    "XX": "is damaged or at fault: ask its administrator",
}
"""PostgreSQL's SQLSTATE, or the start of one, to the sentence shown. Source:
https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_CONNECTION_ERROR_NAMES = ("OperationalError", "InterfaceError")
"""What the driver raises, without a SQLSTATE, if the server does not answer.
Source: https://peps.python.org/pep-0249/#exceptions"""

SERVER_NOT_REACHED = (
    "cannot be reached: check that the server runs, and the host and port in "
    "VIPPSRECON_DATABASE_URL"
)
CONNECTION_LOST = (
    "was lost in the middle: run the same command again when it is back; nothing is done twice"
)


def build_store_error(
    error: Exception, name: str, password: str = "", *, at_start: bool = False
) -> StoreError:
    """Build the StoreError for an error of the driver or of SQLAlchemy.

    Args:
        error: What was raised.
        name: The database, without password.
        password: Removed from whatever is quoted.
        at_start: The error occurred while the database was being opened.
    """
    if isinstance(error, TimeoutError):
        return StoreError(f"the workspace database {name} had no free connection in time")
    cause = error.orig if isinstance(error, DBAPIError) else error
    sentence = (
        _explain_sqlite_error(cause)
        if isinstance(cause, sqlite3.Error)
        else _explain_postgresql_error(error, cause, at_start=at_start)
    )
    if sentence is None:
        first = next(iter(str(cause).splitlines()), type(cause).__name__).strip()
        sentence = f"returned an error: {first}"
    if password:
        sentence = sentence.replace(password, "***")
    return StoreError(f"the workspace database {name} {sentence}")


def is_connection_lost(error: Exception) -> bool:
    """Return whether the connection was lost, so that a running COMMIT may have succeeded."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def get_driver_errors(dialect: Any) -> tuple[type[Exception], ...]:
    """Return the exceptions that a database of this dialect may raise."""
    return (SQLAlchemyError, dialect.dbapi.Error)


def _explain_sqlite_error(cause: sqlite3.Error) -> str | None:
    code = getattr(cause, "sqlite_errorname", "")
    return next(
        (sentence for start, sentence in SQLITE_MESSAGES.items() if code.startswith(start)), None
    )


def _explain_postgresql_error(error: Exception, cause: Any, *, at_start: bool) -> str | None:
    state = getattr(cause, "sqlstate", None) or ""
    if not state and "password authentication failed" in str(cause):
        state = "28P01"  # without a session there is no SQLSTATE
    if not state and 'database "' in str(cause) and "does not exist" in str(cause):
        state = "3D000"
    for start, sentence in POSTGRESQL_MESSAGES.items():
        if state.startswith(start):
            return sentence
    of_connection = any(kind.__name__ in _CONNECTION_ERROR_NAMES for kind in type(cause).__mro__)
    if state.startswith("08") or (not state and of_connection):
        return CONNECTION_LOST if is_connection_lost(error) and not at_start else SERVER_NOT_REACHED
    return None
