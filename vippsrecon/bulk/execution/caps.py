"""Caps on sums: what a row past one is told, and which rows a dry run foresees past one."""

from __future__ import annotations

from contextlib import suppress

from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.errors import ConfigurationError
from vippsrecon.money import format_amount
from vippsrecon.store import Cap, CapExceeded, read_cap_usage


def describe_cap_breach(over: CapExceeded) -> str:
    """Say which cap a row would pass.

    >>> describe_cap_breach(CapExceeded("day:2026-01-31", 1000, 600, "NOK"))
    'it would pass the cap of 10.00 NOK (day), of which 6.00 NOK is taken'
    """
    return (
        f"it would pass the cap of {format_amount(over.limit, over.currency)} "
        f"({over.scope.partition(':')[0]}), of which "
        f"{format_amount(over.reserved, over.currency)} is taken"
    )


def predict_cap_breaches(
    desk: RunContext, results: list[RowResult], reserved: set[int]
) -> list[RowResult]:
    """Return a dry run's results with the rows refused that a live run's caps would not let pass.

    Rows are counted in the plan's order; a live run's, in the order they are sent in.

    Args:
        desk: What the rows would be carried out with.
        results: One for each row of the plan.
        reserved: Rows whose caps an earlier run has reserved already.
    """
    used: dict[tuple[str, str], int] = {}
    told = []
    for row, result in zip(desk.plan.rows, results, strict=True):
        if result.outcome != "would_do" or row.row in reserved:
            told.append(result)
            continue
        over = None
        caps: tuple[Cap, ...] = ()
        with suppress(ConfigurationError):  # production without caps: a live run says so first
            caps = tuple(desk.find_row_caps(row))
        for scope, currency, limit in caps:
            if (scope, currency) not in used:
                sums = (
                    {}
                    if desk.store is None
                    else read_cap_usage(desk.store, desk.plan.environment, scope)
                )
                used[scope, currency] = sums.get(currency, 0)
            taken = used[scope, currency]
            if limit is not None and taken + row.amount_minor > limit:
                over = over or CapExceeded(scope, limit, taken, currency)
        if over is None:
            for scope, currency, _ in caps:
                used[scope, currency] += row.amount_minor
            told.append(result)
        else:
            refused = RowResult(row.row, "refused", describe_cap_breach(over), before=result.before)
            told.append(refused._replace(after=result.before))
    return told
