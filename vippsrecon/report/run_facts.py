"""List the facts of a run that a report shows: inputs, settings, versions and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.reconciliation.result import format_period
from vippsrecon.report.names import describe_settings
from vippsrecon.report.sentences import translate_origin
from vippsrecon.texts import list_section, say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation

MAX_VALUE_CHARACTERS = 44
"""A list with a longer value has a row for each; on Controls, such a value has a line of its own."""

_GROUPS = ("settings", "versions", "counts")
_SHOWN_ELSEWHERE = {
    *("as_of", "fetched_at", "exported_at", "period", "sales_units", "environment"),
    *(
        "inputs",
        "coverage",
        "exports_left_out",
        "versions",
        "settings",
        "counts",
        "outside_period",
        "discovered_by",
    ),
    *("complete", "incomplete_because", "uncompared", "language"),
    *("units_without_ledger", "ledger_not_compared"),
    *("legs", "money_files", "ledger_completeness", "cutoff"),
}


class InputFile(NamedTuple):
    """A file that a run read: its name, SHA-256 and time of export, each "" if not known."""

    name: str
    sha256: str
    exported_at: str


def list_run_facts(reconciliation: Reconciliation) -> list[tuple[str, str]]:
    """Return what was compared, as of when, and with which verdict: (name, value) rows."""
    manifest = reconciliation.manifest
    days = manifest.get("period")
    outside = manifest.get("outside_period") or {}
    sources = list_section("discovery")
    return [
        (say("facts.verdict"), say(f"words.verdicts.{reconciliation.verdict}")),
        (say("facts.complete"), say("words.yes" if reconciliation.complete else "words.no")),
        *_list_language(reconciliation),
        (say("facts.environment"), str(manifest.get("environment") or "")),
        (say("facts.sales_units"), ", ".join(_list_msns(manifest.get("sales_units")))),
        (
            say("facts.period"),
            say("facts.period_included", period=format_period(days))
            if days
            else say("facts.no_period"),
        ),
        (say("facts.as_of"), str(manifest.get("as_of") or "")),
        (say("facts.fetched_at"), str(manifest.get("fetched_at") or "")),
        *((say(f"facts.outside_{side}"), str(count)) for side, count in outside.items()),
        *(
            (say("facts.found_through", source=sources.get(source, source)), str(count))
            for source, count in (manifest.get("discovered_by") or {}).items()
        ),
    ]


def _list_language(reconciliation: Reconciliation) -> list[tuple[str, str]]:
    """Return the row with the language. A report without it is in English."""
    language = reconciliation.language
    if language == "en":
        return []
    return [(say("facts.language"), f"{say('language.name')} ({language})")]


def list_input_files(manifest: Mapping[str, Any]) -> list[InputFile]:
    """Return the files that the run read, by name."""
    hashes = manifest.get("inputs") or {}
    exported = manifest.get("exported_at") or {}
    return [
        InputFile(name, str(hashes.get(name, "")), translate_origin(str(exported.get(name, ""))))
        for name in sorted({*hashes, *exported})
    ]


def list_setting_groups(manifest: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the title and the (name, value) rows of settings, versions, counts and other facts."""
    groups = [(key, manifest.get(key)) for key in _GROUPS]
    others = {key: value for key, value in manifest.items() if key not in _SHOWN_ELSEWHERE}
    groups.append(("others", others))
    return [
        (say(f"setting_groups.{key}"), describe_settings(flatten_settings(facts)))
        for key, facts in groups
    ]


def flatten_settings(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Return nested settings as (name, text) rows, with names joined by dots.

    >>> flatten_settings({"rules": {"tolerance_minor": 0}, "units": ["123456"]})
    [('rules.tolerance_minor', '0'), ('units', '123456')]
    """
    if value is None or value == {}:
        return []
    if isinstance(value, Mapping):
        return [
            row
            for key, inner in value.items()
            for row in flatten_settings(inner, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list | tuple):
        if any(
            isinstance(item, Mapping) or len(str(item)) > MAX_VALUE_CHARACTERS for item in value
        ):
            return [
                row
                for n, item in enumerate(value, 1)
                for row in flatten_settings(item, f"{name}.{n}")
            ]
        return [(name, ", ".join(str(item) for item in value))]
    return [(name, str(value))]


def _list_msns(units: Any) -> list[str]:
    return [
        str(unit.get("msn", unit)) if isinstance(unit, Mapping) else str(unit)
        for unit in units or ()
    ]
