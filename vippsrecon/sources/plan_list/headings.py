"""Headings of plan lists, and words for reasons."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import read_toml
from vippsrecon.sources.files.headings import normalize_word
from vippsrecon.sources.orders import profiles

SHARED_FIELDS = ("msn", "reference", "order_number", "currency")
"""Fields that a list shares with the plain order export, with the same headings."""

PLAN_LIST_FIELDS = (*SHARED_FIELDS, "amount", "reason", "note", "document_ref", "vat")


class PlanListVocabulary(NamedTuple):
    """Headings and words of plan lists.

    Attributes:
        columns: Field to the headings it may have.
        reasons: Word to reason.
        words_for_all: Words for the whole amount.
    """

    columns: Mapping[str, tuple[str, ...]]
    reasons: Mapping[str, str]
    words_for_all: frozenset[str]


def load_vocabulary(mapping: str | Path | None = None) -> PlanListVocabulary:
    """Load headings and words of plan lists, with the user's own.

    Args:
        mapping: A TOML file with `[columns]` (field to heading or headings, replacing the defaults)
            and `[reasons]` (reason to word or words, added to the defaults).

    Raises:
        ConfigurationError: It cannot be read, or names an unknown field or reason.
    """
    if mapping is None:
        return _load_default_vocabulary()
    path = Path(mapping)
    try:
        tables = read_toml(path)
    except SourceError as error:
        raise ConfigurationError(f"the mapping {error}") from None
    usual = _load_default_vocabulary()
    known = {"columns": PLAN_LIST_FIELDS, "reasons": tuple(dict.fromkeys(usual.reasons.values()))}
    own: dict[str, dict[str, tuple[str, ...]]] = {"columns": {}, "reasons": {}}
    for table, entries in tables.items():
        if table not in known or not isinstance(entries, dict):
            raise ConfigurationError(
                f"the mapping {path.name} of a list has the tables [columns] and [reasons], and "
                f"{table!r} is neither"
            )
        for name, texts in entries.items():
            if name not in known[table]:
                raise ConfigurationError(
                    f"the mapping {path.name} names {name!r} under [{table}]; it can be one of "
                    f"{', '.join(known[table])}"
                )
            own[table][name] = profiles.parse_texts(texts, f"{table}.{name}", path.name)
    return PlanListVocabulary(
        {**usual.columns, **own["columns"]},
        {**usual.reasons, **_map_words_to_reasons(own["reasons"])},
        usual.words_for_all,
    )


@cache
def _load_default_vocabulary() -> PlanListVocabulary:
    text = (resources.files("vippsrecon.sources.plan_list") / "plan_list.toml").read_text(
        encoding="utf-8"
    )
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    plain = profiles.get_profile("plain").columns
    reasons = {reason: (reason, *texts) for reason, texts in tables["reasons"].items()}
    return PlanListVocabulary(
        {name: plain[name] for name in SHARED_FIELDS}
        | {name: tuple(texts) for name, texts in tables["columns"].items()},
        _map_words_to_reasons(reasons),
        frozenset(normalize_word(text) for text in tables["all"]["words"]),
    )


def _map_words_to_reasons(reasons: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {normalize_word(text): reason for reason, texts in reasons.items() for text in texts}
