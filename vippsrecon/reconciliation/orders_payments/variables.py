"""Add the variables of the rules as columns of `pairs`. Amounts are in minor units.

O order total · Or refunded by the shop · A, C, R, X authorized, captured, refunded, cancelled ·
K what can still be captured or released · E, Er what should have been captured and refunded.

Two amounts are netted first, because neither is a discrepancy: q, which the shop refunded before
capture, so that it never had to be captured, and p, which was captured in excess and refunded.

C_now, R_now and K_now are C, R and K after every event fetched, those after the cut-off included;
Or_now is Or less what further payments gave back until then.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.deadlines import add_deadlines
from vippsrecon.reconciliation.engines.backends import LazyFrame
from vippsrecon.reconciliation.later_changes import add_later_changes
from vippsrecon.vipps_rules import ENDED_STATES

_PAYMENT_ROLES = ("pair", "second", "superseded")
"""Roles of rows with a payment of an order."""

FEW_ORDERS = 3
"""From this many unpaid orders with a reservation in one file, a majority says that the column
`paid` means captured. One or two such orders are callbacks that failed."""


def add_variables(
    pairs: LazyFrame,
    as_of_year: int,
    units: Sequence[SalesUnit],
    rules: Rules,
    waived: frozenset[tuple[str, str]],
) -> LazyFrame:
    """Add the amounts, deadlines and days that the checks use. The rows stay the same.

    Args:
        pairs: The pairs, with `as_of_us`, the as-of time.
        as_of_year: Its year.
        units: Configured sales units.
        rules: Tolerances and grace periods.
        waived: (msn, reference) of pairs the user ignores.
    """
    filled = _fill_both_sides(pairs, units, waived)
    timed = add_later_changes(add_deadlines(filled, units, rules, as_of_year))
    ended = timed.with_columns(dead=nw.col("state").is_in(list(ENDED_STATES)))
    return _add_conclusions(add_expected_amounts(ended))


def _fill_both_sides(
    pairs: LazyFrame, units: Sequence[SalesUnit], waived: frozenset[tuple[str, str]]
) -> LazyFrame:
    has_order = ~nw.col("source_file").is_null()
    has_payment = ~nw.col("reference").is_null()
    now = ("C_now", "R_now", "K_now", "Or_now")
    amounts = (
        "O",
        "Or",
        "A",
        "C",
        "R",
        "X",
        "K",
        *now,
        "gap",
        "largest",
        "n_captures",
        "amount_minor",
        "not_due",
    )
    names = pairs.collect_schema().names()
    if "outside_period" not in names:
        pairs = pairs.with_columns(outside_period=nw.lit(value=False))
    own_reference = nw.when(nw.col("role").is_in(["pair", "surplus"])).then(nw.col("okey"))
    export_us, as_of_us = nw.col("exported_at_us"), nw.col("as_of_us")
    order_as_of_us = nw.when(export_us < as_of_us).then(export_us).otherwise(as_of_us)
    currency = (
        nw.when(has_payment).then(nw.col("payment_currency")).otherwise(nw.col("order_currency"))
    )
    at_once = [unit.msn for unit in units if unit.capture == "at_once"]
    return pairs.with_columns(
        *(nw.col(name).fill_null(0).cast(nw.Int64).alias(name) for name in amounts),
        has_order=has_order & (nw.col("role") == "pair"),
        has_payment=has_payment,
        currency=currency,
        payment_reference=nw.col("reference"),
        reference=nw.when(has_payment).then(nw.col("reference")).otherwise(nw.col("okey")),
        no_events=nw.col("as_fetched").fill_null(value=False),
        changed_after=nw.col("changed_after").fill_null(value=False),
        no_reference=nw.col("no_reference").fill_null(value=False),
        combined=nw.col("combined").fill_null(value=False),
        has_cancelled_row=nw.col("has_cancelled_row").fill_null(value=False),
        # Unknown where the caller did not say: then nothing contradicts a capture.
        attempts_asked=nw.col("attempts_asked").fill_null(value=True),
        split=(nw.col("payments") > 1).fill_null(value=False),
        t_us=nw.when(nw.col("t_us").is_null())
        .then(order_as_of_us)
        .otherwise(nw.col("t_us"))
        .cast(nw.Int64),
        state=nw.col("state").fill_null(""),
        raw_status=nw.col("status").fill_null(""),
        paid=nw.col("paid").fill_null("unknown"),
        recurring=nw.col("recurring").fill_null(value=False),
        split_tender=nw.col("split_tender").fill_null(value=False),
        shop_currency_only=nw.col("shop_currency_only").fill_null(value=False),
        captures_at_once=nw.col("msn").is_in(at_once),
        # Either name of a pair may be listed; a further attempt is listed by its own name.
        waived=is_in_keys(waived, own_reference) | is_in_keys(waived, nw.col("reference")),
        other_tender=(nw.col("role").is_in(list(_PAYMENT_ROLES)) & ~nw.col("by_vipps")).fill_null(
            value=False
        ),
        outside_period=nw.col("outside_period").fill_null(value=False),
        shop_authorization=nw.col("shop_authorization").fill_null(""),
        **{
            name: nw.col(name).fill_null(value=False)
            for name in (
                "method_unsure",
                "names_several",
                "recorded_by_hand",
                "rest_refunded",
                "refunds_unknown",
                "dates_without_time",
            )
        },
    )


def is_in_keys(keys: frozenset[tuple[str, str]], reference: nw.Expr) -> nw.Expr:
    """Test whether (msn, `reference`) of the row is one of these keys."""
    if not keys:
        return nw.lit(value=False)
    # One text per key, because `is_in` takes one column only.
    names = sorted(f"{msn}:{name}" for msn, name in keys)
    return nw.concat_str(nw.col("msn"), nw.lit(":"), reference).is_in(names).fill_null(value=False)


def add_expected_amounts(pairs: LazyFrame, suffix: str = "") -> LazyFrame:
    """Add the interpreted status, q and p, the expected amounts E and Er, and what Er leaves out.

    Args:
        pairs: The pairs, with O, Or and the amounts of the payment.
        suffix: "" for the amounts at the cut-off time, "_now" for those after every event fetched.
            The columns added end in it too.

    `beyond` is what the shop refunded beyond the captured amount: it cannot be owed back, so Er
    leaves it out.
    """
    # An order of unknown status counts as fulfilled if money was captured, otherwise as open. An
    # open order counts as fulfilled if its sales unit captures at once, and an open or partial one
    # if the shop refunded all of it. One that was voided in the shop before anything was sent
    # counts as cancelled. Where the shop keeps an order open although a part was sent and the rest
    # refunded, it counts as fulfilled if the captured and the refunded amounts reach its total.
    nothing = nw.lit(0, nw.Int64)
    c, r = nw.col(f"C{suffix}"), nw.col(f"R{suffix}")
    raw, status = nw.col("raw_status"), nw.col(f"status{suffix}")
    unsent = (raw == "open") | ((raw == "unknown") & (c == 0))
    interpreted = (
        nw.when(raw == "unknown")
        .then(nw.when(c > 0).then(nw.lit("fulfilled")).otherwise(nw.lit("open")))
        .otherwise(
            nw.when((raw == "open") & nw.col("captures_at_once"))
            .then(nw.lit("fulfilled"))
            .otherwise(raw)
        )
    )
    shop_refunded = nw.col(f"Or{suffix}")
    refunded_in_full = (shop_refunded >= nw.col("O")) & (nw.col("O") > 0)
    rest_refunded = (
        (interpreted == "open")
        & nw.col("rest_refunded")
        & (shop_refunded > 0)
        & (c + shop_refunded >= nw.col("O"))
    )
    with_status = pairs.with_columns(
        nw.when(unsent & (nw.col("shop_authorization") == "voided"))
        .then(nw.lit("cancelled"))
        .otherwise(
            nw.when((interpreted.is_in(["open", "partial"]) & refunded_in_full) | rest_refunded)
            .then(nw.lit("fulfilled"))
            .otherwise(interpreted)
        )
        .alias(f"status{suffix}"),
        # Vipps MobilePay had nothing to collect for an order that was paid another way.
        due=nw.when(nw.col("other_tender"))
        .then(nothing)
        .otherwise(nw.col("O") - nw.col("not_due")),
        due_back=nw.when(nw.col("other_tender")).then(nothing).otherwise(shop_refunded),
    )
    o, o_r = nw.col("due"), nw.col("due_back")
    open_captured = (status == "open") & (c > 0)
    known = ~nw.col("refunds_unknown")
    netted = (status != "cancelled") & ~open_captured & known
    refunded_before_capture = nw.when(o - c < o_r - r).then(o - c).otherwise(o_r - r)
    excess_given_back = nw.when(c - o < r - o_r).then(c - o).otherwise(r - o_r)
    # What was never captured cannot be owed back. An open order may still be captured, so there
    # the rest counts as refunded before capture.
    q, p, beyond = (nw.col(f"{name}{suffix}") for name in ("q", "p", "beyond"))
    cut_off = o_r - q + p - c
    return (
        with_status.with_columns(
            nw.when(netted & (refunded_before_capture > 0))
            .then(refunded_before_capture)
            .otherwise(nw.when(open_captured & known & (o_r > c)).then(o_r - c).otherwise(nothing))
            .alias(f"q{suffix}"),
            nw.when(netted & (excess_given_back > 0))
            .then(excess_given_back)
            .otherwise(nothing)
            .alias(f"p{suffix}"),
        )
        .with_columns(
            nw.when((status != "cancelled") & (cut_off > 0))
            .then(cut_off)
            .otherwise(nothing)
            .alias(f"beyond{suffix}")
        )
        .with_columns(
            (o - q + p).alias(f"E{suffix}"),
            (o_r - q + p - beyond).alias(f"Er{suffix}"),
        )
        .drop("due", "due_back")
    )


def _add_conclusions(pairs: LazyFrame) -> LazyFrame:
    """Add what the checks derive from the expected amounts and from the shop's own statements."""
    o, e, c, r, k = (nw.col(letter) for letter in ("O", "E", "C", "R", "K"))
    unsent = nw.col("raw_status").is_in(["open", "unknown"]) & (c == 0)
    lapsed = nw.col("dead") | ((nw.col("A") > 0) & (nw.col("deadline_passed") | (k == 0)))
    expired = (nw.col("shop_authorization") == "expired") & unsent & lapsed
    # Without the refunds, only these amounts prove anything. A total that Shopware's plugin
    # truncated was captured whole.
    truncated = ((nw.col("A") == c) & (nw.col("truncated_minor") == c)).fill_null(value=False)
    captured_in_full = (c >= o) | truncated
    comparable = ~nw.col("refunds_unknown") | (c == 0) | ((r == 0) & captured_in_full)
    held_open = (nw.col("role") == "pair") & (nw.col("status") == "open") & (k > 0)
    return (
        pairs.with_columns(
            under=e - c,
            over=c - e,
            refund_short=nw.col("Er") - r,
            refunded_beyond_capture=nw.col("beyond"),
            at_stake=nw.max_horizontal("O", "A", "C", "R", "X", "largest"),
            expired_in_shop=expired.fill_null(value=False),
            captured_comparable=comparable,
            held_open=nw.when(held_open).then(nw.lit(1)).otherwise(nw.lit(0)),
            held_unpaid=nw.when(held_open & (nw.col("paid") == "no"))
            .then(nw.lit(1))
            .otherwise(nw.lit(0)),
        )
        .with_columns(
            held_count=nw.col("held_open").sum().over("source_file").cast(nw.Int64),
            unpaid_count=nw.col("held_unpaid").sum().over("source_file").cast(nw.Int64),
        )
        .with_columns(
            paid_means_captured=(
                (nw.col("unpaid_count") >= FEW_ORDERS)
                & (nw.col("unpaid_count") * 2 > nw.col("held_count"))
            ).fill_null(value=False)
        )
        .with_columns(
            paid=nw.when(nw.col("paid_means_captured"))
            .then(nw.lit("unknown"))
            .otherwise(nw.col("paid"))
        )
        .drop("held_open", "held_unpaid", "held_count", "unpaid_count", "beyond")
    )
