"""Pairs that agree in everything: set aside early, so that the checks see only the others.

In a healthy shop nine pairs in ten are fulfilled orders captured to the øre. Both sides meet
in one narrow join; of those that agree little more is carried along, and every rule is asked
of the rest. To agree is sufficient, never necessary: a pair that is doubted is asked everything,
and a test asks the agreed ones too, to see that there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import narwhals.stable.v2 as nw

from vippsrecon.errors import InputError
from vippsrecon.reconcile.engines import Lazy, rows_in, rows_of, settle
from vippsrecon.reconcile.history import LETTERS, Log
from vippsrecon.reconcile.letters import is_among
from vippsrecon.reconcile.links import derived
from vippsrecon.reconcile.moments import DAY
from vippsrecon.schemas import PAYMENT

KEY = list(PAYMENT)

RECENT_DAYS = 300
"""Authorized within so many days of the moment compared at, no deadline for refunds is near."""

AGREED = (*KEY, "currency", "O", "Or", "source_file", "source_row")
"""What is kept of a pair that agrees. C is its O and R its Or, and its payment has its reference."""


class Terms(NamedTuple):
    """What agreement is judged under.

    Attributes:
        fetched_us: No payment was fetched earlier, in microseconds since 1970.
        as_of_us: No event later than this counts.
        waived: (msn, reference) to leave alone: never agreed.
        set_aside: False: nothing agrees, so that every pair is asked everything.
    """

    fetched_us: int
    as_of_us: int
    waived: frozenset[tuple[str, str]]
    set_aside: bool = True


@dataclass(frozen=True)
class Parted:
    """Both sides, parted into what agrees and what is to be asked about.

    Attributes:
        agreed: One row per pair about which there is nothing to say (AGREED), not yet computed.
        orders, payments: Every other row, as it came.
        links: Payments that belong to an order by derivation (msn, reference, okey, link).
    """

    agreed: Lazy
    orders: Lazy
    payments: Lazy
    links: Lazy


def part(orders: Lazy, payments: Lazy, log: Log | None, apart: Lazy | None, terms: Terms) -> Parted:
    """Set aside the pairs that agree.

    Args:
        orders: The export's rows, as `engines.enter` gives them.
        payments: One row per payment, likewise.
        log: What the events sum to; None where none were fetched.
        apart: msn, reference of what could not be read: never agreed.
        terms: What agreement is judged under.

    Raises:
        InputError: A payment stands twice in `payments`.
    """
    met = settle(_met(orders, payments, log, terms))
    strays = settle(met.filter(~nw.col("in_orders")).select(*KEY))
    never = [_shared(met, strays, orders, payments)]
    links = derived(strays, orders, payments)
    never.append(links.select("msn", reference=nw.col("okey")))
    if apart is not None:
        never.append(apart.select(*KEY))
    doubts = [met.filter(~nw.col("agrees")).select(*KEY), *never]
    doubted = settle(nw.concat(doubts, how="vertical").unique())
    nameless = nw.col("reference").is_null()
    rest = [orders.join(doubted, on=KEY, how="semi"), orders.filter(nameless)]
    return Parted(
        orders.filter(~nameless)
        .with_columns(O=nw.col("total_minor"), Or=nw.col("refunded_minor").fill_null(0))
        .join(doubted, on=KEY, how="anti")
        .select(list(AGREED)),
        settle(nw.concat(rest, how="vertical")),
        settle(payments.join(doubted, on=KEY, how="semi")),
        links,
    )


def _met(orders: Lazy, payments: Lazy, log: Log | None, terms: Terms) -> Lazy:
    """Join both sides by exact reference: msn, reference, in_orders, in_payments, agrees."""
    left = orders.filter(~nw.col("reference").is_null()).select(
        *KEY,
        "currency",
        "exported_at_us",
        O=nw.col("total_minor"),
        Or=nw.col("refunded_minor").fill_null(0),
        plain_order=_plain_order(terms),
    )
    logged = (
        payments.with_columns(last_us=nw.lit(0, nw.Int64))
        if log is None
        else payments.join(log.totals.select(*KEY, *LETTERS, "last_us"), on=KEY, how="left")
    )
    right = logged.select(
        *KEY,
        "last_us",
        C=nw.col("captured_minor"),
        R=nw.col("refunded_minor"),
        payment_currency=nw.col("currency"),
        plain_payment=_plain_payment(terms, with_log=log is not None),
    )
    agrees = (
        nw.col("plain_order")
        & nw.col("plain_payment")
        & (nw.col("O") == nw.col("C"))
        & (nw.col("Or") == nw.col("R"))
        & (nw.col("currency") == nw.col("payment_currency"))
        & (nw.col("last_us") <= nw.col("exported_at_us"))
        & ~is_among(terms.waived, nw.col("reference"))
        & nw.lit(value=terms.set_aside)
    )
    return left.join(right, on=KEY, how="full").select(
        msn=nw.col("msn").fill_null(nw.col("msn_right")),
        reference=nw.col("reference").fill_null(nw.col("reference_right")),
        in_orders=~nw.col("O").is_null(),
        in_payments=~nw.col("C").is_null(),
        agrees=agrees.fill_null(value=False),
    )


def _plain_order(terms: Terms) -> nw.Expr:
    """Sent, nothing special about it, and not changed since the payments were fetched."""
    special = nw.col("recurring") | nw.col("split_tender")
    plain = (nw.col("status") == "fulfilled") & ~special
    for changed_at in ("fulfilled_at_us", "refunded_at_us"):
        plain = plain & (nw.col(changed_at) <= terms.fetched_us).fill_null(value=True)
    return plain


def _plain_payment(terms: Terms, *, with_log: bool) -> nw.Expr:
    """Captured lately, nothing left reserved, and its event log, where there is one, agrees."""
    a, c, r, x = (nw.col(aggregate) for aggregate in LETTERS.values())
    plain = (
        (nw.col("state") == "AUTHORIZED")
        & (c > 0)
        & (r <= c)
        & (a - c - x <= 0)
        & ~nw.col("created_day").is_null()
        & (nw.col("authorized_at_us") > terms.as_of_us - RECENT_DAYS * DAY)
    )
    if with_log:
        for letter, aggregate in LETTERS.items():
            plain = plain & (nw.col(letter) == nw.col(aggregate))
        last_us = nw.col("last_us")
        plain = plain & (last_us <= nw.col("fetched_at_us")) & (last_us <= terms.as_of_us)
    return plain


def _shared(met: Lazy, strays: Lazy, orders: Lazy, payments: Lazy) -> Lazy:
    """Return the keys of references that stand in several rows.

    Where the join made no more rows than went in, no reference that met its other side stands
    twice on either.
    """
    seen = [rows_in(met.filter(nw.col(side))) for side in ("in_orders", "in_payments")]
    named = orders.filter(~nw.col("reference").is_null())
    if seen == [rows_in(named), rows_in(payments)]:
        _refuse_twice(strays)
        return met.head(0).select(*KEY)
    _refuse_twice(payments)
    return met.group_by(*KEY).agg(n=nw.len()).filter(nw.col("n") > 1).select(*KEY)


def _refuse_twice(payments: Lazy) -> None:
    twice = rows_of(
        payments.group_by(*KEY).agg(n=nw.len()).filter(nw.col("n") > 1).sort(*KEY).head(3)
    )
    if twice:
        named = ", ".join(f"{row['reference']} ({row['msn']})" for row in twice)
        raise InputError(f"payments holds a payment twice: {named}; fetch again")
