"""What all rows of one run share, and how long they wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.bulk.execution.clock import RunClock, WaitNotice
from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.bulk.execution.plan_journal import PlanJournal
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import Plan, PlanRow, compute_idempotency_key
from vippsrecon.store import Attempt, Cap


class Timeouts(NamedTuple):
    """Waiting times, in seconds.

    Attributes:
        settle_for: How long to read again while the outcome of an operation is open.
        wait_for: How long to send again after locked or rate limit.
        first_wait: The first wait; every wait is twice the one before.
        longest_wait: The longest single wait.
        recheck_after: An operation intended this long ago is sent again only after two readings
            show that nothing was done: its key may have been forgotten.
        recheck_interval: Time between these two readings.
        reading_age: A request is sent at most this long after its payment was read; after more,
            the payment and its log are read again first.
        most_requests: How often the request of one row is sent in one run, at most.
    """

    settle_for: float = 120.0
    wait_for: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    recheck_after: float = 24 * 3600.0
    recheck_interval: float = 60.0
    reading_age: float = 10.0
    most_requests: int = 30


@dataclass
class RunContext:
    """Everything the rows of one run share: client, plan, approval, caps, timeouts, journal writer.

    Attributes:
        core: The client's asynchronous core.
        plan: The plan.
        approval_expires_at: None in a dry run of a plan that is not approved yet.
        caps: Maps a local day to the caps of each currency for rows sent on that day.
        timeouts: How long to wait.
        writer: Writes the journal; None in a dry run, which sends nothing.
        journal: Where a dry run reads the attempts of other plans; None without a database.
        clock: The run's clocks.
        wait_notice: Says that rows wait.
        stop_reason: Why no further row is started, or "".
    """

    core: AsyncClient
    plan: Plan
    approval_expires_at: datetime | None
    caps: Callable[[str], Mapping[str, Sequence[Cap]]]
    timeouts: Timeouts
    writer: JournalWriter | None
    journal: PlanJournal | None = None
    clock: RunClock = field(default_factory=RunClock)
    wait_notice: WaitNotice = field(default_factory=WaitNotice)
    stop_reason: str = field(default="")

    @property
    def verb(self) -> str:
        """Return the plan's verb."""
        return self.plan.verb

    def key(self, row: PlanRow) -> str:
        """Return the row's idempotency key."""
        return compute_idempotency_key(self.plan.plan_id, self.plan.verb, row)

    def find_row_caps(self, row: PlanRow) -> Sequence[Cap]:
        """Return the caps for a row sent now, on the local day of its sales unit.

        Around midnight server and machine may be on two days, and one of the two may be wrong.
        Then the row counts against the caps of both days, so that a wrong clock does not give the
        plan a new cap.
        """
        zone = ZoneInfo(self.core.settings.unit(row.msn).zone)
        times = [self.core.now()]
        if self.plan.environment != "simulator":  # the simulator has a clock of its own
            times.append(self.clock.machine_time())
        days = sorted({time.astimezone(zone).date().isoformat() for time in times})
        return list(dict.fromkeys(cap for day in days for cap in self.caps(day)[row.currency]))

    async def others(self, row: PlanRow) -> list[Attempt]:
        """Return the attempts of other plans at the row's payment."""
        if self.writer is not None:
            return await self.writer.find_other_attempts(row)
        return [] if self.journal is None else self.journal.find_other_attempts(row)


class StopRunError(Exception):
    """Stop the run: every other row would fail in the same way. Not raised outside `bulk`.

    Attributes:
        result: The result of the row in which it happened.
    """

    def __init__(self, why: str, result: RowResult) -> None:
        """Store the row's own result beside the reason."""
        super().__init__(why)
        self.result = result
