"""Hold the ledgers of a period: entries, payouts, and the proof that none is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from vippsrecon import schemas
from vippsrecon.display.html import HtmlView
from vippsrecon.ledger.completeness import describe_completeness, is_complete
from vippsrecon.money import format_count

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class LedgerFacts(NamedTuple):
    """What was read, when and from where.

    Attributes:
        environment: production or simulator.
        sales_units: The sales units whose ledgers were looked for.
        first: First ledger date.
        last: Last ledger date, included.
        fetched_at: Server time at the end of the reading.
        dates_requested: Ledger dates that were requested, counted once for each topic.
        dates_stored: Closed dates that the workspace database had from earlier readings.
    """

    environment: str
    sales_units: tuple[str, ...]
    first: date
    last: date
    fetched_at: datetime
    dates_requested: int
    dates_stored: int


class FetchedLedger(NamedTuple, Generic[schemas.FrameT]):
    """The ledgers of a period.

    Attributes:
        entries: `schemas.LEDGER_ENTRIES`, both topics, in the order of each ledger.
        payouts: `schemas.PAYOUTS`, derived from the entries.
        completeness: `schemas.LEDGER_COMPLETENESS`, the proof for each ledger and topic.
        facts: What was read.
    """

    entries: schemas.FrameT
    payouts: schemas.FrameT
    completeness: schemas.FrameT
    facts: LedgerFacts

    @property
    def complete(self) -> bool:
        """Whether it is proven that no entry of the period is missing."""
        return is_complete(self._read_completeness())

    @property
    def verdict(self) -> str:
        """Return "complete" or "incomplete"."""
        return "complete" if self.complete else "incomplete"

    def describe(self) -> list[str]:
        """Return a sentence for each ledger and topic, in the language of the report."""
        return describe_completeness(self._read_completeness())

    def __repr__(self) -> str:
        """Describe the ledgers in one line, without the frames."""
        counts = format_counts(self)
        entries = format_count(counts["entries"], "entry", "entries")
        payouts = format_count(counts["payouts"], "payout")
        period = f"{self.facts.first} to {self.facts.last}"
        return f"<FetchedLedger {period}: {entries}, {payouts}, {self.verdict}>"

    def _repr_html_(self) -> str:
        view = HtmlView()
        view.add_banner(repr(self)[1:-1], "good" if self.complete else "high")
        view.add_list("Completeness", self.describe())
        return view.render()

    def _read_completeness(self) -> pl.DataFrame:
        return schemas.to_polars(self.completeness, schemas.LEDGER_COMPLETENESS)


def convert_to_pandas(fetched: FetchedLedger[pl.DataFrame]) -> FetchedLedger[pd.DataFrame]:
    """Return the same frames in pandas, for users."""
    entries, payouts, completeness = map(schemas.to_pandas, fetched[:3])
    return FetchedLedger(entries, payouts, completeness, fetched.facts)


def format_counts(fetched: FetchedLedger[Any]) -> Mapping[str, int]:
    """Return the numbers of rows and of dates, by name."""
    return {
        "entries": len(fetched.entries),
        "payouts": len(fetched.payouts),
        "dates_requested": fetched.facts.dates_requested,
        "dates_stored": fetched.facts.dates_stored,
    }
