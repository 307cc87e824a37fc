"""The time of day for commands that compute a period or an age before they call any service."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import typer


def read_clock(context: typer.Context, zone: tzinfo = UTC) -> datetime:
    """Return the time now, in a zone: that of the clock which the caller gave, else this computer's.

    Args:
        context: Its `obj` may be a function without arguments that returns the time, with a zone.
        zone: The zone of the result.
    """
    now = context.obj() if callable(context.obj) else datetime.now(UTC)
    return now.astimezone(zone)
