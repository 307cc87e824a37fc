"""Clean references, derive further candidates, and detect damage by spreadsheets.

Source of the forms: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/ and the
shops' own plugins (docs/order-exports.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources.files.invisible import repair_texts
from vippsrecon.sources.files.table import NATIVE_MARK
from vippsrecon.vipps_rules import MIN_REFERENCE_LENGTH, NEW_REFERENCE_PATTERN

ASCII_BLANKS = " \t\r\n\v\f"
"""Blanks that a reader may remove. Other blanks are damage, and where money moves they are named."""

SCIENTIFIC_NOTATION = r"^[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,2}$"
SEPARATORS = re.compile(r"\s*[,;|\n]\s*|\s\+\s")
"""Separators between references in one cell, as Shopify's export uses them."""


def measure_longest(cells: pl.Series) -> pl.Series:
    """Return the length of the longest reference in each cell, which may list several.

    >>> measure_longest(pl.Series(["abcdefgh", "a1, b22 + c3"])).to_list()
    [8, 3]
    """
    parts = cells.str.replace_all(SEPARATORS.pattern, "\n").str.split("\n")
    return parts.list.eval(pl.element().str.len_chars()).list.max()


MAGENTO_NUMBER_LENGTH = 9
"""Length of Magento's order numbers, zero-padded. Only Magento uses them as references."""

EARLIER_ATTEMPT = "earlier_attempt"
LATER_ATTEMPT = "later_attempt"
WITHOUT_SUFFIX = "without_suffix"
ZERO_PADDED = "zero_padded"
ZERO_STRIPPED = "zero_stripped"
EXPONENT_EXPANDED = "written_out"
INVISIBLE_REMOVED = "invisible_removed"

RULES_AFTER_NOT_FOUND = frozenset(
    {
        LATER_ATTEMPT,
        WITHOUT_SUFFIX,
        ZERO_PADDED,
        ZERO_STRIPPED,
        EXPONENT_EXPANDED,
        INVISIBLE_REMOVED,
    }
)
"""Rules whose candidates are queried only if the reference itself is not found.

Candidates of `EARLIER_ATTEMPT` are always queried: WooCommerce's plugin overwrites the reference at
every new attempt, so only Vipps MobilePay has the earlier ones, which may hold money.
"""


def remove_spreadsheet_guards(text: pl.Series) -> pl.Series:
    r"""Remove what protects text from spreadsheets: `'0012` or `="0012"`.

    >>> remove_spreadsheet_guards(pl.Series(["'0012", '="0012"', "\x010012"])).to_list()
    ['0012', '0012', '0012']
    """
    if not text.str.contains(rf"^[='{NATIVE_MARK}]").any():
        return text
    plain = text.str.strip_prefix(NATIVE_MARK).str.replace(r'^="(.*)"$', "${1}")
    return plain.str.strip_prefix("'").str.strip_chars(ASCII_BLANKS)


def derive_attempt_base(reference: pl.Expr, ids: list[pl.Expr]) -> pl.Expr:
    """Derive the reference of the first attempt, if the reference contains the order's id.

    A reference is a prefix, zeros, the order's id and, from the second attempt, `-1`, `-2`. The
    prefix may contain digits and hyphens, so only what follows the id is a suffix.

    >>> rows = pl.DataFrame({"r": ["woo-shop-1001-2", "woo-shop-1001", "a-17-3"], "i": ["1001"] * 3})
    >>> rows.select(derive_attempt_base(pl.col("r"), [pl.col("i")]))["r"].to_list()
    ['woo-shop-1001', 'woo-shop-1001', None]
    """
    bare = reference.str.replace(r"-[1-9][0-9]?$", "")
    bases = []
    for order_id in ids:
        for base in (reference, bare):
            before = base.str.strip_suffix(order_id).str.strip_chars_end("0")
            ends = base.str.ends_with(order_id) & (order_id != "")
            bases.append(pl.when(ends & ~before.str.contains(r"[0-9]$")).then(base))
    return pl.coalesce(bases) if bases else pl.lit(None, pl.String)


def build_references(prefix: str, order_id: pl.Expr, pad: int) -> pl.Expr:
    """Build references from a prefix and order ids, with zeros between them.

    >>> pl.select(build_references("Woo", pl.lit("17"), 8)).item()
    'Woo00017'
    """
    return pl.lit(prefix) + order_id.str.zfill(max(0, pad - len(prefix)))


def detect_prefix(reference: pl.Series, order_id: pl.Series, pad: int) -> str:
    """Return the prefix that most references have before the order id; "" without a majority.

    >>> ids = pl.Series(["17", "1018", "1019", "1020"])
    >>> references = pl.Series(["Woo00017", "Woo01018-1", "Woo01019", None])
    >>> detect_prefix(references, ids, 8)
    'Woo'
    """
    frame = pl.DataFrame({"reference": reference, "id": order_id}).drop_nulls()
    base = derive_attempt_base(pl.col("reference"), [pl.col("id")])
    votes = (
        frame.with_columns(base=base)
        .drop_nulls()
        .with_columns(prefix=pl.col("base").str.strip_suffix(pl.col("id")).str.strip_chars_end("0"))
        .group_by("prefix")
        .len()
        .sort(["len", "prefix"], descending=[True, False])
    )
    if votes.is_empty():
        return ""
    prefix: str = votes["prefix"][0]
    rebuilt = frame.filter(base == build_references(prefix, pl.col("id"), pad)).height
    return prefix if rebuilt >= _MIN_VOTES and rebuilt * 2 > frame.height else ""


def find_candidate_references(orders: pl.DataFrame) -> pl.DataFrame:
    """Find further references to query at Vipps MobilePay.

    Args:
        orders: `schemas.ORDERS` in Polars.

    Returns:
        One row per (msn, reference, candidate), sorted: `reference` is the order's, `rule` says
        how the candidate was derived. `RULES_AFTER_NOT_FOUND` says which to query when. All are
        well-formed references.
    """
    columns = orders.select(*PAYMENT_KEY, "attempt_base", "paid")
    known = columns.filter(pl.col("reference").is_not_null()).unique()
    length = _detect_length(known["reference"])
    candidates = pl.concat(
        [
            *_derive_attempts(known),
            *_derive_zero_variants(known, length),
            _expand_scientific(known),
            _build_candidates(
                known.with_columns(repaired=repair_texts(known["reference"])),
                pl.col("repaired"),
                INVISIBLE_REMOVED,
            ),
        ]
    )
    candidate = pl.col("candidate")
    could_be = candidate.str.contains(NEW_REFERENCE_PATTERN) & (candidate != pl.col("reference"))
    possible = candidates.filter(could_be).unique()
    return possible.sort(possible.columns)


class Damage(NamedTuple):
    """Apparent damage to references by a spreadsheet.

    Attributes:
        kind: scientific, invisible or lost_zeros.
        references: How many references have it.
        example: One of them, as a note shows it.
        repaired: What is tried for the example; "" if it cannot be repaired.
    """

    kind: str
    references: int
    example: str
    repaired: str = ""


def find_damage(references: pl.Series) -> Damage | None:
    """Return the worst apparent damage to references by a spreadsheet; None if there is none."""
    scientific = references.filter(references.str.contains(SCIENTIFIC_NOTATION))
    invisible = references.filter(repair_texts(references) != references)
    digits = references.filter(references.str.contains(r"^[0-9]{1,20}$"))
    length = _detect_length(digits)
    short = digits.filter(digits.str.len_bytes() < length) if length else digits.clear()
    if not scientific.is_empty():
        return Damage("scientific", scientific.len(), scientific[0])
    if not invisible.is_empty():
        repaired = repair_texts(invisible)[0]
        return Damage("invisible", invisible.len(), repr(invisible[0]), repaired)
    if not short.is_empty():
        return Damage("lost_zeros", short.len(), short[0], short[0].zfill(length))
    return None


def _detect_length(references: pl.Series) -> int:
    """Return the most common length of zero-padded numeric references; 0 if unknown.

    If a spreadsheet removed the zeros of all of them, numbers that are too short for a reference
    are assumed to have Magento's length.
    """
    digits = references.filter(references.str.contains(_DIGITS_PATTERN))
    padded = digits.filter(digits.str.starts_with("0")).str.len_bytes()
    if not padded.is_empty():
        longest: int = padded.mode().max()  # type: ignore[assignment]  # of whole numbers
        return longest
    return MAGENTO_NUMBER_LENGTH if (digits.str.len_bytes() < MIN_REFERENCE_LENGTH).any() else 0


_MIN_VOTES = 3
_DIGITS_PATTERN = "^[0-9]+$"


def _build_candidates(rows: pl.DataFrame, candidate: pl.Expr, rule: str) -> pl.DataFrame:
    return rows.select(*PAYMENT_KEY, candidate=candidate, rule=pl.lit(rule))


def _derive_attempts(known: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield candidates from attempt suffixes: earlier attempts and the next one."""
    base = pl.col("attempt_base")
    based = known.filter(base.is_not_null() & (base != "")).with_columns(
        attempt=pl.col("reference")
        .str.slice(base.str.len_chars() + 1)
        .cast(pl.Int64, strict=False)
        .fill_null(0)
    )
    again = based.filter(pl.col("attempt") > 0)
    yield _build_candidates(again, base, EARLIER_ATTEMPT)
    between = again.filter(pl.col("attempt") > 1).with_columns(
        number=pl.int_ranges(1, pl.col("attempt"))
    )
    numbered = between.explode("number", empty_as_null=False)
    yield _build_candidates(numbered, pl.format("{}-{}", base, "number"), EARLIER_ATTEMPT)
    paid = (pl.col("paid") == "yes").fill_null(value=False)
    later = based.filter((pl.col("attempt") > 0) | ~paid)
    yield _build_candidates(later, pl.format("{}-{}", base, pl.col("attempt") + 1), LATER_ATTEMPT)
    suffixed = known.filter(
        (base.is_null() | (base == ""))
        & pl.col("reference").str.contains("^.{7,}[A-Za-z0-9]-[1-9][0-9]?$")
    )
    yield _build_candidates(
        suffixed, pl.col("reference").str.replace("-[0-9]+$", ""), WITHOUT_SUFFIX
    )


def _derive_zero_variants(known: pl.DataFrame, length: int) -> Iterator[pl.DataFrame]:
    """Yield numeric references with leading zeros restored, or removed."""
    reference = pl.col("reference")
    digits = known.filter(reference.str.contains(_DIGITS_PATTERN))
    short = digits.filter(reference.str.len_bytes() < length)
    yield _build_candidates(short, reference.str.zfill(length), ZERO_PADDED)
    padded = digits.filter(reference.str.contains("^0+[1-9]"))
    yield _build_candidates(padded, reference.str.strip_chars_start("0"), ZERO_STRIPPED)


def _expand_scientific(known: pl.DataFrame) -> pl.DataFrame:
    """Write out references that a spreadsheet turned into `1E+11`."""
    damaged = known.filter(pl.col("reference").str.contains(SCIENTIFIC_NOTATION))
    expanded = {text: _expand_exponent(text) for text in damaged["reference"].unique()}
    written = pl.col("reference").replace_strict(expanded, return_dtype=pl.String)
    return _build_candidates(
        damaged, written if expanded else pl.col("reference"), EXPONENT_EXPANDED
    )


def _expand_exponent(text: str) -> str:
    mantissa, _, exponent = text.lower().replace(",", ".").partition("e")
    integer_digits, _, part = mantissa.partition(".")
    return (integer_digits + part).ljust(int(exponent) + 1, "0")
