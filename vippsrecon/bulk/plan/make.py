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

from vippsrecon.bulk.approval.approve import person, this_account
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import FORMAT, Plan, Source, check_plan, stamp
from vippsrecon.bulk.plan.payments import read_now
from vippsrecon.bulk.plan.requests import Asked, asked_for
from vippsrecon.bulk.plan.rows import NoRowError, Payment, Seen, Terms, Wish, no_row, rows_of
from vippsrecon.bulk.plan.since import moved_since, not_planned_since
from vippsrecon.config.settings import HOSTS, Settings, load_settings
from vippsrecon.errors import ConfigurationError, InputError, PlanError
from vippsrecon.money import counted
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.sources.reviewed_report.read import Refused
from vippsrecon.store import attempts_on

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client
    from vippsrecon.store import Store

LASTS_HOURS = 72
"""How long a plan may be carried out after it was made."""


class NothingToPlanError(PlanError):
    """No row can be planned.

    Attributes:
        refused: What was asked for, and why it cannot be planned.
        notes: What else the planner should know.
    """

    def __init__(self, sentence: str, refused: Iterable[Refused], notes: Iterable[str]) -> None:
        """Keep what was refused beside the sentence."""
        super().__init__(sentence)
        self.refused = tuple(refused)
        self.notes = tuple(notes)


class How(NamedTuple):
    """How a plan is made: see `plan_refunds`."""

    verb: str
    client: Client | None = None
    settings: Settings | None = None
    store: Store | None = None
    planner: str | None = None
    duplicate: Collection[str] = ()
    cancel_created: bool = False
    expires_hours: float = LASTS_HOURS
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
    expires_hours: float = LASTS_HOURS,
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
    how = How(
        "refund", client, settings, store, planner, duplicate, False, expires_hours, now, progress
    )
    return _plan(found, payments, only, how)


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
    expires_hours: float = LASTS_HOURS,
    now: datetime | None = None,
    progress: bool = False,
) -> Plan:
    """Plan captures; as `plan_refunds`."""
    how = How(
        "capture", client, settings, store, planner, duplicate, False, expires_hours, now, progress
    )
    return _plan(found, payments, only, how)


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
    expires_hours: float = LASTS_HOURS,
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
    how = How(
        "cancel", client, settings, store, planner, duplicate, created, expires_hours, now, progress
    )
    return _plan(found, payments, only, how)


def _plan(
    found: Reconciliation | pd.DataFrame | str | Path,
    payments: pd.DataFrame | None,
    only: str | Collection[str] | None,
    how: How,
) -> Plan:
    msn = _settings(how).default_msn
    asked = asked_for(found, how.verb, payments=payments, only=only, default_msn=msn)
    return make(asked, how)


def make(asked: Asked, how: How) -> Plan:
    """Return the plan of what was asked for, with what was refused beside it.

    Raises:
        As `plan_refunds`.
    """
    settings = _settings(how)
    environment, host = _where(asked, settings)
    if how.client is None and asked.seen is None:
        raise ConfigurationError(
            "a list says nothing of its payments, so they are read first: hand in a client"
        )
    if not asked.wishes:
        raise NothingToPlanError(_nothing(asked.refused, how.verb), asked.refused, asked.notes)
    _set_clock(asked, how)
    limits = Limits.of(settings.limits)
    _refuse_old(asked, _now(how), limits)
    wishes, refused, seen = _held_against_payments(asked, how)
    # Again: a client kept open knows the time by its last answer, and now has answers.
    _refuse_old(asked, _now(how), limits)
    if how.store is not None and asked.seen is not None:
        attempts = attempts_on(how.store, environment, [(one.msn, one.reference) for one in wishes])
        wishes, late = not_planned_since(wishes, seen, attempts, how.verb, file=asked.name)
        refused += late
    terms = Terms(how.verb, how.cancel_created, frozenset(how.duplicate))
    rows, unfit = rows_of(wishes, seen, terms, asked.name)
    refused = sorted([*asked.refused, *refused, *unfit], key=lambda one: one.source_row)
    if not rows:
        raise NothingToPlanError(_nothing(refused, how.verb), refused, asked.notes)
    unknown = sorted(set(how.duplicate) - {row.reference for row in rows})
    if unknown:
        raise InputError(f"--duplicate {unknown[0]}: the plan has no row for this reference")
    now = _now(how)
    fetched = min(seen[row.msn, row.reference].fetched_at for row in rows)
    plan = Plan(
        format=FORMAT,
        plan_id=str(uuid.uuid4()),
        verb=how.verb,
        environment=environment,
        host=host,
        msns=tuple(sorted({row.msn for row in rows})),
        planner=person(how.planner or this_account()),
        made_at=stamp(now),
        expires_at=stamp(now + timedelta(hours=how.expires_hours)),
        source=Source(asked.kind, asked.name, asked.sha256, stamp(fetched)),
        cancel_created=how.cancel_created,
        rows=tuple(rows),
        refused=tuple(refused),
        notes=tuple(asked.notes),
    )
    check_plan(plan)
    return plan


def _settings(how: How) -> Settings:
    if how.client is not None:
        return how.client.settings
    return how.settings if how.settings is not None else load_settings(offline=True)


def _where(asked: Asked, settings: Settings) -> tuple[str, str]:
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


def _set_clock(asked: Asked, how: How) -> None:
    """Let one answer set the house's clock, before an age is read off it."""
    if how.client is None or asked.fetched_at is None or how.now is not None:
        return
    for msn in sorted({wish.msn for wish in asked.wishes})[:1]:
        how.client.check_keys(msn)


def _now(how: How) -> datetime:
    if how.now is not None:
        return how.now
    return how.client.now() if how.client is not None else datetime.now(UTC)


def _refuse_old(asked: Asked, now: datetime, limits: Limits) -> None:
    if asked.fetched_at is None:
        return
    age = now - asked.fetched_at
    if age > timedelta(hours=limits.max_report_age_hours):
        raise PlanError(
            f"{asked.name or 'this reconciliation'} is too old to plan from: its payments were "
            f"fetched at {stamp(asked.fetched_at)}, {age / timedelta(hours=1):.0f} hours ago, and "
            f"{limits.max_report_age_hours:g} are allowed (max_report_age_hours). Reconcile anew"
        )


def _held_against_payments(
    asked: Asked, how: How
) -> tuple[list[Wish], list[Refused], Mapping[Payment, Seen]]:
    """Return the wishes whose payments can be relied on, the others refused, and the payments."""
    if how.client is None:
        assert asked.seen is not None
        return asked.wishes, [], asked.seen
    keys = [(wish.msn, wish.reference) for wish in asked.wishes]
    fresh = read_now(how.client, keys, progress=how.progress)
    kept: list[Wish] = []
    refused: list[Refused] = []
    for wish in asked.wishes:
        key = (wish.msn, wish.reference)
        try:
            if key in fresh.unread:
                raise NoRowError(fresh.unread[key], "reference", wish.reference)
            if asked.seen is not None and key in asked.seen:
                moved_since(asked.seen[key], fresh.seen[key])
            kept.append(wish)
        except NoRowError as error:
            refused.append(no_row(asked.name, wish, error))
    return kept, refused, asked.seen if asked.seen is not None else fresh.seen


def _nothing(refused: Collection[Refused], verb: str) -> str:
    if not refused:
        return f"there is no {verb} to plan: nothing asks for one"
    first = next(iter(refused))
    file = f" of {first.source_file}" if first.source_file else ""
    said = first.in_words().replace(":", f"{file}:", 1)
    return f"no row can be planned: {counted(len(refused), 'row')} refused, the first one {said}"
