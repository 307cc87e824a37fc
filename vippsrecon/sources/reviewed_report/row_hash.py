"""The hash hidden in each row of a report's *Discrepancies*: written with it, checked when read."""

from __future__ import annotations

import hashlib
from typing import Any

HASHED_COLUMNS = (
    "discrepancy_id",
    "msn",
    "reference",
    "kind",
    "currency",
    "expected_minor",
    "actual_minor",
    "at_risk_minor",
    "proposal",
    "proposal_minor",
)
"""Columns of `schemas.DISCREPANCIES` a row's hash is made of, in this order."""


def compute_row_hash(row: tuple[Any, ...]) -> str:
    """Compute the hash hidden in a row of *Discrepancies*, from its values of `HASHED_COLUMNS`.

    If the hash of a row does not match its content, part of the row was shifted (some columns were
    sorted or pasted alone), or its figures were overwritten.

    >>> compute_row_hash(("under_captured:123456:a-1", "123456", "a-1", "under_captured", "NOK", 2, 1, 1,
    ...     "capture", 1))
    'f45229ea161b6852'
    """
    text = "\x1f".join("" if value is None else str(value) for value in row)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
