"""Check cells: each figure computed here against the workbook's own formula for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xlsxwriter.format import Format

    from vippsrecon.spreadsheet.layout import SheetLayout
    from vippsrecon.spreadsheet.table import SheetTable

CHECK_RESULTS_NAME = "check_results"
"""Name of the cells on Controls that say OK or DIFFERS."""


def to_cell_amount(minor: int) -> Decimal:
    """Return minor units as the Decimal a cell shows.

    >>> to_cell_amount(-49950)
    Decimal('-499.50')
    """
    return Decimal(minor).scaleb(-2)


@dataclass(frozen=True)
class CrossCheck:
    """One figure, computed and by formula.

    Attributes:
        figure_label: Said before it on Controls.
        computed: By this program: Decimal for an amount, int for a count.
        formula: The workbook's, without `=`; "" where the rows are in a Parquet file.
        currency: Of an amount; "" for a count.
    """

    figure_label: str
    computed: Decimal | int
    formula: str
    currency: str = ""

    @property
    def cached_result(self) -> str:
        """What the check cell says before anything recalculates it."""
        return "OK" if self.formula else "IN FILE"


@dataclass
class CrossChecks:
    """The checks of one workbook, in the order they were put down."""

    made: list[CrossCheck] = field(default_factory=list)

    def add(self, what: str, computed: Decimal | int, formula: str, currency: str = "") -> None:
        """Keep a check for Controls."""
        self.made.append(CrossCheck(what, computed, formula, currency))

    @property
    def overall_formula(self) -> str:
        """The formula that says OK or DIFFERS for all of them."""
        return f'=IF(COUNTIF({CHECK_RESULTS_NAME},"DIFFERS")=0,"OK","DIFFERS")'


def write_live_total(
    page: SheetLayout,
    cell: tuple[int, int],
    table: SheetTable,
    formula: str,
    value: Decimal | int,
    *,
    look: Format,
) -> None:
    """Put a total of `table`: a formula over its rows, or the figure where they are in a file."""
    if table.overflow_file:
        page.number(*cell, value, look)
    else:
        page.formula(*cell, f"={formula}", value, look)
