"""Compute the charts of the page: where each bar begins and how long it is.

Positions are texts such as "12.34%", computed in whole numbers: an amount never becomes a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vippsrecon.report.totals.waterfall import find_axis_start, list_steps

if TYPE_CHECKING:
    from vippsrecon.report.daily_totals import SpanTotals
    from vippsrecon.report.figures import BridgeLeg, CodeTotals
    from vippsrecon.report.totals.ages import AgeTotals, DecisionTotals
    from vippsrecon.report.totals.concentration import Concentration
    from vippsrecon.report.totals.reservations import ReservationTotals

PLOT_HEIGHT = 150
"""Height of the columns of a chart by day, in pixels."""

MAX_DAY_LABELS = 7
"""More dates would overlap on a phone."""

_WHOLE, _LEAST_LENGTH = 10_000, 40  # hundredths of a percent


class Bar(NamedTuple):
    """A bar of a horizontal chart: its start, its length, and what it is."""

    start: str
    length: str
    tone: str


class WaterfallLine(NamedTuple):
    """A line of the bridge and its bar.

    Attributes:
        line: The line; "" for the total.
        amount_minor: Its signed amount.
        rows: Its number of rows; None for the total.
        bar: From the level before it to the level after it; the first line and the total start at
            the left end.
    """

    line: str
    amount_minor: int
    rows: int | None
    bar: Bar


class Waterfall(NamedTuple):
    """The lines of one leg of the bridge.

    Attributes:
        lines: In order; the last one is the total.
        start_minor: The amount at the left end: more than 0 if the steps are small compared with
            the totals, which would otherwise hide them.
    """

    lines: tuple[WaterfallLine, ...]
    start_minor: int


class DayColumn(NamedTuple):
    """A day or month of the chart: what moved, and its columns in pixels from the top.

    Attributes:
        shown_label: Its date below the columns; "" if the dates beside it leave no room.
        anchor: Which part of the date is at its middle: the outermost dates must not be cut.
    """

    totals: SpanTotals
    start: str
    length: str
    middle: str
    captured_y: int
    captured_height: int
    refunded_height: int
    shown_label: str
    anchor: str


class DayChart(NamedTuple):
    """Captured amounts as columns above the line of zero, refunded amounts below it.

    Attributes:
        columns: One per day or month.
        zero_y: Height of the line of zero, from the top.
        ticks: Amount of each grid line, and its height from the top.
        height: Height of the columns together.
    """

    columns: tuple[DayColumn, ...]
    zero_y: int
    ticks: tuple[tuple[int, int], ...]
    height: int


def build_at_risk_bars(codes: Sequence[CodeTotals]) -> list[Bar]:
    """Return one bar per code of a currency: its amount at risk, in the tone of its worst severity."""
    return _build_bars([(code.at_risk_minor, code.severity) for code in codes])


def build_total_bars(
    totals: Sequence[AgeTotals] | Sequence[DecisionTotals],
) -> list[Bar]:
    """Return one bar per line of totals of a currency: its amount at risk."""
    return _build_bars([(each.at_risk_minor, "total") for each in totals])


def build_reservation_bars(totals: Sequence[ReservationTotals]) -> list[Bar]:
    """Return one bar per band of days left of a currency: what is reserved, in the tone of its urgency."""
    return _build_bars([(each.reserved_minor, each.urgency) for each in totals])


def build_concentration_bars(found: Concentration) -> tuple[Bar, Bar]:
    """Return the share of a code's rows and the share of all orders as bars of a whole."""
    return tuple(  # type: ignore[return-value]
        Bar("0%", _percent(max(int(share * _WHOLE), _LEAST_LENGTH if share else 0), 1), tone)
        for share, tone in ((found.share, "high"), (found.of_orders, "info"))
    )


def build_waterfall(leg: BridgeLeg) -> Waterfall:
    """Return the lines of one leg of the bridge, each with its bar."""
    steps = list_steps(leg)
    start = find_axis_start(steps)
    ends = [step.after_minor for step in steps]
    lowest = start or min(0, *ends)
    span = max(0, *ends) - lowest
    lines = tuple(
        WaterfallLine(
            step.line,
            step.amount_minor,
            step.rows,
            _build_bar(step.before_minor, step.after_minor, lowest, span)._replace(tone=step.tone),
        )
        for step in steps
    )
    return Waterfall(lines, start)


def build_day_chart(spans: Sequence[SpanTotals]) -> DayChart:
    """Return the columns of one currency, all in one scale."""
    up = max(span.captured_minor for span in spans)
    down = max(span.refunded_minor for span in spans)
    step = _choose_tick(max(up, down))
    highest = -(-up // step) * step
    extent = max(highest + down, 1)
    zero_y = highest * PLOT_HEIGHT // extent
    every = -(-len(spans) // MAX_DAY_LABELS)
    columns = []
    for place, span in enumerate(spans):
        captured = _scale_height(span.captured_minor, extent)
        columns.append(
            DayColumn(
                span,
                _percent((place * 100 + 14) * 100, len(spans)),
                _percent(72 * 100, len(spans)),
                _percent((place * 100 + 50) * 100, len(spans)),
                zero_y - captured,
                captured,
                _scale_height(span.refunded_minor, extent),
                "" if place % every else span.label[5:] if len(span.label) > 7 else span.label,
                "start" if place == 0 else "end" if place >= len(spans) - 2 else "middle",
            )
        )
    ticks = tuple(
        (minor, zero_y - minor * PLOT_HEIGHT // extent)
        for minor in range(-(down // step) * step, highest + 1, step)
    )
    return DayChart(tuple(columns), zero_y, ticks, PLOT_HEIGHT)


def _build_bars(amounts: Sequence[tuple[int, str]]) -> list[Bar]:
    """Return a bar for each (amount, tone); the longest one is as long as the chart."""
    longest = max((minor for minor, _ in amounts), default=0)
    return [
        Bar("0%", _percent(_scale_hundredths(minor, longest), 1), tone) for minor, tone in amounts
    ]


def _build_bar(before: int, after: int, lowest: int, span: int) -> Bar:
    """Return the bar between two amounts; what is below `lowest` is left of the chart."""
    left = min(max(before, lowest), after) - lowest
    length = _scale_hundredths(abs(after - max(before, lowest)), span)
    start = min(left * _WHOLE // span if span else 0, _WHOLE - length)
    return Bar(_percent(start, 1), _percent(length, 1), "up" if after >= before else "down")


def _scale_hundredths(amount: int, longest: int) -> int:
    """Return a length in hundredths of a percent; an amount that is not zero can be seen."""
    return max(amount * _WHOLE // longest, _LEAST_LENGTH) if amount and longest else 0


def _scale_height(amount: int, extent: int) -> int:
    return max(amount * PLOT_HEIGHT // extent, 1) if amount else 0


def _percent(hundredths: int, divisor: int) -> str:
    """Format hundredths of a percent, divided.

    >>> _percent(1234, 1), _percent(5, 0)
    ('12.34%', '0.00%')
    """
    value = hundredths // divisor if divisor else 0
    return f"{value // 100}.{value % 100:02}%"


def _choose_tick(highest: int) -> int:
    """Return the distance of grid lines: 1, 2 or 5 and zeros, three lines at most.

    >>> _choose_tick(4_210_000), _choose_tick(0)
    (2000000, 1)
    """
    unit: int = 10 ** max(len(str(highest)) - 1, 0)
    for tick in (unit // 2, unit, 2 * unit, 5 * unit):
        if tick and highest <= 3 * tick:
            return tick
    return 10 * unit
