"""`pairs`: one row per order and payment that belong together, joined once.

    orders ──► resolve ──┐
                         ├─► pair            an order, and its payment where there is one
    payments ─► choose ──┘   orphan          a payment no order is known for
      ▲                      second          a live payment beside the one that counts
      │ link, history        superseded      an attempt that holds nothing
    events                   surplus         an order row too many for its reference

Whatever needs more than one row (duplicates, sums of events, cover of the export) is a column
here, by a join or a window: a check looks at one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.backends import Lazy, rows_in, rows_of, settle, widened
from vippsrecon.reconciliation.orders_payments.event_history import at_moment, moved_within
from vippsrecon.reconciliation.orders_payments.exact_matches import Terms, part
from vippsrecon.reconciliation.orders_payments.links import link
from vippsrecon.reconciliation.orders_payments.orders import (
    ORDER,
    OrderSide,
    references_of,
    resolve,
)
from vippsrecon.reconciliation.orders_payments.own_refunds import with_ours
from vippsrecon.reconciliation.orders_payments.payments import PAID, PaymentSide, choose
from vippsrecon.reconciliation.orders_payments.repeated_captures import with_repeats
from vippsrecon.reconciliation.orders_payments.variables import is_among, letters
from vippsrecon.schemas import PAYMENT

KEY = ["msn", "okey"]

NEVER_US = 2**62
"""Later than any moment, in microseconds."""


@dataclass(frozen=True)
class Question:
    """What the pairs are compared under.

    Attributes:
        as_of_us: No event later than this counts, in microseconds since 1970.
        units: Sales units configured; others are taken by the currency's market.
        rules: Tolerances and graces.
        period: First and last local day, as day numbers, both included; None: all.
        waived: (msn, reference) the user asked to leave alone.
        ours: Idempotency keys of operations made with this toolkit.
        unsettled: (msn, reference) of payments with an operation of ours whose outcome is open.
        set_aside: Whether pairs that agree are set aside; False asks every pair everything.
    """

    as_of_us: int
    units: Sequence[SalesUnit]
    rules: Rules
    period: tuple[int, int] | None = None
    waived: frozenset[tuple[str, str]] = frozenset()
    ours: frozenset[str] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    set_aside: bool = True


@dataclass(frozen=True)
class Paired:
    """The pairs, and the rows compared as a sum within one.

    Attributes:
        pairs: One row per order and payment that belong together, to be asked about.
        agreed: Those about which there is nothing to say (`agreed.AGREED`).
        agreed_rows: How many.
        as_fetched: Whether amounts are aggregates, no event log having been fetched.
        order_members: msn, okey, source_file, source_row of orders paid together.
        payment_members: msn, okey, reference of the parts of split payments.
    """

    pairs: Lazy
    agreed: Lazy
    agreed_rows: int
    as_fetched: bool
    order_members: Lazy
    payment_members: Lazy


def pair(
    orders: Lazy,
    payments: Lazy,
    events: Lazy | None,
    failures: Lazy | None,
    asked: Question,
    *,
    refunds: Lazy | None = None,
) -> Paired:
    """Join both sides once, at the moment compared at.

    Args:
        orders: The export's rows, as `engines.enter` gives them.
        payments: One row per payment, likewise.
        events: One row per event, or what they sum to; None where none were fetched.
        failures: References that were not read; None: all were.
        asked: Moment, sales units, tolerances, period.
        refunds: Successful REFUNDED events with their keys, where some may be ours.

    Returns:
        The pairs that agree, and `pairs`, one row for each of the others, with ORDER and PAID
        columns, `role`, and the letters of `letters.py`.
    """
    exported_us = _earliest(orders, "exported_at_us")
    fetched_us = _earliest(payments, "fetched_at_us")
    until_us = min(exported_us, fetched_us, asked.as_of_us)
    holes = None if failures is None else settle(_holes(failures))
    cover = settle(_cover(orders))
    terms = Terms(fetched_us, asked.as_of_us, until_us, asked.waived, asked.set_aside)
    parted = part(orders, payments, events, holes, terms)
    references = settle(references_of(parted.orders))
    linked = link(parted.payments, references, parted.links)
    counted = settle(at_moment(settle(_dated(linked, cover, asked)), events))
    sides = resolve(parted.orders, references, counted)
    groups = settle(sides.groups)
    chosen = choose(counted, groups)
    complete = _with_failures(_stack(groups, sides, chosen, cover), holes)
    pairs = settle(letters(complete, asked.as_of_us, asked.units, asked.rules, asked.waived))
    agreed = parted.agreed.with_columns(payment_reference=nw.col("reference"))
    agreed_rows = rows_in(orders) - rows_in(parted.orders)
    if asked.period is not None:
        moved = None if events is None else settle(moved_within(events, *asked.period))
        days = payments.select(*PAYMENT, "created_day", ordered_day=nw.col("created_day"))
        agreed = settle(agreed.join(days, on=list(PAYMENT), how="left"))
        pairs, agreed = (settle(_within(side, moved, *asked.period)) for side in (pairs, agreed))
        agreed_rows = rows_in(agreed)
    known = with_ours(with_repeats(pairs, events), refunds, chosen.members, asked.ours)
    unsettled = is_among(asked.unsettled, nw.col("payment_reference"))
    return Paired(
        known.with_columns(unsettled=unsettled),
        agreed,
        agreed_rows,
        events is None,
        sides.members,
        chosen.members,
    )


def _earliest(rows: Lazy, column: str) -> int:
    """Return the first moment in a column; of no rows, one later than any."""
    first = rows_of(rows.select(at=nw.col(column).min()))[0]["at"]
    return NEVER_US if first is None else int(first)


def _cover(orders: Lazy) -> Lazy:
    """Say of each sales unit what the export covers."""
    return orders.group_by("msn").agg(
        cover_first_day=nw.col("ordered_day").min(),
        cover_last_day=nw.col("ordered_day").max(),
        cover_exported_us=nw.col("exported_at_us").max(),
    )


def _dated(linked: Lazy, cover: Lazy, asked: Question) -> Lazy:
    """Add the moment compared at.

    T is the earliest of as-of, the export's own moment and the fetch: the same moment on both
    sides, or a capture made between them would look like a difference. A payment without an
    order is compared at its sales unit's latest export.
    """
    export_us: nw.Expr = nw.lit(asked.as_of_us)
    for unit in rows_of(cover):
        export_us = (
            nw.when(nw.col("msn") == unit["msn"])
            .then(nw.lit(unit["cover_exported_us"]))
            .otherwise(export_us)
        )
    own = nw.col("exported_at_us")
    at = nw.when(own.is_null()).then(export_us).otherwise(own)
    fetched = nw.col("fetched_at_us")
    return (
        linked.with_columns(t_us=nw.when(at < fetched).then(at).otherwise(fetched))
        .with_columns(
            t_us=nw.when(nw.col("t_us") < asked.as_of_us)
            .then(nw.col("t_us"))
            .otherwise(nw.lit(asked.as_of_us))
            .cast(nw.Int64),
            payment_currency=nw.col("currency"),
            guarantee_us=nw.col("capture_guaranteed_until_at_us"),
        )
        .drop("exported_at_us", "currency", "capture_guaranteed_until_at_us")
    )


def _stack(groups: Lazy, sides: OrderSide, chosen: PaymentSide, cover: Lazy) -> Lazy:
    """Put pairs, orphans, second payments and surplus rows under one set of columns."""
    order_columns = [f"order_{c}" if c == "currency" else c for c in ORDER]
    rename = {"currency": "order_currency"}
    paired = (
        groups.rename(rename)
        .join(chosen.counted, on=KEY, how="left")
        .with_columns(role=nw.lit("pair"))
    )
    beside = chosen.beside.join(
        groups.filter(~nw.col("okey").is_null()).select(
            *KEY, "order_number", "ordered_day", "store"
        ),
        on=KEY,
        how="left",
    )
    orphans = chosen.orphans.join(cover, on="msn", how="left").with_columns(role=nw.lit("orphan"))
    surplus = sides.surplus.rename(rename).with_columns(role=nw.lit("surplus"))
    columns = ["msn", "okey", "role", *order_columns, "combined", "no_reference", *PAID, "payments"]
    columns += ["cover_first_day", "cover_last_day", "cover_exported_us"]
    schema = {**paired.collect_schema(), **cover.collect_schema()}
    types = {name: schema[name] for name in columns} | {"place": nw.Int64}
    parts = [widened(part, types) for part in (paired, beside, orphans, surplus)]
    return nw.concat(parts, how="vertical")


def _holes(failures: Lazy) -> Lazy:
    """Return msn, reference of what was not read; 404 is an answer, so is not sending nonsense."""
    return (
        failures.filter(
            (nw.col("operation") != "not_sent") & (nw.col("status").fill_null(0) != 404)
        )
        .select("msn", "reference")
        .unique()
    )


def _with_failures(pairs: Lazy, holes: Lazy | None) -> Lazy:
    """Mark the orders whose reading failed."""
    if holes is None:
        return pairs.with_columns(read_failed=nw.lit(value=False))
    marked = holes.select("msn", okey=nw.col("reference"), hole=nw.lit(value=True))
    return (
        pairs.join(settle(marked), on=KEY, how="left")
        .with_columns(read_failed=nw.col("hole").fill_null(value=False))
        .drop("hole")
    )


def _within(pairs: Lazy, moved: Lazy | None, first: int, last: int) -> Lazy:
    """Keep the pairs of a period: by the local day money moved.

    Where none moved, by the day the payment was made; where there is no payment, by the
    order's own day. A pair whose day nobody knows is kept.
    """
    if moved is None:
        days = pairs.with_columns(moved_inside=nw.lit(None).cast(nw.Int64))
    else:
        days = pairs.join(
            moved.rename({"reference": "payment_reference"}),
            on=["msn", "payment_reference"],
            how="left",
        )
    made = (
        nw.when(nw.col("created_day").is_null())
        .then(nw.col("ordered_day"))
        .otherwise(nw.col("created_day"))
    )
    in_made = ((made >= first) & (made <= last)).fill_null(value=True)
    in_moved = nw.col("moved_inside") > 0
    inside = nw.when(nw.col("moved_inside").is_null()).then(in_made).otherwise(in_moved)
    return days.filter(inside)
