"""Carry out a plan: dry by default, live only when everything it needs is there.

A live run holds the plan (nobody else can carry it out meanwhile), goes through its rows
concurrently, each row's own steps in order, and ends with its journal's head.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache, partial

from vippsrecon.api.client import Client
from vippsrecon.bulk.approval.approve import Approval, find_valid_approval, register_plan
from vippsrecon.bulk.execution.caps import predict_cap_breaches
from vippsrecon.bulk.execution.circuit_breaker import CircuitBreaker
from vippsrecon.bulk.execution.context import RunContext, StopRunError, Timeouts
from vippsrecon.bulk.execution.evidence import Intention
from vippsrecon.bulk.execution.journal_writer import JournalWriter, now_seconds
from vippsrecon.bulk.execution.preconditions import (
    build_caps,
    check_clock,
    check_confirmed_sums,
    check_plan_matches_settings,
)
from vippsrecon.bulk.execution.prepare import predict_outcome, prepare_row, record_result
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES, RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.execution.send import find_logged_event, send_and_resolve
from vippsrecon.bulk.execution.worker_pool import (
    PoolOptions,
    finish_rows_on_interrupt,
    process_rows,
    restore_result,
)
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.bulk.plan.rules import check_plan
from vippsrecon.bulk.times import format_journal_time
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import (
    Draft,
    PlanLock,
    RowState,
    Store,
    acquire,
    database_exists,
    identify_process,
    open_store,
    read_head,
    read_row_states,
    refuse_changed_plan,
    release,
    verify_journal,
)

DEFAULT_IN_FLIGHT = 32
"""Rows under way at once where nothing is said: modest, and as many as a fetch has."""

MAX_READING_AGE_SECONDS = 60.0
"""From first reading to intention. After more, the payment is read once more before it is sent."""


def carry_out(
    plan: Plan,
    client: Client,
    *,
    live: bool = False,
    confirm: Sequence[str] | Mapping[str, int] | None = None,
    store: Store | None = None,
    in_flight: int = DEFAULT_IN_FLIGHT,
    progress: bool = False,
    carrier: str | None = None,
    patience: Timeouts | None = None,
) -> RunResult:
    """Carry out a plan, or say what carrying it out would do.

    A dry run reads every payment, judges every row and sends nothing. A live run sends what the
    judge lets pass, and goes on where an earlier run of the same plan stopped.

    Args:
        plan: The plan.
        client: For the plan's environment.
        live: Move money. Needs an approval in this database, and `confirm`.
        confirm: The plan's sum of each currency, such as "1234.50 NOK" or {"NOK": 123450}.
        store: The workspace database; None: the settings' own.
        in_flight: Rows under way at once.
        progress: Show a bar.
        carrier: Who carries it out; None: the account on this machine.
        patience: How long to wait for what; None: as long as the documents say.

    Returns:
        One result per row; `exit_code` is 0 when all are done, 1 when some are not, 2 when the
        run stopped before its end.

    Raises:
        PlanError: The plan may not be carried out here, or so; nothing was sent.
        ConfigurationError: A setting forbids it; nothing was sent.
        HeldError: Another carrier has the plan.
        StoreError: The database cannot be used.
    """
    check_plan(plan)
    check_plan_matches_settings(plan, client.settings)
    limits = Limits.from_settings(client.settings.limits)
    caps = cache(partial(build_caps, plan, limits))
    if live:
        check_confirmed_sums(plan, confirm)
        caps("")  # refuses production without its caps
    for msn in plan.msns:
        client.check_keys(msn)  # its answer sets the house's clock, too
    who = carrier or _detect_user()
    patience = patience or Timeouts(settle_for=limits.settle_for)
    if not live:
        return _run_dry(plan, client, store, PoolOptions(in_flight, progress), who)
    check_clock(plan.environment, client.clock_skew_seconds())
    with _use_store(store, client) as open_:
        register_plan(open_, plan, at=client.now())
        _refuse_broken_journal(open_, plan)
        approval = find_valid_approval(plan, open_, limits, client.now())
        held = acquire(
            open_,
            plan.plan_id,
            holder=who,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=identify_process(),
            at=format_journal_time(client.now()),
            approver=approval.approver,
        )
        try:
            states = read_row_states(open_, plan.plan_id)
            desk = RunContext(
                client.core,
                plan,
                approval.expires_at,
                caps,
                patience,
                JournalWriter(open_, held),
                open_,
            )
            breaker = CircuitBreaker(limits.stop_after_failures, limits.stop_at_share)
            with finish_rows_on_interrupt(desk):
                results = client.run(
                    _run_live(desk, states, breaker, PoolOptions(in_flight, progress))
                )
        finally:
            _release_plan_lock(open_, held)
        place = _read_journal_head(open_, plan, desk)
        return RunResult(
            plan, True, tuple(results), desk.stop_reason, approval.approver, who, place,
            _list_sales_units(client, plan),
        )  # fmt: skip


async def _run_live(
    desk: RunContext,
    states: Mapping[int, RowState],
    breaker: CircuitBreaker,
    pace: PoolOptions,
) -> list[RowResult]:
    assert desk.writer is not None
    async with desk.writer:

        async def carry(row: PlanRow) -> RowResult:
            return await _carry_out_row(desk, row, states.get(row.row), breaker)

        results = await process_rows(desk, states, carry, pace)
        if desk.writer.failed is None:
            results = [await _add_missing_event(desk, result) for result in results]
            counts: dict[str, int] = {}
            for result in results:
                counts[result.outcome] = counts.get(result.outcome, 0) + 1
            await desk.writer.keep(
                Draft(
                    "ended",
                    detail={"counts": counts, "stopped": desk.stop_reason},
                    at=format_journal_time(desk.core.now()),
                )
            )
    return results


async def _carry_out_row(
    desk: RunContext, row: PlanRow, state: RowState | None, breaker: CircuitBreaker
) -> RowResult:
    """Carry out one row from wherever an earlier run left it.

    | its state in the journal | goes on with |
    |---|---|
    | done, already_done, refused, settled | nothing: it is over |
    | intended, unknown | settle: never straight to send |
    | none, skipped | read, judge, intend, send |
    """
    if state is not None and state.outcome in FINAL_OUTCOMES:
        return restore_result(row, state)
    begun: Intention | RowResult | None = None
    try:
        if state is not None and state.intended:
            begun = Intention.found(row, state.intended)
            result = await send_and_resolve(desk, begun, may_be_done=True)
        else:
            began = now_seconds()
            begun = await prepare_row(desk, row)
            # A machine that slept on the way judged the row on a reading of before: look again.
            slept = now_seconds() - began > MAX_READING_AGE_SECONDS
            if isinstance(begun, RowResult):
                result = begun
            else:
                result = await send_and_resolve(desk, begun, may_be_done=slept)
    except StopRunError as stop:
        desk.stop_reason = desk.stop_reason or str(stop)
        return stop.result
    except StoreError as error:
        desk.stop_reason = desk.stop_reason or str(error)
        if isinstance(begun, Intention):
            why = "its outcome could not be kept; the same command again settles it"
            return RowResult(row.row, "unknown", why, before=begun.before)
        return RowResult(row.row, "skipped", "nothing was sent: the journal could not be kept")
    desk.stop_reason = desk.stop_reason or breaker.after(result)
    return result


async def _add_missing_event(desk: RunContext, result: RowResult) -> RowResult:
    """Read the log once more for an operation that was done before the log showed it."""
    if result.outcome != "done" or result.psp_reference is not None or result.before is None:
        return result
    row = desk.plan.rows[result.row - 1]
    event = await find_logged_event(
        desk, Intention(row, desk.key(row), result.before, desk.core.now())
    )
    if event is None:
        return result
    shown = result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)
    await record_result(desk, row, shown._replace(outcome="verified"))
    return shown


def _run_dry(
    plan: Plan, client: Client, store: Store | None, pace: PoolOptions, who: str
) -> RunResult:
    """Read and judge every row. What other plans did is looked up where a database is."""
    limits = Limits.from_settings(client.settings.limits)
    with _use_existing_store(store, client) as open_:
        if open_ is not None:
            refuse_changed_plan(open_, plan.plan_id, compute_digest(plan))
        approval, unapproved = _find_approval_or_reason(plan, open_, limits, client.now())
        expires_at = None if approval is None else approval.expires_at
        caps = cache(partial(build_caps, plan, limits))
        desk = RunContext(client.core, plan, expires_at, caps, Timeouts(), None, open_)
        states = {} if open_ is None else read_row_states(open_, plan.plan_id)

        async def look(row: PlanRow) -> RowResult:
            state = states.get(row.row)
            if state is not None and state.outcome in FINAL_OUTCOMES:
                return _describe_as_dry_run(restore_result(row, state))
            try:
                return await predict_outcome(desk, row, None if state is None else state.intended)
            except StopRunError as stop:
                desk.stop_reason = desk.stop_reason or str(stop)
                return stop.result

        with finish_rows_on_interrupt(desk):
            results = client.run(process_rows(desk, {}, look, pace))
        reserved = {row for row, state in states.items() if state.intended is not None}
        results = predict_cap_breaches(desk, results, reserved)
    approver = "" if approval is None else approval.approver
    units = _list_sales_units(client, plan)
    return RunResult(
        plan,
        False,
        tuple(results),
        desk.stop_reason,
        approver,
        who,
        units=units,
        unapproved=unapproved,
    )


def _refuse_broken_journal(store: Store, plan: Plan) -> None:
    """Refuse to go on from a journal that was changed: what it says was done may not be so."""
    verdict = verify_journal(store, plan.plan_id)
    if not verdict.ok:
        raise StoreError(
            f"the journal of plan {plan.plan_id} does not hold: {verdict.fault}. Nothing was sent. "
            "Compare it with a backup and with what Vipps MobilePay shows before anything goes on"
        )


def _read_journal_head(store: Store, plan: Plan, desk: RunContext) -> tuple[int, str] | None:
    """Return the journal's head. What was done is told even where the database is gone."""
    try:
        return read_head(store, plan.plan_id)
    except StoreError as error:
        desk.stop_reason = desk.stop_reason or str(error)
        return None


def _describe_as_dry_run(kept: RowResult) -> RowResult:
    """Return what a dry run calls a row that is over: a live run would not even read it."""
    return kept._replace(outcome="already_done") if kept.outcome == "done" else kept


def _list_sales_units(client: Client, plan: Plan) -> tuple[SalesUnit, ...]:
    return tuple(client.settings.unit(msn) for msn in plan.msns)


def _find_approval_or_reason(
    plan: Plan, store: Store | None, limits: Limits, now: datetime
) -> tuple[Approval | None, str]:
    """Return the approval a live run would have now, or None and what it would say instead."""
    if store is None:
        return None, ""
    try:
        return find_valid_approval(plan, store, limits, now), ""
    except PlanError as error:
        return None, str(error).removesuffix(". Nothing was sent")


@contextmanager
def _use_store(store: Store | None, client: Client) -> Iterator[Store]:
    """Give the store that was handed in, or open the settings' own for as long as it is used."""
    if store is not None:
        yield store
        return
    with open_store(client.settings.database_url) as opened:
        yield opened


@contextmanager
def _use_existing_store(store: Store | None, client: Client) -> Iterator[Store | None]:
    """Likewise, but a dry run makes no database."""
    if store is None and not database_exists(client.settings.database_url):
        yield None
        return
    with _use_store(store, client) as opened:
        yield opened


def _release_plan_lock(store: Store, held: PlanLock) -> None:
    """Give the plan back. Where that fails, the next carrier waits for the lease to run out."""
    with suppress(StoreError):
        release(store, held)


def _detect_user() -> str:
    try:
        return getpass.getuser()
    except OSError:
        return "unknown account"
