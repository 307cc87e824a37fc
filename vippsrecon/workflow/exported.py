"""When an export was taken decides what it could know; no shop writes it into the file."""

from __future__ import annotations

from collections.abc import Iterator

from vippsrecon.sources import OrderFiles

FROM_MODIFICATION_TIME = "modification time"


def export_time_hints(files: OrderFiles) -> Iterator[str]:
    """Yield, for each export whose time nobody gave, a sentence that says what was taken for it.

    What happened at Vipps MobilePay after the export is timing, not a discrepancy; a copy of the
    file has another modification time, and so other discrepancies.
    """
    for file in files.files:
        if file.exported_at_from == FROM_MODIFICATION_TIME:
            yield (
                f"{file.name} does not say when it was exported: its modification time, "
                f"{file.exported_at:%Y-%m-%d %H:%M} UTC, was taken. A copy may have another; "
                "--exported-at says it for sure"
            )
