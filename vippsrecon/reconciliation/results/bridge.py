"""Build the bridge from the shop's orders to the amounts captured and refunded, in minor units.

Every pair adds amounts to lines. Per leg, sales unit and currency the lines must sum to the last
line, the total. If they do not, the bridge does not balance:
that is an error in this package, so the run fails and no figure is shown.

    captured   orders − ignored − cancelled − not yet due − refunded before capture
               + excess given back + given back on cancelled + cancellation fees
               + each code's differences + payments outside the export …  = captured
    refunded   the shop's refunds − those of orders not compared …       = refunded
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.errors import BridgeError
from vippsrecon.reconciliation.check import C, O, Or, R, minimum_of
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows, materialize
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS
from vippsrecon.reconciliation.orders_payments.period import PERIOD_COLUMNS
from vippsrecon.reconciliation.results.bridge_lines import (
    BRIDGE_LINES,
    CURRENCY_MISMATCH,
    LINES_TO_FETCHED,
    ORDER_ROW,
    PRESENCE_KIND,
    add_line_conditions,
    amount_where,
    build_captured_lines,
    build_refunded_lines,
)
from vippsrecon.reconciliation.run_checks import select_discrepancies

_GROUP_COLUMNS = (
    "msn",
    "currency",
    "order_currency",
    "role",
    "status",
    "has_payment",
    "compared",
    "there_kind",
    "captured_kind",
    "refunded_kind",
    "nets",
    "part_captured",
    "captured_comparable",
    "refunds_unknown",
    "moved",
)
_SUMMED_COLUMNS = (
    "O",
    "Or",
    "C",
    "R",
    "E",
    "Er",
    "q",
    "p",
    "refunded_beyond_capture",
    "given_back",
    *PERIOD_COLUMNS,
    "not_due",
    "rows",
)


BridgeSums = dict[tuple[str, str], dict[str, tuple[int, int]]]
_LETTERS = {"captured": "C", "refunded": "R"}


@dataclass(frozen=True)
class LegSums:
    """The sums that one leg of the bridge is made of.

    Attributes:
        lines: msn, in_currency, rows, and one column per line.
        differences: msn, currency, kind, amount, rows: the codes' differences.
        to_fetched: The lines from the leg's total to the payments' own totals, as `lines`.
    """

    lines: tuple[LazyFrame, ...]
    differences: tuple[LazyFrame, ...]
    to_fetched: LazyFrame


def sum_bridge_lines(
    answered: LazyFrame, kinds: Mapping[str, frozenset[str]], exact_sums: LazyFrame
) -> tuple[LegSums, LegSums]:
    """Return the sums of the legs *captured* and *refunded*.

    Pairs with the same kinds add to the same lines, so they are summed first, and the lines are
    computed from these few sums.

    Args:
        answered: Pairs with the kind of each question.
        kinds: The kinds that occur, as `run_checks.collect_kinds` returns them.
        exact_sums: The sums of the exact matches, from `exact_matches.sum_exact_matches`.
    """
    alike = add_line_conditions(
        nw.concat(
            [_group_alike_pairs(answered), _select_exact_match_sums(exact_sums)], how="vertical"
        )
    )
    is_outside = PRESENCE_KIND == "outside_period"
    outside, inside = (materialize(alike.filter(part)) for part in (is_outside, ~is_outside))

    def sum_leg(
        leg: str, lines: dict[str, nw.Expr], ordered: nw.Expr, questions: tuple[str, ...]
    ) -> LegSums:
        letter = _LETTERS[leg]
        return LegSums(
            (*_sum_lines(inside, lines, letter, ordered), _sum_orders_outside(outside, ordered)),
            tuple(
                _sum_code_differences(answered, question, kinds[question])
                for question in questions
                if not kinds[question].isdisjoint(DISCREPANCY_KINDS)
            ),
            _sum_lines_to_fetched(leg, letter, alike),
        )

    return (
        sum_leg("captured", build_captured_lines(), O, ("there", "captured")),
        sum_leg("refunded", build_refunded_lines(), Or, ("refunded",)),
    )


def build_bridge(captured: LegSums, refunded: LegSums) -> list[dict[str, Any]]:
    """Return the rows of the bridge frame; each leg ends with its total.

    Raises:
        BridgeError: A leg does not balance; the message has sales unit, currency and difference.
    """
    rows: list[dict[str, Any]] = []
    for leg, leg_sums in (("captured", captured), ("refunded", refunded)):
        sums: BridgeSums = defaultdict(dict)
        for lines in leg_sums.lines:
            _add_line_sums(sums, lines)
        for differences in leg_sums.differences:
            _add_code_differences(sums, differences)
        rows.extend(build_balanced_rows(leg, sums))
        to_fetched: BridgeSums = defaultdict(dict)
        _add_line_sums(to_fetched, leg_sums.to_fetched)
        rows.extend(build_balanced_rows(f"{leg}_as_fetched", to_fetched, (leg, *LINES_TO_FETCHED)))
    return rows


def _group_alike_pairs(answered: LazyFrame) -> LazyFrame:
    nets = (
        nw.when(nw.col("q") > 0)
        .then(nw.lit(1, nw.Int64))
        .otherwise(
            nw.when(nw.col("p") > 0).then(nw.lit(2, nw.Int64)).otherwise(nw.lit(0, nw.Int64))
        )
    )
    sums = [nw.col(name).sum().cast(nw.Int64) for name in _SUMMED_COLUMNS]
    return (
        answered.with_columns(
            nets=nets, part_captured=C > 0, given_back=minimum_of(C, R), rows=nw.lit(1, nw.Int64)
        )
        .with_columns(moved=_moves_otherwise())
        .group_by(*_GROUP_COLUMNS)
        .agg(*sums)
    )


def _moves_otherwise() -> nw.Expr:
    """Return a number that shows which amounts of a pair moved elsewhere, to count rows by line.

    One bit each for: captured and refunded in another period, each after the cut-off, and totals
    that disagree with events.
    """
    conditions = [nw.col("C_in") != C, nw.col("R_in") != R]
    conditions += [nw.col(name) != 0 for name in ("later_C", "later_R", "off_C", "off_R")]
    number: nw.Expr = nw.lit(0, nw.Int64)
    for bit, condition in enumerate(conditions):
        number = number + nw.when(condition).then(nw.lit(1 << bit)).otherwise(nw.lit(0))
    return number.cast(nw.Int64)


def _select_exact_match_sums(exact_sums: LazyFrame) -> LazyFrame:
    """Return the sums of the exact matches with the group columns; none of them has a kind."""
    zero, no_kind = nw.lit(0, nw.Int64), nw.lit(None).cast(nw.String)
    return exact_sums.with_columns(
        order_currency=nw.col("currency"),
        role=nw.lit("pair"),
        status=nw.lit("fulfilled"),
        has_payment=nw.lit(value=True),
        compared=~nw.col("outside"),
        there_kind=nw.when(nw.col("outside")).then(nw.lit("outside_period")),
        captured_kind=no_kind,
        refunded_kind=no_kind,
        nets=zero,
        part_captured=nw.lit(value=True),
        C=O,
        R=Or,
        E=O,
        Er=Or,
        q=zero,
        p=zero,
        refunded_beyond_capture=zero,
        captured_comparable=nw.lit(value=True),
        refunds_unknown=nw.lit(value=False),
        given_back=Or,
        later_C=zero,
        later_R=zero,
        off_C=zero,
        off_R=zero,
        not_due=zero,
        moved=nw.col("moved").cast(nw.Int64),
    ).select(*_GROUP_COLUMNS, *_SUMMED_COLUMNS)


def _sum_lines(
    alike: LazyFrame, lines: dict[str, nw.Expr], letter: str, ordered: nw.Expr
) -> tuple[LazyFrame, LazyFrame]:
    """Return what each group of pairs adds to each line.

    Every pair is compared with all its money, whenever it moved; one line takes off what moved in
    another period, so that the total is what moved in this one.

    If order and payment are in different currencies, each is counted in its own currency: in
    *orders*, in *other currency* and in the leg's total, and in no other line.
    """
    same = {line: amount_where(~CURRENCY_MISMATCH, amount) for line, amount in lines.items()}
    total, in_period = nw.col(letter), nw.col(f"{letter}_in")
    same["total"] = amount_where(nw.col("has_payment"), in_period)
    same["moved_in_another_period"] = amount_where(nw.col("has_payment"), in_period - total)
    same["other_currency"] = amount_where(CURRENCY_MISMATCH, total)
    order_lines = {"orders": ordered, "other_currency": -ordered}
    return (
        _select_line_amounts(alike, "currency", same),
        _select_line_amounts(alike.filter(CURRENCY_MISMATCH), "order_currency", order_lines),
    )


def _sum_orders_outside(outside: LazyFrame, ordered: nw.Expr) -> LazyFrame:
    """Return the orders of pairs outside the period: in *orders*, and taken off in their own line."""
    with_order = outside.filter(ORDER_ROW & ~nw.col("order_currency").is_null())
    lines = {"orders": ordered, "outside_period": -ordered}
    return _select_line_amounts(with_order, "order_currency", lines)


def _sum_lines_to_fetched(leg: str, letter: str, alike: LazyFrame) -> LazyFrame:
    """Return the lines from a leg's total to the sum of the payments' own totals, as fetched."""
    in_period, total = nw.col(f"{letter}_in"), nw.col(letter)
    later, off = nw.col(f"later_{letter}"), nw.col(f"off_{letter}")
    lines = {
        leg: in_period,
        "after_cut": later,
        "moved_in_another_period": total - in_period,
        "aggregate_mismatch": off,
        "total": total + later + off,
    }
    return _select_line_amounts(alike.filter(nw.col("has_payment")), "currency", lines)


def _select_line_amounts(alike: LazyFrame, currency: str, lines: dict[str, nw.Expr]) -> LazyFrame:
    return alike.select(
        "msn",
        "rows",
        nw.col(currency).alias("in_currency"),
        *(amount.cast(nw.Int64).alias(line) for line, amount in lines.items()),
    )


def _add_line_sums(sums: BridgeSums, line_amounts: LazyFrame) -> None:
    for row in collect_rows(line_amounts):
        line_sums = sums[row.pop("msn"), row.pop("in_currency")]
        rows = row.pop("rows")
        for line, added in row.items():
            amount, count = line_sums.get(line, (0, 0))
            line_sums[line] = (amount + added, count + (rows if added else 0))


def _sum_code_differences(answered: LazyFrame, question: str, kinds: frozenset[str]) -> LazyFrame:
    """Sum each code's difference; what is in two currencies is in a line of its own."""
    differs = nw.col("has_payment") & (nw.col("order_currency") != nw.col("currency"))
    expected, actual = nw.col("expected").fill_null(0), nw.col("actual").fill_null(0)
    return (
        select_discrepancies(answered, question, QUESTIONS, kinds)
        .filter(~differs.fill_null(value=False))
        .select(
            "msn",
            "currency",
            kind=nw.col(f"{question}_kind"),
            amount=actual - expected,
            row_count=nw.lit(1, nw.Int64),
        )
        .group_by("msn", "currency", "kind")
        .agg(
            amount=nw.col("amount").sum().cast(nw.Int64),
            rows=nw.col("row_count").sum().cast(nw.Int64),
        )
    )


def _add_code_differences(sums: BridgeSums, differences: LazyFrame) -> None:
    for row in collect_rows(differences):
        if row["kind"] == "payment_not_recorded":
            continue  # Its difference is zero; what is not captured is a line already.
        line_sums = sums[row["msn"], row["currency"]]
        before, count = line_sums.get(row["kind"], (0, 0))
        line_sums[row["kind"]] = (before + row["amount"], count + row["rows"])


def build_balanced_rows(
    leg: str,
    sums: BridgeSums,
    order: tuple[str, ...] = (*BRIDGE_LINES, *DISCREPANCY_KINDS, "moved_in_another_period"),
) -> list[dict[str, Any]]:
    """Return the rows of one leg, for `schemas.BRIDGE`: its lines in order, then its total.

    Args:
        leg: The leg, which is also the name of its total.
        sums: Sales unit and currency to the amount and rows of each line; `total` is what the others
            must add up to. It is taken out of the dictionary.
        order: The lines; the first one is shown also if it is 0.

    Raises:
        BridgeError: The lines do not add up to the total.
    """
    rows: list[dict[str, Any]] = []
    for (msn, currency), lines in sorted(sums.items()):
        total, count = lines.pop("total", (0, 0))
        shown = {
            line: lines[line]
            for line in order
            if line in lines and (line == order[0] or lines[line] != (0, 0))
        }
        lines_total = sum(amount for amount, _ in shown.values())
        if lines_total != total:
            raise BridgeError(
                f"the {leg} bridge of sales unit {msn} in {currency} does not balance: it is off by "
                f"{total - lines_total} minor units. Please report this error; no figures are shown."
            )
        for position, (line, (amount, rows_in)) in enumerate(
            [*shown.items(), (leg, (total, count))], start=1
        ):
            rows.append(
                {
                    "leg": leg,
                    "msn": msn,
                    "currency": currency,
                    "line": line,
                    "position": position,
                    "amount_minor": amount,
                    "rows": rows_in,
                }
            )
    return rows
