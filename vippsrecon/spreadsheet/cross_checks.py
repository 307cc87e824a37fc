"""Compare each figure computed by this package with the workbook's own formula for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from vippsrecon.money import COMMON_DECIMALS
from vippsrecon.texts import say

if TYPE_CHECKING:
    from xlsxwriter.format import Format

    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout
    from vippsrecon.spreadsheet.table import SheetTable

CHECK_RESULTS_NAME = "check_results"
"""Defined name of the cells on Controls with the result, OK or DIFFERS."""


def to_cell_amount(minor: int) -> Decimal:
    """Return minor units as the Decimal that a cell shows.

    >>> to_cell_amount(-49950)
    Decimal('-499.50')
    """
    return Decimal(minor).scaleb(-COMMON_DECIMALS)


@dataclass(frozen=True)
class CrossCheck:
    """One figure, as computed and as a formula.

    Attributes:
        figure_label: Label of the figure on Controls.
        computed: Value computed by this package: Decimal for an amount, int for a count.
        formula: The workbook's formula, without `=`; "" if the rows are in a Parquet file.
        currency: Currency of an amount; "" for a count.
    """

    figure_label: str
    computed: Decimal | int
    formula: str
    currency: str = ""

    @property
    def cached_result(self) -> str:
        """Result that the check cell shows until a program recalculates it."""
        return say("controls.ok" if self.formula else "controls.in_file")


@dataclass
class CrossChecks:
    """The checks of one workbook, in the order they were added."""

    items: list[CrossCheck] = field(default_factory=list)

    def add(self, label: str, computed: Decimal | int, formula: str, currency: str = "") -> None:
        """Add a check, to be written on Controls."""
        self.items.append(CrossCheck(label, computed, formula, currency))

    @property
    def overall_formula(self) -> str:
        """Formula whose result is OK if all checks agree, otherwise DIFFERS."""
        good, bad = say("controls.ok"), say("controls.differs")
        return f'=IF(COUNTIF({CHECK_RESULTS_NAME},"{bad}")=0,"{good}","{bad}")'


def get_check_formats(formats: WorkbookFormats) -> dict[str, Format]:
    """Return the result of a check, as the workbook says it, to its colours."""
    return formats.checks(say("controls.ok"), say("controls.differs"))


def write_live_total(
    page: SheetLayout,
    cell: tuple[int, int],
    table: SheetTable,
    formula: str,
    value: Decimal | int,
    *,
    cell_format: Format,
) -> None:
    """Add a total of `table`: a formula over its rows, or the figure if they are in a file."""
    if table.overflow_file:
        page.number(*cell, value, cell_format)
    else:
        page.formula(*cell, f"={formula}", value, cell_format)
