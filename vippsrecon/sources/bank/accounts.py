"""Write bank accounts in one form, so that the same account compares equal in every file."""

from __future__ import annotations

import re

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NORWEGIAN = re.compile(r"[0-9]{11}")
_NORWEGIAN_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_MARKS = re.compile(r"[\s.\u00a0\u202f-]+")


def normalize_account(text: str) -> str | None:
    """Return an account as IBAN where that is certain, else without spaces and dots; None if empty.

    A Norwegian account of eleven digits has a check digit, so its IBAN is certain. The number of
    another country may lack its bank, so it stays as it is.

    >>> normalize_account("8601 11 17947"), normalize_account("NO93 8601 1117 947")
    ('NO9386011117947', 'NO9386011117947')
    >>> normalize_account("9040000000"), normalize_account(" ")
    ('9040000000', None)
    """
    account = _MARKS.sub("", text).upper()
    if _NORWEGIAN.fullmatch(account) and _is_norwegian(account):
        return f"NO{_compute_iban_check('NO', account)}{account}"
    return account or None


def is_iban(account: str) -> bool:
    """Return whether an account is an IBAN whose check digits are right.

    >>> is_iban("NO9386011117947"), is_iban("NO9386011117948"), is_iban("86011117947")
    (True, False, False)
    """
    if _IBAN.fullmatch(account) is None:
        return False
    return _compute_iban_check(account[:2], account[4:]) == account[2:4]


def _is_norwegian(digits: str) -> bool:
    """Return whether eleven digits are a Norwegian account: the last one checks the others.

    Source: https://www.bits.no/bank/bank-og-clearingkode/ (modulus 11).
    """
    weighted = sum(
        int(digit) * weight for digit, weight in zip(digits, _NORWEGIAN_WEIGHTS, strict=False)
    )
    return (11 - weighted % 11) % 11 == int(digits[10])


def _compute_iban_check(country: str, account: str) -> str:
    """Return the two check digits of an IBAN (ISO 13616, ISO 7064 modulus 97)."""
    number = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{98 - int(number) % 97:02}"
