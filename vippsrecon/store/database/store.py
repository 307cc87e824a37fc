"""The open workspace database, as every function of the store takes it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias

from sqlalchemy import Engine

from vippsrecon.errors import VippsReconError
from vippsrecon.store.database.sql_errors import get_driver_errors

WRITES_OPTION = "vippsrecon_writes"
"""Execution option that marks a connection whose transaction writes (see `open`)."""

ErrorExplainer: TypeAlias = "Callable[[Store, Exception], None]"


class Store:
    """An open workspace database. A context manager; closes its connections at the end.

    As a context manager it also turns errors that a modified journal caused into StoreError.

    Its connections may be used from any thread. Its repr shows no password.

    Args:
        engine: Connects to the database.
        url_masked: The database URL without its password.
        password: The password, which no message may contain.
        explain: Raises StoreError if an error was caused by a modified journal.

    Attributes:
        url_masked: The database URL without its password.
    """

    def __init__(
        self, engine: Engine, url_masked: str, password: str, explain: ErrorExplainer
    ) -> None:
        self.url_masked = url_masked
        self._engine = engine
        self._password = password
        self._explain = explain
        self._errors = get_driver_errors(engine.dialect)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if isinstance(error, Exception) and not isinstance(error, VippsReconError | OSError):
                self._explain(self, error)
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"<Store {self.url_masked}>"
