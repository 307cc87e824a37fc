"""Build discrepancies, buckets and summary from the pairs and the kinds their checks gave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.codes import (
    DISCREPANCY_KINDS,
    EXPLAINED_KINDS,
    IGNORED_KINDS,
    TIMING_KINDS,
)
from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize
from vippsrecon.reconciliation.engines.plans import planned
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS
from vippsrecon.reconciliation.orders_payments.orders import ORDER_KEY
from vippsrecon.reconciliation.orders_payments.pairs import PairSet
from vippsrecon.reconciliation.results.first_seen import add_first_seen
from vippsrecon.reconciliation.results.flags import is_deadline_near, join_flags
from vippsrecon.reconciliation.results.proposals import add_proposals
from vippsrecon.reconciliation.results.severity import add_severity
from vippsrecon.reconciliation.results.whole_totals import is_explained_by_whole_totals
from vippsrecon.reconciliation.run_checks import is_discrepancy, select_discrepancies
from vippsrecon.reconciliation.sentences import (
    ATTEMPTS_NOT_ASKED,
    IMPOSSIBLE_REFERENCE,
    KINDS_OF_WHOLE_TOTALS,
    ONLY_RESERVED,
    REFUND_WINDOW_PASSED,
    WHOLE_TOTAL,
    choose_sentence,
    list_code_texts,
)
from vippsrecon.schemas import DISCREPANCIES as FRAME
from vippsrecon.texts import get_language
from vippsrecon.vipps_rules import NEW_REFERENCE_PATTERN

KindsByQuestion = dict[str, frozenset[str]]
_NO_TEXT = nw.lit(None).cast(nw.String)

SUMMARY_KEYS = ("leg", "currency", "bucket", "kind")

_SORT_COLUMNS = ("rank", "at_risk_minor", "discrepancy_id", "currency", "difference_minor", "flags")
"""Worst first. Orders without reference and number share an id, so amount and flags sort them."""


def build_discrepancies(
    answered: LazyFrame,
    kinds: KindsByQuestion,
    rounding_cap_minor: int,
    today: dt.date,
    first_seen: Mapping[str, dt.date],
    *,
    other_legs: tuple[LazyFrame, ...] = (),
    other_kinds: frozenset[str] = frozenset(),
) -> LazyFrame:
    """Return one row per discrepancy, worst first, with `store` beside the schema's columns.

    Args:
        answered: Pairs with the kind of each question.
        kinds: The kinds that occur, as `run_checks.collect_kinds` returns them.
        rounding_cap_minor: See `severity.add_severity`.
        today: The local day of the cut-off time.
        first_seen: discrepancy_id to the day of the first run that reported it; a discrepancy
            that is not listed is first seen today.
        other_legs: The discrepancies of the other legs, ungraded, with the same columns.
        other_kinds: The kinds that occur in them.
    """
    discrepancy_kinds = tuple(
        (question, occurring & frozenset(DISCREPANCY_KINDS))
        for question, occurring in kinds.items()
    )
    rows = _build_rows(answered, discrepancy_kinds)
    if other_legs:
        rows = materialize(nw.concat([rows, *other_legs], how="vertical"))
    ungraded = add_first_seen(rows, today, first_seen)
    all_kinds = other_kinds.union(*(occurring for _, occurring in discrepancy_kinds))
    return _grade_rows(ungraded, rounding_cap_minor, all_kinds, get_language())


@planned
def _build_rows(answered: LazyFrame, kinds: tuple[tuple[str, frozenset[str]], ...]) -> LazyFrame:
    occurring_kinds = [(question, occurring) for question, occurring in kinds if occurring]
    parts = [
        _build_question_rows(answered, question, occurring)
        for question, occurring in occurring_kinds or [("there", frozenset[str]())]
    ]
    return materialize(nw.concat(parts, how="vertical"))


@planned
def _grade_rows(
    ungraded: LazyFrame, rounding_cap_minor: int, kinds: frozenset[str], language: str
) -> LazyFrame:
    """Add severity and sentences, and sort the rows, worst first."""
    texts = tuple(text for text in list_code_texts(language) if text.kind in kinds)
    graded = add_severity(materialize(ungraded), rounding_cap_minor).with_columns(
        cause=choose_sentence("cause", texts),
        next_step=choose_sentence("next_step", texts),
    )
    return materialize(
        graded.sort(*_SORT_COLUMNS, descending=[name == "at_risk_minor" for name in _SORT_COLUMNS])
    )


def _build_question_rows(answered: LazyFrame, question: str, kinds: frozenset[str]) -> LazyFrame:
    kind = nw.col(f"{question}_kind")
    expected, actual = nw.col("expected"), nw.col("actual")
    number = nw.col("order_number").fill_null("")
    # The id of a row without a reference has the order's number; that of a surplus row has both.
    surplus = nw.col("role") == "surplus"
    no_reference = nw.col("reference").is_null()
    repetition = nw.when(surplus & (nw.col("place") > 2)).then(
        nw.concat_str(nw.lit(":"), nw.col("place").cast(nw.String))
    )
    tail = (
        nw.when(surplus | no_reference)
        .then(nw.concat_str(nw.lit(":"), number, repetition.otherwise(nw.lit(""))))
        .otherwise(nw.lit(""))
    )
    named = select_discrepancies(answered, question, QUESTIONS, kinds).with_columns(
        kind=kind,
        flags=join_flags(question),
        whole_total=kind.is_in(list(KINDS_OF_WHOLE_TOTALS))
        & is_explained_by_whole_totals(expected, actual),
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
        near=is_deadline_near(),
        store=nw.col("store"),
    )


def _build_hints() -> nw.Expr:
    """Return what selects the sentence: the flags, and four hints that are not flags."""
    late = (nw.col("refund_left_us") < 0).fill_null(value=False)
    impossible = ~nw.col("reference").str.contains(NEW_REFERENCE_PATTERN)
    return nw.concat_str(
        nw.col("flags"),
        nw.when(late).then(nw.lit(f" {REFUND_WINDOW_PASSED}")).otherwise(nw.lit("")),
        nw.when(impossible.fill_null(value=False))
        .then(nw.lit(f" {IMPOSSIBLE_REFERENCE}"))
        .otherwise(nw.lit("")),
        nw.when(nw.col("whole_total")).then(nw.lit(f" {WHOLE_TOTAL}")).otherwise(nw.lit("")),
        nw.when((nw.col("proposal") == "cancel").fill_null(value=False))
        .then(nw.lit(f" {ONLY_RESERVED}"))
        .otherwise(nw.lit("")),
        nw.when(~nw.col("attempts_asked"))
        .then(nw.lit(f" {ATTEMPTS_NOT_ASKED}"))
        .otherwise(nw.lit("")),
    )


def assign_buckets(answered: LazyFrame) -> LazyFrame:
    """Add the bucket and primary kind of each pair, and all its flags.

    A discrepancy takes precedence over timing, timing over ignored, and ignored over matched.
    A pair that agrees only because later events were left out is `timing_after_cut`.
    """
    # Built in ascending precedence: each later condition overrides the earlier ones.
    kind: nw.Expr = nw.lit("")
    bucket: nw.Expr = nw.lit("matched")
    after_cut = nw.col("compared") & nw.col("changed_after")
    kind = nw.when(after_cut).then(nw.lit("timing_after_cut")).otherwise(kind)
    bucket = nw.when(after_cut).then(nw.lit("timing")).otherwise(bucket)
    for question in ("captured", "there"):
        question_kind = nw.col(f"{question}_kind")
        explained = question_kind.is_in(list(EXPLAINED_KINDS)).fill_null(value=False)
        shown = (
            nw.when(question_kind == "cancelled_unpaid").then(nw.lit("")).otherwise(question_kind)
        )
        kind = nw.when(explained).then(shown).otherwise(kind)
        bucket = nw.when(explained).then(nw.lit("matched")).otherwise(bucket)
    unanswered = (nw.col("there_kind") == "not_checked").fill_null(value=False)
    kind = nw.when(unanswered).then(nw.lit("")).otherwise(kind)
    bucket = nw.when(unanswered).then(nw.lit("not_checked")).otherwise(bucket)
    for kinds, name in ((IGNORED_KINDS, "ignored"), (TIMING_KINDS, "timing")):
        for question in ("refunded", "captured", "there"):
            question_kind = nw.col(f"{question}_kind")
            applies = question_kind.is_in(list(kinds)).fill_null(value=False)
            kind = nw.when(applies).then(question_kind).otherwise(kind)
            bucket = nw.when(applies).then(nw.lit(name)).otherwise(bucket)
    for question in reversed(list(QUESTIONS)):
        applies = is_discrepancy(question)
        kind = nw.when(applies).then(nw.col(f"{question}_kind")).otherwise(kind)
        bucket = nw.when(applies).then(nw.lit("discrepancy")).otherwise(bucket)
    return answered.with_columns(bucket=bucket, kind=kind, flags=join_flags())


def build_buckets(answered: LazyFrame, exact_matches: LazyFrame, paired: PairSet) -> LazyFrame:
    """Return the bucket and kind of every input row, sorted by side and row_key."""
    bucket_columns = ["bucket", "kind", "flags"]
    matched_rows = exact_matches.with_columns(
        bucket=_bucket_of_exact_match(),
        kind=_kind_of_exact_match(),
        flags=nw.lit("amounts_as_fetched" if paired.as_fetched else ""),
    )
    own_row = nw.col("role").is_in(["pair", "surplus", "superseded_row"]) & ~nw.col("combined")
    orders = [
        answered.filter(own_row),
        matched_rows,
        paired.combined_order_rows.join(
            materialize(answered.filter(nw.col("combined")).select(*ORDER_KEY, *bucket_columns)),
            on=ORDER_KEY,
            how="inner",
        ),
    ]
    payments = [
        answered.filter(nw.col("has_payment") & ~nw.col("split")),
        matched_rows,
        paired.split_payment_parts.join(
            materialize(answered.filter(nw.col("split")).select(*ORDER_KEY, *bucket_columns)),
            on=ORDER_KEY,
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


def _bucket_of_exact_match() -> nw.Expr:
    return nw.when(nw.col("outside")).then(nw.lit("ignored")).otherwise(nw.lit("matched"))


def _kind_of_exact_match() -> nw.Expr:
    return nw.when(nw.col("outside")).then(nw.lit("outside_period")).otherwise(nw.lit(""))


def _build_side(side: str, parts: list[LazyFrame], first_key: str, second_key: str) -> LazyFrame:
    """Build the row keys of one side and sort its rows by them."""
    keyed_parts = [
        part.select(
            nw.concat_str(nw.col(first_key), nw.lit(":"), nw.col(second_key).cast(nw.String)).alias(
                "row_key"
            ),
            "bucket",
            "kind",
            "flags",
        )
        for part in parts
    ]
    return materialize(
        nw.concat(keyed_parts, how="vertical")
        .sort("row_key")
        .select(nw.lit(side).alias("side"), "row_key", "bucket", "kind", "flags")
    )


def build_summary(pairs: LazyFrame, discrepancies: LazyFrame, exact_sums: LazyFrame) -> LazyFrame:
    """Return counts and sums by leg, currency, bucket and kind; each discrepancy counts as one row.

    Args:
        pairs: Pairs with their buckets.
        discrepancies: Their discrepancies.
        exact_sums: The sums of the exact matches, from `exact_matches.sum_exact_matches`.
    """
    nothing = nw.lit(0, nw.Int64)
    is_order_row = nw.col("has_order") | (nw.col("role") == "superseded_row")
    total = nw.when(is_order_row).then(nw.col("O")).otherwise(nw.col("C"))
    own_leg = nw.lit("order_payment").alias("leg")
    other_pairs = pairs.filter(nw.col("bucket") != "discrepancy").select(
        own_leg,
        "currency",
        "bucket",
        "kind",
        rows=nw.lit(1, nw.Int64),
        total_minor=total,
        difference_minor=nothing,
        at_risk_minor=nothing,
    )
    discrepancy_rows = discrepancies.select(
        "leg",
        "currency",
        bucket=nw.lit("discrepancy"),
        kind=nw.col("kind"),
        rows=nw.lit(1, nw.Int64),
        total_minor=nw.col("expected_minor").fill_null(0),
        difference_minor=nw.col("difference_minor"),
        at_risk_minor=nw.col("at_risk_minor"),
    )
    matched = exact_sums.select(
        own_leg,
        "currency",
        bucket=_bucket_of_exact_match(),
        kind=_kind_of_exact_match(),
        rows=nw.col("rows"),
        total_minor=nw.col("O"),
        difference_minor=nothing,
        at_risk_minor=nothing,
    )
    return (
        nw.concat([other_pairs, discrepancy_rows, matched], how="vertical")
        .group_by(*SUMMARY_KEYS)
        .agg(
            rows=nw.col("rows").sum().cast(nw.Int64),
            total_minor=nw.col("total_minor").sum().cast(nw.Int64),
            difference_minor=nw.col("difference_minor").sum().cast(nw.Int64),
            at_risk_minor=nw.col("at_risk_minor").sum().cast(nw.Int64),
        )
        .sort(*SUMMARY_KEYS)
    )


def select_schema_columns(discrepancies: LazyFrame) -> LazyFrame:
    """Return discrepancies with exactly the schema's columns, in the schema's order."""
    return discrepancies.select(list(FRAME.names))
