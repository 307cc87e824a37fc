"""A plan: which payments to refund, capture or cancel, and by how much. A plan moves no money.

Planning makes a `Plan`, `plan.file` writes and reads it, and `plan.rules` checks it. A plan
cannot be changed: a changed plan has another digest, so an approval no longer covers it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.display.views import frame_of, html_of
from vippsrecon.errors import PlanError, VippsReconError
from vippsrecon.money import format_amount, format_count

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.sources.rejects import Reject

KEY_NAMESPACE = uuid.UUID("6f1c2d3e-5b7a-5c46-9d0e-2a8b1f4e7c90")
"""Namespace of the idempotency keys.

Never change it: a row sent earlier would get another key, and could be carried out twice.
"""


class Source(NamedTuple):
    """What a plan was made from.

    Attributes:
        kind: "report", "list" or "python".
        name: Name of the file, without its folder; "" for a plan made in Python.
        sha256: SHA-256 of the file's bytes; "" for a plan made in Python.
        fetched_at: When the totals in the rows were read from Vipps MobilePay; the earliest time.
    """

    kind: str
    name: str
    sha256: str
    fetched_at: str


class PlanRow(NamedTuple):
    """One operation on one payment, and the payment's totals when it was planned.

    Attributes:
        row: Row number, from 1, without gaps.
        msn, reference: The payment.
        order_number: The number the shop shows, where known.
        currency: Currency of every amount in the row.
        amount_minor: Amount to refund, capture or release, in minor units. 0 only for the
            cancel of a payment that the customer has not approved yet.
        reason: One of `rules.REASONS`.
        note, document_ref: What the planner wrote, such as the number of a credit note.
        vat_minor: VAT included in the amount, where known.
        discrepancy_id: Discrepancies the row corrects, joined by one space; None for a list.
        authorized_minor, captured_minor, refunded_minor, cancelled_minor: The payment's totals
            when planned. If they differ when the plan is carried out, the row is refused.
        duplicate: The planner confirmed that the row deliberately repeats an earlier operation.
    """

    row: int
    msn: str
    reference: str
    order_number: str | None
    currency: str
    amount_minor: int
    reason: str
    note: str
    document_ref: str
    vat_minor: int | None
    discrepancy_id: str | None
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    cancelled_minor: int
    duplicate: bool

    @property
    def aggregate(self) -> Aggregate:
        """The payment's four totals when it was planned."""
        return Aggregate(
            self.authorized_minor, self.captured_minor, self.refunded_minor, self.cancelled_minor
        )


@dataclass(frozen=True)
class Plan:
    """Operations of one verb on many payments, for one environment. It cannot be changed.

    Attributes:
        format: `rules.PLAN_FORMAT` of the version that made it.
        plan_id: A random UUID.
        verb: "refund", "cancel" or "capture".
        environment: Where it may be carried out: "test", "production" or "simulator".
        host: The API host of that environment.
        msns: The sales units of the rows, sorted.
        planner: Who made it: the name given, else the operating system account.
        made_at, expires_at: UTC, such as 2026-01-31T23:00:00Z. No row is started after it expires.
        source: What it was made from.
        cancel_created: Payments the customer has not approved yet may be cancelled too.
        rows: One operation per payment.
        refused: Requests that are not in the plan, with their reasons. Not part of the file.
        notes: What else the planner should know. Not part of the file.
        language: In which notebooks show it: of the comparison or settings it was made with; None: the
            current one. Not part of the file.
    """

    format: int
    plan_id: str
    verb: str
    environment: str
    host: str
    msns: tuple[str, ...]
    planner: str
    made_at: str
    expires_at: str
    source: Source
    cancel_created: bool
    rows: tuple[PlanRow, ...]
    refused: tuple[Reject, ...] = field(default=(), compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)
    language: str | None = field(default=None, compare=False, repr=False)

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def totals(self) -> dict[str, int]:
        """Currency to the sum of its rows, in minor units. Currencies are never added together."""
        return sum_by_currency(self.rows)

    def __repr__(self) -> str:
        """Describe the plan in one line, without its rows."""
        return f"<Plan {self.plan_id}: {self.short_description}, {self.environment}>"

    @property
    def short_description(self) -> str:
        """Number of rows and sum per currency, for a sentence."""
        try:
            sums = [format_amount(total, currency) for currency, total in self.totals.items()]
        except VippsReconError as error:  # a plan built by hand has not been checked yet
            sums = [str(error)]
        return ", ".join([format_count(self.count, self.verb), *sums])

    def summary(self) -> pd.DataFrame:
        """Return the number of rows and the sum per sales unit, currency and reason."""
        return frame_of(self, "summary")

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a frame."""
        return frame_of(self, "rows")

    def rejects(self) -> pd.DataFrame:
        """Return the requests that are not in the plan as a frame of `schemas.REJECTS`."""
        return frame_of(self, "rejects")

    def _repr_html_(self) -> str:
        return html_of(self)


def compute_idempotency_key(plan_id: str, verb: str, row: PlanRow) -> str:
    """Compute the idempotency key of a row: the same operation always has the same key.

    36 characters, within the 50 that Vipps MobilePay accepts. Source:
    https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/#idempotency-key
    """
    operation = f"{plan_id}|{row.row}|{row.msn}|{row.reference}|{verb}|{row.amount_minor}"
    return str(uuid.uuid5(KEY_NAMESPACE, operation))


def sum_by_currency(rows: Iterable[PlanRow]) -> dict[str, int]:
    """Return currency to the sum of its rows in minor units, sorted by currency.

    Raises:
        PlanError: A row has no whole amount in minor units, or no currency.
    """
    totals: dict[str, int] = {}
    for row in rows:
        if type(row.amount_minor) is not int or type(row.currency) is not str:
            raise PlanError(f"row {row.row}: it has no amount in minor units, or no currency")
        totals[row.currency] = totals.get(row.currency, 0) + row.amount_minor
    return dict(sorted(totals.items()))
