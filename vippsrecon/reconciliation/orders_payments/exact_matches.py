"""Pairs that agree in everything: set aside early, so that the checks see only the others.

In a healthy shop nine pairs in ten are fulfilled orders captured to the øre. Orders, payments
and events are put under one another, each with its own sign, and summed once by reference:
where every sum is nothing the pair agrees, little more of it is carried along, and the rules
are asked of the rest. To agree is sufficient, never necessary: a pair that is doubted is asked
everything, and a test asks the agreed ones too, to see that there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import narwhals.stable.v2 as nw

from vippsrecon.errors import InputError
from vippsrecon.money import DECIMALS
from vippsrecon.reconciliation.backends import LazyFrame, collect_rows, materialize
from vippsrecon.reconciliation.days import DAY_US
from vippsrecon.reconciliation.orders_payments.event_history import (
    AGGREGATE_COLUMNS,
    select_movements,
)
from vippsrecon.reconciliation.orders_payments.links import derive_links
from vippsrecon.reconciliation.orders_payments.variables import is_in_keys
from vippsrecon.schemas import PAYMENT

PAYMENT_KEY = list(PAYMENT)

RECENT_DAYS = 300
"""Authorized within so many days of the moment compared at, no deadline for refunds is near."""

EXACT_MATCH_COLUMNS = (*PAYMENT_KEY, "currency", "O", "Or", "source_file", "source_row")
"""What is kept of a pair that agrees. C is its O and R its Or, and its payment has its reference."""

_BEFORE_ALL_EVENTS_US = -(2**62)
"""Earlier than any moment: of a row that is doubted, no event is early enough."""

_ZERO = nw.lit(0, nw.Int64)
_ONE = nw.lit(1, nw.Int64)


class MatchCriteria(NamedTuple):
    """What agreement is judged under.

    Attributes:
        fetched_us: No payment was fetched earlier, in microseconds since 1970.
        as_of_us: No event later than this counts.
        until_us: Nothing is compared at an earlier moment.
        waived: (msn, reference) to leave alone: never agreed.
        skip_exact_matches: False: nothing agrees, so that every pair is asked everything.
    """

    fetched_us: int
    as_of_us: int
    until_us: int
    waived: frozenset[tuple[str, str]]
    skip_exact_matches: bool = True


@dataclass(frozen=True)
class Split:
    """Both sides, parted into what agrees and what is to be asked about.

    Attributes:
        exact_matches: One row per pair about which there is nothing to say (AGREED), not yet computed.
        orders, payments: Every other row, as it came.
        links: Payments that belong to an order by derivation (msn, reference, okey, link).
    """

    exact_matches: LazyFrame
    orders: LazyFrame
    payments: LazyFrame
    links: LazyFrame


def split_exact_matches(
    orders: LazyFrame,
    payments: LazyFrame,
    events: LazyFrame | None,
    apart: LazyFrame | None,
    terms: MatchCriteria,
) -> Split:
    """Set aside the pairs that agree.

    Args:
        orders: The export's rows, as `engines.enter` gives them.
        payments: One row per payment, likewise.
        events: One row per event; None where none were fetched.
        apart: msn, reference of what could not be read: never agreed.
        terms: What agreement is judged under.

    Raises:
        InputError: A payment stands twice in `payments`.
    """
    nameless = nw.col("reference").is_null()
    named = orders.filter(~nameless)
    met = materialize(_sum_by_reference(named, payments, events, terms), large=True)
    _check_payments_unique(met)
    strays = (nw.col("orders") == 0) & (nw.col("payments") == 1)
    links = derive_links(materialize(met.filter(strays).select(*PAYMENT_KEY)), orders, payments)
    doubts = [
        met.filter(~nw.col("agrees")).select(*PAYMENT_KEY),
        links.select("msn", reference=nw.col("okey")),
    ]
    if apart is not None:
        doubts.append(apart.select(*PAYMENT_KEY))
    doubted = materialize(nw.concat(doubts, how="vertical").unique())
    rest = [orders.join(doubted, on=PAYMENT_KEY, how="semi"), orders.filter(nameless)]
    return Split(
        named.with_columns(O=nw.col("total_minor"), Or=nw.col("refunded_minor").fill_null(0))
        .join(doubted, on=PAYMENT_KEY, how="anti")
        .select(list(EXACT_MATCH_COLUMNS)),
        materialize(nw.concat(rest, how="vertical"), large=True),
        materialize(payments.join(doubted, on=PAYMENT_KEY, how="semi"), large=True),
        links,
    )


def sum_exact_matches(agreed: LazyFrame) -> LazyFrame:
    """Return the sums of pairs that agree, per msn and currency: O, Or and rows."""
    return materialize(
        agreed.select("msn", "currency", "O", "Or", rows=_ONE)
        .group_by("msn", "currency")
        .agg(nw.col("O", "Or", "rows").sum().cast(nw.Int64))
    )


def _sum_by_reference(
    orders: LazyFrame, payments: LazyFrame, events: LazyFrame | None, terms: MatchCriteria
) -> LazyFrame:
    """Sum each reference's rows: msn, reference, orders and payments (rows of each), agrees."""
    sums = ["orders", "payments", "currency", "captured", "refunded"]
    ends = ["until_us"]
    stacked = [_select_order_amounts(orders, terms), _select_payment_amounts(payments, terms)]
    if events is not None:
        sums += AGGREGATE_COLUMNS
        ends.append("last_us")
        stacked.append(select_movements(events, terms.until_us))
    met = (
        nw.concat([_fill_columns(part, sums, ends) for part in stacked], how="vertical")
        .group_by(*PAYMENT_KEY)
        .agg(
            *(nw.col(name).sum().cast(nw.Int64) for name in sums),
            nw.col("until_us").min(),
            *(nw.col(name).max() for name in ends[1:]),
        )
    )
    agrees = (nw.col("orders") == 1) & (nw.col("payments") == 1)
    for name in sums[2:]:
        agrees = agrees & (nw.col(name) == 0)
    last_us = nw.lit(0, nw.Int64) if events is None else nw.col("last_us").fill_null(0)
    in_time = last_us <= nw.col("until_us")
    return met.select(
        *PAYMENT_KEY, "orders", "payments", agrees=(agrees & in_time).fill_null(value=False)
    )


def _fill_columns(rows: LazyFrame, sums: list[str], ends: list[str]) -> LazyFrame:
    """Return what is summed, nothing where these rows have no part in it, and the moments."""
    have = rows.collect_schema().names()
    unknown = nw.lit(None).cast(nw.Int64)
    return rows.select(
        *PAYMENT_KEY,
        *(nw.col(name) if name in have else _ZERO.alias(name) for name in sums),
        *(nw.col(name) if name in have else unknown.alias(name) for name in ends),
    )


def _select_order_amounts(orders: LazyFrame, terms: MatchCriteria) -> LazyFrame:
    """What orders say, positive; and until when: those with something special about them never."""
    plain = (
        _is_plain_order(terms)
        & (_currency_number() > 0)
        & ~is_in_keys(terms.waived, nw.col("reference"))
        & nw.lit(value=terms.skip_exact_matches)
    )
    until = nw.when(plain).then(nw.col("exported_at_us"))
    return orders.select(
        *PAYMENT_KEY,
        orders=_ONE,
        currency=_currency_number(),
        captured=nw.col("total_minor"),
        refunded=nw.col("refunded_minor").fill_null(0),
        until_us=until.otherwise(nw.lit(_BEFORE_ALL_EVENTS_US, nw.Int64)),
    )


def _select_payment_amounts(payments: LazyFrame, terms: MatchCriteria) -> LazyFrame:
    """What payments say, negative; and until when."""
    fetched_us, as_of_us = nw.col("fetched_at_us"), nw.lit(terms.as_of_us, nw.Int64)
    until = nw.when(fetched_us < as_of_us).then(fetched_us).otherwise(as_of_us)
    return payments.select(
        *PAYMENT_KEY,
        *((-nw.col(aggregate)).alias(letter) for letter, aggregate in AGGREGATE_COLUMNS.items()),
        payments=_ONE,
        currency=-_currency_number(),
        captured=-nw.col("captured_minor"),
        refunded=-nw.col("refunded_minor"),
        until_us=nw.when(_is_plain_payment(terms))
        .then(until)
        .otherwise(nw.lit(_BEFORE_ALL_EVENTS_US, nw.Int64)),
    )


def _currency_number() -> nw.Expr:
    """A number for each currency; 0 for those nobody here knows, which are doubted."""
    number: nw.Expr = _ZERO
    for position, currency in enumerate(DECIMALS, start=1):
        here = nw.col("currency") == currency
        number = nw.when(here).then(nw.lit(position, nw.Int64)).otherwise(number)
    return number


def _is_plain_order(terms: MatchCriteria) -> nw.Expr:
    """Sent, nothing special about it, and not changed since the payments were fetched."""
    special = nw.col("recurring") | nw.col("split_tender")
    plain = (nw.col("status") == "fulfilled") & ~special
    for changed_at in ("fulfilled_at_us", "refunded_at_us"):
        plain = plain & (nw.col(changed_at) <= terms.fetched_us).fill_null(value=True)
    return plain


def _is_plain_payment(terms: MatchCriteria) -> nw.Expr:
    """Captured lately, and nothing left reserved."""
    a, c, r, x = (nw.col(aggregate) for aggregate in AGGREGATE_COLUMNS.values())
    return (
        (nw.col("state") == "AUTHORIZED")
        & (c > 0)
        & (r <= c)
        & (a - c - x <= 0)
        & ~nw.col("created_day").is_null()
        & (nw.col("authorized_at_us") > terms.as_of_us - RECENT_DAYS * DAY_US)
    )


def _check_payments_unique(met: LazyFrame) -> None:
    twice = collect_rows(
        met.filter(nw.col("payments") > 1).select(*PAYMENT_KEY).sort(*PAYMENT_KEY).head(3)
    )
    if twice:
        named = ", ".join(f"{row['reference']} ({row['msn']})" for row in twice)
        raise InputError(f"payments holds a payment twice: {named}; fetch again")
