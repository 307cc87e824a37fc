"""Number the entries of ledgers, and say what each of them is.

Entry types are an open set: a type that is not known is kept, reported, and booked by its sign.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.days import DAY_US
from vippsrecon.reconciliation.engines.backends import LazyFrame, has_distinct_rows, materialize
from vippsrecon.vipps_rules import PAYOUT_ABORTED, PAYOUT_TYPES

EVENT_BY_TYPE = {"capture": "CAPTURED", "refund": "REFUNDED"}
"""Entry type to the event of the payment that it books."""

DISPUTE_TYPES = ("retained-disputed-capture", "returned-disputed-capture")

KNOWN_TYPES = {
    "funds": (
        *EVENT_BY_TYPE,
        *PAYOUT_TYPES,
        *DISPUTE_TYPES,
        PAYOUT_ABORTED,
        "fees-retained",
        "correction",
        "top-up",
        "credit-note",
    ),
    "fees": (
        "capture-fee",
        "fees-retained",
        "fees-invoiced",
        "service-fee",
        "correction",
        "credit-note",
    ),
}
"""Topic to the entry types that Vipps MobilePay documents for it."""

_SAME_ENTRY = ["topic", "entry_type", "psp_reference"]
_ORDER = ["entry_us", "balance_order", "amount_minor", "reference"]
_FIRST = nw.lit(1, nw.Int64)


def prepare_entries(entries: LazyFrame) -> LazyFrame:
    """Add to each entry what it is, its number among equal ones, and its row key.

    Args:
        entries: `schemas.LEDGER_ENTRIES`, with `ledger_day` and `entry_at_us`.

    Returns:
        The same rows with `role` (movement, dispute, correction, fee, known or unknown), `n` (the
        number among entries of one ledger, topic, pspReference and type), `match_n` (the same
        among those of one sales unit and currency), `entry_us` and `row_key`.
    """
    entry_type, topic = nw.col("entry_type"), nw.col("topic")
    role: nw.Expr = nw.lit("unknown")
    for name, types in KNOWN_TYPES.items():
        role = (
            nw.when((topic == name) & entry_type.is_in(list(types)))
            .then(nw.lit("known"))
            .otherwise(role)
        )
    for name, condition in (
        ("movement", (topic == "funds") & entry_type.is_in(list(EVENT_BY_TYPE))),
        ("dispute", (topic == "funds") & entry_type.is_in(list(DISPUTE_TYPES))),
        ("correction", entry_type == "correction"),
        ("fee", (topic == "fees") & (entry_type == "capture-fee")),
    ):
        role = nw.when(condition).then(nw.lit(name)).otherwise(role)
    named = materialize(
        entries.with_columns(
            psp_reference=nw.col("psp_reference").fill_null(""),
            reference=nw.col("reference").fill_null(""),
            entry_us=nw.col("entry_at_us").fill_null(nw.col("ledger_day") * DAY_US),
            balance_order=nw.col("balance_before_minor").fill_null(0),
            role=role,
        ),
        large=True,
    )
    numbered = _number_repeated(named)
    return numbered.with_columns(
        row_key=nw.concat_str(
            nw.col("ledger_id"),
            nw.lit(":"),
            topic,
            nw.lit(":"),
            nw.col("psp_reference"),
            nw.lit(":"),
            entry_type,
            nw.lit(":"),
            nw.col("n").cast(nw.String),
        )
    ).drop("balance_order")


def _number_repeated(entries: LazyFrame) -> LazyFrame:
    """Number the entries that share topic, type and pspReference with another; every other is 1."""
    if has_distinct_rows(entries.select(_SAME_ENTRY)):
        return entries.with_columns(n=_FIRST, match_n=_FIRST)
    repeated = materialize(
        entries.group_by(*_SAME_ENTRY).agg(rows=nw.len()).filter(nw.col("rows") > 1).drop("rows")
    )
    alone = entries.join(repeated, on=_SAME_ENTRY, how="anti").with_columns(
        n=_FIRST, match_n=_FIRST
    )
    several = number_rows(
        number_rows(
            materialize(entries.join(repeated, on=_SAME_ENTRY, how="semi")),
            ("ledger_id", *_SAME_ENTRY),
            _ORDER,
            "n",
        ),
        ("msn", "currency", *_SAME_ENTRY),
        [*_ORDER, "ledger_id"],
        "match_n",
    )
    return materialize(nw.concat([alone, several], how="vertical"))


def number_rows(data: LazyFrame, keys: tuple[str, ...], order: list[str], name: str) -> LazyFrame:
    """Number the rows with equal keys 1, 2, …; no column of `order` may be null."""
    return (
        data.with_columns(each=_FIRST)
        .with_columns(
            nw.col("each").cum_sum().over(*keys, order_by=order).cast(nw.Int64).alias(name)
        )
        .drop("each")
    )
