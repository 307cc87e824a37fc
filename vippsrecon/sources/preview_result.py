"""The result of a preview: a dictionary that shows itself in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vippsrecon.display.html import HtmlView, TableColumn
from vippsrecon.sources.rejects import describe_rejected
from vippsrecon.texts import (
    find_text,
    format_spaced_money,
    format_spaced_number,
    list_section,
    say,
)

_MAX_REJECTS_SHOWN = 50


class Preview(dict[str, Any]):
    """What files are and how they are understood: `{"files": [{"path", "kind", …}]}`.

    It is the dictionary that `preview --json` prints, with amounts in minor units.
    """

    def __repr__(self) -> str:
        """Describe each file in a few lines."""
        return "\n".join(line for entry in self["files"] for line in _describe_entry(entry))

    def _repr_html_(self) -> str:
        view = HtmlView(currency for entry in self["files"] for currency in entry["totals"])
        for entry in self["files"]:
            _add_entry(view, entry)
        return view.render()


def _describe_entry(entry: Mapping[str, Any]) -> list[str]:
    lines = [f"{entry['path']}: {_describe_content(entry)}"]
    for currency, sums in entry["totals"].items():
        amounts = [
            f"{name.lower()} {value}" for name, value, _ in _list_sums(currency, sums) if value
        ]
        lines.append(f"  {', '.join(amounts)}")
    if entry["rejects"]:
        lines.append(f"  {describe_rejected(len(entry['rejects']))}")
    note_word = say("words.note").lower()
    return [*lines, *(f"  {note_word}: {note}" for note in entry["notes"])]


def _describe_content(entry: Mapping[str, Any]) -> str:
    rows = period = ""
    if entry["rows"] is not None:
        count = entry["rows"]
        rows = f", {say('search_table.rows', count=count, number=format_spaced_number(count))}"
    if entry["period"]:
        first, last = entry["period"]
        period = say("files.period", first=first, last=last)
    kind = list_section("files.kinds").get(entry["kind"], entry["kind"])
    return say("files.content", kind=kind, format=entry["format"], rows=rows, period=period)


def _list_sums(currency: str, sums: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (find_text(f"files.{name}") or name.removesuffix("_minor").capitalize(), *shown)
        for name, value in sums.items()
        if name != "accounts"
        for shown in [_format_sum(name, value, currency)]
    ]


def _format_sum(name: str, value: int | None, currency: str) -> tuple[str, str]:
    if value is None:
        return say("files.unknown"), say("files.not_in_file")
    if name.endswith("_minor"):
        return format_spaced_money(value, currency), ""
    return format_spaced_number(value), currency


def _add_entry(view: HtmlView, entry: Mapping[str, Any]) -> None:
    view.add_title(entry["path"])
    view.add_sentence(_describe_content(entry))
    for currency, sums in entry["totals"].items():
        view.add_tiles(_list_sums(currency, sums))
    rejects = entry["rejects"]
    if rejects:
        view.add_banner(describe_rejected(len(rejects)), "medium")
        view.add_table(
            [
                TableColumn(say("files.row"), "number"),
                TableColumn(say("files.column")),
                TableColumn(say("files.value")),
                TableColumn(say("files.why"), "sentence"),
            ],
            (
                (reject["source_row"], reject["column"], reject["value"], reject["reason"])
                for reject in rejects[:_MAX_REJECTS_SHOWN]
            ),
            count=len(rejects),
            everything='["files"][…]["rejects"]',
        )
    view.add_list(say("files.notes"), entry["notes"])
