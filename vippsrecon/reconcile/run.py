"""`reconcile`: frames in, a Reconciliation out. Never network, never disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.config import Rules, SalesUnit
from vippsrecon.errors import InputError
from vippsrecon.reconcile import outcome
from vippsrecon.reconcile.bridge import bridge
from vippsrecon.reconcile.checks import QUESTIONS
from vippsrecon.reconcile.engines import Lazy, engine_of, enter, rows_of, settle
from vippsrecon.reconcile.floods import GROUPS, groups, notices
from vippsrecon.reconcile.moments import microseconds, moment_of
from vippsrecon.reconcile.pairs import Paired, Question, pair
from vippsrecon.reconcile.questions import answer
from vippsrecon.reconcile.result import Reconciliation, frame_of
from vippsrecon.schemas import (
    BRIDGE,
    BUCKETS,
    DISCREPANCIES,
    EVENTS,
    FAILURES,
    ORDERS,
    PAYMENTS,
    REJECTS,
    SUMMARY,
    Frame,
    to_pandas,
)

_EPOCH = date(1970, 1, 1)
_PAYMENT_COLUMNS = tuple(n for n in PAYMENTS.names if n not in {"psp_reference", "payment_method"})
_EVENT_COLUMNS = ("msn", "reference", "name", "amount_minor", "event_at", "event_day", "success")
_ORDER_COLUMNS = tuple(n for n in ORDERS.names if n not in {"ordered_at", "vat_minor"})


def reconcile(
    orders: Any,
    payments: Any,
    events: Any = None,
    failures: Any = None,
    *,
    rejects: Any = None,
    units: Sequence[SalesUnit] = (),
    rules: Rules | None = None,
    as_of: datetime | None = None,
    first: date | None = None,
    last: date | None = None,
    waived: Collection[tuple[str, str]] = (),
    only: str | None = None,
    questions: Collection[str] = tuple(QUESTIONS),
    manifest: dict[str, Any] | None = None,
) -> Reconciliation:
    """Compare a shop's orders with their payments, and name every discrepancy.

    Each pair is asked four questions (is it there, is the captured money right, is the
    refunded money right, is anything left reserved that should not be); each gets one answer
    at most, so no krone is counted twice. Both sides are compared at the same moment: the
    earliest of `as_of`, the export's own and the fetch's.

    Args:
        orders: `schemas.ORDERS`; pandas, Polars, pyarrow, DuckDB or Spark, as all frames. Not
            changed.
        payments: `schemas.PAYMENTS`, one row per payment.
        events: `schemas.EVENTS`; without them the aggregates are compared, and flagged so.
        failures: `schemas.FAILURES`: what could not be read is not checked, and the run is
            incomplete. A 404 is an answer.
        rejects: `schemas.REJECTS`, passed through.
        units: Sales units whose market, zone or way of capturing is not the currency's usual.
        rules: Tolerances and graces; None: the documented ones.
        as_of: Events after it do not count; None: the latest fetch.
        first, last: Local days of the period, both included; None: everything.
        waived: (msn, reference) to leave alone.
        only: Keep discrepancies of this kind only.
        questions: The questions to ask; fewer are faster. Unless all are asked no row is put
            in a bucket, and no bridge is built.
        manifest: What is known of the inputs, kept in the result.

    Returns:
        A Reconciliation, in pandas; on Spark the large frames stay on the cluster until
        `.collect()`.

    Raises:
        SchemaError: A frame does not fit its schema.
        InputError: A payment stands twice in `payments`.
        BridgeError: The bridge does not foot.
    """
    rules = rules or Rules()
    frames = _enter(orders, payments, events, failures)
    as_of_us = microseconds(as_of) if as_of is not None else _latest(frames)
    asked = Question(as_of_us, units, rules, _period(first, last), frozenset(waived))
    paired = pair(frames.orders, frames.payments, frames.events, frames.failures, asked)
    whole = set(questions) == set(QUESTIONS)
    asked_pairs = answer(paired.pairs, questions)
    answered = settle(outcome.placed(asked_pairs) if whole else asked_pairs)
    seen = _seen(as_of_us, units)
    found = outcome.discrepancies(answered, rules.rounding_cap_minor, seen)
    if only is not None:
        found = settle(found.filter(nw.col("kind") == only))
    compared = int(rows_of(answered.select(n=nw.len()))[0]["n"])
    grouped = groups(found, compared)
    spark = engine_of(orders) == "spark"
    counts = _counts(found, frames, compared, rejects)
    return Reconciliation(
        orders=orders,
        payments=payments,
        events=_or_empty(events, EVENTS),
        failures=_or_empty(failures, FAILURES),
        rejects=_or_empty(rejects, REJECTS),
        discrepancies=_leave(outcome.as_frame(found), DISCREPANCIES, spark),
        buckets=_leave(_buckets(answered, paired), BUCKETS, spark) if whole else BUCKETS.empty(),
        summary=_leave(outcome.summary(answered, found), SUMMARY, False)
        if whole
        else SUMMARY.empty(),
        bridge=frame_of(bridge(answered) if whole else [], BRIDGE),
        groups=frame_of(grouped, GROUPS),
        notices=notices(grouped, compared),
        manifest={
            **(manifest or {}),
            "as_of": moment_of(as_of_us).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "complete": bool((manifest or {}).get("complete", True)) and counts["holes"] == 0,
            "counts": {**(manifest or {}).get("counts", {}), **counts},
            "period": [str(first), str(last)] if first or last else None,
        },
    )


class _Frames:
    """The four frames that are compared, entered."""

    def __init__(self, orders: Lazy, payments: Lazy, events: Lazy | None, failures: Lazy | None):
        self.orders = orders
        self.payments = payments
        self.events = events
        self.failures = failures


def _enter(orders: Any, payments: Any, events: Any, failures: Any) -> _Frames:
    entered = _Frames(
        enter(orders, ORDERS, _ORDER_COLUMNS),
        enter(payments, PAYMENTS, _PAYMENT_COLUMNS),
        None if events is None else enter(events, EVENTS, _EVENT_COLUMNS),
        None if failures is None else enter(failures, FAILURES, ("msn", "reference", "operation", "status")),
    )
    twice = rows_of(
        entered.payments.group_by("msn", "reference")
        .agg(n=nw.len())
        .filter(nw.col("n") > 1)
        .sort("msn", "reference")
        .head(3)
    )
    if twice:
        named = ", ".join(f"{row['reference']} ({row['msn']})" for row in twice)
        raise InputError(f"payments holds a payment twice: {named}; fetch again")
    return entered


def _latest(frames: _Frames) -> int:
    """Return the latest fetch, else the latest export: where the house's clock stood."""
    fetched = rows_of(frames.payments.select(at=nw.col("fetched_at_us").max()))[0]["at"]
    if fetched is not None:
        return int(fetched)
    exported = rows_of(frames.orders.select(at=nw.col("exported_at_us").max()))[0]["at"]
    return int(exported or 0)


def _period(first: date | None, last: date | None) -> tuple[int, int] | None:
    if first is None and last is None:
        return None
    far = 10**6
    return (
        (first - _EPOCH).days if first else -far,
        (last - _EPOCH).days if last else far,
    )


def _seen(as_of_us: int, units: Sequence[SalesUnit]) -> date:
    from vippsrecon.reconcile.moments import local_day

    zone = units[0].zone if units else SalesUnit("").zone
    return _EPOCH + timedelta(days=local_day(as_of_us, zone))


def _counts(found: Lazy, frames: _Frames, compared: int, rejects: Any) -> dict[str, int]:
    severities = rows_of(
        found.select(worse=nw.when(nw.col("severity") == "info").then(nw.lit(0)).otherwise(nw.lit(1)))
        .select(rows=nw.len(), above_info=nw.col("worse").sum())
    )[0]
    holes = 0
    if frames.failures is not None:
        holes = rows_of(
            frames.failures.filter(
                (nw.col("operation") != "not_sent") & (nw.col("status").fill_null(0) != 404)
            ).select(n=nw.len())
        )[0]["n"]
    return {
        "pairs": compared,
        "discrepancies": int(severities["rows"]),
        "above_info": int(severities["above_info"] or 0),
        "holes": int(holes),
        "rejects": 0 if rejects is None else len(rejects),
    }


def _buckets(answered: Lazy, paired: Paired) -> Lazy:
    return outcome.buckets(answered, paired.order_members, paired.payment_members).sort("side", "row_key")


def _or_empty(frame: Any, schema: Frame) -> Any:
    return schema.empty() if frame is None else frame


def _leave(data: Lazy, schema: Frame, stay: bool) -> Any:
    """Return a result frame: pandas with Arrow types, or as it is where it is to stay."""
    if stay:
        return nw.to_native(settle(data))
    table = data.collect(backend="pyarrow").to_arrow()
    return to_pandas(table.select(list(schema.names)).cast(schema.arrow()))
