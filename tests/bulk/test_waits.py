"""A request that waited needs a new reading, and nothing is sent while a clock is wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.bulk.simulated_account import MSN, SOON
from vippsrecon.api import Client
from vippsrecon.bulk.execution.clock import RunClock
from vippsrecon.bulk.execution.context import RunContext, Timeouts
from vippsrecon.bulk.execution.row.backoff import Backoff
from vippsrecon.store import read_entries


class SteppingClock(RunClock):
    """A clock that does not run by itself, and jumps to the end of every wait."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def count_seconds(self) -> float:
        """Return the seconds of all waits so far."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Jump to the end of the wait."""
        self.seconds += seconds
        await asyncio.sleep(0)


WAITS = Timeouts()
"""The documented times: no test waits for them."""


def outcomes(carried) -> list[str]:
    """Return the outcomes, in the plan's order."""
    return [result.outcome for result in carried.results]


def refund_in_portal_at_first_request(here, monkeypatch, amount: int, *, key: str = "portal"):
    """Have somebody refund in the portal while our first request waits."""
    core = here.client.core
    refund = core.refund

    async def refused_then_beaten(reference, *given, **named):
        monkeypatch.undo()
        try:
            return await refund(reference, *given, **named)
        finally:
            here.simulator.set_faults([])
            await refund(reference, amount, "NOK", idempotency_key=key, msn=MSN)

    monkeypatch.setattr(core, "refund", refused_then_beaten)


FAULTS = {
    "rate limit with a wait": {"status": 429, "retry_after": 6},
    "rate limit": {"status": 429},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("amount", [4_000, 1_000], ids=["the same amount", "another amount"])
def test_portal_refund_during_a_rate_limit_wait(world, monkeypatch, fault, amount):
    """After a 429 our request waits.

    Meanwhile somebody refunds in the portal, so ours is not sent again.
    """
    here = world(1)
    plan = here.approved("refund", 4_000)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, **fault}])
    refund_in_portal_at_first_request(here, monkeypatch, amount)

    carried = here.live(plan, patience=WAITS, clock=SteppingClock())

    assert outcomes(carried) == ["refused"]
    assert "refunded was 0.00 NOK and is" in carried.results[0].explanation
    assert carried.exit_code == 1
    assert here.effects() == {"order-000001": ("refund", 1, amount)}
    assert here.asked("refund") == 2, "ours, which was refused, and the portal's"


@pytest.mark.parametrize("code", [6160, 6250, 6280])
def test_portal_refund_while_the_payment_is_locked(world, monkeypatch, code):
    """The same case, but after an answer that means "not now"."""
    here = world(1)
    plan = here.approved("refund", 4_000)
    here.simulator.set_settings(refusals=[{"code": code, "operation": "refund", "times": 1}])
    refund_in_portal_at_first_request(here, monkeypatch, 4_000)

    carried = here.live(plan, patience=WAITS, clock=SteppingClock())

    assert outcomes(carried) == ["refused"]
    assert here.effects() == {"order-000001": ("refund", 1, 4_000)}


def test_limits_are_checked_again_after_a_wait(world, monkeypatch):
    """The approval expires while the request waits, so the request is not sent again."""
    here = world(1)
    plan = here.approved("refund", 4_000)
    here.simulator.set_settings(refusals=[{"code": 6160, "operation": "refund", "times": 1}])
    core = here.client.core
    refund = core.refund

    async def a_day_passes(*given, **named):
        monkeypatch.undo()
        try:
            return await refund(*given, **named)
        finally:
            here.simulator.advance(25 * 3600)

    monkeypatch.setattr(core, "refund", a_day_passes)

    carried = here.live(plan, patience=WAITS, clock=SteppingClock())

    assert outcomes(carried) == ["refused"]
    assert "the approval expired" in carried.results[0].explanation
    assert here.effects() == {}


def test_done_row_reports_another_change(world, monkeypatch):
    """Our answer is lost and somebody else refunds too.

    Our row is done, and it reports the other change.
    """
    here = world(2)
    plan = here.approved("refund", 4_000, 5_000)
    core = here.client.core
    refund = core.refund

    async def lost_and_moved(reference, *given, **named):
        if reference != "order-000001":
            return await refund(reference, *given, **named)
        monkeypatch.undo()
        here.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
        try:
            return await refund(reference, *given, **named)
        finally:
            here.simulator.set_faults([])
            await refund(reference, 700, "NOK", idempotency_key="portal", msn=MSN)

    monkeypatch.setattr(core, "refund", lost_and_moved)

    carried = here.live(plan, patience=WAITS, clock=SteppingClock(), in_flight=1)

    assert outcomes(carried) == ["done", "done"]
    assert [result.flags for result in carried.results] == ["moved_beside", ""]
    assert "refunded was 40.00 NOK and is 47.00 NOK" in carried.results[0].explanation
    assert carried.exit_code == 1
    assert list(carried.outcomes["flags"]) == ["moved_beside", ""]
    assert here.live(plan).exit_code == 1, "the journal keeps the flag"


@pytest.mark.parametrize("verb", ["refund", "capture", "cancel"])
def test_restored_backup_while_the_log_lags(world, tmp_path, verb):
    """The journal is lost and the log does not show our key yet.

    The row is unknown, and the message does not advise a new plan.
    """
    from vippsrecon.store import open_store

    here = world(1, captured=100_000 if verb == "refund" else 0)
    amount = 100_000 if verb == "cancel" else 4_000
    plan = here.approved(verb, amount)
    here.simulator.set_settings(event_log_lag_ms=60_000)
    assert outcomes(here.live(plan)) == ["done"]
    with open_store(f"sqlite:///{tmp_path / 'restored.db'}") as store:
        there = here._replace(store=store)
        there.approve(plan)
        first = there.live(plan, patience=SOON._replace(settle_for=0.1))
        there.simulator.advance(61)
        second = there.live(plan)

    assert outcomes(first) == ["unknown"]
    assert "Run the same command again" in first.results[0].explanation
    assert "plan" not in first.results[0].explanation
    assert outcomes(second) == ["already_done"]
    assert here.effects() == {"order-000001": (verb, 1, amount)}


def test_second_database_finds_the_refund_of_the_first(world, tmp_path):
    """The two databases do not know each other.

    The second plan finds the refund at its first reading, and sends nothing.
    """
    from vippsrecon.store import open_store

    here = world(1)
    first, second = here.approved("refund", 4_000), here.plan("refund", 4_000)
    with open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}") as store:
        there = here._replace(store=store)
        there.approve(second)
        assert outcomes(here.live(first)) == ["done"]
        carried = there.live(second)

    assert outcomes(carried) == ["refused"]
    assert "by a plan in another database" in carried.results[0].explanation
    assert here.effects() == {"order-000001": ("refund", 1, 4_000)}


def test_unknown_without_a_request_can_be_settled(world, tmp_path):
    """A row that is unknown after a restored backup is open, so it can be settled."""
    from vippsrecon.bulk.open_rows.settle import settle
    from vippsrecon.store import open_store

    here = world(1)
    plan = here.approved("refund", 4_000)
    here.simulator.set_settings(event_log_lag_ms=60_000)
    here.live(plan)
    with open_store(f"sqlite:///{tmp_path / 'restored.db'}") as store:
        there = here._replace(store=store)
        there.approve(plan)
        assert outcomes(there.live(plan, patience=SOON._replace(settle_for=0.1))) == ["unknown"]
        there.simulator.advance(61)
        settled = settle(store, plan.plan_id, there.client)

    assert [result.outcome for result in settled.results] == ["done"]


def test_settle_reports_another_change(world):
    """The row is done, but somebody else changed the payment too.

    Settling reports this with exit code 1.
    """
    from vippsrecon.bulk.open_rows.settle import settle

    here = world(1)
    plan = here.approved("refund", 4_000)
    here.simulator.set_settings(event_log_lag_ms=60_000)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    assert outcomes(here.live(plan, patience=SOON._replace(settle_for=0.1))) == ["unknown"]
    here.simulator.set_faults([])
    here.client.refund("order-000001", 700, "NOK", idempotency_key="portal")
    here.simulator.advance(61)

    settled = settle(here.store, plan.plan_id, here.client)

    assert outcomes(settled) == ["done"]
    assert settled.results[0].flags == "moved_beside"
    assert settled.exit_code == 1


@pytest.mark.parametrize("retry_after", [0.0, 0.5])
def test_retry_after_never_shortens_our_own_wait(world, retry_after):
    """`Retry-After: 0`, or a date in the past, must not lead to many requests in a short time."""
    here = world(1)
    plan = here.plan("refund", 4_000)
    clock = SteppingClock()
    context = RunContext(here.client.core, plan, None, lambda day: {}, WAITS, None, None, clock)

    async def count_waits() -> int:
        backoff, waits = Backoff(context, WAITS.wait_for), 0
        while await backoff.wait(retry_after):
            waits += 1
        return waits

    assert 5 <= asyncio.run(count_waits()) <= 10


def test_requests_of_a_row_are_limited(world):
    """Whatever the answers are, a row is sent at most a fixed number of times."""
    here = world(1)
    plan = here.approved("refund", 4_000)
    here.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 429}])

    carried = here.live(plan, patience=SOON._replace(wait_for=60, most_requests=5))

    assert outcomes(carried) == ["skipped"]
    assert here.asked("refund") == 5


class TestHost(httpx.AsyncBaseTransport):
    """Vipps MobilePay's test host, simulated here, with a clock that can be wrong."""

    __test__ = False

    def __init__(self, simulator) -> None:
        self._inner = httpx.ASGITransport(app=simulator.app)
        self.ahead = timedelta(0)
        self.wrong_after = 0
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request. After a set number of requests, the answer's Date is wrong."""
        self.requests += 1
        answer = await self._inner.handle_async_request(request)
        wrong = self.ahead if self.requests > self.wrong_after else timedelta(0)
        answer.headers["date"] = format_datetime(datetime.now(UTC) + wrong, usegmt=True)
        return answer


@pytest.fixture
def test_host(world):
    """Return a world whose client talks to the test host, and the host."""
    from vippsrecon.config.load import load_settings
    from vippsrecon.config.settings import SalesUnit

    here = world(2)
    here.simulator.advance((datetime.now(UTC) - here.simulator.now()).total_seconds())
    host = TestHost(here.simulator)
    settings = load_settings(
        folder=here.folder,
        environment="test",
        client_id="client-id",
        client_secret="client-secret",
        subscription_key="subscription-key",
        msn=MSN,
        units=(SalesUnit(MSN, market="NO", late_capture=True),),
        retry_seconds=5,
    )
    with Client(settings, transport=host) as client:
        yield here._replace(client=client), host


def test_server_clock_that_jumps_stops_the_run(test_host):
    """The server's clock is right for the token and an hour wrong afterwards.

    The run stops before anything is sent.
    """
    here, host = test_host
    plan = here.approved("refund", 100, 200, environment="test", host="apitest.vipps.no")
    host.wrong_after, host.ahead = 1, timedelta(hours=1)

    carried = here.live(plan)

    assert "differs from the local clock by" in carried.stopped
    assert outcomes(carried) == ["skipped", "skipped"]
    assert carried.exit_code == 2
    assert here.asked("refund") == 0
    assert not [e for e in read_entries(here.store, plan.plan_id) if e.kind == "intended"]

    host.ahead = timedelta(0)
    here.client.payment("order-000001")  # any answer sets the clock
    assert outcomes(here.live(plan)) == ["done", "done"]


def test_event_later_than_the_answer_stops_the_run(test_host):
    """An event is half a minute later than the answer that contains it.

    One of the two times is wrong.
    """
    here, _ = test_host
    here.simulator.advance(30)
    plan = here.plan("refund", 100, environment="test", host="apitest.vipps.no")
    portal = here.client.refund("order-000001", 7, "NOK", idempotency_key="portal")
    row = plan.rows[0]._replace(refunded_minor=portal.refunded_minor)
    plan = here.approved("refund", rows=(row,), environment="test", host="apitest.vipps.no")

    carried = here.live(plan)

    assert "an event of" in carried.stopped
    assert outcomes(carried) == ["skipped"]
    assert here.asked("refund") == 1, "the portal's"


def test_caps_count_on_both_days_where_two_clocks_disagree(test_host):
    """If the two clocks show different days, the amount counts on both.

    A wrong clock must not open a new cap.
    """
    here, _ = test_host

    class Yesterday(RunClock):
        def machine_time(self) -> datetime:
            return datetime.now(UTC) - timedelta(days=1)

    plan = here.plan("refund", 100, environment="test", host="apitest.vipps.no")
    from vippsrecon.bulk.execution.preconditions import build_caps
    from vippsrecon.bulk.limits import Limits

    limits = Limits.from_settings({"per_run": 9, "per_day": 5})
    context = RunContext(
        here.client.core, plan, None, lambda day: build_caps(plan, limits, day), SOON, None, None,
        Yesterday(),
    )  # fmt: skip

    scopes = [cap.scope.partition(":")[0] for cap in context.find_row_caps(plan.rows[0])]

    assert sorted(scopes) == ["day", "day", "run"]
