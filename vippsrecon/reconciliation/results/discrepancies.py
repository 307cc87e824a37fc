"""From answered pairs to the frames people read: discrepancies, buckets, summary."""

from __future__ import annotations

import datetime as dt

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, materialize
from vippsrecon.reconciliation.codes import (
    DISCREPANCY_KINDS,
    EXPLAINED_KINDS,
    IGNORED_KINDS,
    TIMING_KINDS,
)
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS
from vippsrecon.reconciliation.orders_payments.pairs import PairSet
from vippsrecon.reconciliation.results.flags import is_deadline_near, join_flags
from vippsrecon.reconciliation.results.proposals import add_proposals
from vippsrecon.reconciliation.results.severity import add_severity
from vippsrecon.reconciliation.run_checks import is_discrepancy, select_discrepancies
from vippsrecon.reconciliation.texts_en import (
    ENGLISH_TEXTS,
    IMPOSSIBLE_REFERENCE,
    REFUND_WINDOW_PASSED,
    choose_sentence,
)
from vippsrecon.schemas import DISCREPANCIES as FRAME

KindsByQuestion = dict[str, frozenset[str]]
_NO_TEXT = nw.lit(None).cast(nw.String)

_SORT_COLUMNS = ("rank", "at_risk_minor", "discrepancy_id", "currency", "difference_minor", "flags")
"""Worst first; orders without reference and number share an id, and what they say decides."""

REFERENCE_PATTERN = r"^[a-zA-Z0-9-]{8,64}$"
"""What a reference can be. Source: https://developer.vippsmobilepay.com/api/epayment/"""


def build_discrepancies(
    answered: LazyFrame, kinds: KindsByQuestion, rounding_cap_minor: int, seen: dt.date
) -> LazyFrame:
    """Return one row per thing wrong, worst first, with `store` beside the schema's columns.

    Args:
        answered: Pairs with their answers.
        kinds: What `questions.kinds_of` says of them.
        rounding_cap_minor: See `severity.add_severity`.
        seen: The day of this run's moment, as first_seen_date.
    """
    raised = {question: found & set(DISCREPANCY_KINDS) for question, found in kinds.items()}
    asked = [question for question in QUESTIONS if raised[question]] or ["there"]
    parts = [_build_question_rows(answered, question, raised[question]) for question in asked]
    found = materialize(nw.concat(parts, how="vertical"))
    told = tuple(
        text for text in ENGLISH_TEXTS if any(text.kind in there for there in raised.values())
    )
    known = add_severity(found, rounding_cap_minor).with_columns(
        cause=choose_sentence("cause", told),
        next_step=choose_sentence("next_step", told),
        first_seen_date=nw.lit(seen).cast(nw.Date),
    )
    return materialize(
        known.sort(*_SORT_COLUMNS, descending=[name == "at_risk_minor" for name in _SORT_COLUMNS])
    )


def _build_question_rows(answered: LazyFrame, question: str, kinds: frozenset[str]) -> LazyFrame:
    kind = nw.col(f"{question}_kind")
    expected, actual = nw.col("expected"), nw.col("actual")
    number = nw.col("order_number").fill_null("")
    # A row without a reference is known by its order's number; a surplus row has both.
    surplus = nw.col("role") == "surplus"
    nameless = nw.col("reference").is_null()
    again = nw.when(surplus & (nw.col("place") > 2)).then(
        nw.concat_str(nw.lit(":"), nw.col("place").cast(nw.String))
    )
    tail = (
        nw.when(surplus | nameless)
        .then(nw.concat_str(nw.lit(":"), number, again.otherwise(nw.lit(""))))
        .otherwise(nw.lit(""))
    )
    named = select_discrepancies(answered, question, kinds).with_columns(
        kind=kind, flags=join_flags(question)
    )
    return add_proposals(named, question).select(
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
        kind=nw.col("kind"),
        msn=nw.col("msn"),
        reference=nw.col("reference"),
        order_number=nw.col("order_number"),
        payout_number=_NO_TEXT,
        currency=nw.col("currency"),
        expected_minor=expected,
        actual_minor=actual,
        difference_minor=actual.fill_null(0) - expected.fill_null(0),
        at_risk_minor=nw.col("at_risk"),
        proposal=nw.col("proposal"),
        proposal_minor=nw.col("proposal_minor"),
        flags=nw.col("flags"),
        hints=_build_hints(),
        age_days=_age_in_days(question),
        near=is_deadline_near(),
        store=nw.col("store"),
    )


def _build_hints() -> nw.Expr:
    """Return what changes the sentence: the flags, and two hints that are none."""
    late = (nw.col("refund_left_us") < 0).fill_null(value=False)
    impossible = ~nw.col("reference").str.contains(REFERENCE_PATTERN)
    return nw.concat_str(
        nw.col("flags"),
        nw.when(late).then(nw.lit(f" {REFUND_WINDOW_PASSED}")).otherwise(nw.lit("")),
        nw.when(impossible.fill_null(value=False))
        .then(nw.lit(f" {IMPOSSIBLE_REFERENCE}"))
        .otherwise(nw.lit("")),
    )


def _age_in_days(question: str) -> nw.Expr:
    """Return local days since it went wrong: since the money moved, or should have."""
    days = {
        "there": ("ordered_day", "authorized_day", "created_day"),
        "captured": ("first_captured_day", "fulfilled_day", "ordered_day", "authorized_day"),
        "refunded": ("refunded_day", "refund_done_day", "first_captured_day", "ordered_day"),
        "reserved": ("authorized_day", "ordered_day"),
        "aggregate": ("authorized_day", "created_day", "ordered_day"),
    }[question]
    age = nw.col("t_day") - nw.coalesce(*days)
    return nw.when(age < 0).then(nw.lit(0)).otherwise(age).cast(nw.Int64)


def assign_buckets(answered: LazyFrame) -> LazyFrame:
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
        explained = here.is_in(list(EXPLAINED_KINDS)).fill_null(value=False)
        shown = nw.when(here == "cancelled_unpaid").then(nw.lit("")).otherwise(here)
        kind = nw.when(explained).then(shown).otherwise(kind)
        bucket = nw.when(explained).then(nw.lit("matched")).otherwise(bucket)
    unread = (nw.col("there_kind") == "not_checked").fill_null(value=False)
    kind = nw.when(unread).then(nw.lit("")).otherwise(kind)
    bucket = nw.when(unread).then(nw.lit("not_checked")).otherwise(bucket)
    for kinds, name in ((IGNORED_KINDS, "ignored"), (TIMING_KINDS, "timing")):
        for question in ("refunded", "captured", "there"):
            here = nw.col(f"{question}_kind")
            found = here.is_in(list(kinds)).fill_null(value=False)
            kind = nw.when(found).then(here).otherwise(kind)
            bucket = nw.when(found).then(nw.lit(name)).otherwise(bucket)
    for question in reversed(list(QUESTIONS)):
        found = is_discrepancy(question)
        kind = nw.when(found).then(nw.col(f"{question}_kind")).otherwise(kind)
        bucket = nw.when(found).then(nw.lit("discrepancy")).otherwise(bucket)
    return answered.with_columns(bucket=bucket, kind=kind, flags=join_flags())


def build_buckets(answered: LazyFrame, agreed: LazyFrame, paired: PairSet) -> LazyFrame:
    """Return one row per input row: which bucket it ended in, and why; by side and row_key."""
    key = ["msn", "okey"]
    placing = ["bucket", "kind", "flags"]
    quiet = agreed.with_columns(
        bucket=nw.lit("matched"),
        kind=nw.lit(""),
        flags=nw.lit("amounts_as_fetched" if paired.as_fetched else ""),
    )
    own_row = nw.col("role").is_in(["pair", "surplus"]) & ~nw.col("combined")
    orders = [
        answered.filter(own_row),
        quiet,
        paired.combined_order_rows.join(
            materialize(answered.filter(nw.col("combined")).select(*key, *placing)),
            on=key,
            how="inner",
        ),
    ]
    payments = [
        answered.filter(nw.col("has_payment") & ~nw.col("split")),
        quiet,
        paired.split_payment_parts.join(
            materialize(answered.filter(nw.col("split")).select(*key, *placing)),
            on=key,
            how="inner",
        ).with_columns(payment_reference=nw.col("reference")),
    ]
    return nw.concat(
        [
            _build_side("orders", orders, "source_file", "source_row"),
            _build_side("payments", payments, "msn", "payment_reference"),
        ],
        how="vertical",
    )


def _build_side(side: str, parts: list[LazyFrame], one: str, other: str) -> LazyFrame:
    """Name the rows of one side and put them in order."""
    named = [
        part.select(
            nw.concat_str(nw.col(one), nw.lit(":"), nw.col(other).cast(nw.String)).alias("row_key"),
            "bucket",
            "kind",
            "flags",
        )
        for part in parts
    ]
    return materialize(
        nw.concat(named, how="vertical")
        .sort("row_key")
        .select(nw.lit(side).alias("side"), "row_key", "bucket", "kind", "flags")
    )


def build_summary(settled: LazyFrame, found: LazyFrame, agreed: LazyFrame) -> LazyFrame:
    """Return counts and sums by currency, bucket and kind; discrepancies by their own rows.

    Args:
        settled: Pairs, placed.
        found: Their discrepancies.
        agreed: The sums of the pairs that agree, as `agreed.totals` gives them.
    """
    nothing = nw.lit(0, nw.Int64)
    total = nw.when(nw.col("has_order")).then(nw.col("O")).otherwise(nw.col("C"))
    quiet = settled.filter(nw.col("bucket") != "discrepancy").select(
        "currency",
        "bucket",
        "kind",
        rows=nw.lit(1, nw.Int64),
        total_minor=total,
        difference_minor=nothing,
        at_risk_minor=nothing,
    )
    loud = found.select(
        "currency",
        bucket=nw.lit("discrepancy"),
        kind=nw.col("kind"),
        rows=nw.lit(1, nw.Int64),
        total_minor=nw.col("expected_minor").fill_null(0),
        difference_minor=nw.col("difference_minor"),
        at_risk_minor=nw.col("at_risk_minor"),
    )
    matched = agreed.select(
        "currency",
        bucket=nw.lit("matched"),
        kind=nw.lit(""),
        rows=nw.col("rows"),
        total_minor=nw.col("O"),
        difference_minor=nothing,
        at_risk_minor=nothing,
    )
    keys = ["currency", "bucket", "kind"]
    return (
        nw.concat([quiet, loud, matched], how="vertical")
        .group_by(*keys)
        .agg(
            rows=nw.col("rows").sum().cast(nw.Int64),
            total_minor=nw.col("total_minor").sum().cast(nw.Int64),
            difference_minor=nw.col("difference_minor").sum().cast(nw.Int64),
            at_risk_minor=nw.col("at_risk_minor").sum().cast(nw.Int64),
        )
        .sort(*keys)
    )


def select_schema_columns(found: LazyFrame) -> LazyFrame:
    """Return discrepancies with exactly their schema's columns, in order."""
    return found.select(list(FRAME.names))
