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

from dataclasses import dataclass, replace
from functools import partial

import narwhals.stable.v2 as nw

from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.days import microseconds_to_datetime
from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    count_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.engines.keys import HashFunction, hash_text
from vippsrecon.reconciliation.engines.plans import planned, planned_if_small
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
    check_payments_unique,
    split_exact_matches,
)
from vippsrecon.reconciliation.orders_payments.links import (
    collect_named_links,
    find_orders_of_unread,
    link_payments,
)
from vippsrecon.reconciliation.orders_payments.orders import (
    OrderSide,
    collect_references,
    resolve_order_rows,
)
from vippsrecon.reconciliation.orders_payments.overlapping_exports import (
    separate_superseded_rows,
)
from vippsrecon.reconciliation.orders_payments.pair_rows import mark_unanswered, stack_rows
from vippsrecon.reconciliation.orders_payments.payments import (
    PaymentSide,
    choose_payments,
    select_attempts,
)
from vippsrecon.reconciliation.orders_payments.period import (
    add_exact_match_period,
    add_period_amounts,
)
from vippsrecon.reconciliation.orders_payments.variables import add_variables, is_in_keys
from vippsrecon.schemas.failure_effects import build_effect_condition
from vippsrecon.schemas.inputs import PAYMENT_KEY


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
        disputed: (msn, reference) of payments of which money is retained for a dispute.
        hash_function: Makes a number of msn and reference on Polars (see `keys`); None to join by
            the texts.
        skip_exact_matches: Whether exact matches skip the checks; False runs all checks on all.
    """

    as_of_us: int
    units: tuple[SalesUnit, ...]
    rules: Rules
    period: tuple[int, int] | None = None
    waived: frozenset[tuple[str, str]] = frozenset()
    own_keys: frozenset[str] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    disputed: frozenset[tuple[str, str]] = frozenset()
    earlier_files: frozenset[str] = frozenset()
    hash_function: HashFunction | None = hash_text
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
    options: ComparisonOptions,
    *,
    refunds: LazyFrame | None = None,
) -> PairSet:
    """Join orders and payments once, with the amounts at the cut-off time of each pair.

    Args:
        orders: The rows of the order export, as `backends.prepare_frame` returns them.
        payments: One row per payment, as `backends.prepare_frame` returns them.
        events: One row per event, or their sums; None if no event log was fetched.
        failures: References that could not be read; None if all were read.
        options: Cut-off time, sales units, tolerances and period.
        refunds: Successful REFUNDED events with their idempotency keys; None if this toolkit
            can have made none of them.

    Returns:
        The exact matches, and `pairs` with one row for each other pair: `ORDER_COLUMNS`,
        `PAYMENT_COLUMNS`, `role` and the variables of `variables.add_variables`.
    """
    is_earlier = nw.col("source_file").is_in(sorted(options.earlier_files))
    covering = orders.filter(~is_earlier) if options.earlier_files else orders
    order_rows = separate_superseded_rows(orders)
    orders = order_rows.current
    exported_us = find_earliest(orders, "exported_at_us")
    fetched_us = find_earliest(payments, "fetched_at_us")
    # Limits for the search for exact matches only: each pair has a cut-off time of its own. Times
    # are columns, so that a plan can be used again at another time.
    latest_change_us = min(fetched_us, options.as_of_us)
    earliest_cut_off_us = min(exported_us, latest_change_us)
    as_of_us = nw.lit(options.as_of_us, nw.Int64)
    criteria = MatchCriteria(options.waived, options.hash_function, options.skip_exact_matches)
    link = partial(
        _link_both_sides,
        orders.with_columns(latest_change_us=nw.lit(latest_change_us, nw.Int64)),
        payments.with_columns(as_of_us=as_of_us),
        None
        if events is None
        else events.with_columns(earliest_cut_off_us=nw.lit(earliest_cut_off_us, nw.Int64)),
        covering=covering,
        unread=_select_unread(failures),
        older_links=order_rows.links,
        at_once=tuple(unit.msn for unit in options.units if unit.capture == "at_once"),
    )
    linked = link(criteria=criteria)
    if linked.collisions is not None and not is_empty(linked.collisions):
        # Two payments have the same key, which practically never happens. They must not be merged.
        linked = link(criteria=criteria._replace(hash_function=None))
    check_payments_unique(linked.duplicates)
    chosen = choose_payments(linked.payments, linked.sides.groups, linked.attempts)
    waived = options.waived | _find_orders_of_parts(chosen.members, options.waived)
    dated = (orders, payments, events) if options.period is not None else None
    stacked = _stack_both_sides(linked, chosen, order_rows.superseded)
    built = _add_amounts(
        stacked.with_columns(as_of_us=as_of_us),
        linked,
        chosen.members,
        options.units,
        options.rules,
        as_of_year=microseconds_to_datetime(options.as_of_us).year,
        period=options.period,
        waived=waived,
        dated=dated,
    )
    pairs, exact_matches = built.pairs, built.exact_matches
    exact_match_count = count_rows(orders) - count_rows(linked.orders)
    if options.period is not None:
        exact_match_count = count_rows(exact_matches.filter(~nw.col("outside")))
    marked = mark_recent_refunds(
        mark_covered_orders(mark_repeated_captures(pairs, linked.events), chosen.chosen_otherwise),
        linked.events,
        chosen.members,
    )
    marked = mark_own_refunds(marked, refunds, chosen.members, options.own_keys)
    return PairSet(
        marked.with_columns(
            unsettled=_has_payment_in(options.unsettled, chosen.members),
            disputed=_has_payment_in(options.disputed, chosen.members),
        ),
        exact_matches,
        exact_match_count,
        events is None,
        linked.sides.members,
        chosen.members,
    )


@dataclass(frozen=True)
class _Linked:
    """Both sides after the exact matches are set aside and the payments are linked.

    Attributes:
        cover: Result of `cut_off_times.compute_coverage`.
        exact_matches, orders, duplicates, collisions: See `exact_matches.Split`.
        unanswered: msn, reference of orders with an attempt that could not be read, or None.
        events: Each event of `payments` once; None if no event log was fetched.
        payments: The other payments, with okey and the amounts at their cut-off time.
        attempts: Those whose order may have several.
        sides: The rows of `orders`, divided by how they are compared.
    """

    cover: LazyFrame
    exact_matches: LazyFrame
    orders: LazyFrame
    duplicates: LazyFrame
    collisions: LazyFrame | None
    unanswered: LazyFrame | None
    events: LazyFrame | None
    payments: LazyFrame
    attempts: LazyFrame
    sides: OrderSide


@planned_if_small
def _link_both_sides(
    orders: LazyFrame,
    payments: LazyFrame,
    events: LazyFrame | None,
    criteria: MatchCriteria,
    *,
    covering: LazyFrame,
    unread: LazyFrame | None,
    older_links: LazyFrame,
    at_once: tuple[str, ...],
) -> _Linked:
    cover = materialize(compute_coverage(covering))
    named = collect_named_links(orders, older_links)
    unanswered = None if unread is None else find_orders_of_unread(unread, orders, payments, named)
    split = split_exact_matches(orders, payments, events, unanswered, criteria, named=named)
    references = materialize(collect_references(split.orders))
    linked = link_payments(split.payments, references, split.links)
    own_events = (
        None
        if events is None
        else select_distinct_events(events, split.payments, criteria.hash_function)
    )
    timed = materialize(share_as_of(materialize(add_as_of(linked, cover))))
    counted = materialize(add_amounts_as_of(timed, own_events))
    sides = resolve_order_rows(split.orders, references, counted, at_once)
    return _Linked(
        cover,
        split.exact_matches,
        split.orders,
        split.duplicates,
        split.collisions,
        unanswered,
        own_events,
        counted,
        materialize(select_attempts(counted)),
        replace(sides, groups=materialize(sides.groups)),
    )


@dataclass(frozen=True)
class _Pairs:
    pairs: LazyFrame
    exact_matches: LazyFrame


@planned
def _stack_both_sides(
    linked: _Linked, chosen: PaymentSide, superseded_rows: LazyFrame
) -> LazyFrame:
    stacked = stack_rows(linked.sides, chosen, superseded_rows, linked.cover)
    return mark_unanswered(stacked, linked.unanswered)


@planned
def _add_amounts(
    stacked: LazyFrame,
    linked: _Linked,
    members: LazyFrame,
    units: tuple[SalesUnit, ...],
    rules: Rules,
    *,
    as_of_year: int,
    period: tuple[int, int] | None,
    waived: frozenset[tuple[str, str]],
    dated: tuple[LazyFrame, LazyFrame, LazyFrame | None] | None,
) -> _Pairs:
    """Add the variables and the amounts of the period, for which `dated` are all input rows."""
    varied = add_variables(stacked, as_of_year, units, rules, waived).drop("as_of_us")
    exact_matches = linked.exact_matches.with_columns(payment_reference=nw.col("reference"))
    return _Pairs(
        materialize(
            add_period_amounts(materialize(varied), linked.payments, linked.events, members, period)
        ),
        add_exact_match_period(exact_matches, dated, period),
    )


def _find_orders_of_parts(
    members: LazyFrame, keys: frozenset[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return the orders (msn, reference) with one of these payments as a part of a split payment."""
    if not keys:
        return frozenset()
    parts = members.filter(is_in_keys(keys, nw.col("reference")))
    return frozenset((row["msn"], row["okey"]) for row in collect_rows(parts))


def _has_payment_in(keys: frozenset[tuple[str, str]], members: LazyFrame) -> nw.Expr:
    """Test whether one of these payments is that of the pair, or a part of its split payment."""
    of_part = nw.col("split") & is_in_keys(_find_orders_of_parts(members, keys), nw.col("okey"))
    return is_in_keys(keys, nw.col("payment_reference")) | of_part


def _select_unread(failures: LazyFrame | None) -> LazyFrame | None:
    """Return msn, reference of the references that were not read; None if there are none."""
    if failures is None:
        return None
    unread = failures.filter(
        build_effect_condition("unanswered") | build_effect_condition("not_in_files")
    )
    references = materialize(unread.select(*PAYMENT_KEY).unique())
    return None if is_empty(references) else references
