"""Compute the figures of a report once, for the workbook, the terminal and the notebook.

All figures are per currency; currencies are never added. The workbook shows the same figures as
formulas, and its check cells compare the two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import polars as pl

from vippsrecon.reconciliation.results.groups import LARGE_GROUP_ROWS
from vippsrecon.report import names
from vippsrecon.report.frames import ReportFrames, build_report_frames
from vippsrecon.report.money.statement import StatementBlock, compute_statement
from vippsrecon.report.money.verdicts import LegVerdict, describe_ledgers
from vippsrecon.report.totals.ages import (
    AgeTotals,
    DecisionTotals,
    compute_age_totals,
    compute_decision_totals,
)
from vippsrecon.report.totals.concentration import Concentration, find_concentrations
from vippsrecon.report.totals.open_items import (
    ItemTotals,
    compute_item_totals,
    select_items_with_history,
)
from vippsrecon.report.totals.reservations import ReservationTotals, compute_reservation_totals
from vippsrecon.schemas import SEVERITIES
from vippsrecon.schemas.failure_effects import FailureEffect, select_failures
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.texts import get_language, say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation


AS_FETCHED = "_as_fetched"
"""Suffix of the leg that continues from a leg's total to the payments' own totals."""

SHOP_LEGS = ("captured", "refunded")
"""The legs of the bridge that begin with the shop's orders."""


@dataclass(frozen=True)
class CurrencyTotals:
    """The main totals of one currency. Amounts in minor units."""

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
    """The totals of one code in one currency. Minor units; `severity` is the worst of its rows."""

    currency: str
    kind: str
    severity: str
    rows: int
    difference_minor: int
    at_risk_minor: int


@dataclass(frozen=True)
class BucketTotals:
    """The rows of one bucket and kind in one currency, on both sides. Minor units."""

    currency: str
    bucket: str
    kind: str
    orders: int
    ordered_minor: int
    payments: int
    captured_minor: int


@dataclass(frozen=True)
class LargeGroup:
    """More rows of one code and cause than a person reads one by one. Minor units.

    Attributes:
        share: Share of all pairs, from 0 to 1.
        where: What most of the rows have in common; "" for nothing.
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
        lines: (line, signed amount, rows); the amounts add up to `bridge_total_minor`.
        lines_to_fetched: (line, signed amount, rows) that, added to `bridge_total_minor`, give
            `fetched_minor`.
        fetched_minor: Sum of the payments' own totals, as fetched.
    """

    currency: str
    msn: str
    leg: str
    lines: tuple[tuple[str, int, int], ...]
    bridge_total_minor: int
    lines_to_fetched: tuple[tuple[str, int, int], ...]
    fetched_minor: int


@dataclass(frozen=True)
class ReportFigures:
    """All figures of a report. Each tuple is in the order in which it is shown."""

    currencies: tuple[str, ...]
    currency_totals: tuple[CurrencyTotals, ...]
    codes: tuple[CodeTotals, ...]
    ages: tuple[AgeTotals, ...]
    decisions: tuple[DecisionTotals, ...]
    open_items: tuple[ItemTotals, ...]
    reservations: tuple[ReservationTotals, ...]
    buckets: tuple[BucketTotals, ...]
    groups: tuple[LargeGroup, ...]
    concentrations: tuple[Concentration, ...]
    legs: tuple[BridgeLeg, ...]
    statement: tuple[StatementBlock, ...]
    verdicts: tuple[LegVerdict, ...]
    ledgers: tuple[str, ...]
    unread: int
    not_found: int
    not_sent: int
    rejects: int

    def select_codes(self, currency: str) -> tuple[CodeTotals, ...]:
        """Return the codes of one currency, highest amount at risk first."""
        return tuple(code for code in self.codes if code.currency == currency)

    def select_ages(self, currency: str) -> tuple[AgeTotals, ...]:
        """Return the age bands of one currency, youngest first; none without a discrepancy."""
        return tuple(age for age in self.ages if age.currency == currency)

    def select_decisions(self, currency: str) -> tuple[DecisionTotals, ...]:
        """Return what is undecided and decided in one currency; none without a discrepancy."""
        return tuple(each for each in self.decisions if each.currency == currency)

    def select_open_items(self, currency: str) -> tuple[ItemTotals, ...]:
        """Return the open items of one currency by status; none if no earlier run is known."""
        return tuple(each for each in self.open_items if each.currency == currency)

    def select_reservations(self, currency: str) -> tuple[ReservationTotals, ...]:
        """Return what is reserved in one currency by days left; none without a reservation."""
        return tuple(each for each in self.reservations if each.currency == currency)

    def select_buckets(self, currency: str) -> tuple[BucketTotals, ...]:
        """Return the buckets of one currency, matched first."""
        return tuple(bucket for bucket in self.buckets if bucket.currency == currency)

    def sum_bridge_leg(self, leg: str, currency: str) -> int:
        """Return the total of a leg of the bridge in one currency, over all sales units."""
        return sum(
            block.bridge_total_minor
            for block in self.legs
            if (block.leg, block.currency) == (leg, currency)
        )


_computed: WeakKeyDictionary[Reconciliation, tuple[object, ReportFigures]] = WeakKeyDictionary()


def get_figures(result: Reconciliation) -> ReportFigures:
    """Return the figures of a report, computed once per result unless its frames could be changed.

    Frames in Polars and Arrow are never changed; those in pandas are given to the user.
    """
    inputs = (get_language(), json.dumps(result.manifest, default=str))
    known = _computed.get(result)
    if known and known[0] == inputs and result.unchangeable:
        return known[1]
    figures = compute_figures(build_report_frames(result))
    _computed[result] = (inputs, figures)
    return figures


def compute_figures(frames: ReportFrames, entries: pl.DataFrame | None = None) -> ReportFigures:
    """Compute the figures of a report.

    Args:
        frames: The frames of one Reconciliation.
        entries: Decisions carried over from an earlier report, by `discrepancy_id`.
    """
    items = select_items_with_history(frames.open_items, frames.discrepancies)
    with_currency = (frames.orders, frames.payments, frames.discrepancies, frames.bridge, items)
    currencies = tuple(
        sorted(
            {name for frame in with_currency for name in frame["currency"].unique().drop_nulls()}
        )
    )
    return ReportFigures(
        currencies=currencies,
        currency_totals=tuple(
            _compute_currency_totals(frames, currency) for currency in currencies
        ),
        codes=_compute_code_totals(frames),
        ages=compute_age_totals(frames.discrepancies),
        decisions=compute_decision_totals(frames.discrepancies, entries),
        open_items=compute_item_totals(items),
        reservations=compute_reservation_totals(frames.reservations),
        buckets=_compute_bucket_totals(frames),
        groups=_select_large_groups(frames),
        concentrations=find_concentrations(frames.discrepancies, frames.orders),
        legs=_compute_bridge_legs(frames),
        statement=() if frames.money is None else compute_statement(frames.bridge),
        verdicts=frames.verdicts,
        ledgers=() if frames.money is None else tuple(describe_ledgers(frames.money)),
        unread=count_failures(frames.failures, "unanswered"),
        not_found=count_failures(frames.failures, "not_found"),
        not_sent=count_failures(frames.failures, "not_sent"),
        rejects=frames.rejects.height,
    )


def count_failures(failures: pl.DataFrame, effect: FailureEffect) -> int:
    """Return the number of references whose reading ended in this way."""
    rows: pl.DataFrame = select_failures(failures, effect)
    return rows.select(*PAYMENT_KEY).n_unique()


def _compute_currency_totals(frames: ReportFrames, currency: str) -> CurrencyTotals:
    def count_and_sum(frame: pl.DataFrame, *columns: str) -> list[int]:
        rows = frame.filter(pl.col("currency") == currency)
        return [rows.height, *(int(rows[column].sum()) for column in columns)]

    orders, ordered = count_and_sum(frames.orders, "total_minor")
    payments, captured, refunded = count_and_sum(
        frames.payments, "captured_minor", "refunded_minor"
    )
    discrepancies, at_risk = count_and_sum(frames.discrepancies, "at_risk_minor")
    return CurrencyTotals(
        currency, orders, ordered, payments, captured, refunded, discrepancies, at_risk
    )


def _compute_code_totals(frames: ReportFrames) -> tuple[CodeTotals, ...]:
    rank = {name: position for position, name in enumerate(SEVERITIES)}
    worst: dict[tuple[str, str], str] = {}
    for currency, kind, severity in (
        frames.discrepancies.select("currency", "kind", "severity").unique().iter_rows()
    ):
        so_far = worst.get((currency, kind), severity)
        worst[currency, kind] = min(so_far, severity, key=rank.__getitem__)
    # A code may occur in two legs: a payout may differ from the ledger, and from the bank.
    sums = (
        frames.summary.filter(pl.col("bucket") == "discrepancy")
        .group_by("currency", "kind", maintain_order=True)
        .agg(pl.col("rows", "difference_minor", "at_risk_minor").sum())
    )
    totals = [
        CodeTotals(
            row["currency"],
            row["kind"],
            worst.get((row["currency"], row["kind"]), ""),
            row["rows"],
            row["difference_minor"],
            row["at_risk_minor"],
        )
        for row in sums.iter_rows(named=True)
    ]
    totals.sort(key=lambda c: (c.currency, -c.at_risk_minor, rank.get(c.severity, 9), c.kind))
    return tuple(totals)


def _compute_bucket_totals(frames: ReportFrames) -> tuple[BucketTotals, ...]:
    keys = ["currency", "bucket", "kind"]
    sums: dict[tuple[Any, ...], list[int]] = {}
    sides = ((frames.orders, "total_minor", 0), (frames.payments, "captured_minor", 2))
    for frame, amount, place in sides:
        counted = frame.group_by(pl.col(keys).fill_null("")).agg(
            rows=pl.len(), minor=pl.col(amount).sum()
        )
        for *key, rows, minor in counted.iter_rows():
            figures = sums.setdefault(tuple(key), [0, 0, 0, 0])
            figures[place : place + 2] = [rows, minor]
    order = {name: position for position, name in enumerate(names.BUCKETS)}
    return tuple(
        BucketTotals(*key, *figures)
        for key, figures in sorted(
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
            say("summary.mostly_store", store=row["concentrated_in"])
            if row["concentrated_in"]
            else "",
        )
        for row in large.iter_rows(named=True)
    )


def _compute_bridge_legs(frames: ReportFrames) -> tuple[BridgeLeg, ...]:
    blocks = {
        block.select("currency", "msn", "leg").row(0): block.select(
            "line", "amount_minor", "rows"
        ).rows()
        for block in frames.bridge.partition_by("currency", "msn", "leg", maintain_order=True)
    }
    legs = []
    for (currency, msn, leg), rows in blocks.items():
        if leg not in SHOP_LEGS:
            continue
        # A currency without payments has no lines to the payments' own totals.
        further = blocks.get((currency, msn, leg + AS_FETCHED), [rows[-1], rows[-1]])
        legs.append(
            BridgeLeg(
                currency,
                msn,
                leg,
                tuple(rows[:-1]),
                rows[-1][1],
                tuple(further[1:-1]),
                further[-1][1],
            )
        )
    return tuple(legs)
