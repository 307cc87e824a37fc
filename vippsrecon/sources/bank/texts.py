"""Join what a bank wrote about a line in several places to one text.

Banks put the text of a payment wherever their system has room: in the remittance information, in
the additional information of the entry or the transaction, or in their own transaction code. All of
them are searched for a payout's number, so all of them are kept, each once.

A payer's name is kept only if it is Vipps MobilePay: other names are of customers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MAX_TEXT_LENGTH = 4000
"""Characters of a line's text. A batch of payments may have thousands of texts."""

_PAYER = re.compile(r"vipps|mobile\s?pay", re.IGNORECASE)
_CODE_WITH_TEXT = re.compile(r"\s|[0-9]{8}")
"""A bank's code such as `710TILISIIRTO` says nothing; a text in its place has a blank or a number."""

_EMPTY = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NOTAVAILABLE"})


def join_texts(texts: Iterable[str], codes: Iterable[str] = (), payers: Iterable[str] = ()) -> str:
    """Return the texts of one line, each once, with single spaces.

    Args:
        texts: What the bank wrote, best first.
        codes: The bank's own codes, used where they hold text or nothing else does.
        payers: Names of payers.

    >>> join_texts(["Utb. 2000591  Vippsnr 698382", "NOTPROVIDED", "Vippsnr 698382"])
    'Utb. 2000591 Vippsnr 698382'
    >>> join_texts([], ["MobilePay 02001234560010402244"], ["Kari Nordmann"])
    'MobilePay 02001234560010402244'
    >>> join_texts(["Utb. 2000591"], ["710TILISIIRTO"], ["Vipps MobilePay AS"])
    'Utb. 2000591 Vipps MobilePay AS'
    """
    own_codes = [code for code in codes if code]
    found = [text for text in texts if text and text not in _EMPTY]
    found += [code for code in own_codes if _CODE_WITH_TEXT.search(code)]
    found += [name for name in payers if mentions_vipps(name)]
    kept: list[str] = []
    length = 0
    for text in found or own_codes[:1]:
        plain = " ".join(text.split())
        if not any(plain in earlier for earlier in kept[-20:]):
            kept.append(plain)
            length += len(plain) + 1
        if length > MAX_TEXT_LENGTH:
            break
    return kept[0][:MAX_TEXT_LENGTH] if len(kept) == 1 else " ".join(kept)[:MAX_TEXT_LENGTH]


@lru_cache(maxsize=1000)
def mentions_vipps(text: str) -> bool:
    """Return whether a text names Vipps or MobilePay.

    >>> mentions_vipps("Utb. 2000591 Vippsnr 698382"), mentions_vipps("Gebyr")
    (True, False)
    """
    return _PAYER.search(text) is not None
