"""From answered pairs to the frames people read: discrepancies, buckets, summary."""

from __future__ import annotations

import datetime as dt

import narwhals.stable.v2 as nw

from vippsrecon.reconcile.checks import IGNORED, QUESTIONS, SETTLED, TIMING
from vippsrecon.reconcile.engines import Lazy, settle
from vippsrecon.reconcile.flags import deadline_near, flags_of
from vippsrecon.reconcile.questions import is_discrepancy, wrong
from vippsrecon.reconcile.severity import graded
from vippsrecon.reconcile.texts import sentence
from vippsrecon.schemas import BUCKETS, DISCREPANCIES

_NO_TEXT = nw.lit(None).cast(nw.String)


def discrepancies(answered: Lazy, rounding_cap_minor: int, seen: dt.date) -> Lazy:
    """Return one row per thing wrong, worst first, with `store` beside the schema's columns.

    Args:
        answered: Pairs with their answers.
        rounding_cap_minor: See `severity.graded`.
        seen: The day of this run's moment, as first_seen_date.
    """
    parts = [_rows(answered, question) for question in QUESTIONS]
    found = settle(nw.concat(parts, how="vertical"))
    known = graded(found, rounding_cap_minor).with_columns(
        cause=sentence("cause"),
        next_step=sentence("next_step"),
        first_seen_date=nw.lit(seen).cast(nw.Date),
    )
    return settle(
        known.sort("rank", "at_risk_minor", "discrepancy_id", descending=[False, True, False])
    )


def _rows(answered: Lazy, question: str) -> Lazy:
    kind = nw.col(f"{question}_kind")
    expected, actual = nw.col("expected"), nw.col("actual")
    number = nw.col("order_number").fill_null("")
    # A row without a reference is known by its order's number; a surplus row has both.
    surplus = nw.col("role") == "surplus"
    nameless = nw.col("reference").is_null()
    tail = nw.when(surplus | nameless).then(
        nw.concat_str(nw.lit(":"), number)
    ).otherwise(nw.lit(""))
    return wrong(answered, question).select(
        discrepancy_id=nw.concat_str(
            kind,
            nw.lit(":"),
            nw.col("msn"),
            nw.lit(":"),
            nw.col("reference").fill_null(""),
            tail,
        ),
        leg=nw.lit("order_payment"),
        question=nw.lit(question),
        kind=kind,
        msn=nw.col("msn"),
        reference=nw.col("reference"),
        order_number=nw.col("order_number"),
        payout_number=_NO_TEXT,
        currency=nw.col("currency"),
        expected_minor=expected,
        actual_minor=actual,
        difference_minor=actual.fill_null(0) - expected.fill_null(0),
        at_risk_minor=nw.col("at_risk"),
        flags=flags_of(question),
        age_days=_age(question),
        near=deadline_near(),
        store=nw.col("store"),
    )


def _age(question: str) -> nw.Expr:
    """Return local days since it went wrong: since the money moved, or should have."""
    days = {
        "there": ("ordered_day", "authorized_day", "created_day"),
        "captured": ("first_captured_day", "fulfilled_day", "ordered_day", "authorized_day"),
        "refunded": ("refunded_day", "refund_done_day", "first_captured_day", "ordered_day"),
        "reserved": ("authorized_day", "ordered_day"),
        "aggregate": ("authorized_day", "created_day", "ordered_day"),
    }[question]
    since = nw.col(days[0])
    for other in days[1:]:
        since = nw.when(since.is_null()).then(nw.col(other)).otherwise(since)
    age = nw.col("t_day") - since
    return nw.when(age < 0).then(nw.lit(0)).otherwise(age).cast(nw.Int64)


def placed(answered: Lazy) -> Lazy:
    """Add the bucket and primary kind of each pair, and all its flags.

    A discrepancy speaks before timing, and timing before what is ignored or merely explained.
    A pair that agrees, but only because later events were left out, is `timing_after_cut`.
    """
    kind: nw.Expr = nw.lit("")
    bucket: nw.Expr = nw.lit("matched")
    after_cut = nw.col("compared") & nw.col("changed_after")
    kind = nw.when(after_cut).then(nw.lit("timing_after_cut")).otherwise(kind)
    bucket = nw.when(after_cut).then(nw.lit("timing")).otherwise(bucket)
    for question in ("captured", "there"):
        here = nw.col(f"{question}_kind")
        explained = here.is_in(list(SETTLED)).fill_null(value=False)
        shown = nw.when(here == "cancelled_unpaid").then(nw.lit("")).otherwise(here)
        kind = nw.when(explained).then(shown).otherwise(kind)
        bucket = nw.when(explained).then(nw.lit("matched")).otherwise(bucket)
    unread = (nw.col("there_kind") == "not_checked").fill_null(value=False)
    kind = nw.when(unread).then(nw.lit("")).otherwise(kind)
    bucket = nw.when(unread).then(nw.lit("not_checked")).otherwise(bucket)
    for kinds, name in ((IGNORED, "ignored"), (TIMING, "timing")):
        for question in ("refunded", "captured", "there"):
            here = nw.col(f"{question}_kind")
            found = here.is_in(list(kinds)).fill_null(value=False)
            kind = nw.when(found).then(here).otherwise(kind)
            bucket = nw.when(found).then(nw.lit(name)).otherwise(bucket)
    for question in reversed(list(QUESTIONS)):
        found = is_discrepancy(question)
        kind = nw.when(found).then(nw.col(f"{question}_kind")).otherwise(kind)
        bucket = nw.when(found).then(nw.lit("discrepancy")).otherwise(bucket)
    return answered.with_columns(bucket=bucket, kind=kind, flags=flags_of())


def buckets(settled: Lazy, order_members: Lazy, payment_members: Lazy) -> Lazy:
    """Return one row per input row: which bucket it ended in, and why."""
    order_rows = settled.filter(
        (nw.col("role").is_in(["pair", "surplus"])) & ~nw.col("combined")
    ).select(
        side=nw.lit("orders"),
        row_key=_row_key("source_file", "source_row"),
        bucket=nw.col("bucket"),
        kind=nw.col("kind"),
        flags=nw.col("flags"),
    )
    key = ["msn", "okey"]
    placing = ["bucket", "kind", "flags"]
    combined = order_members.join(
        settled.filter(nw.col("combined")).select(*key, *placing), on=key, how="inner"
    ).select(side=nw.lit("orders"), row_key=_row_key("source_file", "source_row"), **_same(placing))
    payment_rows = settled.filter(nw.col("has_payment") & ~nw.col("split")).select(
        side=nw.lit("payments"), row_key=_row_key("msn", "payment_reference"), **_same(placing)
    )
    split = payment_members.join(
        settled.filter(nw.col("split")).select(*key, *placing), on=key, how="inner"
    ).select(side=nw.lit("payments"), row_key=_row_key("msn", "reference"), **_same(placing))
    return nw.concat([order_rows, combined, payment_rows, split], how="vertical").select(
        list(BUCKETS.names)
    )


def _same(columns: list[str]) -> dict[str, nw.Expr]:
    return {name: nw.col(name) for name in columns}


def _row_key(one: str, other: str) -> nw.Expr:
    return nw.concat_str(nw.col(one), nw.lit(":"), nw.col(other).cast(nw.String))


def summary(settled: Lazy, found: Lazy) -> Lazy:
    """Return counts and sums by currency, bucket and kind; discrepancies by their own rows."""
    total = nw.when(nw.col("has_order")).then(nw.col("O")).otherwise(nw.col("C"))
    quiet = settled.filter(nw.col("bucket") != "discrepancy").select(
        "currency",
        "bucket",
        "kind",
        one=nw.lit(1, nw.Int64),
        total_minor=total,
        difference_minor=nw.lit(0, nw.Int64),
        at_risk_minor=nw.lit(0, nw.Int64),
    )
    loud = found.select(
        "currency",
        bucket=nw.lit("discrepancy"),
        kind=nw.col("kind"),
        one=nw.lit(1, nw.Int64),
        total_minor=nw.col("expected_minor").fill_null(0),
        difference_minor=nw.col("difference_minor"),
        at_risk_minor=nw.col("at_risk_minor"),
    )
    keys = ["currency", "bucket", "kind"]
    return (
        nw.concat([quiet, loud], how="vertical")
        .group_by(*keys)
        .agg(
            rows=nw.col("one").sum().cast(nw.Int64),
            total_minor=nw.col("total_minor").sum().cast(nw.Int64),
            difference_minor=nw.col("difference_minor").sum().cast(nw.Int64),
            at_risk_minor=nw.col("at_risk_minor").sum().cast(nw.Int64),
        )
        .sort(*keys)
    )


def as_frame(found: Lazy) -> Lazy:
    """Return discrepancies with exactly their schema's columns, in order."""
    return found.select(list(DISCREPANCIES.names))
