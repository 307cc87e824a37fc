"""`journal settle`: look again at rows whose outcome is open, or keep a person's word on one.

Nothing here can change a payment: it reads payments and event logs and writes to the journal.
What a reading proves is kept as the carrier would have kept it. What it leaves open stays open,
unless a person who looked elsewhere (the business portal, Vipps MobilePay's support) says how it
ended; a word that a reading contradicts is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from vippsrecon.api.client import Client
from vippsrecon.bulk.execution.open_rows import OpenRow, RecheckedRow, find_open_rows, recheck_rows
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.people import (
    MAX_TEXT_LENGTH,
    UNPRINTABLE,
    detect_account,
    normalize_person_name,
)
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.times import format_journal_time
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

PROVEN_OUTCOMES = ("done", "already_done", "refused")

_ROW_RECORD_FIELDS = (
    "order_number",
    "reason",
    "note",
    "document_ref",
    "vat_minor",
    "discrepancy_id",
)


class ManualDecision(NamedTuple):
    """What a person says of one row.

    Attributes:
        row: The plan's row.
        outcome: "done" or "refused".
        reason: What they saw, and where.
        by: Who says so; "" is the machine's account.
    """

    row: int
    outcome: str
    reason: str
    by: str = ""


class SettleResult(NamedTuple):
    """What came of looking again.

    Attributes:
        plan_id: The plan.
        verb: What it does.
        rows: The rows that were open, as planned, in order.
        results: What each came to; those still open are unknown.
        head: The journal's last (seq, hash): keep it elsewhere.
    """

    plan_id: str
    verb: str
    rows: tuple[PlanRow, ...]
    results: tuple[RowResult, ...]
    head: tuple[int, str]

    @property
    def exit_code(self) -> int:
        """0 where nothing is left open, else 1."""
        return int(any(result.outcome == "unknown" for result in self.results))


def settle(
    store: Store,
    plan_id: str,
    client: Client,
    *,
    word: ManualDecision | None = None,
    carrier: str = "",
) -> SettleResult:
    """Read every open row's payment and log again, and keep what that proves. Sends nothing.

    Args:
        store: The workspace database.
        plan_id: The plan, known there.
        client: For the plan's environment.
        word: A person's word on one row; only that row is looked at then. Where the reading
            proves the same, the proof is kept and not the word.
        carrier: Who looks; "": the machine's account.

    Raises:
        PlanError: The plan is not known, is of another environment, or the row is not open; or
            the word contradicts what the payment shows. Nothing was kept.
        HeldError: Somebody is carrying the plan out.
        StoreError: The database cannot be used.
    """
    verb = _find_plan_verb(store, plan_id, client)
    if word is not None:
        word = _validate_decision(word)
    rows = _select_open_rows(store, plan_id, word)
    if not rows:
        # Not taken for nothing: the journal would name somebody who did nothing.
        return SettleResult(plan_id, verb, (), (), read_head(store, plan_id))
    for msn in sorted({row.intention.row.msn for row in rows}):
        client.check_keys(msn)  # its answer sets the house's clock, too
    with _lock_plan(store, plan_id, carrier or detect_account(), client.now()) as held:
        rows = _select_open_rows(store, plan_id, word)
        looked = client.run(recheck_rows(client.core, rows))
        results = [_build_result(one) for one in looked]
        believed = None
        if word is not None and not _is_proven(looked[0], word):
            believed = word
            why = f"{word.reason} (said by {word.by})"
            results = [results[0]._replace(outcome=word.outcome, explanation=why)]
        drafts = [
            _build_draft(one.open, result, client.now(), believed)
            for one, result in zip(looked, results, strict=True)
            if result.outcome in PROVEN_OUTCOMES
        ]
        for start in range(0, len(drafts), 256):
            commit_entries(store, held, drafts[start : start + 256])
    planned = tuple(one.open.intention.row for one in looked)
    return SettleResult(plan_id, verb, planned, tuple(results), read_head(store, plan_id))


def _find_plan_verb(store: Store, plan_id: str, client: Client) -> str:
    """Return the plan's verb, where it is known and of the client's environment."""
    first = next(iter(read_entries(store, plan_id)), None)
    if first is None:
        raise PlanError(
            f"plan {plan_id} is not known in the workspace database {store.url_masked}; "
            "vippsrecon journal lists those that are"
        )
    if first.environment != client.settings.environment:
        raise PlanError(
            f"plan {plan_id} is of {first.environment} and VIPPS_ENVIRONMENT says "
            f"{client.settings.environment or 'nothing'}: nothing was looked at"
        )
    return first.verb


def _validate_decision(word: ManualDecision) -> ManualDecision:
    if word.outcome not in ("done", "refused"):
        raise PlanError(f"a row is settled as done or refused, not as {word.outcome!r}")
    because = " ".join(word.reason.split())
    if not because or len(because) > MAX_TEXT_LENGTH or UNPRINTABLE.search(because):
        raise PlanError(
            "say in a sentence what you saw and where, such as --because "
            '"shown in the portal as refunded on 31 January"'
        )
    return word._replace(reason=because, by=normalize_person_name(word.by or detect_account()))


@contextmanager
def _lock_plan(store: Store, plan_id: str, who: str, at: datetime) -> Iterator[PlanLock]:
    """Hold the plan meanwhile, so that nobody carries it out."""
    held = acquire(
        store,
        plan_id,
        holder=who,
        host=socket.gethostname(),
        pid=os.getpid(),
        at=format_journal_time(at),
    )
    try:
        yield held
    finally:
        with suppress(StoreError):
            release(store, held)


def _select_open_rows(store: Store, plan_id: str, word: ManualDecision | None) -> list[OpenRow]:
    """Return the plan's open rows, or the one a person's word is on."""
    rows = find_open_rows(store, plan_id)
    if word is None:
        return rows
    rows = [row for row in rows if row.number == word.row]
    if not rows:
        raise PlanError(
            f"row {word.row} of plan {plan_id} is not open: nothing there is to be settled"
        )
    return rows


def _build_result(looked: RecheckedRow) -> RowResult:
    """Return what a reading comes to: proven, or still unknown."""
    found, before = looked.found, looked.open.intention.before
    event = found.event
    proven = found.kind in PROVEN_OUTCOMES
    return RowResult(
        looked.open.number,
        found.kind if proven else "unknown",
        found.explanation if proven else f"{found.explanation}{_ADVICE[found.kind](looked)}",
        psp_reference=None if event is None else event.psp_reference,
        event_at=None if event is None else event.timestamp,
        before=before,
        after=looked.after,
    )


def _advise_nothing_done(looked: RecheckedRow) -> str:
    if not looked.is_conclusive:
        return ", but it may have been sent less than a minute ago; look again in a minute"
    return (
        ". Carry the plan out again to have it done, or, where it is not to be done any more, "
        f"settle it with --row {looked.open.number} --as refused"
    )


def _advise_changed(looked: RecheckedRow) -> str:
    if not looked.is_conclusive:
        return "; the event log may still lag; look again in a minute"
    return (
        ", and the event log does not show this row's key; look the payment up in the business "
        f"portal, then settle it with --row {looked.open.number} --as done or refused"
    )


_ADVICE: Mapping[str, Callable[[RecheckedRow], str]] = {
    "nothing": _advise_nothing_done,
    "moved": _advise_changed,
    "unread": lambda _: "; look again later",
}


def _is_proven(looked: RecheckedRow, word: ManualDecision) -> bool:
    """Say whether a reading proves what a person says, so that the word is not needed.

    Raises:
        PlanError: The reading proves the opposite, or leaves too much open to be believed.
    """
    kind, why = looked.found.kind, looked.found.explanation
    row = f"row {word.row} ({looked.open.intention.row.reference})"
    done = word.outcome == "done"
    if kind in PROVEN_OUTCOMES and done == (kind != "refused"):
        return True
    if kind in PROVEN_OUTCOMES or (kind == "nothing" and done):
        raise PlanError(f"{row} cannot be settled as {word.outcome}: {why}. Nothing was kept")
    if not looked.is_conclusive:
        raise PlanError(
            f"{row} cannot be settled yet: {why}{_ADVICE[kind](looked)}. Nothing was kept"
        )
    return False


def _build_draft(
    row: OpenRow, result: RowResult, at: datetime, word: ManualDecision | None
) -> Draft:
    """Return what is kept of a row: a proof, or a person's word, which says that it is one."""
    said = row.intended.said()
    detail: dict[str, Any] = {
        **result.detail(),
        **{name: said[name] for name in _ROW_RECORD_FIELDS if name in said},
    }
    kind = result.outcome
    if word is not None:
        kind = "settled"
        detail |= {"outcome": result.outcome, "by": word.by, "because": word.reason}
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
