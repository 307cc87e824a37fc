"""Test the fetch of many references: it loses no payment, and it lists every failure."""

from __future__ import annotations

import contextlib

import httpx
import orjson
import pandas as pd
import pytest

from tests.fetching.conftest import MSN, OTHER_MSN, make_payment_line, references
from tests.fetching.recording_transport import RecordingTransport
from tests.payments import make_amount as nok
from vippsrecon import schemas
from vippsrecon.api import Client
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ForbiddenError, InputError, UnauthorizedError
from vippsrecon.fetching import fetch
from vippsrecon.simulator import Simulator


@pytest.fixture
def make_client(settings):
    """Return `make_client(lines, instead, **settings) -> (client, transport)`."""
    with contextlib.ExitStack() as stack:

        def make(lines, instead=None, **changed):
            transport = RecordingTransport(
                Simulator([{"clock": "2026-01-31T12:00:00Z"}, *lines]).app, instead
            )
            return stack.enter_context(Client(settings(**changed), transport=transport)), transport

        yield make


def path(reference, events=False):
    """Return the path of a payment or of its event log."""
    return f"/epayment/v1/payments/{reference}" + ("/events" if events else "")


def test_each_reference_becomes_a_payment_with_its_events(opened):
    """The normal case: rows are sorted and typed, and have the local day as their date."""
    client, _ = opened(*(make_payment_line(name) for name in references(50)))

    result = fetch(reversed(references(50)), client)

    assert result.payments["reference"].to_list() == references(50)
    assert len(result.events) == 150
    assert result.missing == len(result.failures) == 0
    assert result.payments["created_day"][0] == 20464  # 23:30 UTC on the 10th is the 11th in Oslo
    assert result.payments["discovered_by"].unique().tolist() == ["references"]
    schemas.validate(result.payments, schemas.PAYMENTS)
    schemas.validate(result.events, schemas.EVENTS)


def test_fetch_of_no_references_is_empty(opened):
    """A month without payments is valid, and needs no call."""
    client, simulator = opened()

    result = fetch([], client)

    assert [len(frame) for frame in result] == [0, 0, 0]
    assert sum(simulator.requests()["requests"].values()) == 0


def test_fetch_without_events_needs_half_the_requests(opened):
    """The totals alone need half the calls; the times are then unknown."""
    client, simulator = opened(*(make_payment_line(name, captured=400) for name in references(3)))

    result = fetch(references(3), client, events=False)

    assert result.payments["captured_minor"].to_list() == [400] * 3
    assert result.payments["created_at"].isna().all()
    assert len(result.events) == 0
    assert simulator.requests()["requests"]["getPaymentEventLog"] == 0


def test_duplicate_references_are_requested_once(make_client):
    """An order export can name one payment on several lines."""
    client, transport = make_client([make_payment_line("order-000001")])

    result = fetch(["order-000001"] * 3, client)

    assert len(result.payments) == 1
    assert transport.request_counts[path("order-000001")] == 1


def test_unknown_and_malformed_references_are_not_unanswered(opened):
    """Nothing is missing: 404 is a valid answer, and Vipps has no malformed references."""
    client, _ = opened(make_payment_line("order-000001"))

    result = fetch(["order-000001", "order-unknown", "x"], client)

    assert result.failures[["reference", "operation"]].values.tolist() == [
        ["order-unknown", "getPayment"],
        ["x", "not_sent"],
    ]
    assert result.failures["status"][0] == 404
    assert result.missing == 0
    assert len(result.payments) == 1


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
def test_one_failure_loses_no_other_payment(make_client, no_waiting, answer, events):
    """One bad answer must not lose the good answers, and it is counted as missing."""
    bad = path("order-000007", events)
    client, _ = make_client(
        [make_payment_line(name) for name in references(20)],
        lambda times, _: (
            httpx.Response(answer.status_code, content=answer.content) if times == bad else None
        ),
    )

    result = fetch(references(20), client)

    assert result.missing == 1
    assert len(result.payments) == 19
    (failure,) = result.failures.to_dict("records")
    assert failure["reference"] == "order-000007"
    assert failure["operation"] == ("getPaymentEventLog" if events else "getPayment")
    assert failure["status"] == answer.status_code


@pytest.mark.parametrize(
    "timestamp",
    ["0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z"],
    ids=["before all time", "no such day"],
)
def test_impossible_time_fails_one_payment_only(make_client, timestamp):
    """One impossible time in an event log must not lose the other payments of the batch."""
    lines = [make_payment_line(name) for name in references(9)]
    events = [*lines[4]["events"][:-1], lines[4]["events"][-1] | {"timestamp": timestamp}]
    client, _ = make_client(
        lines,
        lambda times, _: (
            httpx.Response(200, json=events) if times == path("order-000004", events=True) else None
        ),
    )

    result = fetch(references(9), client)

    assert len(result.payments) == 8
    assert result.failures["reference"].to_list() == ["order-000004"]
    assert timestamp in result.failures["detail"][0]


def test_missing_event_log_counts_as_unanswered(make_client):
    """Vipps knows this payment, so 404 for its events means that data is missing."""
    client, _ = make_client(
        [make_payment_line("order-000001")],
        lambda times, _: httpx.Response(404, json={}) if times.endswith("/events") else None,
    )

    result = fetch(["order-000001"], client)

    assert result.missing == 1
    assert result.failures["operation"].to_list() == ["getPaymentEventLog"]


def test_payment_that_changes_between_two_calls_is_read_again(make_client):
    """If a capture happens between the two answers, they disagree; both are read again."""
    line = make_payment_line("order-000001")
    before = orjson.loads(orjson.dumps(line["payment"]))
    before["aggregate"]["capturedAmount"] = nok(0)
    client, transport = make_client(
        [line, make_payment_line("order-000002")],
        lambda request_path, times: (
            httpx.Response(200, json=before)
            if request_path == path("order-000001") and times == 1
            else None
        ),
    )

    result = fetch(["order-000001", "order-000002"], client)

    assert result.payments["captured_minor"].to_list() == [1000, 1000]
    assert len(result.events) == 6
    assert transport.request_counts[path("order-000001")] == 2
    assert transport.request_counts[path("order-000001", events=True)] == 2
    assert transport.request_counts[path("order-000002")] == 1


def test_third_contradictory_reading_is_accepted(make_client):
    """Vipps then contradicts itself, and the reconciliation reports `aggregate_mismatch`."""
    client, transport = make_client([make_payment_line("order-000001", captured=900)])

    result = fetch(["order-000001"], client)

    assert result.payments["captured_minor"].to_list() == [900]
    assert len(result.events) == 3
    assert transport.request_counts[path("order-000001")] == 3
    assert result.missing == 0


@pytest.mark.parametrize(
    ("status", "error"),
    [pytest.param(401, UnauthorizedError, id="401"), pytest.param(403, ForbiddenError, id="403")],
)
def test_wrong_keys_stop_the_run(make_client, status, error):
    """Every other reference would fail in the same way, so the run ends with one error."""
    client, transport = make_client(
        [make_payment_line(name) for name in references(1000)],
        lambda times, _: httpx.Response(status, json={}) if "/payments/" in times else None,
        in_flight=4,
    )

    with pytest.raises(error):
        fetch(references(1000), client)

    assert (
        sum(times for path, times in transport.request_counts.items() if "/payments/" in path) <= 16
    )


def test_run_ends_after_many_server_errors(make_client, no_waiting):
    """After many 5xx answers the run ends, and reports every remaining reference as missing."""
    client, _ = make_client(
        [make_payment_line(name) for name in references(1000)],
        lambda times, _: (
            httpx.Response(503, json={})
            if "/payments/" in times and times >= path("order-000100")
            else None
        ),
        in_flight=4,
    )

    result = fetch(references(1000), client)

    assert len(result.payments) == 100
    assert result.missing == len(result.failures) == 900
    assert (result.failures["title"] == "not asked").sum() > 800
    assert "503" in result.failures["detail"].iloc[-1]


def test_dead_service_ends_the_run_after_one_round(make_client, no_waiting):
    """After as many failures in a row as requests are in flight, no further reference is read."""
    client, transport = make_client(
        [make_payment_line(name) for name in references(200)],
        lambda times, _: httpx.Response(503, json={}) if "/payments/" in times else None,
        in_flight=20,
    )

    result = fetch(references(200), client)

    attempts = [transport.request_counts[path(name)] for name in references(200)]
    # The twentieth failure in a row ends the run; then the other 19 workers have one open each.
    assert attempts.count(10) >= 20
    assert sum(count > 0 for count in attempts) <= 39
    assert result.missing == len(result.failures) == 200
    assert sorted(result.failures["reference"]) == sorted(references(200))


def test_short_series_of_failures_does_not_end_the_run(make_client, no_waiting):
    """A short series of failures, followed by an answer, must not end the run."""
    client, _ = make_client(
        [make_payment_line(name) for name in references(60)],
        lambda times, _: (
            httpx.Response(503, json={})
            if "/payments/" in times and path("order-000010") <= times < path("order-000025")
            else None
        ),
        in_flight=1,
    )

    result = fetch(references(60), client)

    assert (len(result.payments), result.missing) == (45, 15)


@pytest.mark.parametrize("in_flight", [1, 7, 256])
def test_in_flight_limits_simultaneous_requests(make_client, in_flight):
    """Vipps publishes no total limit, so the user sets how many requests run at the same time."""
    client, transport = make_client([make_payment_line(name) for name in references(300)])

    result = fetch(references(300), client, in_flight=in_flight)

    assert len(result.payments) == 300
    assert in_flight * 0.5 <= transport.most_in_flight <= in_flight


@pytest.mark.parametrize("in_flight", [0, 257])
def test_in_flight_setting_has_bounds(opened, in_flight):
    """More than 256 requests at the same time would load the service too much, and be no faster."""
    client, _ = opened()

    with pytest.raises(InputError, match="1 to 256"):
        fetch([], client, in_flight=in_flight)


def test_same_reference_in_two_sales_units_is_two_payments(opened):
    """One reference in two sales units means two payments, each with its own local days."""
    client, _ = opened(
        make_payment_line("order-000001"),
        make_payment_line("order-000001", msn=OTHER_MSN),
        units=(SalesUnit(MSN, market="NO"), SalesUnit(OTHER_MSN, timezone="America/New_York")),
    )
    worklist = pd.DataFrame(
        {
            "msn": [OTHER_MSN, MSN],
            "reference": ["order-000001"] * 2,
            "discovered_by": ["ledger", "orders"],
        }
    )

    result = fetch(worklist, client)

    assert result.payments["msn"].to_list() == [MSN, OTHER_MSN]
    assert result.payments["discovered_by"].to_list() == ["orders", "ledger"]
    assert result.payments["created_day"].to_list() == [20464, 20463]
    assert result.events["event_day"].to_list()[::3] == [20464, 20463]


def test_a_sales_unit_without_market_counts_days_by_its_currency(opened):
    """The day of a Finnish sales unit without settings ends an hour before the day in Oslo."""
    line = make_payment_line("order-000001")
    text = orjson.dumps(line).replace(b'"NOK"', b'"EUR"').replace(b"T23:30", b"T22:30")
    client, _ = opened(orjson.loads(text), units=(SalesUnit(MSN),))

    result = fetch(["order-000001"], client)

    assert result.payments["created_day"].to_list() == [20464]


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_arrives_with_a_fifth_of_answers_bad(served, no_waiting, seed):
    """After 503, a cut connection or a cut answer, the request is repeated until it succeeds."""
    client, simulator, _ = served(*(make_payment_line(name) for name in references(150)))
    operations = ["getPayment", "getPaymentEventLog"]
    faults = [{"status": 503}, {"drop_before": True}, {"drop_after": True}, {"truncate": True}]
    simulator.set_faults([{"operations": operations, "share": 0.05, **fault} for fault in faults])

    result = fetch(references(150), client)

    assert result.payments["reference"].to_list() == references(150)
    assert len(result.events) == 450
    assert result.missing == 0
    assert sum(simulator.requests()["faults"].values()) > 20
