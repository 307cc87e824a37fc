"""Test the fetch of many references: it loses no payment, and it lists every failure."""

from __future__ import annotations

import contextlib

import httpx
import orjson
import pandas as pd
import pytest

from tests.fetching.conftest import MSN, OTHER_MSN, payment_line, references
from tests.fetching.recording_transport import Watched
from tests.payments import make_amount as nok
from vippsrecon import schemas
from vippsrecon.api import Client
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ForbiddenError, InputError, UnauthorizedError
from vippsrecon.fetching import fetch
from vippsrecon.simulator import Simulator


@pytest.fixture
def watched(settings):
    """Return `watched(lines, instead, **settings) -> (client, door)`."""
    with contextlib.ExitStack() as stack:

        def make(lines, instead=None, **changed):
            door = Watched(Simulator([{"clock": "2026-01-31T12:00:00Z"}, *lines]).app, instead)
            return stack.enter_context(Client(settings(**changed), transport=door)), door

        yield make


def path(reference, events=False):
    """Return the path of a payment or of its event log."""
    return f"/epayment/v1/payments/{reference}" + ("/events" if events else "")


def test_each_reference_becomes_a_payment_with_its_events(opened):
    """The normal case: rows are sorted and typed, and have the local day as their date."""
    client, _ = opened(*(payment_line(name) for name in references(50)))

    found = fetch(reversed(references(50)), client)

    assert found.payments["reference"].to_list() == references(50)
    assert len(found.events) == 150
    assert found.missing == len(found.failures) == 0
    assert found.payments["created_day"][0] == 20464  # 23:30 UTC on the 10th is the 11th in Oslo
    assert found.payments["discovered_by"].unique().tolist() == ["references"]
    schemas.validate(found.payments, schemas.PAYMENTS)
    schemas.validate(found.events, schemas.EVENTS)


def test_fetch_of_no_references_is_empty(opened):
    """A month without payments is valid, and needs no call."""
    client, simulator = opened()

    found = fetch([], client)

    assert [len(frame) for frame in found] == [0, 0, 0]
    assert sum(simulator.requests()["requests"].values()) == 0


def test_fetch_without_events_needs_half_the_requests(opened):
    """The totals alone need half the calls; the times are then unknown."""
    client, simulator = opened(*(payment_line(name, captured=400) for name in references(3)))

    found = fetch(references(3), client, events=False)

    assert found.payments["captured_minor"].to_list() == [400] * 3
    assert found.payments["created_at"].isna().all()
    assert len(found.events) == 0
    assert simulator.requests()["requests"]["getPaymentEventLog"] == 0


def test_duplicate_references_are_requested_once(watched):
    """An order export can name one payment on several lines."""
    client, door = watched([payment_line("order-000001")])

    found = fetch(["order-000001"] * 3, client)

    assert len(found.payments) == 1
    assert door.asked[path("order-000001")] == 1


def test_unknown_and_malformed_references_are_not_unanswered(opened):
    """Nothing is missing: 404 is a valid answer, and Vipps has no malformed references."""
    client, _ = opened(payment_line("order-000001"))

    found = fetch(["order-000001", "order-unknown", "x"], client)

    assert found.failures[["reference", "operation"]].values.tolist() == [
        ["order-unknown", "getPayment"],
        ["x", "not_sent"],
    ]
    assert found.failures["status"][0] == 404
    assert found.missing == 0
    assert len(found.payments) == 1


@pytest.mark.parametrize("events", [False, True], ids=["payment", "event log"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(500, json={"title": "down", "traceId": "t-1"}), id="500"),
        pytest.param(httpx.Response(400, json={"title": "no", "traceId": "t-1"}), id="400"),
        pytest.param(httpx.Response(200, content=b"<html>sorry</html>"), id="HTML"),
        pytest.param(httpx.Response(200, content=b'{"aggregate": {'), id="cut short"),
        pytest.param(httpx.Response(200, content=b"{}"), id="empty object"),
        pytest.param(httpx.Response(200, json=[{"name": "CREATED"}]), id="half an event"),
    ],
)
def test_one_failure_loses_no_other_payment(watched, no_waiting, answer, events):
    """One bad answer must not lose the good answers, and it is counted as missing."""
    bad = path("order-000007", events)
    client, _ = watched(
        [payment_line(name) for name in references(20)],
        lambda asked, _: (
            httpx.Response(answer.status_code, content=answer.content) if asked == bad else None
        ),
    )

    found = fetch(references(20), client)

    assert found.missing == 1
    assert len(found.payments) == 19
    (failure,) = found.failures.to_dict("records")
    assert failure["reference"] == "order-000007"
    assert failure["operation"] == ("getPaymentEventLog" if events else "getPayment")
    assert failure["status"] == answer.status_code


@pytest.mark.parametrize(
    "timestamp",
    ["0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z"],
    ids=["before all time", "no such day"],
)
def test_impossible_time_fails_one_payment_only(watched, timestamp):
    """One impossible time in an event log must not lose the other payments of the batch."""
    lines = [payment_line(name) for name in references(9)]
    events = [*lines[4]["events"][:-1], lines[4]["events"][-1] | {"timestamp": timestamp}]
    client, _ = watched(
        lines,
        lambda asked, _: (
            httpx.Response(200, json=events) if asked == path("order-000004", events=True) else None
        ),
    )

    found = fetch(references(9), client)

    assert len(found.payments) == 8
    assert found.failures["reference"].to_list() == ["order-000004"]
    assert timestamp in found.failures["detail"][0]


def test_missing_event_log_counts_as_unanswered(watched):
    """Vipps knows this payment, so 404 for its events means that data is missing."""
    client, _ = watched(
        [payment_line("order-000001")],
        lambda asked, _: httpx.Response(404, json={}) if asked.endswith("/events") else None,
    )

    found = fetch(["order-000001"], client)

    assert found.missing == 1
    assert found.failures["operation"].to_list() == ["getPaymentEventLog"]


def test_payment_that_changes_between_two_calls_is_read_again(watched):
    """If a capture happens between the two answers, they disagree; both are read again."""
    line = payment_line("order-000001")
    before = orjson.loads(orjson.dumps(line["payment"]))
    before["aggregate"]["capturedAmount"] = nok(0)
    client, door = watched(
        [line, payment_line("order-000002")],
        lambda asked, times: (
            httpx.Response(200, json=before)
            if asked == path("order-000001") and times == 1
            else None
        ),
    )

    found = fetch(["order-000001", "order-000002"], client)

    assert found.payments["captured_minor"].to_list() == [1000, 1000]
    assert len(found.events) == 6
    assert door.asked[path("order-000001")] == 2
    assert door.asked[path("order-000001", events=True)] == 2
    assert door.asked[path("order-000002")] == 1


def test_third_contradictory_reading_is_accepted(watched):
    """Vipps then contradicts itself, and the reconciliation reports `aggregate_mismatch`."""
    client, door = watched([payment_line("order-000001", captured=900)])

    found = fetch(["order-000001"], client)

    assert found.payments["captured_minor"].to_list() == [900]
    assert len(found.events) == 3
    assert door.asked[path("order-000001")] == 3
    assert found.missing == 0


@pytest.mark.parametrize(
    ("status", "error"),
    [pytest.param(401, UnauthorizedError, id="401"), pytest.param(403, ForbiddenError, id="403")],
)
def test_wrong_keys_stop_the_run(watched, status, error):
    """Every other reference would fail in the same way, so the run ends with one error."""
    client, door = watched(
        [payment_line(name) for name in references(1000)],
        lambda asked, _: httpx.Response(status, json={}) if "/payments/" in asked else None,
        in_flight=4,
    )

    with pytest.raises(error):
        fetch(references(1000), client)

    assert sum(times for asked, times in door.asked.items() if "/payments/" in asked) <= 16


def test_run_ends_after_many_server_errors(watched, no_waiting):
    """After many 5xx answers the run ends, and reports every remaining reference as missing."""
    client, _ = watched(
        [payment_line(name) for name in references(1000)],
        lambda asked, _: (
            httpx.Response(503, json={})
            if "/payments/" in asked and asked >= path("order-000100")
            else None
        ),
        in_flight=4,
    )

    found = fetch(references(1000), client)

    assert len(found.payments) == 100
    assert found.missing == len(found.failures) == 900
    assert (found.failures["title"] == "not asked").sum() > 800
    assert "503" in found.failures["detail"].iloc[-1]


def test_dead_service_ends_the_run_after_one_round(watched, no_waiting):
    """After as many failures in a row as requests are in flight, no further reference is read."""
    client, door = watched(
        [payment_line(name) for name in references(200)],
        lambda asked, _: httpx.Response(503, json={}) if "/payments/" in asked else None,
        in_flight=20,
    )

    found = fetch(references(200), client)

    attempts = [door.asked[path(name)] for name in references(200)]
    # The twentieth failure in a row ends the run; then the other 19 workers have one open each.
    assert attempts.count(10) >= 20
    assert sum(count > 0 for count in attempts) <= 39
    assert found.missing == len(found.failures) == 200
    assert sorted(found.failures["reference"]) == sorted(references(200))


def test_short_series_of_failures_does_not_end_the_run(watched, no_waiting):
    """A short series of failures, followed by an answer, must not end the run."""
    client, _ = watched(
        [payment_line(name) for name in references(60)],
        lambda asked, _: (
            httpx.Response(503, json={})
            if "/payments/" in asked and path("order-000010") <= asked < path("order-000025")
            else None
        ),
        in_flight=1,
    )

    found = fetch(references(60), client)

    assert (len(found.payments), found.missing) == (45, 15)


@pytest.mark.parametrize("in_flight", [1, 7, 256])
def test_in_flight_limits_simultaneous_requests(watched, in_flight):
    """Vipps publishes no total limit, so the user sets how many requests run at the same time."""
    client, door = watched([payment_line(name) for name in references(300)])

    found = fetch(references(300), client, in_flight=in_flight)

    assert len(found.payments) == 300
    assert in_flight * 0.5 <= door.most_in_flight <= in_flight


@pytest.mark.parametrize("in_flight", [0, 257])
def test_in_flight_setting_has_bounds(opened, in_flight):
    """More than 256 requests at the same time would load the service too much, and be no faster."""
    client, _ = opened()

    with pytest.raises(InputError, match="1 to 256"):
        fetch([], client, in_flight=in_flight)


def test_same_reference_in_two_sales_units_is_two_payments(opened):
    """One reference in two sales units means two payments, each with its own local days."""
    client, _ = opened(
        payment_line("order-000001"),
        payment_line("order-000001", msn=OTHER_MSN),
        units=(SalesUnit(MSN, market="NO"), SalesUnit(OTHER_MSN, timezone="America/New_York")),
    )
    wanted = pd.DataFrame(
        {
            "msn": [OTHER_MSN, MSN],
            "reference": ["order-000001"] * 2,
            "discovered_by": ["ledger", "orders"],
        }
    )

    found = fetch(wanted, client)

    assert found.payments["msn"].to_list() == [MSN, OTHER_MSN]
    assert found.payments["discovered_by"].to_list() == ["orders", "ledger"]
    assert found.payments["created_day"].to_list() == [20464, 20463]
    assert found.events["event_day"].to_list()[::3] == [20464, 20463]


def test_a_sales_unit_without_market_counts_days_by_its_currency(opened):
    """The day of a Finnish sales unit without settings ends an hour before the day in Oslo."""
    line = payment_line("order-000001")
    text = orjson.dumps(line).replace(b'"NOK"', b'"EUR"').replace(b"T23:30", b"T22:30")
    client, _ = opened(orjson.loads(text), units=(SalesUnit(MSN),))

    found = fetch(["order-000001"], client)

    assert found.payments["created_day"].to_list() == [20464]


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_arrives_with_a_fifth_of_answers_bad(served, no_waiting, seed):
    """After 503, a cut connection or a cut answer, the request is repeated until it succeeds."""
    client, simulator, _ = served(*(payment_line(name) for name in references(150)))
    operations = ["getPayment", "getPaymentEventLog"]
    faults = [{"status": 503}, {"drop_before": True}, {"drop_after": True}, {"truncate": True}]
    simulator.set_faults([{"operations": operations, "share": 0.05, **fault} for fault in faults])

    found = fetch(references(150), client)

    assert found.payments["reference"].to_list() == references(150)
    assert len(found.events) == 450
    assert found.missing == 0
    assert sum(simulator.requests()["faults"].values()) > 20
