"""Prove that the entries of a ledger follow one another: each begins with the balance before it.

Entries of one moment have no order of their own, so a day is proved without one. In an unbroken day
every balance that an entry ends with is the one that another begins with, except one at each end.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize

_DAY = ["ledger_id", "topic", "currency", "ledger_day"]


def check_balances(entries: LazyFrame) -> LazyFrame:
    """Return one row per ledger, topic and day with balances.

    Args:
        entries: Result of `entries.prepare_entries`. Entries without balances are left out.

    Returns:
        msn (the ledger's first), currency, `opening`, `closing_before` (the balance that the
        day before ended with; null for the first day), `broken` and `discriminator`.
    """
    stated = materialize(
        entries.filter(
            ~nw.col("balance_before_minor").is_null() & ~nw.col("balance_after_minor").is_null()
        ).select(
            *_DAY,
            "msn",
            "ledger_date",
            before=nw.col("balance_before_minor"),
            after=nw.col("balance_after_minor"),
            amount=nw.col("amount_minor"),
        ),
        large=True,
    )
    one, minus_one = nw.lit(1, nw.Int64), nw.lit(-1, nw.Int64)
    ends = materialize(
        nw.concat(
            [
                stated.select(*_DAY, value=nw.col("before"), times=one),
                stated.select(*_DAY, value=nw.col("after"), times=minus_one),
            ],
            how="vertical",
        )
        .group_by(*_DAY, "value")
        .agg(times=nw.col("times").sum().cast(nw.Int64)),
        large=True,
    )
    zero = nw.lit(0, nw.Int64)
    begins, stops = nw.col("times") > 0, nw.col("times") < 0
    days = ends.select(
        *_DAY,
        begins=nw.when(begins).then(nw.col("times")).otherwise(zero),
        opening=nw.when(begins).then(nw.col("value")),
        closing=nw.when(stops).then(nw.col("value")),
    )
    summed = days.group_by(*_DAY).agg(
        begins=nw.col("begins").sum().cast(nw.Int64),
        opening=nw.col("opening").max(),
        closing=nw.col("closing").max(),
    )
    facts = (
        stated.with_columns(
            wrong=nw.when(nw.col("before") + nw.col("amount") != nw.col("after"))
            .then(one)
            .otherwise(zero)
        )
        .group_by(*_DAY)
        .agg(
            msn=nw.col("msn").min(),
            ledger_date=nw.col("ledger_date").max(),
            wrong=nw.col("wrong").max(),
        )
    )
    return _compare_days(materialize(facts.join(summed, on=_DAY, how="left")))


def _compare_days(days: LazyFrame) -> LazyFrame:
    """Add the closing balance of the day before.

    A day that ends with the balance it began with has no entry at either end that stands out. If it
    has several such balances, its own is not known: it is then taken to continue the day before.
    """
    circular = nw.col("begins") == 0
    ledger = ("ledger_id", "topic", "currency")
    # The balance that a run of days ends with: carried over days that begin and end alike.
    ordered = days.with_columns(
        known=nw.when(circular).then(nw.lit(0, nw.Int64)).otherwise(nw.lit(1, nw.Int64))
    )
    grouped = materialize(
        ordered.with_columns(
            part=nw.col("known").cum_sum().over(*ledger, order_by="ledger_day").cast(nw.Int64)
        )
    )
    carried = grouped.filter(~circular).select(
        *ledger, part=nw.col("part") + 1, closing_before=nw.col("closing")
    )
    with_before = grouped.filter(~circular).join(carried, on=[*ledger, "part"], how="left")
    first_wrong = nw.col("wrong") > 0
    gap = (nw.col("opening") != nw.col("closing_before")).fill_null(value=False)
    several = nw.col("begins") > 1
    names = [*ledger, "ledger_day", "msn", "ledger_date", "opening", "closing_before", "broken"]
    circular_rows = grouped.filter(circular).with_columns(
        opening=nw.lit(None).cast(nw.Int64),
        closing_before=nw.lit(None).cast(nw.Int64),
        broken=first_wrong,
    )
    rows = nw.concat(
        [
            with_before.with_columns(
                broken=gap | several | first_wrong,
                opening=nw.when(~several).then(nw.col("opening")),
            ).select(names),
            circular_rows.select(names),
        ],
        how="vertical",
    )
    return materialize(
        rows.with_columns(
            reference=nw.lit(None).cast(nw.String),
            discriminator=nw.concat_str(
                nw.col("ledger_id"),
                nw.lit(":"),
                nw.col("topic"),
                nw.lit(":"),
                nw.col("currency"),
                nw.lit(":"),
                nw.col("ledger_date").cast(nw.String),
            ),
        )
    )
