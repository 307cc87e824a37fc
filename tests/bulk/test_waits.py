"""A request that waited needs a new reading, and nothing is sent while a clock is wrong."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest

from tests.bulk.simulated_account import MSN, SHORT_TIMEOUTS, list_outcomes
from tests.simulator_settings import load_simulator_settings
from vippsrecon.api import Client
from vippsrecon.bulk.execution.clock import REPEAT_SECONDS, RunClock
from vippsrecon.bulk.execution.context import RunContext, Timeouts
from vippsrecon.bulk.execution.row.backoff import Backoff
from vippsrecon.bulk.open_rows.settle import ManualDecision, settle
from vippsrecon.errors import ConfigurationError
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


def refund_in_portal_at_first_request(account, monkeypatch, amount: int, *, key: str = "portal"):
    """Have somebody refund in the portal while our first request waits."""
    core = account.client.core
    refund = core.refund

    async def refused_then_beaten(reference, *arguments, **named):
        monkeypatch.undo()
        try:
            return await refund(reference, *arguments, **named)
        finally:
            account.simulator.set_faults([])
            await refund(reference, amount, "NOK", idempotency_key=key, msn=MSN)

    monkeypatch.setattr(core, "refund", refused_then_beaten)


FAULTS = {
    "rate limit with a wait": {"status": 429, "retry_after": 6},
    "rate limit": {"status": 429},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("amount", [4_000, 1_000], ids=["the same amount", "another amount"])
def test_portal_refund_during_a_rate_limit_wait(make_account, monkeypatch, fault, amount):
    """After a 429 our request waits.

    Meanwhile somebody refunds in the portal, so ours is not sent again.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, **fault}])
    refund_in_portal_at_first_request(account, monkeypatch, amount)

    carried = account.carry_out(plan, patience=WAITS, clock=SteppingClock())

    assert list_outcomes(carried) == ["refused"]
    assert "refunded was 0.00 NOK and is" in carried.results[0].explanation
    assert carried.exit_code == 1
    assert account.effects() == {"order-000001": ("refund", 1, amount)}
    assert account.count_requests("refund") == 2, "our request, which was refused, and the portal's"


@pytest.mark.parametrize("code", [6160, 6250, 6280])
def test_portal_refund_while_the_payment_is_locked(make_account, monkeypatch, code):
    """The same case, but after an answer that means "not now"."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_settings(refusals=[{"code": code, "operation": "refund", "times": 1}])
    refund_in_portal_at_first_request(account, monkeypatch, 4_000)

    carried = account.carry_out(plan, patience=WAITS, clock=SteppingClock())

    assert list_outcomes(carried) == ["refused"]
    assert account.effects() == {"order-000001": ("refund", 1, 4_000)}


def test_limits_are_checked_again_after_a_wait(make_account, monkeypatch):
    """The approval expires while the request waits, so the request is not sent again."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_settings(refusals=[{"code": 6160, "operation": "refund", "times": 1}])
    core = account.client.core
    refund = core.refund

    async def a_day_passes(*arguments, **named):
        monkeypatch.undo()
        try:
            return await refund(*arguments, **named)
        finally:
            account.simulator.advance(25 * 3600)

    monkeypatch.setattr(core, "refund", a_day_passes)

    carried = account.carry_out(plan, patience=WAITS, clock=SteppingClock())

    assert list_outcomes(carried) == ["refused"]
    assert "the approval expired" in carried.results[0].explanation
    assert account.effects() == {}


def test_done_row_reports_another_change(make_account, monkeypatch):
    """Our answer is lost and somebody else refunds too.

    Our row is done, and it reports the other change.
    """
    account = make_account(2)
    plan = account.make_approved_plan("refund", 4_000, 5_000)
    core = account.client.core
    refund = core.refund

    async def lost_and_moved(reference, *arguments, **named):
        if reference != "order-000001":
            return await refund(reference, *arguments, **named)
        monkeypatch.undo()
        account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
        try:
            return await refund(reference, *arguments, **named)
        finally:
            account.simulator.set_faults([])
            await refund(reference, 700, "NOK", idempotency_key="portal", msn=MSN)

    monkeypatch.setattr(core, "refund", lost_and_moved)

    carried = account.carry_out(plan, patience=WAITS, clock=SteppingClock(), in_flight=1)

    assert list_outcomes(carried) == ["done", "done"]
    assert [result.flags for result in carried.results] == ["moved_beside", ""]
    assert "refunded was 40.00 NOK and is 47.00 NOK" in carried.results[0].explanation
    assert carried.exit_code == 1
    assert list(carried.outcomes["flags"]) == ["moved_beside", ""]
    assert account.carry_out(plan).exit_code == 1, "the journal keeps the flag"


@pytest.mark.parametrize("verb", ["refund", "capture", "cancel"])
def test_restored_backup_while_the_log_lags(make_account, tmp_path, verb):
    """The journal is lost and the log does not show our key yet.

    The row is unknown, and the message does not advise a new plan.
    """
    from vippsrecon.store import open_store

    account = make_account(1, captured=100_000 if verb == "refund" else 0)
    amount = 100_000 if verb == "cancel" else 4_000
    plan = account.make_approved_plan(verb, amount)
    account.simulator.set_settings(event_log_lag_ms=60_000)
    assert list_outcomes(account.carry_out(plan)) == ["done"]
    with open_store(f"sqlite:///{tmp_path / 'restored.db'}") as store:
        other_account = account._replace(store=store)
        other_account.approve(plan)
        first = other_account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.1))
        other_account.simulator.advance(61)
        second = other_account.carry_out(plan)

    assert list_outcomes(first) == ["unknown"]
    assert "Run the same command again" in first.results[0].explanation
    assert "plan" not in first.results[0].explanation
    assert list_outcomes(second) == ["already_done"]
    assert account.effects() == {"order-000001": (verb, 1, amount)}


def test_second_database_finds_the_refund_of_the_first(make_account, tmp_path):
    """The two databases do not know each other.

    The second plan finds the refund at its first reading, and sends nothing.
    """
    from vippsrecon.store import open_store

    account = make_account(1)
    first, second = account.make_approved_plan("refund", 4_000), account.make_plan("refund", 4_000)
    with open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}") as store:
        other_account = account._replace(store=store)
        other_account.approve(second)
        assert list_outcomes(account.carry_out(first)) == ["done"]
        carried = other_account.carry_out(second)

    assert list_outcomes(carried) == ["refused"]
    assert "by a plan in another database" in carried.results[0].explanation
    assert account.effects() == {"order-000001": ("refund", 1, 4_000)}


def test_unknown_without_a_request_can_be_settled(make_account, tmp_path):
    """A row that is unknown after a restored backup is open, so it can be settled."""
    from vippsrecon.store import open_store

    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_settings(event_log_lag_ms=60_000)
    account.carry_out(plan)
    with open_store(f"sqlite:///{tmp_path / 'restored.db'}") as store:
        other_account = account._replace(store=store)
        other_account.approve(plan)
        assert list_outcomes(
            other_account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.1))
        ) == ["unknown"]
        other_account.simulator.advance(61)
        settled = settle(store, plan.plan_id, other_account.client)

    assert [result.outcome for result in settled.results] == ["done"]


def test_settle_reports_another_change(make_account):
    """The row is done, but somebody else changed the payment too.

    Settling reports this with exit code 1.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_settings(event_log_lag_ms=60_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    assert list_outcomes(
        account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.1))
    ) == ["unknown"]
    account.simulator.set_faults([])
    account.client.refund("order-000001", 700, "NOK", idempotency_key="portal")
    account.simulator.advance(61)

    settled = settle(account.store, plan.plan_id, account.client)

    assert list_outcomes(settled) == ["done"]
    assert settled.results[0].flags == "moved_beside"
    assert settled.exit_code == 1


@pytest.mark.parametrize("retry_after", [0.0, 0.5])
def test_retry_after_never_shortens_our_own_wait(make_account, retry_after):
    """`Retry-After: 0`, or a date in the past, must not lead to many requests in a short time."""
    account = make_account(1)
    plan = account.make_plan("refund", 4_000)
    clock = SteppingClock()
    context = RunContext(account.client.core, plan, None, lambda day: {}, WAITS, None, None, clock)

    async def count_waits() -> int:
        backoff, waits = Backoff(context, WAITS.wait_for, 1), 0
        while await backoff.wait("Vipps MobilePay answers 429", retry_after):
            waits += 1
        return waits

    assert 5 <= asyncio.run(count_waits()) <= 10


@pytest.mark.parametrize("operation", ["refund", "getPayment"])
def test_wait_longer_than_a_row_is_tried_is_explained(make_account, operation):
    """A row that is skipped at once says that the service asks for a day, and what to do."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    day = {"status": 429, "retry_after": 86_400}
    account.simulator.set_faults([{"operations": [operation], "share": 1, **day}])

    carried = account.carry_out(plan, patience=WAITS, clock=SteppingClock())

    assert list_outcomes(carried) == ["skipped"]
    assert "asks to wait 24 hours" in carried.results[0].explanation
    assert "run the same command again after that" in carried.results[0].explanation
    assert account.effects() == {}


def test_requests_of_a_row_are_limited(make_account):
    """Whatever the answers are, a row is sent at most a fixed number of times."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 429}])

    carried = account.carry_out(
        plan, patience=SHORT_TIMEOUTS._replace(wait_for=60, most_requests=5)
    )

    assert list_outcomes(carried) == ["skipped"]
    assert account.count_requests("refund") == 5


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
def test_host(make_account):
    """Return an account whose client talks to the test host, and the host."""
    from vippsrecon.config.settings import SalesUnit

    account = make_account(2)
    account.simulator.advance((datetime.now(UTC) - account.simulator.now()).total_seconds())
    host = TestHost(account.simulator)
    settings = load_simulator_settings(
        account.folder,
        environment="test",
        base_url=None,
        units=(SalesUnit(MSN, market="NO", late_capture=True),),
        retry_seconds=5,
    )
    with Client(settings, transport=host) as client:
        yield account._replace(client=client), host


def test_server_clock_that_jumps_stops_the_run(test_host):
    """The server's clock is right for the token and an hour wrong afterwards.

    The run stops before anything is sent.
    """
    account, host = test_host
    plan = account.make_approved_plan(
        "refund", 100, 200, environment="test", host="apitest.vipps.no"
    )
    host.wrong_after, host.ahead = 1, timedelta(hours=1)

    carried = account.carry_out(plan)

    assert "differs from the local clock by" in carried.stopped
    assert list_outcomes(carried) == ["skipped", "skipped"]
    assert carried.exit_code == 2
    assert account.count_requests("refund") == 0
    assert not [e for e in read_entries(account.store, plan.plan_id) if e.kind == "intended"]

    host.ahead = timedelta(0)
    account.client.payment("order-000001")  # any answer sets the clock
    assert list_outcomes(account.carry_out(plan)) == ["done", "done"]


def test_wrong_server_clock_refuses_no_row(test_host):
    """By the wrong time the approval has expired, but a refusal would be final.

    Nothing is known of the row while the time is not.
    """
    account, host = test_host
    plan = account.make_approved_plan("refund", 100, environment="test", host="apitest.vipps.no")
    host.wrong_after, host.ahead = 1, timedelta(days=90)

    carried = account.carry_out(plan)

    assert "differs from the local clock by" in carried.stopped
    assert list_outcomes(carried) == ["skipped"]


def test_wrong_server_clock_after_a_lost_answer_refuses_no_row(test_host):
    """The answer is lost, and by the time of the next answers it is long ago and nothing was done.

    In truth the request left a moment ago and may still arrive: a row called refused would be
    planned again, and the money moved twice.
    """
    account, host = test_host
    plan = account.make_approved_plan("refund", 100, environment="test", host="apitest.vipps.no")
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_before": True}])
    requests_until_refund = 4  # token, payment, event log, refund
    host.wrong_after, host.ahead = requests_until_refund, timedelta(days=90)

    carried = account.carry_out(plan)

    assert account.count_requests("refund") == 1
    assert "differs from the local clock by" in carried.stopped
    assert list_outcomes(carried) == ["unknown"]

    account.simulator.set_faults([])
    host.ahead = timedelta(0)
    account.client.payment("order-000001")  # any answer sets the clock
    assert list_outcomes(account.carry_out(plan)) == ["done"]


@pytest.mark.ci
def test_wrong_server_clock_settles_no_row(test_host):
    """By the wrong time the request left long ago, so that a decision on it would be accepted."""
    account, host = test_host
    plan = account.make_approved_plan("refund", 100, environment="test", host="apitest.vipps.no")
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_before": True}])
    account.carry_out(plan)
    host.ahead = timedelta(days=90)
    decision = ManualDecision(1, "refused", "the portal shows no refund", "kari")

    with pytest.raises(ConfigurationError, match="the local clock differs"):
        settle(account.store, plan.plan_id, account.client, word=decision)

    last = read_entries(account.store, plan.plan_id, kinds=("unknown", "settled", "refused"))
    assert [entry.kind for entry in last] == ["unknown"]


def test_event_later_than_the_answer_stops_the_run(test_host):
    """An event is half a minute later than the answer that contains it.

    One of the two times is wrong.
    """
    account, _ = test_host
    account.simulator.advance(30)
    plan = account.make_plan("refund", 100, environment="test", host="apitest.vipps.no")
    portal = account.client.refund("order-000001", 7, "NOK", idempotency_key="portal")
    row = plan.rows[0]._replace(refunded_minor=portal.refunded_minor)
    plan = account.make_approved_plan(
        "refund", rows=(row,), environment="test", host="apitest.vipps.no"
    )

    carried = account.carry_out(plan)

    assert "an event of" in carried.stopped
    assert list_outcomes(carried) == ["skipped"]
    assert account.count_requests("refund") == 1, "the portal's"


def test_caps_count_on_both_days_where_two_clocks_disagree(test_host):
    """If the two clocks show different days, the amount counts on both.

    A wrong clock must not open a new cap.
    """
    account, _ = test_host

    class Yesterday(RunClock):
        def machine_time(self) -> datetime:
            return datetime.now(UTC) - timedelta(days=1)

    plan = account.make_plan("refund", 100, environment="test", host="apitest.vipps.no")
    from vippsrecon.bulk.execution.preconditions import build_caps
    from vippsrecon.bulk.limits import Limits

    limits = Limits.from_settings({"per_run": 9, "per_day": 5})
    context = RunContext(
        account.client.core, plan, None, lambda day: build_caps(plan, limits, day), SHORT_TIMEOUTS, None, None,
        Yesterday(),
    )  # fmt: skip

    scopes = [cap.scope.partition(":")[0] for cap in context.find_row_caps(plan.rows[0])]

    assert sorted(scopes) == ["day", "day", "run"]


def read_notices(caplog) -> list[str]:
    """Return the warnings that were logged."""
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"status": 429}, "Vipps MobilePay answers 429"),
        ({"status": 429, "retry_after": 100}, "Vipps MobilePay answers 429"),
        ({"status": 503}, "Vipps MobilePay answers 503"),
    ],
    ids=str,
)
def test_rows_that_wait_are_reported(make_account, caplog, fault, why):
    """Only the refunds are refused, so all readings succeed; still nothing must wait in silence."""
    account = make_account(8)
    plan = account.make_approved_plan("refund", *[100] * 8)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, **fault}])
    clock = SteppingClock()

    account.carry_out(plan, patience=WAITS, clock=clock)

    first, *others = read_notices(caplog)
    assert re.fullmatch(
        rf"Row \d waits: {why}\. It will be tried for another 1[12]\d s\. Ctrl-C stops; the same "
        "command continues\\.",
        first,
    )
    assert len(others) <= clock.seconds / REPEAT_SECONDS


def test_late_log_is_reported_as_such(make_account, caplog):
    """The wait for the event log is as long as the wait for an answer."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_settings(event_log_lag_ms=600_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])

    account.carry_out(plan, patience=WAITS, clock=SteppingClock())

    assert "its event log does not show yet" in read_notices(caplog)[0]


def test_short_waits_are_not_reported(make_account, caplog):
    """A row that waits for three seconds needs no attention."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 4_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 429}])
    patience = WAITS._replace(wait_for=3, settle_for=3)

    account.carry_out(plan, patience=patience, clock=SteppingClock())

    assert read_notices(caplog) == []


class ShiftedDates(httpx.AsyncBaseTransport):
    """A proxy in front of the simulator that changes the Date of the answers about payments."""

    def __init__(self, simulator, ahead: timedelta) -> None:
        self._inner = httpx.ASGITransport(app=simulator.app)
        self.ahead = ahead

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request."""
        answer = await self._inner.handle_async_request(request)
        if "/payments/" in request.url.path:
            date = parsedate_to_datetime(answer.headers["date"]) + self.ahead
            answer.headers["date"] = format_datetime(date, usegmt=True)
        return answer


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=-30)], ids=str)
def test_changed_date_stops_a_run_against_the_simulator_too(make_account, ahead):
    """A month is practised with the simulator, and a wrong Date makes every deadline wrong."""
    account = make_account(2)
    plan = account.make_approved_plan("refund", 4_000, 4_000)
    proxy = ShiftedDates(account.simulator, ahead)
    settings = account.client.settings
    with Client(settings, transport=proxy) as client:
        carried = account._replace(client=client).carry_out(plan)
        assert "differs from the simulator's clock" in carried.stopped
        assert list_outcomes(carried) == ["skipped", "skipped"]
        assert account.count_requests("refund") == 0
        proxy.ahead = timedelta(0)
        client.payment("order-000001")
        assert list_outcomes(account._replace(client=client).carry_out(plan)) == ["done", "done"]
