"""`vippsrecon journal settle`: read open rows again, or record a user's decision on one row.

This module cannot change a payment: it reads payments and event logs, and writes to the journal.
What a reading proves is recorded as `carry-out` would record it. Other rows stay open, unless a
user who checked elsewhere (business portal, Vipps MobilePay's support) decides the outcome. A
decision that a reading contradicts is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from vippsrecon.api.client import Client
from vippsrecon.bulk.execution.preconditions import check_clock
from vippsrecon.bulk.execution.row.evidence import flag_other_change
from vippsrecon.bulk.execution.row.record import ROW_RECORD_FIELDS
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.open_rows.recheck import OpenRow, RecheckedRow, find_open_rows, recheck_rows
from vippsrecon.bulk.people import (
    MAX_TEXT_LENGTH,
    UNPRINTABLE,
    detect_account,
    normalize_person_name,
)
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import format_journal_time
from vippsrecon.display.views import html_of
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import (
    Draft,
    PlanLock,
    Store,
    acquire,
    commit_entries,
    read_entries,
    read_head,
    release,
)
from vippsrecon.texts import format_spaced_number, say

PROVEN_OUTCOMES = ("done", "already_done", "refused")


class ManualDecision(NamedTuple):
    """A user's decision on the outcome of one row.

    Attributes:
        row: The row number in the plan.
        outcome: "done" or "refused".
        reason: What the user saw, and where.
        by: Who decided; "": the local user account.
    """

    row: int
    outcome: str
    reason: str
    by: str = ""


class SettleResult(NamedTuple):
    """The result of reading open rows again.

    Attributes:
        plan_id: The plan.
        verb: refund, capture or cancel.
        rows: The rows that were open, as planned, in order.
        results: The result of each; rows still open are `unknown`.
        head: The journal's last (seq, hash): save it outside the database.
        language: In which notebooks show it: that of the settings; None: the current one.
    """

    plan_id: str
    verb: str
    rows: tuple[PlanRow, ...]
    results: tuple[RowResult, ...]
    head: tuple[int, str]
    language: str | None = None

    @property
    def exit_code(self) -> int:
        """0 if no row is left open or flagged `moved_beside`, else 1."""
        return int(any(result.outcome == "unknown" or result.flags for result in self.results))

    def __repr__(self) -> str:
        """Describe the result in one line."""
        return f"<SettleResult {self.plan_id}: {self.describe()}>"

    def describe(self) -> str:
        """Count the rows that were open and those that still are, in a sentence."""
        open_count = sum(result.outcome == "unknown" for result in self.results)
        if not self.results:
            return say("run.no_row_open")
        counted = len(self.results)
        return say(
            "run.read_again",
            count=counted,
            number=format_spaced_number(counted),
            open=str(open_count),
        )

    def _repr_html_(self) -> str:
        return html_of(self)


def settle(
    store: Store,
    plan_id: str,
    client: Client,
    *,
    word: ManualDecision | None = None,
    carrier: str = "",
) -> SettleResult:
    """Read the payment and log of every open row again and record what they prove. Sends nothing.

    Args:
        store: The workspace database.
        plan_id: The plan; it must be registered there.
        client: For the plan's environment.
        word: A user's decision on one row; then only that row is read. If the reading proves the
            same outcome, the proof is recorded, not the decision.
        carrier: Who runs this; "": the local user account.

    Raises:
        PlanError: The plan is not registered or belongs to another environment, the row is not
            open, or the reading contradicts the decision. Nothing was recorded.
        ConfigurationError: The local clock and an answer's `Date` disagree. Nothing was recorded.
        PlanLockHeldError: Another process is carrying out the plan.
        StoreError: The database cannot be used.
    """
    verb, language = _find_plan_verb(store, plan_id, client), client.settings.language
    if word is not None:
        word = _validate_decision(word)
    rows = _select_open_rows(store, plan_id, word)
    if not rows:
        # Do not take the plan lock for nothing: it would add an entry to the journal.
        return SettleResult(plan_id, verb, (), (), read_head(store, plan_id), language)
    for msn in sorted({row.intention.row.msn for row in rows}):
        client.check_keys(msn)  # The answer also sets server time.
    with _lock_plan(store, plan_id, carrier or detect_account(), client.now()) as plan_lock:
        rows = _select_open_rows(store, plan_id, word)
        rechecked = client.run(recheck_rows(client.core, rows))
        # Whether a missing event proves that nothing was done depends on the time.
        check_clock(client.settings.environment, client.clock_error_seconds())
        results = [_build_result(row) for row in rechecked]
        accepted_decision = None
        if word is not None and not _is_proven(rechecked[0], word):
            accepted_decision = word
            why = f"{word.reason} (decided by {word.by})"
            results = [results[0]._replace(outcome=word.outcome, explanation=why)]
        drafts = [
            _build_draft(row.open, result, client.now(), accepted_decision)
            for row, result in zip(rechecked, results, strict=True)
            if result.outcome in PROVEN_OUTCOMES
        ]
        for start in range(0, len(drafts), 256):
            commit_entries(store, plan_lock, drafts[start : start + 256])
    planned = tuple(row.open.intention.row for row in rechecked)
    return SettleResult(plan_id, verb, planned, tuple(results), read_head(store, plan_id), language)


def _find_plan_verb(store: Store, plan_id: str, client: Client) -> str:
    """Return the plan's verb; refuse an unknown plan or one of another environment."""
    first = next(iter(read_entries(store, plan_id)), None)
    if first is None:
        raise PlanError(
            f"plan {plan_id} is not in the workspace database {store.url_masked}. List the "
            "plans in it with: vippsrecon journal"
        )
    if first.environment != client.settings.environment:
        raise PlanError(
            f"plan {plan_id} is for {first.environment}, but VIPPS_ENVIRONMENT is "
            f"{client.settings.environment or 'not set'}: nothing was read"
        )
    return first.verb


def _validate_decision(decision: ManualDecision) -> ManualDecision:
    if decision.outcome not in ("done", "refused"):
        raise PlanError(f"a row can be settled as done or refused, not as {decision.outcome!r}")
    reason = " ".join(decision.reason.split())
    if not reason or len(reason) > MAX_TEXT_LENGTH or UNPRINTABLE.search(reason):
        raise PlanError(
            "describe in one sentence what you saw and where, such as --because "
            '"shown in the portal as refunded on 31 January"'
        )
    return decision._replace(
        reason=reason, by=normalize_person_name(decision.by or detect_account())
    )


@contextmanager
def _lock_plan(store: Store, plan_id: str, person: str, at: datetime) -> Iterator[PlanLock]:
    """Hold the plan lock meanwhile, so that no other process carries the plan out."""
    plan_lock = acquire(
        store,
        plan_id,
        holder=person,
        host=socket.gethostname(),
        pid=os.getpid(),
        at=format_journal_time(at),
    )
    try:
        yield plan_lock
    finally:
        with suppress(StoreError):
            release(store, plan_lock)


def _select_open_rows(store: Store, plan_id: str, decision: ManualDecision | None) -> list[OpenRow]:
    """Return the plan's open rows, or only the row of the user's decision."""
    rows = find_open_rows(store, plan_id)
    if decision is None:
        return rows
    rows = [row for row in rows if row.number == decision.row]
    if not rows:
        raise PlanError(
            f"row {decision.row} of plan {plan_id} is not open, so there is nothing to settle"
        )
    return rows


def _build_result(rechecked: RecheckedRow) -> RowResult:
    """Return the result that a reading proves, or `unknown`."""
    evidence, before = rechecked.evidence, rechecked.open.intention.before
    event = evidence.event
    proven = evidence.kind in PROVEN_OUTCOMES
    result = RowResult(
        rechecked.open.number,
        evidence.kind if proven else "unknown",
        evidence.explanation
        if proven
        else f"{evidence.explanation}{_ADVICE[evidence.kind](rechecked)}",
        psp_reference=None if event is None else event.psp_reference,
        event_at=None if event is None else event.timestamp,
        before=before,
        after=rechecked.after,
    )
    return flag_other_change(rechecked.open.verb, rechecked.open.intention, result)


def _advise_nothing_done(rechecked: RecheckedRow) -> str:
    if not rechecked.is_conclusive:
        return ", but it may have been sent less than a minute ago. Run this again in a minute"
    return (
        ". Carry out the plan again to do it. If it is no longer wanted, "
        f"settle it with --row {rechecked.open.number} --as refused"
    )


def _advise_changed(rechecked: RecheckedRow) -> str:
    if not rechecked.is_conclusive:
        return "; the event log may be delayed. Run this again in a minute"
    return (
        ", and the event log does not show this row's key; look the payment up in the business "
        f"portal, then settle it with --row {rechecked.open.number} --as done or refused"
    )


_ADVICE: Mapping[str, Callable[[RecheckedRow], str]] = {
    "nothing": _advise_nothing_done,
    "moved": _advise_changed,
    "unread": lambda _: ". Run this again later",
}


def _is_proven(rechecked: RecheckedRow, decision: ManualDecision) -> bool:
    """Return whether a reading proves the user's decision, which is then not needed.

    Raises:
        PlanError: The reading proves the opposite, or came too early to exclude it.
    """
    kind, why = rechecked.evidence.kind, rechecked.evidence.explanation
    row = f"row {decision.row} ({rechecked.open.intention.row.reference})"
    done = decision.outcome == "done"
    if kind in PROVEN_OUTCOMES and done == (kind != "refused"):
        return True
    if kind in PROVEN_OUTCOMES or (kind == "nothing" and done):
        raise PlanError(
            f"{row} cannot be settled as {decision.outcome}: {why}. Nothing was recorded"
        )
    if not rechecked.is_conclusive:
        raise PlanError(
            f"{row} cannot be settled yet: {why}{_ADVICE[kind](rechecked)}. Nothing was recorded"
        )
    return False


def _build_draft(
    row: OpenRow, result: RowResult, at: datetime, decision: ManualDecision | None
) -> Draft:
    """Build the journal entry of a row: a proof, or a user's decision marked as such."""
    intended_detail = row.intended.parse_detail()
    detail: dict[str, Any] = {
        **result.detail(),
        **{name: intended_detail[name] for name in ROW_RECORD_FIELDS if name in intended_detail},
    }
    kind = result.outcome
    if decision is not None:
        kind = "settled"
        detail |= {"outcome": result.outcome, "by": decision.by, "because": decision.reason}
    planned = row.intention.row
    return Draft(
        kind,
        planned.row,
        planned.msn,
        planned.reference,
        planned.currency,
        planned.amount_minor,
        row.intention.key,
        detail=detail,
        at=format_journal_time(at),
    )
