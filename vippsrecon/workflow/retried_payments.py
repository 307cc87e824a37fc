"""Find further payment attempts at an order which the shop's export does not mention.

A shop that lets a customer try again gives each attempt its own reference, ending in -1, -2 …
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/
The export may contain only the first reference although a later attempt brought the money, or part
of it. The funds ledger shows this. Where it cannot be read, the only way is to fetch the numbered
references. This is done only for orders whose known payments bring less than the shop expected.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pyarrow as pa

from vippsrecon.reconciliation.orders_payments.links import ATTEMPT_SUFFIX

if TYPE_CHECKING:
    from vippsrecon.fetching import FollowUp

PAYMENT_KEY = ["msn", "reference"]
ATTEMPT_FAMILY_KEY = ["msn", "base"]

ATTEMPTS_PER_ROUND = 2
FOLLOW_UP_ROUNDS = 2
"""Two further attempts are fetched. If they exist and still bring too little, two more, then no more."""

_ATTEMPT_ORDER_COLUMNS = [
    *PAYMENT_KEY, "attempt_base", "currency", "total_minor", "refunded_minor", "truncated_minor", "status",
    "by_vipps", "recurring", "split_tender",
]  # fmt: skip


def build_follow_ups(orders: pd.DataFrame) -> tuple[FollowUp, ...]:
    """Return the functions that give further references after a fetch, one per round.

    Args:
        orders: `schemas.ORDERS`. Not changed.
    """
    orders_with_reference = _select_orders_with_reference(orders)
    return tuple(
        partial(
            _find_further_attempts,
            orders_with_reference,
            _compute_order_owed(orders_with_reference),
            after * ATTEMPTS_PER_ROUND,
        )
        for after in range(FOLLOW_UP_ROUNDS)
    )


def drop_guessed_misses(
    failures: pd.DataFrame, original_references: pd.DataFrame, orders: pd.DataFrame
) -> pd.DataFrame:
    """Drop 404 failures of attempts that only `build_follow_ups` guessed (suffixes -1, -2, …).

    Args:
        failures: `schemas.FAILURES`.
        original_references: msn and reference of the original references.
        orders: `schemas.ORDERS` from which the follow-ups were made.
    """
    original = pl.DataFrame(
        pa.Table.from_pandas(original_references[PAYMENT_KEY], preserve_index=False)
    )
    guessed = (
        pl.DataFrame(pa.Table.from_pandas(failures[[*PAYMENT_KEY, "status"]], preserve_index=False))
        .with_row_index("place")
        .with_columns(base=_strip_attempt_suffix())
        .filter((pl.col("status") == 404) & (pl.col("base") != pl.col("reference")))
        .join(original, on=PAYMENT_KEY, how="anti")
        .join(_select_orders_with_reference(orders), on=ATTEMPT_FAMILY_KEY, how="semi")
    )
    return failures.drop(index=failures.index[guessed["place"].to_numpy()])


def _select_orders_with_reference(orders: pd.DataFrame) -> pl.DataFrame:
    """Return the orders with a reference, and the base reference their attempts are numbered from."""
    table = pa.Table.from_pandas(orders[_ATTEMPT_ORDER_COLUMNS], preserve_index=False)
    base = pl.col("attempt_base").cast(pl.String)
    return (
        pl.DataFrame(table)
        .filter(pl.col("reference").is_not_null())
        .with_columns(pl.col("msn", "reference", "currency", "status").cast(pl.String))
        .with_columns(base=pl.when(base != "").then(base).otherwise("reference"))
    )


def _compute_order_owed(orders_with_reference: pl.DataFrame) -> pl.DataFrame:
    """Compute what each order's payments should bring: msn, base, number, currency, owed_minor.

    Cancelled orders, orders paid another way and recurring charges are left out. For an order
    paid partly by another means whose share the export does not show, any payment is enough.
    """
    total = pl.min_horizontal("total_minor", "truncated_minor")
    net = total - pl.col("refunded_minor").fill_null(0)
    number = pl.col("reference").str.slice(pl.col("base").str.len_chars() + 1)
    return (
        orders_with_reference.filter(
            (pl.col("status") != "cancelled")
            & pl.col("by_vipps").fill_null(value=True)
            & ~pl.col("recurring")
        )
        .with_columns(
            owed_minor=pl.when("split_tender").then(pl.min_horizontal(net, 1)).otherwise(net),
            number=number.cast(pl.Int64, strict=False).fill_null(0),
        )
        .group_by(ATTEMPT_FAMILY_KEY)
        .agg(pl.col("number").max(), pl.col("currency").min(), pl.col("owed_minor").sum())
        .filter(pl.col("owed_minor") > 0)
    )


def _find_further_attempts(
    orders_with_reference: pl.DataFrame, owed: pl.DataFrame, after: int, payments: pl.DataFrame
) -> pl.DataFrame:
    """Return the further attempts to fetch, for orders whose payments bring less than owed.

    Args:
        orders_with_reference: The result of `_select_orders_with_reference`.
        owed: The result of `_compute_order_owed`.
        after: Number of further attempts fetched by earlier rounds. One of the last round's must
            exist, or the order is skipped.
        payments: The payments found so far, as `fetching.follow_ups` gives them.
    """
    order_payments = _match_payments_to_orders(payments, orders_with_reference).join(
        owed, on=ATTEMPT_FAMILY_KEY
    )
    same_currency = pl.col("currency") == pl.col("currency_right")
    live = _live_amount_expression()
    short = (
        order_payments.group_by(*ATTEMPT_FAMILY_KEY, "number", "owed_minor")
        .agg(
            live_minor=live.filter(same_currency).sum(),
            # Amounts in another currency cannot be compared: such a payment counts as enough.
            in_other_currency=(live.filter(~same_currency) > 0).any(),
        )
        .filter((pl.col("live_minor") < pl.col("owed_minor")) & ~pl.col("in_other_currency"))
    )
    if after:
        previous_round = _build_attempt_references(short, after - ATTEMPTS_PER_ROUND).join(
            payments, on=PAYMENT_KEY, how="semi"
        )
        short = short.join(previous_round, on=ATTEMPT_FAMILY_KEY, how="semi")
    return _build_attempt_references(short, after).select(PAYMENT_KEY)


def _match_payments_to_orders(
    payments: pl.DataFrame, orders_with_reference: pl.DataFrame
) -> pl.DataFrame:
    """Return the payments that are attempts at an order, with the order's base reference."""
    families = orders_with_reference.select(ATTEMPT_FAMILY_KEY).unique()
    order_references = orders_with_reference.select(*PAYMENT_KEY, "base").unique(
        PAYMENT_KEY, keep="any"
    )
    itself, stripped = (
        families.with_columns(pl.col("base").alias(name)) for name in ("itself", "stripped")
    )
    return (
        payments.with_columns(stripped_from=_strip_attempt_suffix())
        .join(order_references, on=PAYMENT_KEY, how="left")
        .join(itself, left_on=PAYMENT_KEY, right_on=ATTEMPT_FAMILY_KEY, how="left")
        .join(stripped, left_on=["msn", "stripped_from"], right_on=ATTEMPT_FAMILY_KEY, how="left")
        .with_columns(base=pl.coalesce("base", "itself", "stripped"))
        .filter(pl.col("base").is_not_null())
    )


def _build_attempt_references(orders: pl.DataFrame, after: int) -> pl.DataFrame:
    """Return msn, base and reference of the next attempts, starting `after` the order's own."""
    return pl.concat(
        orders.select(
            *ATTEMPT_FAMILY_KEY,
            reference=pl.format("{}-{}", "base", pl.col("number") + after + ahead),
        )
        for ahead in range(1, ATTEMPTS_PER_ROUND + 1)
    )


def _live_amount_expression() -> pl.Expr:
    """Return an expression for captured minus refunded, plus what is still reserved."""
    remaining = pl.col("authorized_minor") - pl.col("captured_minor") - pl.col("cancelled_minor")
    reserved = pl.when(pl.col("state") == "AUTHORIZED").then(remaining.clip(0)).otherwise(0)
    return pl.col("captured_minor") - pl.col("refunded_minor") + reserved


def _strip_attempt_suffix() -> pl.Expr:
    return pl.col("reference").str.replace(ATTEMPT_SUFFIX, "")
