"""Build the sheets of money on its way to the bank, with the blocks below their rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.report import names
from vippsrecon.report.columns import list_columns
from vippsrecon.report.excel.blocks import build_block
from vippsrecon.report.money.clearing import describe_clearing
from vippsrecon.report.money.columns import VOUCHER_WIDTH_LIMITS
from vippsrecon.report.money.radar import build_radar_rows
from vippsrecon.report.money.refunds import MAX_REFUNDS, name_refund_stages
from vippsrecon.report.money.vat import describe_vat, name_vat_rates
from vippsrecon.spreadsheet.columns import fit_column_widths
from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.ranges import format_criterion
from vippsrecon.spreadsheet.table import SheetTable
from vippsrecon.texts import list_section, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vippsrecon.report.frames import ReportFrames
    from vippsrecon.report.money.frames import MoneyFrames
    from vippsrecon.spreadsheet.cross_checks import CrossChecks


def build_table(sheet: str, data: pl.DataFrame, about: str = "") -> SheetTable:
    """Return a table with the name, the sentence and the columns of its sheet."""
    return SheetTable(
        sheet,
        names.get_sheet_name(sheet),
        about or say(f"about.{sheet}"),
        list_columns(sheet),
        data,
    )


def build_money_tables(frames: ReportFrames) -> tuple[SheetTable, ...]:
    """Return the sheets of money on its way to the bank that have rows."""
    if frames.money is None:
        return ()
    words = dict(list_section("money_legs.words"))
    payouts = frames.money.payouts.with_columns(
        pl.col("what", "status", "matched_by").replace(words)
    )
    names_of_lines = dict(list_section("cut_off.lines"))
    cut_off = frames.money.cut_off.with_columns(
        line_name=pl.col("line").replace(names_of_lines),
        what=pl.col("item").replace(dict(list_section("cut_off.items"))),
        proof=pl.col("proof").replace(dict(list_section("cut_off.proofs"))),
    )
    vouchers = frames.money.vouchers.with_columns(
        status=pl.col("status").replace(dict(list_section("cut_off.statuses"))),
        role=pl.col("role").replace(dict(list_section("vouchers.accounts"))),
    )
    rows = {
        "ledger": frames.money.entries,
        "payouts_bank": payouts,
        "cutoff": cut_off,
        "vouchers": vouchers,
        "radar": build_radar_rows(frames.reservations, frames.orders),
    }
    tables = (_fit_columns(build_table(sheet, data)) for sheet, data in rows.items() if data.height)
    return tuple(_add_blocks(table, frames.money) for table in tables)


def _fit_columns(table: SheetTable) -> SheetTable:
    if table.key != "vouchers":
        return table
    columns = fit_column_widths(table.columns, table.data, VOUCHER_WIDTH_LIMITS)
    return replace(table, columns=columns)


def _add_blocks(table: SheetTable, money: MoneyFrames) -> SheetTable:
    if table.key in ("ledger", "payouts_bank"):
        return replace(table, notes=_describe_further_rows(table, money.period))
    if table.key == "vouchers" and money.vat.height:
        block = build_block("vat", table, name_vat_rates(money.vat))
        return replace(table, notes=describe_vat(money.vat), blocks=(block,))
    if table.key != "cutoff" or money.at is None:
        return table
    notes: tuple[str, ...] = ()
    blocks = []
    if not money.clearing.is_empty():
        items = money.clearing.with_columns(
            item_name=pl.col("item").replace_strict(dict(list_section("clearing.items")))
        )
        notes = describe_clearing(money.clearing, money.at)
        blocks.append(build_block("clearing", table, items))
    if money.refunds_followed:
        about = say(
            "blocks.refunds.about",
            day=money.at.isoformat(),
            open=money.refunds.height,
            all=money.refunds_followed,
            shown=MAX_REFUNDS,
        )
        blocks.append(build_block("refunds", table, name_refund_stages(money.refunds), about))
    return replace(table, notes=notes, blocks=tuple(blocks))


def _describe_further_rows(
    table: SheetTable, period: tuple[date | None, date | None]
) -> tuple[str, ...]:
    """Return a sentence where the sheet has rows of other days than those that the bridge counts."""
    first, last = period
    if first is None or last is None:
        return ()
    days = (
        pl.coalesce("booked_date", "ledger_date")
        if "booked_date" in table.data.columns
        else pl.col("ledger_date")
    )
    if table.data.select(days.is_between(first, last).fill_null(value=True).all()).item():
        return ()
    return (say("money_legs.rows_beyond", first=first.isoformat(), last=last.isoformat()),)


def add_voucher_checks(
    tables: Mapping[str, SheetTable], money: MoneyFrames | None, checks: CrossChecks
) -> None:
    """Add a check per currency: the vouchers of the clearing account, and the lines of *Vouchers*.

    Args:
        tables: The sheets of the workbook.
        money: The rows of the report; None: it has none of money on its way to the bank.
        checks: Receives the checks.
    """
    vouchers = tables.get("vouchers")
    if money is None or money.at is None or vouchers is None:
        return
    booked = money.clearing.filter(pl.col("item") == "vouchers")
    until = (money.at - date(1899, 12, 30)).days
    for currency in booked["currency"].unique().sort():
        criteria = [
            ("currency", format_criterion(currency)),
            ("role", format_criterion(say("vouchers.accounts.clearing"))),
            ("status", f'"<>{say("cut_off.statuses.blocked")}"'),
            ("voucher_date", f'"<={until}"'),
        ]
        debit, credit = (
            vouchers.sum_where(name, criteria) for name in ("debit_minor", "credit_minor")
        )
        amount = int(booked.filter(pl.col("currency") == currency)["account_minor"].sum())
        checks.add(
            say("checks.clearing_vouchers", currency=currency, sheet=vouchers.sheet),
            to_cell_amount(amount),
            "" if vouchers.overflow_file else f"{debit}-{credit}",
            currency,
        )
