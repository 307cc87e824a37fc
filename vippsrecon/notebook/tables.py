"""Show frames as tables for people: amounts in the market's format, local times, severities in colour.

`show_frame` makes a table without a script. `search_frame` makes one that can be searched and
sorted. Its script, DataTables as the package itables bundles it, is part of the output: nothing is
loaded from the internet, and no remote code runs on a page that shows payments.
"""

from __future__ import annotations

import gzip
import json
import uuid
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from vippsrecon.config.settings import SalesUnit
from vippsrecon.display.html import MAX_ROWS_SHOWN, HtmlView, Label, Link, SortedCell
from vippsrecon.errors import ConfigurationError
from vippsrecon.money import format_count
from vippsrecon.notebook.frame_cells import FrameTable, convert_frame
from vippsrecon.texts import format_spaced_number, get_language, say
from vippsrecon.texts.numbers import load_separators

MAX_ROWS_SEARCHED = 2_000
"""A longer table would make a notebook slow to open and to save."""

_ROWS_IN_TERMINAL = 20


class FrameDisplay:
    """A table of a frame: HTML in a notebook, its first rows as text in a terminal."""

    def __init__(self, html: str, text: str) -> None:
        self._html = html
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html


def show_frame(
    frame: Any,
    *,
    columns: Sequence[str] | None = None,
    rows: int = MAX_ROWS_SHOWN,
    zone: str | Sequence[SalesUnit] | None = None,
) -> FrameDisplay:
    """Show a frame as a table for people.

    Amounts (`_minor`, and `Decimal` amounts of `in_major`) are in the format of the currency's
    market, times are local, severities and outcomes have a colour. An empty cell is unknown.

    Args:
        frame: A frame of pandas, Polars or Arrow. Not changed. A frame with amounts has a column
            or an index level `currency`.
        columns: Which columns, in this order; None: all, after the index if it has a name.
        rows: The most rows that are shown. The table says how many there are.
        zone: A time zone such as "Europe/Oslo", or the sales units, whose zones are then used by
            `msn`; None: the zone of each row's currency. A time whose zone is not known is shown
            in UTC, with that word.

    Raises:
        InputError: The frame has no such column, there are amounts and no currency, or `rows` is
            not a positive number.

    >>> paid = pd.DataFrame({"currency": ["NOK"], "captured_minor": [123450]})
    >>> show_frame(paid, columns=["captured_minor"])
    1 row
         Captured
    1 234,50 kr
    """
    table = convert_frame(frame, columns, rows, zone)
    html = HtmlView()
    html.add_table(
        table.columns,
        ([cell.value for cell in row] for row in table.rows),
        count=table.row_count,
        everything="search_frame(frame)",
    )
    return FrameDisplay(html.render(), _format_text(table))


def search_frame(
    frame: Any,
    *,
    columns: Sequence[str] | None = None,
    rows: int = MAX_ROWS_SEARCHED,
    zone: str | Sequence[SalesUnit] | None = None,
) -> FrameDisplay:
    """Show a frame as a table that can be searched and sorted, also without a network.

    A click on a heading sorts: amounts and times by size, severities from critical to info. An
    amount is found as it is shown and as 1234.50. Where scripts do not run, as in a notebook that
    is not trusted, the whole table is shown.

    Args:
        frame: As for `show_frame`.
        columns: As for `show_frame`.
        rows: The most rows that are searched. If there are more, the table says so.
        zone: As for `show_frame`.

    Raises:
        InputError: As for `show_frame`.
        ConfigurationError: itables, which has the script, is not installed.
    """
    if find_spec("itables") is None:
        raise ConfigurationError(
            "search_frame needs itables. Install it with: pip install 'vippsrecon[lab]'"
        )
    table = convert_frame(frame, columns, rows, zone)
    html = HtmlView()
    if len(table.rows) < table.row_count:
        count = table.row_count
        all_rows = say("search_table.rows", count=count, number=format_spaced_number(count))
        only_first = say(
            "search_table.only_first", shown=format_spaced_number(len(table.rows)), rows=all_rows
        )
        html.add_notice(f"{only_first} search_frame(frame, rows={count})")
    table_id = f"vippsrecon-{uuid.uuid4().hex}"
    html.add_table(table.columns, table.rows, table_id=table_id)
    script = _read_script().replace("TABLE_ID", table_id)
    html.add_script(script.replace("TABLE_WORDS", json.dumps(_list_words(), ensure_ascii=False)))
    return FrameDisplay(html.render(), _format_text(table))


def _format_text(table: FrameTable) -> str:
    """Return the first rows as text."""
    rows = table.rows[:_ROWS_IN_TERMINAL]
    frame = pd.DataFrame(
        [[_format_cell(cell) for cell in row] for row in rows],
        columns=[column.heading for column in table.columns],
    )
    count = format_count(table.row_count, "row")
    shown = f"{count}, of which the first {len(rows)}" if len(rows) < table.row_count else count
    if not rows or not table.columns:
        return count
    return f"{shown}\n{frame.to_string(index=False, max_colwidth=40, line_width=120)}"


def _format_cell(cell: SortedCell) -> str:
    value = cell.value
    if isinstance(value, Label | Link):
        return value[0]
    return value or ""


def _list_words() -> dict[str, str]:
    """Return the words of DataTables in the current language, by its own names."""
    none = say("search_table.no_rows")
    return {
        "search": say("search_table.search"),
        "lengthMenu": say("search_table.page_length"),
        "info": say("search_table.info"),
        "infoEmpty": none,
        "infoFiltered": say("search_table.filtered"),
        "zeroRecords": say("search_table.none_found"),
        "emptyTable": f"{none}.",
        "thousands": " " if get_language() == "en" else load_separators(get_language()).thousands,
    }


@cache
def _read_script() -> str:
    """Return the script with DataTables in it, compressed: it is part of each output."""
    import itables.options

    bundle = Path(itables.options.dt_bundle).read_bytes()
    packed = b64encode(gzip.compress(bundle, mtime=0)).decode("ascii")
    script = files("vippsrecon.notebook").joinpath("search_table.js").read_text(encoding="utf-8")
    return script.replace("BUNDLE", packed)
