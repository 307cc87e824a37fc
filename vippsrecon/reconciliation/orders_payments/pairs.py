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
from vippsrecon.reconciliation.backends import (
    LazyFrame,
    align_columns,
    collect_rows,
    count_rows,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.event_history import (
    add_amounts_as_of,
    count_movements,
)
from vippsrecon.reconciliation.orders_payments.exact_matches import (
    MatchCriteria,
    split_exact_matches,
)
from vippsrecon.reconciliation.orders_payments.links import link_payments
from vippsrecon.reconciliation.orders_payments.orders import (
    ORDER_COLUMNS,
    OrderSide,
    collect_references,
    resolve_order_rows,
)
from vippsrecon.reconciliation.orders_payments.own_refunds import mark_own_refunds
from vippsrecon.reconciliation.orders_payments.payments import (
    PAYMENT_COLUMNS,
    PaymentSide,
    choose_payments,
)
from vippsrecon.reconciliation.orders_payments.repeated_captures import mark_repeated_captures
from vippsrecon.reconciliation.orders_payments.variables import add_variables, is_in_keys
from vippsrecon.schemas import PAYMENT

ORDER_KEY = ["msn", "okey"]

AFTER_ALL_EVENTS_US = 2**62
"""Later than any moment, in microseconds."""


@dataclass(frozen=True)
class ComparisonOptions:
    """What the pairs are compared under.

    Attributes:
        as_of_us: No event later than this counts, in microseconds since 1970.
        units: Sales units configured; others are taken by the currency's market.
        rules: Tolerances and graces.
        period: First and last local day, as day numbers, both included; None: all.
        waived: (msn, reference) the user asked to leave alone.
        own_keys: Idempotency keys of operations made with this toolkit.
        unsettled: (msn, reference) of payments with an operation of ours whose outcome is open.
        skip_exact_matches: Whether pairs that agree are set aside; False asks every pair everything.
    """

    as_of_us: int
    units: Sequence[SalesUnit]
    rules: Rules
    period: tuple[int, int] | None = None
    waived: frozenset[tuple[str, str]] = frozenset()
    own_keys: frozenset[str] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    skip_exact_matches: bool = True


@dataclass(frozen=True)
class PairSet:
    """The pairs, and the rows compared as a sum within one.

    Attributes:
        pairs: One row per order and payment that belong together, to be asked about.
        exact_matches: Those about which there is nothing to say (`agreed.AGREED`).
        exact_match_count: How many.
        as_fetched: Whether amounts are aggregates, no event log having been fetched.
        combined_order_rows: msn, okey, source_file, source_row of orders paid together.
        split_payment_parts: msn, okey, reference of the parts of split payments.
    """

    pairs: LazyFrame
    exact_matches: LazyFrame
    exact_match_count: int
    as_fetched: bool
    combined_order_rows: LazyFrame
    split_payment_parts: LazyFrame


def pair_orders_and_payments(
    orders: LazyFrame,
    payments: LazyFrame,
    events: LazyFrame | None,
    failures: LazyFrame | None,
    asked: ComparisonOptions,
    *,
    refunds: LazyFrame | None = None,
) -> PairSet:
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
        columns, `role`, and the letters of `add_variables.py`.
    """
    exported_us = _find_earliest(orders, "exported_at_us")
    fetched_us = _find_earliest(payments, "fetched_at_us")
    until_us = min(exported_us, fetched_us, asked.as_of_us)
    holes = None if failures is None else materialize(_find_unanswered(failures))
    cover = materialize(_compute_coverage(orders))
    terms = MatchCriteria(
        fetched_us, asked.as_of_us, until_us, asked.waived, asked.skip_exact_matches
    )
    parted = split_exact_matches(orders, payments, events, holes, terms)
    references = materialize(collect_references(parted.orders))
    linked = link_payments(parted.payments, references, parted.links)
    counted = materialize(add_amounts_as_of(materialize(_add_as_of(linked, cover, asked)), events))
    sides = resolve_order_rows(parted.orders, references, counted)
    groups = materialize(sides.groups)
    chosen = choose_payments(counted, groups)
    complete = _mark_unanswered(_stack_rows(groups, sides, chosen, cover), holes)
    pairs = materialize(
        add_variables(complete, asked.as_of_us, asked.units, asked.rules, asked.waived)
    )
    agreed = parted.exact_matches.with_columns(payment_reference=nw.col("reference"))
    agreed_rows = count_rows(orders) - count_rows(parted.orders)
    if asked.period is not None:
        moved = None if events is None else materialize(count_movements(events, *asked.period))
        days = payments.select(*PAYMENT, "created_day", ordered_day=nw.col("created_day"))
        agreed = materialize(agreed.join(days, on=list(PAYMENT), how="left"))
        pairs, agreed = (
            materialize(_filter_period(side, moved, *asked.period)) for side in (pairs, agreed)
        )
        agreed_rows = count_rows(agreed)
    known = mark_own_refunds(
        mark_repeated_captures(pairs, events), refunds, chosen.members, asked.own_keys
    )
    unsettled = is_in_keys(asked.unsettled, nw.col("payment_reference"))
    return PairSet(
        known.with_columns(unsettled=unsettled),
        agreed,
        agreed_rows,
        events is None,
        sides.members,
        chosen.members,
    )


def _find_earliest(rows: LazyFrame, column: str) -> int:
    """Return the first moment in a column; of no rows, one later than any."""
    first = collect_rows(rows.select(at=nw.col(column).min()))[0]["at"]
    return AFTER_ALL_EVENTS_US if first is None else int(first)


def _compute_coverage(orders: LazyFrame) -> LazyFrame:
    """Say of each sales unit what the export covers."""
    return orders.group_by("msn").agg(
        cover_first_day=nw.col("ordered_day").min(),
        cover_last_day=nw.col("ordered_day").max(),
        cover_exported_us=nw.col("exported_at_us").max(),
    )


def _add_as_of(linked: LazyFrame, cover: LazyFrame, asked: ComparisonOptions) -> LazyFrame:
    """Add the moment compared at.

    T is the earliest of as-of, the export's own moment and the fetch: the same moment on both
    sides, or a capture made between them would look like a difference. A payment without an
    order is compared at its sales unit's latest export.
    """
    export_us: nw.Expr = nw.lit(asked.as_of_us)
    for unit in collect_rows(cover):
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


def _stack_rows(
    groups: LazyFrame, sides: OrderSide, chosen: PaymentSide, cover: LazyFrame
) -> LazyFrame:
    """Put pairs, orphans, second payments and surplus rows under one set of columns."""
    order_columns = [f"order_{c}" if c == "currency" else c for c in ORDER_COLUMNS]
    rename = {"currency": "order_currency"}
    paired = (
        groups.rename(rename)
        .join(chosen.counted, on=ORDER_KEY, how="left")
        .with_columns(role=nw.lit("pair"))
    )
    beside = chosen.additional.join(
        groups.filter(~nw.col("okey").is_null()).select(
            *ORDER_KEY, "order_number", "ordered_day", "store"
        ),
        on=ORDER_KEY,
        how="left",
    )
    orphans = chosen.orphans.join(cover, on="msn", how="left").with_columns(role=nw.lit("orphan"))
    surplus = sides.surplus.rename(rename).with_columns(role=nw.lit("surplus"))
    columns = [
        "msn",
        "okey",
        "role",
        *order_columns,
        "combined",
        "no_reference",
        *PAYMENT_COLUMNS,
        "payments",
    ]
    columns += ["cover_first_day", "cover_last_day", "cover_exported_us"]
    schema = {**paired.collect_schema(), **cover.collect_schema()}
    types = {name: schema[name] for name in columns} | {"place": nw.Int64}
    parts = [align_columns(part, types) for part in (paired, beside, orphans, surplus)]
    return nw.concat(parts, how="vertical")


def _find_unanswered(failures: LazyFrame) -> LazyFrame:
    """Return msn, reference of what was not read; 404 is an answer, so is not sending nonsense."""
    return (
        failures.filter(
            (nw.col("operation") != "not_sent") & (nw.col("status").fill_null(0) != 404)
        )
        .select("msn", "reference")
        .unique()
    )


def _mark_unanswered(pairs: LazyFrame, holes: LazyFrame | None) -> LazyFrame:
    """Mark the orders whose reading failed."""
    if holes is None:
        return pairs.with_columns(read_failed=nw.lit(value=False))
    marked = holes.select("msn", okey=nw.col("reference"), hole=nw.lit(value=True))
    return (
        pairs.join(materialize(marked), on=ORDER_KEY, how="left")
        .with_columns(read_failed=nw.col("hole").fill_null(value=False))
        .drop("hole")
    )


def _filter_period(pairs: LazyFrame, moved: LazyFrame | None, first: int, last: int) -> LazyFrame:
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
