"""Check the rows of a plan list: the column at fault, its value, and the reason."""

from __future__ import annotations

import polars as pl

from vippsrecon.money import DECIMALS
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources.files.table import FORMULA_MARK, MARKS
from vippsrecon.sources.orders.fields import references
from vippsrecon.texts import say
from vippsrecon.vipps_rules import (
    MAX_REFERENCE_LENGTH,
    MIN_REFERENCE_LENGTH,
    MSN_PATTERN,
    NEW_REFERENCE_PATTERN,
)

MAX_LIST_TEXT_LENGTH = 500
"""Maximum length of a note, a document number, an order number."""

_MAX_WORKBOOK_DIGITS = 15
"""Digits of a number that a workbook stores exactly."""


def mark_unusable_rows(cells: pl.DataFrame, reasons: list[str]) -> pl.DataFrame:
    """Add `column`, `value` and `why` of the first fault to each row that cannot be used.

    Args:
        cells: One column per field, with parsed amounts and their faults.
        reasons: The reasons that a plan accepts.
    """
    reference, raw = pl.col("reference"), pl.col("raw")
    digits = raw.str.strip_chars_start(MARKS)
    native = raw.str.contains(rf"^[{MARKS}]")
    named = reference != ""
    twice = named & (pl.len().over(*PAYMENT_KEY) > 1)
    numbers = pl.col("row").cast(pl.String)
    others = pl.format(
        "rows {} and {} name the same payment: none of them is planned, since it is not clear which "
        "is meant; put the whole amount in one row",
        numbers.str.join(", ").over(*PAYMENT_KEY).str.replace(r", [0-9]+$", ""),
        numbers.last().over(*PAYMENT_KEY),
    )
    amount, currency = pl.col("amount"), pl.col("currency")
    needs_currency = ~pl.col("all")
    faults: list[tuple[pl.Expr, str | None, pl.Expr]] = [
        (pl.col("fault").is_not_null(), None, pl.col("fault")),
        (~named, "reference", _literal("is missing")),
        (raw.str.starts_with(FORMULA_MARK), "reference", _literal(say("reasons.formula"))),
        (pl.col("odd").is_not_null(), "reference", pl.col("odd") + pl.col("cell")),
        (
            native & ~digits.str.contains("^[0-9]+$"),
            "reference",
            _literal("is a number or date in the workbook, not a reference; make the column text"),
        ),
        (
            native & (digits.str.len_chars() > _MAX_WORKBOOK_DIGITS),
            "reference",
            _literal(
                "is a number of more than 15 digits, whose last ones Excel changed; export again"
            ),
        ),
        (
            reference.str.contains(references.SCIENTIFIC_NOTATION),
            "reference",
            _literal("was turned into a number by a spreadsheet, losing digits; export again"),
        ),
        (
            ~reference.str.contains(NEW_REFERENCE_PATTERN),
            "reference",
            _literal(
                f"is not {MIN_REFERENCE_LENGTH} to {MAX_REFERENCE_LENGTH} letters A to Z, digits "
                "and hyphens; a spreadsheet may have taken zeros in front"
            ),
        ),
        (pl.col("msn") == "", "msn", _literal("is missing; name the sales unit, or set VIPPS_MSN")),
        (
            ~pl.col("msn").str.contains(f"^{MSN_PATTERN}$"),
            "msn",
            _literal("is not a merchant serial number"),
        ),
        (twice, "reference", others),
        (
            needs_currency & (currency == ""),
            "currency",
            _literal("is missing; an amount needs a currency"),
        ),
        (
            (currency != "") & ~currency.is_in(list(DECIMALS)),
            "currency",
            _literal(f"is not a currency of Vipps MobilePay ({', '.join(DECIMALS)})"),
        ),
        (
            needs_currency & (amount == ""),
            "amount",
            _literal("is missing; write all for the whole amount"),
        ),
        (pl.col("amount_why").is_not_null(), "amount", pl.col("amount_why")),
        (pl.col("amount_minor") < 0, "amount", _literal("is negative; write it without the minus")),
        (pl.col("amount_minor") == 0, "amount", _literal("is 0, so there is nothing to do")),
        (
            pl.col("reason").is_null(),
            "reason",
            _literal(f"is not a reason known here ({', '.join(reasons)})"),
        ),
        *(
            (
                pl.col(name).str.len_chars() > MAX_LIST_TEXT_LENGTH,
                name,
                _literal(f"is longer than {MAX_LIST_TEXT_LENGTH} characters"),
            )
            for name in ("note", "document_ref", "order_number")
        ),
        (pl.col("vat_why").is_not_null(), "vat", pl.col("vat_why")),
        (
            (pl.col("vat_minor") < 0) | (pl.col("vat_minor") > pl.col("amount_minor")),
            "vat",
            _literal("is negative or more than the amount"),
        ),
    ]
    masks = [mask.fill_null(value=False) for mask, _, _ in faults]
    return cells.with_columns(
        why=pl.coalesce(
            pl.when(mask).then(why) for mask, (_, _, why) in zip(masks, faults, strict=True)
        ),
        column=pl.coalesce(
            pl.when(mask).then(pl.lit(column or ""))
            for mask, (_, column, _) in zip(masks, faults, strict=True)
        ).replace("", None),
        value=pl.coalesce(
            pl.when(mask).then(pl.lit("") if column is None else _select_value(column))
            for mask, (_, column, _) in zip(masks, faults, strict=True)
        ),
    )


def _literal(sentence: str) -> pl.Expr:
    return pl.lit(sentence)


def _select_value(column: str) -> pl.Expr:
    return pl.col("written_reason" if column == "reason" else column).str.strip_chars_start(MARKS)
