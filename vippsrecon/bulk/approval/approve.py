"""Record and check approvals of a plan: who approved which digest, row count and sums, until when.

An approval records that a person with access to this database, under this operating system
account, approved this digest. It does not prove who that person was: a name given with --as is
not verified (docs/bulk-refunds.md explains how to obtain proof).
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.people import detect_account, is_same_person, normalize_person_name
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.bulk.plan.rules import check_plan
from vippsrecon.bulk.times import format_journal_time, format_plan_time, parse_plan_time
from vippsrecon.errors import PlanError
from vippsrecon.money import format_amount, format_count
from vippsrecon.store import (
    Draft,
    Entry,
    Store,
    append_entries,
    read_entries,
    record_plan,
    sum_planner_totals,
)

APPROVAL_VALIDITY = timedelta(hours=24)
"""How long an approval is valid."""

COMBINED_SUM_WINDOW = timedelta(hours=24)
"""A planner's plans within this time are added together, so that splitting a plan has no effect."""


class Approval(NamedTuple):
    """A valid approval.

    Attributes:
        approver: The name given, else the operating system account.
        os_account: The operating system account the approval was given under.
        host: The machine's name.
        at: When it was given.
        expires_at: Until when rows may be started.
    """

    approver: str
    os_account: str
    host: str
    at: datetime
    expires_at: datetime


def register_plan(store: Store, plan: Plan, *, at: datetime) -> None:
    """Record a plan's digest permanently, before the plan is approved or carried out.

    Raises:
        PlanError: The plan's id is recorded with another digest: the file was changed.
        StoreError: The database cannot be used.
    """
    detail = {
        "count": plan.count,
        "totals": plan.totals,
        "planner": plan.planner,
        "made_at": plan.made_at,
        "expires_at": plan.expires_at,
        "host": plan.host,
        "msns": list(plan.msns),
        "source": plan.source._asdict(),
    }
    at_text = format_journal_time(at)
    record_plan(
        store, plan.plan_id, compute_digest(plan), plan.environment, plan.verb, at_text, detail
    )


def approve(
    plan: Plan,
    store: Store,
    *,
    approver: str | None = None,
    os_account: str | None = None,
    host: str | None = None,
    now: datetime | None = None,
    limits: Limits | None = None,
) -> Entry:
    """Record in the journal that this exact plan was approved. Moves no money.

    Args:
        plan: The plan.
        store: The workspace database it will be carried out with.
        approver: Who approves; None: the operating system account.
        os_account: The operating system account; None: ask the system.
        host: The machine's name; None: ask the system.
        now: Server time; None: local time.
        limits: Amounts above which a second person must approve; None: the default limits.

    Returns:
        The journal entry.

    Raises:
        PlanError: The plan breaks a rule, has expired, or was changed after it was first
            recorded; or a person other than its planner must approve it.
        StoreError: The database cannot be used.
    """
    check_plan(plan)
    now = now or datetime.now(UTC)
    limits = limits or Limits()
    account = os_account or detect_account()
    approver_name = normalize_person_name(approver or account)
    if now >= parse_plan_time(plan.expires_at):
        raise PlanError(f"The plan expired at {plan.expires_at}. Make a new plan")
    _refuse_self_approval(plan, store, approver_name, now, limits)
    register_plan(store, plan, at=now)
    # Check again now that this plan is recorded: if two plans are approved at the same moment, at
    # least one of the two checks sees both.
    _refuse_self_approval(plan, store, approver_name, now, limits)
    detail = {
        "digest": compute_digest(plan),
        "count": plan.count,
        "totals": plan.totals,
        "approver": approver_name,
        "os_account": account,
        "host": host or socket.gethostname(),
        "expires_at": format_plan_time(now + APPROVAL_VALIDITY),
    }
    draft = Draft("approved", detail=detail, at=format_journal_time(now))
    return append_entries(store, plan.plan_id, [draft])[0]


def find_valid_approval(plan: Plan, store: Store, limits: Limits, now: datetime) -> Approval:
    """Return the approval under which a plan may be carried out.

    Args:
        plan: The plan; its digest is computed from its present content.
        store: The workspace database.
        limits: The present limits. An approval given before they were lowered may not suffice.
        now: Server time.

    Raises:
        PlanError: There is no approval, it is of another digest, it has expired, or it is the
            planner's own where a second person must approve.
        StoreError: The database cannot be used.
    """
    approved_content = {"digest": compute_digest(plan), "count": plan.count, "totals": plan.totals}
    reason = (
        f"Plan {plan.plan_id} is not approved in {store.url_masked}. Approve it with "
        "vippsrecon approve and the name of the plan's file"
    )
    second_approver_reason = explain_second_approver(plan, limits)
    for entry in read_entries(store, plan.plan_id, kinds=("approved",)):
        detail = _parse_detail(entry)
        if any(detail.get(name) != value for name, value in approved_content.items()):
            reason = (
                f"The approval of {entry.at} is of another plan than this file. Approve this file"
            )
            continue
        approval = _parse_approval(entry, detail)
        if now >= approval.expires_at:
            reason = (
                f"The approval by {approval.approver} expired at "
                f"{format_plan_time(approval.expires_at)}. Approve the plan again"
            )
        elif second_approver_reason and is_same_person(approval.approver, plan.planner):
            reason = (
                f"{second_approver_reason}, and {approval.approver} planned it. Another person must "
                "approve it"
            )
        else:
            return approval
    raise PlanError(f"{reason}. Nothing was sent")


def explain_second_approver(
    plan: Plan, limits: Limits, other_totals: Mapping[str, int] | None = None
) -> str:
    """Explain why a person other than the planner must approve a plan; "" if none is needed.

    Args:
        plan: The plan.
        limits: The limits.
        other_totals: Currency to the sum of the planner's other plans of the last 24 hours.
    """
    for currency, total in plan.totals.items():
        own_limit = limits.own_approval_up_to(currency)
        if total > own_limit or own_limit == 0:
            return (
                f"Its {format_amount(total, currency)} are above the "
                f"{_format_own_limit(own_limit, currency)}"
            )
        other_total = (other_totals or {}).get(currency, 0)
        if total + other_total > own_limit:
            return (
                f"Its {format_amount(total, currency)} and the {format_amount(other_total, currency)} "
                f"of {plan.planner}'s other plans of the last 24 hours are together above the "
                f"{_format_own_limit(own_limit, currency)}"
            )
    for row in plan.rows:
        row_limit = limits.row_limit(row.currency)
        if row_limit is not None and row.amount_minor > row_limit:
            return (
                f"Row {row.row} ({row.reference}) moves "
                f"{format_amount(row.amount_minor, row.currency)}, which is above the row_limit of "
                f"{format_amount(row_limit, row.currency)}"
            )
    return ""


def summarize_plan(plan: Plan) -> str:
    """Describe in one line what an approval covers: number of rows, verb and sums."""
    sums = " and ".join(format_amount(total, currency) for currency, total in plan.totals.items())
    return f"{format_count(plan.count, plan.verb)}, {sums} in total"


def _refuse_self_approval(
    plan: Plan, store: Store, approver: str, now: datetime, limits: Limits
) -> None:
    """Refuse the planner's own approval if a second person must approve."""
    if not is_same_person(approver, plan.planner):
        return
    since = format_journal_time(now - COMBINED_SUM_WINDOW)
    other_totals = sum_planner_totals(
        store,
        lambda name: bool(name) and is_same_person(name, plan.planner),
        plan.environment,
        since,
        but=plan.plan_id,
    )
    second_approver_reason = explain_second_approver(plan, limits, other_totals)
    if second_approver_reason:
        raise PlanError(
            f"{second_approver_reason}, so a person other than its planner ({plan.planner}) must "
            "approve it, under their own account: vippsrecon approve --as THEIR_NAME"
        )


def _format_own_limit(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} that a planner may approve alone (own_approval_up_to)"


def _parse_approval(entry: Entry, detail: Mapping[str, Any]) -> Approval:
    return Approval(
        str(detail["approver"]),
        str(detail["os_account"]),
        str(detail["host"]),
        datetime.fromisoformat(entry.at),
        parse_plan_time(str(detail["expires_at"])),
    )


def _parse_detail(entry: Entry) -> dict[str, Any]:
    detail: dict[str, Any] = orjson.loads(entry.detail)
    return detail
