"""Make the frame `rejects` of rows that a reader could not use."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from vippsrecon import schemas

RejectCells = tuple[str, int, str | None, str | None, str]
"""The same as a tuple: file, row, column, value, reason."""


def make_rejects(rejects: Sequence[RejectCells]) -> pl.DataFrame:
    """Return rejects as `schemas.REJECTS`."""
    return pl.DataFrame(rejects, schema=schemas.polars_schema(schemas.REJECTS), orient="row")
