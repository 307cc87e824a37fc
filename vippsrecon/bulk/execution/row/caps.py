"""Caps on sums: describe a row that would exceed one, and predict such rows in a dry run."""

from __future__ import annotations

from contextlib import suppress

from vippsrecon.bulk.execution.context import RunContext
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.errors import ConfigurationError
from vippsrecon.money import format_amount
from vippsrecon.store import Cap, CapExceeded, read_cap_usage


def describe_cap_breach(breach: CapExceeded) -> str:
    """Describe the cap that a row would exceed, in one sentence.

    >>> describe_cap_breach(CapExceeded("day:2026-01-31", 1000, 600, "NOK"))
    'it would exceed the cap of 10.00 NOK (day); 6.00 NOK is already used'
    """
    return (
        f"it would exceed the cap of {format_amount(breach.limit, breach.currency)} "
        f"({breach.scope.partition(':')[0]}); "
        f"{format_amount(breach.reserved, breach.currency)} is already used"
    )


def predict_cap_breaches(
    context: RunContext, results: list[RowResult], reserved: set[int]
) -> list[RowResult]:
    """Refuse the rows of a dry run that would exceed a cap in a live run.

    Rows count in the plan's order here; in a live run they count in the order they are sent.

    Args:
        context: What all rows of the run share.
        results: One for each row of the plan, in its order.
        reserved: Row numbers that an earlier run has already counted against the caps.
    """
    used: dict[tuple[str, str], int] = {}
    checked = []
    for row, result in zip(context.plan.rows, results, strict=True):
        if result.outcome != "would_do" or row.row in reserved:
            checked.append(result)
            continue
        breach = None
        caps: tuple[Cap, ...] = ()
        with suppress(
            ConfigurationError
        ):  # A live run refuses production without caps before it comes here.
            caps = tuple(context.find_row_caps(row))
        for scope, currency, limit in caps:
            if (scope, currency) not in used:
                sums = (
                    {}
                    if context.store is None
                    else read_cap_usage(context.store, context.plan.environment, scope)
                )
                used[scope, currency] = sums.get(currency, 0)
            reserved_minor = used[scope, currency]
            if limit is not None and reserved_minor + row.amount_minor > limit:
                breach = breach or CapExceeded(scope, limit, reserved_minor, currency)
        if breach is None:
            for scope, currency, _ in caps:
                used[scope, currency] += row.amount_minor
            checked.append(result)
        else:
            refused = RowResult(
                row.row, "refused", describe_cap_breach(breach), before=result.before
            )
            checked.append(refused._replace(after=result.before))
    return checked
