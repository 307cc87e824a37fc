"""What each frame promises: its columns, their types and bounds, and what one row is.

`inputs` describes the frames that go into a comparison, `results` those that come out.
Uniqueness is not promised anywhere: duplicates are data, and the comparison reports them.
"""

from __future__ import annotations

from vippsrecon.schemas.frame import (
    Column,
    Frame,
    build_pandera_schema,
    polars_schema,
    to_pandas,
    validate,
)
from vippsrecon.schemas.inputs import EVENTS, FAILURES, ORDERS, PAYMENT, PAYMENTS, REJECTS, STATUSES
from vippsrecon.schemas.results import (
    BRIDGE,
    BUCKETS,
    DISCREPANCIES,
    OUTCOMES,
    RECEIPTS,
    SEVERITIES,
    SUMMARY,
)

FRAMES = (
    ORDERS,
    PAYMENTS,
    EVENTS,
    FAILURES,
    REJECTS,
    DISCREPANCIES,
    BUCKETS,
    SUMMARY,
    BRIDGE,
    OUTCOMES,
    RECEIPTS,
)
"""Every frame, in the order a month is worked through."""

__all__ = [
    "BRIDGE",
    "BUCKETS",
    "DISCREPANCIES",
    "EVENTS",
    "FAILURES",
    "FRAMES",
    "ORDERS",
    "OUTCOMES",
    "PAYMENT",
    "PAYMENTS",
    "RECEIPTS",
    "REJECTS",
    "SEVERITIES",
    "STATUSES",
    "SUMMARY",
    "Column",
    "Frame",
    "build_pandera_schema",
    "polars_schema",
    "to_pandas",
    "validate",
]
