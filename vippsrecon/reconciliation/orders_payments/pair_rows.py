"""Stack the rows of the pairs: orders with their payments, and the rows that have no counterpart."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    align_columns,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.orders import (
    COMBINED_COLUMNS,
    ORDER_COLUMNS,
    ORDER_KEY,
    OrderSide,
    select_amounts,
)
from vippsrecon.reconciliation.orders_payments.payments import PAYMENT_COLUMNS, PaymentSide


def stack_rows(
    sides: OrderSide, chosen: PaymentSide, superseded_rows: LazyFrame, cover: LazyFrame
) -> LazyFrame:
    """Stack pairs, orphans, additional payments and the other order rows with the same columns.

    The part of the shop's refund that further payments paid back is subtracted from the order's Or,
    because the rows of these payments have it.
    """
    groups = sides.groups
    order_columns = [f"order_{c}" if c == "currency" else c for c in ORDER_COLUMNS]
    rename = {"currency": "order_currency"}
    owing = groups.with_columns(Or_now=nw.col("Or"))
    for name, elsewhere in (
        ("Or", chosen.refunded_elsewhere),
        ("Or_now", chosen.refunded_elsewhere_now),
    ):
        if elsewhere is not None and not is_empty(elsewhere):
            owing = owing.join(elsewhere, on=ORDER_KEY, how="left")
            owing = owing.with_columns(
                (nw.col(name) - nw.col("elsewhere_minor").fill_null(0)).alias(name)
            ).drop("elsewhere_minor")
    paired = (
        owing.rename(rename)
        .join(chosen.counted, on=ORDER_KEY, how="left")
        .with_columns(role=nw.lit("pair"))
    )
    parts = [paired]
    if chosen.additional is not None:
        parts.append(
            chosen.additional.join(
                groups.filter(~nw.col("okey").is_null()).select(
                    *ORDER_KEY,
                    "order_number",
                    "ordered_day",
                    "store",
                    "method_unsure",
                    "by_vipps",
                    "recurring",
                    "dates_without_time",
                    "fulfilled_at_us",
                    "fulfilled_day",
                    "refunded_at_us",
                    "refunded_day",
                    "exported_at_us",
                ),
                on=ORDER_KEY,
                how="left",
            )
        )
    orphans = chosen.orphans.join(cover, on="msn", how="left").with_columns(role=nw.lit("orphan"))
    surplus = sides.surplus.rename(rename).with_columns(role=nw.lit("surplus"))
    left_out = sides.left_out.rename(rename).with_columns(role=nw.lit("pair"))
    older = (
        select_amounts(superseded_rows).rename(rename).with_columns(role=nw.lit("superseded_row"))
    )
    columns = [
        "msn",
        "okey",
        "role",
        *order_columns,
        *COMBINED_COLUMNS,
        *PAYMENT_COLUMNS,
        "payments",
        "Or_now",
    ]
    columns += ["cover_first_day", "cover_last_day", "cover_exported_us"]
    schema = {**paired.collect_schema(), **cover.collect_schema()}
    types = {name: schema[name] for name in columns} | {"place": nw.Int64}
    parts += [orphans, surplus, left_out, older]
    return nw.concat([align_columns(part, types) for part in parts], how="vertical")


def mark_unanswered(pairs: LazyFrame, unanswered: LazyFrame | None) -> LazyFrame:
    """Add `read_failed`: whether reading the payment of this reference failed."""
    if unanswered is None:
        return pairs.with_columns(read_failed=nw.lit(value=False))
    marked = unanswered.select("msn", okey=nw.col("reference"), is_unanswered=nw.lit(value=True))
    return (
        pairs.join(materialize(marked), on=ORDER_KEY, how="left")
        .with_columns(read_failed=nw.col("is_unanswered").fill_null(value=False))
        .drop("is_unanswered")
    )
