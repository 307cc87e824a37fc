"""Find characters that a person does not see, or takes for another, and name them.

References copied from a mail, a chat or a word processor carry zero-width marks, no-break spaces and
dashes instead of hyphens. In an order export they are repaired; in a list of refunds they are named.
"""

from __future__ import annotations

import re
import unicodedata

import polars as pl

from vippsrecon.texts import say

_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
"""Characters without a width: format characters, fillers and variation selectors."""

_REPAIRABLE = re.compile(f"[{_DASHES}{_BLANKS}{_INVISIBLE}]")
_REMOVED = re.compile(f"[{_BLANKS}{_INVISIBLE}]")
_DASH = re.compile(f"[{_DASHES}]")
_CONTROL = "Cc"


def repair_texts(texts: pl.Series) -> pl.Series:
    r"""Remove invisible characters and no-break spaces, and turn dashes into hyphens.

    >>> repair_texts(pl.Series(["nord\u2011211\u200b", "nord-211"])).to_list()
    ['nord-211', 'nord-211']
    """
    repaired = {text: _repair(text) for text in _select_odd(texts) if _REPAIRABLE.search(text)}
    return texts.replace(repaired) if repaired else texts


def describe_odd_character(text: str, *, only_invisible: bool = False) -> str | None:
    r"""Name the first character that is neither a letter, digit nor sign of ASCII; None without one.

    Args:
        text: A cell.
        only_invisible: Pass over characters that a person sees.

    >>> describe_odd_character("nord-211\u200b")
    'holds U+200B (zero width space), which cannot be seen, as its character 9'
    >>> describe_odd_character("n\u043erd-211")
    'holds U+043E (cyrillic small letter o) as its character 2'
    """
    for number, character in enumerate(text, start=1):
        invisible = _REMOVED.match(character) or unicodedata.category(character) == _CONTROL
        if invisible or not (only_invisible or " " <= character <= "~"):
            facts = {
                "code": f"{ord(character):04X}",
                "name": unicodedata.name(character, "no name").lower(),
                "number": number,
            }
            key = "invisible_character" if invisible else "odd_character"
            return say(f"reasons.{key}", **facts)
    return None


def describe_odd_texts(texts: pl.Series) -> pl.Series:
    """Describe the odd character of each text, as `describe_odd_character` does; null without one."""
    odd = {text: describe_odd_character(text) for text in _select_odd(texts)}
    if not odd:
        return pl.Series([None], dtype=pl.String).new_from_index(0, texts.len())
    return texts.replace_strict(odd, default=None, return_dtype=pl.String)


def _select_odd(texts: pl.Series) -> pl.Series:
    return texts.filter(~texts.str.contains(r"^[ -~]*$")).unique()


def _repair(text: str) -> str:
    return _DASH.sub("-", _REMOVED.sub("", text)).strip()
