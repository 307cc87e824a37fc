"""Suggest settings and arguments which the files and payments show to be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.money import format_count, group_thousands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from vippsrecon.config.settings import SalesUnit
    from vippsrecon.sources import OrderFiles

FROM_MODIFICATION_TIME = "modification time"

MIN_OPEN_ORDERS = 20
"""Open orders of a sales unit, below which their payments are no habit yet."""


def capture_setting_hints(
    orders: pd.DataFrame, payments: pd.DataFrame, units: Sequence[SalesUnit]
) -> tuple[str, ...]:
    """Return a sentence for each sales unit most of whose open orders are captured.

    Args:
        orders: `schemas.ORDERS`.
        payments: `schemas.PAYMENTS`.
        units: Sales units configured; those set to "at_once" have nothing to be told.

    Source: rules.md §2, *Status*.
    """
    told = {unit.msn for unit in units if unit.capture == "at_once"}
    ours = orders["by_vipps"].fillna(value=True).astype(bool)
    undone = orders.loc[orders["status"].eq("open") & ours, ["msn", "reference"]]
    captured = payments.loc[payments["captured_minor"] > 0, ["msn", "reference"]]
    of_these = undone.merge(captured, on=["msn", "reference"])["msn"].value_counts()
    return tuple(
        f"Sales unit {msn}: {group_thousands(int(of_these.get(msn, 0)))} of {format_count(int(count), 'open order')} "
        'are captured. If you capture when an order is placed, set capture = "at_once" for it in '
        "vippsrecon.toml: open orders are then compared as fulfilled ones are."
        for msn, count in undone["msn"].value_counts().sort_index().items()
        if msn not in told and count >= MIN_OPEN_ORDERS and of_these.get(msn, 0) * 2 > count
    )


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
