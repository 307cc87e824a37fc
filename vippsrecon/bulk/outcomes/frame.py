"""The `outcomes` frame: one row per plan row, with what is left to do; and its control totals.

Made after a run, or from the journal at any later time. It makes no request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.row_result import WOULD_DO, RowResult
from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES, RunResult
from vippsrecon.bulk.outcomes.follow_up import (
    choose_customer_notice,
    describe_outcome,
    needs_credit_note,
    needs_shop_update,
)
from vippsrecon.bulk.plan.model import Plan, PlanRow, compute_idempotency_key
from vippsrecon.bulk.times import parse_timestamp
from vippsrecon.config.settings import SalesUnit
from vippsrecon.schemas import OUTCOMES, to_pandas, validate
from vippsrecon.texts import use_language

if TYPE_CHECKING:
    import pandas as pd

DRY_RUN_OUTCOMES = (WOULD_DO, "already_done", "refused", "skipped")

OUTCOMES_WORST_FIRST = ("unknown", "refused", "skipped", WOULD_DO, "already_done", "done")
"""Outcomes in the order in which users should read them."""


class ControlTotal(NamedTuple):
    """The control total of one currency: the outcomes must add up to the plan.

    Attributes:
        currency: Currency of all amounts here; amounts of different currencies are never added.
        planned: (rows, minor units) in the plan.
        by_outcome: (rows, minor units) for each outcome.
    """

    currency: str
    planned: tuple[int, int]
    by_outcome: Mapping[str, tuple[int, int]]

    @property
    def agrees(self) -> bool:
        """Whether the rows and the amount both add up."""
        rows = sum(rows for rows, _ in self.by_outcome.values())
        minor = sum(minor for _, minor in self.by_outcome.values())
        return (rows, minor) == self.planned


def build_outcomes(run: RunResult) -> pd.DataFrame:
    """Build the frame `schemas.OUTCOMES`, in the plan's order.

    Raises:
        SchemaError: A value does not fit the schema, which would be an error in this package.
    """
    plan = run.plan
    units = {msn: SalesUnit(msn) for msn in plan.msns} | {unit.msn: unit for unit in run.units}
    rows = {row.row: row for row in plan.rows}
    rows_of_values = (
        _build_outcome_row(run, rows[result.row], result, units[rows[result.row].msn])
        for result in sorted(run.results, key=lambda result: result.row)
    )
    values = list(rows_of_values)
    schema = OUTCOMES.arrow_schema()
    arrays = [pa.array([row[field.name] for row in values], field.type) for field in schema]
    frame: pd.DataFrame = validate(to_pandas(pa.Table.from_arrays(arrays, schema=schema)), OUTCOMES)
    return frame


def _build_outcome_row(
    run: RunResult, row: PlanRow, result: RowResult, unit: SalesUnit
) -> dict[str, Any]:
    """Return the values of one row of `OUTCOMES`, by column."""
    plan, outcome = run.plan, result.outcome
    return {
        **build_row_values(plan.verb, row, result, unit),
        "plan_id": plan.plan_id,
        "status": result.status,
        "code": result.code or None,
        "trace_id": result.trace_id or None,
        "planner": plan.planner,
        "approver": run.approver or None,
        "carrier": run.carrier or None,
        "idempotency_key": compute_idempotency_key(plan.plan_id, plan.verb, row),
        "credit_note_needed": needs_credit_note(plan.verb, row, outcome),
        "shop_to_update": needs_shop_update(row, outcome),
        "customer_notice": choose_customer_notice(plan.verb, row, outcome, unit) or None,
        "flags": result.flags,
    }


def build_row_values(verb: str, row: PlanRow, result: RowResult, unit: SalesUnit) -> dict[str, Any]:
    """Return the columns of `OUTCOMES` that a plan row and its result alone determine."""
    event_at = _parse_optional_timestamp(result.event_at)
    with use_language("en"):
        sentence = describe_outcome(verb, row, result)
    return {
        "row": row.row,
        "verb": verb,
        "msn": row.msn,
        "reference": row.reference,
        "order_number": row.order_number,
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "outcome": result.outcome,
        "sentence": sentence,
        "psp_reference": result.psp_reference,
        "event_at": event_at,
        "booking_date": compute_booking_date(event_at, unit),
        **name_totals("before", result.before),
        **name_totals("after", result.after),
        "reason": row.reason,
        "note": row.note or None,
        "document_ref": row.document_ref or None,
        "vat_minor": row.vat_minor,
        "discrepancy_id": row.discrepancy_id,
    }


def name_totals(when: str, totals: Sequence[int] | None) -> dict[str, int | None]:
    """Return a payment's four totals by column of `OUTCOMES`; None for unknown totals.

    >>> name_totals("after", (1000, 1000, 0, 0))["captured_after_minor"]
    1000
    """
    names = [f"{name.removesuffix('_minor')}_{when}_minor" for name in Aggregate._fields]
    return dict(zip(names, totals or (None,) * len(names), strict=True))


def compute_booking_date(at: datetime | None, unit: SalesUnit) -> date | None:
    """Return the booking date of an operation: the local day in the sales unit's time zone.

    >>> compute_booking_date(parse_timestamp("2026-01-31T23:30:00Z"), SalesUnit("123456"))
    datetime.date(2026, 2, 1)
    """
    return None if at is None else at.astimezone(ZoneInfo(unit.zone)).date()


def compute_control_totals(
    plan: Plan, results: Iterable[RowResult], *, live: bool = True
) -> tuple[ControlTotal, ...]:
    """Return the control total of each currency of a plan.

    Args:
        plan: The plan.
        results: The results of its rows.
        live: Whether it was a live run, which has no outcome `would_do`.
    """
    names = LIVE_OUTCOMES if live else DRY_RUN_OUTCOMES
    rows = {row.row: row for row in plan.rows}
    planned: dict[str, list[int]] = {}
    for row in plan.rows:
        _add_amount(planned.setdefault(row.currency, [0, 0]), row.amount_minor)
    by_outcome = {currency: {name: [0, 0] for name in names} for currency in planned}
    for result in results:
        row = rows[result.row]
        _add_amount(by_outcome[row.currency].setdefault(result.outcome, [0, 0]), row.amount_minor)
    return tuple(
        ControlTotal(
            currency,
            (count, minor),
            {name: (rows, minor) for name, (rows, minor) in by_outcome[currency].items()},
        )
        for currency, (count, minor) in sorted(planned.items())
    )


def sort_worst_first(results: Iterable[RowResult]) -> list[RowResult]:
    """Sort results by outcome, the ones to check first, then in the plan's order."""
    return sorted(
        results, key=lambda result: (OUTCOMES_WORST_FIRST.index(result.outcome), result.row)
    )


def _add_amount(to: list[int], minor: int) -> None:
    to[0] += 1
    to[1] += minor


def _parse_optional_timestamp(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)
