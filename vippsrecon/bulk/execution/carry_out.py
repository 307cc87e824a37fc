"""Carry out a plan: a dry run by default, a live run only when all its conditions are met.

A live run holds the plan lock, so no other process can carry out the plan at the same time. It
processes the rows concurrently, the steps of each row in order, and returns the journal head.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

from vippsrecon.api.client import Client
from vippsrecon.bulk.approval.approve import find_valid_approval, register_plan
from vippsrecon.bulk.execution.clock import RunClock
from vippsrecon.bulk.execution.context import RunContext, StopRunError, Timeouts
from vippsrecon.bulk.execution.dry_run import run_dry
from vippsrecon.bulk.execution.finished_plan import find_finished_run, list_final_times
from vippsrecon.bulk.execution.journal_writer import JournalWriter
from vippsrecon.bulk.execution.plan_journal import (
    PlanJournal,
    refuse_broken_journal,
    use_store,
)
from vippsrecon.bulk.execution.preconditions import (
    build_caps,
    check_clock,
    check_confirmed_sums,
    check_plan_matches_settings,
)
from vippsrecon.bulk.execution.row.evidence import Intention
from vippsrecon.bulk.execution.row.prepare import RowPreparer, record_result
from vippsrecon.bulk.execution.row.send import RowSender, find_logged_event
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES, RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.execution.workers.circuit_breaker import CircuitBreaker
from vippsrecon.bulk.execution.workers.pool import (
    PoolOptions,
    finish_rows_on_interrupt,
    process_rows,
    restore_result,
)
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.bulk.plan.rules import check_plan
from vippsrecon.bulk.times import format_journal_time, parse_timestamp
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import StoreError
from vippsrecon.progress_bar import show_progress
from vippsrecon.store import (
    Draft,
    RowState,
    Store,
    acquire,
    identify_process,
    read_head,
    read_row_states,
)

DEFAULT_IN_FLIGHT = 32
"""Default number of rows in progress at once: the same as for fetching."""


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
    clock: RunClock | None = None,
) -> RunResult:
    """Carry out a plan, or predict what carrying it out would do.

    A dry run reads every payment, checks every row and sends nothing. A live run sends the rows
    that pass the checks, and continues where an earlier run of the same plan stopped. If every row
    of the plan is final in the journal, no request is made, live or dry.

    Args:
        plan: The plan.
        client: A client for the plan's environment.
        live: Move money. Needs an approval in this database, and `confirm`.
        confirm: The plan's sum of each currency, such as "1234.50 NOK" or {"NOK": 123450}.
        store: The workspace database; None: the one in the settings.
        in_flight: Number of rows in progress at once.
        progress: Show a progress bar in a terminal or a notebook.
        carrier: Who carries it out; None: the local user account.
        patience: How long to wait; None: the documented times.
        clock: The run's clocks; None: this machine's.

    Returns:
        One result per row. `exit_code` is 0 if all rows are done, 1 if some are not, 2 if the run
        stopped before its end.

    Raises:
        PlanError: The plan cannot be carried out here, or not in this way; nothing was sent.
        ConfigurationError: A setting is missing or forbids it; nothing was sent.
        HeldError: Another process holds the plan.
        StoreError: The database cannot be used.
    """
    check_plan(plan)
    check_plan_matches_settings(plan, client.settings)
    finished = find_finished_run(plan, client, store, live=live)
    if finished is not None:
        return finished  # The journal knows every outcome, so no request is made.
    limits = Limits.from_settings(client.settings.limits)
    caps = cache(partial(build_caps, plan, limits))
    if live:
        check_confirmed_sums(plan, confirm)
        caps("")  # Refuses production without caps.
    for msn in plan.msns:
        client.check_keys(msn)  # The answer also sets server time.
    carrier_name = carrier or _detect_user()
    timeouts = patience or Timeouts(settle_for=limits.settle_for)
    clock = clock or RunClock()
    if not live:
        return run_dry(plan, client, store, carrier_name, in_flight=in_flight, progress=progress)
    check_clock(plan.environment, client.clock_skew_seconds())
    with use_store(store, client) as journal_store:
        register_plan(journal_store, plan, at=client.now())
        refuse_broken_journal(journal_store, plan)
        approval = find_valid_approval(plan, journal_store, limits, client.now())
        plan_lock = acquire(
            journal_store,
            plan.plan_id,
            holder=carrier_name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=identify_process(),
            at=format_journal_time(client.now()),
            approver=approval.approver,
        )
        journal = PlanJournal(journal_store, plan, plan_lock)
        try:
            states = read_row_states(journal_store, plan.plan_id)
            context = RunContext(
                client.core,
                plan,
                approval.expires_at,
                caps,
                timeouts,
                JournalWriter(journal, clock),
                journal,
                clock,
            )
            breaker = CircuitBreaker(limits.stop_after_failures, limits.stop_at_share)
            with (
                show_progress(
                    f"sending.{plan.verb}",
                    plan.count,
                    "rows",
                    shown=progress,
                    language=plan.language or client.settings.language,
                ) as bar,
                finish_rows_on_interrupt(context),
            ):
                pool_options = PoolOptions(in_flight, bar.update)
                results = client.run(run_live(context, states, breaker, pool_options, RowSteps()))
        finally:
            journal.release_lock()
        journal_head = _read_journal_head(journal_store, context)
        return RunResult(
            plan, True, tuple(results), context.stop_reason, approval.approver, carrier_name, journal_head,
            _list_sales_units(client, plan), earlier=list_final_times(states),
            settings_language=client.settings.language,
        )  # fmt: skip


def _read_journal_head(store: Store, context: RunContext) -> tuple[int, str] | None:
    """Return the journal head, or None if the database fails: the run's result is still returned."""
    try:
        return read_head(store, context.plan.plan_id)
    except StoreError as error:
        context.stop_reason = context.stop_reason or str(error)
        return None


class RowSteps(NamedTuple):
    """The two steps of a row. Tests hand in broken ones, to show that each is needed."""

    prepare: type[RowPreparer] = RowPreparer
    send: type[RowSender] = RowSender


async def run_live(
    context: RunContext,
    states: Mapping[int, RowState],
    breaker: CircuitBreaker,
    pool_options: PoolOptions,
    steps: RowSteps,
) -> list[RowResult]:
    """Carry out the rows of a plan whose lock this process holds, and write the journal.

    Args:
        context: What all rows share; its writer is open until the run ends.
        states: Row number to its state in the journal.
        breaker: Stops the run when too many rows fail.
        pool_options: How many rows are in progress at once, and what is called after each.
        steps: How a row is carried out.
    """
    assert context.writer is not None
    async with context.writer:

        async def process_row(row: PlanRow) -> RowResult:
            return await _carry_out_row(context, row, states.get(row.row), breaker, steps)

        results = await process_rows(context, states, process_row, pool_options)
        try:
            results = await _end_run(context, results)
        except StoreError as error:
            # Every row has its outcome already: the run's results are shown all the same.
            context.stop_reason = context.stop_reason or str(error)
    return results


async def _end_run(context: RunContext, results: list[RowResult]) -> list[RowResult]:
    """Add events that the log shows by now, and write the run's last entry."""
    assert context.writer is not None
    if context.writer.failed is not None:
        return results
    results = [await _add_missing_event(context, result) for result in results]
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    await context.writer.keep(
        Draft(
            "ended",
            detail={"counts": counts, "stopped": context.stop_reason},
            at=format_journal_time(context.core.now()),
        )
    )
    return results


async def _carry_out_row(
    context: RunContext,
    row: PlanRow,
    state: RowState | None,
    breaker: CircuitBreaker,
    steps: RowSteps,
) -> RowResult:
    """Carry out one row from the point where an earlier run left it.

    | state in the journal | continues with |
    |---|---|
    | done, already_done, refused, settled | nothing: it is final |
    | intended, unknown | resolve: never send first |
    | none, skipped | read, check, record the intention, send |
    """
    if state is not None and state.outcome in FINAL_OUTCOMES:
        return restore_result(row, state)
    preparer = steps.prepare(context, row)
    prepared: Intention | RowResult | None = None
    try:
        if state is not None and state.intended:
            # The earlier run may have sent the request: its outcome comes before anything is sent.
            prepared = Intention.from_entry(row, state.intended)
            sender = steps.send(preparer, prepared, sent_at=parse_timestamp(state.entry.at))
            result = await sender.carry_out()
        else:
            prepared = await preparer.prepare()
            if isinstance(prepared, RowResult):
                result = prepared
            else:
                result = await steps.send(preparer, prepared).carry_out()
    except StopRunError as stop:
        context.stop_reason = context.stop_reason or str(stop)
        return stop.result
    except StoreError as error:
        context.stop_reason = context.stop_reason or str(error)
        if isinstance(prepared, Intention):
            why = "its outcome could not be recorded; run the same command again to resolve it"
            return RowResult(row.row, "unknown", why, before=prepared.before)
        return RowResult(row.row, "skipped", "nothing was sent: the journal could not be written")
    context.stop_reason = context.stop_reason or breaker.after(result)
    return result


async def _add_missing_event(context: RunContext, result: RowResult) -> RowResult:
    """Read the log again for an operation that was done before the log contained it."""
    if result.outcome != "done" or result.psp_reference is not None or result.before is None:
        return result
    row = context.plan.rows[result.row - 1]
    event = await find_logged_event(
        context, Intention(row, context.key(row), result.before, context.core.now())
    )
    if event is None:
        return result
    completed = result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)
    await record_result(context, row, completed._replace(outcome="verified"))
    return completed


def _list_sales_units(client: Client, plan: Plan) -> tuple[SalesUnit, ...]:
    return tuple(client.settings.unit(msn) for msn in plan.msns)


def _detect_user() -> str:
    try:
        return getpass.getuser()
    except OSError:
        return "unknown account"
