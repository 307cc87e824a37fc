"""Build the HTML that objects show in a notebook: one stylesheet, and every text escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from html import escape
from importlib.resources import files
from typing import Literal, NamedTuple, Self

from vippsrecon.display.amounts import AmountFormat
from vippsrecon.money import format_count, group_thousands

Tone = Literal["critical", "high", "medium", "low", "info", "good"]

MAX_ROWS_SHOWN = 200
"""A longer table would make a saved notebook slow to open."""

_ROWS_WITHOUT_SCROLLING = 15

VERDICT_TONES: dict[str, Tone] = {"clean": "good", "discrepancies": "medium", "incomplete": "high"}


class TableColumn(NamedTuple):
    """A column of a table.

    Attributes:
        heading: Its heading.
        kind: "text" wraps; "code" does not; "number" is right-aligned with digits of one width;
            "sentence" wraps and has room for a sentence.
    """

    heading: str
    kind: Literal["text", "code", "number", "sentence"] = "text"


class Label(NamedTuple):
    """A word with a colour, such as a severity. The colour only repeats what the word says."""

    word: str
    tone: Tone


class Link(NamedTuple):
    """A text that leads to an https address."""

    text: str
    address: str


class SortedCell(NamedTuple):
    """A cell of a table that can be sorted and searched.

    Attributes:
        value: What it shows.
        order: Its place when the column is sorted; None: before all others.
        search: The texts that find it, if there are other ways to type what it shows.
    """

    value: str | Label | Link | None
    order: int | float | Decimal | None
    search: str = ""


class HtmlView:
    """What one object shows, part by part.

    Args:
        currencies: The currencies of its amounts; see `AmountFormat`.

    >>> view = HtmlView(["NOK"])
    >>> view.add_sentence("<b> has 1 234.50 NOK.")
    >>> "&lt;b&gt; has" in view.render(), "1 234,50 kr</span>." in view.render()
    (True, True)
    """

    def __init__(self, currencies: Iterable[str] = ()) -> None:
        self.amounts = AmountFormat(currencies)
        self._parts: list[str] = []

    def extend(self, other: Self) -> None:
        """Add the parts of another view."""
        self._parts += other._parts

    def add_title(self, text: str) -> None:
        """Add what the object is, in one line."""
        self._parts.append(f'<div class="vr-title">{self._render_text(text)}</div>')

    def add_banner(self, text: str, tone: Tone) -> None:
        """Add the verdict."""
        self._parts.append(f'<div class="vr-banner vr-{tone}">{self._render_text(text)}</div>')

    def add_sentence(self, text: str) -> None:
        """Add a sentence in small print."""
        if text:
            self._parts.append(f'<div class="vr-small">{self._render_text(text)}</div>')

    def add_notice(self, text: str) -> None:
        """Add a sentence that must not be missed."""
        self._parts.append(f'<div class="vr-notice">{self._render_text(text)}</div>')

    def add_code(self, label: str, code: str) -> None:
        """Add code that can be copied, after a label."""
        self._parts.append(
            f'<div class="vr-small">{escape(label)} <code>{escape(code)}</code></div>'
        )

    def add_list(self, title: str, items: Sequence[str], *, count: int | None = None) -> None:
        """Add a list of sentences; nothing if there is none.

        Args:
            title: Its title.
            items: The sentences.
            count: How many there are, if not all are given.
        """
        if not items:
            return
        left_out = (count or len(items)) - len(items)
        lines = [self._render_text(item) for item in items]
        lines += [f"and {group_thousands(left_out)} more"] if left_out > 0 else []
        shown = "".join(f"<li>{line}</li>" for line in lines)
        self._parts.append(
            f'<div class="vr-small"><b>{escape(title)}</b><ul class="vr-list">{shown}</ul></div>'
        )

    def add_tiles(self, tiles: Iterable[tuple[str, str, str]]) -> None:
        """Add figures: name, value, and a remark below it that may be empty."""
        shown = "".join(
            f'<div class="vr-tile"><div class="vr-tile-name">{escape(name)}</div>'
            f'<div class="vr-tile-value">{escape(self.amounts.localize(value))}</div>'
            + (
                f'<div class="vr-amount">{escape(self.amounts.localize(remark))}</div>'
                * bool(remark)
            )
            + "</div>"
            for name, value, remark in tiles
        )
        if shown:
            self._parts.append(f'<div class="vr-tiles">{shown}</div>')

    def add_table(
        self,
        columns: Sequence[TableColumn],
        rows: Iterable[Sequence[object]],
        *,
        count: int | None = None,
        everything: str = "",
        table_id: str = "",
    ) -> None:
        """Add a table. Many rows scroll under their headings.

        Args:
            columns: The columns.
            rows: The cells of each row: texts, numbers, `Label`s, `Link`s; None is an empty cell.
            count: How many rows there are, if not all are given.
            everything: The code that gives every row, such as "plan.to_frame()".
            table_id: By which a script finds the table, whose rows it then shows page by page.
        """
        shown = list(rows)
        head = "".join(
            f'<th scope="col" class="vr-{column.kind}">{escape(column.heading)}</th>'
            for column in columns
        )
        body = "".join(f"<tr>{''.join(map(self._render_cell, columns, row))}</tr>" for row in shown)
        is_long = " vr-long" if len(shown) > _ROWS_WITHOUT_SCROLLING else ""
        identifier = f' id="{escape(table_id)}"' if table_id else ""
        self._parts.append(
            f'<div class="vr-scroll{is_long}"><table class="vr-table"{identifier}><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
        left_out = (count or len(shown)) - len(shown)
        if left_out > 0:
            more = f"and {format_count(left_out, 'more row')}; all of them:"
            self.add_code(more, everything)

    def add_picture(self, text: str, on_light: str, on_dark: str) -> None:
        """Add a picture in two colours; the theme of the notebook decides which one is seen.

        Args:
            text: What it shows, for those who do not see it.
            on_light: Its address for a light ground, which is also seen where no style is kept.
            on_dark: Its address for a dark ground.
        """
        self._parts += [
            f'<img alt="{escape(text)}" src="{on_light}" class="vr-on-light" style="max-width:100%">',
            f'<img alt="{escape(text)}" src="{on_dark}" class="vr-on-dark" '
            'style="max-width:100%;display:none">',
        ]

    def add_script(self, script: str) -> None:
        """Add a script of this package, which must contain no text from outside."""
        self._parts.append(f"<script>{script}</script>")

    def render(self) -> str:
        """Return the HTML, with the stylesheet."""
        return (
            f'<div class="vippsrecon"><style>{_read_stylesheet()}</style>'
            f"{''.join(self._parts)}</div>"
        )

    def _render_cell(self, column: TableColumn, value: object) -> str:
        attributes = ""
        if isinstance(value, SortedCell):
            order = "" if value.order is None else f"{value.order}"
            # DataTables takes this attribute for HTML, so the text is escaped once more.
            searched = escape(escape(value.search))
            attributes = f' data-order="{order}" data-search="{searched}"'
            value = value.value
        if isinstance(value, Label):
            shown = f'<span class="vr-label vr-{value.tone}">{escape(value.word)}</span>'
        elif isinstance(value, Link):
            shown = escape(value.text)
            if value.address.startswith("https://"):
                attribute = escape(value.address, quote=True)
                shown = (
                    f'<a href="{attribute}" rel="noopener noreferrer" target="_blank">{shown}</a>'
                )
        elif value is None:
            shown = ""
        elif column.kind == "sentence":
            shown = self._render_text(str(value))
        else:
            shown = escape(str(value))
        return f'<td class="vr-{column.kind}"{attributes}>{shown}</td>'

    def _render_text(self, text: str) -> str:
        return "".join(
            f'<span class="vr-amount">{escape(part)}</span>' if is_amount else escape(part)
            for part, is_amount in self.amounts.split(text)
        )


@cache
def _read_stylesheet() -> str:
    text = files("vippsrecon.display").joinpath("stylesheet.css").read_text(encoding="utf-8")
    # Without its comments: it is part of every output that a notebook saves.
    return re.sub(r"/\*.*?\*/\s*", "", text, flags=re.DOTALL)
