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
from vippsrecon.bulk.approval.approve import person, this_account
from vippsrecon.bulk.execution.open_rows import Looked, Open, look_at_all, open_rows
from vippsrecon.bulk.execution.operations import journal_time
from vippsrecon.bulk.execution.row_result import Result
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.plan.rules import LONGEST_TEXT, UNPRINTABLE
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import Carrier, Draft, Store, commit, entries, head, release, take

PROVEN = ("done", "already_done", "refused")

_PLANNED = ("order_number", "reason", "note", "document_ref", "vat_minor", "discrepancy_id")


class Word(NamedTuple):
    """What a person says of one row.

    Attributes:
        row: The plan's row.
        outcome: "done" or "refused".
        because: What they saw, and where.
        by: Who says so; "" is the machine's account.
    """

    row: int
    outcome: str
    because: str
    by: str = ""


class Settled(NamedTuple):
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
    results: tuple[Result, ...]
    head: tuple[int, str]

    @property
    def exit_code(self) -> int:
        """0 where nothing is left open, else 1."""
        return int(any(result.outcome == "unknown" for result in self.results))


def settle(
    store: Store, plan_id: str, client: Client, *, word: Word | None = None, carrier: str = ""
) -> Settled:
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
    verb = _verb_here(store, plan_id, client)
    if word is not None:
        word = _checked(word)
    rows = _to_settle(store, plan_id, word)
    if not rows:
        # Not taken for nothing: the journal would name somebody who did nothing.
        return Settled(plan_id, verb, (), (), head(store, plan_id))
    for msn in sorted({row.sent.row.msn for row in rows}):
        client.check_keys(msn)  # its answer sets the house's clock, too
    with _held(store, plan_id, carrier or this_account(), client.now()) as held:
        rows = _to_settle(store, plan_id, word)
        looked = client.run(look_at_all(client.core, rows))
        results = [_result(one) for one in looked]
        believed = None
        if word is not None and not _proven(looked[0], word):
            believed = word
            why = f"{word.because} (said by {word.by})"
            results = [results[0]._replace(outcome=word.outcome, why=why)]
        drafts = [
            _draft(one.open, result, client.now(), believed)
            for one, result in zip(looked, results, strict=True)
            if result.outcome in PROVEN
        ]
        for start in range(0, len(drafts), 256):
            commit(store, held, drafts[start : start + 256])
    planned = tuple(one.open.sent.row for one in looked)
    return Settled(plan_id, verb, planned, tuple(results), head(store, plan_id))


def _verb_here(store: Store, plan_id: str, client: Client) -> str:
    """Return the plan's verb, where it is known and of the client's environment."""
    first = next(iter(entries(store, plan_id)), None)
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


def _checked(word: Word) -> Word:
    if word.outcome not in ("done", "refused"):
        raise PlanError(f"a row is settled as done or refused, not as {word.outcome!r}")
    because = " ".join(word.because.split())
    if not because or len(because) > LONGEST_TEXT or UNPRINTABLE.search(because):
        raise PlanError(
            "say in a sentence what you saw and where, such as --because "
            '"shown in the portal as refunded on 31 January"'
        )
    return word._replace(because=because, by=person(word.by or this_account()))


@contextmanager
def _held(store: Store, plan_id: str, who: str, at: datetime) -> Iterator[Carrier]:
    """Hold the plan meanwhile, so that nobody carries it out."""
    held = take(
        store,
        plan_id,
        holder=who,
        host=socket.gethostname(),
        pid=os.getpid(),
        at=journal_time(at),
    )
    try:
        yield held
    finally:
        with suppress(StoreError):
            release(store, held)


def _to_settle(store: Store, plan_id: str, word: Word | None) -> list[Open]:
    """Return the plan's open rows, or the one a person's word is on."""
    rows = open_rows(store, plan_id)
    if word is None:
        return rows
    rows = [row for row in rows if row.number == word.row]
    if not rows:
        raise PlanError(
            f"row {word.row} of plan {plan_id} is not open: nothing there is to be settled"
        )
    return rows


def _result(looked: Looked) -> Result:
    """Return what a reading comes to: proven, or still unknown."""
    found, before = looked.found, looked.open.sent.before
    event = found.event
    proven = found.kind in PROVEN
    return Result(
        looked.open.number,
        found.kind if proven else "unknown",
        found.why if proven else f"{found.why}{_ADVICE[found.kind](looked)}",
        psp_reference=None if event is None else event.psp_reference,
        event_at=None if event is None else event.timestamp,
        before=before,
        after=looked.after,
    )


def _nothing(looked: Looked) -> str:
    if not looked.sure:
        return ", but it may have been sent less than a minute ago; look again in a minute"
    return (
        ". Carry the plan out again to have it done, or, where it is not to be done any more, "
        f"settle it with --row {looked.open.number} --as refused"
    )


def _moved(looked: Looked) -> str:
    if not looked.sure:
        return "; the event log may still lag; look again in a minute"
    return (
        ", and the event log does not show this row's key; look the payment up in the business "
        f"portal, then settle it with --row {looked.open.number} --as done or refused"
    )


_ADVICE: Mapping[str, Callable[[Looked], str]] = {
    "nothing": _nothing,
    "moved": _moved,
    "unread": lambda _: "; look again later",
}


def _proven(looked: Looked, word: Word) -> bool:
    """Say whether a reading proves what a person says, so that the word is not needed.

    Raises:
        PlanError: The reading proves the opposite, or leaves too much open to be believed.
    """
    kind, why = looked.found.kind, looked.found.why
    row = f"row {word.row} ({looked.open.sent.row.reference})"
    done = word.outcome == "done"
    if kind in PROVEN and done == (kind != "refused"):
        return True
    if kind in PROVEN or (kind == "nothing" and done):
        raise PlanError(f"{row} cannot be settled as {word.outcome}: {why}. Nothing was kept")
    if not looked.sure:
        raise PlanError(
            f"{row} cannot be settled yet: {why}{_ADVICE[kind](looked)}. Nothing was kept"
        )
    return False


def _draft(row: Open, result: Result, at: datetime, word: Word | None) -> Draft:
    """Return what is kept of a row: a proof, or a person's word, which says that it is one."""
    said = row.intended.said()
    detail: dict[str, Any] = {
        **result.detail(),
        **{name: said[name] for name in _PLANNED if name in said},
    }
    kind = result.outcome
    if word is not None:
        kind = "settled"
        detail |= {"outcome": result.outcome, "by": word.by, "because": word.because}
    planned = row.sent.row
    return Draft(
        kind,
        planned.row,
        planned.msn,
        planned.reference,
        planned.currency,
        planned.amount_minor,
        row.sent.key,
        detail=detail,
        at=journal_time(at),
    )
