"""Predict what a live run of a plan would do now. Sends nothing and writes nothing."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial

from vippsrecon.api.client import Client
from vippsrecon.bulk.approval.approve import Approval, find_valid_approval
from vippsrecon.bulk.execution.context import RunContext, StopRunError, Timeouts
from vippsrecon.bulk.execution.finished_plan import describe_as_dry_run
from vippsrecon.bulk.execution.plan_journal import PlanJournal, use_existing_store
from vippsrecon.bulk.execution.preconditions import build_caps
from vippsrecon.bulk.execution.row.caps import predict_cap_breaches
from vippsrecon.bulk.execution.row.evidence import Intention, evaluate
from vippsrecon.bulk.execution.row.operations import compute_expected_aggregate, extract_aggregate
from vippsrecon.bulk.execution.row.prepare import Reading, RowPreparer
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES, RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.execution.workers.pool import (
    PoolOptions,
    finish_rows_on_interrupt,
    process_rows,
    restore_result,
)
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.errors import PlanError
from vippsrecon.progress_bar import show_progress
from vippsrecon.store import Entry, Store, read_row_states, refuse_changed_plan


def run_dry(
    plan: Plan,
    client: Client,
    store: Store | None,
    carrier_name: str,
    *,
    in_flight: int,
    progress: bool,
) -> RunResult:
    """Read and check every row. Use the journal of other plans if there is a database.

    Args:
        plan: The plan.
        client: A client for the plan's environment.
        store: The workspace database; None: the one in the settings, if it exists.
        carrier_name: Who runs it.
        in_flight: How many rows are read at once.
        progress: Show a progress bar in a terminal or a notebook.

    Raises:
        PlanError: The plan was recorded with another digest.
        StoreError: The database cannot be used.
    """
    limits = Limits.from_settings(client.settings.limits)
    with use_existing_store(store, client) as journal_store:
        if journal_store is not None:
            refuse_changed_plan(journal_store, plan.plan_id, compute_digest(plan))
        approval, unapproved = _find_approval_or_reason(plan, journal_store, limits, client.now())
        expires_at = None if approval is None else approval.expires_at
        caps = cache(partial(build_caps, plan, limits))
        journal = None if journal_store is None else PlanJournal(journal_store, plan)
        context = RunContext(client.core, plan, expires_at, caps, Timeouts(), None, journal)
        states = {} if journal_store is None else read_row_states(journal_store, plan.plan_id)

        async def predict(row: PlanRow) -> RowResult:
            state = states.get(row.row)
            if state is not None and state.outcome in FINAL_OUTCOMES:
                return describe_as_dry_run(restore_result(row, state))
            try:
                return await _predict_outcome(
                    context, row, None if state is None else state.intended
                )
            except StopRunError as stop:
                context.stop_reason = context.stop_reason or str(stop)
                return stop.result

        with (
            show_progress(
                f"checking.{plan.verb}",
                plan.count,
                "rows",
                shown=progress,
                language=plan.language or client.settings.language,
            ) as bar,
            finish_rows_on_interrupt(context),
        ):
            pool_options = PoolOptions(in_flight, bar.update)
            results = client.run(process_rows(context, {}, predict, pool_options))
        reserved = {row for row, state in states.items() if state.intended is not None}
        results = predict_cap_breaches(context, results, reserved)
    approver = "" if approval is None else approval.approver
    units = tuple(client.settings.unit(msn) for msn in plan.msns)
    return RunResult(
        plan,
        False,
        tuple(results),
        context.stop_reason,
        approver,
        carrier_name,
        units=units,
        unapproved=unapproved,
        settings_language=client.settings.language,
    )


async def _predict_outcome(context: RunContext, row: PlanRow, intended: Entry | None) -> RowResult:
    """Predict what a live run would do with a row now. Sends nothing and writes nothing.

    Args:
        context: What all rows of the run share.
        row: The row.
        intended: Its `intended` entry if an earlier run left it open; such a row is resolved, not
            checked again.
    """
    preparer = RowPreparer(context, row)
    reading = await preparer.take_reading()
    if isinstance(reading, RowResult):
        return reading
    if intended is not None:
        return _predict_resolution(context, Intention.from_entry(row, intended), reading)
    decided = preparer.decide(reading)
    if decided is not None:
        # A dry run waits for nothing, so it cannot come to an unknown outcome.
        return decided._replace(outcome="skipped") if decided.outcome == "unknown" else decided
    before = extract_aggregate(reading.payment)
    after = compute_expected_aggregate(context.verb, before, row.amount_minor)
    return RowResult(row.row, "would_do", "would be sent", before=before, after=after)


def _predict_resolution(context: RunContext, intention: Intention, reading: Reading) -> RowResult:
    """Predict how a live run would resolve a row that an earlier run left open."""
    evidence = evaluate(context.verb, intention, reading.payment, reading.events)
    result = RowResult(
        intention.row.row, evidence.kind, evidence.explanation, before=intention.before
    )
    after = extract_aggregate(reading.payment)
    if evidence.kind == "nothing":
        why = "sent before, but nothing was done; would be sent again with the same key"
        after = compute_expected_aggregate(
            context.verb, intention.before, intention.row.amount_minor
        )
        result = result._replace(outcome="would_do", explanation=why)
    elif evidence.kind == "moved":
        why = f"sent before, and the outcome is open: {evidence.explanation}; would be read again"
        result = result._replace(outcome="skipped", explanation=why)
    elif evidence.kind == "done":
        result = result._replace(outcome="already_done")
    return result._replace(after=after)


def _find_approval_or_reason(
    plan: Plan, store: Store | None, limits: Limits, now: datetime
) -> tuple[Approval | None, str]:
    """Return the approval a live run would use now, or None and the reason there is none."""
    if store is None:
        return None, ""
    try:
        return find_valid_approval(plan, store, limits, now), ""
    except PlanError as error:
        return None, str(error).removesuffix(". Nothing was sent")
