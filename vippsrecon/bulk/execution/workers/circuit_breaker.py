"""Stop a run in which too many rows fail."""

from __future__ import annotations

from collections import deque

from vippsrecon.bulk.execution.row_result import RowResult

WINDOW_ROWS = 50


class CircuitBreaker:
    """Count the outcomes of rows, and decide when the run should stop.

    A row refused before its request was sent does not count as a failure: the plan is out of
    date, but nothing is broken.

    Args:
        in_a_row: Number of consecutive failures that stops the run.
        share: Share of failures in the last 50 rows that stops the run.

    >>> breaker = CircuitBreaker(in_a_row=2, share=1.0)
    >>> breaker.after(RowResult(1, "unknown", "")), breaker.after(RowResult(2, "done", "", 200))
    ('', '')
    >>> breaker.after(RowResult(3, "unknown", "")), breaker.after(RowResult(4, "skipped", ""))
    ('', '2 rows in a row failed')
    """

    def __init__(self, in_a_row: int, share: float) -> None:
        self._in_a_row = in_a_row
        self._share = share
        self._consecutive = 0
        self._last: deque[bool] = deque(maxlen=WINDOW_ROWS)

    def after(self, result: RowResult) -> str:
        """Count one result; return why the run should stop, or ""."""
        failed = result.outcome in ("unknown", "skipped") or (
            result.outcome == "refused" and result.status is not None
        )
        if result.outcome == "refused" and not failed:
            return ""
        self._consecutive = self._consecutive + 1 if failed else 0
        self._last.append(failed)
        if self._consecutive >= self._in_a_row:
            return f"{self._consecutive} rows in a row failed"
        if len(self._last) == WINDOW_ROWS and sum(self._last) >= self._share * WINDOW_ROWS:
            return f"{sum(self._last)} of the last {WINDOW_ROWS} rows failed"
        return ""
