"""Profiles: descriptions of banks' CSV files, as data, and the user's own mapping of the same form."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import read_toml
from vippsrecon.money import DECIMALS
from vippsrecon.sources.files.headings import normalize_heading, refuse_second_column
from vippsrecon.sources.orders.fields.dates import build_date_regex

BANK_FIELDS = (
    "booked", "expected", "value", "text", "payer", "amount", "amount_in", "amount_out", "balance",
    "currency", "status", "reference", "account", "own_from", "own_to",
)  # fmt: skip
"""Fields that a profile may map to columns."""

_DECIMAL_MARKS = (".", ",", "auto", "either")
_DATES = ("%d.%m.%Y", "%Y-%m-%d", "%Y/%m/%d", "%d-%m-%Y", "%d/%m/%Y")


@dataclass(frozen=True)
class BankProfile:
    """One form of bank statement.

    Attributes:
        name: Its name; the one of a user's mapping is the file's.
        currency: Currency of amounts without a currency column.
        account: The account, if no column has it.
        decimal: ".", ",", "auto" (the mark that fits every cell) or "either" (a bank mixes both).
        groups: Marks allowed between groups of three digits.
        long_decimals: Whether amounts may have more decimals than the currency, all zero.
        dates: Date patterns, tried in order.
        columns: Field to the headings it may have. Of `text` and `payer` all are used, of the other
            fields the first.
    """

    name: str
    currency: str = ""
    account: str = ""
    decimal: str = "auto"
    groups: str = ""
    long_decimals: bool = False
    dates: tuple[str, ...] = _DATES
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find_places(self, headings: Sequence[str], file: str) -> dict[str, list[int]]:
        """Return the positions of each field's columns.

        Raises:
            SourceError: A day or an amount has no column, or a heading is there twice.
        """
        normal = [normalize_heading(text) for text in headings]
        places: dict[str, list[int]] = {}
        for name, aliases in self.columns.items():
            found = [alias for alias in aliases if normalize_heading(alias) in normal]
            for alias in found if name in ("text", "payer") else found[:1]:
                refuse_second_column([alias] * normal.count(normalize_heading(alias)), file)
                places.setdefault(name, []).append(normal.index(normalize_heading(alias)))
        lacking = [] if "booked" in places else ["booked"]
        if not {"amount", "amount_in", "amount_out"} & places.keys():
            lacking.append("amount")
        if lacking:
            raise SourceError(
                f"the form {self.name} finds no column for {' and '.join(lacking)}; name the columns "
                "in a --mapping with kind = 'bank'",
                file=file,
            )
        return places


@cache
def load_bank_profiles() -> dict[str, BankProfile]:
    """Return the profiles that come with the package, by name."""
    folder = resources.files("vippsrecon.sources.bank.csv")
    tables = tomllib.loads((folder / "profiles.toml").read_text(encoding="utf-8"))
    profiles = [_build_profile(entry, "profiles.toml", None) for entry in tables["profiles"]]
    return {profile.name: profile for profile in profiles}


def is_bank_mapping(path: Path) -> bool:
    """Return whether a mapping is for bank statements; one that cannot be read is not."""
    try:
        return bool(read_toml(path).get("kind") == "bank")
    except SourceError:
        return False


def read_bank_mapping(path: Path) -> BankProfile:
    """Read a user's own mapping, based on the profile it `extends` if it names one.

    Raises:
        ConfigurationError: The file cannot be read, or has an unknown key or value.
    """
    try:
        tables = read_toml(path)
    except SourceError as error:
        raise ConfigurationError(f"the mapping {error}") from None
    if tables.pop("kind", "bank") != "bank":
        raise ConfigurationError(f"kind in the mapping {path.name} is not 'bank'")
    base = tables.pop("extends", None)
    if base is not None and base not in load_bank_profiles():
        raise ConfigurationError(
            f"the mapping {path.name} extends {str(base)!r}, which is not one of "
            f"{', '.join(load_bank_profiles())}"
        )
    tables.setdefault("name", path.stem)
    return _build_profile(tables, path.name, load_bank_profiles()[base] if base else None)


def _build_profile(tables: dict[str, Any], file: str, base: BankProfile | None) -> BankProfile:
    profile = base or BankProfile(str(tables.get("name", "")))
    known = {entry.name: getattr(profile, entry.name) for entry in fields(BankProfile)}
    changes: dict[str, Any] = {}
    for key, value in tables.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            suggestion = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigurationError(f"the mapping {file} has the unknown key {key!r}{suggestion}")
        if key == "columns":
            changes[key] = {**known[key], **_parse_columns(value, file)}
        elif key == "dates":
            changes[key] = _parse_texts(value, key, file)
        elif type(value) is not type(known[key]):
            raise ConfigurationError(f"{key} in the mapping {file} has the wrong kind of value")
        else:
            changes[key] = value
    profile = replace(profile, **changes)
    _check_profile(profile, file)
    return profile


def _check_profile(profile: BankProfile, file: str) -> None:
    if profile.decimal not in _DECIMAL_MARKS:
        raise ConfigurationError(
            f"decimal in the mapping {file} is not one of {', '.join(_DECIMAL_MARKS)}"
        )
    if profile.currency and profile.currency not in DECIMALS:
        raise ConfigurationError(
            f"currency in the mapping {file} is not one of {', '.join(DECIMALS)}"
        )
    if not profile.currency and "currency" not in profile.columns:
        raise ConfigurationError(
            f"the mapping {file} has neither a currency nor a column for it; add currency = 'NOK'"
        )
    for pattern in profile.dates:
        build_date_regex(pattern)


def _parse_columns(value: Any, file: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"columns in the mapping {file} is not a table")
    for name in value:
        if name not in BANK_FIELDS:
            raise ConfigurationError(
                f"the mapping {file} names {name!r}; a column is one of {', '.join(BANK_FIELDS)}"
            )
    return {name: _parse_texts(texts, f"columns.{name}", file) for name, texts in value.items()}


def _parse_texts(value: Any, key: str, file: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigurationError(f"{key} in the mapping {file} is not a list of texts")
    return tuple(texts)
