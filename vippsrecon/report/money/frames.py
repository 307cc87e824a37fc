"""Prepare ledger entries, payouts and bank lines for a report: each row with its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon import schemas
from vippsrecon.reconciliation.engines.backends import prepare_frame
from vippsrecon.reconciliation.payments_ledger.entries import prepare_entries
from vippsrecon.report.money.clearing import build_clearing_rows
from vippsrecon.report.money.refunds import build_refund_rows
from vippsrecon.report.money.vat import build_vat_rows
from vippsrecon.vipps_rules import PAYOUT_SCHEDULED

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation

OTHER_LINES = "other_bank_line"
"""The code of bank lines that have nothing to do with Vipps MobilePay."""

_OUTCOME = ["bucket", "kind", "flags"]
_PAYOUT_KEY = ["ledger_id", "payout_number"]
_LAST_OF_DAY = {"fees-retained": 1, PAYOUT_SCHEDULED: 2}
_LINE_KEY = ["source_file", "source_row"]


@dataclass(frozen=True)
class MoneyFrames:
    """Money on its way to the bank, in Polars.

    Attributes:
        entries: `schemas.LEDGER_ENTRIES` with `bucket`, `kind` and `flags`, and the amount as
            `funds_minor` or `fees_minor`, because the same fee is on both topics.
        payouts: One row per payout, with what arrived of it (`bank_minor`) and what did not
            (`left_minor`), and one row per bank line that no payout explains. `what` is payout or
            bank_line.
        completeness: `schemas.LEDGER_COMPLETENESS`: the proof for each ledger.
        cut_off: The lines of the cut-off pack, each followed by its items (`item_minor`).
        vouchers: `schemas.VOUCHERS` with debit and credit apart.
        clearing: The clearing account of each ledger, see `report.money.clearing`.
        refunds: The refunds that are not deducted from a payout, see `report.money.refunds`.
        refunds_followed: Number of all refunds.
        vat: `schemas.VAT_TIE_OUT` with its result, see `report.money.vat`.
        at: The cut-off day; None: no cut-off pack was made.
        period: First and last day that the bridge counts; None: no limit.
    """

    entries: pl.DataFrame
    payouts: pl.DataFrame
    completeness: pl.DataFrame
    cut_off: pl.DataFrame
    vouchers: pl.DataFrame
    clearing: pl.DataFrame
    refunds: pl.DataFrame
    refunds_followed: int
    vat: pl.DataFrame
    at: date | None
    period: tuple[date | None, date | None] = (None, None)


def build_money_frames(reconciliation: Reconciliation) -> MoneyFrames:
    """Return the frames of `reconciliation`. The input is not changed."""
    read = reconciliation.polars_frame
    buckets = read("buckets").select("side", "row_key", *_OUTCOME)
    payouts = _add_bank_lines(
        _add_outcome(read("payouts"), pl.format("{}:{}", *_PAYOUT_KEY), buckets, "payouts"),
        read("bank_lines"),
        read("payout_matches"),
    )
    lines = _select_unexplained(read("bank_lines"), read("payout_matches"), buckets)
    return MoneyFrames(
        _prepare_entries(read("ledger_entries"), buckets),
        pl.concat([payouts, lines], how="diagonal").sort(
            pl.coalesce("ledger_date", "booked_date"), "msn", "payout_number", maintain_order=True
        ),
        pl.DataFrame(
            [_parse_proof(row) for row in reconciliation.manifest.get("ledger_completeness") or ()],
            schema=schemas.polars_schema(schemas.LEDGER_COMPLETENESS),
        ),
        _join_cut_off(read("cut_off"), read("cut_off_items")),
        _divide_amounts(read("vouchers")),
        build_clearing_rows(read("clearing"), read("cut_off"), read("vouchers")),
        build_refund_rows(read("refund_ageing")),
        read("refund_ageing").height,
        build_vat_rows(read("vat_tie_out")),
        read("cut_off")["cut_off_date"].max(),  # type: ignore[arg-type]
        _read_period(reconciliation),
    )


def _read_period(reconciliation: Reconciliation) -> tuple[date | None, date | None]:
    first, last = (
        None if day is None else date.fromisoformat(day)
        for day in reconciliation.manifest.get("period") or (None, None)
    )
    return first, last


def _prepare_entries(entries: pl.DataFrame, buckets: pl.DataFrame) -> pl.DataFrame:
    types = schemas.polars_schema(schemas.LEDGER_ENTRIES)
    if entries.is_empty():
        keyed = entries.with_columns(row_key=pl.lit(""))
    else:
        keyed = (
            prepare_entries(prepare_frame(entries, schemas.LEDGER_ENTRIES)).collect().to_native()
        )
        at = pl.from_epoch("entry_at_us", time_unit="us").dt.replace_time_zone("UTC")
        keyed = keyed.with_columns(entry_at=at)
    is_funds = pl.col("topic") == "funds"
    rows = _add_outcome(keyed, pl.col("row_key"), buckets, "ledger_entries")
    return rows.select(
        *types,
        *_OUTCOME,
        funds_minor=pl.when(is_funds).then("amount_minor"),
        fees_minor=pl.when(~is_funds).then("amount_minor"),
    ).sort(
        "ledger_date",
        "ledger_id",
        pl.col("topic") == "fees",
        "entry_at",
        # A day ends with its fees and then its payout, at the same second.
        pl.col("entry_type").replace_strict(_LAST_OF_DAY, default=0, return_dtype=pl.Int64),
        *_LINE_KEY,
        "psp_reference",
    )


def _join_cut_off(lines: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return each line of the pack, followed by its items. What is off balance has its own column."""
    off_balance = pl.col("off_balance")
    key = ["msn", "currency", "line"]
    heads = lines.select(
        *key,
        "position",
        "proof",
        amount_minor=pl.when(~off_balance).then("amount_minor"),
        off_balance_minor=pl.when(off_balance).then("amount_minor"),
        is_item=pl.lit(value=False),
    )
    rows = items.join(lines.select(*key, "position"), on=key, how="left").select(
        *key,
        *("position", "ledger_id", "item", "reference", "psp_reference", "payout_number"),
        "item_date",
        item_minor="amount_minor",
        is_item=pl.lit(value=True),
    )
    order = ["currency", "msn", "position", "is_item", "item_date", "reference", "payout_number"]
    return pl.concat([heads, rows], how="diagonal").sort(order, maintain_order=True)


def _divide_amounts(vouchers: pl.DataFrame) -> pl.DataFrame:
    amount = pl.col("amount_minor")
    return vouchers.with_columns(
        debit_minor=pl.when(amount > 0).then(amount),
        credit_minor=pl.when(amount < 0).then(-amount),
    )


def _add_bank_lines(
    payouts: pl.DataFrame, lines: pl.DataFrame, matches: pl.DataFrame
) -> pl.DataFrame:
    """Add to each payout what arrived of it, when, and how the lines were found.

    A credit of several payouts is what they add up to: each has its own amount of it.
    """
    shared = pl.len().over(_LINE_KEY) > 1
    own = payouts.select(*_PAYOUT_KEY, payout_minor="amount_minor").unique(
        _PAYOUT_KEY, keep="first"
    )
    arrived = (
        matches.with_columns(is_shared=shared)
        .join(own, on=_PAYOUT_KEY, how="left")
        .join(lines.select(*_LINE_KEY, "booked_date", "text"), on=_LINE_KEY, how="left")
        .sort("booked_date", *_LINE_KEY)
        .group_by(_PAYOUT_KEY, maintain_order=True)
        .agg(
            booked_date=pl.col("booked_date").first(),
            bank_minor=pl.when("is_shared").then("payout_minor").otherwise("amount_minor").sum(),
            matched_by=pl.col("matched_by").first(),
            text=pl.col("text").drop_nulls().str.join(" | "),
            bank_row=pl.format("{}:{}", *_LINE_KEY).str.join(" "),
        )
    )
    return payouts.join(arrived, on=_PAYOUT_KEY, how="left", maintain_order="left").select(
        *(name for name in payouts.columns if name not in _LINE_KEY),
        *("booked_date", "bank_minor", "matched_by", "bank_row"),
        text=pl.coalesce("text", "bank_text"),
        what=pl.lit("payout"),
        left_minor=pl.col("amount_minor") - pl.col("bank_minor").fill_null(0),
    )


def _select_unexplained(
    lines: pl.DataFrame, matches: pl.DataFrame, buckets: pl.DataFrame
) -> pl.DataFrame:
    rows = _add_outcome(lines, pl.format("{}:{}", *_LINE_KEY), buckets, "bank_lines")
    return (
        rows.join(matches, on=_LINE_KEY, how="anti")
        .filter((pl.col("kind") != OTHER_LINES).fill_null(value=True))
        .select(
            *("account", "currency", "booked_date", "text", *_OUTCOME),
            bank_minor="amount_minor",
            bank_row=pl.format("{}:{}", *_LINE_KEY),
            what=pl.lit("bank_line"),
        )
    )


def _add_outcome(
    rows: pl.DataFrame, key: pl.Expr, buckets: pl.DataFrame, side: str
) -> pl.DataFrame:
    outcomes = (
        buckets.filter(pl.col("side") == side)
        .drop("side")
        .unique("row_key", keep="first", maintain_order=True)
    )
    return (
        rows.with_columns(row_key=key)
        .join(outcomes, on="row_key", how="left", maintain_order="left")
        .drop("row_key")
    )


def _parse_proof(row: dict[str, object]) -> dict[str, object]:
    days = {"first_date", "last_date", "broken_date", "first_open_date", "last_open_date"}
    return {
        name: date.fromisoformat(str(value)) if name in days and value is not None else value
        for name, value in row.items()
    }
