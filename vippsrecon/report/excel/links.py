"""Add the links from each discrepancy to its payment, its events and its order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.spreadsheet.columns import TableColumn
from vippsrecon.spreadsheet.links import build_row_links, build_web_links

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vippsrecon.spreadsheet.table import SheetTable

_LINKS = (
    ("Payments", "Payment", ((("msn", "reference"), "reference"),)),
    ("Events", "Events", ((("msn", "reference"), "reference"),)),
    (
        "Orders",
        "Order",
        (
            (("msn", "reference", "order_number"), "order_number"),
            # The second payment of an order has a reference that the order does not name.
            (("msn", "order_number"), "order_number"),
            (("msn", "reference"), "reference"),
        ),
    ),
)
"""Sheet, text of the link, and the keys to try in turn, each with the one to search for."""


_WEB_LINKS = (
    (
        "portal_url",
        "In portal",
        "Portal",
        "Opens the start page of the business portal: search for the reference there.",
    ),
    (
        "order_url",
        "In shop",
        "Order in shop",
        "Opens the order in the shop, at the address of order_url.",
    ),
)
"""Column of addresses, heading, text of the link, and what it is."""


def add_links(tables: Mapping[str, SheetTable]) -> SheetTable:
    """Return *Discrepancies* with a column of links to each of the sheets in the workbook."""
    discrepancies = tables["Discrepancies"]
    place = discrepancies.column("note") + 1
    before, after = discrepancies.columns[:place], discrepancies.columns[place:]
    targets = [link for link in _LINKS if not tables[link[0]].left_out]
    columns = tuple(_make_column(sheet, text) for sheet, text, _ in targets)
    # The formulas name columns of this sheet, so the columns of links have to be in place.
    linked = replace(discrepancies, columns=(*before, *columns, *after))
    links = [
        _find_links(linked, tables[sheet], ways, text).alias(column.name)
        for (sheet, text, ways), column in zip(targets, columns, strict=True)
    ]
    return add_web_links(replace(linked, data=linked.data.with_columns(links)))


def add_web_links(discrepancies: SheetTable) -> SheetTable:
    """Return *Discrepancies* with a last column of links for each kind of address that a row has."""
    data = discrepancies.data
    present = [link for link in _WEB_LINKS if data[link[0]].drop_nulls().len()]
    columns = tuple(
        TableColumn(header, f"{name}_link", "link", 12, about, printed=False, link_text=text)
        for name, header, text, about in present
    )
    links = [
        build_web_links(data[name], text).alias(f"{name}_link") for name, _, text, _ in present
    ]
    return replace(
        discrepancies,
        columns=(*discrepancies.columns, *columns),
        data=data.with_columns(links),
    )


def _make_column(sheet: str, text: str) -> TableColumn:
    lower = text.lower()
    about = f"Leads to the row on {sheet}."
    return TableColumn(
        f"To {lower}", f"{lower}_link", "link", 9, about, printed=False, link_text=text
    )


def _find_links(
    table: SheetTable,
    target: SheetTable,
    ways: Sequence[tuple[tuple[str, ...], str]],
    text: str,
) -> pl.Series:
    links = []
    for keys, lookup in ways:
        found = build_row_links(table, target, keys, lookup, text)
        # Two rows without an order number do not belong together because of that.
        has_lookup = table.data[lookup].fill_null("") != ""
        links.append(pl.when(has_lookup).then(found))
    return pl.select(pl.coalesce(links).cast(pl.String)).to_series()
