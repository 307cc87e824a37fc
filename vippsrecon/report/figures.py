"""The figures of a report, computed once from the frames and shown by every kind of report.

Everything is per currency; nothing here adds two. The workbook shows the same figures as live
formulas, and its check cells compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.report import names
from vippsrecon.schemas import SEVERITIES

if TYPE_CHECKING:
    from vippsrecon.report.frames import ReportFrames


@dataclass(frozen=True)
class CurrencyTotals:
    """One currency at a glance. Amounts in minor units."""

    currency: str
    orders: int
    ordered_minor: int
    payments: int
    captured_minor: int
    refunded_minor: int
    discrepancies: int
    at_risk_minor: int


@dataclass(frozen=True)
class CodeTotals:
    """One code in one currency. Amounts in minor units; `severity` is the worst of its rows."""

    currency: str
    kind: str
    severity: str
    rows: int
    difference_minor: int
    at_risk_minor: int


@dataclass(frozen=True)
class BucketTotals:
    """One bucket and kind in one currency: its rows on either side. Minor units."""

    currency: str
    bucket: str
    kind: str
    orders: int
    ordered_minor: int
    payments: int
    captured_minor: int


@dataclass(frozen=True)
class LargeGroup:
    """More rows of one code and cause than anyone reads one by one. Minor units.

    Attributes:
        share: Of all pairs, from 0 to 1.
        where: What most of them have in common; "" for nothing.
    """

    currency: str
    kind: str
    cause: str
    rows: int
    at_risk_minor: int
    share: Decimal
    where: str


@dataclass(frozen=True)
class BridgeLeg:
    """One leg of the bridge of one sales unit and currency. Minor units.

    Attributes:
        lines: (line, signed amount, rows); they sum to `foot_minor`.
        fetched_minor: The payments' own totals, as fetched.
    """

    currency: str
    msn: str
    leg: str
    lines: tuple[tuple[str, int, int], ...]
    bridge_total_minor: int
    fetched_minor: int


@dataclass(frozen=True)
class ReportFigures:
    """All figures of a report, each list in the order it is shown."""

    currencies: tuple[str, ...]
    currency_totals: tuple[CurrencyTotals, ...]
    codes: tuple[CodeTotals, ...]
    buckets: tuple[BucketTotals, ...]
    groups: tuple[LargeGroup, ...]
    legs: tuple[BridgeLeg, ...]
    unread: int
    rejects: int

    def select_codes(self, currency: str) -> tuple[CodeTotals, ...]:
        """Return one currency's codes, most at risk first."""
        return tuple(code for code in self.codes if code.currency == currency)

    def select_buckets(self, currency: str) -> tuple[BucketTotals, ...]:
        """Return one currency's buckets, matched first."""
        return tuple(bucket for bucket in self.buckets if bucket.currency == currency)

    def sum_bridge_leg(self, leg: str, currency: str) -> int:
        """Return where a leg of the bridge ends in one currency, over its sales units."""
        return sum(
            one.bridge_total_minor
            for one in self.legs
            if (one.leg, one.currency) == (leg, currency)
        )


def compute_figures(frames: ReportFrames) -> ReportFigures:
    """Compute the figures of a report."""
    currencies = tuple(
        sorted(
            {
                currency
                for frame in (frames.orders, frames.payments, frames.discrepancies, frames.bridge)
                for currency in frame["currency"].unique().drop_nulls()
            }
        )
    )
    codes = _compute_code_totals(frames)
    return ReportFigures(
        currencies=currencies,
        currency_totals=tuple(
            _compute_currency_totals(frames, currency) for currency in currencies
        ),
        codes=codes,
        buckets=_compute_bucket_totals(frames),
        groups=_select_large_groups(frames),
        legs=_compute_bridge_legs(frames),
        unread=count_unanswered(frames.failures),
        rejects=frames.rejects.height,
    )


def count_unanswered(failures: pl.DataFrame) -> int:
    """Return how many references could not be read: a 404 is an answer, a refusal to send is ours."""
    holes = (pl.col("operation") != "not_sent") & (pl.col("status").fill_null(0) != 404)
    return failures.filter(holes).select("msn", "reference").n_unique()


def _compute_currency_totals(frames: ReportFrames, currency: str) -> CurrencyTotals:
    def of(frame: pl.DataFrame, *names: str) -> list[int]:
        kept = frame.filter(pl.col("currency") == currency)
        return [kept.height, *(int(kept[name].sum()) for name in names)]

    orders, ordered = of(frames.orders, "total_minor")
    payments, captured, refunded = of(frames.payments, "captured_minor", "refunded_minor")
    discrepancies, at_risk = of(frames.discrepancies, "at_risk_minor")
    return CurrencyTotals(
        currency, orders, ordered, payments, captured, refunded, discrepancies, at_risk
    )


def _compute_code_totals(frames: ReportFrames) -> tuple[CodeTotals, ...]:
    rank = {name: position for position, name in enumerate(SEVERITIES)}
    worst: dict[tuple[str, str], str] = {}
    for currency, kind, severity in (
        frames.discrepancies.select("currency", "kind", "severity").unique().iter_rows()
    ):
        known = worst.get((currency, kind), severity)
        worst[currency, kind] = min(known, severity, key=rank.__getitem__)
    found = [
        CodeTotals(
            row["currency"],
            row["kind"],
            worst.get((row["currency"], row["kind"]), ""),
            row["rows"],
            row["difference_minor"],
            row["at_risk_minor"],
        )
        for row in frames.summary.filter(pl.col("bucket") == "discrepancy").iter_rows(named=True)
    ]
    found.sort(key=lambda c: (c.currency, -c.at_risk_minor, rank.get(c.severity, 9), c.kind))
    return tuple(found)


def _compute_bucket_totals(frames: ReportFrames) -> tuple[BucketTotals, ...]:
    keys = ["currency", "bucket", "kind"]
    sums: dict[tuple[Any, ...], list[int]] = {}
    sides = ((frames.orders, "total_minor", 0), (frames.payments, "captured_minor", 2))
    for frame, amount, place in sides:
        counted = frame.group_by(pl.col(keys).fill_null("")).agg(
            rows=pl.len(), minor=pl.col(amount).sum()
        )
        for *key, rows, minor in counted.iter_rows():
            held = sums.setdefault(tuple(key), [0, 0, 0, 0])
            held[place : place + 2] = [rows, minor]
    order = {name: position for position, name in enumerate(names.BUCKET_NAMES)}
    return tuple(
        BucketTotals(*key, *held)
        for key, held in sorted(
            sums.items(), key=lambda item: (item[0][0], order.get(item[0][1], 9), item[0][2])
        )
    )


def _select_large_groups(frames: ReportFrames) -> tuple[LargeGroup, ...]:
    large = frames.groups.filter(pl.col("rows") > LARGE_GROUP_ROWS).sort(
        "currency",
        "at_risk_minor",
        "rows",
        "kind",
        "cause",
        descending=[False, True, True, False, False],
    )
    return tuple(
        LargeGroup(
            row["currency"],
            row["kind"],
            row["cause"],
            row["rows"],
            row["at_risk_minor"],
            Decimal(row["share_permille"]).scaleb(-3),
            f"mostly store {row['concentrated_in']}" if row["concentrated_in"] else "",
        )
        for row in large.iter_rows(named=True)
    )


def _compute_bridge_legs(frames: ReportFrames) -> tuple[BridgeLeg, ...]:
    found = []
    blocks = frames.bridge.partition_by("currency", "msn", "leg", maintain_order=True)
    for block in blocks:
        rows = block.select("line", "amount_minor", "rows").rows()
        currency, msn, leg = block.select("currency", "msn", "leg").row(0)
        mine = (pl.col("msn") == msn) & (pl.col("currency") == currency)
        fetched = int(frames.payments.filter(mine)[f"{leg}_minor"].sum())
        found.append(BridgeLeg(currency, msn, leg, tuple(rows[:-1]), rows[-1][1], fetched))
    return tuple(found)
