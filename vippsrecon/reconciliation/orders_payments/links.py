"""Which order a payment belongs to: by exact reference, else by a rule that leaves no choice.

A rule links only where one order and no other fits: ambiguity is left for a person to see.
Shops give each attempt to pay an order its own reference, ending in -1, -2 …
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, is_empty, materialize

ATTEMPT_SUFFIX = r"-\d{1,2}$"
"""How an attempt after the first ends."""

PAYMENT_KEY = ["msn", "reference"]


def link_payments(payments: LazyFrame, references: LazyFrame, links: LazyFrame) -> LazyFrame:
    """Say of each payment which order reference it belongs to.

    Args:
        payments: One row per payment.
        references: msn, reference, exported_at_us; one row per reference the orders hold.
        links: What `derive_links` found for those no order names.

    Returns:
        `payments` with okey (the order's reference, null where none), link (`exact`,
        `attempt`, `repaired`, null) and the order's exported_at_us; same rows.
    """
    exported = references.select("msn", "exported_at_us", okey=nw.col("reference"))
    known = references.select(*PAYMENT_KEY, okey=nw.col("reference"), link=nw.lit("exact"))
    belongs = materialize(nw.concat([known, links], how="vertical"))
    return materialize(payments.join(belongs, on=PAYMENT_KEY, how="left")).join(
        exported, on=["msn", "okey"], how="left"
    )


def derive_links(strays: LazyFrame, orders: LazyFrame, payments: LazyFrame) -> LazyFrame:
    """Find the orders of payments whose reference no order holds.

    Args:
        strays: msn, reference of those payments.
        orders: msn, reference, attempt_base of every order.
        payments: msn, reference of every payment.

    Returns:
        msn, reference, okey, link (`attempt` or `repaired`): one row per payment whose order
        was found.
    """
    if is_empty(strays):
        return materialize(
            strays.select(*PAYMENT_KEY, okey=nw.col("reference"), link=nw.lit("exact"))
        )
    named = orders.filter(~nw.col("reference").is_null())
    attempts = materialize(_link_attempts(strays, named))
    still = materialize(strays.join(attempts.select(*PAYMENT_KEY), on=PAYMENT_KEY, how="anti"))
    repaired = materialize(_link_repaired_references(still, named, payments, attempts))
    return materialize(nw.concat([attempts, repaired], how="vertical"))


def _link_attempts(missed: LazyFrame, orders: LazyFrame) -> LazyFrame:
    """Link other attempts at the same order."""
    base = nw.col("attempt_base")
    first_of = orders.filter(~base.is_null() & (base != nw.col("reference"))).select(
        "msn", alias=base, okey=nw.col("reference")
    )
    stripped_of = (
        orders.select(
            "msn", "reference", alias=nw.col("reference").str.replace_all(ATTEMPT_SUFFIX, "")
        )
        .filter(nw.col("alias") != nw.col("reference"))
        .select("msn", "alias", okey=nw.col("reference"))
    )
    itself = orders.select("msn", alias=nw.col("reference"), okey=nw.col("reference"))
    as_is = missed.with_columns(alias=nw.col("reference"))
    stripped = missed.with_columns(
        alias=nw.col("reference").str.replace_all(ATTEMPT_SUFFIX, "")
    ).filter(nw.col("alias") != nw.col("reference"))
    candidates = nw.concat(
        [
            side.join(other, on=["msn", "alias"], how="inner").select(*PAYMENT_KEY, "okey")
            for side, other in (
                (as_is, first_of),
                (as_is, stripped_of),
                (stripped, itself),
                (stripped, first_of),
            )
        ],
        how="vertical",
    )
    return _keep_unambiguous(candidates).with_columns(link=nw.lit("attempt"))


def _link_repaired_references(
    missed: LazyFrame, orders: LazyFrame, payments: LazyFrame, attempts: LazyFrame
) -> LazyFrame:
    """Link orders whose reference a spreadsheet damaged and that no payment answers to."""
    damage_of_payment = nw.concat(
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
        damage_of_payment.join(damaged, on=["msn", "alias"], how="inner").select(
            *PAYMENT_KEY, "okey"
        )
    )
    if is_empty(candidates):
        return candidates.with_columns(link=nw.lit("repaired"))
    answered = payments.select("msn", okey=nw.col("reference"))
    taken = attempts.select("msn", "okey")
    unanswered = candidates.join(answered, on=["msn", "okey"], how="anti").join(
        taken, on=["msn", "okey"], how="anti"
    )
    one_order = _keep_unambiguous(unanswered)
    one_payment = (
        one_order.group_by("msn", "okey")
        .agg(first=nw.col("reference").min(), last=nw.col("reference").max())
        .filter(nw.col("first") == nw.col("last"))
        .select("msn", "okey", reference=nw.col("first"))
    )
    return one_payment.select(*PAYMENT_KEY, "okey", link=nw.lit("repaired"))


def _keep_unambiguous(candidates: LazyFrame) -> LazyFrame:
    return (
        candidates.group_by(*PAYMENT_KEY)
        .agg(first=nw.col("okey").min(), last=nw.col("okey").max())
        .filter(nw.col("first") == nw.col("last"))
        .select(*PAYMENT_KEY, okey=nw.col("first"))
    )


def _normalize_reference(reference: nw.Expr) -> nw.Expr:
    """Forget what a spreadsheet forgets: case and leading zeros."""
    return reference.str.to_lowercase().str.replace_all(r"^0+", "")


def _format_as_spreadsheet(reference: nw.Expr) -> nw.Expr:
    """Return what Excel keeps of twelve digits or more: six of them, and how many there were.

    123456789012 is shown, and saved to CSV, as 1.23457E+11.
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
