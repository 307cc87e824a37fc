"""One schedule: a plan is carried out with faults, crashes and restarts, all drawn by one number.

The code that carries the plan out is the package's own (`process`). The clock (`virtual_loop`),
Vipps MobilePay and the network (`simulated_vipps`), and the disk (`simulated_disk`) are simulated.
In some schedules a process is suspended in the middle of a step until its lease has run out and
another has taken over the plan; then it continues. At every request and at the end, the schedule
checks that nothing is done twice or lost and that the journal is correct.
"""

from __future__ import annotations

import random
import uuid
from datetime import timedelta

from tests.plans import make_plan, make_plan_row
from tests.replay.process import TIMEOUTS, Parts, Process, Surroundings
from tests.replay.simulated_disk import SimulatedDisk
from tests.replay.simulated_vipps import START, SimulatedVipps, Totals
from vippsrecon.bulk.execution.row.operations import compute_expected_aggregate
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.plan.model import Plan, PlanRow, Source, compute_idempotency_key
from vippsrecon.bulk.times import format_plan_time
from vippsrecon.store import Cap

SLACK = 1.0
"""Seconds from the check of a reading's age to the request: a commit, and the lock."""

SHORTEST_WAIT = TIMEOUTS.first_wait * 0.75 - 0.001
"""Seconds from an answer to the next request of the row, at least."""

CALM = 200.0
"""Seconds after which every event shows and every request on its way has arrived."""

UNBROKEN = Parts()

GOOD = ("done", "already_done")


class ViolationError(AssertionError):
    """Something happened that must never happen."""


class Schedule:
    """Everything that is drawn by one number.

    Args:
        number: The seed of everything.
        parts: What each process is made of.

    Attributes:
        takeovers: How often a process was suspended until another had taken over the plan.
    """

    def __init__(self, number: int, parts: Parts = UNBROKEN) -> None:
        self.dice = dice = random.Random(number)
        forgets = dice.random() < 0.2
        self.vipps = SimulatedVipps(
            dice,
            lag=dice.choice([0.0, 0.5, 20.0, 55.0]),
            key_life=dice.random() * 60 if forgets else 86_400.0,
            late=not forgets,
        )
        self.restart_after = 5.0 if forgets else 0.0
        self.plan = self._draw_plan()
        self.lies = dice.random() < 0.15
        self.disk = SimulatedDisk(
            self.plan.plan_id,
            self.plan.verb,
            dice,
            self.vipps.time,
            parts.reservations(self.plan.plan_id),
            lies=self.lies,
        )
        self.cap = self._draw_cap()
        self.approval_expires_at = START + timedelta(hours=23)
        if dice.random() < 0.1:
            self.approval_expires_at = START + timedelta(seconds=dice.randrange(1, 100))
        if dice.random() < 0.15:
            self.vipps.clock_wrong_from = dice.random() * 40
            self.vipps.clock_wrong_until = self.vipps.clock_wrong_from + dice.random() * 100
        self.foreign: set[str] = set()
        for row in self.plan.rows:
            if dice.random() < 0.3:
                self._plan_foreign_change(row)
        self.takeovers = 0
        self._processes: list[Process] = []
        self._request_counts: dict[int, int] = {}
        self._parts = parts
        self._around = Surroundings(
            self.plan,
            self.approval_expires_at,
            lambda day: {"NOK": [Cap(f"day:{day}", "NOK", self.cap)] if self.cap else []},
            self.vipps,
            self.disk,
            dice,
            self._check_request,
        )

    def run(self) -> None:
        """Carry the plan out in one life after another, and check the result.

        Raises:
            ViolationError: A check failed.
        """
        try:
            self._run_lives()
        finally:
            for process in self._processes:
                process.kill()

    def _run_lives(self) -> None:
        for _ in range(self.dice.randrange(4)):
            self.vipps.fault_share = self.disk.fault_share = self.dice.choice([0, 0.3, 0.7])
            if self.dice.random() < 0.3:
                self._take_over_suspended_process()
            else:
                self._start(crashes=self.dice.random() < 0.7).run()
            self.vipps.time.advance(
                self.restart_after + self.dice.choice([0.0, 0.1, 3.0, 30.0, 90.0])
            )
        self.vipps.time.advance(CALM)
        self.vipps.clock_wrong_until = self.vipps.time.now
        self.vipps.fault_share = self.disk.fault_share = 0
        last = self._start(crashes=False)
        last.run()
        if last.results is None:
            raise ViolationError("a run without faults did not end")
        self._check_end(last.results)

    def _draw_plan(self) -> Plan:
        dice = self.dice
        verb = dice.choice(["refund", "capture", "cancel"])
        rows = []
        for number in range(1, dice.randrange(1, 4) + 1):
            reference = f"order-{number:06d}"
            totals: Totals = (1000, 1000, dice.choice([0, 300]), 0)
            if verb != "refund":
                totals = (1000, dice.choice([0, 0, 300]), 0, 0)
            left = totals[1] - totals[2] if verb == "refund" else totals[0] - totals[1]
            amount = left if verb == "cancel" or dice.random() < 0.3 else dice.randrange(1, left)
            self.vipps.add(reference, totals)
            rows.append(
                make_plan_row(
                    number,
                    reference=reference,
                    order_number=None,
                    amount_minor=amount,
                    authorized_minor=totals[0],
                    captured_minor=totals[1],
                    refunded_minor=totals[2],
                    cancelled_minor=totals[3],
                )
            )
        made_at = format_plan_time(START - timedelta(hours=1))
        return make_plan(
            *rows,
            plan_id=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            verb=verb,
            environment="test",
            host="apitest.vipps.no",
            made_at=made_at,
            expires_at=format_plan_time(START + timedelta(hours=48)),
            source=Source("python", "", "", made_at),
        )

    def _draw_cap(self) -> int | None:
        total = sum(row.amount_minor for row in self.plan.rows)
        return self.dice.choice([None, total, total, max(1, total - 1)])

    def _plan_foreign_change(self, row: PlanRow) -> None:
        """Have somebody else change a row's payment at a random time, often by the same amount."""
        self.foreign.add(row.reference)
        verb = self.dice.choice([self.plan.verb, self.plan.verb, "refund", "capture"])
        amount = row.amount_minor if self.dice.random() < 0.5 else self.dice.randrange(1, 400)
        payment = self.vipps.payments[row.reference]

        def change() -> None:
            self.vipps.arrive(verb, payment, amount, f"portal-{row.row}", lambda outcome: None)

        self.vipps.time.schedule(self.dice.random() * 60, change)

    def _start(self, *, crashes: bool, suspend_at: int = 0) -> Process:
        crash_at = self.dice.randrange(1, 250) if crashes else 0
        process = Process(self._around, self._parts, crash_at=crash_at, suspend_at=suspend_at)
        self._processes.append(process)
        return process

    def _take_over_suspended_process(self) -> None:
        """Suspend a process until its lease has run out and another has taken over; then resume it.

        It is resumed after the second process has ended, or while that one is suspended too.
        """
        dice = self.dice
        first = self._start(crashes=False, suspend_at=dice.randrange(1, 150))
        first.run()
        if not first.is_suspended:
            return
        self.takeovers += 1
        silence = self.disk.lease_ends - self.vipps.time.now + dice.choice([0.1, 3.0, 60.0, 600.0])
        self.vipps.time.advance(silence)
        is_interleaved = dice.random() < 0.5
        second = self._start(
            crashes=dice.random() < 0.3, suspend_at=dice.randrange(1, 150) if is_interleaved else 0
        )
        second.run()
        self.vipps.time.advance(dice.choice([0.0, 0.2, 8.0]))
        first.run()
        if second.is_suspended:
            second.run()

    def _check_request(self, process: Process, reference: str, key: str) -> None:
        """Check a request just before it is sent."""
        row = next(row for row in self.plan.rows if row.reference == reference)
        now, payment = self.vipps.time.now, self.vipps.payments[reference]
        if key != compute_idempotency_key(self.plan.plan_id, self.plan.verb, row):
            raise ViolationError(f"row {row.row} was sent with another key")
        count = self._request_counts[row.row] = self._request_counts.get(row.row, 0) + 1
        if not self.lies and count > self.disk.count_intentions(row.row):
            raise ViolationError(f"row {row.row} was sent before its intention was on the disk")
        oldest = now - TIMEOUTS.reading_age - SLACK
        planned = (
            row.authorized_minor, row.captured_minor, row.refunded_minor, row.cancelled_minor
        )  # fmt: skip
        if payment.totals_at(oldest) != planned:
            raise ViolationError(f"row {row.row} was sent on a reading that was no longer true")
        if self.vipps.clock_wrong_from < oldest and now < self.vipps.clock_wrong_until:
            raise ViolationError(f"row {row.row} was sent while the clock was wrong")
        if START + timedelta(seconds=oldest - 1) > self.approval_expires_at:
            raise ViolationError(f"row {row.row} was sent after the approval had expired")
        sent = process.sent.setdefault(row.row, [])
        if sent and now - process.connection.answered_at[reference] < SHORTEST_WAIT:
            raise ViolationError(f"row {row.row} was sent again without a wait")
        if len(sent) >= TIMEOUTS.most_requests:
            raise ViolationError(f"row {row.row} was sent without end")
        sent.append(now)

    def _check_end(self, results: list[RowResult]) -> None:
        """Check the final state after all runs have ended."""
        if not self.disk.is_chain_intact():
            raise ViolationError("the journal's chain is broken")
        states = self.disk.read_row_states()
        moved = 0
        for row, result in zip(self.plan.rows, results, strict=True):
            key = compute_idempotency_key(self.plan.plan_id, self.plan.verb, row)
            done_count = self.vipps.payments[row.reference].done_by_key.get(key, 0)
            state = states.get(row.row)
            where = (
                f"row {row.row} is {result.outcome} ({result.explanation}), done {done_count} times"
            )
            if done_count > 1:
                raise ViolationError(f"TWICE: {where}")
            if state is None or state.outcome != result.outcome:
                raise ViolationError(f"the journal says another outcome: {where}")
            self._check_row(row, result, done_count, where)
            moved += done_count * row.amount_minor
        if self.cap is not None and moved > self.cap and not self.lies:
            raise ViolationError(f"{moved} moved, over the cap of {self.cap}")
        self._check_reservations(results)

    def _check_row(self, row: PlanRow, result: RowResult, done_count: int, where: str) -> None:
        outcome = result.outcome
        # The log shows no key for a cancel, so a later cancel by somebody else counts as ours.
        keyed = self.plan.verb != "cancel" or row.reference not in self.foreign
        if outcome in GOOD and done_count == 0 and keyed:
            raise ViolationError(f"the journal says what is not: {where}")
        # If the journal is lost and others changed the payment, nobody can know who cancelled it.
        traceable = keyed or not self.lies
        if outcome in ("refused", "skipped") and done_count and traceable:
            if outcome == "refused" and self._was_lost_on_its_way(row):
                return
            raise ViolationError(f"the journal does not know of it: {where}")
        if outcome == "unknown" and done_count and self.plan.verb != "cancel":
            raise ViolationError(f"the log proves the outcome, and it is unknown: {where}")
        if outcome == "skipped":
            raise ViolationError(f"nothing prevents it any more: {where}")
        if not self._may_be_undone(row) and (outcome not in GOOD or done_count != 1):
            raise ViolationError(f"LOST: {where}")
        if outcome == "done" and result.before is not None and result.after is not None:
            expected = compute_expected_aggregate(self.plan.verb, result.before, row.amount_minor)
            if (result.after != expected) != (result.flags == "moved_beside"):
                raise ViolationError(f"flags {result.flags!r}: {where}, {result.after}")

    def _was_lost_on_its_way(self, row: PlanRow) -> bool:
        """Return whether a row was refused while a request that the disk had lost was on its way.

        The disk lost the intention that it had confirmed, and before the request arrived somebody
        else changed the payment, or other rows used up the cap. Until it arrives, nothing shows
        that there is such a request.
        """
        if not self.lies:
            return False
        key = compute_idempotency_key(self.plan.plan_id, self.plan.verb, row)
        refused = self.disk.read_row_states()[row.row].entry
        arrived = [done.at for done in self.vipps.payments[row.reference].log if done.key == key]
        return self.disk.count_intentions(row.row) == 0 and all(
            self.vipps.format_time(at) >= refused.at for at in arrived
        )

    def _may_be_undone(self, row: PlanRow) -> bool:
        """Return whether a row may correctly end without its operation."""
        total = sum(each.amount_minor for each in self.plan.rows)
        return (
            row.reference in self.foreign
            or self.approval_expires_at < START + timedelta(hours=20)
            or (self.cap is not None and self.cap < total)
            or self.lies
        )

    def _check_reservations(self, results: list[RowResult]) -> None:
        """Check the caps and the held payments.

        Caps must count the amounts that moved or may have moved. Only open rows may hold payments.
        """
        reservations = self.disk.reservations
        reserved_rows = {taken.row for taken in reservations.in_flight.values()}
        for row, result in zip(self.plan.rows, results, strict=True):
            if (row.row in reserved_rows) and result.outcome != "unknown":
                raise ViolationError(
                    f"row {row.row} is {result.outcome} and still holds its payment"
                )
            counted = sum(reservations.reserved.get(row.row, {}).values())
            intended = self.disk.count_intentions(row.row) > 0
            expected = row.amount_minor if intended and result.outcome != "refused" else 0
            accepted = {expected}
            if self.plan.verb == "cancel" and row.reference in self.foreign:
                accepted.add(0)  # skipped, which counts no longer, and cancelled by somebody else
            if self.cap and not self.lies and counted not in accepted:
                raise ViolationError(f"row {row.row}, {result.outcome}: the cap counts {counted}")
        if sum(reservations.used.values()) != sum(
            amount for row in reservations.reserved.values() for amount in row.values()
        ):
            raise ViolationError("a cap is not the sum of its rows")


def find_violation(number: int, parts: Parts = UNBROKEN) -> str:
    """Run one schedule and return what went wrong, or ""."""
    before = random.getstate()
    random.seed(number)  # makes the package's random waits repeatable
    try:
        Schedule(number, parts).run()
    except ViolationError as violation:
        return str(violation)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        random.setstate(before)
    return ""
