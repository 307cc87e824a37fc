"""Join two large frames by several columns: on Polars by one number made of them, see `keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, count_rows, is_empty, materialize
from vippsrecon.reconciliation.engines.keys import SECOND_HASH, HashFunction, add_key, hash_text

_KEY, _OTHER_HASH = "join_key", "other_hash"


@dataclass(frozen=True)
class Joined:
    """Two frames joined.

    Attributes:
        rows: The rows of the left frame, with columns of the right one; these are null where the
            right frame has no such row.
        unmatched: The rows of the right frame that the left one has no row for; not computed yet.
    """

    rows: LazyFrame
    unmatched: LazyFrame


def join_large(
    left: LazyFrame,
    right: LazyFrame,
    on: Sequence[str],
    add: Sequence[str],
    hash_function: HashFunction | None = hash_text,
) -> Joined:
    """Join two frames by columns. Both are read twice, so they should be computed before.

    Args:
        left: The frame that gets columns.
        right: The frame that has them.
        on: The columns to join by. A row with a null in one of them belongs to no other row.
        add: The columns of the right frame to add, of which the left one has none.
        hash_function: See `keys.add_key`.
    """
    keyed_left, keyed_right = (add_key(rows, on, hash_function, _KEY) for rows in (left, right))
    if _KEY not in keyed_left.collect_schema().names():
        return Joined(
            materialize(left.join(right.select(*on, *add), on=list(on), how="left"), large=True),
            right.join(left, on=list(on), how="anti"),
        )
    to_add = keyed_right.select(_KEY, *add, nw.col(SECOND_HASH).alias(_OTHER_HASH))
    rows = materialize(keyed_left.join(to_add, on=_KEY, how="left"))
    if not is_empty(rows.filter(nw.col(SECOND_HASH) != nw.col(_OTHER_HASH))):
        # Two rows have the same key, which practically never happens. They must not be joined.
        return join_large(left, right, on, add, None)
    unmatched = keyed_right.join(keyed_left.select(_KEY), on=_KEY, how="anti")
    return Joined(rows.drop(_KEY, SECOND_HASH, _OTHER_HASH), unmatched.drop(_KEY, SECOND_HASH))


def select_candidates(data: LazyFrame, few: LazyFrame, on: Sequence[str]) -> LazyFrame:
    """Return the rows that a join with a few rows can find; where keys collide, some more.

    Args:
        data: Many rows.
        few: The rows to join with.
        on: The columns to join by.
    """
    keyed, wanted = (add_key(rows, on, hash_text, _KEY) for rows in (data, few))
    if _KEY not in keyed.collect_schema().names():
        return data
    return keyed.join(wanted.select(_KEY), on=_KEY, how="semi").drop(_KEY, SECOND_HASH)


def number_groups(
    data: LazyFrame,
    columns: Sequence[str],
    name: str,
    hash_function: HashFunction | None = hash_text,
) -> LazyFrame:
    """Add a column with one number for all rows that are equal in some columns, none of them null.

    Rows are grouped by one number at a third of the cost. For a few groups of many rows.

    Args:
        data: The rows, computed.
        columns: The columns.
        name: The column to add.
        hash_function: See `keys.add_key`.
    """
    keyed = add_key(data, columns, hash_function, name)
    if SECOND_HASH not in keyed.collect_schema().names():
        groups = materialize(data.select(*columns).unique(), large=True)
        numbered = materialize(groups.with_row_index(name, order_by=list(columns)))
        return materialize(data.join(numbered, on=list(columns), how="left"), large=True)
    keyed = materialize(keyed.drop(SECOND_HASH))
    groups = materialize(keyed.select(name, *columns).unique(), large=True)
    if count_rows(groups.select(name).unique()) != count_rows(groups):
        return number_groups(data, columns, name, None)
    return keyed
