"""What all rows of one run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import Plan, PlanRow, compute_idempotency_key
from vippsrecon.store import Attempt, Cap, Store, read_attempts


class Timeouts(NamedTuple):
    """How long to wait for what, in seconds.

    Attributes:
        settle_for: How long an operation whose outcome is open is looked at again.
        wait_for: How long one that was not taken (locked, rate limit) is offered again.
        first_wait: The first wait; each is twice the one before.
        longest_wait: The longest.
        recheck_after: An intention this old is sent again only after two readings agree.
        recheck_interval: How far apart those two are.
    """

    settle_for: float = 120.0
    wait_for: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    recheck_after: float = 24 * 3600.0
    recheck_interval: float = 60.0


@dataclass
class RunContext:
    """What a row is carried out with.

    Attributes:
        core: The client's asynchronous core.
        plan: The plan.
        approval_expires_at: None in a dry run of a plan nobody approved yet.
        caps: A local day to the caps of each currency that rows sent on it are reserved against.
        patience: How long to wait for what.
        writer: Keeps the journal; None in a dry run, which sends nothing.
        store: What a dry run looks other plans up in; None where there is no database yet.
        stop_reason: Why no row is begun any more, or "".
    """

    core: AsyncClient
    plan: Plan
    approval_expires_at: datetime | None
    caps: Callable[[str], Mapping[str, Sequence[Cap]]]
    patience: Timeouts
    writer: JournalWriter | None
    store: Store | None = None
    stop_reason: str = field(default="")

    @property
    def verb(self) -> str:
        """The plan's verb."""
        return self.plan.verb

    def key(self, row: PlanRow) -> str:
        """Return the row's idempotency key."""
        return compute_idempotency_key(self.plan.plan_id, self.plan.verb, row)

    def find_row_caps(self, row: PlanRow) -> Sequence[Cap]:
        """Return what a row sent now is reserved against: its sales unit may have a new day."""
        zone = ZoneInfo(self.core.settings.unit(row.msn).zone)
        day = self.core.now().astimezone(zone).date().isoformat()
        return self.caps(day)[row.currency]

    async def others(self, row: PlanRow) -> list[Attempt]:
        """Return what other plans' journals hold for the row's payment."""
        plan, at = self.plan, (row.msn, row.reference)

        def ask(store: Store) -> list[Attempt]:
            return read_attempts(store, plan.environment, [at], but=plan.plan_id).get(at, [])

        if self.writer is not None:
            return await self.writer.run_query(ask)
        return [] if self.store is None else ask(self.store)


class StopRunError(Exception):
    """No row will fare better than this one: the run stops. Never leaves `bulk`.

    Attributes:
        result: What became of the row that met it.
    """

    def __init__(self, why: str, result: RowResult) -> None:
        """Keep the row's own result beside the reason."""
        super().__init__(why)
        self.result = result
