"""A run whose clock contradicts the data gives no verdict."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest

from tests.simulator_settings import load_simulator_settings
from tests.workflow.conftest import CLOCK, order, payment
from vippsrecon.api import Client
from vippsrecon.report.terminal import format_summary
from vippsrecon.simulator import Simulator
from vippsrecon.workflow.reconcile_month import reconcile_month

EXPORTED = datetime(2026, 11, 5, 6, tzinfo=UTC)


class ShiftedDate(httpx.AsyncBaseTransport):
    """The simulator in this process, behind a proxy that changes the `Date` of some answers."""

    def __init__(self, app: object, by: timedelta, path: str) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._by = by
        self._path = path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer the request, with another Date if the path matches."""
        response = await self._inner.handle_async_request(request)
        if self._path in request.url.path:
            moment = parsedate_to_datetime(response.headers["date"]) + self._by
            response.headers["date"] = format_datetime(moment, usegmt=True)
        return response


@pytest.fixture
def run(tmp_path):
    """Return `run(clock line, shift, path) -> Reconciliation`, for one order that agrees."""

    def reconcile(clock, by=timedelta(0), path="/", *, environment="simulator", keep=None):
        orders = tmp_path / "orders.csv"
        head = "reference,order_number,currency,total,refunded,status,paid,ordered_at,fulfilled_at"
        orders.write_text(f"{head}\n{order('order-0001')}\n", encoding="utf-8")
        address = {} if environment == "simulator" else {"base_url": None}
        settings = load_simulator_settings(tmp_path, environment=environment, **address)
        app = Simulator([clock, payment("order-0001", captured=1000)]).app
        with Client(settings, transport=ShiftedDate(app, by, path)) as client:
            result = reconcile_month(
                [orders], settings, client=client, exported_at=EXPORTED, keep=keep
            )
        if keep is not None:
            again = reconcile_month([orders], settings, payments=keep, exported_at=EXPORTED)
            assert (again.verdict, again.notices) == (result.verdict, result.notices)
        return result

    return reconcile


def now():
    """Return the clock line of a simulator whose time is this machine's."""
    return {"clock": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def test_simulator_month_is_not_a_wrong_clock(run, caplog):
    """The simulator's time is in November 2026, whatever this machine's time is."""
    assert run(CLOCK).verdict == "clean"
    assert not caplog.records


def test_answer_older_than_its_event_gives_no_verdict(run, tmp_path):
    """With a Date a month too early, the capture of 12 October would be ignored silently."""
    result = run(CLOCK, timedelta(days=-30), keep=tmp_path / "data")

    assert (result.verdict, result.exit_code) == ("incomplete", 2)
    summary = format_summary(result)
    assert summary.startswith("INCOMPLETE. The clock contradicts the data")
    assert "payment order-0001" in summary
    assert re.search(
        r"dated 2026-10-06 12:\d\d:\d\d UTC, but it has an event of 2026-10-12 10:02:00 UTC",
        summary,
    )


@pytest.mark.ci
@pytest.mark.parametrize("path", ["/", "/epayment/v1/payments/order-0001/events"])
@pytest.mark.parametrize("hours", [-2, 2])
def test_date_changed_by_a_proxy_gives_no_verdict(run, hours, path, tmp_path):
    """A proxy changes the Date of all answers, or of one only.

    No event is later than this Date, so the events do not show the error.
    """
    result = run(CLOCK, timedelta(hours=hours), path, keep=tmp_path / "data")

    assert result.exit_code == 2
    side = "ahead of" if hours > 0 else "behind"
    assert any(f"dated 7,200 s {side}" in notice for notice in result.notices)


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, "clean"), (50, "clean"), (70, "incomplete"), (-70, "incomplete")]
)
def test_machine_clock_is_compared_outside_the_simulator(run, seconds, verdict):
    """With more than a minute between them, one clock is wrong, and nobody knows which one."""
    result = run(now(), timedelta(seconds=seconds), environment="test")

    assert result.verdict == verdict
