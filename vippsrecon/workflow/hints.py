"""Does this shop capture when the order is placed? Its payments tell, where its settings do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.money import format_count, group_thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from vippsrecon.config.settings import SalesUnit

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
