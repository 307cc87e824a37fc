"""What is to be planned, wherever it was asked for: a list, a report, discrepancies in Python."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vippsrecon.bulk.plan.frames_in import build_report_rows
from vippsrecon.bulk.plan.from_discrepancies import select_requests
from vippsrecon.bulk.plan.payments import collect_snapshots
from vippsrecon.bulk.plan.rows import PaymentKey, PaymentSnapshot, Request
from vippsrecon.bulk.plan.rules import Aggregate
from vippsrecon.errors import InputError
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.sources.plan_list.read import PlanList, build_plan_list, read_plan_list
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.reviewed_report.read import (
    ReviewedReport,
    looks_like_report,
    read_reviewed_report,
)

if TYPE_CHECKING:
    import pandas as pd


class RequestSet(NamedTuple):
    """What is to be planned, wherever it was asked for.

    Attributes:
        requests: One per payment.
        refused: Rows that are none, with their reasons.
        notes: What else the planner should know.
        kind, name, sha256: As of `plan.Source`.
        seen: The payments as the report had them; None: they are read now.
        fetched_at: When the report's payments were read; None likewise.
        environment: The report's; "" where nothing says.
    """

    requests: list[Request]
    refused: list[Reject]
    notes: list[str]
    kind: str
    name: str
    sha256: str
    seen: Mapping[PaymentKey, PaymentSnapshot] | None = None
    fetched_at: datetime | None = None
    environment: str = ""


def collect_requests(
    found: Reconciliation | pd.DataFrame | str | Path,
    verb: str,
    *,
    payments: pd.DataFrame | None,
    only: str | Collection[str] | None,
    default_msn: str | None,
) -> RequestSet:
    """Return what is asked for by whatever `plan_refunds` and its like take."""
    kept = [only] if isinstance(only, str) else only
    cancels = verb == "cancel"
    if isinstance(found, Reconciliation):
        return _convert_reconciliation(found.collect(), verb, kept)
    if isinstance(found, str | Path):
        if looks_like_report(Path(found)):
            return read_report_requests(found, verb, kept)
        return read_list_requests(found, verb, default_msn)
    if not hasattr(found, "columns"):
        raise InputError(
            f"a {type(found).__name__} is nothing to plan from: hand in a Reconciliation, a frame, or "
            "the path of a list or a report"
        )
    if {"discrepancy_id", "proposal_minor"} <= set(found.columns):
        if payments is None:
            raise InputError(
                "discrepancies alone do not say what they were found with: hand in payments= too, "
                "or the Reconciliation"
            )
        return _convert_frames(found, payments, verb, kept)
    return _convert_list(build_plan_list(found, default_msn=default_msn, cancels=cancels), "python")


def read_list_requests(
    path: str | Path, verb: str, default_msn: str | None, mapping: str | Path | None = None
) -> RequestSet:
    """Return what a list asks for; its headings may be the user's own."""
    read = read_plan_list(path, default_msn=default_msn, cancels=verb == "cancel", mapping=mapping)
    return _convert_list(read, "list")


def read_report_requests(
    path: str | Path, verb: str, only: Collection[str] | None = None
) -> RequestSet:
    """Return what a report's *Discrepancies* ask for, as their owners decided."""
    return _convert_report(read_reviewed_report(path), verb, only)


def _convert_list(read: PlanList, kind: str) -> RequestSet:
    wishes = [Request(*row, discrepancy_id=None) for row in read.rows]
    rejects = read.rejects.astype(object).where(read.rejects.notna(), None)
    refused = [Reject(*row) for row in rejects.itertuples(index=False, name=None)]
    name = "" if kind == "python" else read.name
    return RequestSet(wishes, refused, [], kind, name, read.sha256)


def _convert_report(report: ReviewedReport, verb: str, only: Collection[str] | None) -> RequestSet:
    said = select_requests(report.rows, verb, report.name, only)
    seen = {
        key: PaymentSnapshot(one.currency, one.state, Aggregate(*one[4:8]), one.fetched_at)
        for key, one in report.payments.items()
    }
    return RequestSet(
        said.requests,
        [*report.refused, *said.refused],
        said.notes,
        "report",
        report.name,
        report.sha256,
        seen,
        report.fetched_at,
        report.environment,
    )


def _convert_reconciliation(
    found: Reconciliation, verb: str, only: Collection[str] | None
) -> RequestSet:
    asked = _convert_frames(found.discrepancies, found.payments, verb, only)
    return asked._replace(environment=str(found.manifest.get("environment") or ""))


def _convert_frames(
    discrepancies: pd.DataFrame, payments: pd.DataFrame, verb: str, only: Collection[str] | None
) -> RequestSet:
    seen = collect_snapshots(payments)
    said = select_requests(build_report_rows(discrepancies), verb, "discrepancies", only)
    fetched = max((one.fetched_at for one in seen.values()), default=None)
    return RequestSet(said.requests, said.refused, said.notes, "python", "", "", seen, fetched)
