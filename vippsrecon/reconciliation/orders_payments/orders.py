"""Prepare the order side of the pairs: one row per order reference.

If an export has several rows with the same reference, they are either several orders paid together
(their totals sum to the payment), which are combined into one row, or all rows but one are surplus.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, collect_rows, materialize

ORDER_KEY = ["msn", "okey"]

ORDER_COLUMNS = (
    "order_number",
    "currency",
    "ordered_day",
    "O",
    "Or",
    "status",
    "paid",
    "by_vipps",
    "method_unsure",
    "recurring",
    "split_tender",
    "shop_currency_only",
    "refunds_unknown",
    "recorded_by_hand",
    "shop_authorization",
    "dates_without_time",
    "truncated_minor",
    "fulfilled_at_us",
    "fulfilled_day",
    "refunded_at_us",
    "refunded_day",
    "exported_at_us",
    "store",
    "source_file",
    "source_row",
)
"""Columns of the order in a pair, where `currency` is called `order_currency`."""


@dataclass(frozen=True)
class OrderSide:
    """The rows of the order export, divided by how they are compared.

    Attributes:
        groups: One row per order to compare (msn, okey, ORDER_COLUMNS, combined, no_reference).
        surplus: Superfluous rows of a reference (the same columns, and place, from 2 upwards);
            each gets the code `duplicate_order_row`.
        members: Rows that were combined into one order (msn, okey, source_file, source_row).
    """

    groups: LazyFrame
    surplus: LazyFrame
    members: LazyFrame


def collect_references(orders: LazyFrame) -> LazyFrame:
    """Return one row per (msn, reference) of the orders: earliest exported_at_us, and rows."""
    return (
        orders.filter(~nw.col("reference").is_null())
        .group_by("msn", "reference")
        .agg(
            exported_at_us=nw.col("exported_at_us").min(),
            rows=nw.len(),
        )
    )


def resolve_order_rows(orders: LazyFrame, references: LazyFrame, payments: LazyFrame) -> OrderSide:
    """Turn the rows of the export into the orders to compare.

    Args:
        orders: The rows of the order export.
        references: Result of `collect_references`.
        payments: Payments with okey, and A and C at the cut-off time.
    """
    rows = orders.with_columns(
        okey=nw.col("reference"),
        O=nw.col("total_minor"),
        Or=nw.col("refunded_minor").fill_null(0),
        refunds_unknown=nw.col("refunded_minor").is_null(),
    ).select("msn", "okey", *ORDER_COLUMNS)
    repeated = materialize(
        references.filter(nw.col("rows") > 1).select("msn", okey=nw.col("reference"))
    )
    unique_rows = (
        rows.join(repeated, on=ORDER_KEY, how="anti") if collect_rows(repeated.head(1)) else rows
    )
    single = unique_rows.with_columns(
        combined=nw.lit(value=False), no_reference=nw.col("okey").is_null()
    )
    ranked = materialize(
        _rank_repeated_rows(rows.join(repeated, on=ORDER_KEY, how="semi"), payments)
    )
    combined = ranked.filter(nw.col("combined"))
    duplicates = ranked.filter(~nw.col("combined")).with_columns(no_reference=nw.lit(value=False))
    columns = ["msn", "okey", *ORDER_COLUMNS, "combined", "no_reference"]
    groups = nw.concat(
        [
            single.select(columns),
            duplicates.filter(nw.col("place") == 1).select(columns),
            _sum_combined_orders(combined).select(columns),
        ],
        how="vertical",
    )
    return OrderSide(
        groups,
        duplicates.filter(nw.col("place") > 1).select(*columns, "place"),
        combined.select(*ORDER_KEY, "source_file", "source_row"),
    )


def _rank_repeated_rows(repeated: LazyFrame, payments: LazyFrame) -> LazyFrame:
    """Add `combined` (the rows of a reference sum to its payment) and `place` (1 is nearest)."""
    paid = (
        payments.filter(~nw.col("okey").is_null())
        .join(repeated.select(*ORDER_KEY).unique(), on=ORDER_KEY, how="semi")
        .group_by(*ORDER_KEY)
        .agg(paid_A=nw.col("A").sum().cast(nw.Int64), paid_C=nw.col("C").sum().cast(nw.Int64))
    )
    numbered = repeated.with_columns(number=nw.col("order_number").fill_null(""))
    totals = numbered.group_by(*ORDER_KEY).agg(
        rows=nw.len(),
        numbers=nw.col("number").n_unique(),
        first_number=nw.col("number").min(),
        all_O=nw.col("O").sum().cast(nw.Int64),
        first_currency=nw.col("currency").min(),
        last_currency=nw.col("currency").max(),
    )
    compared = numbered.join(totals, on=ORDER_KEY, how="left").join(paid, on=ORDER_KEY, how="left")
    adds_up = (
        (nw.col("rows") == nw.col("numbers"))
        & (nw.col("first_number") != "")
        & (nw.col("first_currency") == nw.col("last_currency"))
        & ((nw.col("all_O") == nw.col("paid_A")) | (nw.col("all_O") == nw.col("paid_C")))
    )
    return compared.with_columns(
        combined=adds_up.fill_null(value=False),
        each=nw.lit(1),
        distance=(nw.col("O") - nw.col("paid_C").fill_null(0)).abs(),
        content=nw.concat_str(
            *(
                nw.col(name).cast(nw.String).fill_null("")
                for name in ("O", "Or", "currency", "status", "paid", "ordered_day", "source_file")
            ),
            separator="|",
        ),
    ).with_columns(
        place=nw.col("each")
        .cum_sum()
        .over(*ORDER_KEY, order_by=["distance", "number", "content", "source_row"])
        .cast(nw.Int64)
    )


def _sum_combined_orders(combined: LazyFrame) -> LazyFrame:
    """Sum the orders that were paid together into one order per reference."""
    same_status = nw.col("first_status") == nw.col("last_status")
    same_paid = nw.col("first_paid") == nw.col("last_paid")
    same_authorization = nw.col("first_authorization") == nw.col("last_authorization")
    flags = (
        "recurring",
        "split_tender",
        "shop_currency_only",
        "method_unsure",
        "refunds_unknown",
        "recorded_by_hand",
        "dates_without_time",
    )
    return (
        combined.with_columns(
            *(
                nw.when(nw.col(flag)).then(nw.lit(1)).otherwise(nw.lit(0)).alias(flag)
                for flag in flags
            ),
            # An unknown payment method is not another one, so "no" needs a "no" of every row.
            ours=nw.when(nw.col("by_vipps")).then(nw.lit(1)).otherwise(nw.lit(0)),
            others=nw.when(~nw.col("by_vipps")).then(nw.lit(1)).otherwise(nw.lit(0)),
            authorization=nw.col("shop_authorization").fill_null(""),
        )
        .group_by(*ORDER_KEY)
        .agg(
            nw.col("order_number", "currency", "ordered_day", "store").min(),
            nw.col("source_file", "source_row", "exported_at_us").min(),
            nw.col("fulfilled_at_us", "fulfilled_day", "refunded_at_us", "refunded_day").max(),
            nw.col("O", "Or").sum().cast(nw.Int64),
            nw.col(*flags, "ours").max(),
            nw.col("others").min(),
            first_authorization=nw.col("authorization").min(),
            last_authorization=nw.col("authorization").max(),
            first_status=nw.col("status").min(),
            last_status=nw.col("status").max(),
            first_paid=nw.col("paid").min(),
            last_paid=nw.col("paid").max(),
        )
        .with_columns(
            *((nw.col(flag) > 0).alias(flag) for flag in flags),
            status=nw.when(same_status).then(nw.col("first_status")).otherwise(nw.lit("partial")),
            paid=nw.when(same_paid).then(nw.col("first_paid")).otherwise(nw.lit("unknown")),
            by_vipps=nw.when(nw.col("ours") > 0)
            .then(nw.lit(value=True))
            .otherwise(nw.when(nw.col("others") > 0).then(nw.lit(value=False))),
            shop_authorization=nw.when(
                same_authorization & (nw.col("first_authorization") != "")
            ).then(nw.col("first_authorization")),
            truncated_minor=nw.lit(None).cast(nw.Int64),
            combined=nw.lit(value=True),
            no_reference=nw.lit(value=False),
        )
    )
