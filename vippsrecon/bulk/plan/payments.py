"""Read the payments of a plan, and reject requests that another plan has already carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.plan.rows import (
    PaymentSnapshot,
    RequestRejectedError,
    build_reject,
)
from vippsrecon.bulk.times import format_plan_time, parse_timestamp
from vippsrecon.bulk.verbs import PAST_TENSE
from vippsrecon.errors import ConfigurationError, ForbiddenError, UnauthorizedError
from vippsrecon.fetching import fetch
from vippsrecon.schemas import EVENTS
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.requests import PaymentKey, Request
from vippsrecon.store import Attempt

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client

KINDS_WITHOUT_EFFECT = ("refused", "skipped")
"""Outcomes of a plan row that leave the payment unchanged."""

_COLUMNS = ("msn", "reference", "currency", "state", *Aggregate._fields, "fetched_at")


class PaymentBatch(NamedTuple):
    """Payments as read now, and the reason for each one that could not be read.

    `events` are their event logs (`schemas.EVENTS`); empty unless they were requested.
    """

    payments: dict[PaymentKey, PaymentSnapshot]
    unread: dict[PaymentKey, str]
    events: pd.DataFrame


def read_payments(
    client: Client,
    payments: Iterable[PaymentKey],
    *,
    events: bool = False,
    progress: bool = False,
) -> PaymentBatch:
    """Read payments from Vipps MobilePay, many at once.

    A payment is in `unread`, with its reason, if Vipps MobilePay does not know it, if it could
    not be read, or if the keys of its sales unit are missing or not accepted.

    Raises:
        NoAnswerError: As `fetch`.
    """
    keys = list(dict.fromkeys(payments))
    unusable_units = _find_units_without_keys(client, sorted({msn for msn, _ in keys}))
    unread = {key: unusable_units[key[0]] for key in keys if key[0] in unusable_units}
    readable = [key for key in keys if key[0] not in unusable_units]
    if not readable:
        return PaymentBatch({}, unread, EVENTS.empty())
    fetched = fetch(readable, client, events=events, progress=progress)
    for failure in _list_rows(fetched.failures):
        unread[failure["msn"], failure["reference"]] = _explain_failure(failure)
    return PaymentBatch(collect_snapshots(fetched.payments), unread, fetched.events)


def refuse_unread(
    requests: Iterable[Request], batch: PaymentBatch, file: str
) -> tuple[list[Request], list[Reject]]:
    """Separate the requests whose payment could not be read, as rejects."""
    readable: list[Request] = []
    refused: list[Reject] = []
    for request in requests:
        if request.key in batch.unread:
            reason = batch.unread[request.key]
            error = RequestRejectedError(reason, "reference", request.reference)
            refused.append(build_reject(file, request, error))
        else:
            readable.append(request)
    return readable, refused


def collect_snapshots(payments: pd.DataFrame) -> dict[PaymentKey, PaymentSnapshot]:
    """Convert a frame of `schemas.PAYMENTS` to one snapshot per payment."""
    return {
        (row["msn"], row["reference"]): PaymentSnapshot(
            row["currency"],
            row["state"],
            Aggregate(*(row[name] for name in Aggregate._fields)),
            row["fetched_at"],
        )
        for row in _list_rows(payments[list(_COLUMNS)])
    }


def split_already_planned(
    requests: Sequence[Request],
    payments: Mapping[PaymentKey, PaymentSnapshot],
    attempts: Mapping[PaymentKey, Sequence[Attempt]],
    verb: str,
    *,
    file: str,
) -> tuple[list[Request], list[Reject]]:
    """Separate requests whose payment another plan changed after the payment was read.

    The report cannot include a later operation of the same verb. It cannot include an operation
    with an open outcome either, however old that operation is.

    Args:
        requests: One per payment.
        payments: The payments as the report has them.
        attempts: The operations that the journal holds for each payment.
        verb: refund, capture or cancel.
        file: The source file of the requests, for the rejects.

    Returns:
        The requests that may be planned, and the rejects.
    """
    accepted: list[Request] = []
    refused: list[Reject] = []
    for request in requests:
        payment = payments.get((request.msn, request.reference))
        newer = [
            attempt
            for attempt in attempts.get((request.msn, request.reference), [])
            if attempt.verb == verb
            and payment is not None
            and _is_unknown_to_report(attempt, payment)
        ]
        if newer:
            refused.append(
                build_reject(file, request, _build_already_planned_error(newer[0], verb))
            )
        else:
            accepted.append(request)
    return accepted, refused


def _find_units_without_keys(client: Client, msns: list[str]) -> dict[str, str]:
    """Return the sales units that cannot be read with the available keys, and why."""
    reasons: dict[str, str] = {}
    for msn in msns:
        try:
            client.settings.keys_of(msn)
            client.check_keys(msn)
        except (ConfigurationError, UnauthorizedError, ForbiddenError) as error:
            reasons[msn] = f"sales unit {msn} cannot be read: {error}"
    return reasons


def _explain_failure(failure: dict[str, Any]) -> str:
    if failure["status"] == 404:
        return (
            f"sales unit {failure['msn']} has no payment with this reference in this environment. "
            "Check for a typing error, another sales unit's reference, or lost leading zeros"
        )
    if failure["operation"] == "not_sent":
        return f"cannot be a reference of Vipps MobilePay: {failure['detail']}"
    cause = failure["detail"] or failure["title"]
    return f"its payment could not be read now ({cause}). Plan it later, in a separate plan"


def _is_unknown_to_report(attempt: Attempt, payment: PaymentSnapshot) -> bool:
    if attempt.kind in KINDS_WITHOUT_EFFECT:
        return False
    still_open = attempt.kind in ("intended", "unknown")
    return still_open or parse_timestamp(attempt.intended_at) > payment.fetched_at


def _build_already_planned_error(attempt: Attempt, verb: str) -> RequestRejectedError:
    at = format_plan_time(parse_timestamp(attempt.intended_at))
    return RequestRejectedError(
        f"row {attempt.row} of plan {attempt.plan_id} {PAST_TENSE[verb]} it at {at} ({attempt.kind}), "
        "which the report had not seen. Run reconcile again"
    )


def _list_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    return rows
