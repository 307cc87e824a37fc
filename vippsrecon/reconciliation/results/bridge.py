"""The bridge: from what the shop sold to what Vipps MobilePay captured and refunded, to the øre.

Every pair adds its lines; each leg's lines sum to its last one, per sales unit and currency,
or the run fails: a bridge that does not foot is a fault of ours, and is never shown.

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
from vippsrecon.reconciliation.backends import Lazy, rows_of, settle
from vippsrecon.reconciliation.check import C, E, Er, O, Or, R, smaller
from vippsrecon.reconciliation.orders_payments.checks import DISCREPANCIES, IGNORED
from vippsrecon.reconciliation.run_checks import wrong

_THERE, _CAPTURED, _REFUNDED = nw.col("there"), nw.col("captured"), nw.col("refunded")
_COMPARED, _MISMATCH = nw.col("compared"), nw.col("mismatch")
_OF_CANCELLED, _ABANDONED = nw.col("of_cancelled"), nw.col("abandoned")
_NETTED, _IGNORED = nw.col("netted"), nw.col("ignored_there")
_PAIR = nw.col("role") == "pair"
_ORDER_ROW = nw.col("role").is_in(["pair", "surplus"])
_UNREAD_ORDER = (_THERE == "not_checked") & _ORDER_ROW

LINES = (
    "orders",
    "ignored",
    "not_checked",
    "cancelled",
    "not_compared",
    "not_yet_due",
    "refunded_before_capture",
    "excess_given_back",
    "given_back_on_cancelled",
    "cancellation_fees",
    "timing_after_cut",
    "timing_refund_pending",
    "superseded_attempts",
    "other_currency",
    "outside_export",
    "without_order",
)
"""Lines before the codes', in order; the last line is the leg's own total."""


def _captured_lines() -> dict[str, nw.Expr]:
    rest_lost = (_CAPTURED == "authorization_lost") & nw.col("part_captured")
    waiting = _CAPTURED.str.starts_with("timing_") | rest_lost
    # Of an open order nothing is expected yet, whatever its code says of what is there.
    open_and_wrong = (nw.col("status") == "open") & _CAPTURED.is_in(list(DISCREPANCIES))
    kept = _OF_CANCELLED & (_CAPTURED == "cancellation_fee_kept")
    return {
        "orders": _only(_ORDER_ROW, O),
        "ignored": _only(_IGNORED & _PAIR, C - O)
        + _only(_IGNORED & (nw.col("role") == "orphan"), C)
        + _only(_ABANDONED, C - O),
        "not_checked": _only(_THERE == "not_checked", C) - _only(_UNREAD_ORDER, O),
        "cancelled": _only(_OF_CANCELLED | (_THERE == "cancelled_unpaid"), -O),
        "not_yet_due": _only(_NETTED & waiting, C - E) + _only(_NETTED & open_and_wrong, -E),
        "refunded_before_capture": _only(_NETTED, -nw.col("q")),
        "excess_given_back": _only(_NETTED, nw.col("p")),
        "given_back_on_cancelled": _only(_OF_CANCELLED, nw.col("given_back")),
        "cancellation_fees": _only(kept, C - R),
        "timing_after_cut": _only(_PAIR & (_THERE == "timing_after_cut"), C - O),
        "superseded_attempts": _only(_THERE == "superseded_attempt", C),
        "outside_export": _only(_THERE == "timing_outside_export", C),
    }


def _refunded_lines() -> dict[str, nw.Expr]:
    absent = _THERE.is_in(["missing_in_vipps", "duplicate_order_row"])
    without_order = _THERE.is_in(["missing_in_orders", "duplicate_payment"])
    return {
        "orders": _only(_ORDER_ROW, Or),
        "ignored": _only(_IGNORED & _PAIR, R - Or)
        + _only(_IGNORED & ~_PAIR, R)
        + _only(_ABANDONED, R - Or),
        "not_checked": _only(_THERE == "not_checked", R) - _only(_UNREAD_ORDER, Or),
        "cancelled": _only(_OF_CANCELLED | (_THERE == "cancelled_unpaid"), -Or),
        "not_compared": _only(absent, -Or),
        "refunded_before_capture": _only(_NETTED, -nw.col("q")),
        "excess_given_back": _only(_NETTED, nw.col("p")),
        "given_back_on_cancelled": _only(_OF_CANCELLED, nw.col("given_back")),
        "timing_after_cut": _only(_PAIR & (_THERE == "timing_after_cut"), R - Or),
        "timing_refund_pending": _only(_COMPARED & (_REFUNDED == "timing_refund_pending"), R - Er),
        "superseded_attempts": _only(_THERE == "superseded_attempt", R),
        "outside_export": _only(_THERE == "timing_outside_export", R),
        "without_order": _only(without_order, R),
    }


def _only(where: nw.Expr, amount: nw.Expr) -> nw.Expr:
    return nw.when(where.fill_null(value=False)).then(amount).otherwise(nw.lit(0))


_KEYS = (
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
)
_SUMMED = ("O", "Or", "C", "R", "E", "Er", "q", "p", "given_back", "rows")


def bridge(answered: Lazy, kinds: dict[str, frozenset[str]], agreed: Lazy) -> list[dict[str, Any]]:
    """Return the rows of the bridge frame, each leg ending in its own total.

    Pairs with the same answers move the sums in the same way, so they are summed first, and
    the lines are written over those few sums.

    Args:
        answered: Pairs with their answers.
        kinds: What `questions.kinds_of` says of them.
        agreed: The sums of the pairs that agree, as `agreed.totals` gives them.

    Raises:
        BridgeError: A leg does not foot; names the sales unit, the currency and by how much.
    """
    alike = _noted(nw.concat([_alike(answered), _all_agreed(agreed)], how="vertical"))
    rows: list[dict[str, Any]] = []
    for leg, lines, total, ordered, questions in (
        ("captured", _captured_lines(), C, O, ("there", "captured")),
        ("refunded", _refunded_lines(), R, Or, ("refunded",)),
    ):
        sums = _sums(alike, lines, total, ordered)
        for question in questions:
            if not kinds[question].isdisjoint(DISCREPANCIES):
                _add_codes(sums, answered, question, kinds[question])
        rows.extend(_footed(leg, sums))
    return rows


def _alike(answered: Lazy) -> Lazy:
    nets = (
        nw.when(nw.col("q") > 0)
        .then(nw.lit(1, nw.Int64))
        .otherwise(
            nw.when(nw.col("p") > 0).then(nw.lit(2, nw.Int64)).otherwise(nw.lit(0, nw.Int64))
        )
    )
    sums = [nw.col(name).sum().cast(nw.Int64) for name in _SUMMED]
    return (
        answered.with_columns(
            nets=nets, part_captured=C > 0, given_back=smaller(C, R), rows=nw.lit(1, nw.Int64)
        )
        .group_by(*_KEYS)
        .agg(*sums)
    )


def _all_agreed(agreed: Lazy) -> Lazy:
    """Return the sums of the pairs that agree: all of them have the same, empty answers."""
    nothing, unsaid = nw.lit(0, nw.Int64), nw.lit(None).cast(nw.String)
    return agreed.with_columns(
        order_currency=nw.col("currency"),
        role=nw.lit("pair"),
        status=nw.lit("fulfilled"),
        has_payment=nw.lit(value=True),
        compared=nw.lit(value=True),
        there_kind=unsaid,
        captured_kind=unsaid,
        refunded_kind=unsaid,
        nets=nothing,
        part_captured=nw.lit(value=True),
        C=O,
        R=Or,
        E=O,
        Er=Or,
        q=nothing,
        p=nothing,
        given_back=Or,
    ).select(*_KEYS, *_SUMMED)


def _noted(alike: Lazy) -> Lazy:
    """Add what several lines ask of a row."""
    differs = nw.col("order_currency") != nw.col("currency")
    cancelled = nw.col("status") == "cancelled"
    kinds = {
        question: nw.col(f"{question}_kind").fill_null("")
        for question in ("there", "captured", "refunded")
    }
    return settle(
        alike.with_columns(**kinds, mismatch=nw.col("has_payment") & differs.fill_null(value=False))
        .with_columns(
            of_cancelled=_COMPARED & cancelled,
            abandoned=_COMPARED & (_CAPTURED == "abandoned_checkout"),
            ignored_there=_THERE.is_in(list(IGNORED)),
        )
        .with_columns(netted=_COMPARED & ~_OF_CANCELLED & ~_ABANDONED)
    )


Sums = dict[tuple[str, str], dict[str, tuple[int, int]]]


def _sums(alike: Lazy, lines: dict[str, nw.Expr], total: nw.Expr, ordered: nw.Expr) -> Sums:
    """Sum each line per sales unit and currency.

    Where order and payment are in two currencies, each is in its own, and beyond the orders and
    the leg's total only *other currency* knows of them, whatever became of the pair.
    """
    sums: Sums = defaultdict(dict)
    same = {line: _only(~_MISMATCH, amount) for line, amount in lines.items()}
    same["total"] = _only(nw.col("has_payment"), total)
    same["other_currency"] = _only(_MISMATCH, total)
    _collect(sums, alike, "currency", same)
    elsewhere = {"orders": ordered, "other_currency": -ordered}
    _collect(sums, alike.filter(_MISMATCH), "order_currency", elsewhere)
    return sums


def _collect(sums: Sums, alike: Lazy, currency: str, lines: dict[str, nw.Expr]) -> None:
    named = alike.select(
        "msn",
        "rows",
        nw.col(currency).alias("in_currency"),
        *(amount.cast(nw.Int64).alias(line) for line, amount in lines.items()),
    )
    for row in rows_of(named):
        into = sums[row["msn"], row["in_currency"]]
        for line in lines:
            amount, count = into.get(line, (0, 0))
            into[line] = (amount + row[line], count + (row["rows"] if row[line] else 0))


def _add_codes(sums: Sums, answered: Lazy, question: str, kinds: frozenset[str]) -> None:
    """Add the difference each code makes; what is merely reserved has not moved the captured sum."""
    reserved_only = (nw.col("role") == "orphan") if question == "there" else nw.lit(value=False)
    expected, actual = nw.col("expected").fill_null(0), nw.col("actual").fill_null(0)
    grouped = (
        wrong(answered, question, kinds)
        .select(
            "msn",
            "currency",
            kind=nw.col(f"{question}_kind"),
            amount=nw.when(reserved_only).then(C).otherwise(actual - expected),
            one=nw.lit(1, nw.Int64),
        )
        .group_by("msn", "currency", "kind")
        .agg(amount=nw.col("amount").sum().cast(nw.Int64), rows=nw.col("one").sum().cast(nw.Int64))
    )
    for row in rows_of(grouped):
        into = sums[row["msn"], row["currency"]]
        before, count = into.get(row["kind"], (0, 0))
        into[row["kind"]] = (before + row["amount"], count + row["rows"])


def _footed(leg: str, sums: Sums) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for (msn, currency), lines in sorted(sums.items()):
        total, count = lines.pop("total", (0, 0))
        shown = {
            line: lines[line]
            for line in (*LINES, *DISCREPANCIES)
            if line in lines and (line == "orders" or lines[line] != (0, 0))
        }
        footed = sum(amount for amount, _ in shown.values())
        if footed != total:
            raise BridgeError(
                f"the {leg} bridge of sales unit {msn} in {currency} is off by "
                f"{total - footed} minor units; please report this, no figure is given"
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
