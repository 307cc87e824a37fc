"""Find in the journal what a plan still has to do, without a request to the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vippsrecon.api.client import Client
from vippsrecon.bulk.execution.plan_journal import refuse_broken_journal, use_existing_store
from vippsrecon.bulk.execution.row_result import FINAL_OUTCOMES, RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.execution.workers.pool import restore_result
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.store import (
    RowState,
    Store,
    read_entries,
    read_head,
    read_row_states,
    refuse_changed_plan,
)


def list_open_rows(plan: Plan, client: Client, store: Store | None = None) -> tuple[PlanRow, ...]:
    """Return the rows that have no final outcome in the journal, in the plan's order.

    Args:
        plan: The plan.
        client: A client with the settings; it makes no request.
        store: The workspace database; None: the one in the settings, if it exists.

    Raises:
        PlanError: The plan was recorded with another digest.
        StoreError: The database cannot be used.
    """
    with use_existing_store(store, client) as journal_store:
        if journal_store is None:
            return plan.rows
        refuse_changed_plan(journal_store, plan.plan_id, compute_digest(plan))
        states = read_row_states(journal_store, plan.plan_id)
    return tuple(
        row
        for row in plan.rows
        if (state := states.get(row.row)) is None or state.outcome not in FINAL_OUTCOMES
    )


def find_finished_run(
    plan: Plan, client: Client, store: Store | None, *, live: bool
) -> RunResult | None:
    """Return the result of a plan whose rows are all final, or None if there is something to do.

    Such a plan needs no request, no approval that is still valid, and no plan lock.

    Args:
        plan: The plan.
        client: A client with the settings; it makes no request.
        store: The workspace database; None: the one in the settings, if it exists.
        live: Whether the result is that of a live run.

    Raises:
        PlanError: The plan was recorded with another digest.
        StoreError: The database cannot be used, or its journal was modified.
    """
    with use_existing_store(store, client) as journal_store:
        if journal_store is None:
            return None
        refuse_changed_plan(journal_store, plan.plan_id, compute_digest(plan))
        states = read_row_states(journal_store, plan.plan_id)
        times = list_final_times(states)
        if len(times) < plan.count:
            return None
        refuse_broken_journal(journal_store, plan)
        runs = [
            entry.parse_detail()
            for entry in read_entries(journal_store, plan.plan_id, kinds=("carrier",))
        ]
        head = read_head(journal_store, plan.plan_id) if live else None
    last_run: dict[str, Any] = next((run for run in reversed(runs) if run.get("approver")), {})
    results = [restore_result(row, states[row.row]) for row in plan.rows]
    return RunResult(
        plan,
        live,
        tuple(results if live else map(describe_as_dry_run, results)),
        approver=str(last_run.get("approver") or ""),
        carrier=str(last_run.get("holder") or ""),
        head=head,
        units=tuple(client.settings.unit(msn) for msn in plan.msns),
        earlier=times,
        settings_language=client.settings.language,
    )


def list_final_times(states: Mapping[int, RowState]) -> tuple[str, ...]:
    """Return when each row that was final before this run became so, in order."""
    final = [state.entry.at for state in states.values() if state.outcome in FINAL_OUTCOMES]
    return tuple(sorted(final))


def describe_as_dry_run(result: RowResult) -> RowResult:
    """Return the dry-run result of a final row, which a live run would not read."""
    return result._replace(outcome="already_done") if result.outcome == "done" else result
