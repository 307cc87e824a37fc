"""Decoding many answers at once: the same result as one by one, or none."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.payments import make_amount as nok
from tests.payments import make_event, make_payment
from vippsrecon.api import bulk_decode, responses
from vippsrecon.api.models import Event, Payment, Reading
from vippsrecon.errors import SchemaError
from vippsrecon.fetching import frames

MSN = "123456"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def payment(reference="order-001", **changed):
    """Return a GET payment answer that also has personal fields."""
    totals = {"captured": 1, "refunded": 2, "cancelled": 3}
    personal = {
        "paymentMethod": {"type": "WALLET", "cardBin": "540185"},
        "profile": {"sub": "x"},
        "userDetails": {"email": "someone@example.com", "addresses": [{"city": "Oslo"}]},
    }
    return make_payment(reference, 1000, psp_reference="psp-1", **totals) | personal | changed


def event(reference="order-001", **changed):
    """Return one line of an event log."""
    at = "2026-03-27T10:52:07.748Z"
    return make_event(reference, "CAPTURED", 250, at, psp_reference="psp-2") | changed


def make_raw_reading(payment_answer, log, reference="order-001"):
    """Return the two answers as bytes."""
    return bulk_decode.RawReading(
        MSN, reference, orjson.dumps(payment_answer), orjson.dumps(log), NOON
    )


def rows(named, fields):
    """Return columns as one tuple per row."""
    return list(zip(*(named[field].to_pylist() for field in fields), strict=True))


def test_bulk_decoding_equals_decoding_one_by_one():
    """Two decoders must agree, or a figure would depend on the batch in which it arrived."""
    many = [
        make_raw_reading(
            payment(f"order-{n:03}"),
            [event(f"order-{n:03}", amount=nok(k)) for k in range(n)],
            f"order-{n:03}",
        )
        for n in range(5)
    ]

    batch = bulk_decode.decode_batch(many)

    assert rows(batch.payments, Payment._fields) == [
        responses.decode_payment(200, raw_reading.payment, MSN, raw_reading.reference)
        for raw_reading in many
    ]
    assert rows(batch.events, Event._fields) == [
        line
        for raw_reading in many
        for line in responses.decode_events(200, raw_reading.events, MSN, raw_reading.reference)
    ]
    assert batch.owners.to_pylist() == [n for n in range(5) for _ in range(n)]


def test_bulk_decoding_drops_personal_fields():
    """Fields that are never decoded cannot reach a workbook."""
    batch = bulk_decode.decode_batch([make_raw_reading(payment(), [event()])])

    assert "someone@example.com" not in str(batch)


def test_empty_batch_gives_empty_columns():
    """A batch in which every call failed has no answers."""
    batch = bulk_decode.decode_batch([])

    assert rows(batch.payments, Payment._fields) == []
    assert rows(batch.events, Event._fields) == []


def test_batch_without_event_logs_has_no_events():
    """`events=False` makes half as many calls."""
    batch = bulk_decode.decode_batch([make_raw_reading(payment(), [])._replace(events=None)])

    assert len(batch.payments["msn"]) == 1
    assert len(batch.events["msn"]) == 0


RAW = orjson.dumps(payment())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>no</html>", id="HTML"),
        pytest.param(RAW[:-7], id="cut short"),
        pytest.param(RAW + RAW, id="two answers in one"),
        pytest.param(RAW + b"\n" + RAW, id="two lines"),
        pytest.param(b"[" + RAW + b"]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(RAW.replace(b"WALLET", b"\xff\xfe"), id="not UTF-8"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":1000.0'), id="float"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":1e3'), id="exponent"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":"1000"'), id="text"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":true'), id="boolean"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":-1'), id="negative"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":1' + b"0" * 15), id="sixteen digits"),
        pytest.param(RAW.replace(b'"value":1000', b'"value":null'), id="no amount"),
        pytest.param(orjson.dumps(payment("another-1")), id="another payment"),
        pytest.param(RAW.replace(b'"NOK"', b'"XXX"'), id="no such currency"),
        pytest.param(RAW.replace(b'"state":', b'"state":"CREATED","state":'), id="state twice"),
        pytest.param(RAW.replace(b'"reference":', b'"another":'), id="no reference"),
        pytest.param(orjson.dumps(payment(pspReference=None)), id="no pspReference"),
        pytest.param(orjson.dumps(payment(state="")), id="no state"),
        pytest.param(orjson.dumps(payment(aggregate=None)), id="no aggregate"),
        pytest.param(
            orjson.dumps(payment(amount={"currency": "EUR", "value": 1})), id="two currencies"
        ),
    ],
)
def test_bulk_decoder_declines_unusual_payment(body):
    """Only that decoder can say which answer is wrong, and why."""
    usual = make_raw_reading(payment("order-002"), [], "order-002")
    unusual = bulk_decode.RawReading(MSN, "order-001", body, b"[]", NOON)

    assert bulk_decode.decode_batch([usual, unusual]) is None


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(b'[]}\n{"events":[]', id="a line smuggled in"),
        pytest.param(b"{}", id="an object"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[null]", id="an event that is null"),
        *(
            pytest.param(orjson.dumps([event(**{name: value})]), id=f"{name} {value}")
            for name, value in (
                ("reference", "another-1"),
                ("pspReference", None),
                ("name", ""),
                ("success", None),
                ("success", 1),
                ("timestamp", None),
                ("amount", None),
                ("amount", {"currency": "", "value": 1}),
            )
        ),
    ],
)
def test_bulk_decoder_declines_unusual_event_log(log):
    """A sum must not rest on an event that was only partly understood."""
    assert (
        bulk_decode.decode_batch([bulk_decode.RawReading(MSN, "order-001", RAW, log, NOON)]) is None
    )


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    changed_fields=st.fixed_dictionaries({}, optional=dict.fromkeys(payment(), json)),
    line=st.fixed_dictionaries({}, optional=dict.fromkeys((*event(), "idempotencyKey"), json)),
)
@draw_examples(50)
def test_bulk_decoder_accepts_only_what_the_single_decoder_accepts(changed_fields, line):
    """Any answer is declined, or decoded as the careful decoder does; no other error is raised."""
    as_json = {"default": str, "option": orjson.OPT_PASSTHROUGH_SUBCLASS}
    try:
        body = orjson.dumps(payment() | changed_fields, **as_json)
        log = orjson.dumps([event() | line], **as_json)
    except orjson.JSONEncodeError:
        return
    batch = bulk_decode.decode_batch([bulk_decode.RawReading(MSN, "order-001", body, log, NOON)])
    if batch is None:
        return

    ways = {(MSN, "order-001"): "orders"}
    zones = {MSN: "Europe/Oslo"}
    try:
        at_once = frames.build_tables_from_columns(
            batch.payments,
            batch.events,
            owners=batch.owners,
            fetched_at=[NOON],
            zones=zones,
            discovered_by=["orders"],
        )
    except SchemaError:
        # A time that cannot be read: the batch is decoded by the careful decoder instead.
        return

    single_payment = responses.decode_payment(200, body, MSN, "order-001")
    log_of_it = responses.decode_events(200, log, MSN, "order-001")
    careful = frames.build_tables([Reading(single_payment, log_of_it, NOON)], zones, ways)
    assert at_once == careful
