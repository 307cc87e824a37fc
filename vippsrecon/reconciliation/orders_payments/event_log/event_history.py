"""Sum each payment's event log up to its cut-off time.

Amounts come from successful events, never from `state`, which stays AUTHORIZED after capture,
refund and cancel. Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    has_distinct_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.engines.keys import HashFunction, add_payment_key, key_columns
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.vipps_rules import ENDED_STATES, EVENTS_OF_TOTAL

MONEY_EVENTS = tuple(name for names in EVENTS_OF_TOTAL.values() for name in names)
"""Events whose amounts make up the aggregates."""


AGGREGATE_COLUMNS = {
    "A": "authorized_minor",
    "C": "captured_minor",
    "R": "refunded_minor",
    "X": "cancelled_minor",
}
"""Variable to aggregate of the payment. The sum of the successful events should equal it."""


def select_movements(events: LazyFrame, keys: list[str]) -> LazyFrame:
    """Return the amounts each event moved: the keys, A, C, R, X, and its time, `last_us`.

    Events that move no money are omitted up to `earliest_cut_off_us`, the earliest of any pair.
    """
    at = nw.col("event_at_us")
    counting = events.filter(
        nw.col("name").is_in(list(MONEY_EVENTS)) | (at > nw.col("earliest_cut_off_us"))
    )
    moved = (
        value.alias(key)
        for key, (value, _) in _aggregations_until_as_of().items()
        if key in AGGREGATE_COLUMNS
    )
    return counting.select(*keys, *moved, last_us=at)


def select_distinct_events(
    events: LazyFrame, payments: LazyFrame, hash_function: HashFunction | None = None
) -> LazyFrame:
    """Return the events of some payments, each once.

    A log may list one event twice. Each operation has a pspReference of its own, so two events
    with the same one, name, time and amount are one movement of money.
    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/

    Args:
        events: One row per event, with psp_reference; may include other payments.
        payments: msn, reference of the payments, each once.
        hash_function: See `keys.add_payment_key`. Where keys collide, events of further payments
            are returned too.
    """
    keyed = add_payment_key(events, hash_function)
    own = add_payment_key(payments.select(*PAYMENT_KEY), hash_function)
    key = key_columns(keyed)
    columns = [n for n in events.collect_schema().names() if n != "earliest_cut_off_us"]
    own_events = materialize(
        keyed.join(own.select(key), on=key, how="semi").select(columns), large=True
    )
    if has_distinct_rows(own_events):
        return own_events
    return materialize(own_events.group_by(*columns).agg(times=nw.len()).drop("times"), large=True)


def add_amounts_as_of(payments: LazyFrame, events: LazyFrame | None) -> LazyFrame:
    """Add the amounts of each payment at its cut-off time, `t_us`.

    A, C, R, X (authorized, captured, refunded, cancelled; minor units) are sums of successful
    events up to `t_us`, or the aggregates if there is no event log (`as_fetched`). K is the amount
    that can still be captured or released. `gap` is the largest difference between an aggregate
    and the sum of all its successful events, including those after `t_us`, and `largest` the largest
    aggregate. C_now, R_now and K_now
    are C, R and K after every event fetched: an operation is proposed only for what is still owed.

    Args:
        payments: One row per payment, with `t_us`.
        events: One row per event; may include other payments. None if no event log was fetched.

    Returns:
        `payments` with these columns; the rows stay the same.
    """
    joined = payments
    if events is not None:
        joined = payments.join(_summarize_events(payments, events), on=PAYMENT_KEY, how="left")
    existing = joined.collect_schema().names()
    missing = [
        name
        for name in (*_aggregations_until_as_of(), *_aggregations_after_as_of())
        if name not in existing
    ]
    return _add_amount_variables(
        joined.with_columns(*(nw.lit(None).cast(nw.Int64).alias(name) for name in missing))
        if missing
        else joined
    )


def _summarize_events(payments: LazyFrame, events: LazyFrame) -> LazyFrame:
    """Sum each payment's events up to its cut-off time, and separately the later ones."""
    cut_offs = materialize(payments.select(*PAYMENT_KEY, "t_us"))
    # Used twice; otherwise the join with all events would run twice.
    own_events = materialize(
        events.drop("psp_reference").join(cut_offs, on=PAYMENT_KEY, how="inner"), large=True
    )
    at = nw.col("event_at_us")
    sums = materialize(
        _aggregate_events(own_events.filter(at <= nw.col("t_us")), _aggregations_until_as_of())
    )
    later_events = materialize(own_events.filter(at > nw.col("t_us")))
    if is_empty(later_events):
        return sums
    return materialize(
        _join_event_sums(
            sums, materialize(_aggregate_events(later_events, _aggregations_after_as_of()))
        )
    )


def _join_event_sums(sums: LazyFrame, later: LazyFrame) -> LazyFrame:
    """Join the sums up to the cut-off and the later ones; a payment may have only one of them."""
    keys = nw.concat([sums.select(PAYMENT_KEY), later.select(PAYMENT_KEY)], how="vertical").unique()
    return keys.join(sums, on=PAYMENT_KEY, how="left").join(later, on=PAYMENT_KEY, how="left")


def _value_where(where: nw.Expr, value: nw.Expr) -> nw.Expr:
    return nw.when(where).then(value).otherwise(nw.lit(0, nw.Int64))


def _aggregations_until_as_of() -> dict[str, tuple[nw.Expr, str]]:
    """Return column to (value per event, aggregation), for events up to the cut-off time."""
    name, amount, at, day = (
        nw.col(c) for c in ("name", "amount_minor", "event_at_us", "event_day")
    )
    successful = nw.col("success")
    captured = (name == "CAPTURED") & successful
    refunded = (name == "REFUNDED") & successful
    return {
        "A": (_value_where((name == "AUTHORIZED") & successful, amount), "sum"),
        "C": (_value_where(captured, amount), "sum"),
        "R": (_value_where(refunded, amount), "sum"),
        "X": (
            _value_where(((name == "CANCELLED") | (name == "TERMINATED")) & successful, amount),
            "sum",
        ),
        "n_events": (nw.lit(1, nw.Int64), "sum"),
        "n_captures": (_value_where(captured, nw.lit(1, nw.Int64)), "sum"),
        "first_captured_us": (nw.when(captured).then(at), "min"),
        "first_captured_day": (nw.when(captured).then(day), "min"),
        "refund_done_us": (nw.when(refunded).then(at), "max"),
        "refund_done_day": (nw.when(refunded).then(day), "max"),
        "refund_failed_us": (nw.when((name == "REFUNDED") & ~successful).then(at), "max"),
    }


def _aggregations_after_as_of() -> dict[str, tuple[nw.Expr, str]]:
    """Return column to (value per event, aggregation), for events after the cut-off time."""
    name, amount = nw.col("name"), nw.col("amount_minor")
    successful = nw.col("success")
    single_event = nw.lit(1, nw.Int64)
    return {
        "later_A": (_value_where((name == "AUTHORIZED") & successful, amount), "sum"),
        "later_C": (_value_where((name == "CAPTURED") & successful, amount), "sum"),
        "later_R": (_value_where((name == "REFUNDED") & successful, amount), "sum"),
        "later_X": (
            _value_where(((name == "CANCELLED") | (name == "TERMINATED")) & successful, amount),
            "sum",
        ),
        "n_later": (_value_where(successful, single_event), "sum"),
        "n_later_at_all": (single_event, "sum"),
        "n_ended_later": (_value_where(name.is_in(list(ENDED_STATES)), single_event), "sum"),
    }


def _aggregate_events(events: LazyFrame, columns: dict[str, tuple[nw.Expr, str]]) -> LazyFrame:
    values = events.select(*PAYMENT_KEY, *(value.alias(key) for key, (value, _) in columns.items()))
    return values.group_by(*PAYMENT_KEY).agg(
        *(
            getattr(nw.col(key), aggregation)().cast(nw.Int64).alias(key)
            for key, (_, aggregation) in columns.items()
        )
    )


def _add_amounts_now() -> dict[str, nw.Expr]:
    """Return the amounts after every event fetched, with the state the payment has now."""
    now = {letter: nw.col(letter) + nw.col(f"later_{letter}").fill_null(0) for letter in ("C", "R")}
    held = (
        nw.col("A")
        + nw.col("later_A").fill_null(0)
        - now["C"]
        - nw.col("X")
        - nw.col("later_X").fill_null(0)
    )
    return {
        "C_now": now["C"],
        "R_now": now["R"],
        "K_now": _value_where((nw.col("state") == "AUTHORIZED") & (held > 0), held),
    }


def _add_amount_variables(counted: LazyFrame) -> LazyFrame:
    """Add A, C, R, X, K, gap, live, and the state at the cut-off time."""
    has_log = ~(nw.col("n_events").is_null() & nw.col("n_later_at_all").is_null())
    with_gaps = counted.with_columns(
        *(
            nw.when(has_log)
            .then(nw.col(letter).fill_null(0))
            .otherwise(nw.col(aggregate))
            .alias(letter)
            for letter, aggregate in AGGREGATE_COLUMNS.items()
        ),
        *(
            nw.when(has_log)
            .then(
                (
                    nw.col(letter).fill_null(0)
                    + nw.col(f"later_{letter}").fill_null(0)
                    - nw.col(aggregate)
                ).abs()
            )
            .otherwise(nw.lit(0, nw.Int64))
            .alias(f"gap_{letter}")
            for letter, aggregate in AGGREGATE_COLUMNS.items()
        ),
        n_captures=nw.col("n_captures").fill_null(0),
        has_events=has_log,
        changed_after=(nw.col("n_later") > 0).fill_null(value=False),
        as_fetched=~has_log,
    )
    gap = nw.col("gap_A")
    for other in ("gap_C", "gap_R", "gap_X"):
        gap = nw.when(nw.col(other) > gap).then(nw.col(other)).otherwise(gap)
    state = nw.col("state")
    approved_later = (state == "AUTHORIZED") & (nw.col("A") == 0) & nw.col("changed_after")
    ended_later = state.is_in(list(ENDED_STATES)) & (nw.col("n_ended_later") > 0).fill_null(
        value=False
    )
    held = nw.col("A") - nw.col("C") - nw.col("X")
    return (
        with_gaps.with_columns(
            gap=gap,
            largest=nw.max_horizontal(*AGGREGATE_COLUMNS.values()),
            **_add_amounts_now(),
            # A payment approved or ended after the cut-off time was still CREATED at that time.
            state=nw.when(approved_later | ended_later).then(nw.lit("CREATED")).otherwise(state),
        )
        .with_columns(
            K=nw.when((nw.col("state") == "AUTHORIZED") & (held > 0))
            .then(held)
            .otherwise(nw.lit(0, nw.Int64))
        )
        .with_columns(live=(nw.col("C") - nw.col("R") > 0) | (nw.col("K") > 0))
    )
