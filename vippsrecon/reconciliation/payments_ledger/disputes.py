"""Follow each dispute from the retained capture to the returned money."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import positive_part
from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.payments_ledger.coverage import is_in_period
from vippsrecon.reconciliation.payments_ledger.entries import (
    DISPUTE_TYPES,
    number_rows,
    prepare_entries,
)

_CAPTURE = ["msn", "currency", "reference", "capture"]
DISPUTE_KEY = [*_CAPTURE, "dispute"]
"""The columns that name one dispute."""

_ORDER = ["entry_us", "place", "n", "ledger_id"]
"""In order of time. Where only the day is known, the money is retained before it is returned."""


def number_disputes(entries: LazyFrame) -> LazyFrame:
    """Number the disputes of each capture: entries of one dispute have one number.

    A dispute begins when money is retained of a capture of which none is retained at that time. It
    ends when all of it is returned; a later retention begins the next one. What is returned before
    anything was retained belongs to a dispute that began before these entries, number 0.

    Args:
        entries: Result of `entries.prepare_entries`; those of other roles are left out.

    Returns:
        The entries of disputes with `capture`, `dispute` (its number) and `retaining`.
    """
    nothing, one = nw.lit(0, nw.Int64), nw.lit(1, nw.Int64)
    amount, total = nw.col("amount_minor"), nw.col("total")

    def accumulate(value: nw.Expr) -> nw.Expr:
        return value.over(*_CAPTURE, order_by=_ORDER).cast(nw.Int64)

    disputed = materialize(
        entries.filter(nw.col("role") == "dispute")
        .with_columns(
            capture=nw.col("psp_reference"),
            retaining=nw.col("entry_type") == DISPUTE_TYPES[0],
        )
        .with_columns(
            place=nw.when(nw.col("retaining")).then(nothing).otherwise(one),
        )
    )
    summed = materialize(disputed.with_columns(total=accumulate(amount.cum_sum())))
    # What is returned beyond what was retained belongs to no later retention, so it is left out of
    # what is retained: the sum so far, less the largest excess so far.
    before = summed.with_columns(excess=positive_part(total - amount))
    held_before = total - amount - accumulate(nw.col("excess").cum_max())
    begins = nw.col("retaining") & (nw.col("held_before") == 0)
    counted = materialize(materialize(before).with_columns(held_before=held_before)).with_columns(
        begins=nw.when(begins).then(one).otherwise(nothing)
    )
    return materialize(
        counted.with_columns(dispute=accumulate(nw.col("begins").cum_sum())).drop(
            "total", "excess", "held_before", "begins", "place"
        )
    )


def follow_disputes(disputed: LazyFrame, period: tuple[int, int] | None) -> LazyFrame:
    """Return one row per dispute: what was retained of a capture, less what was returned of it.

    Args:
        disputed: Result of `number_disputes`.
        period: A dispute without an entry in it is left out; None for all days.

    Returns:
        `DISPUTE_KEY` with `held_minor` (what is still retained, negative; or what was returned of a
        retention that is not in these entries), `retained`, and `discriminator` ("" for the first
        of a payment).
    """
    one, zero = nw.lit(1, nw.Int64), nw.lit(0, nw.Int64)
    inside = is_in_period(nw.col("ledger_day"), period)
    cycles = materialize(
        disputed.with_columns(
            inside=nw.when(inside).then(one).otherwise(zero),
            retained=nw.when(nw.col("retaining")).then(one).otherwise(zero),
        )
        .group_by(*DISPUTE_KEY)
        .agg(
            held_minor=nw.col("amount_minor").sum().cast(nw.Int64),
            retained=nw.col("retained").max(),
            inside=nw.col("inside").max(),
            entry_us=nw.col("entry_us").min(),
        )
    )
    order = ["entry_us", "capture", "dispute", "currency"]
    numbered = number_rows(cycles, ("msn", "reference"), order, "dispute_n")
    return materialize(
        numbered.filter(nw.col("inside") > 0).select(
            *DISPUTE_KEY,
            "held_minor",
            retained=nw.col("retained") > 0,
            discriminator=number_text(nw.col("dispute_n")),
        )
    )


def find_disputed_payments(
    ledger_entries: LazyFrame | None, events: LazyFrame | None
) -> frozenset[tuple[str, str]]:
    """Return (msn, reference) of the payments of which money is retained for a dispute.

    The customer of such a payment may get the money through the dispute, so a refund would pay
    twice. Entries of all days count, and the payment is found by the entry's reference as well as by
    the pspReference of its captures.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES`, with `ledger_day` and `entry_at_us`.
        events: The event log; None where it was not fetched.
    """
    if ledger_entries is None:
        return frozenset()
    entries = materialize(
        ledger_entries.filter(
            nw.col("entry_type").is_in(list(DISPUTE_TYPES)).fill_null(value=False)
        )
    )
    if is_empty(entries):
        return frozenset()
    cycles = follow_disputes(number_disputes(prepare_entries(entries)), None)
    rows = collect_rows(cycles.filter(nw.col("held_minor") < 0))
    keys = {(row["msn"], row["reference"]) for row in rows if row["reference"]}
    captures = {(row["msn"], row["capture"]) for row in rows if row["capture"]}
    if events is not None and captures:
        operations = sorted(operation for _, operation in captures)
        named = events.filter(nw.col("psp_reference").is_in(operations).fill_null(value=False))
        keys |= {
            (row["msn"], row["reference"])
            for row in collect_rows(named.select("msn", "reference", "psp_reference").unique())
            if (row["msn"], row["psp_reference"]) in captures
        }
    return frozenset(keys)


def number_text(number: nw.Expr) -> nw.Expr:
    """Return a number as text; "" for the first, so that a single one has none."""
    return nw.when(number > 1).then(number.cast(nw.String)).otherwise(nw.lit(""))
