"""Collect the requests for a plan from a list, a report, or discrepancies in Python."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.plan.from_discrepancies import select_requests
from vippsrecon.bulk.plan.payments import collect_snapshots
from vippsrecon.bulk.plan.rows import PaymentSnapshot
from vippsrecon.errors import InputError
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.sources.plan_list.read import PlanList, build_plan_list, read_plan_list
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.requests import PaymentKey, Request
from vippsrecon.sources.reviewed_report.read import (
    ReportRow,
    ReviewedReport,
    looks_like_report,
    read_reviewed_report,
)

if TYPE_CHECKING:
    import pandas as pd

_REPORT_COLUMNS = (
    "discrepancy_id",
    "kind",
    "msn",
    "reference",
    "order_number",
    "currency",
    "expected_minor",
    "actual_minor",
    "at_risk_minor",
    "proposal",
    "proposal_minor",
    "next_step",
    "flags",
)


class RequestSet(NamedTuple):
    """All requests for one plan, whatever their source.

    Attributes:
        requests: One per payment.
        refused: Rows that are not usable requests, with their reasons.
        notes: What else the planner should know.
        kind, name, sha256: As in `model.Source`.
        reported: The payments as the report had them; None: they must be read now.
        fetched_at: When the report's payments were read; None for a list.
        environment: The report's environment; "" where the source does not state one.
    """

    requests: list[Request]
    refused: list[Reject]
    notes: list[str]
    kind: str
    name: str
    sha256: str
    reported: Mapping[PaymentKey, PaymentSnapshot] | None = None
    fetched_at: datetime | None = None
    environment: str = ""


def collect_requests(
    source: Reconciliation | pd.DataFrame | str | Path,
    verb: str,
    *,
    payments: pd.DataFrame | None,
    only: str | Collection[str] | None,
    default_msn: str | None,
) -> RequestSet:
    """Collect requests from any source that `plan_refunds` and the other planners accept."""
    selection = [only] if isinstance(only, str) else only
    cancels = verb == "cancel"
    if isinstance(source, Reconciliation):
        return _convert_reconciliation(source.collect(), verb, selection)
    if isinstance(source, str | Path):
        if looks_like_report(Path(source)):
            return read_report_requests(source, verb, selection)
        return read_list_requests(source, verb, default_msn)
    if not hasattr(source, "columns"):
        raise InputError(
            f"Cannot plan from a {type(source).__name__}. Give a Reconciliation, a frame, or the "
            "path of a list or a report"
        )
    if {"discrepancy_id", "proposal_minor"} <= set(source.columns):
        if payments is None:
            raise InputError(
                "Discrepancies do not contain the totals of their payments. Give payments= too, "
                "or give the Reconciliation"
            )
        return _convert_frames(source, payments, verb, selection)
    return _convert_list(
        build_plan_list(source, default_msn=default_msn, cancels=cancels), "python"
    )


def read_list_requests(
    path: str | Path, verb: str, default_msn: str | None, mapping: str | Path | None = None
) -> RequestSet:
    """Read the requests of a list. `mapping` names a file that translates its column headings."""
    plan_list = read_plan_list(
        path, default_msn=default_msn, cancels=verb == "cancel", mapping=mapping
    )
    return _convert_list(plan_list, "list")


def read_report_requests(
    path: str | Path, verb: str, only: Collection[str] | None = None
) -> RequestSet:
    """Read the requests in a report's *Discrepancies* sheet, according to the decisions there."""
    return _convert_report(read_reviewed_report(path), verb, only)


def build_report_rows(discrepancies: pd.DataFrame) -> list[ReportRow]:
    """Convert a frame of `schemas.DISCREPANCIES` to the rows a report has, numbered from 1.

    Columns `decision` and `note` are used as in a report, where the frame has them.
    """
    optional = [name for name in ("decision", "note") if name in discrepancies.columns]
    table = pa.Table.from_pandas(discrepancies[[*_REPORT_COLUMNS, *optional]], preserve_index=False)
    return [
        ReportRow(
            row=number,
            **{
                name: values[name] for name in _REPORT_COLUMNS if name not in ("reference", "flags")
            },
            reference=values["reference"] or "",
            flags=values["flags"] or "",
            decision=(values.get("decision") or "").strip(),
            note=" ".join((values.get("note") or "").split()),
        )
        for number, values in enumerate(table.to_pylist(), start=1)
    ]


def _convert_list(plan_list: PlanList, kind: str) -> RequestSet:
    name = "" if kind == "python" else plan_list.name
    requests, refused = list(plan_list.requests), list(plan_list.refused)
    return RequestSet(requests, refused, [], kind, name, plan_list.sha256)


def _convert_report(report: ReviewedReport, verb: str, only: Collection[str] | None) -> RequestSet:
    selected = select_requests(report.rows, verb, report.name, only)
    reported = {
        key: PaymentSnapshot(
            payment.currency, payment.state, Aggregate(*payment[4:8]), payment.fetched_at
        )
        for key, payment in report.payments.items()
    }
    return RequestSet(
        selected.requests,
        [*report.refused, *selected.refused],
        selected.notes,
        "report",
        report.name,
        report.sha256,
        reported,
        report.fetched_at,
        report.environment,
    )


def _convert_reconciliation(
    reconciliation: Reconciliation, verb: str, only: Collection[str] | None
) -> RequestSet:
    requests = _convert_frames(reconciliation.discrepancies, reconciliation.payments, verb, only)
    environment = str(reconciliation.manifest.get("environment") or "")
    return requests._replace(environment=environment)


def _convert_frames(
    discrepancies: pd.DataFrame, payments: pd.DataFrame, verb: str, only: Collection[str] | None
) -> RequestSet:
    reported = collect_snapshots(payments)
    selected = select_requests(build_report_rows(discrepancies), verb, "discrepancies", only)
    fetched_at = max((payment.fetched_at for payment in reported.values()), default=None)
    return RequestSet(
        selected.requests,
        selected.refused,
        selected.notes,
        "python",
        "",
        "",
        reported,
        fetched_at,
    )
