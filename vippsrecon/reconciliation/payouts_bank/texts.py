"""Read the text of a bank line: the numbers of a payout, and whether Vipps MobilePay sent it.

    NO   Utb. 2000591 Vippsnr 698382      payout number and sales unit, in either order; cut after
                                          35 characters; older: Utbet. …, Vipps utbet. …
    DK   02008305770010402241             product (2 digits), recipient (8), 001, day of the payout
    FI                                    (DDMMYY), check digit of Finnish references; a bank may
                                          strip the leading zero or write groups of digits

Source: https://developer.vippsmobilepay.com/docs/settlements/
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

REFERENCE_LENGTH = 20
"""Digits of the reference of a payout in Denmark and Finland."""

_CENTURY = 2000
_PRODUCT_CODE = "001"
_SPACED_DIGITS = re.compile(r"(?<!\d)\d(?:[ \u00a0]?\d){17,24}(?!\d)")
_DIGITS = re.compile(r"(?<!\d)\d+(?!\d)")
_MIN_NUMBER_LENGTH = 4
_MAX_NUMBER_LENGTH = 12

_PAYOUT_WORD = re.compile(
    r"\butb(?:et(?:aling)?)?(?=\b|\d)|\budb(?:etaling)?(?=\b|\d)|vipps\s?nr|tilityst?\b|maksuerä"
    r"|\bsettlement\b|\bpayout\b|\boppgj|\bafregning",
    re.IGNORECASE,
)
_NAME = re.compile(r"vipps|mobile\s?pay", re.IGNORECASE)
_COMPANY = re.compile(
    r"vipps\s?mobile\s?pay|\bvipps\s+(?:as|a/s)\b"
    r"|mobile\s?pay\s+(?:as|a/s|denmark|danmark|finland|suomi|oyj?)\b|mobile\s?pay\s+by\s+danske",
    re.IGNORECASE,
)
_PURCHASE = re.compile(
    r"varekj|kjøp|køb|korttiosto|korttimaksu|kortkj|dankort|bankaxept|\bvisa\b|mastercard|\bcard\b"
    r"|\bkort\b|\bosto\b|mottak|\bretur\b|tilbakeført|reservert|\*\d{4}",
    re.IGNORECASE,
)
"""Words of card purchases and of payments between private persons, in four languages."""


class PayoutReference(NamedTuple):
    """The reference of a payout in Denmark and Finland, taken apart.

    Attributes:
        digits: All twenty digits.
        recipient: The number of the sales unit, without leading zeros.
        day: The day in the reference.
    """

    digits: str
    recipient: str
    day: date


class LineText(NamedTuple):
    """What the text of a bank line says.

    Attributes:
        references: Danish and Finnish references with a correct check digit.
        numbers: Other numbers in their order: of a payout, of a sales unit, or anything else.
        from_vipps: Whether it can only be a payment of Vipps MobilePay to a merchant.
        may_be_payout: Whether a payout number alone may be believed in it.
        plain: The text in small letters with single spaces.
    """

    references: tuple[PayoutReference, ...]
    numbers: tuple[str, ...]
    from_vipps: bool
    may_be_payout: bool
    plain: str


def compute_check_digit(digits: str) -> int:
    """Return the check digit of a Finnish reference: weights 7, 3, 1 from the right.

    >>> compute_check_digit("0200830577001040224")
    1
    """
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(digits)))
    return -total % 10


def parse_reference(digits: str) -> PayoutReference | None:
    """Return the reference of a payout, with a stripped leading zero put back; None for any other number.

    >>> parse_reference("2008305770010402241")
    PayoutReference(digits='02008305770010402241', recipient='830577', day=datetime.date(2024, 2, 4))
    >>> parse_reference("2008305770010402242") is None
    True
    """
    stripped = digits.lstrip("0")
    if len(stripped) not in (REFERENCE_LENGTH - 1, REFERENCE_LENGTH):
        return None
    full = stripped.zfill(REFERENCE_LENGTH)
    if full[10:13] != _PRODUCT_CODE or compute_check_digit(full[:-1]) != int(full[-1]):
        return None
    try:
        day = date(_CENTURY + int(full[17:19]), int(full[15:17]), int(full[13:15]))
    except ValueError:
        return None
    return PayoutReference(full, full[2:10].lstrip("0"), day)


@lru_cache(maxsize=4096)
def read_line_text(text: str) -> LineText:
    """Return what the text of a bank line says.

    >>> read_line_text("Utb. 2000591 Vippsnr 698382").numbers
    ('2000591', '698382')
    >>> read_line_text("Fra: VIPPS MOBILEPAY AS").from_vipps
    True
    >>> read_line_text("Varekjøp VIPPS MOBILEPAY AS Oslo").from_vipps
    False
    """
    references = []
    rest = text
    # A number beside the reference must not become a part of it, so digits without blanks come first.
    for pattern in (_DIGITS, _SPACED_DIGITS):
        for written in pattern.findall(rest):
            digits = "".join(written.split())
            reference = parse_reference(digits) if digits.isascii() else None
            if reference is not None:
                references.append(reference)
                rest = rest.replace(written, " | ")
    numbers = tuple(
        number
        for number in _DIGITS.findall(rest)
        if number.isascii() and _MIN_NUMBER_LENGTH <= len(number) <= _MAX_NUMBER_LENGTH
    )
    has_word, has_name = bool(_PAYOUT_WORD.search(text)), bool(_NAME.search(text))
    is_purchase = bool(_PURCHASE.search(text))
    from_vipps = not is_purchase and (
        bool(_COMPANY.search(text)) or bool(references) or (has_word and has_name)
    )
    return LineText(
        tuple(dict.fromkeys(references)),
        numbers,
        from_vipps,
        not is_purchase and (has_word or from_vipps),
        normalize_text(text),
    )


def normalize_text(text: str) -> str:
    """Return a text in small letters with single spaces.

    >>> normalize_text("Utb.  2000591 VIPPSNR 698382 ")
    'utb. 2000591 vippsnr 698382'
    """
    return " ".join(text.casefold().split())
