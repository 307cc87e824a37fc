"""The open workspace database, as every function of the store takes it."""

from __future__ import annotations

from types import TracebackType

from sqlalchemy import Engine

from vippsrecon.store.database.sql_errors import get_driver_errors

WRITES_OPTION = "vippsrecon_writes"
"""Execution option that marks a connection whose transaction writes (see `open`)."""


class Store:
    """An open workspace database. A context manager; closes its connections at the end.

    Its connections may be used from any thread. Its repr shows no password.

    Attributes:
        url_masked: The database URL without its password.
    """

    def __init__(self, engine: Engine, url_masked: str, password: str) -> None:
        self.url_masked = url_masked
        self._engine = engine
        self._password = password
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
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.url_masked}>"
