"""Compute a leg of the bridge as the steps of a waterfall, for the workbook, the page and notebooks."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vippsrecon.report.figures import BridgeLeg


class WaterfallStep(NamedTuple):
    """A line of the bridge as a bar from one level to the next. Minor units.

    Attributes:
        line: The line; "" for the total.
        amount_minor: Its signed amount.
        rows: Its number of rows; None for the total.
        before_minor: Where its bar begins: 0 for the first line and the total.
        after_minor: Where its bar ends.
        tone: "total" for the first line and the total, else "up" or "down".
    """

    line: str
    amount_minor: int
    rows: int | None
    before_minor: int
    after_minor: int
    tone: str


class StackedBar(NamedTuple):
    """A bar as parts of a stacked column. A part below zero is negative. Minor units.

    Attributes:
        base_minor: What is below the bar and not drawn.
        above_minor: What of the bar is above zero.
        below_minor: What of the bar is below zero.
    """

    base_minor: int
    above_minor: int
    below_minor: int


def list_steps(leg: BridgeLeg) -> tuple[WaterfallStep, ...]:
    """Return the lines of a leg and its total, in order."""
    levels = list(accumulate((minor for _, minor, _ in leg.lines), initial=0))
    steps = [
        WaterfallStep(line, minor, rows, before, after, "up" if after >= before else "down")
        for (line, minor, rows), before, after in zip(leg.lines, levels, levels[1:], strict=False)
    ]
    steps[:1] = [step._replace(tone="total") for step in steps[:1]]
    total = leg.bridge_total_minor
    return (*steps, WaterfallStep("", total, None, 0, total, "total"))


def find_axis_start(steps: tuple[WaterfallStep, ...]) -> int:
    """Return the amount at which the axis of a leg starts; 0 unless its steps would be too small."""
    ends = [step.after_minor for step in steps]
    return choose_axis_start(min(ends), max(ends))


def choose_axis_start(lowest: int, highest: int) -> int:
    """Return the amount at which an axis starts: near the steps if they are small beside the totals.

    >>> choose_axis_start(115_230_000, 133_560_000), choose_axis_start(40_000, 100_000), choose_axis_start(-5, 9)
    (110000000, 0, 0)
    """
    if lowest <= 0 or highest - lowest > lowest // 2:
        return 0
    unit: int = 10 ** (len(str(max(highest - lowest, highest // 100, 1))) - 1)
    return max((2 * lowest - unit) // (2 * unit), 0) * unit


def stack_bar(before: int, after: int) -> StackedBar:
    """Return a bar between two amounts as parts of a stacked column.

    >>> stack_bar(1000, 700), stack_bar(-200, 300), stack_bar(-100, -400)
    (StackedBar(base_minor=700, above_minor=300, below_minor=0), StackedBar(base_minor=0, above_minor=300, below_minor=-200), StackedBar(base_minor=-100, above_minor=0, below_minor=-300))
    """
    low, high = min(before, after), max(before, after)
    above, below = max(low, 0), min(high, 0)
    return StackedBar(above + below, max(high, 0) - above, min(low, 0) - below)
