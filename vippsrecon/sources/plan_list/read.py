"""Read lists of payments to refund, capture or cancel, as people write them.

    reference, amount, currency [, msn, order_number, reason, note, document_ref, vat]

One row per payment, amounts in major units. References are used unchanged: where money moves, none
is repaired. A payment listed twice is not planned at all, since it is not clear which row is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import polars as pl

from vippsrecon.errors import SourceError
from vippsrecon.money import DECIMALS
from vippsrecon.sources.customer_texts import hide_customer_texts
from vippsrecon.sources.files.csv_file import open_csv_table
from vippsrecon.sources.files.detect import compute_file_sha256, detect_file_type
from vippsrecon.sources.files.excel_file import open_excel_table
from vippsrecon.sources.files.headings import normalize_heading, normalize_word
from vippsrecon.sources.files.invisible import describe_odd_texts
from vippsrecon.sources.files.table import NATIVE_MARK, Record, Table, build_cell_picker
from vippsrecon.sources.files.workbook.cell_texts import format_cell, name_column
from vippsrecon.sources.orders.cells import mark_rows_of_sums
from vippsrecon.sources.orders.fields import references
from vippsrecon.sources.orders.fields.amounts import AmountStyle, DecimalMark, parse_amounts
from vippsrecon.sources.plan_list.checks import mark_unusable_rows
from vippsrecon.sources.plan_list.headings import (
    PLAN_LIST_FIELDS,
    PlanListVocabulary,
    load_vocabulary,
)
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.requests import Request
from vippsrecon.texts import use_language

_DIGIT_GROUP_MARKS = " '\u00a0\u202f"
"""Marks between groups of digits. Neither point nor comma, so 12.345 has three decimals."""

_MAX_ROWS_NAMED = 20
"""Maximum number of hidden rows that a message lists."""

FRAME_SOURCE_NAME = "python"
"""Used as the file name of rows that came from a frame."""


class PlanList(NamedTuple):
    """A plan list, as read.

    Attributes:
        requests: The rows that the file alone gives no reason to reject, in its order.
        refused: The rows that cannot be used.
        name, sha256: The file.
    """

    requests: tuple[Request, ...]
    refused: tuple[Reject, ...]
    name: str
    sha256: str


def read_plan_list(
    path: str | Path,
    *,
    default_msn: str | None = None,
    cancels: bool = False,
    mapping: str | Path | None = None,
) -> PlanList:
    """Read a list of payments, each row with its amount or `all`.

    Args:
        path: CSV or XLSX with a heading row.
        default_msn: Sales unit of rows without one.
        cancels: The list is of cancels, which release the whole reservation: amounts may be absent.
        mapping: The user's own headings: see `load_vocabulary`.

    Returns:
        Requests in the file's order, and the rows that cannot be used, each with its reason.

    Raises:
        SourceError: The file cannot be read as such a list, has no sales unit and there is no
            default, or mixes decimal points with decimal commas.
        ConfigurationError: The mapping cannot be used.
    """
    path = Path(path)
    vocabulary = load_vocabulary(mapping)
    table = _open_list(path, [text for texts in vocabulary.columns.values() for text in texts])
    _refuse_hidden_rows(table)
    return _parse_table(table, compute_file_sha256(path), default_msn, vocabulary, cancels=cancels)


def build_plan_list(
    frame: pd.DataFrame, *, default_msn: str | None = None, cancels: bool = False
) -> PlanList:
    """Return a frame's rows as `read_plan_list` reads a file's; the first row is row 1.

    Args:
        frame: The same columns. Amounts are major units (Decimal, text, whole or broken
            numbers), or are in a column amount_minor as whole minor units.
        default_msn: See `read_plan_list`.
        cancels: See `read_plan_list`.
    """
    shown = frame.astype(object).where(frame.notna(), None)
    if "amount_minor" in shown.columns and "amount" not in shown.columns:
        places = shown["currency"].map(lambda code: DECIMALS.get(code, 2))
        major = [
            None if minor is None else Decimal(int(minor)).scaleb(-decimals)
            for minor, decimals in zip(shown["amount_minor"], places, strict=True)
        ]
        shown["amount"] = pd.Series(major, index=shown.index, dtype=object)
    names = [str(name) for name in shown.columns]
    values = [list(row) for row in shown.itertuples(index=False, name=None)]

    def records(places: Sequence[int]) -> Iterator[Record]:
        pick = build_cell_picker(places)
        for number, row in enumerate(values, start=1):
            yield Record(number, pick([format_cell(cell) for cell in row]), None)

    table = Table(FRAME_SOURCE_NAME, "frame", "", tuple(names), records)
    return _parse_table(table, "", default_msn, load_vocabulary(), cancels=cancels)


def _parse_table(
    table: Table,
    digest: str,
    default_msn: str | None,
    vocabulary: PlanListVocabulary,
    *,
    cancels: bool,
) -> PlanList:
    # What is written about the rows of a plan stays in English.
    with use_language("en"):
        return _parse_rows(table, digest, default_msn, vocabulary, cancels=cancels)


def _parse_rows(
    table: Table,
    digest: str,
    default_msn: str | None,
    vocabulary: PlanListVocabulary,
    *,
    cancels: bool,
) -> PlanList:
    cells = _select_cells(table, vocabulary, cancels=cancels)
    if (cells["msn"] == "").all() and default_msn is None:
        raise SourceError(
            "the list does not say which sales unit its payments are of; add a column msn, or set "
            "VIPPS_MSN",
            file=table.name,
        )
    cells = cells.with_columns(
        msn=pl.when(pl.col("msn") == "").then(pl.lit(default_msn or "")).otherwise("msn"),
        currency=pl.col("currency").str.to_uppercase(),
        reason=_map_reasons(cells["reason"], vocabulary),
        written_reason=cells["reason"],
        odd=describe_odd_texts(cells["reference"]),
        all=_means_full_amount(cells["amount"], vocabulary, cancels=cancels),
    )
    rows = mark_unusable_rows(
        _add_amounts(cells, table.name), list(dict.fromkeys(vocabulary.reasons.values()))
    )
    refused = rows.filter(pl.col("why").is_not_null())
    rejects = refused.with_columns(hide_customer_texts(refused, "column")).select(
        source_file=pl.lit(table.name),
        source_row=pl.col("row"),
        column=pl.col("column"),
        value=pl.col("value").str.slice(0, 80),
        reason=pl.col("why"),
    )
    usable = rows.filter(pl.col("why").is_null()).select(
        "row", "msn", "reference",
        order_number=_null_if_empty("order_number"),
        currency=_null_if_empty("currency"),
        amount_minor=pl.when(~pl.col("all")).then("amount_minor"),
        reason="reason", note="note", document_ref="document_ref", vat_minor="vat_minor",
    )  # fmt: skip
    return PlanList(
        tuple(Request(*row) for row in usable.iter_rows()),
        tuple(Reject(*row) for row in rejects.iter_rows()),
        table.name,
        digest,
    )


def _open_list(path: Path, usual_headings: Sequence[str]) -> Table:
    form = detect_file_type(path)
    if form in ("json", "xml"):
        raise SourceError(
            f"this is {form.upper()}, not a list; a plan is approved with vippsrecon approve",
            file=path.name,
        )
    if form == "workbook":
        return open_excel_table(path, usual_headings=usual_headings)
    return open_csv_table(path, usual_headings=usual_headings, reject_doubtful=True)


def _refuse_hidden_rows(table: Table) -> None:
    """Refuse a list with hidden rows: whoever filtered it believes they are left out."""
    if table.hidden_rows is None:
        raise SourceError(
            "it is not clear whether rows of this workbook are hidden; save it again in Excel",
            file=table.name,
        )
    if table.hidden_rows:
        shown = ", ".join(map(str, table.hidden_rows[:_MAX_ROWS_NAMED]))
        more = len(table.hidden_rows) - _MAX_ROWS_NAMED
        raise SourceError(
            f"hidden rows: {shown}{f' and {more} more' if more > 0 else ''} (hidden by a filter, a "
            "folded group or a height of 0); show these rows or delete them, then save the "
            "workbook, so that you see every row that is planned",
            file=table.name,
        )


def _select_cells(table: Table, vocabulary: PlanListVocabulary, *, cancels: bool) -> pl.DataFrame:
    """Return one column per field, empty if the file lacks it, without spreadsheet guards."""
    headings = [normalize_heading(text) for text in table.headings]
    places: dict[str, int] = {}
    for name, texts in vocabulary.columns.items():
        matching = [
            normalize_heading(text) for text in texts if normalize_heading(text) in headings
        ]
        if matching and (headings.count(matching[0]) > 1 or len(set(matching)) > 1):
            raise SourceError(
                f"several columns may be the {name}, such as {matching[0]!r}, and it is not clear "
                "which one is meant; rename or remove the others",
                file=table.name,
            )
        if matching:
            places[name] = headings.index(matching[0])
    required = ("reference",) if cancels else ("reference", "amount", "currency")
    lacking = [name for name in required if name not in places]
    if lacking:
        raise SourceError(
            f"it has no column {' or '.join(map(repr, lacking))}; a list of payments has the "
            "columns reference, amount, currency (your own headings: --mapping; a report: "
            "--from-report)",
            file=table.name,
        )
    # Blanks outside ASCII stay in references: they do not belong to them, and are reported.
    frame = table.columns(list(places.values()), references.ASCII_BLANKS)
    cells = {
        name: frame[f"c{position}"]
        if name == "reference"
        else frame[f"c{position}"].str.strip_chars()
        for position, name in enumerate(places)
    }
    empty = pl.Series([""], dtype=pl.String).new_from_index(0, frame.height)
    texts_of = {name: cells.get(name, empty) for name in PLAN_LIST_FIELDS}
    plain = {
        name: column if name in ("amount", "vat") else references.remove_spreadsheet_guards(column)
        for name, column in texts_of.items()
    }
    for name in ("note", "document_ref", "order_number"):
        plain[name] = plain[name].str.replace_all(r"\s+", " ")
    cell = pl.lit("")
    if table.file_type == "xlsx":
        cell = pl.format(" (cell {}{})", pl.lit(name_column(places["reference"])), "row")
    return frame.select("row", "fault", raw="row").with_columns(
        raw=texts_of["reference"], cell=cell, **plain
    )


def _map_reasons(written: pl.Series, vocabulary: PlanListVocabulary) -> pl.Series:
    """Map each reason to the plan's value; null if unknown."""
    meant = {
        text: vocabulary.reasons.get(normalize_word(text)) if text else "other"
        for text in written.unique()
    }
    return written.replace_strict(meant, return_dtype=pl.String)


def _means_full_amount(
    amount: pl.Series, vocabulary: PlanListVocabulary, *, cancels: bool
) -> pl.Series:
    words_for_all = vocabulary.words_for_all | ({""} if cancels else set())
    means = {text: normalize_word(text) in words_for_all for text in amount.unique()}
    return amount.replace_strict(means, return_dtype=pl.Boolean)


def _add_amounts(cells: pl.DataFrame, file: str) -> pl.DataFrame:
    figures = cells["amount"].set(cells["all"], "")
    style = AmountStyle(_choose_decimal_mark(figures, file), _DIGIT_GROUP_MARKS)
    named = cells.select("fault", "reference", "order_number", "note", "document_ref")
    sums = mark_rows_of_sums(named.with_columns(total=figures), style)
    amount = parse_amounts(figures, cells["currency"], style)
    vat = parse_amounts(cells["vat"], cells["currency"], style)
    return cells.with_columns(
        sums["fault"],
        amount_minor=amount.minor,
        amount_why=amount.reason,
        vat_minor=vat.minor,
        vat_why=vat.reason,
    )


def _choose_decimal_mark(figures: pl.Series, file: str) -> DecimalMark:
    """Return the decimal mark that the cells of the column have; one cell alone is never decisive."""
    texts = figures.filter(~figures.str.starts_with(NATIVE_MARK))
    fitting: list[DecimalMark] = [
        mark
        for mark in (".", ",")
        if (
            texts.str.contains(mark, literal=True)
            & texts.str.contains(AmountStyle(mark, _DIGIT_GROUP_MARKS).pattern())
        ).any()
    ]
    if len(fitting) > 1:
        raise SourceError(
            "some amounts have a decimal point and others a decimal comma; write all of them one "
            "way",
            file=file,
            column="amount",
        )
    return fitting[0] if fitting else "."


def _null_if_empty(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(name)
