"""The result of a preview: a dictionary that shows itself in a notebook and in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vippsrecon.display.html import HtmlView, TableColumn
from vippsrecon.money import format_amount, format_count, group_thousands

_SUM_NAMES = {
    "total_minor": "Order total",
    "refunded_minor": "Refunded",
    "credits_minor": "Money in",
    "debits_minor": "Money out",
    "opening_minor": "Opening balance",
    "closing_minor": "Closing balance",
    "captures_minor": "Captures",
    "refunds_minor": "Refunds",
    "fees_minor": "Fees",
    "payouts_minor": "Payouts",
}
_REJECT_COLUMNS = (
    TableColumn("Row", "number"),
    TableColumn("Column"),
    TableColumn("Value"),
    TableColumn("Why it is not read", "sentence"),
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
        lines.append(f"  {format_count(len(entry['rejects']), 'row')} rejected")
    return [*lines, *(f"  note: {note}" for note in entry["notes"])]


def _describe_content(entry: Mapping[str, Any]) -> str:
    rows = "" if entry["rows"] is None else f", {format_count(entry['rows'], 'row')}"
    period = f", {' to '.join(entry['period'])}" if entry["period"] else ""
    return f"{entry['kind']}, format {entry['format']}{rows}{period}"


def _list_sums(currency: str, sums: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (_SUM_NAMES.get(name, name.removesuffix("_minor").replace("_", " ").capitalize()), *shown)
        for name, value in sums.items()
        if name != "accounts"
        for shown in [_format_sum(name, value, currency)]
    ]


def _format_sum(name: str, value: int | None, currency: str) -> tuple[str, str]:
    if value is None:
        return "unknown", "not in the file"
    if name.endswith("_minor"):
        return format_amount(value, currency), ""
    return group_thousands(value), currency


def _add_entry(view: HtmlView, entry: Mapping[str, Any]) -> None:
    view.add_title(entry["path"])
    view.add_sentence(_describe_content(entry))
    for currency, sums in entry["totals"].items():
        view.add_tiles(_list_sums(currency, sums))
    rejects = entry["rejects"]
    if rejects:
        view.add_banner(f"{format_count(len(rejects), 'row')} rejected", "medium")
        view.add_table(
            _REJECT_COLUMNS,
            (
                (reject["source_row"], reject["column"], reject["value"], reject["reason"])
                for reject in rejects[:_MAX_REJECTS_SHOWN]
            ),
            count=len(rejects),
            everything='["files"][…]["rejects"]',
        )
    view.add_list("Notes", entry["notes"])
