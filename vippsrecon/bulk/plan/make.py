"""Make plans from a list, from a report with decisions, or from discrepancies in Python.

    list, report, frame ──► requests ──► compared with payments and journal ──► Plan
                               │                      │
                               └──────────────────────┴──► refused, each with its reason

Planning only reads; it moves no money. A request that cannot be planned does not stop the others,
and it is listed in `Plan.refused`. Amounts are fixed here, also where the list says `all`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.people import detect_account, normalize_person_name
from vippsrecon.bulk.plan.later_operations import check_against_payments
from vippsrecon.bulk.plan.model import Plan, Source
from vippsrecon.bulk.plan.payments import split_already_planned
from vippsrecon.bulk.plan.requests import RequestSet, collect_requests
from vippsrecon.bulk.plan.rows import RowOptions, build_plan_rows
from vippsrecon.bulk.plan.rules import PLAN_FORMAT, check_plan
from vippsrecon.bulk.times import format_plan_time
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import FILES_ENVIRONMENT, Settings
from vippsrecon.errors import ConfigurationError, InputError, PlanError
from vippsrecon.money import format_count
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.sources.rejects import Reject
from vippsrecon.store import read_attempts
from vippsrecon.vipps_rules import HOSTS

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.api import Client
    from vippsrecon.store import Store

PLAN_VALIDITY_HOURS = 72
"""Hours from making a plan until it expires."""


class NothingToPlanError(PlanError):
    """No row can be planned.

    Attributes:
        refused: The requests, and why they cannot be planned.
        notes: What else the planner should know.
    """

    def __init__(self, sentence: str, refused: Iterable[Reject], notes: Iterable[str]) -> None:
        """Store the rejects beside the message."""
        super().__init__(sentence)
        self.refused = tuple(refused)
        self.notes = tuple(notes)


class PlanOptions(NamedTuple):
    """The options of one plan; `plan_refunds` explains them."""

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


# The three planners repeat one list of parameters: help() and editors then show every name.


def plan_refunds(
    source: Reconciliation | pd.DataFrame | str | Path,
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
    """Plan refunds. Moves no money.

    Args:
        source: A Reconciliation; its discrepancies (then give `payments` too); a report workbook;
            or a list as a frame, CSV or XLSX. A list has the columns reference, amount and
            currency, and optionally msn, reason, note and document_ref. Its amounts are in major
            units, or `all`.
        client: Reads the payments. Required for a list. With a report, a request becomes smaller
            by what was moved since the report, or is refused; `plan.notes` lists which.
        payments: The frame of `schemas.PAYMENTS` that the discrepancies were found with.
        settings: Environment, sales units and limits, if there is no client; None: load them.
        store: The workspace database. With a report, payments that another plan changed since
            the report are refused.
        planner: Who makes the plan; None: the operating system account.
        only: Codes or discrepancy ids; other discrepancies are left out.
        duplicate: References whose rows deliberately repeat an earlier operation.
        expires_hours: Hours until the plan expires.
        now: Current time; None: the server time the client knows, else local time.
        progress: Show a progress bar in a terminal or a notebook.

    Returns:
        The plan. `plan.refused` and `plan.rejects()` list the requests that are not in it.

    Raises:
        NothingToPlanError: No row can be planned.
        PlanError: The report is too old, or is from another environment.
        SourceError: The file cannot be read.
        ConfigurationError: A required setting is missing.
    """
    options = PlanOptions(
        "refund", client, settings, store, planner, duplicate, False, expires_hours, now, progress
    )
    return _collect_and_plan(source, payments, only, options)


def plan_captures(
    source: Reconciliation | pd.DataFrame | str | Path,
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
    """Plan captures. Moves no money. Parameters and errors are those of `plan_refunds`."""
    options = PlanOptions(
        "capture", client, settings, store, planner, duplicate, False, expires_hours, now, progress
    )
    return _collect_and_plan(source, payments, only, options)


def plan_cancels(
    source: Reconciliation | pd.DataFrame | str | Path,
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
    """Plan cancels, which release everything that is reserved. Moves no money.

    Parameters and errors are those of `plan_refunds`, with two differences. In a list the amount
    may be empty. With `created`, payments the customer has not approved yet are cancelled too.
    """
    options = PlanOptions(
        "cancel", client, settings, store, planner, duplicate, created, expires_hours, now, progress
    )
    return _collect_and_plan(source, payments, only, options)


def _collect_and_plan(
    source: Reconciliation | pd.DataFrame | str | Path,
    payments: pd.DataFrame | None,
    only: str | Collection[str] | None,
    options: PlanOptions,
) -> Plan:
    settings = _choose_settings(options)
    requests = collect_requests(
        source, options.verb, payments=payments, only=only, default_msn=settings.default_msn
    )
    plan = make_plan(requests, options)
    language = source.language if isinstance(source, Reconciliation) else settings.language
    return replace(plan, language=language)


def make_plan(request_set: RequestSet, options: PlanOptions) -> Plan:
    """Make a plan from collected requests.

    Raises:
        As `plan_refunds`.
    """
    settings = _choose_settings(options)
    environment, host = _choose_environment(request_set, settings)
    if options.client is None and request_set.reported is None:
        raise ConfigurationError(
            "A list does not contain the totals of its payments, so they must be read first. "
            "Give a client"
        )
    if not request_set.requests:
        raise _build_nothing_to_plan_error(request_set.refused, request_set.notes, options.verb)
    _set_clock(request_set, options)
    limits = Limits.from_settings(settings.limits)
    _refuse_old_report(request_set, _get_current_time(options), limits)
    requests, refused, payments, notes = check_against_payments(
        request_set, options.client, options.verb, progress=options.progress
    )
    # Check the age again: an open client takes the time from its last answer, and it has
    # received answers only now.
    _refuse_old_report(request_set, _get_current_time(options), limits)
    if options.store is not None and request_set.reported is not None:
        keys = [(request.msn, request.reference) for request in requests]
        attempts = read_attempts(options.store, environment, keys)
        requests, already_planned = split_already_planned(
            requests, payments, attempts, options.verb, file=request_set.name
        )
        refused += already_planned
    row_options = RowOptions(options.verb, options.cancel_created, frozenset(options.duplicate))
    rows, unfit = build_plan_rows(requests, payments, row_options, request_set.name)
    refused = sorted([*request_set.refused, *refused, *unfit], key=lambda reject: reject.source_row)
    if not rows:
        raise _build_nothing_to_plan_error(refused, [*request_set.notes, *notes], options.verb)
    unknown = sorted(set(options.duplicate) - {row.reference for row in rows})
    if unknown:
        raise InputError(f"--duplicate {unknown[0]}: the plan has no row for this reference")
    now = _get_current_time(options)
    fetched_at = min(payments[row.msn, row.reference].fetched_at for row in rows)
    plan = Plan(
        format=PLAN_FORMAT,
        plan_id=str(uuid.uuid4()),
        verb=options.verb,
        environment=environment,
        host=host,
        msns=tuple(sorted({row.msn for row in rows})),
        planner=normalize_person_name(options.planner or detect_account()),
        made_at=format_plan_time(now),
        expires_at=format_plan_time(now + timedelta(hours=options.expires_hours)),
        source=Source(
            request_set.kind, request_set.name, request_set.sha256, format_plan_time(fetched_at)
        ),
        cancel_created=options.cancel_created,
        rows=tuple(rows),
        refused=tuple(refused),
        notes=(*request_set.notes, *notes),
    )
    check_plan(plan)
    return plan


def _choose_settings(options: PlanOptions) -> Settings:
    if options.client is not None:
        return options.client.settings
    return options.settings if options.settings is not None else load_settings(offline=True)


def _choose_environment(request_set: RequestSet, settings: Settings) -> tuple[str, str]:
    """Return environment and API host of a plan, and reject a report of another environment."""
    environment = settings.environment or request_set.environment
    if request_set.environment == FILES_ENVIRONMENT:
        raise PlanError(
            f"{request_set.name or 'this reconciliation'} was made without keys: settlement files do not "
            "show what is reserved, or what was refunded since. Set VIPPS_ENVIRONMENT and the keys, run "
            "reconcile again, and plan from that report"
        )
    if request_set.environment and request_set.environment != environment:
        raise PlanError(
            f"the report is of {request_set.environment} and VIPPS_ENVIRONMENT is {environment}. A "
            "plan must be for the environment of its payments"
        )
    base_url = settings.base_url or HOSTS.get(environment, "")
    host = urlsplit(base_url).hostname
    if not environment or not host:
        raise ConfigurationError(
            "VIPPS_ENVIRONMENT is not set, and a plan is for one environment. Set it to test, "
            "production or simulator (and set VIPPS_BASE_URL for the simulator)"
        )
    return environment, host


def _set_clock(request_set: RequestSet, options: PlanOptions) -> None:
    """Make one API call, so that the client knows the server time before an age is computed."""
    if options.client is None or request_set.fetched_at is None or options.now is not None:
        return
    for msn in sorted({request.msn for request in request_set.requests})[:1]:
        options.client.check_keys(msn)


def _get_current_time(options: PlanOptions) -> datetime:
    if options.now is not None:
        return options.now
    return options.client.now() if options.client is not None else datetime.now(UTC)


def _refuse_old_report(request_set: RequestSet, now: datetime, limits: Limits) -> None:
    if request_set.fetched_at is None:
        return
    age = now - request_set.fetched_at
    if age > timedelta(hours=limits.max_report_age_hours):
        raise PlanError(
            f"{request_set.name or 'this reconciliation'} is too old to plan from: its payments were "
            f"fetched at {format_plan_time(request_set.fetched_at)}, {age / timedelta(hours=1):.0f} "
            f"hours ago, and {limits.max_report_age_hours:g} are allowed (max_report_age_hours). "
            "Run reconcile again"
        )


def _build_nothing_to_plan_error(
    refused: Collection[Reject], notes: Iterable[str], verb: str
) -> NothingToPlanError:
    if not refused:
        sentence = f"No {verb}s to plan: the source contains no request to {verb} a payment"
        return NothingToPlanError(sentence, refused, notes)
    first = next(iter(refused))
    file = f" of {first.source_file}" if first.source_file else ""
    problem = first.describe().replace(":", f"{file}:", 1)
    sentence = f"No row can be planned: {format_count(len(refused), 'row')} refused. First problem: {problem}"
    return NothingToPlanError(sentence, refused, notes)
