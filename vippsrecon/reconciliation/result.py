"""Define `Reconciliation`: all frames of one comparison, in one immutable object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa

from vippsrecon.money import format_count
from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize
from vippsrecon.reconciliation.results.groups import GROUPS
from vippsrecon.schemas import (
    BANK_LINES,
    BRIDGE,
    BUCKETS,
    CLEARING,
    CUT_OFF,
    CUT_OFF_ITEMS,
    DISCREPANCIES,
    EVENTS,
    FAILURES,
    LEDGER_ENTRIES,
    OPEN_ITEMS,
    ORDERS,
    PAYMENTS,
    PAYOUT_MATCHES,
    PAYOUTS,
    REFUND_AGEING,
    REJECTS,
    RESTATEMENT,
    SUMMARY,
    VAT_TIE_OUT,
    VOUCHERS,
    Frame,
    to_pandas,
    to_polars,
)
from vippsrecon.texts import say

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["clean", "discrepancies", "incomplete"]


class _StoredFrame:
    """A frame of a result, stored in Arrow or Polars and shown in pandas.

    pandas is made when the frame is first read, so a run that only writes its report makes none.
    A frame of another engine is shown as it is.

    Args:
        schema: The schema of a frame that may be left out: it is then empty. None for the others.
    """

    def __init__(self, schema: Frame | None = None) -> None:
        self._schema = schema

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, result: object, frame: Any) -> None:
        if frame is None and self._schema is not None:
            frame = self._schema.arrow_schema().empty_table()
        vars(result)[self._name] = frame

    def __get__(self, result: object, owner: type | None = None) -> Any:
        if result is None:
            if self._schema is not None:
                return None  # dataclass sees it as the default value
            raise AttributeError(self._name)  # otherwise dataclass would see a default value
        frames = vars(result)
        frame = frames[self._name]
        if isinstance(frame, pl.LazyFrame):
            frame = frame.collect()
        if isinstance(frame, pa.Table | pl.DataFrame):
            frame = frames[self._name] = to_pandas(frame)
        return frame


@dataclass(frozen=True, repr=False, eq=False)  # frames have no equality
class Reconciliation:
    """The result of one comparison: its inputs, its discrepancies and the figures that prove it complete.

    Attributes:
        orders, payments, events, failures, rejects: The input frames, in pandas; those of DuckDB
            and Spark stay on their engine.
        discrepancies: One row per discrepancy, worst first.
        buckets: One row per input row: the bucket it is counted in.
        summary: Counts and sums by currency, bucket and kind; currencies are never added together.
        bridge: From orders to captured and refunded, and on to the ledger, the payouts and the bank,
            per sales unit and currency.
        groups: One row per kind, cause and currency: rows, sums, share, and the store most affected.
        open_items: One row per discrepancy over several runs, with its status. `reconcile_month` adds
            them, because they need what earlier runs recorded; without it, there are none.
        ledger_entries, payouts, bank_lines: The input frames of the other legs; empty where none
            were given.
        payout_matches: One row per payout and bank line that belong together.
        cut_off, cut_off_items, vouchers, clearing, refund_ageing, vat_tie_out: What a month end needs.
            `reconcile_month` adds them where it is given a ledger.
        restatement: What is different in closed months of the period. `reconcile_month` adds it.
        notices: Sentences for the report's summary.
        manifest: Hashes of inputs, versions, settings and counts. Without the time of the run and
            without paths, so that the same inputs give the same manifest.
    """

    orders: Any = _StoredFrame()
    payments: Any = _StoredFrame()
    events: Any = _StoredFrame()
    failures: Any = _StoredFrame()
    rejects: Any = _StoredFrame()
    discrepancies: Any = _StoredFrame()
    buckets: Any = _StoredFrame()
    summary: Any = _StoredFrame()
    bridge: Any = _StoredFrame()
    groups: Any = _StoredFrame()
    open_items: Any = _StoredFrame()
    notices: tuple[str, ...] = ()
    manifest: dict[str, Any] = field(default_factory=dict)
    ledger_entries: Any = _StoredFrame(LEDGER_ENTRIES)
    payouts: Any = _StoredFrame(PAYOUTS)
    bank_lines: Any = _StoredFrame(BANK_LINES)
    payout_matches: Any = _StoredFrame(PAYOUT_MATCHES)
    cut_off: Any = _StoredFrame(CUT_OFF)
    cut_off_items: Any = _StoredFrame(CUT_OFF_ITEMS)
    vouchers: Any = _StoredFrame(VOUCHERS)
    clearing: Any = _StoredFrame(CLEARING)
    refund_ageing: Any = _StoredFrame(REFUND_AGEING)
    vat_tie_out: Any = _StoredFrame(VAT_TIE_OUT)
    restatement: Any = _StoredFrame(RESTATEMENT)

    @property
    def complete(self) -> bool:
        """Whether the data is complete.

        False if Vipps MobilePay did not answer for a requested reference, days at the end of the
        period are missing from the export, the funds ledger could not be read, or the clocks
        disagree. The manifest's `incomplete_because` names the reasons.
        """
        return bool(self.manifest.get("complete", True))

    @property
    def language(self) -> str:
        """The language of its sentences and of its report: en, nb, da, sv or fi."""
        return str(self.manifest.get("language", "en"))

    @property
    def verdict(self) -> Verdict:
        """The verdict: incomplete, discrepancies or clean.

        Discrepancies: one is worse than *info*, captured money was not compared in any run, or a
        ledger was given that was not compared, or has no entry of a sales unit with captures.
        """
        if not self.complete:
            return "incomplete"
        disagrees = (
            self.manifest["counts"]["above_info"]
            or self.manifest.get("uncompared")
            or self.manifest.get("units_without_ledger")
            or self.manifest.get("ledger_not_compared")
        )
        return "discrepancies" if disagrees else "clean"

    @property
    def exit_code(self) -> int:
        """The exit code: 0 clean · 1 discrepancies or rejected rows · 2 incomplete."""
        if not self.complete:
            return 2
        return int(self.verdict != "clean" or self.manifest["counts"]["rejects"] > 0)

    def stored_frame(self, name: str) -> Any:
        """Return one of the frames as it is stored: Arrow, Polars, pandas or that of its engine."""
        return vars(self)[name]

    def polars_frame(self, name: str) -> pl.DataFrame:
        """Return one of the frames in Polars, as reports use it. No pandas is made."""
        return to_polars(self.stored_frame(name), _SCHEMAS[name])

    @property
    def unchangeable(self) -> bool:
        """Whether every frame is stored in Arrow or Polars: pandas could be changed in place."""
        frames = (self.stored_frame(name) for name in _SCHEMAS)
        return all(isinstance(frame, pa.Table | pl.DataFrame | pl.LazyFrame) for frame in frames)

    def with_changes(self, **changes: Any) -> Reconciliation:
        """Return a copy with other notices, another manifest or other frames. No pandas is made."""
        return Reconciliation(**{**vars(self), **changes})

    def collect(self) -> Reconciliation:
        """Return the same result with every frame in pandas, for a workbook after a run on Spark."""
        frames = {name: _collect_frame(vars(self)[name], _SCHEMAS[name]) for name in _SCHEMAS}
        return self.with_changes(**frames)

    def __repr__(self) -> str:
        """Return a one-line description, without the frames."""
        counts, days = self.manifest.get("counts", {}), self.manifest.get("period")
        period = f"{format_period(days)}, " if days else ""
        return (
            f"<Reconciliation: {period}as of {self.manifest.get('as_of', 'no moment')}, "
            f"{format_count(counts.get('pairs', 0), 'pair')}, "
            f"{format_count(counts.get('discrepancies', 0), 'discrepancy', 'discrepancies')}, "
            f"{'complete' if self.complete else 'incomplete'}>"
        )

    def _repr_html_(self) -> str:
        from vippsrecon.display.views import html_of

        return html_of(self)


def format_period(days: Sequence[str | None]) -> str:
    """Format the first and last day of a period; one of them may be None.

    >>> format_period(["2026-10-01", "2026-10-31"]), format_period([None, "2026-10-31"])
    ('2026-10-01 to 2026-10-31', 'until 2026-10-31')
    """
    first, last = days
    if first is None:
        return say("period.until", last=last)
    return (
        say("period.from", first=first)
        if last is None
        else say("period.from_to", first=first, last=last)
    )


_SCHEMAS = {
    "orders": ORDERS,
    "payments": PAYMENTS,
    "events": EVENTS,
    "failures": FAILURES,
    "rejects": REJECTS,
    "discrepancies": DISCREPANCIES,
    "buckets": BUCKETS,
    "summary": SUMMARY,
    "bridge": BRIDGE,
    "groups": GROUPS,
    "open_items": OPEN_ITEMS,
    "ledger_entries": LEDGER_ENTRIES,
    "payouts": PAYOUTS,
    "bank_lines": BANK_LINES,
    "payout_matches": PAYOUT_MATCHES,
    "cut_off": CUT_OFF,
    "cut_off_items": CUT_OFF_ITEMS,
    "vouchers": VOUCHERS,
    "clearing": CLEARING,
    "refund_ageing": REFUND_AGEING,
    "vat_tie_out": VAT_TIE_OUT,
    "restatement": RESTATEMENT,
}


def _collect_frame(frame: Any, schema: Frame) -> Any:
    if not type(frame).__module__.startswith("pyspark"):
        return frame
    return frame.toArrow().select(list(schema.names)).cast(schema.arrow_schema())


def use_empty_if_none(frame: Any, schema: Frame) -> Any:
    """Return a frame that was given, or an empty one of its schema."""
    return schema.arrow_schema().empty_table() if frame is None else frame


def export_frame(data: LazyFrame, schema: Frame, stay: bool) -> Any:
    """Return a result frame: an Arrow table, or the native frame if it is to stay."""
    if stay:
        return nw.to_native(materialize(data))
    table = data.collect(backend="pyarrow").to_arrow()
    return table.select(list(schema.names)).cast(schema.arrow_schema())


def build_table(rows: list[dict[str, Any]], schema: Frame) -> pa.Table:
    """Build an Arrow table with a schema's types from rows."""
    return pa.Table.from_pylist(rows, schema=schema.arrow_schema())


def build_frame(rows: list[dict[str, Any]], schema: Frame) -> pd.DataFrame:
    """Build a pandas frame with a schema's types from rows."""
    return to_pandas(build_table(rows, schema))
