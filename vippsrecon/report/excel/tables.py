"""Build the rows and positions of the sheets that show frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.report import names
from vippsrecon.report.columns import (
    DISCREPANCY_WIDTH_LIMITS,
    PAYMENT_OF_DISCREPANCY_COLUMNS,
    list_columns,
)
from vippsrecon.report.detail import RAW_SHEETS, ReportDetail
from vippsrecon.report.excel.blocks import place_blocks
from vippsrecon.report.excel.links import add_links
from vippsrecon.report.excel.money_tables import build_money_tables, build_table
from vippsrecon.report.restated import describe_restatement, name_restated_facts
from vippsrecon.report.sentences import describe_change_rows
from vippsrecon.report.totals.open_items import LEFT_TOTALS, select_items_with_history
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources.reviewed_report.row_hash import HASHED_COLUMNS, compute_row_hash
from vippsrecon.spreadsheet.columns import fit_column_widths
from vippsrecon.spreadsheet.table import EXCEL_MAX_ROWS, SheetTable
from vippsrecon.texts import (
    count_of,
    format_money,
    format_percent,
    list_texts_in,
    say,
    translate_words,
)

if TYPE_CHECKING:
    from vippsrecon.report.changes import ReportChanges
    from vippsrecon.report.figures import ReportFigures
    from vippsrecon.report.frames import ReportFrames


def build_sheet_tables(
    frames: ReportFrames,
    figures: ReportFigures,
    *,
    stem: str = "report",
    limit: int = EXCEL_MAX_ROWS,
    detail: ReportDetail = "full",
    changes: ReportChanges | None = None,
) -> dict[str, SheetTable]:
    """Return the sheets that show frames, by key, in the order of the workbook.

    With `detail` findings, the `RAW_SHEETS` are marked as left out, and each discrepancy has the
    state and totals of its payment.

    Args:
        frames: The frames of one Reconciliation.
        figures: Its figures.
        stem: Name of the workbook without suffix; the names of Parquet files start with it.
        limit: Maximum number of rows of a sheet; a longer frame also goes to Parquet.
        detail: Whether all sheets are in the workbook.
        changes: What changed since an earlier report; None: there is no earlier report.
    """
    discrepancies = build_discrepancy_rows(frames, figures)
    if changes is not None:
        discrepancies = discrepancies.join(
            changes.entries, on="discrepancy_id", how="left", maintain_order="left"
        )
    if detail == "findings":
        discrepancies = add_payments(discrepancies, frames.payments)
    fill_in = f"{say('about.discrepancies')} {say('about.fill_in')}"
    tables = (
        build_table("discrepancies", _name_values(discrepancies), fill_in),
        *_build_item_tables(frames),
        *_build_change_tables(changes),
        *_build_restatement_tables(frames),
        *(build_table(sheet, build_pair_rows(frames, sheet)) for sheet in ("matched", "timing")),
        build_table("payments", frames.payments),
        build_table("events", frames.events),
        build_table("orders", frames.orders),
        *build_money_tables(frames),
        build_table("rejects", build_reject_and_failure_rows(frames)),
    )
    with_payments = detail == "findings"
    columns = fit_column_widths(
        list_columns("discrepancies", with_payments=with_payments),
        discrepancies,
        DISCREPANCY_WIDTH_LIMITS,
    )
    tables = (replace(tables[0], columns=columns), *tables[1:])
    placed = {
        table.key: place_blocks(_place_header(table, figures, stem, limit)) for table in tables
    }
    if detail == "findings":
        for sheet in placed.keys() & set(RAW_SHEETS):
            file = f"{stem}.data/{sheet}_rows.parquet"
            placed[sheet] = replace(placed[sheet], left_out=True, overflow_file=file)
    placed["discrepancies"] = add_links(placed)
    return placed


def _build_item_tables(frames: ReportFrames) -> tuple[SheetTable, ...]:
    rows = build_item_rows(frames)
    return () if rows.is_empty() else (build_table("open_items", rows),)


def build_item_rows(frames: ReportFrames) -> pl.DataFrame:
    """Return the open items if they tell more than *Discrepancies*, with their status in words.

    `open_minor` is what is at risk, `left_minor` what left the totals because it is waived or closed.
    """
    left = pl.col("status").is_in(LEFT_TOTALS)
    rows = select_items_with_history(frames.open_items, frames.discrepancies)
    ids = rows.select("kind", "discrepancy_id").iter_rows()
    return rows.with_columns(
        payout_number=pl.Series([names.find_payout_number(*row) for row in ids], dtype=pl.String),
        item_status=pl.col("status").replace_strict(names.list_item_statuses()),
        open_minor=pl.when(~left).then("at_risk_minor"),
        left_minor=pl.when(left).then("at_risk_minor"),
    )


def _build_change_tables(changes: ReportChanges | None) -> tuple[SheetTable, ...]:
    if changes is None:
        return ()
    rows = changes.rows.with_columns(
        change=_replace_words("change", "changes.words"),
        decision=_replace_words("decision", "decisions"),
    )
    return (build_table("changed", rows, describe_change_rows(changes.name)),)


def _build_restatement_tables(frames: ReportFrames) -> tuple[SheetTable, ...]:
    if frames.restatement.is_empty():
        return ()
    table = build_table("restatement", name_restated_facts(frames.restatement))
    return (replace(table, notes=describe_restatement(frames.restatement)),)


def _name_values(discrepancies: pl.DataFrame) -> pl.DataFrame:
    """Return the discrepancies with the words of the language for severities and decisions."""
    named = discrepancies.with_columns(severity=_replace_words("severity", "severities"))
    if "decision" in named.columns:
        named = named.with_columns(decision=_replace_words("decision", "decisions"))
    return named


def _replace_words(column: str, section: str) -> pl.Expr:
    """Return a column with the words of the language; a word that is not in the section stays."""
    return pl.col(column).replace(dict(translate_words(section)))


def _place_header(table: SheetTable, figures: ReportFigures, stem: str, limit: int) -> SheetTable:
    """Set the row of the header: below title, sentence, totals and notes."""
    present = set(table.data["currency"].unique()) if "currency" in table.data.columns else set()
    currencies = tuple(currency for currency in figures.currencies if currency in present)
    notes = table.notes
    if table.key == "discrepancies":
        notes = (*format_group_notes(figures), *format_risk_notes(table.data))
    head_row = 2 + len(currencies) + 1 + len(notes) + 1
    if table.data.height > limit - head_row - 1:
        head_row += 1
        return replace(
            table,
            currencies=currencies,
            notes=notes,
            head_row=head_row,
            limit=limit,
            overflow_file=f"{stem}.{get_file_name(table)}.parquet",
        )
    return replace(table, currencies=currencies, notes=notes, head_row=head_row, limit=limit)


def get_file_name(table: SheetTable) -> str:
    """Return what a sheet is called in names of files and cells: the same in every language."""
    return list_texts_in("sheets", "en")[table.key].lower().replace(" ", "_").replace("-", "_")


def format_group_notes(figures: ReportFigures, most: int = 5, place: str = "") -> tuple[str, ...]:
    """Return one line per large group. If there are more than `most`, the last line counts the rest.

    Args:
        figures: The figures of a report.
        most: Number of lines.
        place: Where all groups are; "" for *Summary*.
    """
    lines = [
        say(
            "sheet_texts.group_note",
            rows=count_of("row", group.rows),
            kind=group.kind,
            share=format_percent(group.share),
            amount=format_money(group.at_risk_minor, group.currency),
            where=f"; {group.where}" if group.where else "",
            cause=group.cause,
        )
        for group in figures.groups
    ]
    if len(lines) > most:
        left_out = count_of("more_group", len(lines) - most + 1)
        more = say(
            "sheet_texts.more_groups",
            groups=left_out,
            place=place or names.get_sheet_name("summary"),
        )
        return (*lines[: most - 1], more)
    return tuple(lines)


def format_risk_notes(discrepancies: pl.DataFrame) -> tuple[str, ...]:
    """Return a line that explains rows with money at risk but no difference, if there are any."""
    without_difference = discrepancies.filter(
        (pl.col("difference_minor") == 0) & (pl.col("at_risk_minor") > 0)
    )
    if without_difference.is_empty():
        return ()
    return (say("sheet_texts.risk_without_difference", count=without_difference.height),)


def build_discrepancy_rows(frames: ReportFrames, figures: ReportFigures) -> pl.DataFrame:
    """Return the discrepancies in the order given, with group, row hash and keys for reading back."""
    data = add_item_status(frames.discrepancies, frames.open_items)
    groups = pl.DataFrame(
        [(g.currency, g.cause, g.rows) for g in figures.groups],
        schema={"currency": pl.String, "cause": pl.String, "alike": pl.Int64},
        orient="row",
    )
    hashes = [compute_row_hash(row) for row in data.select(HASHED_COLUMNS).iter_rows()]
    return data.join(
        groups, on=["currency", "cause"], how="left", maintain_order="left"
    ).with_columns(
        group=pl.when(pl.col("alike").is_null())
        .then(pl.lit(say("sheet_texts.single")))
        .otherwise(pl.format(say("sheet_texts.one_of"), "alike")),
        msn_key=pl.col("msn"),
        reference_key=pl.col("reference"),
        row_hash=pl.Series(hashes, dtype=pl.String),
    )


def add_item_status(discrepancies: pl.DataFrame, open_items: pl.DataFrame) -> pl.DataFrame:
    """Return the discrepancies with `item_status`, in words: open where nothing else is known."""
    status = pl.col("status").replace_strict(names.list_item_statuses(), return_dtype=pl.String)
    known = open_items.select("discrepancy_id", item_status=status)
    return discrepancies.join(
        known, on="discrepancy_id", how="left", maintain_order="left"
    ).with_columns(pl.col("item_status").fill_null(names.list_item_statuses()["open"]))


def add_payments(discrepancies: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Return the discrepancies with the state and totals of their payments, null without one."""
    facts = [column.name for column in PAYMENT_OF_DISCREPANCY_COLUMNS]
    key = PAYMENT_KEY
    return discrepancies.join(
        payments.select(*key, *facts).unique(key, keep="last", maintain_order=True),
        on=key,
        how="left",
        maintain_order="left",
    )


def build_pair_rows(frames: ReportFrames, bucket: str) -> pl.DataFrame:
    """Return the orders and payments of a bucket side by side.

    Grain: one row per reference and order row. A payment with several order rows is shown only in
    the first of them, so that the columns add up to the totals at Vipps MobilePay.
    """
    nth = pl.int_range(pl.len()).over(*PAYMENT_KEY).alias("nth")
    orders = (
        frames.orders.filter(pl.col("bucket") == bucket)
        .rename({"refunded_minor": "shop_refunded_minor"})
        .select(
            *("msn", "reference", "currency", "order_number", "ordered_day", "status"),
            *("total_minor", "shop_refunded_minor", "kind", "flags", nth),
        )
    )
    payments = frames.payments.filter(pl.col("bucket") == bucket).select(
        *("msn", "reference", "currency", "state", "authorized_minor", "captured_minor"),
        *("refunded_minor", "cancelled_minor", "kind", "flags", nth),
    )
    side_by_side = orders.join(payments, on=["msn", "reference", "nth"], how="full", coalesce=True)
    kind = pl.coalesce("kind", "kind_right")
    return side_by_side.with_columns(
        currency=pl.coalesce("currency", "currency_right"),
        kind=kind,
        flags=pl.coalesce("flags", "flags_right"),
        # The code is empty where a pair agrees; replace_strict raises for an unknown one.
        meaning=kind.replace_strict({"": None, **names.list_code_titles()}, return_dtype=pl.String),
    ).sort("msn", "reference", "nth", "order_number")


def build_reject_and_failure_rows(frames: ReportFrames) -> pl.DataFrame:
    """Return failures and rejects in one frame, unanswered references first.

    A failure whose reference came from an order has the file and row of the first such order.
    Left out: references that Vipps MobilePay does not know although they belong to orders paid by
    other means, because that is correct.
    """
    paid_by_other_means = frames.orders.filter(pl.col("bucket") == "ignored").select(
        "msn", "reference"
    )
    status = pl.col("status")
    failure_text = (
        pl.when(pl.col("operation") == "not_sent")
        .then(pl.lit("not sent"))
        .when(status == 404)
        .then(pl.lit("not found"))
        .otherwise(pl.lit("not read"))
    )
    expected_misses = frames.failures.filter(status == 404).join(
        paid_by_other_means, on=PAYMENT_KEY, how="semi", nulls_equal=True
    )
    origin = frames.orders.select(*PAYMENT_KEY, "source_file", "source_row").unique(
        PAYMENT_KEY, keep="first", maintain_order=True
    )
    failures = (
        frames.failures.join(
            expected_misses,
            on=["msn", "reference", "operation", "status"],
            how="anti",
            nulls_equal=True,
        )
        .join(origin, on=PAYMENT_KEY, how="left", maintain_order="left")
        .with_columns(what=failure_text, reason=pl.col("title"))
        .drop("title")
    )
    rejects = frames.rejects.with_columns(what=pl.lit("row rejected"))
    order = {"not read": 0, "not sent": 1, "row rejected": 2, "not found": 3}
    return (
        pl.concat([failures, rejects], how="diagonal")
        .with_columns(rank=pl.col("what").replace_strict(order, return_dtype=pl.Int64))
        .sort("rank", maintain_order=True)
        .drop("rank")
        .with_columns(what=_replace_words("what", "rejects"))
    )
