"""Payments as they stand: read from Vipps MobilePay now, or as a frame has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.plan.rows import PaymentKey, PaymentSnapshot
from vippsrecon.errors import ConfigurationError, ForbiddenError, UnauthorizedError
from vippsrecon.fetching import fetch

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client

_COLUMNS = ("msn", "reference", "currency", "state", *Aggregate._fields, "fetched_at")


class PaymentBatch(NamedTuple):
    """What reading payments came to: those there are, and why each other one is not."""

    seen: dict[PaymentKey, PaymentSnapshot]
    unread: dict[PaymentKey, str]


def read_payments(
    client: Client, payments: Iterable[PaymentKey], *, progress: bool = False
) -> PaymentBatch:
    """Read payments from Vipps MobilePay, many at once.

    A payment that is not known there, could not be read, or whose sales unit has no keys that are
    accepted, is in `unread` with its reason.

    Raises:
        NoAnswerError: As `fetch`.
    """
    wanted = list(dict.fromkeys(payments))
    shut = _find_units_without_keys(client, sorted({msn for msn, _ in wanted}))
    unread = {payment: shut[payment[0]] for payment in wanted if payment[0] in shut}
    asked = [payment for payment in wanted if payment[0] not in shut]
    if not asked:
        return PaymentBatch({}, unread)
    fetched = fetch(asked, client, events=False, progress=progress)
    for row in _list_rows(fetched.failures):
        unread[row["msn"], row["reference"]] = _explain_failure(row)
    return PaymentBatch(collect_snapshots(fetched.payments), unread)


def collect_snapshots(payments: pd.DataFrame) -> dict[PaymentKey, PaymentSnapshot]:
    """Return the payments of a frame of `schemas.PAYMENTS`."""
    return {
        (row["msn"], row["reference"]): PaymentSnapshot(
            row["currency"],
            row["state"],
            Aggregate(*(row[name] for name in Aggregate._fields)),
            row["fetched_at"],
        )
        for row in _list_rows(payments[list(_COLUMNS)])
    }


def _find_units_without_keys(client: Client, msns: list[str]) -> dict[str, str]:
    """Return the sales units that cannot be read with the keys there are, and why."""
    shut: dict[str, str] = {}
    for msn in msns:
        try:
            client.settings.keys_of(msn)
            client.check_keys(msn)
        except (ConfigurationError, UnauthorizedError, ForbiddenError) as error:
            shut[msn] = f"sales unit {msn} cannot be read: {error}"
    return shut


def _explain_failure(row: dict[str, Any]) -> str:
    if row["status"] == 404:
        return (
            f"sales unit {row['msn']} has no payment with this reference in this environment: a "
            "typing error, another sales unit's, or zeros lost in front"
        )
    if row["operation"] == "not_sent":
        return f"cannot be a reference of Vipps MobilePay: {row['detail']}"
    said = row["detail"] or row["title"]
    return f"its payment could not be read now ({said}): plan it later, in a plan of its own"


def _list_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    return rows
