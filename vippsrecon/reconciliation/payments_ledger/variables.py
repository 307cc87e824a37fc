"""Add to each pair of event and entry what its checks need: days, period, and what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import narwhals.stable.v2 as nw

from vippsrecon.bank_days import MIDNIGHT
from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import EPOCH
from vippsrecon.reconciliation.days import local_day_expression
from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.reconciliation.engines.joins import select_candidates
from vippsrecon.reconciliation.orders_payments.variables import is_in_keys
from vippsrecon.reconciliation.payments_ledger.coverage import (
    LedgerDays,
    add_ledger_days,
    is_in_period,
)
from vippsrecon.reconciliation.payments_ledger.pairs import Pairs
from vippsrecon.schemas.inputs import PAYMENT_KEY

NOT_ON_LEDGER_AFTER_DAYS = 3
"""Local days after which a capture or refund must be on the ledger.

The Report API lags seconds, at worst hours, and its day may be the next one.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""


@dataclass(frozen=True)
class LedgerOptions:
    """Settings of the comparison with the ledger.

    Attributes:
        run_day: Local day of the cut-off time, as a day number.
        days: Sales unit to the days that its ledger covers.
        period: First and last day, as day numbers; None for all days.
        waived: (msn, reference) of payments that the user ignores.
        units: Sales units, for the time at which a day of their ledger ends.
    """

    run_day: int
    days: Mapping[str, LedgerDays]
    period: tuple[int, int] | None = None
    waived: frozenset[tuple[str, str]] = frozenset()
    units: Sequence[SalesUnit] = ()


def add_pair_variables(
    pairs: Pairs, payments: LazyFrame, unanswered: LazyFrame | None, options: LedgerOptions
) -> LazyFrame:
    """Stack the pairs and add what the checks of `entry` need.

    Args:
        pairs: Result of `pairs.pair_movements_and_entries`.
        payments: msn, reference and fetched_at_us.
        unanswered: msn and reference of payments that could not be read; None for none.
        options: Settings of the comparison.

    Returns:
        All rows with `event_in` and `entry_in` (in the period, and covered by the ledger),
        `accounting_day` (of the event), `overdue`, `later_entry` (booked after its payment was fetched), `unread` and `waived_payment`.
    """
    event_day = nw.col("event_day")
    read_until = (
        nw.when(nw.col("last_day") < options.run_day)
        .then(nw.col("last_day"))
        .otherwise(nw.lit(options.run_day))
    )
    accounting_day = nw.col("accounting_day")
    overdue = (read_until - accounting_day > NOT_ON_LEDGER_AFTER_DAYS) | (
        nw.col("closed_day") > accounting_day
    )
    no = nw.lit(value=False)
    stacked = nw.concat(
        [
            pairs.with_event.with_columns(later_entry=no, unread=no),
            _add_payment_facts(pairs.lone_entries, payments, unanswered),
        ],
        how="vertical",
    ).with_columns(accounting_day=_find_accounting_day(options))
    return materialize(
        add_ledger_days(stacked, options.days).with_columns(
            event_in=(
                is_in_period(event_day, options.period) & (event_day >= nw.col("first_day"))
            ).fill_null(value=False),
            entry_in=is_in_period(nw.col("ledger_day"), options.period).fill_null(value=False),
            overdue=overdue.fill_null(value=False),
            waived_payment=is_in_keys(options.waived, nw.col("reference")),
        )
    )


def _find_accounting_day(options: LedgerOptions) -> nw.Expr:
    """Return the day of the ledger on which an event is due: its local day, up to the cut-off."""
    day: nw.Expr = nw.col("event_day")
    # The year after, since an event may be later than the run.
    latest_year = (EPOCH.date() + timedelta(days=options.run_day)).year + 1
    for unit in options.units:
        if unit.cut_off != MIDNIGHT:
            own = local_day_expression(nw.col("event_us"), unit.zone, latest_year, unit.cut_off)
            day = nw.when(nw.col("msn") == unit.msn).then(own).otherwise(day)
    return day


def _add_payment_facts(
    lone_entries: LazyFrame, payments: LazyFrame, unanswered: LazyFrame | None
) -> LazyFrame:
    """Add `later_entry` and `unread`, which only an entry without an event needs."""
    no = nw.lit(value=False)
    if is_empty(lone_entries):
        return lone_entries.with_columns(later_entry=no, unread=no)
    named = select_candidates(payments, lone_entries, PAYMENT_KEY)
    fetched = lone_entries.join(
        named.select(*PAYMENT_KEY, "fetched_at_us"), on=PAYMENT_KEY, how="left"
    )
    if unanswered is not None:
        marked = unanswered.select(*PAYMENT_KEY).unique().with_columns(unread=nw.lit(value=True))
        fetched = fetched.join(marked, on=PAYMENT_KEY, how="left").with_columns(
            unread=nw.col("unread").fill_null(value=False)
        )
    else:
        fetched = fetched.with_columns(unread=no)
    later = (nw.col("entry_us") > nw.col("fetched_at_us")).fill_null(value=False)
    return materialize(fetched.with_columns(later_entry=later)).select(
        *lone_entries.collect_schema().names(), "later_entry", "unread"
    )
