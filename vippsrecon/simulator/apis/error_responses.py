"""Define every refusal of the simulated APIs: code, HTTP status and body.

Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/errors/ for the
codes. The HTTP status of most codes is not documented; those follow from the meaning
(400 unless a resource is missing, conflicting, forbidden, locked or broken).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

JSON_TYPE = "application/json; charset=utf-8"
PROBLEM_JSON_TYPE = "application/problem+json; charset=utf-8"

REFUSAL_CODES: dict[int, tuple[int, str]] = {
    3010: (500, "Internal error"),
    4010: (409, "Capture sent again with another body"),
    4020: (409, "Idempotency key is taken"),
    4040: (400, "Amount is not valid"),
    4050: (400, "Customer token is not valid"),
    4060: (400, "Personal QR is not valid"),
    4070: (400, "Phone number is not valid"),
    4080: (400, "Scope is not valid"),
    4090: (400, "URL is not valid"),
    4100: (400, "Too many metadata pairs"),
    4110: (400, "Metadata keys repeat"),
    4120: (400, "Metadata key is too long"),
    4130: (400, "Metadata value is too long"),
    4140: (400, "A required parameter is missing"),
    4150: (409, "Reference is taken, or refund sent again with another body"),
    4160: (400, "Payment method type is not valid"),
    5010: (403, "Sources cannot be blocked here"),
    5020: (403, "Express is not allowed"),
    5030: (403, "Scope is not allowed"),
    5040: (403, "Currency does not fit the merchant"),
    5050: (403, "Long-living payments are not allowed"),
    5060: (403, "Bank account of the merchant is not verified"),
    5070: (422, "Payment cannot be created"),
    5080: (403, "Push message is not allowed"),
    5090: (404, "Reference is not known"),
    5100: (403, "Refunds are not possible for the sales unit"),
    6010: (400, "Amount is too small"),
    6020: (400, "Refund before reservation"),
    6030: (400, "Cancel period is over"),
    6040: (400, "Captured payments cannot be cancelled"),
    6050: (400, "Payment is not reserved and cannot be cancelled"),
    6060: (400, "Payment is authorized and was not cancelled"),
    6070: (400, "Cancelled payments cannot be captured"),
    6080: (400, "Capture before reservation"),
    6090: (400, "Capture amount is too high"),
    6100: (400, "Capture period is over"),
    6110: (400, "Expiry is too late"),
    6120: (400, "Expiry is too soon"),
    6130: (400, "Expiry needs a receipt"),
    6140: (400, "The full amount must be captured"),
    6150: (400, "Less is left to refund"),
    6160: (423, "Payment is locked by another operation"),
    6170: (400, "Payment is captured already"),
    6180: (400, "Payment is refunded already"),
    6190: (400, "Payment cannot be cancelled"),
    6200: (400, "Payment cannot be captured"),
    6210: (400, "Payment cannot be refunded"),
    6220: (400, "Refund period is over"),
    6230: (400, "Payment is reserved already"),
    6250: (400, "Payment is being processed and cannot be cancelled now"),
    6260: (400, "Funds are not available"),
    6280: (400, "Capture failed for now"),
    7010: (400, "Customer is not known"),
    10010: (400, "Test approval failed"),
    10020: (403, "Test approval is not allowed"),
    10030: (400, "Customer has to identify first"),
    10040: (400, "Payment source is not valid"),
    10050: (400, "Customer has no card"),
    10060: (400, "Test approval does not support this payment"),
    10070: (400, "Payment limit is exceeded"),
}
"""Code → HTTP status and title. Clients branch on status and code only."""

TRANSIENT_CODES = frozenset({3010, 6160, 6250, 6280})
"""Codes that mean "later, same key": the answer is not stored under the key."""


class SimulatedResponse(NamedTuple):
    """Holds an HTTP answer before it is sent."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    sticky: bool = True
    """Whether this answer is stored under the idempotency key."""


class DomainRefusal(Exception):  # noqa: N818  (a refusal, not an error)
    """A domain rule refuses the request. `recorded`: the attempt is in the event log."""

    def __init__(self, code: int, detail: str = "", *, recorded: bool = False) -> None:
        super().__init__(f"{code}: {detail or REFUSAL_CODES[code][1]}")
        self.code = code
        self.detail = detail
        self.recorded = recorded


class InvalidFields(Exception):  # noqa: N818
    """A request does not fit its schema: pairs of field and reason."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in fields))
        self.fields = list(fields)


class GatewayRefusal(Exception):  # noqa: N818
    """The gateway answers before the API is reached."""

    def __init__(self, answer: SimulatedResponse) -> None:
        super().__init__(f"{answer.status}")
        self.answer = answer


_trace_numbers = itertools.count(1)


def make_trace_id() -> str:
    """Make a trace id in the W3C form, unique within the process."""
    number = next(_trace_numbers)
    return f"00-{number:032x}-{number:016x}-00"


def build_json_response(
    status: int,
    value: Any,
    *,
    content_type: str = JSON_TYPE,
    headers: Mapping[str, str] | None = None,
) -> SimulatedResponse:
    """Answer with a JSON body."""
    return SimulatedResponse(
        status, orjson.dumps(value), content_type, tuple((headers or {}).items())
    )


def build_problem(
    status: int, title: str, detail: str, instance: str, extra: list[dict[str, str]] | None
) -> SimulatedResponse:
    """Answer with a problem object.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/
    """
    body = {
        "type": f"https://httpstatuses.io/{status}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "traceId": make_trace_id(),
        "extraDetails": extra,
    }
    return build_json_response(status, body, content_type=PROBLEM_JSON_TYPE)


def build_domain_problem(refusal: DomainRefusal, instance: str) -> SimulatedResponse:
    """Answer a broken domain rule: exactly one numeric code, as text, in `extraDetails`."""
    status, title = REFUSAL_CODES[refusal.code]
    extra = [{"name": "ErrorCode", "reason": str(refusal.code)}]
    answer = build_problem(status, title, refusal.detail or title, instance, extra)
    return answer._replace(sticky=refusal.code not in TRANSIENT_CODES)


def build_field_problem(invalid: InvalidFields, instance: str) -> SimulatedResponse:
    """Answer a request that breaks its schema: one entry per bad field, no code."""
    extra = [{"name": name, "reason": reason} for name, reason in invalid.fields]
    return build_problem(400, "Bad Request", "See extraDetails for each field.", instance, extra)


def build_gateway_response(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> SimulatedResponse:
    """Answer as the gateway in front of the APIs does: not a problem object.

    Source: https://learn.microsoft.com/azure/api-management/api-management-error-handling-policies
    """
    body = {"statusCode": status, "message": message}
    return build_json_response(status, body, headers=headers)._replace(sticky=False)
