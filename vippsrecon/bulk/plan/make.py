"""Plans made: from a list, from a report people decided on, from discrepancies in Python.

    list, report, frame ──► wishes ──► held against payments and journal ──► Plan
                              │                    │
                              └────────────────────┴──► refused, each with its reason

Planning reads and moves nothing. A row that cannot be planned never stops the others and is never
dropped: `Plan.refused` has it. What is planned is fixed here, `all` included.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vippsrecon.bulk.approval.approve import detect_account, normalize_person_name
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import PLAN_FORMAT, Plan, Source, check_plan, format_plan_time
from vippsrecon.bulk.plan.payments import read_payments
from vippsrecon.bulk.plan.requests import RequestSet, collect_requests
from vippsrecon.bulk.plan.rows import (
    PaymentKey,
    PaymentSnapshot,
    Request,
    RequestRejectedError,
    RowOptions,
    build_plan_rows,
    build_reject,
)
from vippsrecon.bulk.plan.since import refuse_if_changed, split_already_planned
from vippsrecon.config.settings import HOSTS, Settings, load_settings
from vippsrecon.errors import ConfigurationError, InputError, PlanError
from vippsrecon.money import format_count
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.sources.rejects import Reject
from vippsrecon.store import read_attempts

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client
    from vippsrecon.store import Store

PLAN_VALIDITY_HOURS = 72
"""How long a plan may be carried out after it was made."""


class NothingToPlanError(PlanError):
    """No row can be planned.

    Attributes:
        refused: What was asked for, and why it cannot be planned.
        notes: What else the planner should know.
    """

    def __init__(self, sentence: str, refused: Iterable[Reject], notes: Iterable[str]) -> None:
        """Keep what was refused beside the sentence."""
        super().__init__(sentence)
        self.refused = tuple(refused)
        self.notes = tuple(notes)


class PlanOptions(NamedTuple):
    """How a plan is made: see `plan_refunds`."""

    verb: str
    client: Client | None = None
    settings: Settings | None = None
    store: Store | None = None
    planner: str | None = None
    duplicate: Collection[str] = ()
    cancel_created: bool = False
    expires_hours: float = PLAN_VALIDITY_HOURS
    now: datetime | None = None
    progress: bool = False


def plan_refunds(
    found: Reconciliation | pd.DataFrame | str | Path,
    *,
    client: Client | None = None,
    payments: pd.DataFrame | None = None,
    settings: Settings | None = None,
    store: Store | None = None,
    planner: str | None = None,
    only: str | Collection[str] | None = None,
    duplicate: Collection[str] = (),
    expires_hours: float = PLAN_VALIDITY_HOURS,
    now: datetime | None = None,
    progress: bool = False,
) -> Plan:
    """Plan refunds. Moves nothing.

    Args:
        found: A Reconciliation; its discrepancies (then `payments` too); a report's workbook; or
            a list with the columns reference, amount, currency and maybe msn, reason, note,
            document_ref, as a frame, CSV or XLSX. Amounts there are major units, or `all`.
        client: Who reads payments. A list needs one; with one, a payment that moved since the
            report is refused already now.
        payments: `schemas.PAYMENTS` the discrepancies were found with.
        settings: Environment, sales units, limits, where there is no client; None: gathered.
        store: The workspace database: what other plans did since the report is refused.
        planner: Who plans; None: the machine's account.
        only: Codes or discrepancy ids to keep to.
        duplicate: References insisted upon though they look like an operation made before.
        expires_hours: How long the plan may be carried out.
        now: The house's clock; None: the client's, else the machine's.
        progress: Show a bar where there is a terminal.

    Returns:
        The plan; `plan.refused` and `plan.rejects()` say what is not in it, and why.

    Raises:
        NothingToPlanError: No row can be planned.
        PlanError: A report too old, or of another environment.
        SourceError: The file cannot be read.
        ConfigurationError: A setting that is needed is missing.
    """
    how = PlanOptions(
        "refund", client, settings, store, planner, duplicate, False, expires_hours, now, progress
    )
    return _collect_and_plan(found, payments, only, how)


def plan_captures(
    found: Reconciliation | pd.DataFrame | str | Path,
    *,
    client: Client | None = None,
    payments: pd.DataFrame | None = None,
    settings: Settings | None = None,
    store: Store | None = None,
    planner: str | None = None,
    only: str | Collection[str] | None = None,
    duplicate: Collection[str] = (),
    expires_hours: float = PLAN_VALIDITY_HOURS,
    now: datetime | None = None,
    progress: bool = False,
) -> Plan:
    """Plan captures; as `plan_refunds`."""
    how = PlanOptions(
        "capture", client, settings, store, planner, duplicate, False, expires_hours, now, progress
    )
    return _collect_and_plan(found, payments, only, how)


def plan_cancels(
    found: Reconciliation | pd.DataFrame | str | Path,
    *,
    client: Client | None = None,
    payments: pd.DataFrame | None = None,
    settings: Settings | None = None,
    store: Store | None = None,
    planner: str | None = None,
    only: str | Collection[str] | None = None,
    duplicate: Collection[str] = (),
    created: bool = False,
    expires_hours: float = PLAN_VALIDITY_HOURS,
    now: datetime | None = None,
    progress: bool = False,
) -> Plan:
    """Plan cancels, which release all that is reserved; as `plan_refunds`.

    Args:
        found: Likewise; a list may leave the amount empty.
        client: Likewise, and all that follow.
        payments: Likewise.
        settings: Likewise.
        store: Likewise.
        planner: Likewise.
        only: Likewise.
        duplicate: Likewise.
        created: Payments nobody has paid yet are cancelled too.
        expires_hours: Likewise.
        now: Likewise.
        progress: Likewise.
    """
    how = PlanOptions(
        "cancel", client, settings, store, planner, duplicate, created, expires_hours, now, progress
    )
    return _collect_and_plan(found, payments, only, how)


def _collect_and_plan(
    found: Reconciliation | pd.DataFrame | str | Path,
    payments: pd.DataFrame | None,
    only: str | Collection[str] | None,
    how: PlanOptions,
) -> Plan:
    msn = _choose_settings(how).default_msn
    asked = collect_requests(found, how.verb, payments=payments, only=only, default_msn=msn)
    return make_plan(asked, how)


def make_plan(asked: RequestSet, how: PlanOptions) -> Plan:
    """Return the plan of what was asked for, with what was refused beside it.

    Raises:
        As `plan_refunds`.
    """
    settings = _choose_settings(how)
    environment, host = _choose_environment(asked, settings)
    if how.client is None and asked.seen is None:
        raise ConfigurationError(
            "a list says nothing of its payments, so they are read first: hand in a client"
        )
    if not asked.requests:
        raise NothingToPlanError(
            _describe_nothing_to_plan(asked.refused, how.verb), asked.refused, asked.notes
        )
    _set_clock(asked, how)
    limits = Limits.from_settings(settings.limits)
    _refuse_old_report(asked, _get_current_time(how), limits)
    wishes, refused, seen = _check_against_payments(asked, how)
    # Again: a client kept open knows the time by its last answer, and now has answers.
    _refuse_old_report(asked, _get_current_time(how), limits)
    if how.store is not None and asked.seen is not None:
        attempts = read_attempts(
            how.store, environment, [(one.msn, one.reference) for one in wishes]
        )
        wishes, late = split_already_planned(wishes, seen, attempts, how.verb, file=asked.name)
        refused += late
    terms = RowOptions(how.verb, how.cancel_created, frozenset(how.duplicate))
    rows, unfit = build_plan_rows(wishes, seen, terms, asked.name)
    refused = sorted([*asked.refused, *refused, *unfit], key=lambda one: one.source_row)
    if not rows:
        raise NothingToPlanError(_describe_nothing_to_plan(refused, how.verb), refused, asked.notes)
    unknown = sorted(set(how.duplicate) - {row.reference for row in rows})
    if unknown:
        raise InputError(f"--duplicate {unknown[0]}: the plan has no row for this reference")
    now = _get_current_time(how)
    fetched = min(seen[row.msn, row.reference].fetched_at for row in rows)
    plan = Plan(
        format=PLAN_FORMAT,
        plan_id=str(uuid.uuid4()),
        verb=how.verb,
        environment=environment,
        host=host,
        msns=tuple(sorted({row.msn for row in rows})),
        planner=normalize_person_name(how.planner or detect_account()),
        made_at=format_plan_time(now),
        expires_at=format_plan_time(now + timedelta(hours=how.expires_hours)),
        source=Source(asked.kind, asked.name, asked.sha256, format_plan_time(fetched)),
        cancel_created=how.cancel_created,
        rows=tuple(rows),
        refused=tuple(refused),
        notes=tuple(asked.notes),
    )
    check_plan(plan)
    return plan


def _choose_settings(how: PlanOptions) -> Settings:
    if how.client is not None:
        return how.client.settings
    return how.settings if how.settings is not None else load_settings(offline=True)


def _choose_environment(asked: RequestSet, settings: Settings) -> tuple[str, str]:
    """Return environment and API host of a plan, refusing a report of another environment."""
    ours, theirs = settings.environment, asked.environment
    if ours and theirs and ours != theirs:
        raise PlanError(
            f"the report is of {theirs} and VIPPS_ENVIRONMENT says {ours}: a plan is for the "
            "environment its payments live in"
        )
    environment = ours or theirs
    base_url = settings.base_url or HOSTS.get(environment, "")
    host = urlsplit(base_url).hostname
    if not environment or not host:
        raise ConfigurationError(
            "VIPPS_ENVIRONMENT is not set: say which of test, production and simulator is meant "
            "(and VIPPS_BASE_URL for the simulator), since a plan is for one of them"
        )
    return environment, host


def _set_clock(asked: RequestSet, how: PlanOptions) -> None:
    """Let one answer set the house's clock, before an age is read off it."""
    if how.client is None or asked.fetched_at is None or how.now is not None:
        return
    for msn in sorted({wish.msn for wish in asked.requests})[:1]:
        how.client.check_keys(msn)


def _get_current_time(how: PlanOptions) -> datetime:
    if how.now is not None:
        return how.now
    return how.client.now() if how.client is not None else datetime.now(UTC)


def _refuse_old_report(asked: RequestSet, now: datetime, limits: Limits) -> None:
    if asked.fetched_at is None:
        return
    age = now - asked.fetched_at
    if age > timedelta(hours=limits.max_report_age_hours):
        raise PlanError(
            f"{asked.name or 'this reconciliation'} is too old to plan from: its payments were "
            f"fetched at {format_plan_time(asked.fetched_at)}, {age / timedelta(hours=1):.0f} hours ago, and "
            f"{limits.max_report_age_hours:g} are allowed (max_report_age_hours). Reconcile anew"
        )


def _check_against_payments(
    asked: RequestSet, how: PlanOptions
) -> tuple[list[Request], list[Reject], Mapping[PaymentKey, PaymentSnapshot]]:
    """Return the wishes whose payments can be relied on, the others refused, and the payments."""
    if how.client is None:
        assert asked.seen is not None
        return asked.requests, [], asked.seen
    keys = [(wish.msn, wish.reference) for wish in asked.requests]
    fresh = read_payments(how.client, keys, progress=how.progress)
    kept: list[Request] = []
    refused: list[Reject] = []
    for wish in asked.requests:
        key = (wish.msn, wish.reference)
        try:
            if key in fresh.unread:
                raise RequestRejectedError(fresh.unread[key], "reference", wish.reference)
            if asked.seen is not None and key in asked.seen:
                refuse_if_changed(asked.seen[key], fresh.seen[key])
            kept.append(wish)
        except RequestRejectedError as error:
            refused.append(build_reject(asked.name, wish, error))
    return kept, refused, asked.seen if asked.seen is not None else fresh.seen


def _describe_nothing_to_plan(refused: Collection[Reject], verb: str) -> str:
    if not refused:
        return f"there is no {verb} to plan: nothing asks for one"
    first = next(iter(refused))
    file = f" of {first.source_file}" if first.source_file else ""
    said = first.describe().replace(":", f"{file}:", 1)
    return (
        f"no row can be planned: {format_count(len(refused), 'row')} refused, the first one {said}"
    )
