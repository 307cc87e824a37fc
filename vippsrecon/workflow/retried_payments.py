"""Attempts at an order that its shop does not know of.

A shop that lets a customer try again gives each attempt its own reference, ending in -1, -2 …
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/
Where the shop holds the first one and the money came by a later one, or half of it did, the
funds ledger tells. Where no ledger can be read, only asking does, and it is asked for the few
orders alone whose known payments do not bring what the shop says was to be collected.
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
"""Two attempts more are asked for; where they exist and still do not do, two more, and no more."""

_ATTEMPT_ORDER_COLUMNS = [
    *PAYMENT_KEY, "attempt_base", "currency", "total_minor", "refunded_minor", "truncated_minor", "status",
    "by_vipps", "recurring", "split_tender",
]  # fmt: skip


def build_follow_ups(orders: pd.DataFrame) -> tuple[FollowUp, ...]:
    """Return what to ask for after a fetch of these orders' references, round by round.

    Args:
        orders: `schemas.ORDERS`. Not changed.
    """
    held = _select_orders_with_reference(orders)
    return tuple(
        partial(_find_further_attempts, held, _compute_order_owed(held), after * ATTEMPTS_PER_ROUND)
        for after in range(FOLLOW_UP_ROUNDS)
    )


def drop_guessed_misses(
    failures: pd.DataFrame, asked: pd.DataFrame, orders: pd.DataFrame
) -> pd.DataFrame:
    """Leave out that Vipps does not know an attempt which only `build_follow_ups` thought of.

    Args:
        failures: `schemas.FAILURES`.
        asked: msn, reference of what was asked for in the first place.
        orders: `schemas.ORDERS`, of which follow_ups was made.
    """
    named = pl.DataFrame(pa.Table.from_pandas(asked[PAYMENT_KEY], preserve_index=False))
    guessed = (
        pl.DataFrame(pa.Table.from_pandas(failures[[*PAYMENT_KEY, "status"]], preserve_index=False))
        .with_row_index("place")
        .with_columns(base=_strip_attempt_suffix())
        .filter((pl.col("status") == 404) & (pl.col("base") != pl.col("reference")))
        .join(named, on=PAYMENT_KEY, how="anti")
        .join(_select_orders_with_reference(orders), on=ATTEMPT_FAMILY_KEY, how="semi")
    )
    return failures.drop(index=failures.index[guessed["place"].to_numpy()])


def _select_orders_with_reference(orders: pd.DataFrame) -> pl.DataFrame:
    """Return the orders that hold a reference, with the one their attempts are numbered from."""
    table = pa.Table.from_pandas(orders[_ATTEMPT_ORDER_COLUMNS], preserve_index=False)
    base = pl.col("attempt_base").cast(pl.String)
    return (
        pl.DataFrame(table)
        .filter(pl.col("reference").is_not_null())
        .with_columns(pl.col("msn", "reference", "currency", "status").cast(pl.String))
        .with_columns(base=pl.when(base != "").then(base).otherwise("reference"))
    )


def _compute_order_owed(held: pl.DataFrame) -> pl.DataFrame:
    """Return what each order's payments were to bring: msn, base, number, currency, owed_minor.

    Nothing of a cancelled order, of one paid another way and of a recurring charge. An order
    paid in part by something the export cannot take apart is content with any payment.
    """
    total = pl.min_horizontal("total_minor", "truncated_minor")
    net = total - pl.col("refunded_minor").fill_null(0)
    number = pl.col("reference").str.slice(pl.col("base").str.len_chars() + 1)
    return (
        held.filter(
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
    held: pl.DataFrame, owed: pl.DataFrame, after: int, payments: pl.DataFrame
) -> pl.DataFrame:
    """Return the attempts to ask for of orders whose payments do not bring what they are to.

    Args:
        held: What `_select_orders_with_reference` gives.
        owed: What `_compute_order_owed` gives.
        after: How many attempts after the shop's own the rounds before asked for: one of the
            last of them must exist, or there are no further ones.
        payments: Those found so far, as `fetch.rounds.SO_FAR`.
    """
    came = _match_payments_to_orders(payments, held).join(owed, on=ATTEMPT_FAMILY_KEY)
    here = pl.col("currency") == pl.col("currency_right")
    live = _live_amount_expression()
    short = (
        came.group_by(*ATTEMPT_FAMILY_KEY, "number", "owed_minor")
        .agg(
            live_minor=live.filter(here).sum(),
            # Amounts in another currency cannot be compared: such a payment is believed.
            elsewhere=(live.filter(~here) > 0).any(),
        )
        .filter((pl.col("live_minor") < pl.col("owed_minor")) & ~pl.col("elsewhere"))
    )
    if after:
        before = _build_attempt_references(short, after - ATTEMPTS_PER_ROUND).join(
            payments, on=PAYMENT_KEY, how="semi"
        )
        short = short.join(before, on=ATTEMPT_FAMILY_KEY, how="semi")
    return _build_attempt_references(short, after).select(PAYMENT_KEY)


def _match_payments_to_orders(payments: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return the payments that are attempts at an order, with the base of its references."""
    families = held.select(ATTEMPT_FAMILY_KEY).unique()
    named = held.select(*PAYMENT_KEY, "base").unique(PAYMENT_KEY, keep="any")
    itself, stripped = (
        families.with_columns(pl.col("base").alias(name)) for name in ("itself", "stripped")
    )
    return (
        payments.with_columns(stripped_from=_strip_attempt_suffix())
        .join(named, on=PAYMENT_KEY, how="left")
        .join(itself, left_on=PAYMENT_KEY, right_on=ATTEMPT_FAMILY_KEY, how="left")
        .join(stripped, left_on=["msn", "stripped_from"], right_on=ATTEMPT_FAMILY_KEY, how="left")
        .with_columns(base=pl.coalesce("base", "itself", "stripped"))
        .filter(pl.col("base").is_not_null())
    )


def _build_attempt_references(orders: pl.DataFrame, after: int) -> pl.DataFrame:
    """Return msn, base and reference of the attempts that follow the order's own by `after`."""
    return pl.concat(
        orders.select(
            *ATTEMPT_FAMILY_KEY,
            reference=pl.format("{}-{}", "base", pl.col("number") + after + ahead),
        )
        for ahead in range(1, ATTEMPTS_PER_ROUND + 1)
    )


def _live_amount_expression() -> pl.Expr:
    """Return what a payment holds of the customer's money: captured and kept, or reserved."""
    left = pl.col("authorized_minor") - pl.col("captured_minor") - pl.col("cancelled_minor")
    reserved = pl.when(pl.col("state") == "AUTHORIZED").then(left.clip(0)).otherwise(0)
    return pl.col("captured_minor") - pl.col("refunded_minor") + reserved


def _strip_attempt_suffix() -> pl.Expr:
    return pl.col("reference").str.replace(ATTEMPT_SUFFIX, "")
