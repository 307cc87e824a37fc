"""Say on standard error that rows wait, why, and for how long they will still be tried.

A row that waits makes no progress and no output. Somebody who sees nothing for two minutes stops the
run, or starts a second one.
"""

from __future__ import annotations

import logging

SILENCE_SECONDS = 6.0
"""How long a row waits before it is reported; a wait that would take longer is reported at once."""

REPEAT_SECONDS = 60.0
"""A run reports that a row waits at most once in this time, however many rows wait."""

_log = logging.getLogger(__name__)


class WaitNotice:
    """The notices of one run."""

    def __init__(self) -> None:
        self._given_at = float("-inf")

    def give(self, row: int, why: str, left: float, *, waited: float, now: float) -> None:
        """Log that a row waits, unless it waits only shortly or another notice is recent.

        Args:
            row: The row's number.
            why: What it waits for, as a clause after "Row 3 waits: ".
            left: For how many seconds it will still be tried.
            waited: Seconds from its first wait to the end of the one that begins.
            now: The time in seconds of the run's clock.
        """
        if waited <= SILENCE_SECONDS or now - self._given_at < REPEAT_SECONDS:
            return
        self._given_at = now
        _log.warning(
            "Row %d waits: %s. It will be tried for another %.0f s. Ctrl-C stops; the same command "
            "continues.",
            row,
            why,
            max(0.0, left),
        )
