"""Link payments to orders: by equal reference, or else by a rule with exactly one result.

Further references that an export itself names for an order come first. A rule links a payment only
if exactly one order fits. An ambiguous payment stays without an order, so that the report shows it
to a person. Some shops give each attempt to pay an order its own reference, ending in -1, -2 …
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.schemas.inputs import PAYMENT_KEY

ATTEMPT_SUFFIX = r"-\d{1,2}$"
"""Suffix of the reference of a second or later attempt."""

_DASH = "[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
"""Dashes that word processors and web pages put in place of a hyphen."""


def link_payments(payments: LazyFrame, references: LazyFrame, links: LazyFrame) -> LazyFrame:
    """Add the order reference to each payment.

    Args:
        payments: One row per payment.
        references: msn, reference, exported_at_us; one row per reference of the orders.
        links: Result of `derive_links` for the payments whose reference no order has.

    Returns:
        `payments` with okey (the order's reference, or null), link (`exact`, `named`, `attempt`,
        `repaired`, or null) and the order's exported_at_us; the rows stay the same.
    """
    exported = references.select("msn", "exported_at_us", okey=nw.col("reference"))
    exact = references.select(*PAYMENT_KEY, okey=nw.col("reference"), link=nw.lit("exact"))
    all_links = materialize(nw.concat([exact, links], how="vertical"))
    return materialize(payments.join(all_links, on=PAYMENT_KEY, how="left")).join(
        exported, on=ORDER_KEY, how="left"
    )


def collect_named_links(orders: LazyFrame, older: LazyFrame) -> LazyFrame:
    """Return the further references that the exports themselves name for an order.

    Args:
        orders: msn, reference, further_references of every order.
        older: msn, reference, okey of references that only older rows of an order name.

    Returns:
        msn, reference, okey, link: `named` if they are in the order's own cell, else `attempt`. A
        reference that several orders name is in none.
    """
    cells = orders.filter(
        ~nw.col("further_references").is_null() & ~nw.col("reference").is_null()
    ).select("msn", "further_references", okey=nw.col("reference"))
    if is_empty(cells):
        return materialize(older.with_columns(link=nw.lit("attempt")))
    in_cells = (
        cells.with_columns(reference=nw.col("further_references").str.split(" "))
        .explode("reference")
        .filter((nw.col("reference") != "") & (nw.col("reference") != nw.col("okey")))
        .select(*PAYMENT_KEY, "okey")
    )
    named = materialize(_keep_unambiguous(in_cells).with_columns(link=nw.lit("named")))
    attempts = older.join(named, on=PAYMENT_KEY, how="anti").with_columns(link=nw.lit("attempt"))
    return materialize(nw.concat([named, attempts], how="vertical"))


def derive_links(
    unmatched_payments: LazyFrame, orders: LazyFrame, payments: LazyFrame, named: LazyFrame
) -> LazyFrame:
    """Find the orders of payments whose reference no order has as its own.

    Args:
        unmatched_payments: msn, reference of these payments.
        orders: msn, reference, attempt_base of every order.
        payments: msn, reference of every payment.
        named: Result of `collect_named_links`.

    Returns:
        msn, reference, okey, link (`named`, `attempt` or `repaired`): one row per payment that
        could be linked.
    """
    if is_empty(unmatched_payments):
        return materialize(
            unmatched_payments.select(*PAYMENT_KEY, okey=nw.col("reference"), link=nw.lit("exact"))
        )
    with_reference = orders.filter(~nw.col("reference").is_null())
    by_name = materialize(named.join(unmatched_payments, on=PAYMENT_KEY, how="semi"))
    unnamed = materialize(unmatched_payments.join(by_name, on=PAYMENT_KEY, how="anti"))
    attempts = materialize(
        _keep_unambiguous(_find_attempt_orders(unnamed, with_reference, payments)).with_columns(
            link=nw.lit("attempt")
        )
    )
    linked = materialize(nw.concat([by_name, attempts], how="vertical"))
    still_unmatched = materialize(unnamed.join(attempts, on=PAYMENT_KEY, how="anti"))
    repaired = materialize(
        _link_repaired_references(still_unmatched, with_reference, payments, linked)
    )
    return materialize(nw.concat([linked, repaired], how="vertical"))


def find_orders_of_unread(
    unread: LazyFrame, orders: LazyFrame, payments: LazyFrame, named: LazyFrame
) -> LazyFrame:
    """Return msn, reference of every order that one of these references may be a payment of.

    While an attempt is unread, the other attempts prove nothing. So unlike `derive_links`, this
    takes every order that fits, also where several do.

    Args:
        unread: msn, reference of the references that could not be read.
        orders: msn, reference, attempt_base of every order.
        payments: msn, reference of every payment.
        named: Result of `collect_named_links`.
    """
    with_reference = orders.filter(~nw.col("reference").is_null())
    # An order whose reference was damaged is not missing while its true reference is unread.
    nothing_linked = unread.select("msn", okey=nw.col("reference")).head(0)
    repaired = _link_repaired_references(unread, with_reference, payments, nothing_linked)
    candidates = [
        unread.select(*PAYMENT_KEY),
        repaired.select("msn", reference=nw.col("okey")),
        named.join(unread, on=PAYMENT_KEY, how="semi").select("msn", reference=nw.col("okey")),
        _find_attempt_orders(unread, with_reference, payments).select(
            "msn", reference=nw.col("okey")
        ),
    ]
    return materialize(
        nw.concat([materialize(part) for part in candidates], how="vertical").unique()
    )


def _find_attempt_orders(missed: LazyFrame, orders: LazyFrame, payments: LazyFrame) -> LazyFrame:
    """Return msn, reference, okey: each order a reference may be an attempt to pay.

    The two have one base reference, or one without its suffix is the other. Two references that
    are equal without their suffixes belong together only if that stem is a payment too: otherwise
    they can be the orders 12 and 13 of a shop.
    """
    base = nw.col("attempt_base")
    order_base = orders.filter(~base.is_null() & (base != nw.col("reference"))).select(
        "msn", alias=base, okey=nw.col("reference")
    )
    order_stripped = (
        orders.select(
            "msn", "reference", alias=nw.col("reference").str.replace_all(ATTEMPT_SUFFIX, "")
        )
        .filter(nw.col("alias") != nw.col("reference"))
        .select("msn", "alias", okey=nw.col("reference"))
    )
    order_of_paid_stem = (
        materialize(order_stripped)
        .join(payments.select("msn", alias=nw.col("reference")), on=["msn", "alias"], how="semi")
        .join(orders.select("msn", alias=nw.col("reference")), on=["msn", "alias"], how="anti")
    )
    order_unchanged = orders.select("msn", alias=nw.col("reference"), okey=nw.col("reference"))
    payment_unchanged = missed.with_columns(alias=nw.col("reference"))
    payment_stripped = missed.with_columns(
        alias=nw.col("reference").str.replace_all(ATTEMPT_SUFFIX, "")
    ).filter(nw.col("alias") != nw.col("reference"))
    return nw.concat(
        [
            payment_side.join(order_side, on=["msn", "alias"], how="inner").select(
                *PAYMENT_KEY, "okey"
            )
            for payment_side, order_side in (
                (payment_unchanged, order_base),
                (payment_unchanged, order_stripped),
                (payment_stripped, order_unchanged),
                (payment_stripped, order_base),
                (payment_stripped, order_of_paid_stem),
            )
        ],
        how="vertical",
    )


def _link_repaired_references(
    missed: LazyFrame, orders: LazyFrame, payments: LazyFrame, attempts: LazyFrame
) -> LazyFrame:
    """Link orders whose reference a spreadsheet damaged and that have no payment yet."""
    possible_damage = nw.concat(
        [
            missed.with_columns(alias=_normalize_reference(nw.col("reference"))),
            missed.filter(
                (nw.col("reference").str.len_chars() >= 12)
                & ~nw.col("reference").str.contains(r"[^0-9]")
            ).with_columns(alias=_format_as_spreadsheet(nw.col("reference"))),
        ],
        how="vertical",
    )
    scientific = nw.col("reference").str.contains(r"^\d([.,]\d+)?[eE]\+?\d+$")
    damaged = orders.select(
        "msn",
        alias=nw.when(scientific)
        .then(_normalize_scientific(nw.col("reference")))
        .otherwise(_normalize_reference(nw.col("reference"))),
        okey=nw.col("reference"),
    )
    candidates = materialize(
        possible_damage.join(damaged, on=["msn", "alias"], how="inner").select(*PAYMENT_KEY, "okey")
    )
    if is_empty(candidates):
        return candidates.with_columns(link=nw.lit("repaired"))
    paid_references = payments.select("msn", okey=nw.col("reference"))
    linked_references = attempts.select(*ORDER_KEY)
    unpaid = candidates.join(paid_references, on=ORDER_KEY, how="anti").join(
        linked_references, on=ORDER_KEY, how="anti"
    )
    one_order = _keep_unambiguous(unpaid)
    one_payment = (
        one_order.group_by(*ORDER_KEY)
        .agg(first=nw.col("reference").min(), last=nw.col("reference").max())
        .filter(nw.col("first") == nw.col("last"))
        .select(*ORDER_KEY, reference=nw.col("first"))
    )
    return one_payment.select(*PAYMENT_KEY, "okey", link=nw.lit("repaired"))


def _keep_unambiguous(candidates: LazyFrame) -> LazyFrame:
    """Select the payments for which all candidates name the same order."""
    return (
        candidates.group_by(*PAYMENT_KEY)
        .agg(first=nw.col("okey").min(), last=nw.col("okey").max())
        .filter(nw.col("first") == nw.col("last"))
        .select(*PAYMENT_KEY, okey=nw.col("first"))
    )


def _normalize_reference(reference: nw.Expr) -> nw.Expr:
    """Drop what is lost or added on the way: upper case, leading zeros, invisible characters."""
    return (
        reference.str.replace_all(_DASH, "-")
        .str.replace_all(r"[^!-~]", "")
        .str.to_lowercase()
        .str.replace_all(r"^0+", "")
    )


def _format_as_spreadsheet(reference: nw.Expr) -> nw.Expr:
    """Return what Excel shows of twelve digits or more: six digits and the power of ten.

    Excel shows 123456789012, and saves it to CSV, as 1.23457E+11.
    """
    digits = reference.str.replace_all(r"^0+", "")
    rounded = ((digits.str.slice(0, 7).cast(nw.Int64) + 5) // 10).cast(nw.Int64)
    # 9999995 rounds up to seven digits: one power of ten more.
    carried = rounded >= 1_000_000
    six = nw.when(carried).then(nw.lit(100_000)).otherwise(rounded).cast(nw.Int64)
    power = (
        digits.str.len_chars().cast(nw.Int64)
        - 1
        + nw.when(carried).then(nw.lit(1)).otherwise(nw.lit(0))
    )
    return nw.concat_str(six.cast(nw.String), nw.lit("E"), power.cast(nw.Int64).cast(nw.String))


def _normalize_scientific(reference: nw.Expr) -> nw.Expr:
    """Return 1.23457E+11 in the form of `_format_as_spreadsheet`: 123457E11."""
    mantissa = reference.str.replace_all(r"[eE].*$", "").str.replace_all(r"[.,]", "")
    power = reference.str.replace_all(r"^.*[eE]\+?0*", "")
    padded = nw.concat_str(mantissa, nw.lit("000000")).str.slice(0, 6)
    return nw.concat_str(padded, nw.lit("E"), power)
