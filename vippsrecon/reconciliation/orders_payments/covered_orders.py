"""Recognise orders that need no further payment, so that a further reservation can be released."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, collect_rows, materialize
from vippsrecon.reconciliation.check import minimum_of
from vippsrecon.reconciliation.orders_payments.variables import add_expected_amounts

ORDER_KEY = ["msn", "okey"]


def mark_covered_orders(pairs: LazyFrame) -> LazyFrame:
    """Add `order_is_covered` and `attempts_changed`, which limit what is proposed.

    `order_is_covered` marks the reserved payments that are one too many for their order.

    An order is covered by the payment that counts if its C, and K while its deadline stands, come
    to E: at the cut-off time and after every event fetched. An order of unknown status, or in
    another currency than its payment, never is, nor one that changed after an early as-of time.

    `attempts_changed` marks the payments of an order of which another attempt moved after the
    cut-off time and holds money now: it may be the one that counts now, so nothing is proposed.

    Args:
        pairs: The pairs, with the variables and role.
    """
    further = (nw.col("role") == "second") & (nw.col("C") == 0) & (nw.col("K") > 0)
    reserved = materialize(pairs.filter(further).select(*ORDER_KEY).unique())
    counted = materialize(
        pairs.filter((nw.col("role") == "pair") & nw.col("has_payment")).join(
            reserved, on=ORDER_KEY, how="semi"
        )
    )
    held = nw.when(nw.col("deadline_passed")).then(nw.lit(0)).otherwise(nw.col("K"))
    held_now = minimum_of(held, nw.col("K_now"))
    covered = add_expected_amounts(counted, "_now").filter(
        (nw.col("C") + held >= nw.col("E") + nw.col("not_due"))
        & (nw.col("C_now") + held_now >= nw.col("E_now") + nw.col("not_due"))
        & (nw.col("raw_status") != "unknown")
        & (nw.col("order_currency") == nw.col("payment_currency"))
        & ~nw.col("read_failed")
        & ~nw.col("after_as_of")
    )
    changed = pairs.filter(
        nw.col("role").is_in(["second", "superseded"])
        & nw.col("changed_after")
        & ((nw.col("C_now") > 0) | (nw.col("K_now") > 0))
    )
    return pairs.with_columns(
        order_is_covered=further & _is_one_of(covered),
        attempts_changed=_is_one_of(changed),
    )


def _is_one_of(pairs: LazyFrame) -> nw.Expr:
    """Return whether a row belongs to the same order as one of these pairs."""
    rows = collect_rows(pairs.select(*ORDER_KEY).unique())
    keys = sorted(f"{row['msn']}:{row['okey']}" for row in rows)
    if not keys:
        return nw.lit(value=False)
    name = nw.concat_str(nw.col("msn"), nw.lit(":"), nw.col("okey"))
    return name.is_in(keys).fill_null(value=False)
