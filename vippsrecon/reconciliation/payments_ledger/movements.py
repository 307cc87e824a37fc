"""Select the captures and refunds of payments, each of which the ledger must have."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    has_distinct_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.engines.joins import join_large
from vippsrecon.reconciliation.payments_ledger.entries import EVENT_BY_TYPE, number_rows
from vippsrecon.schemas.inputs import PAYMENT_KEY

_SAME_OPERATION = ["msn", "currency", "entry_type", "psp_reference"]


@dataclass(frozen=True)
class Movements:
    """The captures and refunds of payments, and the payments that have none.

    Attributes:
        rows: One row per successful capture and refund of a payment, in the payment's currency:
            msn, reference, currency, payment_method, `psp_reference`, `event_day`, `event_us`,
            `event_minor` (as the ledger signs it: a refund is negative), `entry_type` (the type of
            its ledger entry) and `match_n` (its number among those of one pspReference).
        unmoved: The other payments.
    """

    rows: LazyFrame
    unmoved: LazyFrame


def select_movements(events: LazyFrame, payments: LazyFrame) -> Movements:
    """Select the captures and refunds of payments.

    Args:
        events: The event log, with `event_at_us`; it may list an event twice.
        payments: msn, reference, currency, payment_method, captured_minor and refunded_minor.
    """
    entry_type: nw.Expr = nw.lit(None).cast(nw.String)
    for name, event in EVENT_BY_TYPE.items():
        entry_type = nw.when(nw.col("name") == event).then(nw.lit(name)).otherwise(entry_type)
    done = materialize(
        events.filter(
            nw.col("success") & nw.col("name").is_in(list(EVENT_BY_TYPE.values()))
        ).select(
            *PAYMENT_KEY,
            "psp_reference",
            "event_day",
            entry_type=entry_type,
            event_us=nw.col("event_at_us"),
            event_minor=nw.when(nw.col("name") == EVENT_BY_TYPE["refund"])
            .then(-nw.col("amount_minor"))
            .otherwise(nw.col("amount_minor")),
        ),
        large=True,
    )
    columns = [*PAYMENT_KEY, "currency", "payment_method", "captured_minor", "refunded_minor"]
    joined = join_large(
        done, payments.select(columns), PAYMENT_KEY, add=("currency", "payment_method")
    )
    rows = joined.rows.filter(~nw.col("currency").is_null())
    return Movements(_number_rows(rows), joined.unmatched)


def _number_rows(movements: LazyFrame) -> LazyFrame:
    """Leave out repeated events, and number the others that share an operation."""
    if has_distinct_rows(movements.select(_SAME_OPERATION)):
        return movements.with_columns(match_n=nw.lit(1, nw.Int64))
    if not has_distinct_rows(movements):
        columns = movements.collect_schema().names()
        movements = materialize(movements.group_by(*columns).agg(times=nw.len()).drop("times"))
    return _number_repeated(movements)


def _number_repeated(movements: LazyFrame) -> LazyFrame:
    first = nw.lit(1, nw.Int64)
    repeated = materialize(
        movements.group_by(*_SAME_OPERATION)
        .agg(rows=nw.len())
        .filter(nw.col("rows") > 1)
        .drop("rows")
    )
    several = movements.join(repeated, on=_SAME_OPERATION, how="semi")
    return materialize(
        nw.concat(
            [
                movements.join(repeated, on=_SAME_OPERATION, how="anti").with_columns(
                    match_n=first
                ),
                number_rows(
                    several,
                    tuple(_SAME_OPERATION),
                    ["event_us", "event_minor", "reference"],
                    "match_n",
                ),
            ],
            how="vertical",
        )
    )


def sum_payments_without_events(unmoved: LazyFrame, events: LazyFrame) -> LazyFrame:
    """Sum captured and refunded of the payments of which no event is known.

    Their movements cannot be compared with the ledger. Of other payments, what the totals and the
    events state differently is `aggregate_mismatch`.

    Args:
        unmoved: See `Movements`.
        events: The event log.

    Returns:
        msn, currency, amount (captured less refunded) and rows.
    """
    candidates = materialize(
        unmoved.filter((nw.col("captured_minor") != 0) | (nw.col("refunded_minor") != 0))
    )
    if not is_empty(candidates):
        logged = events.select(*PAYMENT_KEY).join(candidates, on=PAYMENT_KEY, how="semi").unique()
        candidates = candidates.join(materialize(logged), on=PAYMENT_KEY, how="anti")
    return (
        candidates.select(
            "msn",
            "currency",
            amount=nw.col("captured_minor") - nw.col("refunded_minor"),
            each=nw.lit(1, nw.Int64),
        )
        .group_by("msn", "currency")
        .agg(amount=nw.col("amount").sum().cast(nw.Int64), rows=nw.col("each").sum().cast(nw.Int64))
    )
