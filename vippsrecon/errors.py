"""Every error this package raises, grouped by who can act on it.

    VippsReconError
    ├── ConfigurationError           a setting is missing, contradicts another, or is not allowed
    ├── InputError (ValueError)      a file, frame or argument is not valid
    │   ├── SourceError                  an input file; names file, row and column
    │   ├── SchemaError                  a frame does not match its schema; has the failure cases
    │   ├── PlanError                    a plan is invalid, expired or not approved
    │   └── ClosedPeriodError            a voucher would be written into a closed period
    ├── OutputError                  a result could not be written to the given path
    ├── IncompleteError              the data is incomplete, so there is no verdict
    ├── NotificationError            a mail or a message to a channel could not be sent
    ├── BridgeError                  the bridge does not balance: a fault of this package
    ├── StoreError                   the workspace database cannot be used
    │   ├── PlanLockHeldError            another process holds the plan lock
    │   └── PlanLockLostError            another process took the plan lock over
    ├── ApiError                     Vipps MobilePay answered with an error
    │   ├── UnauthorizedError            401: keys or token not accepted
    │   ├── ForbiddenError               403: this sales unit, or these keys, may not do that
    │   ├── PaymentNotFoundError         404: unknown reference, or one of another sales unit
    │   ├── RefusedError                 400, 409, 410, 422: refused, with a domain code
    │   ├── LockedError                  423: another operation on the payment is in progress
    │   ├── RateLimitedError             429: too many requests; has retry_after
    │   ├── ServiceError                 5xx: the service is down or at fault
    │   └── UnreadableAnswerError        a 2xx answer that cannot be read: the outcome is unknown
    └── NoAnswerError                no answer: the outcome is unknown
        └── NotConnectedError            no connection was made, so nothing was done

A discrepancy, a reference that could not be fetched and a row that could not be read are
not errors: they are rows of `discrepancies`, `failures` and `rejects`.
"""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    r"""Return text with every character that has no shape or moves others written as an escape.

    A file may be named with an escape sequence, which a terminal would carry out, or with
    characters that turn the reading direction.

    >>> printable("orders\x1b[2J\u202ecsv")
    'orders\\x1b[2J\\u202ecsv'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_line(text: str) -> str:
    r"""Return a line as `printable` does, and keep the no-break spaces of amounts.

    Most languages write them between thousands (1 234,50), so they are no sign of a trick.

    >>> printable_line("1\u00a0234,50 NOK\x1b")
    '1\xa0234,50 NOK\\x1b'
    """
    return "\u00a0".join(map(printable, text.split("\u00a0")))


class VippsReconError(Exception):
    """The base class of all errors of this package. Never raised itself."""


class ConfigurationError(VippsReconError):
    """A setting is missing, contradicts another, or is not allowed."""


class InputError(VippsReconError, ValueError):
    """A file, frame or argument is not valid."""


class SourceError(InputError):
    """An input file, or one place in it, cannot be used.

    Attributes:
        file: Name of the file, without its folder.
        row: Line or sheet row, counted from 1; None if the whole file is meant.
        column: The column's heading; None if a row or the file is meant.
    """

    def __init__(
        self, message: str, *, file: str = "", row: int | None = None, column: str | None = None
    ) -> None:
        """Put the place before the message, and store its parts."""
        location = printable(file)
        if row is not None:
            location += f" row {row}"
        if column is not None:
            location += f" column {column!r}"
        super().__init__(f"{location}: {message}" if location else message)
        self.file = file
        self.row = row
        self.column = column


class EmptyTableError(SourceError):
    """A table has a heading row and no other row."""


class SchemaError(InputError):
    """A frame does not match its schema.

    Attributes:
        frame: Name of the frame, such as "orders".
        cases: At most a hundred failures, one dict (column, check, value) each.
    """

    def __init__(self, message: str, *, frame: str, cases: list[dict[str, Any]]) -> None:
        """Store the failure cases with the message."""
        super().__init__(message)
        self.frame = frame
        self.cases = cases


class PlanError(InputError):
    """A plan cannot be used: changed, expired, for another environment, or not approved."""


class ClosedPeriodError(InputError):
    """A voucher would be written into a closed period."""


class StoreError(VippsReconError):
    """The workspace database cannot be used, or failed during use."""


class PlanLockHeldError(StoreError):
    """Another process holds the plan lock."""


class PlanLockLostError(StoreError):
    """Another process took over the plan lock that this one held."""


class OutputError(VippsReconError):
    """A result could not be written to the given path."""


class IncompleteError(VippsReconError):
    """The data is incomplete, so no verdict can be given."""


class NotificationError(VippsReconError):
    """A mail or a message to a channel could not be sent."""


class BridgeError(VippsReconError):
    """The bridge from orders to payments does not balance to the minor unit."""


class ApiError(VippsReconError):
    """Vipps MobilePay answered with an error.

    Attributes:
        status: HTTP status.
        code: Domain code such as "6150" (ePayment `extraDetails`), or "" if the answer has none.
        title: Title of the error. Vipps MobilePay may reword it: show it, never branch on it.
        detail: Further text of the error. Show it, never branch on it.
        trace_id: Identifies the call for Vipps MobilePay's support.
        reference: The payment the call was about, or "".
        fields: Field name to reason, if a 400 names fields.
        operation: The requested operation, such as "capture"; "" if the title names it.
    """

    def __init__(
        self,
        status: int,
        title: str = "",
        *,
        code: str = "",
        detail: str = "",
        trace_id: str = "",
        reference: str = "",
        fields: dict[str, str] | None = None,
        operation: str = "",
    ) -> None:
        """Format all parts as one sentence, and store each of them."""
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.trace_id = trace_id
        self.reference = reference
        self.fields = fields or {}
        self.operation = operation
        subject = ", ".join(part for part in (reference, operation) if part)
        reason = title or "no reason given"
        if code:
            reason += f" (code {code})"
        if detail and detail != title:
            reason += f": {detail}"
        if self.fields:
            reason += "; " + "; ".join(f"{name}: {cause}" for name, cause in self.fields.items())
        trace = f" [trace {trace_id}]" if trace_id else ""
        answered = f"Vipps MobilePay answered {status}: {reason}{trace}"
        super().__init__(f"{subject}: {answered}" if subject else answered)


class UnauthorizedError(ApiError):
    """401: the keys or the token were not accepted."""


class ForbiddenError(ApiError):
    """403: this sales unit, or these keys, may not do that."""


class PaymentNotFoundError(ApiError):
    """404: this sales unit has no payment with this reference."""


class RefusedError(ApiError):
    """400, 409, 410 or 422: refused. The same idempotency key will be refused again."""


class LockedError(ApiError):
    """423: another operation on the same payment is in progress."""


class RateLimitedError(ApiError):
    """429: too many requests.

    Attributes:
        retry_after: Seconds to wait, or None if the answer does not state it.
    """

    retry_after: float | None = None


class ServiceError(ApiError):
    """5xx: the service is down or at fault.

    Attributes:
        retry_after: Seconds to wait, or None if the answer does not state it.
    """

    retry_after: float | None = None


class UnreadableAnswerError(ApiError):
    """A 2xx answer whose body cannot be read: the outcome is unknown."""


class NoAnswerError(VippsReconError):
    """No answer was received. The requested operation may or may not have been done.

    Attributes:
        reference: The payment the call was about, or "".
    """

    def __init__(self, message: str, *, reference: str = "") -> None:
        """Put the reference before the message, and store it."""
        super().__init__(f"{reference}: {message}" if reference else message)
        self.reference = reference


class NotConnectedError(NoAnswerError):
    """No connection was made, so nothing was done.

    Attributes:
        permanent: Whether trying again is useless: the server's certificate is not trusted.
    """

    permanent: bool = False
