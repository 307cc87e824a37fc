"""Refusals decoded: any status with any body becomes the one error it means. No I/O.

The status decides the class. The rest is found where the service at hand puts it:

    ePayment, Report    {"type", "title", "status", "detail", "traceId", "extraDetails"}
    gateway             {"statusCode": 401, "message": "..."}
    Report, 401         {"code": "Unauthorized", "message": "..."}
    Report, 500         {"errorCode": 10001, "errorMessage": "...", "contextId": "..."}
    access token        {"error": "...", "error_description": "..."}
    older layers        {"message" | "errors"}, {"ResponseInfo": {"ResponseMessage"}},
                        {"errorInfo": {"errorMessage"}}, [{"errorMessage"}], ["..."], "..."
    in front of it all  an HTML page, plain text, or nothing

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
_TITLE_PATTERN = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG_PATTERN = re.compile(r"<[^>]*>")
# Written so that a reference or a trace id, which have letters or hyphens, is left alone.
_LONG_NUMBER_PATTERN = re.compile(r"(?<![\w-])\+?\d{8,15}(?![\w-])")
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
    """Return the error that an answer other than 2xx means.

    Numbers as long as a phone's, mail addresses and `secrets` are struck out of what the
    service says, since the error goes into logs and workbooks.

    >>> body = b'{"title": "no", "extraDetails": [{"name": "ErrorCode", "reason": "6150"}]}'
    >>> str(decode_error_response(400, {}, body, reference="order-001", operation="capture"))
    'order-001, capture: Vipps MobilePay answered 400: no (code 6150)'
    """
    for secret in secrets:
        if secret:
            body = body.replace(secret.encode(), b"[secret]")
    said = _parse_error_body(body)
    code, fields = _parse_extra_details(said.get("extraDetails"))
    if status < 400:
        said = {"title": "a redirect, which is never followed"}
    error = _find_error_class(status)(
        status,
        _sanitize_text(said.get("title") or _get_status_phrase(status), reference),
        code=_sanitize_text(code or said.get("code") or "", reference),
        detail=_sanitize_text(said.get("detail") or "", reference),
        trace_id=_sanitize_text(said.get("trace_id") or "", reference, keep_numbers=True),
        reference=reference,
        fields={name: _sanitize_text(why, reference) for name, why in fields.items()},
        operation=operation,
    )
    if isinstance(error, errors.RateLimitedError | errors.ServiceError):
        error.retry_after = parse_retry_after(headers)
    return error


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds an answer asks to wait, given as seconds or as a date, else None.

    A date is measured against the answer's own `Date`, so a wrong clock here does no harm.

    >>> parse_retry_after({"retry-after": "12"})
    12.0
    >>> parse_retry_after({"retry-after": "Sat, 31 Jan 2026 12:00:30 GMT",
    ...              "date": "Sat, 31 Jan 2026 12:00:00 GMT"})
    30.0
    """
    asked = headers.get("retry-after", "").strip()
    if not asked:
        return None
    if asked.isascii() and asked.replace(".", "", 1).isdigit():
        return float(asked)
    until = parse_http_date(asked)
    if until is None:
        return None
    since = parse_http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def parse_http_date(text: str) -> datetime | None:
    """Return an HTTP date as an aware UTC time, or None where it is none.

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
    """Return title, detail, code, trace_id and extraDetails, as far as the body has them."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"detail": _extract_plain_text(body)}
    if isinstance(said, list):
        return {"detail": "; ".join(text for text in map(_extract_text, said) if text)}
    if not isinstance(said, dict):
        return {"detail": _extract_text(said)}
    info = said.get("errorInfo") or said.get("ResponseInfo")
    nested = info if isinstance(info, dict) else {}
    return {
        "title": _extract_text(said.get("title")) or _extract_text(said.get("error")),
        "detail": (
            _extract_text(said.get("detail"))
            or _extract_text(said.get("error_description"))
            or _extract_text(said.get("message"))
            or _extract_text(said.get("errorMessage"))
            or _extract_text(nested.get("errorMessage"))
            or _extract_text(nested.get("ResponseMessage"))
            or _extract_text(said.get("errors"))
        ),
        "code": _extract_text(said.get("code")) or _extract_text(said.get("errorCode")),
        "trace_id": _extract_text(said.get("traceId")) or _extract_text(said.get("contextId")),
        "extraDetails": said.get("extraDetails"),
    }


def _extract_text(said: object) -> str:
    if isinstance(said, str):
        return said
    if isinstance(said, int) and not isinstance(said, bool):
        return str(said)
    if isinstance(said, list):
        return "; ".join(
            _extract_text(one) for one in said if _is_flat(one) or isinstance(one, dict)
        )
    if isinstance(said, dict):
        for name in ("errorMessage", "message", "detail", "reason", "code"):
            if isinstance(said.get(name), str):
                return str(said[name])
        return "; ".join(
            f"{name}: {_extract_text(why)}" for name, why in said.items() if _is_flat(why)
        )
    return ""


def _is_flat(said: object) -> bool:
    return isinstance(said, str | int) or (
        isinstance(said, list) and all(isinstance(one, str) for one in said)
    )


def _parse_extra_details(said: object) -> tuple[str, dict[str, str]]:
    """Return the domain code ("" for none) and the fields found fault with."""
    code = ""
    fields: dict[str, str] = {}
    for one in said if isinstance(said, list) else ():
        if not isinstance(one, dict):
            continue
        name, why = _extract_text(one.get("name")), _extract_text(one.get("reason"))
        if name.lower() == "errorcode":
            code = why
        elif name and len(fields) < _MAX_FIELDS:
            fields[name[:60]] = why
    return code, fields


def _extract_plain_text(body: bytes) -> str:
    text = body[:20_000].decode("utf-8", "replace")
    if "<" not in text:
        return text
    title = _TITLE_PATTERN.search(text)
    return _TAG_PATTERN.sub(" ", title[1] if title else text)


def _sanitize_text(text: str, reference: str, *, keep_numbers: bool = False) -> str:
    """Return text fit for one line of a log: short, printable, nobody's number in it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())
    if not keep_numbers:
        line = _LONG_NUMBER_PATTERN.sub(lambda m: m[0] if m[0] == reference else "[number]", line)
        line = _EMAIL_PATTERN.sub("[address]", line)
    return line if len(line) <= _MAX_TEXT_LENGTH else line[: _MAX_TEXT_LENGTH - 1] + "…"
