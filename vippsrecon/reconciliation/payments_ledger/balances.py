"""Prove that the entries of a ledger follow one another: each begins with the balance before it.

Entries of one moment have no order of their own, so a day is proved without one. In an unbroken day
every balance that an entry ends with is the one that another begins with, except for the balance that
the day begins with and the one that it ends with. A closed day ends with its payout, or on the topic
fees with the fees that were retained, so the balance after that entry is the one it ends with.
"""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize
from vippsrecon.reconciliation.engines.joins import number_groups
from vippsrecon.vipps_rules import PAYOUT_TYPES

_DAY = ["ledger_id", "topic", "currency", "ledger_day"]
_LEDGER = ["ledger_id", "topic", "currency"]
_COUNTS = ["begins", "breaks", "stops", "is_open_end", "other_stops"]
_ONE, _ZERO = nw.lit(1, nw.Int64), nw.lit(0, nw.Int64)


def check_balances(entries: LazyFrame) -> LazyFrame:
    """Return one row per ledger, topic and day with balances.

    Args:
        entries: Result of `entries.prepare_entries`. Entries without balances are left out.

    Returns:
        msn (the ledger's first), currency, `broken` and `discriminator`; `closing_before` (the
        balance that should come next) and `opening` (the one that comes), both null where a day
        has several breaks or it is not known which balance is which.
    """
    stated = number_groups(
        materialize(
            entries.filter(
                ~nw.col("balance_before_minor").is_null() & ~nw.col("balance_after_minor").is_null()
            ).select(
                *_DAY,
                "msn",
                "ledger_date",
                is_last=_ends_its_day(),
                before=nw.col("balance_before_minor"),
                after=nw.col("balance_after_minor"),
                computed=nw.col("balance_before_minor") + nw.col("amount_minor"),
            ),
            large=True,
        ),
        _DAY,
        "day",
    )
    counted = _count_ends(
        [
            stated.select("day", value=nw.col("before"), times=_ONE),
            stated.select("day", value=nw.col("after"), times=-_ONE),
        ]
    )
    ends = materialize(counted.filter(nw.col("times") != 0), large=True)
    days = _add_closing(materialize(_collect_days(stated), large=True), ends)
    known = days.select("day", "closing", "closing_before")
    rest = _count_ends(
        [
            ends,
            # What the day begins and ends with has no entry of this day at its other side.
            known.filter(~nw.col("closing_before").is_null()).select(
                "day", value=nw.col("closing_before"), times=-_ONE
            ),
            known.filter(~nw.col("closing").is_null()).select(
                "day", value=nw.col("closing"), times=_ONE
            ),
        ]
    )
    is_before = nw.col("before") == nw.col("closing_before")
    is_reached = is_before | (nw.col("after") == nw.col("closing_before"))
    reached = (
        stated.select("day", "before", "after")
        .join(known, on="day", how="left")
        .with_columns(
            started=nw.when(is_before.fill_null(value=False)).then(_ONE).otherwise(_ZERO),
            reached=nw.when(is_reached.fill_null(value=False)).then(_ONE).otherwise(_ZERO),
        )
        .group_by("day")
        .agg(started=nw.col("started").max(), reached=nw.col("reached").max())
    )
    return _find_breaks(days, materialize(rest), materialize(reached, large=True))


def _ends_its_day() -> nw.Expr:
    """Test for the entry that a closed day ends with."""
    topic, entry_type = nw.col("topic"), nw.col("entry_type")
    return ((topic == "funds") & entry_type.is_in(list(PAYOUT_TYPES))) | (
        (topic == "fees") & (entry_type == "fees-retained")
    )


def _count_ends(parts: list[LazyFrame]) -> LazyFrame:
    """Count how often each balance of a day begins an entry, less how often it ends one."""
    return (
        nw.concat([part.select("day", "value", "times") for part in parts], how="vertical")
        .group_by("day", "value")
        .agg(times=nw.col("times").sum().cast(nw.Int64))
    )


def _collect_days(stated: LazyFrame) -> LazyFrame:
    """Return the days with the balance that each ends with, where an entry shows it."""
    wrong = nw.col("computed") != nw.col("after")
    return (
        stated.with_columns(
            wrong=nw.when(wrong).then(_ONE).otherwise(_ZERO),
            last_after=nw.when(nw.col("is_last")).then(nw.col("after")),
            wrong_expected=nw.when(wrong).then(nw.col("computed")),
            wrong_actual=nw.when(wrong).then(nw.col("after")),
        )
        .group_by("day")
        .agg(
            *(nw.col(name).min() for name in _DAY),
            msn=nw.col("msn").min(),
            ledger_date=nw.col("ledger_date").max(),
            wrong=nw.col("wrong").sum().cast(nw.Int64),
            wrong_expected=nw.col("wrong_expected").max(),
            wrong_actual=nw.col("wrong_actual").max(),
            lowest=nw.col("last_after").min(),
            highest=nw.col("last_after").max(),
        )
        .with_columns(
            # Two payouts that end with different balances cannot both be the last entry.
            last=nw.when(nw.col("lowest") == nw.col("highest")).then(nw.col("highest"))
        )
        .drop("lowest", "highest")
    )


def _add_closing(days: LazyFrame, ends: LazyFrame) -> LazyFrame:
    """Add `closing` (null where not known) and `closing_before`, the closing of the day before.

    A day without a payout ends with the only balance that no entry continues. If there is none, it
    ends with the balance that it begins with, which is that of the day before.
    """
    stops = nw.col("times") < 0
    open_ends = (
        ends.with_columns(
            stops=nw.when(stops).then(-nw.col("times")).otherwise(_ZERO),
            stop=nw.when(stops).then(nw.col("value")),
        )
        .group_by("day")
        .agg(stops=nw.col("stops").sum().cast(nw.Int64), stop=nw.col("stop").max())
    )
    only_stop = nw.when(nw.col("stops") == 1).then(nw.col("stop"))
    continues = (nw.col("stops") == 0) & nw.col("last").is_null()
    joined = materialize(
        days.join(open_ends, on="day", how="left")
        .with_columns(stops=nw.col("stops").fill_null(0))
        .with_columns(
            own_closing=nw.coalesce(nw.col("last"), only_stop),
            known=nw.when(continues).then(_ZERO).otherwise(_ONE),
        )
    )
    # Days that continue the one before have its number, so they share its closing balance.
    numbered = materialize(
        joined.with_columns(
            part=nw.col("known").cum_sum().over(*_LEDGER, order_by="ledger_day").cast(nw.Int64)
        ).with_columns(part_before=nw.col("part") - nw.col("known"))
    )
    closings = numbered.filter(nw.col("known") == 1).select(
        *_LEDGER, part_before=nw.col("part"), closing_before=nw.col("own_closing")
    )
    return materialize(
        numbered.join(closings, on=[*_LEDGER, "part_before"], how="left").select(
            "day",
            *_DAY,
            "msn",
            "ledger_date",
            "wrong",
            "wrong_expected",
            "wrong_actual",
            "closing_before",
            continues=nw.col("known") == 0,
            closing=nw.col("last"),
        )
    )


def _find_breaks(days: LazyFrame, rest: LazyFrame, reached: LazyFrame) -> LazyFrame:
    """Find the balances that are left once the ends of a day are taken out.

    Args:
        days: Result of `_add_closing`.
        rest: Times by day and balance, without the ends of the day that are known; none for a day
            that has no other.
        reached: Whether an entry of the day begins (`started`), or begins or ends (`reached`), with
            the balance of the day before.
    """
    times, value = nw.col("times"), nw.col("value")
    begins, stops = times > 0, times < 0
    is_closing = (value == nw.col("closing")).fill_null(value=False)
    # The first day may begin as it ends: a balance of zero after each payout.
    is_break = begins & ~(nw.col("closing_before").is_null() & is_closing)
    ends = nw.col("closing_before")
    left = (
        rest.join(days.select("day", "closing", "closing_before"), on="day", how="left")
        .with_columns(
            begins=nw.when(begins).then(times).otherwise(_ZERO),
            breaks=nw.when(is_break).then(times).otherwise(_ZERO),
            stops=nw.when(stops).then(-times).otherwise(_ZERO),
            actual=nw.when(is_break).then(value),
            expected=nw.when(stops).then(value),
            # Where an entry begins with that balance, the same balance is the end of an open day.
            is_open_end=nw.when(stops & (value == ends).fill_null(value=False))
            .then(_ONE)
            .otherwise(_ZERO),
            other_stop=nw.when(stops & (value != ends).fill_null(value=False)).then(value),
            other_stops=nw.when(stops & (value != ends).fill_null(value=False))
            .then(-times)
            .otherwise(_ZERO),
        )
        .group_by("day")
        .agg(
            begins=nw.col("begins").sum().cast(nw.Int64),
            breaks=nw.col("breaks").sum().cast(nw.Int64),
            stops=nw.col("stops").sum().cast(nw.Int64),
            actual=nw.col("actual").max(),
            expected=nw.col("expected").max(),
            is_open_end=nw.col("is_open_end").max(),
            other_stop=nw.col("other_stop").max(),
            other_stops=nw.col("other_stops").sum().cast(nw.Int64),
        )
    )
    is_first = nw.col("closing_before").is_null()
    allowed = nw.when(is_first).then(_ONE).otherwise(_ZERO)
    unreached = nw.col("continues") & ~is_first & (nw.col("reached") == 0)
    chain_broken = nw.col("begins") > allowed
    wrong = nw.col("wrong") > 0
    at_start = (nw.col("is_open_end") == 1) & (nw.col("started") == 0)
    ends_as_it_began = (nw.col("is_open_end") == 1) & (nw.col("started") == 1)
    expected = (
        nw.when(at_start)
        .then(nw.col("closing_before"))
        .otherwise(
            nw.when(nw.col("stops") == 1)
            .then(nw.col("expected"))
            .otherwise(
                nw.when(ends_as_it_began & (nw.col("other_stops") == 1)).then(nw.col("other_stop"))
            )
        )
    )
    joined = materialize(
        days.join(materialize(left), on="day", how="left")
        .with_columns(nw.col(*_COUNTS).fill_null(0))
        .join(reached, on="day", how="left")
        .with_columns(chain_broken=chain_broken, unreached=unreached)
    )
    only_wrong = ~nw.col("chain_broken") & (nw.col("wrong") == 1)
    return materialize(
        joined.select(
            "msn",
            "currency",
            broken=nw.col("chain_broken") | wrong | nw.col("unreached"),
            closing_before=nw.when(only_wrong)
            .then(nw.col("wrong_expected"))
            .otherwise(
                nw.when(nw.col("unreached")).then(nw.col("closing_before")).otherwise(expected)
            ),
            opening=nw.when(only_wrong)
            .then(nw.col("wrong_actual"))
            .otherwise(nw.when(nw.col("breaks") == 1).then(nw.col("actual"))),
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
