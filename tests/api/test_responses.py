"""Decoding answers: what a valid one becomes, and which ones are refused."""

from __future__ import annotations

import contextlib
import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.conftest import entry_body, event_body, payment_body
from tests.hypothesis_sizes import draw_examples
from tests.payments import make_amount as nok
from vippsrecon.api import responses
from vippsrecon.errors import UnreadableAnswerError, VippsReconError

PERSONAL = {
    "userDetails": {"firstName": "PERSON", "email": "PERSON@example.com"},
    "shippingDetails": {"address": {"addressLine1": "PERSON"}},
    "profile": {"sub": "PERSON"},
    "metadata": {"name": "PERSON"},
}


def payment(**changed):
    """Decode a payment with some fields changed."""
    return responses.decode_payment(
        200, orjson.dumps(payment_body(**changed)), "123456", "order-001"
    )


def test_payment_is_decoded_to_its_totals():
    """Everything that follows rests on this record."""
    assert payment(captureGuaranteedUntil="2026-09-01T07:53:44.812+00:00")._asdict() == {
        "msn": "123456",
        "reference": "order-001",
        "psp_reference": "37c34d8c-2649-448e-864b-060d5d93e4c4",
        "state": "AUTHORIZED",
        "currency": "NOK",
        "amount_minor": 1000,
        "authorized_minor": 1000,
        "captured_minor": 250,
        "refunded_minor": 0,
        "cancelled_minor": 0,
        "payment_method": "WALLET",
        "capture_guaranteed_until": "2026-09-01T07:53:44.812+00:00",
    }


def test_decoder_drops_personal_fields():
    """No customer's name can reach a frame, a log or a workbook."""
    assert "PERSON" not in repr(payment(**PERSONAL))


def test_unknown_fields_and_names_are_accepted():
    """New fields and new names arrive without a new version of the API."""
    decoded = payment(state="ON_HOLD", paymentMethod={"type": "SHELLS"}, brandNew={"a": [1]})

    assert (decoded.state, decoded.payment_method) == ("ON_HOLD", "SHELLS")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"amount": nok(10.0)}, id="float"),
        pytest.param({"amount": nok(True)}, id="true"),
        pytest.param({"amount": nok("1000")}, id="text"),
        pytest.param({"amount": nok(-1)}, id="negative"),
        pytest.param({"amount": nok(10**16)}, id="more than fifteen digits"),
        pytest.param({"amount": {"value": 1000}}, id="no currency"),
        pytest.param({"amount": {"currency": "DKK", "value": 1000}}, id="two currencies"),
        pytest.param({"amount": None}, id="no amount"),
        pytest.param({"aggregate": None}, id="no aggregate"),
        pytest.param({"aggregate": {}}, id="empty aggregate"),
        pytest.param({"state": None}, id="no state"),
        pytest.param({"pspReference": 1}, id="pspReference a number"),
        pytest.param({"reference": "order-002"}, id="another payment"),
        pytest.param({"reference": "Order-001"}, id="another case"),
        pytest.param({"reference": None}, id="no reference"),
        pytest.param({"amount": {"currency": "XXX", "value": 1000}}, id="no such currency"),
    ],
)
def test_impossible_payment_is_refused(changed):
    """A sum over such a payment would be wrong, and nobody would notice."""
    with pytest.raises(UnreadableAnswerError, match="order-001"):
        payment(**changed)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(orjson.dumps(payment_body())[:-20], id="truncated"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b"[" * 5000, id="deep"),
    ],
)
def test_body_that_is_not_a_payment_is_unreadable(body):
    """Status 200 does not prove that the body is a payment."""
    with pytest.raises(UnreadableAnswerError):
        responses.decode_payment(200, body, "123456", "order-001")


@pytest.mark.parametrize("name", ["reference", "aggregate", "capturedAmount"])
def test_answer_with_a_repeated_field_is_unreadable(name):
    """Which of two amounts was captured?"""
    body = orjson.dumps(payment_body())
    twice = body.replace(b'"%s":' % name.encode(), b'"%s":{},"%s":' % ((name.encode(),) * 2))
    assert twice != body
    with pytest.raises(UnreadableAnswerError, match=f"'{name}' twice"):
        responses.decode_payment(200, twice, "123456", "order-001")


def test_answer_without_a_reference_is_unreadable():
    """It may be about any payment: an answer of a proxy, for one."""
    body = payment_body()
    del body["reference"]
    with pytest.raises(UnreadableAnswerError, match="does not say which payment"):
        responses.decode_payment(200, orjson.dumps(body), "123456", "order-001")


def test_event_log_keeps_order_and_failed_events():
    """Failed attempts are evidence too. Functions that sum leave them out."""
    body = orjson.dumps(
        [event_body(), event_body(success=False, idempotencyKey=None, name="NEW_NAME")]
    )

    first, second = responses.decode_events(200, body, "123456", "order-001")

    assert (first.name, first.idempotency_key, first.success) == ("CAPTURED", "cap-1", True)
    assert (second.name, second.idempotency_key, second.success) == ("NEW_NAME", None, False)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": nok(2.5)},
        {"success": "true"},
        {"timestamp": "yesterday"},
        {"timestamp": None},
        {"timestamp": "2026-10-02T10:00:00+99:00"},
        {"timestamp": "2026-10-02T10:00:00+15:00"},
        {"timestamp": "2026-02-30T10:00:00Z"},
        {"timestamp": "2026-10-02T25:00:00Z"},
        {"timestamp": "0001-01-01T00:00:00Z"},
        {"timestamp": "9999-12-31T23:59:59Z"},
        {"reference": None},
        {"amount": {"currency": "ABC", "value": 1}},
        {"name": ""},
        {"reference": "order-002"},
        {"pspReference": None},
    ],
    ids=str,
)
def test_impossible_event_is_refused(changed):
    """If such an event were left out, moved money would look as if it had not moved."""
    with pytest.raises(UnreadableAnswerError):
        responses.decode_events(200, orjson.dumps([event_body(**changed)]), "123456", "order-001")


@pytest.mark.parametrize("life", ["3599", 3599], ids=["text", "number"])
def test_token_lifetime_is_read_from_text_or_number(life):
    """The standard service sends its lifetime as text, the specialized one as a number."""
    body = orjson.dumps({"access_token": "abc.def", "expires_in": life})

    assert responses.decode_token(200, body) == ("abc.def", 3599.0)


@pytest.mark.parametrize("life", [None, "soon", [], -1, 1e300, "nan"], ids=str)
def test_token_without_lifetime_is_treated_as_short_lived(life):
    """Renewing too early costs one call; too late costs a 401 for each of many calls."""
    body = json.dumps({"access_token": "abc", "expires_in": life}).encode()

    assert responses.decode_token(200, body).life_seconds == 300


@pytest.mark.parametrize("bearer", ["", "a b", "a\r\nX-Other: 1", None, 5], ids=repr)
def test_token_that_does_not_fit_a_header_is_refused(bearer):
    """The token is sent in a header."""
    with pytest.raises(UnreadableAnswerError, match="no access token"):
        responses.decode_token(200, orjson.dumps({"access_token": bearer}))


def test_a_token_has_no_repr():
    """A traceback that shows variables would show the token."""
    assert "abc" not in repr(responses.decode_token(200, b'{"access_token":"abc"}'))


def test_a_ledger_names_its_sales_units():
    """Handles that start with `api:` are merchant serial numbers; other handles are not."""
    body = {
        "cursor": "",
        "items": [
            {
                "ledgerId": "302321",
                "currency": "NOK",
                "payoutBankAccount": {"id": "86011117947"},
                "settlesForRecipientHandles": ["api:123456", "NO:57860"],
            }
        ],
    }
    (ledger,), cursor = responses.decode_ledgers(200, orjson.dumps(body))

    assert ledger == ("302321", "NOK", ("api:123456", "NO:57860"), ("123456",), "86011117947")
    assert cursor == ""


def test_ledger_entry_amount_is_signed():
    """A refund lowers the balance, so its amount is negative, as the API sends it."""
    body = orjson.dumps({"items": [entry_body(entryType="refund", amount=-250, balanceAfter=-250)]})

    (entry,) = responses.decode_ledger_page(200, body, "302321", "funds", "2026-01-31").entries

    assert (entry.entry_type, entry.amount_minor, entry.balance_after_minor) == (
        "refund",
        -250,
        -250,
    )


def test_ledger_entry_without_date_gets_the_requested_date():
    """One published example has no date."""
    body = orjson.dumps({"items": [entry_body(ledgerDate=None, recipientHandle=None)]})

    (entry,) = responses.decode_ledger_page(200, body, "302321", "funds", "2026-01-30").entries

    assert (entry.ledger_date, entry.recipient_handle) == ("2026-01-30", None)
    with pytest.raises(UnreadableAnswerError, match="no ledger date"):
        responses.decode_ledger_page(200, body, "302321", "funds")


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 2.5},
        {"amount": None},
        {"balanceAfter": "0"},
        {"time": "10:00"},
        {"entryType": None},
        {"pspReference": ""},
    ],
    ids=str,
)
def test_impossible_ledger_entry_is_refused(changed):
    """The chain of balances would break, or hold by chance."""
    with pytest.raises(UnreadableAnswerError):
        responses.decode_ledger_page(
            200, orjson.dumps({"items": [entry_body(**changed)]}), "1", "funds"
        )


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *payment_body(),
        *event_body(),
        *entry_body(),
        "items",
        "cursor",
        "hasMore",
        "tryLater",
        "access_token",
        "expires_in",
        "value",
        "ledgerId",
    ]
)
NEAR = st.recursive(
    ANY_JSON,
    lambda inner: st.dictionaries(FIELDS, inner, max_size=8) | st.lists(inner, max_size=3),
    max_leaves=10,
)
BODY = st.binary(max_size=200) | NEAR.map(lambda value: json.dumps(value).encode())
DECODERS = {
    "token": responses.decode_token,
    "created": lambda s, b: responses.decode_created_payment(s, b, "123456", "order-001"),
    "payment": lambda s, b: responses.decode_payment(s, b, "123456", "order-001"),
    "modification": lambda s, b: responses.decode_modification(s, b, "123456", "order-001"),
    "events": lambda s, b: responses.decode_events(s, b, "123456", "order-001"),
    "ledgers": responses.decode_ledgers,
    "date": lambda s, b: responses.decode_ledger_page(s, b, "302321", "funds", "2026-01-31"),
    "feed": lambda s, b: responses.decode_ledger_page(s, b, "302321", "funds"),
}


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@given(status=st.integers(200, 299), body=BODY)
@example(status=200, body=b'{"access_token":"a","expires_in":[]}')
@example(status=200, body=b'{"items":[{"settlesForRecipientHandles":5}]}')
@draw_examples(50)
def test_any_answer_raises_only_package_errors(decode, status, body):
    """One bad answer must not end a run over ten thousand references."""
    with contextlib.suppress(VippsReconError):
        decode(status, body)


@given(data=st.data(), valid_answer=st.sampled_from([payment_body(), [event_body()] * 2]))
@draw_examples(60)
def test_damaged_answer_is_refused_or_keeps_integer_amounts(data, valid_answer):
    """A changed field makes the answer refused, or every amount is still an int."""
    line = valid_answer[0] if isinstance(valid_answer, list) else valid_answer
    name = data.draw(st.sampled_from(sorted(line)))
    changed = {**line, name: data.draw(ANY_JSON)}
    body = json.dumps([changed] if isinstance(valid_answer, list) else changed).encode()
    decode = DECODERS["events" if isinstance(valid_answer, list) else "payment"]
    try:
        decoded = decode(200, body)
    except UnreadableAnswerError:
        return
    for record in decoded if isinstance(decoded, list) else [decoded]:
        amounts = [v for k, v in record._asdict().items() if k.endswith("_minor")]
        assert all(type(amount) is int and amount >= 0 for amount in amounts)
