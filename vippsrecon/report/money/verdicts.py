"""Say of each leg from the order to the bank whether it agrees, or why it was not compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from vippsrecon.ledger.completeness import describe_completeness
from vippsrecon.report.money.clearing import describe_clearing
from vippsrecon.report.money.frames import MoneyFrames
from vippsrecon.report.money.vat import describe_vat
from vippsrecon.schemas.results import LEGS
from vippsrecon.texts import list_section, say

_FIRST_LEG = LEGS[0]


@dataclass(frozen=True)
class LegVerdict:
    """The verdict of one leg in one currency. Minor units.

    Attributes:
        leg: Such as payment_ledger.
        currency: Of the amounts; "" where nothing was compared.
        verdict: clean, discrepancies, incomplete (a sales unit was not compared), or not_compared.
        agreed: Rows that agree or are ignored for a reason.
        expected_later: Rows that are not due yet.
        not_checked: Rows that could not be judged.
        discrepancies: Number of them.
        at_risk_minor: What they put at risk.
    """

    leg: str
    currency: str
    verdict: str
    agreed: int = 0
    expected_later: int = 0
    not_checked: int = 0
    discrepancies: int = 0
    at_risk_minor: int = 0

    @property
    def name(self) -> str:
        """What is compared with what, in words."""
        return say(f"money_legs.names.{self.leg}")

    @property
    def verdict_words(self) -> str:
        """The verdict in words."""
        if self.verdict == "not_compared":
            return say("money_legs.words.not_compared")
        return say(f"words.verdicts.{self.verdict}")

    @property
    def explanation(self) -> str:
        """The verdict in words; where nothing was compared, with the files that this needs."""
        if self.verdict == "not_compared" and self.leg != _FIRST_LEG:
            return say(f"money_legs.missing.{self.leg}")
        return self.verdict_words


def has_money_legs(manifest: Mapping[str, Any]) -> bool:
    """Return whether a run was given files of money on its way to the bank."""
    legs = set(manifest.get("legs") or ()) - {_FIRST_LEG}
    return bool(legs or manifest.get("money_files") or manifest.get("ledger_completeness"))


def compute_leg_verdicts(
    summary: pl.DataFrame, discrepancies: pl.DataFrame, manifest: Mapping[str, Any]
) -> tuple[LegVerdict, ...]:
    """Return the verdict of each leg and currency; none if only orders and payments were given.

    A discrepancy of severity *info* is not counted as one, as in the verdict of the run.

    Args:
        summary: `schemas.SUMMARY`.
        discrepancies: `schemas.DISCREPANCIES`.
        manifest: Of the result.
    """
    if not has_money_legs(manifest):
        return ()
    compared = set(manifest.get("legs") or ())
    worse = discrepancies.filter(pl.col("severity") != "info")
    counts = {
        (leg, currency): rows
        for leg, currency, rows in worse.group_by("leg", "currency").len().iter_rows()
    }
    uncovered: Counter[tuple[str, str]] = Counter()
    for row in manifest.get("units_without_ledger") or ():
        uncovered["payment_ledger", row["currency"]] += row["rows"]
    verdicts = []
    for leg in LEGS:
        own = summary.filter(pl.col("leg") == leg)
        currencies = {*own["currency"], *(code for name, code in uncovered if name == leg)}
        if leg not in compared or not currencies:
            verdicts.append(LegVerdict(leg, "", "not_compared" if leg not in compared else "clean"))
            continue
        for currency in sorted(currencies):
            rows = own.filter(pl.col("currency") == currency)
            verdict = "incomplete" if uncovered[leg, currency] else "clean"
            if counts.get((leg, currency)):
                verdict = "discrepancies"
            verdicts.append(
                LegVerdict(
                    leg,
                    currency,
                    verdict,
                    _count(rows, "matched", "ignored"),
                    _count(rows, "timing"),
                    _count(rows, "not_checked") + uncovered[leg, currency],
                    _count(rows, "discrepancy"),
                    int(rows["at_risk_minor"].sum()),
                )
            )
    return tuple(verdicts)


def describe_ledgers(frames: MoneyFrames) -> list[str]:
    """Return whether each ledger is complete, what the clearing account holds, and where VAT differs."""
    sentences = list(describe_completeness(frames.completeness))
    if frames.at is not None:
        sentences += describe_clearing(frames.clearing, frames.at)
    return [*sentences, *describe_vat(frames.vat, only_differences=True)]


def list_leg_heads() -> tuple[str, ...]:
    """Return the headings of the verdicts: leg, verdict, and the figures."""
    heads = list_section("money_legs.heads")
    order = ("leg", "verdict", "agreed", "expected_later", "not_checked", "discrepancies")
    return tuple(heads[name] for name in (*order, "at_risk"))


def _count(rows: pl.DataFrame, *buckets: str) -> int:
    return int(rows.filter(pl.col("bucket").is_in(buckets))["rows"].sum())
