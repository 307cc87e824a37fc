"""Look up texts by key in the catalogue of the current language.

A catalogue is a TOML file. Its tables are the parts of a key: `codes.not_paid.title`. A text may have
placeholders such as `{count}`. A table of `one` and `other` is a text with a form for one and a form for
any other number.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NamedTuple

from vippsrecon.texts.language import check_language, get_language
from vippsrecon.texts.numbers import format_number, format_spaced_number


class CountedText(NamedTuple):
    """A text with a form for one and a form for any other number."""

    one: str
    other: str


Text = str | CountedText


def say(key: str, /, **values: Any) -> str:
    """Return a text of the current language.

    Args:
        key: Its key, such as "codes.not_paid.title".
        values: What its placeholders stand for. Whole numbers and decimals are formatted as the
            language writes them; give a number that is a name, such as a year, as text. A text with
            forms has the form for `count`.

    Raises:
        KeyError: The catalogue has no such text.
    """
    return _fill(load_catalogue(get_language())[key], values)


def say_number(key: str, number: int, /, **values: Any) -> str:
    """Return a text with a number, in the form for it; in English it has spaces between thousands.

    >>> say_number("desk.chosen", 1200)
    '1 200 rows chosen'
    """
    return say(key, count=number, number=format_spaced_number(number), **values)


def find_text(key: str) -> str:
    """Return a text of the current language that has no placeholder, or "" if there is none."""
    text = load_catalogue(get_language()).get(key, "")
    return text if isinstance(text, str) else text.other


def count_of(noun: str, count: int) -> str:
    """Return a number with its noun.

    >>> count_of("row", 1), count_of("row", 1200)
    ('1 row', '1,200 rows')
    """
    return say(f"counted.{noun}", count=count)


def list_section(section: str) -> Mapping[str, str]:
    """Return the texts of one section by the rest of their keys, in the order of the catalogue.

    Args:
        section: The first parts of the keys, such as "buckets". The texts have no placeholders.
    """
    return _list_section(get_language(), section)


def list_texts_in(section: str, language: str) -> Mapping[str, str]:
    """Return the texts of one section of any language, as `list_section` does."""
    return _list_section(check_language(language), section)


def translate_words(section: str, language: str | None = None) -> Mapping[str, str]:
    """Return the English words of a section, each with that of a language, None for the current one."""
    english, other = (
        list_texts_in(section, "en"),
        list_texts_in(section, language or get_language()),
    )
    return {word: other[key] for key, word in english.items()}


@cache
def _list_section(language: str, section: str) -> Mapping[str, str]:
    start = f"{section}."
    return MappingProxyType(
        {
            key.removeprefix(start): text
            for key, text in load_catalogue(language).items()
            if key.startswith(start) and isinstance(text, str)
        }
    )


@cache
def load_catalogue(language: str) -> Mapping[str, Text]:
    """Return every text of a language by its key."""
    source = files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return MappingProxyType(dict(_flatten(tomllib.loads(source), "")))


def _flatten(table: Mapping[str, Any], start: str) -> Iterator[tuple[str, Text]]:
    for name, value in table.items():
        key = f"{start}{name}"
        if isinstance(value, str):
            yield key, value
        elif value.keys() == {"one", "other"}:
            yield key, CountedText(**value)
        else:
            yield from _flatten(value, f"{key}.")


def _fill(text: Text, values: Mapping[str, Any]) -> str:
    if isinstance(text, CountedText):
        text = text.one if values["count"] == 1 else text.other
    if not values:
        return text
    return text.format_map(
        {
            name: format_number(value) if isinstance(value, int | Decimal) else value
            for name, value in values.items()
        }
    )
