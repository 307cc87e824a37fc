"""Ask every pair every question: one `when/then` chain a question, precedence its tuple's order."""

from __future__ import annotations

from collections.abc import Collection

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.backends import LazyFrame, collect_rows
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS

AMOUNT_QUESTIONS = ("captured", "refunded", "reserved")


def answer_questions(pairs: LazyFrame, questions: Collection[str] = tuple(QUESTIONS)) -> LazyFrame:
    """Add, for each question, the kind of its answer.

    Args:
        pairs: As `pairs.pair` gives them.
        questions: Those to ask; another's kind is null. Whether it is there is always asked.

    Returns:
        The same rows with `<question>_kind` (null: nothing to say) and `compared`: whether
        amounts were compared at all.
    """
    unasked = nw.lit(None).cast(nw.String)

    def place(question: str, where: nw.Expr | None = None) -> nw.Expr:
        if question in questions:
            return _find_first_kind(question, where)
        return unasked.alias(f"{question}_kind")

    there = pairs.with_columns(_find_first_kind("there"), place("aggregate"))
    compared = (
        (nw.col("role") == "pair")
        & nw.col("has_payment")
        & (
            nw.col("there_kind").is_null() | (nw.col("there_kind") == "reference_mangled")
        ).fill_null(value=False)
    )
    return there.with_columns(compared=compared).with_columns(
        *(place(question, nw.col("compared")) for question in AMOUNT_QUESTIONS)
    )


def collect_kinds(answered: LazyFrame) -> dict[str, frozenset[str]]:
    """Return, for each question, the kinds that occur: nothing is built for the others."""
    columns = {question: f"{question}_kind" for question in QUESTIONS}
    rows = collect_rows(answered.select(list(columns.values())).unique())
    return {
        question: frozenset(row[column] for row in rows if row[column] is not None)
        for question, column in columns.items()
    }


def select_discrepancies(answered: LazyFrame, question: str, kinds: frozenset[str]) -> LazyFrame:
    """Return the pairs whose answer to a question is a discrepancy, with its amounts.

    Adds `expected`, `actual` (minor units, null where a side is unknown) and `at_risk`.
    """
    return answered.filter(is_discrepancy(question)).with_columns(*_build_amounts(question, kinds))


def _find_first_kind(question: str, asked: nw.Expr | None = None) -> nw.Expr:
    """Return the kind of the first check that applies."""
    chain: nw.Expr = nw.lit(None).cast(nw.String)
    for check in reversed(QUESTIONS[question]):
        chain = nw.when(check().applies).then(nw.lit(check.__name__)).otherwise(chain)
    if asked is not None:
        chain = nw.when(asked).then(chain)
    return chain.alias(f"{question}_kind")


def _build_amounts(question: str, kinds: frozenset[str]) -> list[nw.Expr]:
    """Return expected, actual and at risk of the check whose kind was found."""
    kind = nw.col(f"{question}_kind")
    unknown = nw.lit(None).cast(nw.Int64)
    expected, actual, at_risk = unknown, unknown, nw.lit(0, nw.Int64)
    for check in QUESTIONS[question]:
        if check.__name__ not in kinds:
            continue
        found = check()
        here = kind == check.__name__
        expected = nw.when(here).then(found.expected).otherwise(expected)
        actual = nw.when(here).then(found.actual).otherwise(actual)
        at_risk = nw.when(here).then(found.at_risk).otherwise(at_risk)
    return [
        expected.cast(nw.Int64).alias("expected"),
        actual.cast(nw.Int64).alias("actual"),
        at_risk.cast(nw.Int64).alias("at_risk"),
    ]


def is_discrepancy(question: str) -> nw.Expr:
    """Where a question's answer is a discrepancy."""
    return nw.col(f"{question}_kind").is_in(list(DISCREPANCY_KINDS)).fill_null(value=False)
