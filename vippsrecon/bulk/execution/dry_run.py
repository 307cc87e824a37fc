"""Predict what a live run of a plan would do now. Sends nothing and writes nothing."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial

from vippsrecon.api.client import Client
from vippsrecon.bulk.approval.approve import Approval, find_valid_approval
from vippsrecon.bulk.execution.context import RunContext, StopRunError, Timeouts
from vippsrecon.bulk.execution.plan_journal import use_existing_store
from vippsrecon.bulk.execution.preconditions import build_caps
from vippsrecon.bulk.execution.row.caps import predict_cap_breaches
from vippsrecon.bulk.execution.row.prepare import predict_outcome
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES, RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.execution.worker_pool import (
    PoolOptions,
    finish_rows_on_interrupt,
    process_rows,
    restore_result,
)
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.errors import PlanError
from vippsrecon.store import Store, read_row_states, refuse_changed_plan


def run_dry(
    plan: Plan, client: Client, store: Store | None, pool_options: PoolOptions, carrier_name: str
) -> RunResult:
    """Read and check every row. Use the journal of other plans if there is a database.

    Args:
        plan: The plan.
        client: A client for the plan's environment.
        store: The workspace database; None: the one in the settings, if it exists.
        pool_options: How many rows are read at once, and whether to show a progress bar.
        carrier_name: Who runs it.

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
        context = RunContext(client.core, plan, expires_at, caps, Timeouts(), None, journal_store)
        states = {} if journal_store is None else read_row_states(journal_store, plan.plan_id)

        async def predict(row: PlanRow) -> RowResult:
            state = states.get(row.row)
            if state is not None and state.outcome in FINAL_OUTCOMES:
                return _describe_as_dry_run(restore_result(row, state))
            try:
                return await predict_outcome(
                    context, row, None if state is None else state.intended
                )
            except StopRunError as stop:
                context.stop_reason = context.stop_reason or str(stop)
                return stop.result

        with finish_rows_on_interrupt(context):
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
    )


def _describe_as_dry_run(result: RowResult) -> RowResult:
    """Return the dry-run result of a final row, which a live run would not read."""
    return result._replace(outcome="already_done") if result.outcome == "done" else result


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
