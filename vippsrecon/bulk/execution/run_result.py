"""The result of one run of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vippsrecon.bulk.execution.row_result import DONE_OUTCOMES, RowResult
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.config.settings import SalesUnit
from vippsrecon.display.views import frame_of, html_of
from vippsrecon.money import group_thousands

if TYPE_CHECKING:
    import pandas as pd

LIVE_OUTCOMES = ("done", "already_done", "refused", "skipped", "unknown")


@dataclass(frozen=True)
class RunResult:
    """One run of a plan: one result per row, in the plan's order.

    Attributes:
        plan: The plan.
        live: Whether anything could be sent.
        results: The result of each row.
        stopped: Why the run stopped before its end, or "".
        approver: Who approved it; "" in a dry run of a plan without approval.
        carrier: Who carried it out.
        head: The journal's last (seq, hash) after a live run: save it outside the database.
        units: The plan's sales units as configured: time zones and markets.
        earlier: When each row that was final before this run became so: journal times, in order.
            If that is every row, nothing was read or sent. A dry run lists them only then.
        unapproved: In a dry run, why a live run would have no valid approval, or "".
        settings_language: In which notebooks show it if the plan has no language; None: the current one.
    """

    plan: Plan
    live: bool
    results: tuple[RowResult, ...]
    stopped: str = ""
    approver: str = ""
    carrier: str = ""
    head: tuple[int, str] | None = None
    units: tuple[SalesUnit, ...] = ()
    unapproved: str = ""
    earlier: tuple[str, ...] = ()
    settings_language: str | None = None

    @property
    def language(self) -> str | None:
        """The language in which notebooks show it: the plan's, else that of the settings."""
        return self.plan.language or self.settings_language

    def __repr__(self) -> str:
        """Summarize the run in one line; the rows are in `outcomes`."""
        mode = "live" if self.live else "dry"
        counts = [
            f"{group_thousands(number)} {name.replace('_', ' ')}"
            for name, number in self.counts.items()
            if number
        ]
        summary = ", ".join(counts) or "nothing"
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        plan = f"plan {self.plan.plan_id}: {self.plan.short_description}"
        return f"<RunResult {mode}, {plan}: {summary}{stopped}>"

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by outcome. In a live run the five counts add up to the plan's rows."""
        names = LIVE_OUTCOMES if self.live else ("would_do", *LIVE_OUTCOMES[1:4])
        counts = dict.fromkeys(names, 0)
        for result in self.results:
            counts[result.outcome] = counts.get(result.outcome, 0) + 1
        return counts

    @property
    def exit_code(self) -> int:
        """0: every row is done (or would be) · 1: some row is not, or moved_beside · 2: it stopped."""
        if self.stopped:
            return 2
        successful = (*DONE_OUTCOMES, "would_do")
        return int(any(result.outcome not in successful or result.flags for result in self.results))

    @property
    def outcomes(self) -> pd.DataFrame:
        """The results as a frame, one row per plan row: see `schemas.OUTCOMES`."""
        return frame_of(self, "outcomes")

    def _repr_html_(self) -> str:
        return html_of(self)
