"""Find continuation rows in exports that have one row per product."""

from __future__ import annotations

import polars as pl

from vippsrecon.sources.files.headings import normalize_heading
from vippsrecon.sources.orders.profiles import Profile


def find_continuation_rows(cells: pl.DataFrame, profile: Profile, headings: set[str]) -> pl.Series:
    """Return which rows only continue the order of the row above.

    Consecutive rows with the same number are one order (numbers of imported orders may occur
    twice in a file); the order's id must agree. Such a row has no total of its
    own, or, where the headings show that the export repeats an order for each product, the
    same cells as the order's first row.

    Args:
        cells: One row per row of the file, one column per field.
        profile: Names the field that identifies an order.
        headings: The file's normalised headings.
    """
    never = pl.Series("continues", [False]).new_from_index(0, cells.height)
    key = profile.line_key
    if not key or key not in cells.columns:
        return never
    repeated = bool(headings & {normalize_heading(text) for text in profile.repeated_when})
    if profile.repeated_when and not repeated:
        return never
    same_key = (pl.col(key) == pl.col(key).shift(1)) & (pl.col(key) != "")
    fields = [name for name in cells.columns if name not in ("row", "fault", key)]
    grouped = cells.with_columns(group=(~same_key.fill_null(value=False)).cum_sum())
    first = {name: pl.col(name).first().over("group") for name in fields}
    agrees = {name: (pl.col(name) == "") | (pl.col(name) == first[name]) for name in fields}
    continues = pl.col("total") == ""
    if "order_id" in agrees:
        continues &= agrees["order_id"]
    if repeated:
        continues |= pl.all_horizontal(*agrees.values())
    is_first = pl.int_range(pl.len()).over("group") == 0
    return grouped.select(continues=continues & ~is_first & pl.col("fault").is_null())["continues"]
