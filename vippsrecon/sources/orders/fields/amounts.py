"""Convert amounts of files to whole minor units, by the profile's rules and never by guessing.

A cell alone does not show whether `12.500` is twelve and a half or twelve thousand five hundred, so
a profile sets the decimal mark of a whole column, and three digits after the only mark of a text are
refused: a shop of whole kroner writes 1.100 for 1100. Libraries that guess cell by cell were tried on
bank and shop files: they lose minus signs, read `12.500` as 12.5, or accept `1e5`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal, NamedTuple

import polars as pl

from vippsrecon.money import DECIMALS, LARGEST_MINOR
from vippsrecon.sources.files.invisible import describe_odd_character
from vippsrecon.sources.files.table import FORMULA_MARK, NATIVE_MARK
from vippsrecon.texts import say

DecimalMark = Literal[".", ","]

_MINUS_SIGN = "\u2212"
_NO_BREAK_SPACE = "\u00a0"

_MAX_WHOLE_DIGITS = 13
"""Fifteen digits with two decimals: what a workbook's cell holds exactly."""

_EXACT_DIGITS = 15
"""Significant digits that Excel shows and computes with. Its files hold 17, so 3 times 19.90 is
stored as 59.699999999999996. Source: https://learn.microsoft.com/en-us/office/troubleshoot/excel/\
floating-point-arithmetic-inaccurate-result"""

_DECIMAL_FIGURES = r"^[-+\u2212]?[0-9]+[.,][0-9]+$"

_UNCLEAR = r"^[-+\u2212(]?\s*[0-9]+[.,][0-9]{3}\s*[-)]?$"
"""Three digits after the only mark: a group of thousands, or decimals that no amount has."""

_SPACED = r"^[-+\u2212]?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?$"


@dataclass(frozen=True)
class AmountStyle:
    """How amounts are written in a column.

    Attributes:
        decimal: The decimal mark, or "auto": the one that fits every cell of the column.
        groups: Marks allowed between groups of three digits; none by default.
        words: Currency words and signs that may be before or after the figures.
        trailing_minus: Whether `12,50-` is minus 12.50.
        brackets: Whether `(12.50)` is minus 12.50.
        long_decimals: Whether this shop writes more decimals than its currencies have, so that
            `12.500` is twelve and a half.
    """

    decimal: Literal[".", ",", "auto"] = "."
    groups: str = ""
    words: tuple[str, ...] = ()
    trailing_minus: bool = False
    brackets: bool = False
    long_decimals: bool = False

    def pattern(self) -> str:
        """Return the regular expression an amount of this style matches.

        >>> bool(re.match(AmountStyle(",", groups=".").pattern(), "-1.234,50"))
        True
        >>> bool(re.match(AmountStyle(".").pattern(), "1.234,50"))
        False
        """
        groups = "".join(mark for mark in self.groups if mark != self.decimal)
        integer_part = r"[0-9]+"
        if groups:
            marks = "".join(re.escape(mark) for mark in groups)
            integer_part = rf"[0-9]{{1,3}}(?:[{marks}][0-9]{{3}})+|{integer_part}"
        mark = re.escape(self.decimal)
        return rf"^(?P<sign>[-{_MINUS_SIGN}+]?)[ {_NO_BREAK_SPACE}]*(?P<whole>{integer_part})(?:{mark}(?P<part>[0-9]+))?$"


class ParsedAmounts(NamedTuple):
    """A parsed column of amounts: the amounts, and the reason for each cell without one."""

    minor: pl.Series
    reason: pl.Series
    well_formed: pl.Series


def parse_amounts(text: pl.Series, currency: pl.Series, style: AmountStyle) -> ParsedAmounts:
    """Parse a column of amounts into signed minor units of each row's currency.

    An empty cell has neither amount nor reason; the caller decides whether it may be empty.

    >>> column = pl.Series(["499.5", "499.5055", "1.234,50", ""])
    >>> read = parse_amounts(column, pl.Series(["NOK"] * 4), AmountStyle("."))
    >>> read.minor.to_list()
    [49950, None, None, None]
    >>> read.reason.to_list()[1:3]
    ['has more decimals than NOK has (2)', 'is not an amount with a decimal point']
    """
    plain = _round_computed(_strip_decoration(text, style))
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
        unclear=~native & _is_unclear(plain, style, mark),
        odd=_describe_odd_cells(text),
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
    no_amount = say("reasons.no_point" if mark == "." else "reasons.no_comma")
    too_long = pl.col("whole").str.len_bytes() > _MAX_WHOLE_DIGITS
    too_fine = pl.col("part").str.len_bytes() > pl.col("places")
    read = parts.select(
        minor=pl.when(formed & ~too_fine & ~too_long & ~pl.col("unclear")).then(
            pl.when(pl.col("sign").is_in(["-", _MINUS_SIGN])).then(-figures).otherwise(figures)
        ),
        reason=pl.when(pl.col("text") == "")
        .then(None)
        .when(pl.col("odd").is_not_null())
        .then("odd")
        .when(pl.col("unclear"))
        .then(pl.lit(say("reasons.unclear_mark")))
        .when(~formed & pl.col("text").str.contains(_SPACED))
        .then(pl.lit(say("reasons.spaced_digits")))
        .when(~formed)
        .then(pl.lit(no_amount))
        .when(too_long)
        .then(pl.lit(say("reasons.too_long")))
        .when(too_fine)
        .then(_explain_decimals(currency)),
        well_formed=formed,
    )
    return ParsedAmounts(read["minor"], read["reason"], read["well_formed"])


def parse_minor_units(text: pl.Series) -> ParsedAmounts:
    r"""Parse a column of whole numbers of minor units, as programs write them.

    >>> read = parse_minor_units(pl.Series(["\x0149950", "-100", "499.5", ""]))
    >>> read.minor.to_list(), read.reason[2]
    ([49950, -100, None, None], 'is not a whole number of minor units')
    """
    plain = text.str.strip_prefix(NATIVE_MARK)
    parts = pl.DataFrame({"text": plain}).with_columns(
        whole=pl.col("text").str.extract(r"^([-+]?[0-9]+)(?:\.0*)?$")
    )
    minor = pl.col("whole").str.strip_prefix("+").cast(pl.Int64, strict=False)
    too_long = pl.col("whole").is_not_null() & (minor.is_null() | (minor.abs() > LARGEST_MINOR))
    read = parts.select(
        minor=pl.when(~too_long).then(minor),
        reason=pl.when(too_long)
        .then(pl.lit(say("reasons.too_long")))
        .when(pl.col("whole").is_null() & (pl.col("text") != ""))
        .then(pl.lit(say("reasons.no_minor_units"))),
        well_formed=pl.col("whole").is_not_null(),
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


def _explain_decimals(currency: pl.Series) -> pl.Expr:
    """Return the reason for an amount with more decimals than the row's currency has."""
    reasons = {
        code: say("reasons.too_fine", currency=code, places=DECIMALS.get(code, 2))
        for code in currency.drop_nulls().unique()
    }
    return pl.col("currency").replace_strict(reasons, default=None, return_dtype=pl.String)


def _is_unclear(plain: pl.Series, style: AmountStyle, mark: str) -> pl.Series:
    """Return which texts may mean thousands or decimals, because the style does not decide it."""
    unclear = plain.str.contains(_UNCLEAR)
    # The style in a user's own mapping names the mark of thousands. A shop that always writes
    # decimals would have written them behind such a mark.
    settled = style.decimal if style.long_decimals else style.groups.replace(mark, "")
    for sure in settled:
        if sure in ".,":
            unclear &= ~plain.str.contains(sure, literal=True)
    return unclear


def _describe_odd_cells(text: pl.Series) -> pl.Series:
    """Return what makes a cell unreadable that a person cannot see; null for all other cells."""
    known = {
        cell: say("reasons.formula")
        if cell.startswith(FORMULA_MARK)
        else describe_odd_character(cell.lstrip(NATIVE_MARK), only_invisible=True)
        for cell in text.filter(text.str.contains(r"[^\x01 -~\x{a0}\x{202f}\x{2212}]")).unique()
    }
    if not known:
        return pl.Series([None], dtype=pl.String).new_from_index(0, text.len())
    return text.replace_strict(known, default=None, return_dtype=pl.String)


def _round_computed(plain: pl.Series) -> pl.Series:
    """Round numbers of more than 15 significant digits to the 15 that Excel shows.

    >>> _round_computed(pl.Series(["59.699999999999996", "12.345", "0,30000000000000004"])).to_list()
    ['59.7', '12.345', '0,3']
    """
    long = (plain.str.len_chars() > _EXACT_DIGITS + 1) & plain.str.contains(_DECIMAL_FIGURES)
    if not long.any():
        return plain
    shown = {}
    for text in plain.filter(long).unique():
        mark = "," if "," in text else "."
        number = Decimal(text.replace(_MINUS_SIGN, "-").replace(",", "."))
        if len(number.as_tuple().digits) > _EXACT_DIGITS:
            rounded = Context(prec=_EXACT_DIGITS).plus(number).normalize()
            shown[text] = f"{rounded:f}".replace(".", mark)
    return plain.replace(shown) if shown else plain


def _strip_decoration(text: pl.Series, style: AmountStyle) -> pl.Series:
    """Remove what the style allows around the digits, and put minus signs first."""
    bare = text.str.strip_prefix(NATIVE_MARK).str.strip_prefix("'")
    for word in style.words:
        word_at_an_end = (
            rf"(?i)^([-{_MINUS_SIGN}+]?)\s*{re.escape(word)}\.?\s*|\s*{re.escape(word)}\.?$"
        )
        bare = bare.str.replace_all(word_at_an_end, "${1}")
    if style.brackets:
        bare = bare.str.replace(r"^\(([^()]*)\)$", "-${1}")
    if style.trailing_minus:
        bare = bare.str.replace(r"^([^-].*?)\s*-$", "-${1}")
    return bare.str.strip_chars()
