"""The approval of a plan: who, of exactly which digest, count and sums, until when.

An approval says that somebody at this database, under this account, approved this digest. It
does not prove who sat there: a name given is a name given (docs/bulk-refunds.md says how to make
it proof).
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
"""How long an approval holds."""

COMBINED_SUM_WINDOW = timedelta(hours=24)
"""A planner's plans of this long are counted together."""


class Approval(NamedTuple):
    """An approval that stands.

    Attributes:
        approver: As they named themselves, or the machine's account named them.
        os_account: The account it was given under.
        host: The machine.
        at: When.
        expires_at: Until when rows may be begun.
    """

    approver: str
    os_account: str
    host: str
    at: datetime
    expires_at: datetime


def register_plan(store: Store, plan: Plan, *, at: datetime) -> None:
    """Remember a plan's digest for ever, before anything is said or done about it.

    Raises:
        PlanError: The plan's id is known with another digest: the file was changed.
        StoreError: The database cannot be used.
    """
    said = {
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
        store, plan.plan_id, compute_digest(plan), plan.environment, plan.verb, at_text, said
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
    """Keep in the journal that this plan, as it stands, was approved. Moves nothing.

    Args:
        plan: The plan.
        store: The workspace database it will be carried out with.
        approver: Who approves; None: the machine's account.
        os_account: The machine's account; None: asked of the machine.
        host: The machine's name; None: asked of the machine.
        now: The house's clock; None: the machine's.
        limits: From when on a second person is needed; None: the usual limits.

    Returns:
        The journal's entry.

    Raises:
        PlanError: The plan is unsound, expired, or was changed after it was first seen; or it
            needs somebody else than its planner.
        StoreError: The database cannot be used.
    """
    check_plan(plan)
    now = now or datetime.now(UTC)
    limits = limits or Limits()
    account = os_account or detect_account()
    who = normalize_person_name(approver or account)
    if now >= parse_plan_time(plan.expires_at):
        raise PlanError(f"the plan expired at {plan.expires_at}; make a new one")
    _refuse_self_approval(plan, store, who, now, limits)
    register_plan(store, plan, at=now)
    # Again, now that the plan counts: of two approved at the same moment one at least sees both.
    _refuse_self_approval(plan, store, who, now, limits)
    said = {
        "digest": compute_digest(plan),
        "count": plan.count,
        "totals": plan.totals,
        "approver": who,
        "os_account": account,
        "host": host or socket.gethostname(),
        "expires_at": format_plan_time(now + APPROVAL_VALIDITY),
    }
    draft = Draft("approved", detail=said, at=format_journal_time(now))
    return append_entries(store, plan.plan_id, [draft])[0]


def find_valid_approval(plan: Plan, store: Store, limits: Limits, now: datetime) -> Approval:
    """Return the approval a plan may be carried out under.

    Args:
        plan: The plan, its digest computed from what it says now.
        store: The workspace database.
        limits: As they are now: lowered since, an approval may not do any more.
        now: The house's clock.

    Raises:
        PlanError: There is none, it is of another digest, it expired, or it is the planner's own
            where a second person is needed.
        StoreError: The database cannot be used.
    """
    wanted = {"digest": compute_digest(plan), "count": plan.count, "totals": plan.totals}
    why = f"plan {plan.plan_id} is not approved in {store.url_masked}: vippsrecon approve does that"
    needed = explain_second_approver(plan, limits)
    for entry in read_entries(store, plan.plan_id, kinds=("approved",)):
        said = _parse_detail(entry)
        if any(said.get(name) != value for name, value in wanted.items()):
            why = f"the approval of {entry.at} is of another plan than this file: approve this one"
            continue
        approval = _parse_approval(entry, said)
        if now >= approval.expires_at:
            why = f"the approval by {approval.approver} expired at {format_plan_time(approval.expires_at)}"
            why += "; approve the plan again"
        elif needed and is_same_person(approval.approver, plan.planner):
            why = f"{needed}, and {approval.approver} planned it: somebody else has to approve it"
        else:
            return approval
    raise PlanError(f"{why}. Nothing was sent")


def explain_second_approver(
    plan: Plan, limits: Limits, beside: Mapping[str, int] | None = None
) -> str:
    """Return why somebody else than the planner has to approve a plan, or "".

    Args:
        plan: The plan.
        limits: The limits.
        beside: Currency to the sum of the planner's other plans of the last 24 hours.
    """
    for currency, total in plan.totals.items():
        alone = limits.own_approval_up_to(currency)
        if total > alone or alone == 0:
            return f"its {format_amount(total, currency)} are above the {_format_own_limit(alone, currency)}"
        others = (beside or {}).get(currency, 0)
        if total + others > alone:
            return (
                f"its {format_amount(total, currency)} and the {format_amount(others, currency)} of "
                f"{plan.planner}'s other plans of the last 24 hours are together above the "
                f"{_format_own_limit(alone, currency)}"
            )
    for row in plan.rows:
        most = limits.row_limit(row.currency)
        if most is not None and row.amount_minor > most:
            return (
                f"row {row.row} ({row.reference}) moves {format_amount(row.amount_minor, row.currency)},"
                f" above the {format_amount(most, row.currency)} of row_limit"
            )
    return ""


def summarize_plan(plan: Plan) -> str:
    """Return what an approval is of, in one line."""
    sums = " and ".join(format_amount(total, currency) for currency, total in plan.totals.items())
    return f"{format_count(plan.count, plan.verb)}, {sums} in all"


def _refuse_self_approval(
    plan: Plan, store: Store, who: str, now: datetime, limits: Limits
) -> None:
    """Refuse the planner's own approval where a second person is needed."""
    if not is_same_person(who, plan.planner):
        return
    since = format_journal_time(now - COMBINED_SUM_WINDOW)
    beside = sum_planner_totals(
        store,
        lambda name: bool(name) and is_same_person(name, plan.planner),
        plan.environment,
        since,
        but=plan.plan_id,
    )
    needed = explain_second_approver(plan, limits, beside)
    if needed:
        raise PlanError(
            f"{needed}, so somebody else than its planner ({plan.planner}) has to approve it: "
            "vippsrecon approve with --as their name, at their own account"
        )


def _format_own_limit(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} a planner may approve alone (own_approval_up_to)"


def _parse_approval(entry: Entry, said: Mapping[str, Any]) -> Approval:
    return Approval(
        str(said["approver"]),
        str(said["os_account"]),
        str(said["host"]),
        datetime.fromisoformat(entry.at),
        parse_plan_time(str(said["expires_at"])),
    )


def _parse_detail(entry: Entry) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(entry.detail)
    return said
