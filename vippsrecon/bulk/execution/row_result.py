"""What became of each row of a plan, as plain tuples: the carrying path makes no frames."""

from __future__ import annotations

from typing import Any, NamedTuple

from vippsrecon.bulk.plan.rules import Aggregate

WOULD_DO = "would_do"
"""A dry run's word for a row that a live run would send."""

DONE_OUTCOMES = ("done", "already_done")
FINAL_OUTCOMES = (*DONE_OUTCOMES, "refused")
"""Outcomes that no later run changes."""


class RowResult(NamedTuple):
    """What became of one row.

    Attributes:
        row: The plan's row number.
        outcome: done, already_done, refused, skipped, unknown; in a dry run would_do.
        explanation: One sentence a person can act on.
        status: HTTP status of the answer that decided it; None where none did.
        code: Domain code of that answer, or "".
        trace_id: Quote it to Vipps MobilePay's support.
        psp_reference: The operation's own, from the event log; the ledger entry has the same.
        event_at: When Vipps MobilePay did it, from the event log.
        before: The payment's aggregate before.
        after: The aggregate after; None where it was not seen.
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

    def detail(self) -> dict[str, Any]:
        """Return what the journal keeps of it beside the row."""
        return {
            "why": self.explanation,
            "status": self.status,
            "code": self.code,
            "trace_id": self.trace_id,
            "psp_reference": self.psp_reference,
            "event_at": self.event_at,
            "before": None if self.before is None else list(self.before),
            "after": None if self.after is None else list(self.after),
        }

    @classmethod
    def from_journal(cls, row: int, outcome: str, detail: dict[str, Any]) -> RowResult:
        """Return a result as the journal kept it.

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
        )
