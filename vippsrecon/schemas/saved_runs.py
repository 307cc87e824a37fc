"""Define the frames that a run stores for later runs. Import from `vippsrecon.schemas`."""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, REFERENCE, Frame
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

ITEM_STATUSES = ("reopened", "open", "in_progress", "waived", "closed_by_evidence")
"""What becomes of a discrepancy over several runs, in the order of a report."""

OPEN_ITEMS = Frame(
    "open_items",
    "one row per discrepancy that this run or a run before it reported, and per waived payment",
    "vippsrecon.workflow.reconcile_month; and `open_items.parquet` in `report.data/`, closed ones "
    "included",
    (
        _c(
            "discrepancy_id",
            "text",
            "ID of the discrepancy; waived:msn:reference for a waived payment of which no run "
            "reported one.",
            required=True,
        ),
        _c(
            "status",
            "text",
            "open; in_progress: somebody works on it; waived: the ignore file lists its payment; "
            "closed_by_evidence: a later complete run compared its sides and did not report it; "
            "reopened: reported again after it was closed.",
            required=True,
            one_of=ITEM_STATUSES,
        ),
        _c("kind", "text", "The code.", required=True),
        MSN,
        _c("reference", "text", "Reference of the payment, or of the order without a payment."),
        _c("order_number", "text", "The order number shown in the shop."),
        CURRENCY,
        _c(
            "at_risk_minor",
            "minor",
            "Money at risk when a run last reported it; empty where no run did.",
            at_least=0,
        ),
        _c("first_seen_date", "date", "Day of the first run that reported it."),
        _c("last_seen_date", "date", "Day of the latest run that reported it."),
        _c(
            "age_days",
            "count",
            "Local days from the first run that reported it to this run, or to the one that closed it.",
            at_least=0,
        ),
        _c(
            "status_at",
            "moment",
            "Cut-off time of the run since which it has this status.",
            required=True,
        ),
        _c("who", "text", "Who works on it, or who waived it."),
        _c("why", "text", "The note of who works on it, or the reason of the waiver."),
        _c("until_date", "date", "Last day of the waiver; empty if it is permanent."),
        _c("closed_by", "text", "ID of the run that closed it, as on that run's Controls."),
        _c(
            "as_of_at",
            "moment",
            "Cut-off time of the latest run that judged it: reported it, compared its sides, or "
            "waived it.",
            required=True,
        ),
    ),
)
