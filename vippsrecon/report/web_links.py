"""Find the addresses that a finding leads to: the business portal, and the order in the shop.

Only two addresses are used: the documented start page of the business portal, for production payments, and
`order_url` of the sales unit. A report loads nothing from them; a browser opens them when somebody clicks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.config.order_address import build_order_address, check_order_url
from vippsrecon.schemas import to_pandas
from vippsrecon.vipps_rules import PORTAL_ADDRESS

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.reconciliation import Reconciliation


def add_addresses(discrepancies: pl.DataFrame, manifest: Mapping[str, Any]) -> pl.DataFrame:
    """Return the discrepancies with `portal_url` and `order_url`, null where there is no address.

    Args:
        discrepancies: `schemas.DISCREPANCIES`.
        manifest: The manifest of the result: its environment, and the settings of its sales units.
    """
    templates = _list_templates(manifest)
    rows = discrepancies.select("msn", "order_number", "reference").iter_rows()
    orders = [
        build_order_address(templates[msn], number, reference) if msn in templates else None
        for msn, number, reference in rows
    ]
    portal = PORTAL_ADDRESS if manifest.get("environment") == "production" else None
    return discrepancies.with_columns(
        portal_url=pl.when(pl.col("reference").is_not_null()).then(pl.lit(portal, pl.String)),
        order_url=pl.Series(orders, dtype=pl.String),
    )


def link_discrepancies(reconciliation: Reconciliation) -> pd.DataFrame:
    """Return the discrepancies with the addresses that each leads to, for a notebook.

    `portal_url` is the start page of the business portal, for a production payment; `order_url` is the
    order in the shop, if its sales unit has `order_url` in the settings. Both are empty otherwise.
    `show_frame` and `search_frame` show them as links.
    """
    frame = reconciliation.polars_frame("discrepancies")
    return to_pandas(add_addresses(frame, reconciliation.manifest))


def _list_templates(manifest: Mapping[str, Any]) -> dict[str, str]:
    units = (manifest.get("settings") or {}).get("sales_units") or ()
    return {
        unit["msn"]: check_order_url(unit["order_url"])
        for unit in units
        if isinstance(unit, Mapping) and unit.get("order_url")
    }
