"""What an answer to a sent operation means. One table; whatever is not in it is left open.

| answer | meaning |
|---|---|
| no connection, 423, 429, 6160, 6250, 6280 | `later`: nothing was done; the same key again |
| 409 without a ruling, 4010, 4020, 4150 | `conflict`: our key is taken by something else |
| 401 twice, 403, 5060, 5100 | `stop`: nothing was done, and no other row will fare better |
| 6170, 6180, 6040, 6050, 6190 | `already`: read again, it may be ours |
| 404, 422, another 4xx with a domain code | `refused`: a 4xx sticks to its key |
| 5xx, nothing came back, a 2xx that cannot be read, the rest | `open`: the event log settles it |

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
    ("open", lambda no: isinstance(no, UnreadableAnswerError)),
    ("later", lambda no: no.code in LATER_CODES or isinstance(no, LockedError | RateLimitedError)),
    ("open", lambda no: isinstance(no, ServiceError)),
    (
        "stop",
        lambda no: no.code in STOP_CODES or isinstance(no, UnauthorizedError | ForbiddenError),
    ),
    ("already", lambda no: no.code in ALREADY_CODES),
    ("conflict", lambda no: no.code in CONFLICT_CODES),
    ("conflict", lambda no: no.status == 409 and not no.code.startswith("6")),
    ("refused", lambda no: isinstance(no, PaymentNotFoundError) or no.status == 422),
    ("refused", lambda no: bool(no.code)),
)
"""The first that holds. A 409 with a ruling on the payment (6xxx) is a refusal like another."""


def get_retry_after(error: VippsReconError) -> float | None:
    """Return the seconds an answer asks to wait, where it says."""
    return error.retry_after if isinstance(error, RateLimitedError | ServiceError) else None
