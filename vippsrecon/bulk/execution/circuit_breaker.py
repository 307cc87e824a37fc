"""When so much goes wrong that a run should not go on by itself."""

from __future__ import annotations

from collections import deque

from vippsrecon.bulk.execution.row_result import RowResult

WINDOW_ROWS = 50


class CircuitBreaker:
    """Counts outcomes of rows that Vipps MobilePay was asked about.

    A row the judge refused before anything was sent is no failure: it says that the plan is
    out of date, not that something is broken.

    Args:
        in_a_row: Failures one after the other that stop the run.
        share: Share of the last fifty that does.

    >>> breaker = CircuitBreaker(in_a_row=2, share=1.0)
    >>> breaker.after(RowResult(1, "unknown", "")), breaker.after(RowResult(2, "done", "", 200))
    ('', '')
    >>> breaker.after(RowResult(3, "unknown", "")), breaker.after(RowResult(4, "skipped", ""))
    ('', '2 rows in a row failed')
    """

    def __init__(self, in_a_row: int, share: float) -> None:
        self._in_a_row = in_a_row
        self._share = share
        self._row = 0
        self._last: deque[bool] = deque(maxlen=WINDOW_ROWS)

    def after(self, result: RowResult) -> str:
        """Count one outcome; return why the run should stop, or ""."""
        failed = result.outcome in ("unknown", "skipped") or (
            result.outcome == "refused" and result.status is not None
        )
        if result.outcome == "refused" and not failed:
            return ""
        self._row = self._row + 1 if failed else 0
        self._last.append(failed)
        if self._row >= self._in_a_row:
            return f"{self._row} rows in a row failed"
        if len(self._last) == WINDOW_ROWS and sum(self._last) >= self._share * WINDOW_ROWS:
            return f"{sum(self._last)} of the last {WINDOW_ROWS} rows failed"
        return ""
