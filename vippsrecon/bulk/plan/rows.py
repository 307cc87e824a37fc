"""What somebody wants done with a payment, held against the payment as it was seen.

A wish becomes a row of a plan or is refused with a reason; none is lost, none is made smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.plan.rules import UNPRINTABLE, Aggregate, compute_allowed_amount
from vippsrecon.money import format_amount
from vippsrecon.sources.rejects import Reject

PaymentKey = tuple[str, str]
"""(msn, reference)."""


class Request(NamedTuple):
    """One operation wanted on one payment.

    Attributes:
        source_row: Row of the file or frame it came from, from 1.
        msn, reference: The payment.
        order_number: Where known.
        currency: None where the list names none and means everything.
        amount_minor: None: everything the payment allows.
        reason, note, document_ref, vat_minor, discrepancy_id: As of `PlanRow`.
    """

    source_row: int
    msn: str
    reference: str
    order_number: str | None
    currency: str | None
    amount_minor: int | None
    reason: str
    note: str
    document_ref: str
    vat_minor: int | None
    discrepancy_id: str | None


class PaymentSnapshot(NamedTuple):
    """A payment as it was read."""

    currency: str
    state: str
    aggregate: Aggregate
    fetched_at: datetime


class RequestRejectedError(Exception):
    """A wish becomes no row of a plan. Never leaves `bulk`.

    Attributes:
        column: The column at fault, or None.
        value: What stood there, or None.
    """

    def __init__(self, reason: str, column: str | None = None, value: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value


class RowOptions(NamedTuple):
    """What all rows of one plan share.

    Attributes:
        verb: refund, capture or cancel.
        cancel_created: Payments nobody has paid yet may be cancelled.
        duplicate: References whose rows are insisted upon.
    """

    verb: str
    cancel_created: bool
    duplicate: frozenset[str]


def build_plan_rows(
    wishes: Iterable[Request],
    seen: Mapping[PaymentKey, PaymentSnapshot],
    terms: RowOptions,
    file: str,
) -> tuple[list[PlanRow], list[Reject]]:
    """Return the rows a plan can have, numbered, and what was refused."""
    rows: list[PlanRow] = []
    refused: list[Reject] = []
    for wish in wishes:
        try:
            payment = seen.get((wish.msn, wish.reference))
            if payment is None:
                raise RequestRejectedError("its payment was not read", "reference", wish.reference)
            rows.append(_build_plan_row(len(rows) + 1, wish, payment, terms))
        except RequestRejectedError as error:
            refused.append(build_reject(file, wish, error))
    return rows, refused


def build_reject(file: str, wish: Request, error: RequestRejectedError) -> Reject:
    """Return a wish that becomes no row as a reject, which always names the payment."""
    if error.column in (None, "reference"):
        return Reject(file, wish.source_row, error.column, wish.reference, str(error))
    return Reject(file, wish.source_row, error.column, error.value, f"{wish.reference}: {error}")


def _build_plan_row(
    number: int, wish: Request, seen: PaymentSnapshot, terms: RowOptions
) -> PlanRow:
    if wish.currency is not None and wish.currency != seen.currency:
        raise RequestRejectedError(
            f"the payment is in {seen.currency}; a refund, capture or cancel is in the payment's "
            "own currency",
            "currency",
            wish.currency,
        )
    for name in ("note", "document_ref", "order_number"):
        said = getattr(wish, name)
        if said and UNPRINTABLE.search(said) is not None:
            raise RequestRejectedError("holds a character that cannot be shown", name, ascii(said))
    amount = _choose_amount(wish, seen, terms)
    return PlanRow(
        number,
        wish.msn,
        wish.reference,
        wish.order_number,
        seen.currency,
        amount,
        wish.reason,
        wish.note,
        wish.document_ref,
        wish.vat_minor,
        wish.discrepancy_id,
        *seen.aggregate,
        wish.reference in terms.duplicate,
    )


def _choose_amount(wish: Request, seen: PaymentSnapshot, terms: RowOptions) -> int:
    """Return the amount as a number, which is what everything means by now."""
    most = compute_allowed_amount(terms.verb, seen.aggregate)
    if terms.verb != "refund" and seen.state == "CREATED":
        if terms.verb == "cancel" and terms.cancel_created:
            return 0
        hint = "; to cancel such payments too, say --created" if terms.verb == "cancel" else ""
        raise RequestRejectedError(f"nobody has paid it yet, so nothing is reserved{hint}")
    if most == 0:
        raise RequestRejectedError(
            _NOTHING_LEFT_TEXTS[terms.verb].format(**_format_aggregate(seen))
        )
    if wish.amount_minor is None:
        return most
    said = format_amount(wish.amount_minor, seen.currency)
    room = format_amount(most, seen.currency)
    if wish.amount_minor > most:
        raise RequestRejectedError(
            _TOO_MUCH_TEXTS[terms.verb].format(said=said, room=room), "amount", said
        )
    if terms.verb == "cancel" and wish.amount_minor != most:
        raise RequestRejectedError(
            f"a cancel releases everything reserved, which is {room} and not {said}; leave the "
            "amount empty, or capture first what is still to be captured",
            "amount",
            said,
        )
    return wish.amount_minor


_NOTHING_LEFT_TEXTS = {
    "refund": "nothing is left to refund: {captured} captured, {refunded} refunded",
    "capture": "nothing is left to capture: {authorized} reserved, {captured} captured, "
    "{cancelled} released",
    "cancel": "nothing is reserved any more: {captured} captured, {cancelled} released",
}
_TOO_MUCH_TEXTS = {
    "refund": "{said} is more than the {room} that can still be refunded",
    "capture": "{said} is more than the {room} that can still be captured",
    "cancel": "{said} is more than the {room} that is reserved",
}


def _format_aggregate(seen: PaymentSnapshot) -> dict[str, str]:
    return {
        name.removesuffix("_minor"): format_amount(minor, seen.currency)
        for name, minor in seen.aggregate._asdict().items()
    }
