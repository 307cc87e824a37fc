"""Classify the answers to a sent operation. Any answer not in this table leaves it open.

| answer | meaning |
|---|---|
| no connection, 423, 429, 6160, 6250, 6280 | `later`: nothing was done; send again with the same key |
| 409 without a payment code, 4010, 4020, 4150 | `conflict`: our key belongs to another request |
| 401 twice, 403, 5060, 5100 | `stop`: nothing was done; every other row would fail too |
| 6170, 6180, 6040, 6050, 6190 | `already`: read again, it may be our own request |
| 404, 422, another 4xx with an error code | `refused`: a repeat with this key gets the same answer |
| 5xx, no answer, a 2xx that cannot be read, any other | `open`: the event log shows the outcome |

Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/ and
https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/errors/
"""

from __future__ import annotations

import math
from collections.abc import Callable

from vippsrecon.errors import (
    ApiError,
    ForbiddenError,
    LockedError,
    NotConnectedError,
    PaymentNotFoundError,
    RateLimitedError,
    ServiceError,
    UnauthorizedError,
    UnreadableAnswerError,
    VippsReconError,
)

LATER_CODES = frozenset({"6160", "6250", "6280"})
CONFLICT_CODES = frozenset({"4010", "4020", "4150"})
STOP_CODES = frozenset({"5060", "5100"})
ALREADY_CODES = frozenset({"6170", "6180", "6040", "6050", "6190"})
_YEAR_SECONDS = 366 * 24 * 3600


def classify_error(error: VippsReconError) -> str:
    """Return later, conflict, stop, already, refused or open.

    >>> classify_error(RateLimitedError(429, "Too many requests")), classify_error(ServiceError(503))
    ('later', 'open')
    >>> from vippsrecon.errors import NoAnswerError, RefusedError
    >>> classify_error(RefusedError(400, code="6150")), classify_error(RefusedError(409, code="4150"))
    ('refused', 'conflict')
    >>> classify_error(NoAnswerError("it took too long")), classify_error(RefusedError(400))
    ('open', 'open')
    """
    if isinstance(error, NotConnectedError):
        return "later"
    if not isinstance(error, ApiError):
        return "open"
    return next((means for means, holds in _ERROR_RULES if holds(error)), "open")


_ERROR_RULES: tuple[tuple[str, Callable[[ApiError], bool]], ...] = (
    ("open", lambda error: isinstance(error, UnreadableAnswerError)),
    (
        "later",
        lambda error: (
            error.code in LATER_CODES or isinstance(error, LockedError | RateLimitedError)
        ),
    ),
    ("open", lambda error: isinstance(error, ServiceError)),
    (
        "stop",
        lambda error: (
            error.code in STOP_CODES or isinstance(error, UnauthorizedError | ForbiddenError)
        ),
    ),
    ("already", lambda error: error.code in ALREADY_CODES),
    ("conflict", lambda error: error.code in CONFLICT_CODES),
    ("conflict", lambda error: error.status == 409 and not error.code.startswith("6")),
    ("refused", lambda error: isinstance(error, PaymentNotFoundError) or error.status == 422),
    ("refused", lambda error: bool(error.code)),
)
"""The first rule that holds decides. A 409 with a payment code (6xxx) is an ordinary refusal."""


def get_retry_after(error: VippsReconError) -> float | None:
    """Return the seconds an answer asks to wait, or None."""
    return error.retry_after if isinstance(error, RateLimitedError | ServiceError) else None


def describe_failure(error: VippsReconError, tried_seconds: float) -> str:
    """Return the error's text and, if the service asks for more time than a row is tried, that.

    Args:
        error: Why the row goes no further.
        tried_seconds: How long a row is tried in one run.

    >>> error = RateLimitedError(429, "Too many requests")
    >>> error.retry_after = 86_400.0
    >>> print(describe_failure(error, 120.0))
    Vipps MobilePay answered 429: Too many requests. It asks to wait 24 hours, longer than a row \
is tried in one run (120 seconds): run the same command again after that
    """
    asked_seconds = get_retry_after(error)
    if asked_seconds is None or asked_seconds <= tried_seconds:
        return str(error)
    asked, tried = _format_wait(asked_seconds), _format_wait(tried_seconds)
    return (
        f"{error}. It asks to wait {asked}, longer than a row is tried in one run ({tried}): "
        "run the same command again after that"
    )


def _format_wait(seconds: float) -> str:
    """Format a wait for people, rounded up.

    >>> [_format_wait(seconds) for seconds in (120.0, 3600.0, 86_401.0, 5e9, float("inf"))]
    ['120 seconds', '60 minutes', '25 hours', 'more than a year', 'more than a year']
    """
    for name, length, longest in (("seconds", 1, 600), ("minutes", 60, 7200)):
        if seconds <= longest:
            return f"{math.ceil(seconds / length)} {name}"
    if seconds > _YEAR_SECONDS:
        return "more than a year"
    return f"{math.ceil(seconds / 3600)} hours"


def describe_answer(error: VippsReconError) -> str:
    """Return what came instead of an answer that decides, as a clause.

    >>> describe_answer(RateLimitedError(429))
    'Vipps MobilePay answers 429'
    """
    if not isinstance(error, ApiError):
        return str(error)
    code = f" ({error.code})" if error.code else ""
    return f"Vipps MobilePay answers {error.status}{code}"
