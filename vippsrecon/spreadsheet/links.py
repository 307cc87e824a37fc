"""Link cells of a workbook to cells on its other sheets.

Links are formulas with HYPERLINK, not the hyperlinks of cells: a formula looks its row up again when
people sort the sheet it leads to, moves with its row when they sort its own, and does not count towards
the 65,530 hyperlinks that Excel allows on a sheet. It names the row where the target was written, and
compares it first, so that opening a large workbook takes one comparison per link, not one search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from xlsxwriter.utility import xl_col_to_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vippsrecon.spreadsheet.table import SheetTable

_SEARCHED_DIFFERENTLY = r"[~*?]"
"""MATCH takes these for wildcards."""
_WEB_ADDRESS = r"^https://[A-Za-z0-9\-._~:/?#\[\]@!$&()*+,;=%]{1,247}$"
_MAX_MATCH_LENGTH = 255
"""MATCH finds no longer text."""


def format_link(sheet: str, cell: str, text: str) -> str:
    r"""Return a formula that shows `text` and leads to a cell.

    >>> format_link("Summary", "A1", "Back to Summary")
    '=HYPERLINK("#\'Summary\'!A1","Back to Summary")'
    """
    return f"=HYPERLINK(\"#'{sheet}'!{cell}\",{_quote(text)})"


def format_first_row_link(table: SheetTable, text: str, **equal: str) -> str:
    """Return a formula that shows `text` and leads to the first row whose columns equal the texts.

    If people removed all of these rows, it leads to the top of the sheet.
    """
    conditions = "*".join(
        f"EXACT({table.cells(name)},{_quote(value)})" for name, value in equal.items()
    )
    row = f"{table.head_row + 1}+MATCH(1,INDEX({conditions},0),0)"
    return f"=HYPERLINK(\"#'{table.sheet}'!A\"&IFERROR({row},1),{_quote(text)})"


def build_web_links(addresses: pl.Series, text: str) -> pl.Series:
    r"""Return for each address a formula that shows `text` and opens the address in a browser.

    Args:
        addresses: https addresses, at most 255 characters, percent-encoded; null for none.
        text: What the cells show.

    Raises:
        ValueError: An address could be read as another formula.

    >>> build_web_links(pl.Series(["https://shop.example/1", None]), "Shop").to_list()
    ['HYPERLINK("https://shop.example/1","Shop")', None]
    """
    unsafe = addresses.drop_nulls().filter(~addresses.drop_nulls().str.contains(_WEB_ADDRESS))
    if len(unsafe):
        raise ValueError(f"{unsafe[0]!r} is not an address that a formula may have")
    return pl.select(pl.format(f'HYPERLINK("{{}}",{_quote(text)})', addresses)).to_series()


def build_row_links(
    table: SheetTable, target: SheetTable, keys: Sequence[str], lookup: str, text: str
) -> pl.Series:
    """Return for each row a formula that leads to the first row of `target` with the same keys.

    Args:
        table: The sheet with the links.
        target: The sheet that they lead to.
        keys: Columns of text that both sheets have.
        lookup: The key that MATCH searches for, if it tells the rows apart.
        text: What the cells show.

    Returns:
        The formulas, null where `target` has no such row.
    """
    first_row = table.head_row + 2
    rows = table.data.select(pl.col(keys).fill_null("")).with_row_index("own", first_row)
    found = rows.join(_find_target_rows(target, keys, lookup), on=keys, how="left").sort("own")
    own = {key: pl.format(f"${xl_col_to_name(table.column(key))}{{}}", "own") for key in keys}
    here = [
        pl.format(
            f"EXACT('{target.sheet}'!${xl_col_to_name(target.column(key))}${{}},{{}})",
            "target",
            own[key],
        )
        for key in keys
    ]
    everywhere = [pl.format(f"EXACT({target.cells(key)},{{}})", own[key]) for key in keys]
    search = (
        pl.when("distinct")
        .then(pl.format(f"MATCH({{}},{target.cells(lookup)},0)", own[lookup]))
        .otherwise(
            pl.format("MATCH(1,INDEX({},0),0)", pl.concat_str(everywhere, separator="*")),
        )
    )
    formula = pl.format(
        f"HYPERLINK(\"#'{target.sheet}'!A\"&IF(AND({{}}),{{}},{target.head_row + 1}+{{}}),{_quote(text)})",
        pl.concat_str(here, separator=","),
        "target",
        search,
    )
    return found.select(pl.when(pl.col("target").is_not_null()).then(formula).alias("link"))["link"]


def _find_target_rows(target: SheetTable, keys: Sequence[str], lookup: str) -> pl.DataFrame:
    """Return the first sheet row of each combination of keys, and whether MATCH can tell it apart."""
    keyed = target.data.head(target.rows).select(pl.col(keys).fill_null(""))
    searched = pl.col(lookup)
    # MATCH ignores upper and lower case.
    combinations = pl.struct(keys).n_unique().over(searched.str.to_lowercase())
    distinct = (
        (combinations == 1)
        & (searched != "")
        & ~searched.str.contains(_SEARCHED_DIFFERENTLY)
        & (searched.str.len_chars() <= _MAX_MATCH_LENGTH)
    )
    return (
        keyed.with_row_index("target", target.head_row + 2)
        .with_columns(distinct=distinct)
        .unique(keys, keep="first", maintain_order=True)
    )


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
