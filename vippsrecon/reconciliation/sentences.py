"""Choose the cause and the next step of every discrepancy: fixed sentences without amounts.

The sentences are in the catalogues (`vippsrecon.texts`), a code to several: one for a flag or hint is used
where the pair has that flag. The first that fits is used.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.codes import CODES
from vippsrecon.texts import list_texts_in

REFUND_WINDOW_PASSED = "refund_window_passed"
"""A hint, not a flag: the refund deadline has passed, so the next step is another one."""

IMPOSSIBLE_REFERENCE = "impossible_reference"
"""A hint, not a flag: the reference is not valid at Vipps MobilePay, so it was not requested."""

ONLY_RESERVED = "only_reserved"
"""A hint, not a flag: nothing was captured of a further payment, and it can be released."""

WHOLE_TOTAL = "whole_total"
"""A hint, not a flag: the totals of the file have no decimals, which explains the difference."""

ATTEMPTS_NOT_ASKED = "attempts_not_asked"
"""A hint, not a flag: a further attempt to pay the order was not asked for, so nothing is proposed."""

DISPUTED = "disputed"
"""The flag whose next step is the same for every code that a person might act on."""

KINDS_IF_DISPUTED = (
    *(code.name for code in CODES if code.proposes),
    "paid_twice",
    "missing_in_orders",
    "payment_not_recorded",
    "captured_not_fulfilled",
)
"""Codes with an operation to propose, and codes whose next step may be a refund by hand."""

KINDS_OF_WHOLE_TOTALS = (
    "under_captured",
    "over_captured",
    "refund_missing_at_vipps",
    "refund_missing_in_shop",
    "remainder_open",
    "rounding_difference",
)
"""Codes whose difference missing decimals can explain. They share one cause, and so one group."""

_DEFAULT = "default"
_COLUMNS = ("cause", "next_step")


class CodeText(NamedTuple):
    """Cause and next step for one kind and, where `flag` is not empty, one flag or hint."""

    kind: str
    flag: str
    cause: str
    next_step: str


@cache
def list_code_texts(language: str) -> tuple[CodeText, ...]:
    """Return every cause and next step in a language, in the order in which they are tried.

    A dispute comes first: any other next step may tell to pay a customer who has the money already.
    """
    texts = list_texts_in("sentences", language)
    shared = {name: texts[f"{WHOLE_TOTAL}.{name}"] for name in (*_COLUMNS, "within_tolerance")}
    # The order of the variants of a code decides, so it is the same in every language.
    variants = dict.fromkeys(key.rpartition(".")[0] for key in list_texts_in("sentences", "en"))
    return (
        *(
            CodeText(
                kind,
                DISPUTED,
                texts[f"{kind}.{_DEFAULT}.cause"],
                texts[f"{DISPUTED}.next_step"],
            )
            for kind in KINDS_IF_DISPUTED
        ),
        *(
            CodeText(
                kind,
                WHOLE_TOTAL,
                shared["cause"],
                shared["within_tolerance" if kind == "rounding_difference" else "next_step"],
            )
            for kind in KINDS_OF_WHOLE_TOTALS
        ),
        *(
            CodeText(
                kind,
                "" if flag == _DEFAULT else flag,
                *(texts[f"{kind}.{flag}.{column}"] for column in _COLUMNS),
            )
            for kind, _, flag in (variant.partition(".") for variant in variants)
            if kind not in {WHOLE_TOTAL, DISPUTED}
        ),
    )


def choose_sentence(column: str, table: tuple[CodeText, ...]) -> nw.Expr:
    """Return `cause` or `next_step` as an expression over kind and hints."""
    chain: nw.Expr = nw.lit("")
    for text in reversed(table):
        matches: nw.Expr = nw.col("kind") == text.kind
        if text.flag:
            matches = matches & nw.col("hints").str.contains(text.flag, literal=True)
        chain = nw.when(matches).then(nw.lit(getattr(text, column))).otherwise(chain)
    return chain
