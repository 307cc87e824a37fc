"""Decode error answers: any status with any body becomes one error of `errors`. No I/O.

The status decides the class. Each service puts title, detail and code in other fields:

    ePayment, Report    {"type", "title", "status", "detail", "traceId", "extraDetails"}
    gateway             {"statusCode": 401, "message": "..."}
    Report, 401         {"code": "Unauthorized", "message": "..."}
    Report, 500         {"errorCode": 10001, "errorMessage": "...", "contextId": "..."}
    access token        {"error": "...", "error_description": "..."}
    older layers        {"message" | "errors"}, {"ResponseInfo": {"ResponseMessage"}},
                        {"errorInfo": {"errorMessage"}}, [{"errorMessage"}], ["..."], "..."
    any proxy           an HTML page, plain text, or nothing

Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from vippsrecon import errors

_ERROR_BY_STATUS: dict[int, type[errors.ApiError]] = {
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.PaymentNotFoundError,
    408: errors.ServiceError,
    423: errors.LockedError,
    429: errors.RateLimitedError,
}

_MAX_TEXT_LENGTH = 300
_MAX_FIELDS = 20
_MAX_FIELD_NAME_LENGTH = 60
_TITLE_PATTERN = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG_PATTERN = re.compile(r"<[^>]*>")
# Does not match inside a reference or a trace id, which have letters or hyphens. People write a
# phone number in groups, with up to two marks between two digits. A date has as many digits.
_LONG_NUMBER_PATTERN = re.compile(
    r"(?<![\w-])(?:"
    r"(?P<date>\d{4}-\d\d-\d\d(?!\d)|\d\d?\.\d\d?\.\d{4}(?!\d))"
    r"|\(?\+?\(?\d(?:[ \u00a0\u202f()./-]{0,2}\d){7,14}(?![\w-])"
    r")"
)
_EMAIL_PATTERN = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+\.[^\s@'\"<>]+")


def decode_error_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    reference: str = "",
    operation: str = "",
    secrets: Iterable[str] = (),
) -> errors.ApiError:
    """Return the error for an answer other than 2xx.

    Numbers as long as a phone number, also in groups, mail addresses and `secrets` are removed
    from the service's text, because the error is written to logs and workbooks.

    >>> body = b'{"title": "no", "extraDetails": [{"name": "ErrorCode", "reason": "6150"}]}'
    >>> str(decode_error_response(400, {}, body, reference="order-001", operation="capture"))
    'order-001, capture: Vipps MobilePay answered 400: no (code 6150)'
    """
    for secret in secrets:
        if secret:
            body = body.replace(secret.encode(), b"[secret]")
    parsed = _parse_error_body(body)
    code, fields = _parse_extra_details(parsed.get("extraDetails"))
    if status < 400:
        parsed = {"title": "redirect (not followed)"}
    error = _find_error_class(status)(
        status,
        _sanitize_text(parsed.get("title") or _get_status_phrase(status), reference),
        code=_sanitize_text(code or parsed.get("code") or "", reference),
        detail=_sanitize_text(parsed.get("detail") or "", reference),
        trace_id=_sanitize_text(parsed.get("trace_id") or "", reference, keep_numbers=True),
        reference=reference,
        fields={
            _sanitize_text(name, reference)[:_MAX_FIELD_NAME_LENGTH]: _sanitize_text(why, reference)
            for name, why in fields.items()
        },
        operation=operation,
    )
    if isinstance(error, errors.RateLimitedError | errors.ServiceError):
        error.retry_after = parse_retry_after(headers)
    return error


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the `Retry-After` header (given as seconds or as a date), or None.

    A date is compared with the answer's own `Date`, so a wrong local clock has no effect.

    >>> parse_retry_after({"retry-after": "12"})
    12.0
    >>> parse_retry_after({"retry-after": "Sat, 31 Jan 2026 12:00:30 GMT",
    ...              "date": "Sat, 31 Jan 2026 12:00:00 GMT"})
    30.0
    """
    header = headers.get("retry-after", "").strip()
    if not header:
        return None
    if header.isascii() and header.replace(".", "", 1).isdigit():
        return float(header)
    until = parse_http_date(header)
    if until is None:
        return None
    since = parse_http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def parse_http_date(text: str) -> datetime | None:
    """Return an HTTP date as an aware UTC time, or None if the text is not a date.

    >>> parse_http_date("Sat, 31 Jan 2026 23:00:00 GMT")
    datetime.datetime(2026, 1, 31, 23, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _find_error_class(status: int) -> type[errors.ApiError]:
    if status in _ERROR_BY_STATUS:
        return _ERROR_BY_STATUS[status]
    if status >= 500:
        return errors.ServiceError
    return errors.RefusedError if status >= 400 else errors.ApiError


def _get_status_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _parse_error_body(body: bytes) -> dict[str, Any]:
    """Return title, detail, code, trace_id and extraDetails, as far as the body holds them."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"detail": _extract_plain_text(body)}
    if isinstance(value, list):
        return {"detail": "; ".join(text for text in map(_extract_text, value) if text)}
    if not isinstance(value, dict):
        return {"detail": _extract_text(value)}
    info = value.get("errorInfo") or value.get("ResponseInfo")
    nested = info if isinstance(info, dict) else {}
    return {
        "title": _extract_text(value.get("title")) or _extract_text(value.get("error")),
        "detail": (
            _extract_text(value.get("detail"))
            or _extract_text(value.get("error_description"))
            or _extract_text(value.get("message"))
            or _extract_text(value.get("errorMessage"))
            or _extract_text(nested.get("errorMessage"))
            or _extract_text(nested.get("ResponseMessage"))
            or _extract_text(value.get("errors"))
        ),
        "code": _extract_text(value.get("code")) or _extract_text(value.get("errorCode")),
        "trace_id": _extract_text(value.get("traceId")) or _extract_text(value.get("contextId")),
        "extraDetails": value.get("extraDetails"),
    }


def _extract_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return "; ".join(
            _extract_text(item) for item in value if _is_flat(item) or isinstance(item, dict)
        )
    if isinstance(value, dict):
        for name in ("errorMessage", "message", "detail", "reason", "code"):
            if isinstance(value.get(name), str):
                return str(value[name])
        return "; ".join(
            f"{name}: {_extract_text(why)}" for name, why in value.items() if _is_flat(why)
        )
    return ""


def _is_flat(value: object) -> bool:
    return isinstance(value, str | int) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _parse_extra_details(value: object) -> tuple[str, dict[str, str]]:
    """Return the domain code ("" if none) and the invalid fields with their reasons."""
    code = ""
    fields: dict[str, str] = {}
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        name, why = _extract_text(item.get("name")), _extract_text(item.get("reason"))
        if name.lower() == "errorcode":
            code = why
        elif name and len(fields) < _MAX_FIELDS:
            fields[name] = why
    return code, fields


def _extract_plain_text(body: bytes) -> str:
    text = body[:20_000].decode("utf-8", "replace")
    if "<" not in text:
        return text
    title = _TITLE_PATTERN.search(text)
    return _TAG_PATTERN.sub(" ", title[1] if title else text)


def _sanitize_text(text: str, reference: str, *, keep_numbers: bool = False) -> str:
    """Return text for one log line: short, printable, without phone numbers and addresses."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())
    if not keep_numbers:
        line = _LONG_NUMBER_PATTERN.sub(
            lambda m: m[0] if m[0] == reference or m["date"] else "[number]", line
        )
        line = _EMAIL_PATTERN.sub("[address]", line)
    return line if len(line) <= _MAX_TEXT_LENGTH else line[: _MAX_TEXT_LENGTH - 1] + "…"
