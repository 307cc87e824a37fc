"""Say of a run over closed months what is different from their closing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.closing import list_period_facts
from vippsrecon.config.settings import FILES_ENVIRONMENT
from vippsrecon.dates import Period, parse_named_period
from vippsrecon.errors import StoreError
from vippsrecon.texts import format_money, say
from vippsrecon.workflow.history.earlier_runs import NOT_THE_ORDER
from vippsrecon.workflow.history.period_lock import (
    PeriodState,
    compare_period,
    list_period_changes,
)

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.workflow.inputs.money_files import MoneyFiles

ROWS_LISTED = 10
"""Differences that have a sentence of their own; the frame `restatement` has all."""


def add_restatement(
    result: Reconciliation,
    settings: Settings,
    money: MoneyFiles,
    period: tuple[date | None, date | None],
) -> Reconciliation:
    """Return the result with what is different in closed months of its period, and notices of it.

    Args:
        result: What was compared.
        settings: Environment and database.
        money: The files that were read.
        period: First and last day; without both, no month is compared.
    """
    try:
        parts, notices = _compare_closed_months(result, settings, money, period)
    except StoreError:
        notice = say("restatement.unknown")
        return result.with_changes(notices=(*result.notices, notice))
    if not parts:
        return result
    return result.with_changes(restatement=pl.concat(parts), notices=(*result.notices, *notices))


def _compare_closed_months(
    result: Reconciliation,
    settings: Settings,
    money: MoneyFiles,
    period: tuple[date | None, date | None],
) -> tuple[list[pl.DataFrame], list[str]]:
    frames: dict[str, Any] = {}
    parts: list[pl.DataFrame] = []
    notices: list[str] = []
    for month in _find_closed_months(settings, period):
        frames = frames or _collect_frames(result, money)
        facts = list_period_facts(month, **frames)
        sides = tuple(sorted(set(frames) - {"payout_matches"}))
        state = compare_period(settings, month.name, facts, sides)
        parts.append(state.restatement)
        notices += _describe(state)
    return parts, notices


def _find_closed_months(
    settings: Settings, period: tuple[date | None, date | None]
) -> Iterator[Period]:
    first, last = period
    if first is None or last is None:
        return
    actions = {change.period: change.action for change in list_period_changes(settings)}
    for name, action in actions.items():
        month = parse_named_period(name, "--period")
        if action == "closed" and first <= month.first and month.last <= last:
            yield month


def _collect_frames(result: Reconciliation, money: MoneyFiles) -> dict[str, Any]:
    read = result.polars_frame
    frames: dict[str, Any] = {"orders": _select_recorded_orders(result)}
    # Events that were made of ledger entries are not those of a fetch.
    if result.manifest.get("environment") != FILES_ENVIRONMENT:
        frames["events"] = read("events")
    if money.ledger is not None:
        frames |= {"ledger_entries": read("ledger_entries"), "payouts": read("payouts")}
    if money.bank is not None:
        frames |= {"bank_lines": read("bank_lines"), "payout_matches": read("payout_matches")}
    return frames


def _select_recorded_orders(result: Reconciliation) -> pl.DataFrame:
    """Return the orders that a run stores for its closing: one row of those that show the same order."""
    others = (
        result.polars_frame("buckets")
        .filter(pl.col("side") == "orders", pl.col("kind").is_in(NOT_THE_ORDER))
        .select("row_key")
    )
    orders = result.polars_frame("orders").filter(pl.col("reference").is_not_null())
    keyed = orders.with_columns(row_key=pl.format("{}:{}", "source_file", "source_row"))
    return keyed.join(others, on="row_key", how="anti", maintain_order="left").drop("row_key")


def _describe(state: PeriodState) -> Iterator[str]:
    assert state.closed is not None, "chosen because it is closed"
    names = {"period": state.period, "person": state.closed.person}
    rows = state.restatement
    if rows.is_empty():
        yield say("restatement.same", **names)
    else:
        yield say("restatement.different", number=rows.height, **names)
    for row in rows.head(ROWS_LISTED).iter_rows(named=True):
        before, after = (
            "–" if row[name] is None else format_money(row[name], row["currency"])
            for name in ("before_minor", "after_minor")
        )
        what = " ".join(part for part in (row["msn"], row["reference"]) if part)
        yield say("restatement.row", cause=row["cause"], what=what, before=before, after=after)
    if state.not_compared:
        sides = ", ".join(say(f"restatement.sides.{side}") for side in state.not_compared)
        yield say("restatement.not_compared", sides=sides, **names)
