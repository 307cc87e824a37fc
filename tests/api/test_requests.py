"""Requests as they are sent."""

from __future__ import annotations

from datetime import date

import pytest

from vippsrecon.api import requests
from vippsrecon.errors import InputError


def test_cancel_always_has_a_body():
    """The API has answered an empty body with a JSON content type with a type error."""
    assert (
        requests.build_cancel_request("order-001", "key").body == b'{"cancelTransactionOnly":false}'
    )


def test_only_requests_with_a_key_may_be_repeated():
    """A force-approve has no key. If it was sent, it may have worked, so it is not repeated."""
    assert requests.build_payment_request("order-001").may_repeat
    assert requests.build_refund_request("order-001", 1, "NOK", "key").may_repeat
    assert requests.build_cancel_request("order-001", "key").may_repeat
    assert not requests.build_force_approve_request(
        "order-001", phone_number="4791234567", token=None
    ).may_repeat


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("", id="empty"),
        pytest.param("../../accesstoken", id="climbs"),
        pytest.param("order 001", id="space"),
        pytest.param("ordre-ø-01", id="letter outside the alphabet"),
        pytest.param("order-001\n", id="line break at the end"),
        pytest.param("x" * 65, id="65 characters"),
    ],
)
def test_invalid_reference_is_not_sent(reference):
    """The reference becomes part of a path, so its characters are checked here."""
    with pytest.raises(InputError, match="letters A to Z"):
        requests.build_payment_request(reference)


@pytest.mark.parametrize("key", ["", "x" * 51, "two words", "line\r\nX-Other: 1", "nøkkel"])
def test_invalid_idempotency_key_is_not_sent(key):
    """The key is sent in a header, and the API allows fifty characters."""
    with pytest.raises(InputError, match="idempotency key"):
        requests.build_capture_request("order-001", 100, "NOK", key)


@pytest.mark.parametrize("amount", [0, -1, 1.0, True, "100", 10**15, 10**400])
def test_amount_must_be_a_positive_integer(amount):
    """A float could pay a customer another amount."""
    with pytest.raises(InputError, match="minor units"):
        requests.build_refund_request("order-001", amount, "NOK", "key")


def test_cursor_is_encoded_in_the_url():
    """Cursors are base64, which has characters that a query does not allow."""
    path = requests.build_ledger_date_request("302321", "funds", date(2026, 1, 31), "a+b/c=").path

    assert path == "/report/v2/ledgers/302321/funds/dates/2026-01-31?cursor=a%2Bb%2Fc%3D"


def test_the_repr_of_a_request_has_no_body():
    """Otherwise every traceback would show a test user's phone number."""
    request = requests.build_force_approve_request(
        "order-001", phone_number="4791234567", token=None
    )

    assert "4791234567" not in repr(request)


@pytest.mark.parametrize("ledger_id", ["", ".", ".."])
def test_ledger_id_of_dots_is_refused(ledger_id):
    """The id becomes part of a path. An id of dots would change the path."""
    with pytest.raises(InputError, match="ledger id"):
        requests.build_feed_request(ledger_id, "funds")


def test_unknown_ledger_topic_is_refused():
    """Another topic would be a path that does not exist."""
    with pytest.raises(InputError, match="neither funds nor fees"):
        requests.build_feed_request("302321", "fee")


def test_force_approve_needs_exactly_one_identification():
    """Neither or both is refused."""
    with pytest.raises(InputError, match="either"):
        requests.build_force_approve_request("order-001", phone_number=None, token=None)


def test_create_payment_requires_a_reference():
    """Without a reference all payments share one rate limit, and none could be found again."""
    with pytest.raises(InputError, match="has no reference"):
        requests.build_create_payment_request({"amount": {}}, "key")
    with pytest.raises(InputError, match="as JSON"):
        requests.build_create_payment_request({"reference": "order-001", "amount": object()}, "key")
