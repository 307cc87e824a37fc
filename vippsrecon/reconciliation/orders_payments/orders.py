"""The shop's side of a pair: one row per order reference, twins and combined orders resolved.

Where an export holds one reference in several rows, either they are several orders paid
together (their totals sum to the payment) or all rows but one are too many.
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
    "recurring",
    "split_tender",
    "shop_currency_only",
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
"""The order's own columns in a pair, `currency` as `order_currency`."""


@dataclass(frozen=True)
class OrderSide:
    """What became of the rows of the export.

    Attributes:
        groups: One row per order to be compared (msn, okey, ORDER, combined, no_reference).
        surplus: Rows that are too many beside another (same columns, and place, from 2 on):
            `duplicate_order_row`.
        members: Rows compared as a sum (msn, okey, source_file, source_row).
    """

    groups: LazyFrame
    surplus: LazyFrame
    members: LazyFrame


def collect_references(orders: LazyFrame) -> LazyFrame:
    """Return one row per (msn, reference) the orders hold: exported_at_us, rows."""
    return (
        orders.filter(~nw.col("reference").is_null())
        .group_by("msn", "reference")
        .agg(
            exported_at_us=nw.col("exported_at_us").min(),
            rows=nw.len(),
        )
    )


def resolve_order_rows(orders: LazyFrame, references: LazyFrame, payments: LazyFrame) -> OrderSide:
    """Turn export rows into orders to be compared.

    Args:
        orders: The export's rows.
        references: What `collect_references` gives.
        payments: Payments with okey, A and C at the moment compared at.
    """
    rows = orders.with_columns(
        okey=nw.col("reference"), O=nw.col("total_minor"), Or=nw.col("refunded_minor").fill_null(0)
    ).select("msn", "okey", *ORDER_COLUMNS)
    repeated = materialize(
        references.filter(nw.col("rows") > 1).select("msn", okey=nw.col("reference"))
    )
    once = rows.join(repeated, on=ORDER_KEY, how="anti") if collect_rows(repeated.head(1)) else rows
    single = once.with_columns(combined=nw.lit(value=False), no_reference=nw.col("okey").is_null())
    several = materialize(
        _rank_repeated_rows(rows.join(repeated, on=ORDER_KEY, how="semi"), payments)
    )
    combined = several.filter(nw.col("combined"))
    apart = several.filter(~nw.col("combined")).with_columns(no_reference=nw.lit(value=False))
    columns = ["msn", "okey", *ORDER_COLUMNS, "combined", "no_reference"]
    groups = nw.concat(
        [
            single.select(columns),
            apart.filter(nw.col("place") == 1).select(columns),
            _sum_combined_orders(combined).select(columns),
        ],
        how="vertical",
    )
    return OrderSide(
        groups,
        apart.filter(nw.col("place") > 1).select(*columns, "place"),
        combined.select(*ORDER_KEY, "source_file", "source_row"),
    )


def _rank_repeated_rows(repeated: LazyFrame, payments: LazyFrame) -> LazyFrame:
    """Say of rows sharing a reference whether they add up, and which is nearest the payment."""
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
    judged = numbered.join(totals, on=ORDER_KEY, how="left").join(paid, on=ORDER_KEY, how="left")
    adds_up = (
        (nw.col("rows") == nw.col("numbers"))
        & (nw.col("first_number") != "")
        & (nw.col("first_currency") == nw.col("last_currency"))
        & ((nw.col("all_O") == nw.col("paid_A")) | (nw.col("all_O") == nw.col("paid_C")))
    )
    return judged.with_columns(
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
    """Make one order of several that were paid together."""
    same = nw.col("first_status") == nw.col("last_status")
    paid = nw.col("first_paid") == nw.col("last_paid")
    flags = ("by_vipps", "recurring", "split_tender", "shop_currency_only")
    return (
        combined.with_columns(
            *(
                nw.when(nw.col(flag)).then(nw.lit(1)).otherwise(nw.lit(0)).alias(flag)
                for flag in flags
            )
        )
        .group_by(*ORDER_KEY)
        .agg(
            nw.col("order_number", "currency", "ordered_day", "store").min(),
            nw.col("source_file", "source_row", "exported_at_us").min(),
            nw.col("fulfilled_at_us", "fulfilled_day", "refunded_at_us", "refunded_day").max(),
            nw.col("O", "Or").sum().cast(nw.Int64),
            nw.col(*flags).max(),
            first_status=nw.col("status").min(),
            last_status=nw.col("status").max(),
            first_paid=nw.col("paid").min(),
            last_paid=nw.col("paid").max(),
        )
        .with_columns(
            *((nw.col(flag) > 0).alias(flag) for flag in flags),
            status=nw.when(same).then(nw.col("first_status")).otherwise(nw.lit("partial")),
            paid=nw.when(paid).then(nw.col("first_paid")).otherwise(nw.lit("unknown")),
            truncated_minor=nw.lit(None).cast(nw.Int64),
            combined=nw.lit(value=True),
            no_reference=nw.lit(value=False),
        )
    )
