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


def describe_answer(error: VippsReconError) -> str:
    """Return what came instead of an answer that decides, as a clause.

    >>> describe_answer(RateLimitedError(429))
    'Vipps MobilePay answers 429'
    """
    if not isinstance(error, ApiError):
        return str(error)
    code = f" ({error.code})" if error.code else ""
    return f"Vipps MobilePay answers {error.status}{code}"
