"""The open workspace database, as every function of the store takes it."""

from __future__ import annotations

from types import TracebackType

from sqlalchemy import Engine

from vippsrecon.errors import StoreError, VippsReconError
from vippsrecon.store.database.sql_errors import get_driver_errors

WRITES_OPTION = "vippsrecon_writes"
"""Execution option that marks a connection whose transaction writes (see `open`)."""


class Store:
    """An open workspace database. A context manager; closes its connections at the end.

    As a context manager it also turns errors that a modified journal caused into StoreError.

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
        try:
            if isinstance(error, Exception) and not isinstance(error, VippsReconError | OSError):
                self._explain(error)
        finally:
            self.close()

    def _explain(self, error: Exception) -> None:
        """Raise StoreError if an error comes from a journal that was modified.

        A modified entry can hold anything, so whatever reads it may fail in any way. Only the
        chain distinguishes that from an error in this package, which is left as it is.
        """
        from vippsrecon.store.journal.verify import find_broken_plan

        broken = find_broken_plan(self)
        if broken is not None:
            plan_id, fault = broken
            raise StoreError(
                f"the journal of plan {plan_id} was modified: {fault}. vippsrecon journal --verify "
                "shows more; compare the database with a backup"
            ) from error

    def __repr__(self) -> str:
        return f"<Store {self.url_masked}>"
