"""Replace the two texts that identify a payment by one number, where that is faster: on Polars.

Joins and groups by one number take half the time and less memory of those by msn and reference.
The number is a 64-bit hash of both, so two payments could have the same one. A second hash of the
same texts shows that: rows of one key whose second hashes differ are a collision, and whoever uses
keys then starts again with the texts. On DuckDB and Spark the texts stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from vippsrecon.schemas import PAYMENT

if TYPE_CHECKING:
    import polars as pl

LazyFrame = nw.LazyFrame[Any]

HashFunction = Callable[["pl.Expr", int], "pl.Expr"]
"""From a column of texts and a seed to a column of 64-bit numbers."""

KEY_COLUMN = "payment_key"
SECOND_HASH = "second_hash"
HASHES = (KEY_COLUMN, SECOND_HASH)


def hash_text(text: pl.Expr, seed: int) -> pl.Expr:
    """Hash a column of texts."""
    return text.hash(seed)


def add_payment_key(data: LazyFrame, hash_function: HashFunction | None) -> LazyFrame:
    """Add `payment_key` and `second_hash` on Polars; return the frame unchanged on other engines.

    Args:
        data: A frame with msn and reference. Both numbers are null where the reference is.
        hash_function: The function to hash with; None for no keys.
    """
    import polars as pl

    native = nw.to_native(data)
    if hash_function is None or not isinstance(native, pl.LazyFrame):
        return data
    msn, reference = (pl.col(name) for name in PAYMENT)
    known = reference.is_not_null()
    keyed: LazyFrame = nw.from_native(
        native.with_columns(
            pl.when(known)
            .then(hash_function(msn, seed) ^ hash_function(reference, seed + 1))
            .alias(name)
            for name, seed in ((KEY_COLUMN, 1), (SECOND_HASH, 3))
        )
    )
    return keyed


def key_columns(data: LazyFrame) -> list[str]:
    """Return the columns to join and group a frame's payments by."""
    return [KEY_COLUMN] if KEY_COLUMN in data.collect_schema().names() else list(PAYMENT)
