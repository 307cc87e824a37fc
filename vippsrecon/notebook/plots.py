"""Draw the figures a controller asks for, with matplotlib (extra `lab`).

Each function takes a Reconciliation and returns a matplotlib Figure that belongs to no window, so a
notebook shows it once and nothing needs to be closed. Each currency has its own panel. The totals
and the colours are those of the report; each figure has a text that says what it shows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from vippsrecon.report import names, sentences
from vippsrecon.report.daily_totals import sum_by_day
from vippsrecon.report.figures import get_figures
from vippsrecon.report.html.charts import MAX_DAY_LABELS
from vippsrecon.report.totals.concentration import select_concentrations
from vippsrecon.report.totals.waterfall import find_axis_start, list_steps
from vippsrecon.schemas import SEVERITIES
from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.formats import (
    BAR_COLOURS,
    DECREASE_COLOUR,
    INCREASE_COLOUR,
    INK,
    MUTED,
    NAVY,
)
from vippsrecon.texts import format_money, format_number, in_language_of_result, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vippsrecon.notebook.described_figure import DescribedFigure
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import BridgeLeg


@in_language_of_result
def at_risk_by_code(reconciliation: Reconciliation) -> Figure:
    """Draw the amount at risk by code, one panel per currency, largest on top.

    The colour is the worst severity among the rows of a code.
    """
    from matplotlib.patches import Patch

    figures = get_figures(reconciliation)
    panels = {
        currency: [code for code in figures.select_codes(currency) if code.at_risk_minor]
        for currency in figures.currencies
    }
    shown = {currency: codes for currency, codes in panels.items() if codes}
    figure, axes = _create_panels(
        [names.format_heading("risk_by_code", currency) for currency in shown],
        [max(len(codes), 2) for codes in shown.values()],
        say("figures.nothing_at_risk"),
    )
    for panel, (currency, codes) in zip(axes, shown.items(), strict=True):
        amounts = [float(to_cell_amount(code.at_risk_minor)) for code in codes]
        colours = [BAR_COLOURS[code.severity] for code in codes]
        bars = panel.barh([code.kind for code in codes], amounts, color=colours, height=0.62)
        panel.bar_label(bars, [_format_amount(amount) for amount in amounts], padding=4, fontsize=8)
        figure.describe_bars(panel, currency, [(code.kind, code.at_risk_minor) for code in codes])
        panel.invert_yaxis()
        panel.set_xlabel(currency)
        panel.xaxis.set_major_formatter(_format_axis_value)
        panel.margins(x=0.16)
        worst = [name for name in SEVERITIES if name in {code.severity for code in codes}]
        panel.legend(
            handles=[
                Patch(color=BAR_COLOURS[name], label=names.get_severity_name(name))
                for name in worst
            ],
            loc="lower right",
            frameon=False,
            fontsize=8,
        )
    return figure


@in_language_of_result
def bridge_waterfall(reconciliation: Reconciliation, leg: str = "captured") -> Figure:
    """Draw the bridge from orders to money as a waterfall, one panel per sales unit and currency.

    Args:
        reconciliation: The result of `vippsrecon.reconcile`.
        leg: "captured" or "refunded".
    """
    legs = [bridge_leg for bridge_leg in get_figures(reconciliation).legs if bridge_leg.leg == leg]
    heading = names.get_leg_names(leg)[0]
    figure, axes = _create_panels(
        [
            say("legs.texts.title", heading=heading, msn=each.msn, currency=each.currency)
            for each in legs
        ],
        [max(len(each.lines) + 1, 3) for each in legs],
        say("figures.no_bridge"),
    )
    for panel, each in zip(axes, legs, strict=True):
        steps = [(names.get_line_name(line, each.leg), minor) for line, minor, _ in each.lines]
        total = (
            names.get_leg_names(each.leg)[1],
            each.bridge_total_minor,
        )
        figure.describe_bars(panel, each.currency, [*steps, total])
        _draw_waterfall(panel, each)
    return figure


def _draw_waterfall(panel: Axes, leg: BridgeLeg) -> None:
    total_label = names.get_leg_names(leg.leg)[1]
    every_step = list_steps(leg)
    # Steps of zero are not drawn.
    steps = [step for step in every_step if step.amount_minor or step.tone == "total"]
    labels = [
        names.get_line_name(step.line, leg.leg) if step.line else total_label for step in steps
    ]
    amounts = [float(to_cell_amount(step.amount_minor)) for step in steps]
    starts = [float(to_cell_amount(step.before_minor)) for step in steps]
    levels = [float(to_cell_amount(step.after_minor)) for step in steps]
    tones = {"total": BAR_COLOURS["total"], "up": INCREASE_COLOUR, "down": DECREASE_COLOUR}
    colours = [tones[step.tone] for step in steps]
    # Two bars with the same name would overlap, so bars are numbered and named by tick labels.
    panel.barh(range(len(labels)), amounts, left=starts, color=colours, height=0.62)
    panel.set_yticks(range(len(labels)), labels)
    for place, (start, level) in enumerate(zip(starts, levels, strict=True)):
        # The amount is always to the right of the bar: the names may be to its left.
        panel.annotate(
            _format_amount(amounts[place]),
            (max(start, level), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    panel.invert_yaxis()
    low, high = min(*levels, 0.0), max(*levels, 0.0)
    left = float(to_cell_amount(find_axis_start(every_step)))
    panel.set_xlim(left or low, high + 0.16 * (high - (left or low)) or 1.0)
    begins = say("figures.axis_cut", start=round(left)) if left else ""
    panel.set_xlabel(f"{leg.currency}{begins}")
    panel.locator_params(axis="x", nbins=6)
    panel.xaxis.set_major_formatter(_format_axis_value)


@in_language_of_result
def ages(reconciliation: Reconciliation) -> Figure:
    """Draw the amount at risk by days since the first run that reported it, per currency."""
    figures = get_figures(reconciliation)
    bars = {
        currency: [
            (names.describe_age(age.from_days, age.to_days), age.at_risk_minor, "total")
            for age in figures.select_ages(currency)
        ]
        for currency in figures.currencies
    }
    return _draw_bars("risk_by_age", bars, say("figures.nothing_at_risk"))


@in_language_of_result
def reservations(reconciliation: Reconciliation) -> Figure:
    """Draw what is still reserved by days to the capture deadline, per currency.

    The amount is authorized − captured − cancelled, as fetched, while the payment is AUTHORIZED. Days
    count from the cut-off time. What is overdue can no longer be captured.
    """
    figures = get_figures(reconciliation)
    bars = {
        currency: [
            (
                names.describe_days_left(each.from_days, each.to_days),
                each.reserved_minor,
                each.urgency,
            )
            for each in figures.select_reservations(currency)
        ]
        for currency in figures.currencies
    }
    return _draw_bars("reservations", bars, say("figures.nothing_reserved"))


@in_language_of_result
def captured_and_refunded(reconciliation: Reconciliation) -> Figure:
    """Draw what was captured and refunded on each day, by month if the period is long, per currency."""
    events = reconciliation.polars_frame("events")
    days = sum_by_day(events, reconciliation.manifest)
    captions = [sentences.describe_day_chart(spans, currency) for currency, spans in days.items()]
    figure, axes = _create_panels(captions, [6] * len(days), say("figures.nothing_moved"))
    for panel, (currency, spans) in zip(axes, days.items(), strict=True):
        labels = [span.label for span in spans]
        for name, minors, colour in (
            (
                say("figures.captured"),
                [span.captured_minor for span in spans],
                BAR_COLOURS["total"],
            ),
            (
                say("figures.refunded"),
                [-span.refunded_minor for span in spans],
                BAR_COLOURS["medium"],
            ),
        ):
            amounts = [float(to_cell_amount(minor)) for minor in minors]
            panel.bar(labels, amounts, color=colour, width=0.72, label=name)
            total = format_money(abs(sum(minors)), currency)
            title = panel.get_title(loc="left")
            figure.add_sentence(say("figures.in_all", title=title, name=name, total=total))
        every = -(-len(spans) // MAX_DAY_LABELS)
        panel.set_xticks(range(0, len(spans), every), labels[::every])
        panel.axhline(0, color=MUTED, linewidth=0.8)
        panel.set_ylabel(currency)
        panel.yaxis.set_major_formatter(_format_axis_value)
        panel.legend(frameon=False, fontsize=8)
    return figure


@in_language_of_result
def concentrations(reconciliation: Reconciliation) -> Figure:
    """Draw what is concentrated where: its share of a code's rows, and of all orders, per currency."""
    found = get_figures(reconciliation).concentrations
    shown = {each.currency: select_concentrations(found, each.currency) for each in found}
    figure, axes = _create_panels(
        [names.format_heading("concentration", currency) for currency in shown],
        [2 * len(rows) for rows in shown.values()],
        say("figures.nothing_concentrated"),
    )
    for panel, (currency, rows) in zip(axes, shown.items(), strict=True):
        for offset, name, colour, shares in (
            (
                -0.2,
                names.list_concentration_series()[0],
                BAR_COLOURS["high"],
                [r.share for r in rows],
            ),
            (
                0.2,
                names.list_concentration_series()[1],
                BAR_COLOURS["info"],
                [r.of_orders for r in rows],
            ),
        ):
            places = [place + offset for place in range(len(rows))]
            percents = [float(share * 100) for share in shares]
            bars = panel.barh(places, percents, height=0.36, color=colour, label=name)
            panel.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4, fontsize=8)
        panel.set_yticks(range(len(rows)), [sentences.label_concentration(row) for row in rows])
        panel.invert_yaxis()
        panel.set_xlim(0, 115)
        panel.set_xlabel(f"%, {currency}")
        panel.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False, fontsize=8
        )
        for row in rows:
            figure.add_sentence(sentences.describe_concentration(row))
    return figure


def _draw_bars(
    heading: str, bars: Mapping[str, Sequence[tuple[str, int, str]]], empty: str
) -> Figure:
    """Draw one panel per currency with bars of (label, amount, tone), the first on top."""
    shown = {currency: rows for currency, rows in bars.items() if any(row[1] for row in rows)}
    figure, axes = _create_panels(
        [names.format_heading(heading, currency) for currency in shown],
        [len(rows) for rows in shown.values()],
        empty,
    )
    for panel, (currency, rows) in zip(axes, shown.items(), strict=True):
        amounts = [float(to_cell_amount(minor)) for _, minor, _ in rows]
        drawn = panel.barh(
            [label for label, _, _ in rows],
            amounts,
            color=[BAR_COLOURS[tone] for _, _, tone in rows],
            height=0.62,
        )
        panel.bar_label(
            drawn, [_format_amount(amount) for amount in amounts], padding=4, fontsize=8
        )
        figure.describe_bars(panel, currency, [row[:2] for row in rows])
        panel.invert_yaxis()
        panel.set_xlabel(currency)
        panel.xaxis.set_major_formatter(_format_axis_value)
        panel.margins(x=0.16)
    return figure


def _format_amount(amount: float) -> str:
    return format_number(Decimal(f"{amount:.2f}"))


def _format_axis_value(value: float, _place: float) -> str:
    return format_number(round(value))


def _create_panels(
    titles: list[str], heights: list[float], empty: str
) -> tuple[DescribedFigure, list[Any]]:
    """Create a figure with panels below one another, or one with the text `empty` only."""
    from vippsrecon.notebook.described_figure import DescribedFigure

    if not titles:
        figure = DescribedFigure(figsize=(8, 1.2))
        figure.text(0.5, 0.5, empty, ha="center", va="center", color=MUTED)
        figure.add_sentence(say("figures.empty", sentence=empty))
        return figure, []
    inches = [0.3 * height + 1.0 for height in heights]
    figure = DescribedFigure(figsize=(8.5, sum(inches)), layout="constrained")
    axes = figure.subplots(len(titles), 1, squeeze=False, height_ratios=inches)[:, 0]
    for panel, title in zip(axes, titles, strict=True):
        panel.set_title(title, loc="left", fontsize=11, fontweight="bold", color=NAVY)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8, colors=INK, length=0)
        panel.xaxis.label.set(color=MUTED, fontsize=8)
        panel.yaxis.label.set(color=MUTED, fontsize=8)
    return figure, list(axes)
