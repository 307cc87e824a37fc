"""Test that the frames keep their promises for every value, whatever Vipps sends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from vippsrecon import schemas
from vippsrecon.api.models import Event, Payment, Reading
from vippsrecon.errors import SchemaError
from vippsrecon.fetching import frames
from vippsrecon.schemas import arrow

MSN = "123456"
ZONES = {MSN: "Europe/Oslo", "654321": "Europe/Helsinki"}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
WAYS = {(MSN, "order-00001"): "orders"}


def event(name="CREATED", timestamp="2026-01-10T23:30:00Z", **changed):
    """Return an event as the decoder makes it."""
    defaults = {
        "msn": MSN,
        "reference": "order-00001",
        "psp_reference": "psp-1",
        "name": name,
        "amount_minor": 1000,
        "currency": "NOK",
        "timestamp": timestamp,
        "idempotency_key": None,
        "success": True,
    }
    return Event(**(defaults | changed))


def reading(*events, **changed):
    """Return a payment that was read with these events."""
    defaults = {
        "msn": MSN,
        "reference": "order-00001",
        "psp_reference": "psp-1",
        "state": "AUTHORIZED",
        "currency": "NOK",
        "amount_minor": 1000,
        "authorized_minor": 1000,
        "captured_minor": 0,
        "refunded_minor": 0,
        "cancelled_minor": 0,
        "payment_method": "WALLET",
        "capture_guaranteed_until": None,
    }
    return Reading(Payment(**(defaults | changed)), list(events), NOON)


def build_payments(readings, zones, ways):
    """Return the payments as users get them."""
    return schemas.to_pandas(frames.build_tables(readings, zones, ways).payments)


def build_events(readings, zones):
    """Return the events as users get them."""
    ways = {reading.payment[:2]: "orders" for reading in readings}
    return schemas.to_pandas(frames.build_tables(readings, zones, ways).events)


def day(text):
    """Return the number of a day."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def test_decoded_tuples_are_in_frame_order():
    """Tuples are read by position, so the decoder and the frames must use the same order."""
    assert Payment._fields == frames.PAYMENT_FIELDS
    assert Event._fields == frames.EVENT_FIELDS


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-03-27T10:51:44Z", "2026-03-27T10:51:44+00:00", id="no fraction"),
        pytest.param("2026-03-27T10:51:44.5Z", "2026-03-27T10:51:44.500000+00:00", id="one digit"),
        pytest.param("2026-03-27T10:51:44.378Z", "2026-03-27T10:51:44.378000+00:00", id="three"),
        pytest.param(
            "2026-03-27T10:51:44.5333258Z", "2026-03-27T10:51:44.533325+00:00", id="seven"
        ),
        pytest.param(
            "2026-03-27T10:51:44.999999999Z",
            "2026-03-27T10:51:44.999999+00:00",
            id="cut, not rounded",
        ),
        pytest.param(
            "2026-03-27T10:51:44.123456789012Z", "2026-03-27T10:51:44.123456+00:00", id="twelve"
        ),
        pytest.param(
            "2026-03-27T10:51:44.812+00:00", "2026-03-27T10:51:44.812000+00:00", id="offset"
        ),
        pytest.param("2020-10-05T02:00:00.000000+0200", "2020-10-05T00:00:00+00:00", id="no colon"),
        pytest.param("2026-03-27t10:51:44z", "2026-03-27T10:51:44+00:00", id="lower case"),
    ],
)
@pytest.mark.parametrize("beside", [[], ["2026-03-27T10:51:44.378Z"]], ids=["alone", "mixed"])
def test_every_known_time_format_is_read(text, moment, beside):
    """In Vipps's times, the number of decimals and the form of the offset vary between fields."""
    assert arrow.parse_moments([text, *beside], "events")[0].as_py() == datetime.fromisoformat(
        moment
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-03-27",
        "2026-03-27T10:51:44",
        "2026-02-30T10:51:44Z",
        "0001-01-01T00:00:00Z",
    ],
    ids=["empty", "words", "day only", "no offset", "no such day", "before all time"],
)
def test_invalid_time_is_named(text):
    """A time without an offset could be wrong by hours. A guess could put money on another day."""
    with pytest.raises(SchemaError) as caught:
        arrow.parse_moments(["2026-03-27T10:51:44Z", None, text], "events")

    assert caught.value.frame == "events"
    assert caught.value.cases[0]["failure_case"] == text


@given(
    at=st.datetimes(NOON.replace(tzinfo=None, year=1980), NOON.replace(tzinfo=None, year=2099)),
    unit=st.sampled_from([*ZONES]),
)
@draw_examples(30)
def test_local_day_equals_python_zoneinfo(at, unit):
    """The day decides the period, and Oslo, UTC and Helsinki have midnight at different times."""
    aware = at.replace(tzinfo=UTC)
    moments = arrow.parse_moments([f"{aware:%Y-%m-%dT%H:%M:%S.%fZ}", None], "events")

    days = arrow.compute_local_days(moments, [unit, unit], ZONES).to_pylist()

    local = aware.astimezone(ZoneInfo(ZONES[unit])).date()
    assert days == [(local - date(1970, 1, 1)).days, None]


def test_local_day_is_in_the_sales_units_zone():
    """Half an hour before midnight in Oslo, it is already the next day in Helsinki."""
    moments = arrow.parse_moments(["2026-01-31T22:30:00Z"] * 2, "events")

    days = arrow.compute_local_days(moments, [MSN, "654321"], ZONES).to_pylist()

    assert days == [day("2026-01-31"), day("2026-02-01")]


def test_a_sales_unit_without_zone_is_named():
    """With a default time zone, a Finnish evening could be counted in the wrong month unnoticed."""
    with pytest.raises(SchemaError, match="'999999' has no time zone"):
        build_events([reading(event(msn="999999"))], ZONES)


def test_created_and_authorized_are_the_earliest_successful_events():
    """The event log has no guaranteed order, and a failed authorization reserved no money."""
    payments = build_payments(
        [
            reading(
                event("CAPTURED", "2026-01-13T23:30:00Z"),
                event("AUTHORIZED", "2026-01-12T23:30:00Z"),
                event("AUTHORIZED", "2026-01-11T10:00:00Z", success=False),
                event("AUTHORIZED", "2026-01-12T22:30:00.5Z"),
                event("CREATED", "2026-01-10T23:30:00Z"),
            )
        ],
        ZONES,
        WAYS,
    )

    assert payments["created_at"][0] == datetime(2026, 1, 10, 23, 30, tzinfo=UTC)
    assert payments["created_day"][0] == day("2026-01-11")
    assert payments["authorized_at"][0] == datetime(2026, 1, 12, 22, 30, 0, 500_000, tzinfo=UTC)
    assert payments["authorized_day"][0] == day("2026-01-12")


def test_without_events_the_times_are_unknown():
    """An unknown time must not become a date in 1970."""
    payments = build_payments([reading()], ZONES, WAYS)

    assert (
        payments[["created_at", "created_day", "authorized_at", "authorized_day"]]
        .isna()
        .all()
        .all()
    )


def test_events_belong_to_their_own_payment():
    """A payment must not get the times of another payment, also when one has no event log."""
    ways = {(MSN, name): "orders" for name in ("a", "b", "c")}
    readings = [
        reading(reference="a"),
        reading(event(reference="b", timestamp="2026-01-02T12:00:00Z"), reference="b"),
        reading(event(reference="c", timestamp="2026-01-03T12:00:00Z"), reference="c"),
    ]

    payments = build_payments(readings, ZONES, ways)

    assert payments["created_day"].astype(object).where(
        payments["created_day"].notna(), None
    ).to_list() == [
        None,
        day("2026-01-02"),
        day("2026-01-03"),
    ]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_frames_fit_their_schemas_at_any_size(count):
    """Users validate the frames with the same schemas, and an empty month must fit them too."""
    ways = {(MSN, f"order-{number}"): "ledger" for number in range(count)}
    readings = [
        reading(event(reference=f"order-{number}"), reference=f"order-{number}")
        for number in range(count)
    ]

    payments, events = (
        build_payments(readings, ZONES, ways),
        build_events(readings, ZONES),
    )

    assert len(schemas.validate(payments, schemas.PAYMENTS)) == count
    assert len(schemas.validate(events, schemas.EVENTS)) == count
    assert (
        len(schemas.validate(schemas.to_pandas(frames.build_failures_table([])), schemas.FAILURES))
        == 0
    )


@pytest.mark.parametrize(
    ("tables", "column"),
    [
        pytest.param(lambda: reading(captured_minor=-1), "captured_minor", id="negative"),
        pytest.param(lambda: reading(captured_minor=2**63), "captured_minor", id="beyond 64 bits"),
        pytest.param(lambda: reading(captured_minor=10.5), "captured_minor", id="fraction"),
        pytest.param(lambda: reading(psp_reference=None), "psp_reference", id="missing"),
        pytest.param(lambda: reading(state="\ud800"), "state", id="broken text"),
        pytest.param(lambda: reading(reference="unasked"), "discovered_by", id="not requested"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(tables, column):
    """No value is converted to make it fit: every frame that is returned fits its schema."""
    with pytest.raises(SchemaError) as caught:
        build_payments([tables()], ZONES, WAYS)

    assert caught.value.frame == "payments"
    assert caught.value.cases[0]["column"] == column


def test_tuple_of_another_length_raises():
    """A tuple of another length would put amounts into the wrong columns."""
    with pytest.raises(ValueError, match="does not have the 9 values"):
        build_events([Reading(reading().payment, [event()[:-1]], NOON)], ZONES)


amounts = st.integers(0, 10**15 - 1)


@pytest.mark.ci
@given(
    many=st.lists(
        st.tuples(
            amounts,
            amounts,
            st.lists(
                st.tuples(amounts, st.booleans(), st.timedeltas(timedelta(0), timedelta(days=400))),
                max_size=4,
            ),
        ),
        max_size=6,
    )
)
@draw_examples(30)
def test_every_amount_is_in_the_frames(many):
    """For any amounts and any order of events, no amount is lost, added or exchanged."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    readings = [
        reading(
            *(
                event(
                    "CAPTURED",
                    f"{start + later:%Y-%m-%dT%H:%M:%S.%fZ}",
                    reference=str(place),
                    amount_minor=amount,
                    success=success,
                )
                for amount, success, later in log
            ),
            reference=str(place),
            amount_minor=amount,
            captured_minor=captured,
        )
        for place, (amount, captured, log) in enumerate(many)
    ]
    ways = {(MSN, str(place)): "orders" for place in range(len(many))}

    payments, events = (
        build_payments(readings, ZONES, ways),
        build_events(readings, ZONES),
    )

    assert payments["amount_minor"].to_list() == [amount for amount, _, _ in many]
    assert payments["captured_minor"].to_list() == [captured for _, captured, _ in many]
    logs = [(str(place), *line[:2]) for place, (_, _, log) in enumerate(many) for line in log]
    columns = events[["reference", "amount_minor", "success"]]
    assert list(columns.itertuples(index=False, name=None)) == logs
    assert events["event_at"].to_list() == [start + line[2] for _, _, log in many for line in log]
