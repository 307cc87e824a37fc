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
from vippsrecon.bulk.approval.approve import Approval, register_plan, standing
from vippsrecon.bulk.execution.caps import foreseen
from vippsrecon.bulk.execution.circuit_breaker import Breaker
from vippsrecon.bulk.execution.context import Desk, Patience, StopRunError
from vippsrecon.bulk.execution.evidence import Sent
from vippsrecon.bulk.execution.journal_writer import Writer, now_seconds
from vippsrecon.bulk.execution.operations import journal_time
from vippsrecon.bulk.execution.preconditions import belongs_here, caps_for, confirmed, in_time
from vippsrecon.bulk.execution.prepare import begin, keep, would
from vippsrecon.bulk.execution.row_result import NEVER_AGAIN, Result
from vippsrecon.bulk.execution.run_result import Carried
from vippsrecon.bulk.execution.send import finish, logged
from vippsrecon.bulk.execution.worker_pool import Pace, all_rows, gently_stopped, kept
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.model import Plan, PlanRow, check_plan, digest
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import (
    Carrier,
    Draft,
    RowState,
    Store,
    exists,
    head,
    open_store,
    refuse_changed,
    release,
    started_of,
    state_by_row,
    take,
    verify,
)

IN_FLIGHT = 32
"""Rows under way at once where nothing is said: modest, and as many as a fetch has."""

OLD_READING_SECONDS = 60.0
"""From first reading to intention. After more, the payment is read once more before it is sent."""


def carry_out(
    plan: Plan,
    client: Client,
    *,
    live: bool = False,
    confirm: Sequence[str] | Mapping[str, int] | None = None,
    store: Store | None = None,
    in_flight: int = IN_FLIGHT,
    progress: bool = False,
    carrier: str | None = None,
    patience: Patience | None = None,
) -> Carried:
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
    belongs_here(plan, client.settings)
    limits = Limits.of(client.settings.limits)
    caps = cache(partial(caps_for, plan, limits))
    if live:
        confirmed(plan, confirm)
        caps("")  # refuses production without its caps
    for msn in plan.msns:
        client.check_keys(msn)  # its answer sets the house's clock, too
    who = carrier or _account()
    patience = patience or Patience(settle_for=limits.settle_for)
    if not live:
        return _dry(plan, client, store, Pace(in_flight, progress), who)
    in_time(plan.environment, client.clock_skew_seconds())
    with _opened(store, client) as open_:
        register_plan(open_, plan, at=client.now())
        _refuse_broken(open_, plan)
        approval = standing(plan, open_, limits, client.now())
        held = take(
            open_,
            plan.plan_id,
            holder=who,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=started_of(),
            at=journal_time(client.now()),
            approver=approval.approver,
        )
        try:
            states = state_by_row(open_, plan.plan_id)
            desk = Desk(
                client.core, plan, approval.expires_at, caps, patience, Writer(open_, held), open_
            )
            breaker = Breaker(limits.stop_after_failures, limits.stop_at_share)
            with gently_stopped(desk):
                results = client.run(_live(desk, states, breaker, Pace(in_flight, progress)))
        finally:
            _let_go(open_, held)
        place = _head(open_, plan, desk)
        return Carried(
            plan, True, tuple(results), desk.stopping, approval.approver, who, place,
            _units(client, plan),
        )  # fmt: skip


async def _live(
    desk: Desk,
    states: Mapping[int, RowState],
    breaker: Breaker,
    pace: Pace,
) -> list[Result]:
    assert desk.writer is not None
    async with desk.writer:

        async def carry(row: PlanRow) -> Result:
            return await _carried(desk, row, states.get(row.row), breaker)

        results = await all_rows(desk, states, carry, pace)
        if desk.writer.failed is None:
            results = [await _verified(desk, result) for result in results]
            counts: dict[str, int] = {}
            for result in results:
                counts[result.outcome] = counts.get(result.outcome, 0) + 1
            await desk.writer.keep(
                Draft(
                    "ended",
                    detail={"counts": counts, "stopped": desk.stopping},
                    at=journal_time(desk.core.now()),
                )
            )
    return results


async def _carried(desk: Desk, row: PlanRow, state: RowState | None, breaker: Breaker) -> Result:
    """Carry out one row from wherever an earlier run left it.

    | its state in the journal | goes on with |
    |---|---|
    | done, already_done, refused, settled | nothing: it is over |
    | intended, unknown | settle: never straight to send |
    | none, skipped | read, judge, intend, send |
    """
    if state is not None and state.outcome in NEVER_AGAIN:
        return kept(row, state)
    begun: Sent | Result | None = None
    try:
        if state is not None and state.intended:
            begun = Sent.found(row, state.intended)
            result = await finish(desk, begun, may_be_done=True)
        else:
            began = now_seconds()
            begun = await begin(desk, row)
            # A machine that slept on the way judged the row on a reading of before: look again.
            slept = now_seconds() - began > OLD_READING_SECONDS
            if isinstance(begun, Result):
                result = begun
            else:
                result = await finish(desk, begun, may_be_done=slept)
    except StopRunError as stop:
        desk.stopping = desk.stopping or str(stop)
        return stop.result
    except StoreError as error:
        desk.stopping = desk.stopping or str(error)
        if isinstance(begun, Sent):
            why = "its outcome could not be kept; the same command again settles it"
            return Result(row.row, "unknown", why, before=begun.before)
        return Result(row.row, "skipped", "nothing was sent: the journal could not be kept")
    desk.stopping = desk.stopping or breaker.after(result)
    return result


async def _verified(desk: Desk, result: Result) -> Result:
    """Read the log once more for an operation that was done before the log showed it."""
    if result.outcome != "done" or result.psp_reference is not None or result.before is None:
        return result
    row = desk.plan.rows[result.row - 1]
    event = await logged(desk, Sent(row, desk.key(row), result.before, desk.core.now()))
    if event is None:
        return result
    shown = result._replace(psp_reference=event.psp_reference, event_at=event.timestamp)
    await keep(desk, row, shown._replace(outcome="verified"))
    return shown


def _dry(plan: Plan, client: Client, store: Store | None, pace: Pace, who: str) -> Carried:
    """Read and judge every row. What other plans did is looked up where a database is."""
    limits = Limits.of(client.settings.limits)
    with _opened_if_there(store, client) as open_:
        if open_ is not None:
            refuse_changed(open_, plan.plan_id, digest(plan))
        approval, unapproved = _approval(plan, open_, limits, client.now())
        expires_at = None if approval is None else approval.expires_at
        caps = cache(partial(caps_for, plan, limits))
        desk = Desk(client.core, plan, expires_at, caps, Patience(), None, open_)
        states = {} if open_ is None else state_by_row(open_, plan.plan_id)

        async def look(row: PlanRow) -> Result:
            state = states.get(row.row)
            if state is not None and state.outcome in NEVER_AGAIN:
                return _would_not(kept(row, state))
            try:
                return await would(desk, row, None if state is None else state.intended)
            except StopRunError as stop:
                desk.stopping = desk.stopping or str(stop)
                return stop.result

        with gently_stopped(desk):
            results = client.run(all_rows(desk, {}, look, pace))
        reserved = {row for row, state in states.items() if state.intended is not None}
        results = foreseen(desk, results, reserved)
    approver = "" if approval is None else approval.approver
    units = _units(client, plan)
    return Carried(
        plan,
        False,
        tuple(results),
        desk.stopping,
        approver,
        who,
        units=units,
        unapproved=unapproved,
    )


def _refuse_broken(store: Store, plan: Plan) -> None:
    """Refuse to go on from a journal that was changed: what it says was done may not be so."""
    verdict = verify(store, plan.plan_id)
    if not verdict.ok:
        raise StoreError(
            f"the journal of plan {plan.plan_id} does not hold: {verdict.fault}. Nothing was sent. "
            "Compare it with a backup and with what Vipps MobilePay shows before anything goes on"
        )


def _head(store: Store, plan: Plan, desk: Desk) -> tuple[int, str] | None:
    """Return the journal's head. What was done is told even where the database is gone."""
    try:
        return head(store, plan.plan_id)
    except StoreError as error:
        desk.stopping = desk.stopping or str(error)
        return None


def _would_not(kept: Result) -> Result:
    """Return what a dry run calls a row that is over: a live run would not even read it."""
    return kept._replace(outcome="already_done") if kept.outcome == "done" else kept


def _units(client: Client, plan: Plan) -> tuple[SalesUnit, ...]:
    return tuple(client.settings.unit(msn) for msn in plan.msns)


def _approval(
    plan: Plan, store: Store | None, limits: Limits, now: datetime
) -> tuple[Approval | None, str]:
    """Return the approval a live run would have now, or None and what it would say instead."""
    if store is None:
        return None, ""
    try:
        return standing(plan, store, limits, now), ""
    except PlanError as error:
        return None, str(error).removesuffix(". Nothing was sent")


@contextmanager
def _opened(store: Store | None, client: Client) -> Iterator[Store]:
    """Give the store that was handed in, or open the settings' own for as long as it is used."""
    if store is not None:
        yield store
        return
    with open_store(client.settings.database_url) as opened:
        yield opened


@contextmanager
def _opened_if_there(store: Store | None, client: Client) -> Iterator[Store | None]:
    """Likewise, but a dry run makes no database."""
    if store is None and not exists(client.settings.database_url):
        yield None
        return
    with _opened(store, client) as opened:
        yield opened


def _let_go(store: Store, held: Carrier) -> None:
    """Give the plan back. Where that fails, the next carrier waits for the lease to run out."""
    with suppress(StoreError):
        release(store, held)


def _account() -> str:
    try:
        return getpass.getuser()
    except OSError:
        return "unknown account"
