"""Put each ledger entry into one bucket."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS, IGNORED_KINDS, TIMING_KINDS
from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.reconciliation.payments_ledger.coverage import is_in_period
from vippsrecon.reconciliation.payments_ledger.disputes import DISPUTE_KEY
from vippsrecon.reconciliation.payments_ledger.entries import prepare_entries
from vippsrecon.reconciliation.payments_ledger.fees import ChargedPairs
from vippsrecon.reconciliation.run_checks import BUCKET_COLUMNS

_OPERATION = ["msn", "currency", "psp_reference"]
_NO_KIND = nw.lit(None).cast(nw.String)


def build_entry_buckets(
    entries: LazyFrame,
    charged: ChargedPairs,
    bookings: LazyFrame,
    disputed: LazyFrame,
    cycles: LazyFrame,
    *,
    period: tuple[int, int] | None,
) -> LazyFrame:
    """Return one row per ledger entry: its bucket and its code.

    Args:
        entries: Result of `entries.prepare_entries`.
        charged: Captures and refunds, whose pairs have `entry_kind` and `fee_kind`.
        bookings: Corrections and entries of an unknown type, with `booking_kind`.
        disputed: Result of `disputes.number_disputes`.
        cycles: Disputes with `dispute_kind`.
        period: First and last day, as day numbers; None for all days.
    """
    movements = charged.pairs.filter(~nw.col("row_key").is_null()).select(
        "row_key",
        "msn",
        "currency",
        kind=_choose_kind(),
        amount_minor=nw.col("entry_minor"),
    )
    fees = _find_fee_kinds(entries.filter(nw.col("role") == "fee"), charged)
    disputes = disputed.join(
        cycles.select(*DISPUTE_KEY, kind=nw.col("dispute_kind")), on=DISPUTE_KEY, how="left"
    )
    known = entries.filter(nw.col("role") == "known").with_columns(kind=_NO_KIND)
    booked = bookings.with_columns(kind=nw.col("booking_kind"))
    outside = ~is_in_period(nw.col("ledger_day"), period)
    rest = [
        part.with_columns(
            kind=nw.when(outside).then(nw.lit("outside_period")).otherwise(nw.col("kind"))
        ).select("row_key", "msn", "currency", "kind", "amount_minor")
        for part in (fees, disputes, known, booked)
    ]
    kind = nw.col("kind").fill_null("")
    bucket: nw.Expr = nw.lit("matched")
    for name, kinds in (
        ("ignored", IGNORED_KINDS),
        ("timing", TIMING_KINDS),
        ("discrepancy", DISCREPANCY_KINDS),
        ("not_checked", ("not_checked",)),
    ):
        bucket = nw.when(kind.is_in(list(kinds))).then(nw.lit(name)).otherwise(bucket)
    return (
        nw.concat([movements, *rest], how="vertical")
        .select(
            "row_key",
            "msn",
            "currency",
            "amount_minor",
            side=nw.lit("ledger_entries"),
            bucket=bucket,
            kind=nw.when(kind == "not_checked").then(nw.lit("")).otherwise(kind),
            flags=nw.lit(""),
        )
        .select(BUCKET_COLUMNS)
    )


def leave_entries_unchecked(ledger_entries: LazyFrame) -> LazyFrame:
    """Return one row per ledger entry where payments have no events to compare it with."""
    return materialize(
        prepare_entries(ledger_entries)
        .with_columns(
            side=nw.lit("ledger_entries"),
            bucket=nw.lit("not_checked"),
            kind=nw.lit(""),
            flags=nw.lit(""),
        )
        .select(BUCKET_COLUMNS)
    )


def _choose_kind() -> nw.Expr:
    """Return the code of a capture or refund: a discrepancy first, then the code of its fee."""
    entry, fee = nw.col("entry_kind"), nw.col("fee_kind")
    late = fee.is_in(["fee_missing", "timing_fee_late"]).fill_null(value=False)
    entry_is_wrong = entry.is_in(list(DISCREPANCY_KINDS)).fill_null(value=False)
    fee_is_wrong = late & (fee == "fee_missing")
    return (
        nw.when(entry_is_wrong)
        .then(entry)
        .otherwise(
            nw.when(fee_is_wrong)
            .then(fee)
            .otherwise(nw.when(~entry.is_null()).then(entry).otherwise(nw.when(late).then(fee)))
        )
    )


def _find_fee_kinds(fees: LazyFrame, charged: ChargedPairs) -> LazyFrame:
    """Add the code of each fee entry: that of its capture, or none if the capture is not known."""
    fee_psp = nw.col("fee_psp")
    varied = charged.pairs.filter((nw.col("fee_kind") == "fee_variance").fill_null(value=False))
    by_reference = (fee_psp != nw.col("psp_reference")) | (fee_psp == "")
    with_capture = charged.pairs.filter(by_reference.fill_null(value=False))
    varied, with_capture = (
        materialize(rows.select("msn", "currency", psp_reference=fee_psp).unique())
        for rows in (varied, with_capture)
    )
    orphans = materialize(charged.lone_fees.unique().join(with_capture, on=_OPERATION, how="anti"))
    named = fees.with_columns(kind=_NO_KIND)
    for kind, operations in (("fee_variance", varied), ("not_checked", orphans)):
        if not is_empty(operations):
            found = operations.with_columns(found=nw.lit(kind))
            named = (
                named.join(found, on=_OPERATION, how="left")
                .with_columns(kind=nw.coalesce(nw.col("found"), nw.col("kind")))
                .drop("found")
            )
    return named
