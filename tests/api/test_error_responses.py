"""Error answers become exceptions."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from vippsrecon import errors
from vippsrecon.api.error_responses import decode_error_response, parse_retry_after

DOMAIN = {
    "type": "https://httpstatuses.io/400",
    "title": "Refund amount too high",
    "status": 400,
    "detail": "Not enough to refund",
    "traceId": "00-a1-b2-01",
    "extraDetails": [{"name": "ErrorCode", "reason": "6150"}],
}
FIELDS = {
    "title": "Bad Request",
    "detail": "See extraDetails",
    "traceId": "t",
    "extraDetails": [{"name": "reference", "reason": "must match"}],
}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(400, errors.RefusedError, id="rule"),
        pytest.param(401, errors.UnauthorizedError, id="keys"),
        pytest.param(402, errors.RefusedError, id="a 4xx nobody documents"),
        pytest.param(403, errors.ForbiddenError, id="not allowed"),
        pytest.param(404, errors.PaymentNotFoundError, id="unknown"),
        pytest.param(408, errors.ServiceError, id="timed out at the gateway"),
        pytest.param(409, errors.RefusedError, id="conflict"),
        pytest.param(410, errors.RefusedError, id="gone"),
        pytest.param(422, errors.RefusedError, id="cannot be created"),
        pytest.param(423, errors.LockedError, id="locked"),
        pytest.param(429, errors.RateLimitedError, id="too often"),
        pytest.param(500, errors.ServiceError, id="at fault"),
        pytest.param(503, errors.ServiceError, id="down"),
        pytest.param(599, errors.ServiceError, id="a 5xx nobody knows"),
        pytest.param(302, errors.ApiError, id="redirect"),
    ],
)
def test_each_status_has_its_own_error(status, kind):
    """The status decides the class, and callers catch the class."""
    assert type(decode_error_response(status, {}, b"", reference="order-001")) is kind


@pytest.mark.parametrize(
    ("body", "code", "title", "detail", "trace_id"),
    [
        pytest.param(
            DOMAIN,
            "6150",
            "Refund amount too high",
            "Not enough to refund",
            "00-a1-b2-01",
            id="domain code",
        ),
        pytest.param(FIELDS, "", "Bad Request", "See extraDetails", "t", id="fields"),
        pytest.param(
            {"statusCode": 401, "message": "Access denied due to missing subscription key."},
            "",
            "Bad Request",
            "Access denied due to missing subscription key.",
            "",
            id="gateway",
        ),
        pytest.param(
            {"code": "Unauthorized", "message": "Please check your API keys"},
            "Unauthorized",
            "Bad Request",
            "Please check your API keys",
            "",
            id="report 401",
        ),
        pytest.param(
            {"errorCode": 10001, "errorMessage": "unknown", "contextId": "c-1"},
            "10001",
            "Bad Request",
            "unknown",
            "c-1",
            id="report 500",
        ),
        pytest.param(
            {"error": "invalid_client", "error_description": "no grant"},
            "",
            "invalid_client",
            "no grant",
            "",
            id="token",
        ),
        pytest.param(
            {"error": {"code": "x", "message": "nested"}}, "", "nested", "", "", id="error object"
        ),
        pytest.param({"errors": ["a", "b"]}, "", "Bad Request", "a; b", "", id="errors"),
        pytest.param(
            {"errors": {"amount": ["too low"]}},
            "",
            "Bad Request",
            "amount: too low",
            "",
            id="errors by field",
        ),
        pytest.param(
            {"ResponseInfo": {"ResponseMessage": "old"}},
            "",
            "Bad Request",
            "old",
            "",
            id="ResponseInfo",
        ),
        pytest.param(
            {"errorInfo": {"errorMessage": "older"}},
            "",
            "Bad Request",
            "older",
            "",
            id="errorInfo",
        ),
        pytest.param(
            [{"errorMessage": "one"}, {"errorMessage": "two"}],
            "",
            "Bad Request",
            "one; two",
            "",
            id="array of objects",
        ),
        pytest.param(["one", "two"], "", "Bad Request", "one; two", "", id="array of texts"),
        pytest.param("just text", "", "Bad Request", "just text", "", id="JSON text"),
        pytest.param(b"plain text", "", "Bad Request", "plain text", "", id="plain text"),
        pytest.param(
            b"<html><head><title>502 Bad\n Gateway</title></head><body>x</body></html>",
            "",
            "Bad Request",
            "502 Bad Gateway",
            "",
            id="HTML",
        ),
        pytest.param(b"<p>no title</p>", "", "Bad Request", "no title", "", id="only HTML"),
        pytest.param(b"", "", "Bad Request", "", "", id="empty"),
        pytest.param(b"null", "", "Bad Request", "", "", id="null"),
        pytest.param(b"{}", "", "Bad Request", "", "", id="empty object"),
    ],
)
def test_every_error_format_is_read(body, code, title, detail, trace_id):
    """Seven services answer in seven forms, and each becomes the same kind of error."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)

    error = decode_error_response(400, {}, raw, reference="order-001")

    assert (error.status, error.code, error.title, error.detail, error.trace_id) == (
        400, code, title, detail, trace_id,
    )  # fmt: skip
    assert error.reference == "order-001"
    assert str(error).startswith("order-001: Vipps MobilePay answered 400: ")


def test_invalid_fields_are_named():
    """The invalid field is the only information in a validation error."""
    assert decode_error_response(400, {}, orjson.dumps(FIELDS)).fields == {
        "reference": "must match"
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("call +4791234567 now", "call [number] now", id="phone"),
        pytest.param("91234567", "[number]", id="phone alone"),
        pytest.param("call +47 912 34 567.", "call [number].", id="phone in groups"),
        pytest.param("(+47) 912-34-567, 91.23.45.67", "[number], [number]", id="other marks"),
        pytest.param("070-123 45 67", "[number]", id="phone in Sweden"),
        pytest.param("040\u00a0123\u00a04567", "[number]", id="phone in Finland"),
        pytest.param(
            "on 2026-01-31, 31.01.2026 12:00", "on 2026-01-31, 31.01.2026 12:00", id="dates"
        ),
        pytest.param("1000 of 20000", "1000 of 20000", id="two amounts"),
        pytest.param("mail kari@example.com", "mail [address]", id="mail"),
        pytest.param("key SECRET-1 is wrong", "key [secret] is wrong", id="secret"),
        pytest.param("line\r\nINFO forged", "line INFO forged", id="line break"),
        pytest.param("payment 2026000123 is gone", "payment 2026000123 is gone", id="reference"),
        pytest.param("x" * 5000, "x" * 299 + "…", id="long"),
    ],
)
def test_error_text_is_made_safe_for_logs(text, shown):
    """The error is written to logs, failures.csv and workbooks."""
    body = orjson.dumps({"detail": text})

    error = decode_error_response(400, {}, body, reference="2026000123", secrets=("SECRET-1",))

    assert error.detail == shown


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("12", 12.0, id="seconds"),
        pytest.param(" 0 ", 0.0, id="nought"),
        pytest.param("1.5", 1.5, id="fraction"),
        pytest.param("Sat, 31 Jan 2026 12:01:00 GMT", 60.0, id="date"),
        pytest.param("Sat, 31 Jan 2026 11:00:00 GMT", 0.0, id="date gone by"),
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="empty"),
        pytest.param("soon", None, id="nonsense"),
        pytest.param("-5", None, id="negative"),
        pytest.param("²", None, id="a digit that is not a number"),
    ],
)
def test_retry_after_is_read_in_every_form(header, seconds):
    """Gateways send seconds, the guide shows dates, and often the header is missing."""
    headers = {"date": "Sat, 31 Jan 2026 12:00:00 GMT"}
    if header is not None:
        headers["retry-after"] = header

    assert parse_retry_after(headers) == seconds
    assert decode_error_response(429, headers, b"").retry_after == seconds
    assert decode_error_response(503, headers, b"").retry_after == seconds


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "title",
                    "detail",
                    "code",
                    "error",
                    "errors",
                    "message",
                    "errorCode",
                    "errorMessage",
                    "errorInfo",
                    "ResponseInfo",
                    "ResponseMessage",
                    "traceId",
                    "contextId",
                    "extraDetails",
                    "name",
                    "reason",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)


def test_field_name_in_error_is_printable_and_without_numbers():
    """The service chooses the field's name too, and the name is written to logs."""
    body = b'{"title": "no", "extraDetails": [{"name": "ph\\u0007one 4791234567", "reason": "x"}]}'

    error = decode_error_response(400, {}, body)

    assert str(error).endswith("400: no; ph one [number]: x")


def test_long_field_name_is_cut_after_numbers_are_left_out():
    """The first half of a phone number would no longer be recognised as one."""
    name = f"{'x' * 50} +47 912 34 567"

    error = decode_error_response(
        400, {}, orjson.dumps({"extraDetails": [{"name": name, "reason": "y"}]})
    )

    assert error.fields == {f"{'x' * 50} [number]": "y"}


@given(
    status=st.integers(300, 999),
    body=st.binary(max_size=300) | ANY_JSON.map(lambda value: json.dumps(value).encode()),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=40)),
)
@draw_examples(100)
def test_every_refusal_becomes_an_error(status, body, headers):
    """Whatever the body contains, the status is reported in one line."""
    error = decode_error_response(status, headers, body, reference="order-001")

    assert isinstance(error, errors.ApiError)
    assert error.status == status
    assert str(error).isprintable()
    if isinstance(error, errors.RateLimitedError | errors.ServiceError):
        assert error.retry_after is None or error.retry_after >= 0
