"""Find rows that a file has twice because it consists of two files, or of one file twice."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def find_repeated_rows(rows: pl.DataFrame, key: Sequence[str], identified: pl.Expr) -> pl.Series:
    """Return which rows repeat a row above.

    A row that is identified is the same as any other with that key. Others are counted: each part of
    the file may have them, so they are as many as in the part that has most of them.

    Args:
        rows: With the column `part`, the number of heading rows above each row.
        key: Columns in which a copy is equal.
        identified: Whether a row has an id that no other row may have.

    >>> rows = pl.DataFrame({"id": ["a", "a", "", "", "", ""], "part": [1, 1, 1, 1, 2, 2]})
    >>> find_repeated_rows(rows, ["id"], pl.col("id") != "").to_list()
    [False, True, False, False, True, True]
    """
    # Of one part, the second equal row is the second of its kind in each part.
    ranked = rows.with_columns(
        ordinal=pl.when(identified).then(0).otherwise(pl.int_range(pl.len()).over([*key, "part"]))
    )
    copies = pl.int_range(pl.len()).over([*key, "ordinal"])
    return ranked.select(repeated=copies > 0)["repeated"]
