"""Find why a month is incomplete although every reference was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.texts import say
from vippsrecon.workflow.coverage import Gap, find_missing_days
from vippsrecon.workflow.preflight import describe_clock_problem

if TYPE_CHECKING:
    from vippsrecon.config.settings import SalesUnit
    from vippsrecon.fetching import Fetched
    from vippsrecon.sources import OrderFiles
    from vippsrecon.workflow.saved_run import FetchFacts


def find_gaps(  # noqa: PLR0917 (each is named in the month)
    files: OrderFiles[pl.DataFrame],
    fetched: Fetched[pl.DataFrame],
    facts: FetchFacts,
    period: tuple[date | None, date | None],
    cutoff: datetime,
    units: Sequence[SalesUnit],
) -> Iterator[Gap]:
    """Yield the days that the exports miss, a clock that contradicts the data, and an unread ledger.

    Args:
        files: The exports.
        fetched: Payments, events and failures.
        facts: What was true when they were fetched.
        period: First and last day; None: no limit.
        cutoff: The cut-off time.
        units: The sales units, for their time zones.
    """
    for missing in find_missing_days(files.orders, fetched.payments, period, cutoff, units):
        yield Gap(missing.describe(), missing.explain(files))
    clock_problem = facts.clock_problem or describe_clock_problem(0, fetched)
    if clock_problem:
        yield Gap(say("gaps.clock"), clock_problem)
    if facts.ledger_failed:
        yield Gap(say("gaps.ledger"))
