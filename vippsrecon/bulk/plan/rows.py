"""Turn requests into plan rows by comparing each request with its payment.

A request becomes a plan row, or a reject with its reason. No request is dropped, and no amount is
reduced to what the payment allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount
from vippsrecon.bulk.people import UNPRINTABLE
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.money import format_amount
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.requests import PaymentKey, Request


class PaymentSnapshot(NamedTuple):
    """A payment's currency, state and totals when it was read."""

    currency: str
    state: str
    aggregate: Aggregate
    fetched_at: datetime


class RequestRejectedError(Exception):
    """A request cannot become a plan row. Planning turns it into a reject.

    Attributes:
        column: The column with the invalid value, or None.
        value: That value, or None.
    """

    def __init__(self, reason: str, column: str | None = None, value: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value


class RowOptions(NamedTuple):
    """Options that all rows of one plan share.

    Attributes:
        verb: refund, capture or cancel.
        cancel_created: Payments the customer has not approved yet may be cancelled.
        duplicate: References whose rows deliberately repeat an earlier operation.
    """

    verb: str
    cancel_created: bool
    duplicate: frozenset[str]


def build_plan_rows(
    requests: Iterable[Request],
    payments: Mapping[PaymentKey, PaymentSnapshot],
    options: RowOptions,
    file: str,
) -> tuple[list[PlanRow], list[Reject]]:
    """Build numbered plan rows from requests, and rejects from the requests that do not fit.

    Args:
        requests: One per payment.
        payments: The payments, as read now or as the report has them.
        options: Options of the whole plan.
        file: The source file of the requests, for the rejects.
    """
    rows: list[PlanRow] = []
    refused: list[Reject] = []
    for request in requests:
        try:
            payment = payments.get((request.msn, request.reference))
            if payment is None:
                raise RequestRejectedError(
                    "its payment was not read", "reference", request.reference
                )
            rows.append(_build_plan_row(len(rows) + 1, request, payment, options))
        except RequestRejectedError as error:
            refused.append(build_reject(file, request, error))
    return rows, refused


def build_reject(file: str, request: Request, error: RequestRejectedError) -> Reject:
    """Convert a request that cannot be planned to a reject, which always names the payment."""
    if error.column in (None, "reference"):
        return Reject(file, request.source_row, error.column, request.reference, str(error))
    reason = f"{request.reference}: {error}"
    return Reject(file, request.source_row, error.column, error.value, reason)


def _build_plan_row(
    number: int, request: Request, payment: PaymentSnapshot, options: RowOptions
) -> PlanRow:
    if request.currency is not None and request.currency != payment.currency:
        raise RequestRejectedError(
            f"the payment is in {payment.currency}; a refund, capture or cancel is in the payment's "
            "own currency",
            "currency",
            request.currency,
        )
    for name in ("note", "document_ref", "order_number"):
        text = getattr(request, name)
        if text and UNPRINTABLE.search(text) is not None:
            raise RequestRejectedError(
                "contains a character that cannot be displayed", name, ascii(text)
            )
    amount_minor = _choose_amount(request, payment, options)
    return PlanRow(
        number,
        request.msn,
        request.reference,
        request.order_number,
        payment.currency,
        amount_minor,
        request.reason,
        request.note,
        request.document_ref,
        request.vat_minor,
        request.discrepancy_id,
        *payment.aggregate,
        request.reference in options.duplicate,
    )


def _choose_amount(request: Request, payment: PaymentSnapshot, options: RowOptions) -> int:
    """Return the amount in minor units: the requested amount, or everything the payment allows."""
    allowed_minor = compute_allowed_amount(options.verb, payment.aggregate)
    if options.verb != "refund" and payment.state == "CREATED":
        if options.verb == "cancel" and options.cancel_created:
            return 0
        hint = ". To cancel such payments too, add --created" if options.verb == "cancel" else ""
        raise RequestRejectedError(
            f"the customer has not approved it yet, so nothing is reserved{hint}"
        )
    if allowed_minor == 0:
        raise RequestRejectedError(
            _NOTHING_LEFT_TEXTS[options.verb].format(**_format_aggregate(payment))
        )
    if request.amount_minor is None:
        return allowed_minor
    requested = format_amount(request.amount_minor, payment.currency)
    allowed = format_amount(allowed_minor, payment.currency)
    if request.amount_minor > allowed_minor:
        raise RequestRejectedError(
            _TOO_MUCH_TEXTS[options.verb].format(requested=requested, allowed=allowed),
            "amount",
            requested,
        )
    # A cancel has no amount at Vipps MobilePay, so a partial cancel cannot be done.
    if options.verb == "cancel" and request.amount_minor != allowed_minor:
        raise RequestRejectedError(
            f"a cancel releases everything that is reserved, which is {allowed} and not {requested}. "
            "Leave the amount empty, or first capture what must still be captured",
            "amount",
            requested,
        )
    return request.amount_minor


_NOTHING_LEFT_TEXTS = {
    "refund": "nothing is left to refund: {captured} captured, {refunded} refunded",
    "capture": "nothing is left to capture: {authorized} reserved, {captured} captured, "
    "{cancelled} released",
    "cancel": "nothing is reserved any more: {captured} captured, {cancelled} released",
}
_TOO_MUCH_TEXTS = {
    "refund": "{requested} is more than the {allowed} that can still be refunded",
    "capture": "{requested} is more than the {allowed} that can still be captured",
    "cancel": "{requested} is more than the {allowed} that is reserved",
}


def _format_aggregate(payment: PaymentSnapshot) -> dict[str, str]:
    return {
        name.removesuffix("_minor"): format_amount(minor, payment.currency)
        for name, minor in payment.aggregate._asdict().items()
    }
