"""Profiles: descriptions of shops' exports, as data.

A profile is a TOML file in `profiles/`, and a user's own mapping is a file of the same form
(docs/order-exports.md has every key). This module reads them and finds the one that fits a file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import read_toml
from vippsrecon.schemas import STATUSES
from vippsrecon.sources.files.headings import normalize_heading, normalize_word
from vippsrecon.sources.orders.fields.amounts import AmountStyle
from vippsrecon.sources.orders.fields.dates import ISO_PATTERN, build_date_regex
from vippsrecon.texts import find_text

ORDER_FIELDS = (
    "msn", "reference", "order_number", "order_id", "currency", "total", "refunded", "status",
    "financial_status", "paid", "paid_at", "outstanding", "ordered_at", "fulfilled_at",
    "cancelled_at", "refunded_at", "payment_method", "payment_title", "recurring", "vat", "store",
    "further_references", "transaction_id", "vipps_api", "refunded_by_hand",
)  # fmt: skip
"""Fields that a profile may map to columns."""

ATTEMPT_STYLES = ("suffix", "none")


@dataclass(frozen=True)
class Profile:
    """One kind of order export.

    Attributes:
        name: What `--shop` takes.
        title: Its name in sentences.
        order_url: Form of an order's address in the shop's administration; "" if it has none.
        columns: Field to the headings it may have, best first.
        required: Fields without which a file is not this export.
        typical: Further headings that indicate this export.
        never: Headings that exclude it.
        refused: Why it cannot be used and which export to take; "" if it can.
        missing: Field to advice if its column is missing: a text, or the key of one in the catalogues.
        amounts: How amounts are written.
        dates: Date patterns (see `dates`), tried in order.
        zone: Zone of its times without offset; "" for the sales unit's.
        statuses: Status word to status; `empty_status` is for empty cells.
        paid: Word to yes, no or unknown; of the field `paid`, `financial_status` or `status`.
        proof_of_payment: Words for *paid* that need proof: a payment date or nothing outstanding.
        tender_separator: Separator between the tenders of one order.
        own_tenders: Beginnings of titles that this shop gives Vipps MobilePay.
        unsure_tenders: Beginnings of titles that may or may not be Vipps MobilePay.
        method_ids: Whether the payment method may be a gateway's id, such as `stripe`.
        authorization: Word of `financial_status` to voided or expired.
        whole_refunds: Words of `financial_status` or `status` that say, without an amount, that
            the whole order was refunded.
        refunded_part_means_sent: Whether the part of an open order that was refunded is not sent.
        line_key: Field that identifies the rows of one order; "" if each row is an order.
        repeated_when: Headings that show the export repeats an order for each product.
        negative_refunds: Whether refunds may be written as negative amounts.
        attempts: "suffix" if a new attempt adds `-1`, `-2` to the reference.
        prefix: Prefix before the order id, if references are built from both.
        pad: Length of a reference, reached with zeros between prefix and order id.
        shop_currency_only: Whether amounts are in the shop's currency, not the payment's.
        truncates: Whether its plugin truncates amounts instead of rounding them.
    """

    name: str
    title: str = ""
    order_url: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ("total",)
    typical: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    refused: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    amounts: AmountStyle = field(default_factory=AmountStyle)
    dates: tuple[str, ...] = (ISO_PATTERN,)
    zone: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    empty_status: str = "unknown"
    paid: Mapping[str, str] = field(default_factory=dict)
    proof_of_payment: tuple[str, ...] = ()
    tender_separator: str = " + "
    own_tenders: tuple[str, ...] = ()
    unsure_tenders: tuple[str, ...] = ()
    method_ids: bool = False
    authorization: Mapping[str, str] = field(default_factory=dict)
    whole_refunds: tuple[str, ...] = ()
    refunded_part_means_sent: bool = False
    line_key: str = ""
    repeated_when: tuple[str, ...] = ()
    negative_refunds: bool = False
    attempts: str = "suffix"
    prefix: str = ""
    pad: int = 0
    shop_currency_only: bool = False
    truncates: bool = False

    def get_advice(self, field_name: str) -> str:
        """Return what to do about a missing column, in the current language; "" if nothing is known."""
        advice = self.missing.get(field_name, "")
        return find_text(advice) or advice

    def places(self, headings: Iterable[str]) -> dict[str, list[int]]:
        """Return the column positions of each field found, best first.

        Of repeated headings the first is used; see `find_ambiguous_heading`.
        """
        where: dict[str, int] = {}
        for place, text in enumerate(headings):
            where.setdefault(normalize_heading(text), place)
        places = {
            name: [
                where[normalize_heading(alias)]
                for alias in aliases
                if normalize_heading(alias) in where
            ]
            for name, aliases in self.columns.items()
        }
        return {name: list(dict.fromkeys(places)) for name, places in places.items() if places}

    def find_ambiguous_heading(self, headings: Sequence[str]) -> str | None:
        """Return the first heading of this profile that several columns have, if any."""
        compared = [normalize_heading(text) for text in headings]
        read = sorted(place for positions in self.places(headings).values() for place in positions)
        return next(
            (headings[place] for place in read if compared.count(compared[place]) > 1), None
        )

    def count_fitting_headings(self, headings: Iterable[str]) -> int:
        """Return how many headings of a file fit this profile; 0 if it is excluded."""
        present = {normalize_heading(text) for text in headings}
        if present & {normalize_heading(text) for text in self.never}:
            return 0
        positions = self.places(present)
        if any(name not in positions for name in self.required):
            return 0
        known = {normalize_heading(alias) for aliases in self.columns.values() for alias in aliases}
        known |= {normalize_heading(text) for text in self.typical}
        return len(present & known)

    def find_missing_fields(self, headings: Iterable[str]) -> list[str]:
        """Return the required fields for which a file has no column."""
        positions = self.places(headings)
        return [name for name in self.required if name not in positions]


@cache
def load_builtin_profiles() -> dict[str, Profile]:
    """Return the profiles that come with the package, by name."""
    folder = resources.files("vippsrecon.sources.orders") / "profiles"
    profiles = [
        _build_profile(tomllib.loads(entry.read_text(encoding="utf-8")), entry.name)
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    ]
    return {profile.name: profile for profile in profiles}


def get_profile(shop: str) -> Profile:
    """Return the profile of a shop.

    Raises:
        ConfigurationError: There is no profile of that name.
    """
    try:
        return load_builtin_profiles()[shop.casefold()]
    except KeyError:
        known = ", ".join(
            name for name, profile in load_builtin_profiles().items() if not profile.refused
        )
        raise ConfigurationError(f"the shop {shop!r} is not known; known are {known}") from None


def read_mapping(path: Path) -> Profile:
    """Read a user's own profile, based on the one it `extends` if it names one.

    Raises:
        ConfigurationError: The file cannot be read, or has an unknown key or value.
    """
    try:
        tables = read_toml(path)
    except SourceError as error:
        raise ConfigurationError(f"the mapping {error}") from None
    base = tables.pop("extends", None)
    tables.setdefault("name", base or path.stem)
    return _build_profile(tables, path.name, get_profile(str(base)) if base else None)


def recognize_profile(headings: tuple[str, ...], file: str) -> Profile:
    """Return the profile with the most headings in common with a file.

    Raises:
        SourceError: None fits, or two fit equally well.
    """
    fits = {
        name: profile.count_fitting_headings(headings)
        for name, profile in load_builtin_profiles().items()
    }
    best = max(fits.values())
    if best == 0:
        raise SourceError(_describe_unrecognized(headings), file=file)
    names = [name for name, fit in fits.items() if fit == best]
    if len(names) > 1:
        raise SourceError(
            f"this may be an export of {' or '.join(names)}; say which with --shop", file=file
        )
    return load_builtin_profiles()[names[0]]


def find_contradicting_profile(profile: Profile, headings: tuple[str, ...]) -> Profile | None:
    """Return the shop that a file clearly comes from, if it is not the one named.

    Clearly: at least twice as many headings fit. The plain form is too general to contradict a
    shop, and a user's own mapping is never contradicted.
    """
    if profile is not load_builtin_profiles().get(profile.name):
        return None
    try:
        other = recognize_profile(headings, "")
    except SourceError:
        return None
    if other.name in (profile.name, "plain"):
        return None
    return (
        other
        if other.count_fitting_headings(headings) >= 2 * profile.count_fitting_headings(headings)
        else None
    )


def _describe_unrecognized(headings: tuple[str, ...]) -> str:
    near = max(
        (profile for profile in load_builtin_profiles().values() if not profile.refused),
        key=lambda profile: len(profile.places(headings)),
    )
    say = "say which shop with --shop, or map its columns with --mapping"
    if len(near.places(headings)) <= 1:
        return f"this is not an order export of a shop known here; {say}"
    lacking = ", ".join(
        f"{' or '.join(repr(text) for text in near.columns[name][:2])} ({name})"
        for name in near.find_missing_fields(headings)
    )
    return f"this looks most like an export of {near.title} but has no column {lacking}; {say}"


_TABLE_KEYS = {"columns", "missing", "amounts", "statuses", "paid", "authorization"}
_WORDS_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "statuses": STATUSES,
    "paid": ("yes", "no", "unknown"),
    "authorization": ("voided", "expired"),
}


def _build_profile(tables: dict[str, Any], file: str, base: Profile | None = None) -> Profile:
    """Build a profile from its TOML tables and check every key."""
    known = {entry.name for entry in fields(Profile)}
    for key in tables:
        if key not in known:
            near = difflib.get_close_matches(key.lower(), known | {"extends"}, n=1)
            suggestion = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigurationError(f"the mapping {file} has the unknown key {key!r}{suggestion}")
    profile = base or Profile(name=str(tables["name"]))
    changes: dict[str, Any] = {}
    for key, value in tables.items():
        default = getattr(profile, key)
        if key in _TABLE_KEYS:
            if not isinstance(value, dict):
                raise ConfigurationError(f"{key} in the mapping {file} is not a table")
            changes[key] = _merge_table(key, value, default, file)
        elif isinstance(default, tuple):
            changes[key] = parse_texts(value, key, file)
        elif type(value) is not type(default):
            raise ConfigurationError(
                f"{key} in the mapping {file} is not a {_describe_type(default)}"
            )
        else:
            changes[key] = value
    profile = replace(profile, **changes)
    for pattern in profile.dates:
        build_date_regex(pattern)
    _check_profile(profile, file)
    return profile


def _check_profile(profile: Profile, file: str) -> None:
    for name in (*profile.columns, *profile.required, *profile.missing, profile.line_key):
        if name and name not in ORDER_FIELDS:
            raise ConfigurationError(
                f"the mapping {file} names {name!r}; a column is one of {', '.join(ORDER_FIELDS)}"
            )
    if profile.attempts not in ATTEMPT_STYLES or profile.empty_status not in STATUSES:
        raise ConfigurationError(
            f"in the mapping {file} attempts is suffix or none, and empty_status a status"
        )


def _merge_table(key: str, value: dict[str, Any], default: Any, file: str) -> Any:
    if key == "amounts":
        allowed = {entry.name: getattr(default, entry.name) for entry in fields(AmountStyle)}
        for name, entry in value.items():
            if name not in allowed or isinstance(entry, bool) != isinstance(allowed[name], bool):
                raise ConfigurationError(f"amounts.{name} in the mapping {file} is not known")
        if value.get("decimal", ".") not in (".", ",", "auto"):
            raise ConfigurationError(f"amounts.decimal in the mapping {file} is '.', ',' or 'auto'")
        if not isinstance(value.get("groups", ""), str):
            raise ConfigurationError(f"amounts.groups in the mapping {file} is not a text")
        amount_words = parse_texts(value.get("words", list(default.words)), "amounts.words", file)
        return replace(default, **{**value, "words": amount_words})
    if key == "missing":
        return {**default, **{name: str(text) for name, text in value.items()}}
    merged = dict(default)
    for name, entry in value.items():
        texts = parse_texts(entry, f"{key}.{name}", file)
        if key == "columns":
            merged[name] = texts
            continue
        allowed_words = _WORDS_ALLOWED[key]
        if name not in allowed_words:
            raise ConfigurationError(
                f"{key}.{name} in the mapping {file} is not one of {', '.join(allowed_words)}"
            )
        merged |= {normalize_word(text): name for text in texts}
    return merged


def parse_texts(value: Any, key: str, file: str) -> tuple[str, ...]:
    """Return a text or a list of texts of a mapping as a tuple.

    Raises:
        ConfigurationError: It is neither; the key and the file are named.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigurationError(f"{key} in the mapping {file} is not a list of texts")
    return tuple(texts)


def _describe_type(default: Any) -> str:
    return {bool: "true or false", int: "whole number"}.get(type(default), "text")
