"""Times in the text formats of plans (seconds), the journal (milliseconds) and the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from vippsrecon.errors import PlanError

_PLAN_TIME_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def format_plan_time(moment: datetime) -> str:
    """Format a time the way plans write it: UTC, whole seconds.

    >>> format_plan_time(datetime(2026, 1, 31, 23, 0, 0, 999, tzinfo=UTC))
    '2026-01-31T23:00:00Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_plan_time(text: str) -> datetime:
    """Parse a time as plans write it.

    Raises:
        PlanError: The text is not a time of the form 2026-01-31T23:00:00Z.
    """
    try:
        if not isinstance(text, str) or _PLAN_TIME_PATTERN.fullmatch(text) is None:
            raise ValueError
        moment = datetime.fromisoformat(text)
        # Newer Python versions accept 24:00 as 00:00 of the next day. A plan must have one text
        # for one time, so the text has to survive the round trip.
        if format_plan_time(moment) != text:
            raise ValueError
    except ValueError:
        raise PlanError(f"{text!r} is not a time such as 2026-01-31T23:00:00Z") from None
    return moment


def format_journal_time(at: datetime) -> str:
    """Format a time the way the journal writes it: UTC, to the millisecond.

    >>> format_journal_time(datetime(2026, 3, 27, 10, 51, 44, 533325, tzinfo=UTC))
    '2026-03-27T10:51:44.533Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(timestamp: str) -> datetime:
    """Parse an API or journal timestamp as UTC; its fraction may have any number of digits.

    >>> parse_timestamp("2026-03-27T10:51:44.5333258Z").microsecond
    533325
    """
    moment = datetime.fromisoformat(timestamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
