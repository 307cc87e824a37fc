"""Build the bridge from the shop's orders to the amounts captured and refunded, in minor units.

Every pair adds amounts to lines. Per leg, sales unit and currency the lines must sum to the last
line, the total. If they do not, the bridge does not balance (accountants say it does not foot):
that is an error in this package, so the run fails and no figure is shown.

    captured   orders − ignored − cancelled − not yet due − refunded before capture
               + excess given back + given back on cancelled + cancellation fees
               + each code's differences + payments outside the export …  = captured
    refunded   the shop's refunds − those of orders not compared …       = refunded
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.errors import BridgeError
from vippsrecon.reconciliation.backends import LazyFrame, collect_rows, materialize
from vippsrecon.reconciliation.check import C, E, Er, O, Or, R, minimum_of
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS, IGNORED_KINDS
from vippsrecon.reconciliation.run_checks import select_discrepancies

_PRESENCE_KIND, _CAPTURED_KIND = nw.col("there"), nw.col("captured")
_REFUNDED_KIND = nw.col("refunded")
_COMPARED, _CURRENCY_MISMATCH = nw.col("compared"), nw.col("mismatch")
_CANCELLED_PAIR, _ABANDONED = nw.col("of_cancelled"), nw.col("abandoned")
_NETTED, _IGNORED_PRESENCE = nw.col("netted"), nw.col("ignored_there")
_PAIR = nw.col("role") == "pair"
_ORDER_ROW = nw.col("role").is_in(["pair", "surplus", "superseded_row"])
_UNKNOWN = nw.col("refunds_unknown")
_UNANSWERED_ORDER = (_PRESENCE_KIND == "not_checked") & _ORDER_ROW

BRIDGE_LINES = (
    "orders",
    "ignored",
    "not_checked",
    "other_tender",
    "cancelled",
    "not_compared",
    "not_yet_due",
    "refunded_before_capture",
    "excess_given_back",
    "given_back_on_cancelled",
    "cancellation_fees",
    "refunded_beyond_capture",
    "refunds_unknown",
    "timing_after_cut",
    "timing_refund_pending",
    "timing_refund_not_recorded",
    "superseded_attempts",
    "other_currency",
    "outside_export",
    "without_order",
)
"""The lines before the codes' lines, in order. After the codes comes the leg's total."""


def _captured_lines() -> dict[str, nw.Expr]:
    rest_lost = (_CAPTURED_KIND == "authorization_lost") & nw.col("part_captured")
    # Of an order without a code, only a reservation that expired on both sides leaves a rest.
    waiting = _CAPTURED_KIND.str.starts_with("timing_") | rest_lost | (_CAPTURED_KIND == "")
    # Nothing is expected of an open order yet, so its expected amount is not yet due, whatever its code.
    unrecorded = _CAPTURED_KIND == "payment_not_recorded"
    open_and_wrong = (
        (nw.col("status") == "open") & _CAPTURED_KIND.is_in(list(DISCREPANCY_KINDS)) & ~unrecorded
    )
    judged = _COMPARED & nw.col("captured_comparable")
    fee_kept = _CANCELLED_PAIR & (_CAPTURED_KIND == "cancellation_fee_kept")
    return {
        "orders": _amount_where(_ORDER_ROW, O),
        "ignored": _amount_where(_IGNORED_PRESENCE, C - O) + _amount_where(_ABANDONED, C - O),
        "not_checked": _amount_where(_PRESENCE_KIND == "not_checked", C)
        - _amount_where(_UNANSWERED_ORDER, O),
        "other_tender": _amount_where(_PRESENCE_KIND == "paid_twice", -O),
        "cancelled": _amount_where(
            (_CANCELLED_PAIR & judged) | (_PRESENCE_KIND == "cancelled_unpaid"), -O
        ),
        "not_yet_due": _amount_where(_NETTED & judged & waiting, C - E)
        - _amount_where(_NETTED & judged, nw.col("not_due"))
        + _amount_where(_NETTED & open_and_wrong, -E),
        "payment_not_recorded": _amount_where(_NETTED & unrecorded, C - E),
        "refunds_unknown": _amount_where(_COMPARED & ~judged, C - O),
        "refunded_before_capture": _amount_where(_NETTED, -nw.col("q")),
        "excess_given_back": _amount_where(_NETTED, nw.col("p")),
        "given_back_on_cancelled": _amount_where(_CANCELLED_PAIR & judged, nw.col("given_back")),
        "cancellation_fees": _amount_where(fee_kept, C - R),
        "timing_after_cut": _amount_where(_PAIR & (_PRESENCE_KIND == "timing_after_cut"), C - O),
        "superseded_attempts": _amount_where(_PRESENCE_KIND == "superseded_attempt", C),
        "outside_export": _amount_where(_PRESENCE_KIND == "timing_outside_export", C),
    }


def _refunded_lines() -> dict[str, nw.Expr]:
    absent = _PRESENCE_KIND.is_in(["missing_in_vipps", "duplicate_order_row"])
    without_order = _PRESENCE_KIND.is_in(["missing_in_orders", "duplicate_payment"])
    return {
        # Of a further payment, Or is what it gave back of the shop's refund.
        "orders": _amount_where(_ORDER_ROW | (nw.col("role") == "second"), Or),
        "ignored": _amount_where(_IGNORED_PRESENCE, R - Or) + _amount_where(_ABANDONED, R - Or),
        "not_checked": _amount_where(_PRESENCE_KIND == "not_checked", R - Or),
        "other_tender": _amount_where(_PRESENCE_KIND == "paid_twice", R - Or),
        "cancelled": _amount_where(
            (_CANCELLED_PAIR & ~_UNKNOWN) | (_PRESENCE_KIND == "cancelled_unpaid"), -Or
        ),
        "not_compared": _amount_where(absent, -Or),
        "refunded_before_capture": _amount_where(_NETTED, -nw.col("q")),
        "excess_given_back": _amount_where(_NETTED, nw.col("p")),
        "given_back_on_cancelled": _amount_where(_CANCELLED_PAIR & ~_UNKNOWN, nw.col("given_back")),
        "refunded_beyond_capture": _amount_where(_NETTED, -nw.col("refunded_beyond_capture")),
        "refunds_unknown": _amount_where(_COMPARED & ~_ABANDONED & _UNKNOWN, R - Or),
        "timing_after_cut": _amount_where(_PAIR & (_PRESENCE_KIND == "timing_after_cut"), R - Or),
        "timing_refund_pending": _amount_where(
            _COMPARED & (_REFUNDED_KIND == "timing_refund_pending"), R - Er
        ),
        "timing_refund_not_recorded": _amount_where(
            _COMPARED & (_REFUNDED_KIND == "timing_refund_not_recorded"), R - Er
        ),
        "superseded_attempts": _amount_where(_PRESENCE_KIND == "superseded_attempt", R),
        "outside_export": _amount_where(_PRESENCE_KIND == "timing_outside_export", R),
        "without_order": _amount_where(without_order, R - Or),
    }


def _amount_where(where: nw.Expr, amount: nw.Expr) -> nw.Expr:
    return nw.when(where.fill_null(value=False)).then(amount).otherwise(nw.lit(0))


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
    "not_due",
    "rows",
)


def build_bridge(
    answered: LazyFrame, kinds: dict[str, frozenset[str]], agreed: LazyFrame
) -> list[dict[str, Any]]:
    """Return the rows of the bridge frame; each leg ends with its total.

    Pairs with the same kinds add to the same lines, so they are summed first, and the lines are
    computed from these few sums.

    Args:
        answered: Pairs with the kind of each question.
        kinds: The kinds that occur, as `run_checks.collect_kinds` returns them.
        agreed: The sums of the exact matches, from `exact_matches.sum_exact_matches`.

    Raises:
        BridgeError: A leg does not balance; the message has sales unit, currency and difference.
    """
    alike = _add_line_conditions(
        nw.concat([_group_alike_pairs(answered), _select_exact_match_sums(agreed)], how="vertical")
    )
    rows: list[dict[str, Any]] = []
    for leg, lines, total, ordered, questions in (
        ("captured", _captured_lines(), C, O, ("there", "captured")),
        ("refunded", _refunded_lines(), R, Or, ("refunded",)),
    ):
        sums = _sum_lines(alike, lines, total, ordered)
        for question in questions:
            if not kinds[question].isdisjoint(DISCREPANCY_KINDS):
                _add_code_differences(sums, answered, question, kinds[question])
        rows.extend(_build_balanced_rows(leg, sums))
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
        .group_by(*_GROUP_COLUMNS)
        .agg(*sums)
    )


def _select_exact_match_sums(agreed: LazyFrame) -> LazyFrame:
    """Return the sums of the exact matches with the group columns; none of them has a kind."""
    zero, no_kind = nw.lit(0, nw.Int64), nw.lit(None).cast(nw.String)
    return agreed.with_columns(
        order_currency=nw.col("currency"),
        role=nw.lit("pair"),
        status=nw.lit("fulfilled"),
        has_payment=nw.lit(value=True),
        compared=nw.lit(value=True),
        there_kind=no_kind,
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
        not_due=zero,
    ).select(*_GROUP_COLUMNS, *_SUMMED_COLUMNS)


def _add_line_conditions(alike: LazyFrame) -> LazyFrame:
    """Add the conditions that several lines use."""
    differs = nw.col("order_currency") != nw.col("currency")
    cancelled = nw.col("status") == "cancelled"
    kinds = {
        question: nw.col(f"{question}_kind").fill_null("")
        for question in ("there", "captured", "refunded")
    }
    return materialize(
        alike.with_columns(**kinds, mismatch=nw.col("has_payment") & differs.fill_null(value=False))
        .with_columns(
            of_cancelled=_COMPARED & cancelled,
            abandoned=_COMPARED & (_CAPTURED_KIND == "abandoned_checkout"),
            ignored_there=_PRESENCE_KIND.is_in(list(IGNORED_KINDS)),
        )
        .with_columns(netted=_COMPARED & ~_CANCELLED_PAIR & ~_ABANDONED)
    )


BridgeSums = dict[tuple[str, str], dict[str, tuple[int, int]]]


def _sum_lines(
    alike: LazyFrame, lines: dict[str, nw.Expr], total: nw.Expr, ordered: nw.Expr
) -> BridgeSums:
    """Sum each line per sales unit and currency.

    If order and payment are in different currencies, each is counted in its own currency: in
    *orders*, in *other currency* and in the leg's total, and in no other line.
    """
    sums: BridgeSums = defaultdict(dict)
    same = {line: _amount_where(~_CURRENCY_MISMATCH, amount) for line, amount in lines.items()}
    same["total"] = _amount_where(nw.col("has_payment"), total)
    same["other_currency"] = _amount_where(_CURRENCY_MISMATCH, total)
    _add_line_sums(sums, alike, "currency", same)
    order_lines = {"orders": ordered, "other_currency": -ordered}
    _add_line_sums(sums, alike.filter(_CURRENCY_MISMATCH), "order_currency", order_lines)
    return sums


def _add_line_sums(
    sums: BridgeSums, alike: LazyFrame, currency: str, lines: dict[str, nw.Expr]
) -> None:
    line_amounts = alike.select(
        "msn",
        "rows",
        nw.col(currency).alias("in_currency"),
        *(amount.cast(nw.Int64).alias(line) for line, amount in lines.items()),
    )
    for row in collect_rows(line_amounts):
        line_sums = sums[row["msn"], row["in_currency"]]
        for line in lines:
            amount, count = line_sums.get(line, (0, 0))
            line_sums[line] = (amount + row[line], count + (row["rows"] if row[line] else 0))


def _add_code_differences(
    sums: BridgeSums, answered: LazyFrame, question: str, kinds: frozenset[str]
) -> None:
    """Add each code's difference; what is in two currencies is in a line of its own."""
    differs = nw.col("has_payment") & (nw.col("order_currency") != nw.col("currency"))
    expected, actual = nw.col("expected").fill_null(0), nw.col("actual").fill_null(0)
    grouped = (
        select_discrepancies(answered, question, kinds)
        .filter(~differs.fill_null(value=False))
        .select(
            "msn",
            "currency",
            kind=nw.col(f"{question}_kind"),
            amount=actual - expected,
            one=nw.lit(1, nw.Int64),
        )
        .group_by("msn", "currency", "kind")
        .agg(amount=nw.col("amount").sum().cast(nw.Int64), rows=nw.col("one").sum().cast(nw.Int64))
    )
    for row in collect_rows(grouped):
        if row["kind"] == "payment_not_recorded":
            continue  # Its difference is zero; what is not captured is a line already.
        line_sums = sums[row["msn"], row["currency"]]
        before, count = line_sums.get(row["kind"], (0, 0))
        line_sums[row["kind"]] = (before + row["amount"], count + row["rows"])


def _build_balanced_rows(leg: str, sums: BridgeSums) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for (msn, currency), lines in sorted(sums.items()):
        total, count = lines.pop("total", (0, 0))
        shown = {
            line: lines[line]
            for line in (*BRIDGE_LINES, *DISCREPANCY_KINDS)
            if line in lines and (line == "orders" or lines[line] != (0, 0))
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
