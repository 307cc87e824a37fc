"""Tell cells that may be about a customer, so that no reject and no note repeats them.

A row whose cells are shifted has names, addresses and phone numbers in the columns of amounts and
dates. The file, row, column and reason are enough to find the cell.
"""

from __future__ import annotations

import re

import polars as pl

_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[ T,].*)?", re.DOTALL)
_AMOUNT = re.compile(r"-?(?:\d+|\d{1,3}(?:[ .,'\u00a0\u202f]\d{3})+)(?:[.,]\d+)?")
_PHONE = re.compile(r"[+(]?\+?\d(?:[ \u00a0\u202f()./-]{0,2}\d){7,14}")
_DIGITS_OF_A_DATE = 5


def is_contact(text: str) -> bool:
    """Return whether a cell is a mail address, or digits grouped as in a phone number.

    Eight digits without a mark between them may as well be an amount, a date or a reference.

    >>> [is_contact(text) for text in ("+47 912 34 567", "91 23 45 67", "a@b.example")]
    [True, True, True]
    >>> [is_contact(text) for text in ("12 345 678", "05.10.2026", "91234567", "12 34,50")]
    [False, False, False, False]
    """
    text = text.strip()
    if "@" in text:
        return True
    return (
        _PHONE.fullmatch(text) is not None
        and not text.isdecimal()
        and _DATE.fullmatch(text) is None
        and _AMOUNT.fullmatch(text) is None
    )


def may_be_about_customer(text: str, column: str | None) -> bool:
    """Return whether a rejected cell may be about a customer: a name, an address, a message.

    Args:
        text: The cell.
        column: The field it stands for. Amounts, dates and currencies have no long words, except
            the month of a date; a reference may have one, but no blank beside it.

    >>> may_be_about_customer("Kari Nordmann", "total"), may_be_about_customer("1 234 kr", "total")
    (True, False)
    >>> may_be_about_customer("3 oktober 2026", "ordered_at")
    False
    >>> may_be_about_customer("order-1", "reference"), may_be_about_customer("Kari N", "reference")
    (False, True)
    """
    if is_contact(text) and (column != "reference" or not re.search(r"[A-Za-z-]", text)):
        return True
    if _LONG_WORD.search(text) is None:
        return False
    if column == "reference":
        return re.search(r"\s", text.strip()) is not None
    return sum(character.isdecimal() for character in text) < _DIGITS_OF_A_DATE


def hide_customer_texts(rejects: pl.DataFrame, field: str) -> pl.Series:
    """Return the column `value` of rejects, null where it may be about a customer.

    Args:
        rejects: Has the columns `value` and `field`.
        field: Name of the column with the field of each value; null where a whole row is meant.
    """
    shown = [
        None if text is None or (name and may_be_about_customer(text, name)) else text
        for text, name in rejects.select("value", field).iter_rows()
    ]
    return pl.Series("value", shown, dtype=pl.String)


def hide_words(rejects: pl.DataFrame) -> pl.DataFrame:
    """Return rejects without values that have words: a row whose cells are shifted may hold a name.

    For files in which no column that is read has words, except a few fixed ones.
    """
    shown = [
        None if text is None or may_be_about_customer(text, "total") else text
        for text in rejects["value"]
    ]
    return rejects.with_columns(value=pl.Series(shown, dtype=pl.String))
