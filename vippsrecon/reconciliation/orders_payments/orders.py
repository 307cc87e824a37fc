"""Prepare the order side of the pairs: one row per order reference.

If an export has several rows with the same reference, they are either several orders paid together
(their totals sum to the payment), which are combined into one row, or all rows but one are surplus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.schemas.inputs import PAYMENT_KEY

ORDER_KEY = ["msn", "okey"]
"""The key of an order; `okey` is its reference in the export."""

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
    "names_several",
    "rest_refunded",
    "dates_without_time",
    "attempts_asked",
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

COMBINED_COLUMNS = ("combined", "no_reference", "not_due", "has_cancelled_row")
"""Further columns of the order: whether it is several rows, whether it has no reference, the total
of the rows of a combined order that are not sent yet and not captured (minor units), and whether a
row of a combined order is cancelled."""


@dataclass(frozen=True)
class OrderSide:
    """The rows of the order export, divided by how they are compared.

    Attributes:
        groups: One row per order to compare (msn, okey, ORDER_COLUMNS, COMBINED_COLUMNS).
        surplus: Superfluous rows of a reference (the same columns, and place, from 2 upwards);
            each gets the code `duplicate_order_row`.
        left_out: Cancelled rows of orders paid together (the same columns as groups): nothing is
            to be collected for them, so they are compared without the payment.
        members: Rows that were combined into one order (msn, okey, source_file, source_row).
    """

    groups: LazyFrame
    surplus: LazyFrame
    left_out: LazyFrame
    members: LazyFrame


def collect_references(orders: LazyFrame) -> LazyFrame:
    """Return one row per (msn, reference) of the orders: earliest exported_at_us, and rows."""
    return (
        orders.filter(~nw.col("reference").is_null())
        .group_by(*PAYMENT_KEY)
        .agg(
            exported_at_us=nw.col("exported_at_us").min(),
            rows=nw.len(),
        )
    )


def select_amounts(orders: LazyFrame) -> LazyFrame:
    """Select `ORDER_COLUMNS` of order rows with okey, the reference of their order."""
    further = nw.col("further_references")
    return orders.with_columns(
        names_several=(further != nw.col("reference")).fill_null(value=False),
        O=nw.col("total_minor"),
        Or=nw.col("refunded_minor").fill_null(0),
        refunds_unknown=nw.col("refunded_minor").is_null(),
    ).select(*ORDER_KEY, *ORDER_COLUMNS)


def resolve_order_rows(
    orders: LazyFrame, references: LazyFrame, payments: LazyFrame, at_once: Sequence[str] = ()
) -> OrderSide:
    """Turn the rows of the export into the orders to compare.

    Args:
        orders: The rows of the order export.
        references: Result of `collect_references`.
        payments: Payments with okey, and A and C at the cut-off time.
        at_once: Sales units where open counts as fulfilled.
    """
    rows = select_amounts(orders.with_columns(okey=nw.col("reference")))
    repeated = materialize(
        references.filter(nw.col("rows") > 1).select("msn", okey=nw.col("reference"))
    )
    unique_rows = rows if is_empty(repeated) else rows.join(repeated, on=ORDER_KEY, how="anti")
    alone = {
        "combined": nw.lit(value=False),
        "not_due": nw.lit(0, nw.Int64),
        "has_cancelled_row": nw.lit(value=False),
    }
    single = unique_rows.with_columns(**alone, no_reference=nw.col("okey").is_null())
    ranked = materialize(
        _rank_repeated_rows(rows.join(repeated, on=ORDER_KEY, how="semi"), payments)
    )
    together = materialize(_prepare_combined_rows(ranked.filter(nw.col("combined"))))
    left_out = together.filter(nw.col("leaves")).with_columns(
        **alone,
        no_reference=nw.lit(value=False),
        O=nw.col("leaving_O"),
        Or=nw.col("leaving_Or"),
    )
    duplicates = ranked.filter(~nw.col("combined")).with_columns(
        **alone, no_reference=nw.lit(value=False)
    )
    columns = [*ORDER_KEY, *ORDER_COLUMNS, *COMBINED_COLUMNS]
    groups = nw.concat(
        [
            single.select(columns),
            duplicates.filter(nw.col("place") == 1).select(columns),
            _sum_combined_orders(_add_kept_fees(together), at_once).select(columns),
        ],
        how="vertical",
    )
    return OrderSide(
        groups,
        duplicates.filter(nw.col("place") > 1).select(*columns, "place"),
        left_out.select(columns),
        together.filter(~nw.col("leaves")).select(*ORDER_KEY, "source_file", "source_row"),
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


def _prepare_combined_rows(combined: LazyFrame) -> LazyFrame:
    """Add what each cancelled row takes out of orders paid together, and whether each row is sent.

    A cancelled row is taken out with its total and its refund, unless all rows are cancelled. If
    the shop refunded only a part of the row, it kept a fee, and the fee stays in the order's total.
    """
    nothing = nw.lit(0, nw.Int64)
    cancelled = nw.col("status") == "cancelled"
    fee_kept = (nw.col("Or") > 0) & (nw.col("Or") < nw.col("O"))
    refunded_in_full = (nw.col("Or") >= nw.col("O")) & (nw.col("O") > 0)
    sent = (nw.col("status") == "fulfilled") | (
        nw.col("status").is_in(["open", "partial"]) & refunded_in_full
    )
    one_row = nw.lit(1, nw.Int64)
    return (
        combined.with_columns(
            cancelled_rows=nw.when(cancelled).then(one_row).otherwise(nothing),
            is_sent=nw.when(sent).then(one_row).otherwise(nothing),
            is_open=nw.when((nw.col("status") == "open") & ~sent).then(one_row).otherwise(nothing),
        )
        .with_columns(n_cancelled=nw.col("cancelled_rows").sum().over(*ORDER_KEY).cast(nw.Int64))
        .with_columns(leaves=cancelled & (nw.col("n_cancelled") < nw.col("rows")))
        .with_columns(
            leaving_O=nw.when(~nw.col("leaves"))
            .then(nothing)
            .otherwise(nw.when(fee_kept).then(nw.col("Or")).otherwise(nw.col("O"))),
            leaving_Or=nw.when(nw.col("leaves")).then(nw.col("Or")).otherwise(nothing),
        )
    )


def _add_kept_fees(together: LazyFrame) -> LazyFrame:
    """Select the rows that stay, with the fees of the rows taken out (`fee`, minor units)."""
    fees = (
        together.filter(nw.col("leaves"))
        .with_columns(fee=nw.col("O") - nw.col("leaving_O"))
        .group_by(*ORDER_KEY)
        .agg(fee=nw.col("fee").sum().cast(nw.Int64))
    )
    staying = together.filter(~nw.col("leaves"))
    return materialize(
        staying.join(materialize(fees), on=ORDER_KEY, how="left").with_columns(
            fee=nw.col("fee").fill_null(0)
        )
    )


def _sum_combined_orders(combined: LazyFrame, at_once: Sequence[str]) -> LazyFrame:
    """Sum the orders that were paid together into one order per reference.

    Where some rows are sent and others are open, what is due is the total of those that are sent;
    if more was captured, the order counts as sent in part. Where the sales unit captures at once,
    the rows together are open, which counts as fulfilled.
    """
    same_status = nw.col("first_status") == nw.col("last_status")
    nothing = nw.lit(0, nw.Int64)
    sent = nw.when(nw.col("is_sent") > 0).then(nw.col("O")).otherwise(nothing)
    still_open = nw.when(nw.col("is_open") > 0).then(nw.col("O")).otherwise(nothing)
    all_known = nw.col("is_sent") + nw.col("is_open") == nw.col("staying_rows")
    all_sent = all_known & (nw.col("is_open") == 0)
    some_open = all_known & (nw.col("is_sent") > 0) & (nw.col("is_open") > 0)
    due_at_once = some_open & nw.col("msn").is_in(list(at_once))
    more_captured = nw.col("paid_C").fill_null(0) >= nw.col("sent_O") + nw.col("fee")
    waits = some_open & ~due_at_once & ~more_captured
    same_paid = nw.col("first_paid") == nw.col("last_paid")
    same_authorization = nw.col("first_authorization") == nw.col("last_authorization")
    flags = (
        "recurring",
        "split_tender",
        "shop_currency_only",
        "method_unsure",
        "refunds_unknown",
        "recorded_by_hand",
        "names_several",
        "rest_refunded",
        "dates_without_time",
    )
    return (
        combined.with_columns(
            *(
                nw.when(nw.col(flag)).then(nw.lit(1)).otherwise(nw.lit(0)).alias(flag)
                for flag in flags
            ),
            # An unknown payment method may be Vipps MobilePay, so the result is "no" only if every
            # row has "no".
            vipps_row=nw.when(nw.col("by_vipps")).then(nw.lit(1)).otherwise(nw.lit(0)),
            other_row=nw.when(~nw.col("by_vipps")).then(nw.lit(1)).otherwise(nw.lit(0)),
            authorization=nw.col("shop_authorization").fill_null(""),
            has_unrequested_attempt=nw.when(~nw.col("attempts_asked"))
            .then(nw.lit(1))
            .otherwise(nw.lit(0)),
            has_requested_attempt=nw.when(nw.col("attempts_asked"))
            .then(nw.lit(1))
            .otherwise(nw.lit(0)),
            sent_O=sent,
            open_O=still_open,
        )
        .group_by(*ORDER_KEY)
        .agg(
            nw.col("order_number", "currency", "ordered_day", "store").min(),
            nw.col("source_file", "source_row", "exported_at_us").min(),
            nw.col("fulfilled_at_us", "fulfilled_day", "refunded_at_us", "refunded_day").max(),
            nw.col("O", "Or", "sent_O", "open_O", "is_sent", "is_open").sum().cast(nw.Int64),
            nw.col("fee", "paid_C", "n_cancelled").max(),
            nw.col(*flags, "vipps_row", "has_requested_attempt", "has_unrequested_attempt").max(),
            nw.col("other_row").min(),
            staying_rows=nw.len().cast(nw.Int64),
            first_authorization=nw.col("authorization").min(),
            last_authorization=nw.col("authorization").max(),
            first_status=nw.col("status").min(),
            last_status=nw.col("status").max(),
            first_paid=nw.col("paid").min(),
            last_paid=nw.col("paid").max(),
        )
        .with_columns(
            *((nw.col(flag) > 0).alias(flag) for flag in flags),
            status=nw.when(waits | all_sent)
            .then(nw.lit("fulfilled"))
            .otherwise(
                nw.when(due_at_once)
                .then(nw.lit("open"))
                .otherwise(
                    nw.when(same_status & ~some_open)
                    .then(nw.col("first_status"))
                    .otherwise(nw.lit("partial"))
                )
            ),
            not_due=nw.when(waits).then(nw.col("open_O")).otherwise(nothing),
            has_cancelled_row=nw.col("n_cancelled") > 0,
            O=nw.col("O") + nw.col("fee"),
            attempts_asked=nw.when(nw.col("has_unrequested_attempt") > 0)
            .then(nw.lit(value=False))
            .otherwise(nw.when(nw.col("has_requested_attempt") > 0).then(nw.lit(value=True))),
            paid=nw.when(same_paid).then(nw.col("first_paid")).otherwise(nw.lit("unknown")),
            by_vipps=nw.when(nw.col("vipps_row") > 0)
            .then(nw.lit(value=True))
            .otherwise(nw.when(nw.col("other_row") > 0).then(nw.lit(value=False))),
            shop_authorization=nw.when(
                same_authorization & (nw.col("first_authorization") != "")
            ).then(nw.col("first_authorization")),
            truncated_minor=nw.lit(None).cast(nw.Int64),
            combined=nw.lit(value=True),
            no_reference=nw.lit(value=False),
        )
    )
