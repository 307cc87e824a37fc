"""The result of each row of a plan, as a plain tuple: carrying out makes no frames."""

from __future__ import annotations

from typing import Any, NamedTuple

from vippsrecon.bulk.aggregate import Aggregate

WOULD_DO = "would_do"
"""Outcome in a dry run of a row that a live run would send."""

MOVED_BESIDE = "moved_beside"
"""Flag of a row that is done on a payment that somebody else changed meanwhile."""

DONE_OUTCOMES = ("done", "already_done")
FINAL_OUTCOMES = (*DONE_OUTCOMES, "refused")
"""Outcomes that a later run never changes."""


class RowResult(NamedTuple):
    """The result of one row.

    Attributes:
        row: The plan's row number.
        outcome: done, already_done, refused, skipped, unknown; in a dry run would_do.
        explanation: One sentence that a user can act on.
        status: HTTP status of the answer that decided the outcome; None if no answer did.
        code: Error code of that answer, or "".
        trace_id: Trace ID of that answer, for Vipps MobilePay's support.
        psp_reference: The operation's PSP reference from the event log, the same as in its ledger
            entry.
        event_at: Time of the operation's event in the event log.
        before: The payment's totals before the operation.
        after: The totals after it; None if they were not read.
        flags: `moved_beside` if it is done and the payment changed by more than this operation;
            else "".
    """

    row: int
    outcome: str
    explanation: str
    status: int | None = None
    code: str = ""
    trace_id: str = ""
    psp_reference: str | None = None
    event_at: str | None = None
    before: Aggregate | None = None
    after: Aggregate | None = None
    flags: str = ""

    def detail(self) -> dict[str, Any]:
        """Return the fields stored in the journal beside the row."""
        return {
            "why": self.explanation,
            "status": self.status,
            "code": self.code,
            "trace_id": self.trace_id,
            "psp_reference": self.psp_reference,
            "event_at": self.event_at,
            "before": None if self.before is None else list(self.before),
            "after": None if self.after is None else list(self.after),
            **({"flags": self.flags} if self.flags else {}),
        }

    @classmethod
    def from_journal(cls, row: int, outcome: str, detail: dict[str, Any]) -> RowResult:
        """Restore a result from a journal entry.

        >>> done = RowResult(1, "done", "refunded", 200, after=Aggregate(900, 900, 100, 0))
        >>> RowResult.from_journal(1, "done", done.detail()) == done
        True
        """
        before, after = detail.get("before"), detail.get("after")
        return cls(
            row,
            outcome,
            str(detail.get("why", "")),
            detail.get("status"),
            str(detail.get("code", "")),
            str(detail.get("trace_id", "")),
            detail.get("psp_reference"),
            detail.get("event_at"),
            None if before is None else Aggregate(*before),
            None if after is None else Aggregate(*after),
            str(detail.get("flags", "")),
        )
