"""Every error the house raises, chosen by who can act on it.

    VippsReconError
    ├── ConfigurationError           a setting is missing, contradicts another, or is not allowed
    ├── InputError (ValueError)      a file, frame or argument is not what it promised to be
    │   ├── SourceError                  a file people have: names file, row and column
    │   ├── SchemaError                  a frame does not fit its schema; carries the failure cases
    │   └── PlanError                    a plan cannot be taken as it is, or is not approved
    ├── OutputError                  a result could not be written where it was asked for
    ├── IncompleteError              the data is not whole, so no verdict can be given
    ├── BridgeError                  the bridge does not foot: a fault of ours, never hidden
    ├── StoreError                   the workspace database cannot be used
    │   ├── HeldError                    another carrier holds the plan
    │   └── LostError                    this carrier lost the plan to another, and stops
    ├── ApiError                     Vipps MobilePay answered, and the answer was no
    │   ├── UnauthorizedError            401: keys or token not accepted
    │   ├── ForbiddenError               403: this sales unit may not do that
    │   ├── PaymentNotFoundError         404: unknown reference, or another sales unit's
    │   ├── RefusedError                 400, 409, 410, 422: turned down, with a domain code
    │   ├── LockedError                  423: another operation on the payment is under way
    │   ├── RateLimitedError             429: asked too often; carries retry_after
    │   ├── ServiceError                 5xx: the service is down or at fault
    │   └── UnreadableAnswerError        a 2xx that cannot be understood: the outcome is unknown
    └── NoAnswerError                nothing came back: the outcome is unknown
        └── NotConnectedError            no connection was made: nothing can have been done

A discrepancy, a reference that could not be fetched and a row that could not be read are
not errors: they are rows of `discrepancies`, `failures` and `rejects`.
"""

from __future__ import annotations

from typing import Any


class VippsReconError(Exception):
    """The root of all errors of this package. Never raised itself."""


class ConfigurationError(VippsReconError):
    """A setting is missing, contradicts another, or is not allowed."""


class InputError(VippsReconError, ValueError):
    """A file, frame or argument is not what it promised to be."""


class SourceError(InputError):
    """A file people have cannot be used, or not at this place in it.

    Attributes:
        file: Name of the file, without its folder.
        row: Line or sheet row, counted from 1; None where the whole file is meant.
        column: The column's heading; None where a row or the file is meant.
    """

    def __init__(
        self, message: str, *, file: str = "", row: int | None = None, column: str | None = None
    ) -> None:
        """Keep where it happened beside the sentence that says so."""
        where = file
        if row is not None:
            where += f" row {row}"
        if column is not None:
            where += f" column {column!r}"
        super().__init__(f"{where}: {message}" if where else message)
        self.file = file
        self.row = row
        self.column = column


class SchemaError(InputError):
    """A frame does not fit its schema.

    Attributes:
        frame: Name of the frame, such as "orders".
        cases: What failed, one dict (column, check, value) each; at most a hundred.
    """

    def __init__(self, message: str, *, frame: str, cases: list[dict[str, Any]]) -> None:
        """Keep the failure cases beside the sentence."""
        super().__init__(message)
        self.frame = frame
        self.cases = cases


class PlanError(InputError):
    """A plan cannot be taken as it is: changed, expired, foreign, or not approved."""


class StoreError(VippsReconError):
    """The workspace database cannot be used, or said no half-way."""


class PlanLockHeldError(StoreError):
    """Another carrier holds the plan."""


class PlanLockLostError(StoreError):
    """This carrier's epoch is no longer the plan's: another took it over."""


class OutputError(VippsReconError):
    """A result could not be written where it was asked for."""


class IncompleteError(VippsReconError):
    """The data is not whole, so no verdict can be given on it."""


class BridgeError(VippsReconError):
    """The bridge from orders to payments does not foot to the minor unit."""


class ApiError(VippsReconError):
    """Vipps MobilePay answered, and the answer was no.

    Attributes:
        status: HTTP status.
        code: Domain code such as "6150" (ePayment `extraDetails`), or "" where none was given.
        title: The problem's title. Reworded by Vipps at will: show it, never branch on it.
        detail: The problem's detail, likewise.
        trace_id: Quote it to Vipps MobilePay's support.
        reference: The payment asked about, or "".
        fields: Field name to reason, for a 400 that names fields.
        operation: What was asked, in words such as "capture"; "" where the title says it.
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
        """Put all of it into one sentence, and keep each apart."""
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.trace_id = trace_id
        self.reference = reference
        self.fields = fields or {}
        self.operation = operation
        about = ", ".join(part for part in (reference, operation) if part)
        said = title or "no reason given"
        if code:
            said += f" (code {code})"
        if detail and detail != title:
            said += f": {detail}"
        if self.fields:
            said += "; " + "; ".join(f"{name}: {why}" for name, why in self.fields.items())
        trace = f" [trace {trace_id}]" if trace_id else ""
        answered = f"Vipps MobilePay answered {status}: {said}{trace}"
        super().__init__(f"{about}: {answered}" if about else answered)


class UnauthorizedError(ApiError):
    """401: the keys or the token were not accepted."""


class ForbiddenError(ApiError):
    """403: this sales unit, or these keys, may not do that."""


class PaymentNotFoundError(ApiError):
    """404: no such reference on this sales unit."""


class RefusedError(ApiError):
    """400, 409, 410 or 422: turned down. The same key will be turned down again."""


class LockedError(ApiError):
    """423: another operation on the same payment is under way."""


class RateLimitedError(ApiError):
    """429: asked too often.

    Attributes:
        retry_after: Seconds to wait, or None where the answer did not say.
    """

    retry_after: float | None = None


class ServiceError(ApiError):
    """5xx: the service is down or at fault.

    Attributes:
        retry_after: Seconds to wait, or None where the answer did not say.
    """

    retry_after: float | None = None


class UnreadableAnswerError(ApiError):
    """A good status with a body that cannot be understood: the outcome is unknown."""


class NoAnswerError(VippsReconError):
    """Nothing came back. What was asked may or may not have been done.

    Attributes:
        reference: The payment asked about, or "".
    """

    def __init__(self, message: str, *, reference: str = "") -> None:
        """Keep the reference beside the sentence."""
        super().__init__(f"{reference}: {message}" if reference else message)
        self.reference = reference


class NotConnectedError(NoAnswerError):
    """No connection was made, so nothing can have been done."""
