"""Find what further payments mean for their order: their refunds, and what may be proposed.

If the payment that counts covers the order, the reservation of a further payment can be released.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import minimum_of
from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.reconciliation.orders_payments.variables import add_expected_amounts, is_in_keys


def add_surplus_refunds(ranked: LazyFrame) -> LazyFrame:
    """Add `paid_back`: the part of the shop's refund that a further payment paid back.

    The refund of a further payment counts only if the whole of it fits into the amount that the
    shop refunded beyond the payment that counts. The largest refund is fitted first, so that the
    amount still owed is as small as possible.
    """
    nothing = nw.lit(0, nw.Int64)
    counts = nw.col("role").is_in(["primary", "split"])
    counted = (
        ranked.with_columns(of_counted=nw.when(counts).then(nw.col("R")).otherwise(nothing))
        .group_by(*ORDER_KEY)
        .agg(counted_R=nw.col("of_counted").sum().cast(nw.Int64))
    )
    can_fit = (
        (nw.col("role") == "second")
        & (nw.col("R") > 0)
        & ~nw.col("refunds_unknown")
        & nw.col("by_vipps").fill_null(value=True)
        & (nw.col("payment_currency") == nw.col("order_currency"))
        & (nw.col("R") <= nw.col("Or") - nw.col("counted_R"))
    )
    # Few rows remain, and each depends on those before it: so they are fitted in Python.
    candidates = collect_rows(
        ranked.join(materialize(counted), on=ORDER_KEY, how="left")
        .filter(can_fit.fill_null(value=False))
        .select(*ORDER_KEY, "reference", "R", "place", left=nw.col("Or") - nw.col("counted_R"))
    )
    left: dict[tuple[str, str], int] = {}
    fitting: set[tuple[str, str]] = set()
    for row in sorted(candidates, key=lambda row: (-row["R"], row["place"])):
        order = row["msn"], row["okey"]
        remainder = left.setdefault(order, row["left"]) - row["R"]
        if remainder >= 0:
            left[order] = remainder
            fitting.add((row["msn"], row["reference"]))
    fits = is_in_keys(frozenset(fitting), nw.col("reference"))
    return ranked.with_columns(paid_back=nw.when(fits).then(nw.col("R")).otherwise(nothing))


def mark_covered_orders(pairs: LazyFrame, chosen_otherwise: LazyFrame | None) -> LazyFrame:
    """Add `order_is_covered` and `attempts_changed`, which limit what is proposed.

    `order_is_covered` marks reserved payments that their order does not need. The payment that
    counts covers the order if its C, plus K until its deadline has passed, reaches E, both at the
    cut-off time and after every event fetched. An order is never covered if its status is unknown,
    if its payment is in another currency, if the user ignores it, or if it changed between an early
    as-of time and the export.

    `attempts_changed` marks the payments of an order for which another attempt counts after every
    event fetched. The amount owed now is owed on that attempt, so nothing is proposed.

    Args:
        pairs: The pairs, with the variables and role.
        chosen_otherwise: msn, okey of these orders; None if no order has several attempts.
    """
    further = (nw.col("role") == "second") & (nw.col("C") == 0) & (nw.col("K") > 0)
    attempts_changed = (
        nw.lit(value=False) if chosen_otherwise is None else _is_order_among(chosen_otherwise)
    )
    reserved = materialize(pairs.filter(further).select(*ORDER_KEY).unique())
    if is_empty(reserved):
        return pairs.with_columns(
            order_is_covered=nw.lit(value=False), attempts_changed=attempts_changed
        )
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
        & ~nw.col("waived")
        & ~nw.col("shop_is_later")
    )
    return pairs.with_columns(
        order_is_covered=further & _is_order_among(covered),
        attempts_changed=attempts_changed,
    )


def _is_order_among(pairs: LazyFrame) -> nw.Expr:
    """Return whether a row belongs to the same order as one of these pairs."""
    rows = collect_rows(pairs.select(*ORDER_KEY).unique())
    keys = sorted(f"{row['msn']}:{row['okey']}" for row in rows)
    if not keys:
        return nw.lit(value=False)
    name = nw.concat_str(nw.col("msn"), nw.lit(":"), nw.col("okey"))
    return name.is_in(keys).fill_null(value=False)
