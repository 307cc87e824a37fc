"""Define the frames that a run stores for later runs. Import from `vippsrecon.schemas`."""

from __future__ import annotations

from vippsrecon.schemas.frame import MSN, REFERENCE, Frame
from vippsrecon.schemas.frame import define_column as _c
from vippsrecon.schemas.inputs import ORDERS, PAYMENT
from vippsrecon.schemas.results import BUCKETS

_ENVIRONMENT = _c(
    "environment",
    "text",
    "The environment of the run.",
    required=True,
    one_of=("test", "production", "simulator"),
)

COMPARED_ORDERS = Frame(
    "compared_orders",
    "one row per order row that a run compared or carried over from an earlier run",
    "`compared_orders.parquet` in `report.data/`",
    (
        _ENVIRONMENT,
        _c(
            "as_of_at",
            "moment",
            "The cut-off time of the latest run that compared the order.",
            required=True,
        ),
        MSN,
        REFERENCE,
        _c(
            "psp_reference",
            "text",
            "The pspReference of the payment it was compared with; empty if there was none.",
        ),
        _c(
            "bucket",
            "text",
            "The order's bucket in the run of its own export.",
            required=True,
            one_of=next(column.one_of for column in BUCKETS.columns if column.name == "bucket"),
        ),
        _c(
            "settled",
            "boolean",
            "Whether the latest run that compared it left nothing to do.",
            required=True,
        ),
        *(column for column in ORDERS.columns if column.name not in PAYMENT),
    ),
)

FIRST_SEEN = Frame(
    "first_seen",
    "one row per discrepancy that a run, or a run before it, reported",
    "`first_seen.parquet` in `report.data/`",
    (
        _ENVIRONMENT,
        _c("discrepancy_id", "text", "ID of the discrepancy.", required=True),
        _c("first_seen_date", "date", "Day of the first run that reported it.", required=True),
    ),
)
