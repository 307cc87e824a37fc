"""Build `pairs`: one row per order and the payment that belongs to it, joined once.

    orders ──► resolve ──┐
                         ├─► pair            an order, with its payment if it has one
    payments ─► choose ──┘   orphan          a payment without a known order
      ▲                      second          a further payment of the same order
      │ link, history        superseded      an attempt that never held money
    events                   surplus         a superfluous order row of the same reference
                             superseded_row  an older row of an order in a newer export

Everything that needs more than one row (duplicates, sums of events, period of the export) becomes
a column here, by a join or a window, because a check sees one row at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    align_columns,
    collect_rows,
    count_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.covered_orders import mark_covered_orders
from vippsrecon.reconciliation.orders_payments.cut_off_times import (
    add_as_of,
    compute_coverage,
    find_earliest,
    share_as_of,
)
from vippsrecon.reconciliation.orders_payments.event_log.event_history import (
    add_amounts_as_of,
    select_distinct_events,
)
from vippsrecon.reconciliation.orders_payments.event_log.own_refunds import mark_own_refunds
from vippsrecon.reconciliation.orders_payments.event_log.recent_refunds import mark_recent_refunds
from vippsrecon.reconciliation.orders_payments.event_log.repeated_captures import (
    mark_repeated_captures,
)
from vippsrecon.reconciliation.orders_payments.exact_matches import (
    MatchCriteria,
    split_exact_matches,
)
from vippsrecon.reconciliation.orders_payments.links import (
    collect_named_links,
    find_orders_of_unread,
    link_payments,
)
from vippsrecon.reconciliation.orders_payments.orders import (
    COMBINED_COLUMNS,
    ORDER_COLUMNS,
    OrderSide,
    collect_references,
    resolve_order_rows,
    select_amounts,
)
from vippsrecon.reconciliation.orders_payments.overlapping_exports import (
    separate_superseded_rows,
)
from vippsrecon.reconciliation.orders_payments.payments import (
    PAYMENT_COLUMNS,
    PaymentSide,
    choose_payments,
)
from vippsrecon.reconciliation.orders_payments.period import (
    add_exact_match_period,
    add_period_amounts,
)
from vippsrecon.reconciliation.orders_payments.variables import add_variables, is_in_keys
from vippsrecon.schemas.failure_effects import build_effect_condition

ORDER_KEY = ["msn", "okey"]


@dataclass(frozen=True)
class ComparisonOptions:
    """Settings of one comparison.

    Attributes:
        as_of_us: Cut-off time in microseconds since 1970 (UTC); later events do not count.
        units: Configured sales units; for any other, the market follows from the currency.
        rules: Tolerances and grace periods.
        period: First and last local day, as day numbers, both included; None: all days.
        waived: (msn, reference) of pairs the user ignores.
        own_keys: Idempotency keys of operations made with this toolkit.
        earlier_files: `source_file` of orders from earlier runs: they are compared, and say nothing
            about the days that the export covers.
        unsettled: (msn, reference) of payments with an unresolved operation of this toolkit.
        skip_exact_matches: Whether exact matches skip the checks; False runs all checks on all.
    """

    as_of_us: int
    units: Sequence[SalesUnit]
    rules: Rules
    period: tuple[int, int] | None = None
    waived: frozenset[tuple[str, str]] = frozenset()
    own_keys: frozenset[str] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    earlier_files: frozenset[str] = frozenset()
    skip_exact_matches: bool = True


@dataclass(frozen=True)
class PairSet:
    """The pairs, and the rows that were summed to form one pair.

    Attributes:
        pairs: One row per pair that the checks must see.
        exact_matches: Exact matches (`exact_matches.EXACT_MATCH_COLUMNS`), without checks, with
            `C_in` and `R_in` (captured and refunded in the period) and `outside` the period.
        exact_match_count: Number of exact matches that belong to the period.
        as_fetched: True if no event log was fetched, so amounts are the payments' aggregates.
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
    """Join orders and payments once, with the amounts at the cut-off time of each pair.

    Args:
        orders: The rows of the order export, as `backends.prepare_frame` returns them.
        payments: One row per payment, as `backends.prepare_frame` returns them.
        events: One row per event, or their sums; None if no event log was fetched.
        failures: References that could not be read; None if all were read.
        asked: Cut-off time, sales units, tolerances and period.
        refunds: Successful REFUNDED events with their idempotency keys; None if this toolkit
            can have made none of them.

    Returns:
        The exact matches, and `pairs` with one row for each other pair: `ORDER_COLUMNS`,
        `PAYMENT_COLUMNS`, `role` and the variables of `variables.add_variables`.
    """
    is_earlier = nw.col("source_file").is_in(sorted(asked.earlier_files))
    covering = orders.filter(~is_earlier) if asked.earlier_files else orders
    cover = materialize(compute_coverage(covering))
    order_rows = separate_superseded_rows(orders)
    orders = order_rows.current
    exported_us = find_earliest(orders, "exported_at_us")
    fetched_us = find_earliest(payments, "fetched_at_us")
    # A lower limit for the search for exact matches only: each pair has a cut-off time of its own.
    until_us = min(exported_us, fetched_us, asked.as_of_us)
    named = collect_named_links(orders, order_rows.links)
    unanswered = _find_unanswered_orders(failures, orders, payments, named)
    criteria = MatchCriteria(
        fetched_us, asked.as_of_us, until_us, asked.waived, asked.skip_exact_matches
    )
    split = split_exact_matches(orders, payments, events, unanswered, criteria, named=named)
    references = materialize(collect_references(split.orders))
    linked = link_payments(split.payments, references, split.links)
    own_events = None if events is None else select_distinct_events(events, split.payments)
    timed = materialize(share_as_of(materialize(add_as_of(linked, cover, asked.as_of_us))))
    counted = materialize(add_amounts_as_of(timed, own_events))
    sides = resolve_order_rows(split.orders, references, counted)
    groups = materialize(sides.groups)
    chosen = choose_payments(counted, groups)
    stacked = _stack_rows(groups, sides, chosen, order_rows.superseded, cover)
    complete = _mark_unanswered(stacked, unanswered)
    waived = asked.waived | _find_waived_parts(chosen.members, asked.waived)
    pairs = materialize(add_variables(complete, asked.as_of_us, asked.units, asked.rules, waived))
    pairs = materialize(
        add_period_amounts(pairs, counted, own_events, chosen.members, asked.period)
    )
    exact_matches = add_exact_match_period(
        split.exact_matches.with_columns(payment_reference=nw.col("reference")),
        orders,
        payments,
        events,
        asked.period,
    )
    exact_match_count = count_rows(orders) - count_rows(split.orders)
    if asked.period is not None:
        exact_match_count = count_rows(exact_matches.filter(~nw.col("outside")))
    marked = mark_recent_refunds(
        mark_covered_orders(mark_repeated_captures(pairs, own_events), chosen.chosen_otherwise),
        own_events,
        chosen.members,
    )
    marked = mark_own_refunds(marked, refunds, chosen.members, asked.own_keys)
    unsettled = is_in_keys(asked.unsettled, nw.col("payment_reference"))
    return PairSet(
        marked.with_columns(unsettled=unsettled),
        exact_matches,
        exact_match_count,
        events is None,
        sides.members,
        chosen.members,
    )


def _find_waived_parts(
    members: LazyFrame, waived: frozenset[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return the orders (msn, reference) of which the user ignores a part of the split payment."""
    if not waived:
        return frozenset()
    parts = members.filter(is_in_keys(waived, nw.col("reference")))
    return frozenset((row["msn"], row["okey"]) for row in collect_rows(parts))


def _stack_rows(
    groups: LazyFrame,
    sides: OrderSide,
    chosen: PaymentSide,
    superseded_rows: LazyFrame,
    cover: LazyFrame,
) -> LazyFrame:
    """Stack pairs, orphans, additional payments and the other order rows with the same columns.

    What further payments gave back of the shop's refund is taken off the order's Or: it stands on
    the rows of these payments.
    """
    order_columns = [f"order_{c}" if c == "currency" else c for c in ORDER_COLUMNS]
    rename = {"currency": "order_currency"}
    owing = groups.with_columns(Or_now=nw.col("Or"))
    for name, elsewhere in (
        ("Or", chosen.refunded_elsewhere),
        ("Or_now", chosen.refunded_elsewhere_now),
    ):
        if not is_empty(elsewhere):
            owing = owing.join(elsewhere, on=ORDER_KEY, how="left")
            owing = owing.with_columns(
                (nw.col(name) - nw.col("elsewhere_minor").fill_null(0)).alias(name)
            ).drop("elsewhere_minor")
    paired = (
        owing.rename(rename)
        .join(chosen.counted, on=ORDER_KEY, how="left")
        .with_columns(role=nw.lit("pair"))
    )
    additional = chosen.additional.join(
        groups.filter(~nw.col("okey").is_null()).select(
            *ORDER_KEY, "order_number", "ordered_day", "store", "method_unsure"
        ),
        on=ORDER_KEY,
        how="left",
    )
    orphans = chosen.orphans.join(cover, on="msn", how="left").with_columns(role=nw.lit("orphan"))
    surplus = sides.surplus.rename(rename).with_columns(role=nw.lit("surplus"))
    left_out = sides.left_out.rename(rename).with_columns(role=nw.lit("pair"))
    older = (
        select_amounts(superseded_rows).rename(rename).with_columns(role=nw.lit("superseded_row"))
    )
    columns = [
        "msn",
        "okey",
        "role",
        *order_columns,
        *COMBINED_COLUMNS,
        *PAYMENT_COLUMNS,
        "payments",
        "Or_now",
    ]
    columns += ["cover_first_day", "cover_last_day", "cover_exported_us"]
    schema = {**paired.collect_schema(), **cover.collect_schema()}
    types = {name: schema[name] for name in columns} | {"place": nw.Int64}
    parts = [
        align_columns(part, types)
        for part in (paired, additional, orphans, surplus, left_out, older)
    ]
    return nw.concat(parts, how="vertical")


def _find_unanswered_orders(
    failures: LazyFrame | None, orders: LazyFrame, payments: LazyFrame, named: LazyFrame
) -> LazyFrame | None:
    """Return msn, reference of the orders with an attempt that could not be read; None if none."""
    if failures is None:
        return None
    unread = failures.filter(build_effect_condition("unanswered"))
    unanswered = materialize(unread.select("msn", "reference").unique())
    if is_empty(unanswered):
        return None
    return find_orders_of_unread(unanswered, orders, payments, named)


def _mark_unanswered(pairs: LazyFrame, holes: LazyFrame | None) -> LazyFrame:
    """Add `read_failed`: whether reading the payment of this reference failed."""
    if holes is None:
        return pairs.with_columns(read_failed=nw.lit(value=False))
    marked = holes.select("msn", okey=nw.col("reference"), hole=nw.lit(value=True))
    return (
        pairs.join(materialize(marked), on=ORDER_KEY, how="left")
        .with_columns(read_failed=nw.col("hole").fill_null(value=False))
        .drop("hole")
    )
