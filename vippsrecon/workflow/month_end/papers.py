"""Add vouchers, VAT, cut-off pack, clearing account and refunds to a comparison that has a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.bank_days import MIDNIGHT
from vippsrecon.closing import (
    build_cut_off,
    build_vouchers,
    prove_clearing_account,
    tie_out_vat,
)
from vippsrecon.closing.event_totals import use_accounting_days
from vippsrecon.config.settings import FILES_ENVIRONMENT
from vippsrecon.errors import InputError, StoreError
from vippsrecon.texts import say
from vippsrecon.vipps_rules import find_capture_days
from vippsrecon.workflow.history.written_vouchers import number_period
from vippsrecon.workflow.month_end.refunds import follow_refunds

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.workflow.inputs.money_files import MoneyFiles


def add_month_end(
    result: Reconciliation,
    settings: Settings,
    money: MoneyFiles,
    *,
    period: tuple[date | None, date | None],
    cutoff: date | None,
) -> Reconciliation:
    """Return the result with what a month end needs; unchanged without a ledger.

    Args:
        result: What was compared. A notice is added where vouchers cannot be compared with those that
            were written before.
        settings: Accounts and grouping of vouchers, markets, late capture.
        money: The files that were read.
        period: First and last day of the vouchers; None: no limit.
        cutoff: The day of cut-off pack, clearing account and refunds; None: the last day of the
            period; without one, none of them is made.
    """
    if money.ledger is None:
        return result
    read = result.polars_frame
    entries, payouts, matches = (
        read("ledger_entries"),
        read("payouts"),
        read("payout_matches"),
    )
    lines = None if money.bank is None else read("bank_lines")
    compared = None if lines is None else matches
    markets = {unit.msn: unit.market for unit in settings.units if unit.market}
    proposed = build_vouchers(
        entries,
        payouts,
        settings=settings.vouchers,
        markets=markets,
        payout_matches=compared,
        bank_lines=lines,
    )
    in_period = _is_in_period(*period)
    vouchers = proposed.filter(in_period)
    try:
        vouchers = number_period(settings, vouchers, *period)
    except (StoreError, InputError) as error:
        notice = say("money_files.vouchers_not_numbered", error=str(error))
        result = result.with_changes(notices=(*result.notices, notice))
    first, last = period
    vat = tie_out_vat(
        _list_compared_orders(result), read("events"), first=first, last=last, markets=markets
    )
    result = result.with_changes(vouchers=vouchers, vat_tie_out=vat)
    at = cutoff or last
    if at is None:
        return result
    # Without keys the events are those of the ledger itself, and reservations are not known.
    is_fetched = result.manifest.get("environment") != FILES_ENVIRONMENT
    pack = build_cut_off(
        at,
        ledger_entries=entries,
        payouts=payouts,
        payout_matches=compared,
        bank_lines=lines,
        events=use_accounting_days(read("events"), _list_cut_offs(settings))
        if is_fetched
        else None,
        bank_until=_find_last_day(money),
        capture_days=_list_capture_days(settings),
    )
    # The account also has the vouchers of days outside the period that the ledger shows.
    outside = proposed.filter(~in_period)
    clearing = prove_clearing_account(pl.concat([vouchers, outside]), entries, payouts, at)
    return result.with_changes(
        cut_off=pack.lines,
        cut_off_items=pack.items,
        clearing=clearing,
        refund_ageing=follow_refunds(result, at, is_fetched=is_fetched),
        manifest=result.manifest | {"cutoff": at.isoformat()},
    )


def _list_compared_orders(result: Reconciliation) -> pl.DataFrame:
    """Return the orders that Vipps MobilePay was to collect: the others have no VAT to compare."""
    ignored = (
        result.polars_frame("buckets")
        .filter(pl.col("side") == "orders", pl.col("bucket") == "ignored")
        .select("row_key")
    )
    return (
        result.polars_frame("orders")
        .with_columns(row_key=pl.format("{}:{}", "source_file", "source_row"))
        .join(ignored, on="row_key", how="anti", maintain_order="left")
        .drop("row_key")
    )


def _is_in_period(first: date | None, last: date | None) -> pl.Expr:
    days = pl.col("voucher_date")
    is_late_enough = pl.lit(value=True) if first is None else days >= first
    return is_late_enough if last is None else is_late_enough & (days <= last)


def _find_last_day(money: MoneyFiles) -> date | None:
    """Return the last day that the statements of every account cover."""
    days = money.list_arguments()["statement_days"]
    return min((last for _, last in days.values()), default=None) if days else None


def _list_cut_offs(settings: Settings) -> dict[str, tuple[str, time]]:
    return {
        unit.msn: (unit.zone, unit.cut_off) for unit in settings.units if unit.cut_off != MIDNIGHT
    }


def _list_capture_days(settings: Settings) -> Mapping[str, int]:
    return {
        unit.msn: find_capture_days(
            unit.market, unit.currency or "", late_capture=unit.late_capture
        )
        for unit in settings.units
        if unit.market or unit.late_capture
    }
