"""Convert amounts of files to whole minor units, by the profile's rules and never by guessing.

A cell alone does not show whether `12.500` is twelve and a half or twelve thousand five hundred, so
a profile sets the decimal mark of a whole column. Libraries that guess cell by cell were tried on bank
and shop files: they lose minus signs, read `12.500` as 12.5, or accept `1e5`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import polars as pl

from vippsrecon.money import DECIMALS
from vippsrecon.sources.files.table import NATIVE_MARK

DecimalMark = Literal[".", ","]

_MINUS_SIGN = "\u2212"
_NO_BREAK_SPACE = "\u00a0"

_MAX_WHOLE_DIGITS = 13
"""Fifteen digits with two decimals: what a workbook's cell holds exactly."""


@dataclass(frozen=True)
class AmountStyle:
    """How amounts are written in a column.

    Attributes:
        decimal: The decimal mark, or "auto": the one that fits every cell of the column.
        groups: Marks allowed between groups of three digits; none by default.
        words: Currency words and signs that may stand before or after the figures.
        trailing_minus: Whether `12,50-` is minus 12.50.
        brackets: Whether `(12.50)` is minus 12.50.
    """

    decimal: Literal[".", ",", "auto"] = "."
    groups: str = ""
    words: tuple[str, ...] = ()
    trailing_minus: bool = False
    brackets: bool = False

    def pattern(self) -> str:
        """Return the regular expression an amount of this style matches.

        >>> bool(re.match(AmountStyle(",", groups=".").pattern(), "-1.234,50"))
        True
        >>> bool(re.match(AmountStyle(".").pattern(), "1.234,50"))
        False
        """
        groups = "".join(mark for mark in self.groups if mark != self.decimal)
        whole = r"[0-9]+"
        if groups:
            marks = "".join(re.escape(mark) for mark in groups)
            whole = rf"[0-9]{{1,3}}(?:[{marks}][0-9]{{3}})+|{whole}"
        mark = re.escape(self.decimal)
        return rf"^(?P<sign>[-{_MINUS_SIGN}+]?)[ {_NO_BREAK_SPACE}]*(?P<whole>{whole})(?:{mark}(?P<part>[0-9]+))?$"


class ParsedAmounts(NamedTuple):
    """A parsed column of amounts: the amounts, and the reason for each cell without one."""

    minor: pl.Series
    reason: pl.Series
    well_formed: pl.Series


def parse_amounts(text: pl.Series, currency: pl.Series, style: AmountStyle) -> ParsedAmounts:
    """Parse a column of amounts into signed minor units of each row's currency.

    An empty cell has neither amount nor reason; the caller decides whether it may be empty.

    >>> column = pl.Series(["499.5", "499.505", "1.234,50", ""])
    >>> read = parse_amounts(column, pl.Series(["NOK"] * 4), AmountStyle("."))
    >>> read.minor.to_list()
    [49950, None, None, None]
    >>> read.reason.to_list()[1:3]
    ['has more decimals than NOK has (2)', 'is not an amount with a decimal point']
    """
    plain = _strip_decoration(text, style)
    native = text.str.starts_with(NATIVE_MARK)
    mark = style.decimal if style.decimal != "auto" else "."
    parts = pl.DataFrame({"text": plain, "native": native, "currency": currency}).with_columns(
        pl.when(pl.col("native"))
        .then(pl.col("text").str.extract_groups(AmountStyle(".").pattern()))
        .otherwise(pl.col("text").str.extract_groups(AmountStyle(mark, style.groups).pattern()))
        .alias("parts")
    )
    parts = parts.unnest("parts").with_columns(
        whole=pl.col("whole").str.replace_all(r"[^0-9]", "").str.strip_chars_start("0"),
        part=pl.col("part").fill_null("").str.strip_chars_end("0"),
        places=pl.col("currency").replace_strict(DECIMALS, default=2, return_dtype=pl.Int64),
    )
    figures = pl.coalesce(
        pl.when(pl.col("places") == places).then(
            (pl.lit("0") + pl.col("whole") + pl.col("part").str.pad_end(places, "0")).cast(
                pl.Int64, strict=False
            )
        )
        for places in sorted({2, *DECIMALS.values()})
    )
    formed = pl.col("whole").is_not_null()
    word = "point" if mark == "." else "comma"
    read = parts.select(
        minor=pl.when(
            formed
            & (pl.col("part").str.len_bytes() <= pl.col("places"))
            & (pl.col("whole").str.len_bytes() <= _MAX_WHOLE_DIGITS)
        ).then(pl.when(pl.col("sign").is_in(["-", _MINUS_SIGN])).then(-figures).otherwise(figures)),
        reason=pl.when(pl.col("text") == "")
        .then(None)
        .when(~formed)
        .then(pl.lit(f"is not an amount with a decimal {word}"))
        .when(pl.col("whole").str.len_bytes() > _MAX_WHOLE_DIGITS)
        .then(pl.lit("has more than fifteen digits"))
        .when(pl.col("part").str.len_bytes() > pl.col("places"))
        .then(pl.format("has more decimals than {} has ({})", "currency", "places")),
        well_formed=formed,
    )
    return ParsedAmounts(read["minor"], read["reason"], read["well_formed"])


def detect_decimal_mark(text: pl.Series, style: AmountStyle) -> DecimalMark | None:
    """Return the only decimal mark with which every filled cell of a column is an amount.

    Whole numbers fit both marks. Returns None if neither mark fits all cells, or both do (a column
    of only `12.500` and `1,250`).

    >>> detect_decimal_mark(pl.Series(["1.234,50", "12"]), AmountStyle("auto", groups=".,"))
    ','
    >>> detect_decimal_mark(pl.Series(["12.500", "3"]), AmountStyle("auto", groups=".,")) is None
    True
    """
    cells = _strip_decoration(text, style).filter(~text.str.starts_with(NATIVE_MARK) & (text != ""))
    marked = cells.filter(cells.str.contains("[.,]"))
    if marked.is_empty():
        return "."
    fits: list[DecimalMark] = [
        mark
        for mark in (".", ",")
        if cells.str.contains(AmountStyle(mark, style.groups).pattern()).all()
    ]
    return fits[0] if len(fits) == 1 else None


def truncate_amount(text: str) -> int | None:
    """Return the minor units that Shopware's plugin sends: the float product, truncated.

    The plugin computes `(int)(total * 100)` in PHP, whose numbers are binary floats as Python's
    are, so 19.99 becomes 1998. Only the same float product gives that figure. It is the only float
    in the package and is only compared, never used as an amount.

    Source: Vipps MobilePay's Shopware plugin, version 1.0.2.

    >>> truncate_amount("19.99"), truncate_amount("20.00")
    (1998, 2000)
    """
    return int(float(text) * 100) if re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,8})?", text) else None


def _strip_decoration(text: pl.Series, style: AmountStyle) -> pl.Series:
    """Remove what the style allows around the digits, and put minus signs first."""
    bare = text.str.strip_prefix(NATIVE_MARK).str.strip_prefix("'")
    for word in style.words:
        around = rf"(?i)^([-{_MINUS_SIGN}+]?)\s*{re.escape(word)}\.?\s*|\s*{re.escape(word)}\.?$"
        bare = bare.str.replace_all(around, "${1}")
    if style.brackets:
        bare = bare.str.replace(r"^\(([^()]*)\)$", "-${1}")
    if style.trailing_minus:
        bare = bare.str.replace(r"^([^-].*?)\s*-$", "-${1}")
    return bare.str.strip_chars()
