"""Refer to the rows of a sheet in formulas on any sheet: ranges, sums and counts with conditions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_col_to_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vippsrecon.spreadsheet.columns import TableColumn


_PLAIN_NAME = re.compile(r"[A-Za-z_]{4,}")
"""A shorter name may be that of a cell, such as AB1."""

ANY_TEXT = '"<>"'
"""Criterion of a COUNTIFS that matches every cell that is not empty."""


class SheetRanges:
    """A sheet of rows below a header, as formulas see it. Rows and columns count from 0."""

    if TYPE_CHECKING:
        # For mypy only: at run time a property here would hide the fields of the dataclasses below.
        @property
        def sheet(self) -> str: ...  # noqa: D102
        @property
        def columns(self) -> Sequence[TableColumn]: ...  # noqa: D102
        @property
        def head_row(self) -> int: ...  # noqa: D102
        @property
        def rows(self) -> int: ...  # noqa: D102

    def column(self, name: str) -> int:
        """Return the number of the column that shows `name`."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def cells(self, name: str) -> str:
        """Return the range of a column's cells, such as `'Orders'!$E$5:$E$90`.

        The range of a table without rows is its one empty row, so that formulas stay valid.
        """
        column_letters = xl_col_to_name(self.column(name))
        first = self.head_row + 2
        last = self.head_row + 1 + max(self.rows, 1)
        return f"'{self.sheet}'!${column_letters}${first}:${column_letters}${last}"

    def sum_if(self, name: str, **equal: str) -> str:
        """Return a formula that sums column `name` over the rows whose columns equal the texts."""
        return self.sum_where(name, [(key, format_criterion(text)) for key, text in equal.items()])

    def count_if(self, **equal: str) -> str:
        """Return a formula that counts the rows whose columns equal the texts."""
        return self.count_where([(key, format_criterion(text)) for key, text in equal.items()])

    def sum_where(self, name: str, criteria: Sequence[tuple[str, str]]) -> str:
        """Return a formula that sums column `name` over the rows that match all criteria.

        Args:
            name: The column to sum.
            criteria: Column and criterion, such as `"<=7"` with its quotes.
        """
        return f"SUMIFS({self.cells(name)},{self._format_criteria(criteria)})"

    def count_where(self, criteria: Sequence[tuple[str, str]]) -> str:
        """Return a formula that counts the rows that match all criteria, as for `sum_where`."""
        return f"COUNTIFS({self._format_criteria(criteria)})"

    def _format_criteria(self, criteria: Sequence[tuple[str, str]]) -> str:
        return ",".join(f"{self.cells(name)},{criterion}" for name, criterion in criteria)


def quote_sheet(name: str) -> str:
    """Return the name of a sheet as formulas write it: in quotes unless it is one plain word.

    >>> quote_sheet("Summary"), quote_sheet("What changed")
    ('Summary', "'What changed'")
    """
    return name if _PLAIN_NAME.fullmatch(name) else f"'{name}'"


def format_criterion(text: str) -> str:
    """Return the criterion of a SUMIFS that matches exactly `text`, as a constant in a formula.

    Wildcards, comparison signs and quotes are escaped.

    >>> format_criterion("NOK"), format_criterion(""), format_criterion('*"')
    ('"=NOK"', '"="', '"=~*\"\"\"')
    """
    for wildcard in "~*?":
        text = text.replace(wildcard, f"~{wildcard}")
    return '"=' + text.replace('"', '""') + '"'
