"""Grade discrepancies by kind, money at risk, deadline and age."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.codes import CODES
from vippsrecon.reconciliation.engines.backends import LazyFrame
from vippsrecon.schemas import SEVERITIES

SEVERITY_BY_KIND = {code.name: code.severity for code in CODES if code.bucket == "discrepancy"}
"""Severity of each kind before money, deadline and age are considered."""

KINDS_WITHOUT_RISK = tuple(code.name for code in CODES if not code.can_be_at_risk)
"""Kinds that never have money at risk. The rule that a discrepancy without money at risk is *low*
does not apply to them."""

KINDS_USING_TOTAL = tuple(code.name for code in CODES if code.uses_total)
"""Kinds that compare with the order's total: a flag that explains a wrong total lowers only these."""

LARGE_AMOUNT_MINOR = {"NOK": 1_000_000, "DKK": 1_000_000, "SEK": 1_000_000}
DEFAULT_LARGE_AMOUNT_MINOR = 100_000
"""From this amount at risk, severity is one step higher: 10,000 kroner, or 1,000 EUR, USD, GBP."""

OLD_AFTER_DAYS = 30
"""From this many days after the first run that reported a discrepancy, it is one step more severe."""


def add_severity(discrepancies: LazyFrame, rounding_cap_minor: int) -> LazyFrame:
    """Add `severity` and its `rank` (0 is the worst).

    Args:
        discrepancies: Discrepancies with kind, currency, flags, difference_minor, at_risk_minor,
            age_days and near (True: a deadline within three days).
        rounding_cap_minor: Limit per currency on the sum of rounding differences, in minor units.
            Up to this sum they are *info*.

    A missing refund that the shop recorded by hand was probably paid another way, so it is *medium*
    at most. Above the limit, every rounding difference of the currency is *medium*. Shopware's truncation
    is a known effect of its plugin and has no limit.
    """
    kind, at_risk = nw.col("kind"), nw.col("at_risk_minor")
    truncation = nw.col("flags").str.contains("shopware_truncation", literal=True)
    counts_toward_cap = (kind == "rounding_difference") & ~truncation
    rounding = (
        nw.when(counts_toward_cap).then(nw.col("difference_minor").abs()).otherwise(nw.lit(0))
    )
    # Null for a kind without a row in CODES, so that the frame's schema rejects the row.
    by_kind: nw.Expr = nw.lit(None).cast(nw.Int64)
    for name, severity in SEVERITY_BY_KIND.items():
        by_kind = nw.when(kind == name).then(nw.lit(SEVERITIES.index(severity))).otherwise(by_kind)
    summed = discrepancies.with_columns(
        rounding=rounding, base=by_kind.cast(nw.Int64)
    ).with_columns(rounding_sum=nw.col("rounding").sum().over("currency").cast(nw.Int64))
    wrong_total = nw.col("flags").str.contains("express_shipping", literal=True) | nw.col(
        "flags"
    ).str.contains("split_tender", literal=True)
    known_effect = wrong_total & kind.is_in(list(KINDS_USING_TOTAL))
    by_hand = (kind == "refund_missing_at_vipps") & nw.col("flags").str.contains(
        "recorded_by_hand", literal=True
    )
    low, medium, info = (SEVERITIES.index(name) for name in ("low", "medium", "info"))
    base = nw.col("base")
    lowered = (known_effect | (at_risk == 0)) & ~kind.is_in(list(KINDS_WITHOUT_RISK)) & (base > 0)
    base = nw.when(lowered).then(nw.lit(low)).otherwise(base)
    past_cap = counts_toward_cap & (nw.col("rounding_sum") > rounding_cap_minor)
    base = nw.when(past_cap).then(nw.lit(medium)).otherwise(base)
    base = nw.when((at_risk > 0) & nw.col("near")).then(nw.lit(0)).otherwise(base)
    large: nw.Expr = at_risk >= DEFAULT_LARGE_AMOUNT_MINOR
    for currency, minor in LARGE_AMOUNT_MINOR.items():
        large = nw.when(nw.col("currency") == currency).then(at_risk >= minor).otherwise(large)
    old = (nw.col("age_days") >= OLD_AFTER_DAYS).fill_null(value=False)
    with_base = summed.with_columns(base=base.cast(nw.Int64))
    step_up = (large | old) & (nw.col("base") > 0) & (nw.col("base") < info)
    rank = nw.when(step_up).then(nw.col("base") - 1).otherwise(nw.col("base"))
    ranked = with_base.with_columns(
        rank=nw.when(by_hand & (rank < medium)).then(nw.lit(medium)).otherwise(rank).cast(nw.Int64)
    )
    name_of: nw.Expr = nw.lit(None).cast(nw.String)
    for number, severity in enumerate(SEVERITIES):
        name_of = nw.when(nw.col("rank") == number).then(nw.lit(severity)).otherwise(name_of)
    return ranked.with_columns(severity=name_of).drop("rounding", "rounding_sum", "base")
