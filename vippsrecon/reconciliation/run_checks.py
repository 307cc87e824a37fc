"""Run the checks of every question on every pair.

Each question is one `when/then` chain over its checks. The first check that applies gives the
kind, so the order of a question's checks is their precedence. Which questions there are is an
argument: each leg has its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.check import CheckFunction, Questions
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows
from vippsrecon.reconciliation.later_changes import set_later_changes_apart

FINDING_COLUMNS = [
    "question",
    "kind",
    "variant",
    "msn",
    "reference",
    "order_number",
    "payout_number",
    "currency",
    "expected",
    "actual",
    "at_risk",
    "flags",
    "discriminator",
]
"""The columns of a discrepancy of a leg after the first, before it is graded."""

BUCKET_COLUMNS = ["side", "row_key", "bucket", "kind", "flags", "msn", "currency", "amount_minor"]
"""The columns of an input row of such a leg, with its bucket and what the summary adds up."""

AMOUNT_QUESTIONS = ("captured", "refunded", "reserved")


def answer_questions(
    pairs: LazyFrame, questions: Questions, only: Collection[str] | None = None
) -> LazyFrame:
    """Add the kind that each question's checks give.

    Args:
        pairs: The pairs, as `orders_payments.pairs.pair_orders_and_payments` returns them.
        questions: Each question with its checks, such as `orders_payments.checks.QUESTIONS`.
        only: The questions to answer; the kind of every other is null. The question `there` is
            always answered. None for all.

    Returns:
        The same rows with `<question>_kind` (null: no check applies) and `compared`: whether
        amounts were compared at all. Pairs that the shop's later change explains are set apart.
    """
    no_kind = nw.lit(None).cast(nw.String)

    def build_kind(question: str, where: nw.Expr | None = None) -> nw.Expr:
        if only is None or question in only:
            return find_first_kind(question, questions[question], where)
        return no_kind.alias(f"{question}_kind")

    with_presence = pairs.with_columns(
        find_first_kind("there", questions["there"]), build_kind("aggregate")
    )
    compared = (
        (nw.col("role") == "pair")
        & nw.col("has_payment")
        & (
            nw.col("there_kind").is_null() | (nw.col("there_kind") == "reference_mangled")
        ).fill_null(value=False)
    )
    # An order that was paid another way has only its reserved amount checked.
    paid_otherwise = nw.col("there_kind").is_in(["paid_twice", "other_payment_method"])
    where_checked = {
        "reserved": nw.col("compared")
        | (nw.col("has_payment") & paid_otherwise).fill_null(value=False)
    }
    answered = with_presence.with_columns(compared=compared).with_columns(
        *(
            build_kind(question, where_checked.get(question, nw.col("compared")))
            for question in AMOUNT_QUESTIONS
        )
    )
    return set_later_changes_apart(answered)


def select_kinds(answered: LazyFrame, questions: Collection[str]) -> LazyFrame:
    """Return the combinations of kinds that occur, one column per question."""
    return answered.select([f"{question}_kind" for question in questions]).unique()


def collect_kinds(kinds: LazyFrame, questions: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the kinds that occur, by question, so that nothing is built for the others.

    Args:
        kinds: Result of `select_kinds`.
        questions: The same questions.
    """
    rows = collect_rows(kinds)
    return {
        question: frozenset(
            row[f"{question}_kind"] for row in rows if row[f"{question}_kind"] is not None
        )
        for question in questions
    }


def select_discrepancies(
    answered: LazyFrame, question: str, questions: Questions, kinds: frozenset[str]
) -> LazyFrame:
    """Return the pairs that have a discrepancy in a question, with its amounts.

    Adds `expected`, `actual` (minor units, null where an amount is unknown) and `at_risk`.
    """
    discrepancies = answered.filter(is_discrepancy(question))
    # No amount is at risk in two rows of one pair, so the last questions need the results of the
    # others.
    if question in {"reserved", "aggregate"}:
        discrepancies = discrepancies.with_columns(_build_at_risk("captured", questions))
    if question == "aggregate":
        others = [other for other in questions if other != question]
        discrepancies = discrepancies.with_columns(
            *(_build_at_risk(other, questions) for other in others)
        ).with_columns(others_at_risk=nw.sum_horizontal(*(f"{other}_at_risk" for other in others)))
    return discrepancies.with_columns(*_build_amounts(question, questions[question], kinds))


def find_first_kind(
    question: str, checks: Sequence[CheckFunction], where: nw.Expr | None = None
) -> nw.Expr:
    """Return the kind of the first check that applies; null where `where` does not hold."""
    chain: nw.Expr = nw.lit(None).cast(nw.String)
    for check in reversed(checks):
        chain = nw.when(check().applies).then(nw.lit(check.__name__)).otherwise(chain)
    if where is not None:
        chain = nw.when(where).then(chain)
    return chain.alias(f"{question}_kind")


def _build_amounts(
    question: str, checks: Sequence[CheckFunction], kinds: frozenset[str] | None
) -> list[nw.Expr]:
    """Return the expected amount, actual amount and money at risk of each row's kind.

    `kinds` are the kinds that can occur; None for all.
    """
    kind = nw.col(f"{question}_kind")
    unknown = nw.lit(None).cast(nw.Int64)
    expected, actual, at_risk = unknown, unknown, nw.lit(0, nw.Int64)
    for check in checks:
        if kinds is not None and check.__name__ not in kinds:
            continue
        built_check = check()
        is_kind = kind == check.__name__
        expected = nw.when(is_kind).then(built_check.expected).otherwise(expected)
        actual = nw.when(is_kind).then(built_check.actual).otherwise(actual)
        at_risk = nw.when(is_kind).then(built_check.at_risk).otherwise(at_risk)
    return [
        expected.cast(nw.Int64).alias("expected"),
        actual.cast(nw.Int64).alias("actual"),
        at_risk.cast(nw.Int64).alias("at_risk"),
    ]


def _build_at_risk(question: str, questions: Questions) -> nw.Expr:
    return _build_amounts(question, questions[question], None)[2].alias(f"{question}_at_risk")


def select_findings(rows: LazyFrame, question: str, checks: Sequence[CheckFunction]) -> LazyFrame:
    """Return the discrepancies of a leg after the first: one row each, before they are graded.

    Args:
        rows: Rows with `<question>_kind`, msn, reference (null where there is none), currency and
            discriminator ("" where a kind occurs once per key).
        question: The question.
        checks: Its checks.
    """
    no_text = nw.lit(None).cast(nw.String)
    return (
        rows.filter(is_discrepancy(question))
        .with_columns(*_build_amounts(question, checks, None))
        .select(
            "msn",
            "reference",
            "currency",
            "expected",
            "actual",
            "at_risk",
            "discriminator",
            question=nw.lit(question),
            kind=nw.col(f"{question}_kind"),
            variant=nw.lit(""),
            order_number=no_text,
            payout_number=no_text,
            flags=nw.lit(""),
        )
        .select(FINDING_COLUMNS)
    )


def is_discrepancy(question: str) -> nw.Expr:
    """Return where a question's kind is a discrepancy."""
    return nw.col(f"{question}_kind").is_in(list(DISCREPANCY_KINDS)).fill_null(value=False)
