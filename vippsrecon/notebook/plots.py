"""Draw three figures a controller asks for, with matplotlib (extra `lab`).

Each function takes a Reconciliation and returns a matplotlib Figure that belongs to no window, so a
notebook shows it once and nothing needs to be closed. Each currency has its own panel.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.dates import EPOCH
from vippsrecon.money import group_thousands
from vippsrecon.report import names
from vippsrecon.report.figures import compute_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.html.charts import choose_axis_start
from vippsrecon.report.totals.ages import AGE_BANDS
from vippsrecon.schemas import SEVERITIES
from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.formats import BAR_COLOUR, INK, MUTED, NAVY, SEVERITY_COLOURS
from vippsrecon.vipps_rules import CAPTURE_DAYS, MARKET_OF_CURRENCY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import BridgeLeg

DEADLINE_BANDS = ((None, -1), (0, 3), (4, 14), (15, 60), (61, None))

_INCREASE_COLOUR, _DECREASE_COLOUR, _TOTAL_COLOUR = "#4F8A6B", "#B4544A", BAR_COLOUR
_SEVERITY_BAR_COLOURS = {
    **{name: fill for name, (fill, _) in SEVERITY_COLOURS.items()},
    "high": "#D9796F",
    "medium": "#EDB876",
    "low": "#E9DB9A",
}


def at_risk_by_code(reconciliation: Reconciliation) -> Figure:
    """Draw the amount at risk by code, one panel per currency, largest on top.

    The colour is the worst severity among the rows of a code.
    """
    from matplotlib.patches import Patch

    figures = compute_figures(build_report_frames(reconciliation))
    panels = {
        currency: [code for code in figures.select_codes(currency) if code.at_risk_minor]
        for currency in figures.currencies
    }
    shown = {currency: codes for currency, codes in panels.items() if codes}
    figure, axes = _create_panels(
        [f"At risk by code, {currency}" for currency in shown],
        [max(len(codes), 2) for codes in shown.values()],
        "Nothing is at risk",
    )
    for panel, (currency, codes) in zip(axes, shown.items(), strict=True):
        amounts = [float(to_cell_amount(code.at_risk_minor)) for code in codes]
        colours = [_SEVERITY_BAR_COLOURS[code.severity] for code in codes]
        bars = panel.barh([code.kind for code in codes], amounts, color=colours, height=0.62)
        panel.bar_label(bars, [_format_amount(amount) for amount in amounts], padding=4, fontsize=8)
        panel.invert_yaxis()
        panel.set_xlabel(currency)
        panel.xaxis.set_major_formatter(_format_axis_value)
        panel.margins(x=0.16)
        worst = [name for name in SEVERITIES if name in {code.severity for code in codes}]
        panel.legend(
            handles=[Patch(color=_SEVERITY_BAR_COLOURS[name], label=name) for name in worst],
            loc="lower right",
            frameon=False,
            fontsize=8,
        )
    return figure


def bridge_waterfall(reconciliation: Reconciliation, leg: str = "captured") -> Figure:
    """Draw the bridge from orders to money as a waterfall, one panel per sales unit and currency.

    Args:
        reconciliation: The result of `vippsrecon.reconcile`.
        leg: "captured" or "refunded".
    """
    legs = [
        bridge_leg
        for bridge_leg in compute_figures(build_report_frames(reconciliation)).legs
        if bridge_leg.leg == leg
    ]
    heading = names.BRIDGE_LEG_NAMES.get(leg, (leg, leg))[0]
    figure, axes = _create_panels(
        [f"{heading}: sales unit {each.msn}, {each.currency}" for each in legs],
        [max(len(each.lines) + 1, 3) for each in legs],
        "No bridge: no orders and no payments",
    )
    for panel, each in zip(axes, legs, strict=True):
        _draw_waterfall(panel, each)
    return figure


def _draw_waterfall(panel: Axes, leg: BridgeLeg) -> None:
    total_label = names.BRIDGE_LEG_NAMES.get(leg.leg, (leg.leg, leg.leg))[1]
    first, *steps = leg.lines
    lines = [first, *(step for step in steps if step[1])]  # steps of zero are not drawn
    labels = [names.get_line_name(line, leg.leg) for line, _, _ in lines] + [total_label]
    minor_amounts = [*(minor for _, minor, _ in lines), leg.bridge_total_minor]
    amounts = [float(to_cell_amount(minor)) for minor in minor_amounts]
    starts: list[float] = []
    levels: list[float] = []
    for place, amount in enumerate(amounts):
        starts.append(0.0 if place in (0, len(amounts) - 1) else levels[-1])
        levels.append(starts[-1] + amount)
    colours = [
        _TOTAL_COLOUR
        if place in (0, len(amounts) - 1)
        else _INCREASE_COLOUR
        if amount > 0
        else _DECREASE_COLOUR
        for place, amount in enumerate(amounts)
    ]
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
    tops = [*accumulate(minor_amounts[:-1]), leg.bridge_total_minor]
    left = float(to_cell_amount(choose_axis_start(min(tops), max(tops))))
    panel.set_xlim(left or low, high + 0.16 * (high - (left or low)) or 1.0)
    begins = f", from {group_thousands(round(left))}: steps show, totals are cut" if left else ""
    panel.set_xlabel(f"{leg.currency}{begins}")
    panel.locator_params(axis="x", nbins=6)
    panel.xaxis.set_major_formatter(_format_axis_value)


def ages(reconciliation: Reconciliation) -> Figure:
    """Draw the age of the discrepancies, and the days until open reservations lapse.

    The amount of a reservation is authorized − captured − cancelled, while its payment is
    AUTHORIZED. Its deadline is that of the currency's market, 180 days (NO, SE) or 14 (DK, FI). A
    sales unit with late capture has more time than shown.
    """
    frames = build_report_frames(reconciliation)
    reservations = _select_open_reservations(
        frames.payments, str(reconciliation.manifest.get("as_of") or "")
    )
    currencies = reservations["currency"].unique().sort().to_list()
    titles = ["Discrepancies by age", *(f"Reserved, by days left, {c}" for c in currencies)]
    figure, axes = _create_panels(titles, [4.5] * len(titles), "")
    _draw_age_bars(axes[0], frames.discrepancies)
    for panel, currency in zip(axes[1:], currencies, strict=True):
        in_currency = reservations.filter(pl.col("currency") == currency)
        labels = [_format_band(band, "lapsed") for band in DEADLINE_BANDS]
        amounts = [
            float(
                to_cell_amount(
                    int(in_currency.filter(_build_band_filter("left", band))["open_minor"].sum())
                )
            )
            for band in DEADLINE_BANDS
        ]
        bars = panel.bar(
            labels,
            amounts,
            color=[_DECREASE_COLOUR, _DECREASE_COLOUR, "#EDB876", BAR_COLOUR, BAR_COLOUR],
            width=0.6,
        )
        panel.bar_label(
            bars, [group_thousands(round(a)) if a else "" for a in amounts], padding=3, fontsize=8
        )
        panel.set_xlabel("days to the end of capture")
        panel.set_ylabel(currency)
        panel.yaxis.set_major_formatter(_format_axis_value)
        panel.margins(y=0.15)
    return figure


def _draw_age_bars(panel: Axes, discrepancies: pl.DataFrame) -> None:
    names = [_format_band(band, "") for band in AGE_BANDS]
    base = [0] * len(AGE_BANDS)
    for severity in SEVERITIES:
        of_severity = discrepancies.filter(pl.col("severity") == severity)
        counts = [
            of_severity.filter(_build_band_filter("age_days", band)).height for band in AGE_BANDS
        ]
        if any(counts):
            colour = _SEVERITY_BAR_COLOURS[severity]
            panel.bar(names, counts, bottom=base, color=colour, label=severity, width=0.6)
            base = [below + count for below, count in zip(base, counts, strict=True)]
    panel.set_xlabel("days since it went wrong")
    panel.set_ylabel("rows")
    if any(base):
        panel.legend(frameon=False, fontsize=8)


def _select_open_reservations(payments: pl.DataFrame, as_of: str) -> pl.DataFrame:
    now = datetime.fromisoformat(as_of) if as_of else EPOCH
    days = {currency: CAPTURE_DAYS[market] for currency, market in MARKET_OF_CURRENCY.items()}
    allowed = pl.col("currency").replace_strict(
        days, default=CAPTURE_DAYS["NO"], return_dtype=pl.Int64
    )
    passed = (pl.lit(now).dt.convert_time_zone("UTC") - pl.col("authorized_at")).dt.total_days()
    return payments.with_columns(
        open_minor=pl.col("authorized_minor")
        - pl.col("captured_minor")
        - pl.col("cancelled_minor"),
        left=allowed - passed,
    ).filter(
        (pl.col("state") == "AUTHORIZED")
        & (pl.col("open_minor") > 0)
        & pl.col("authorized_at").is_not_null()
    )


def _format_amount(amount: float) -> str:
    return group_thousands(Decimal(f"{amount:.2f}"))


def _format_axis_value(value: float, _place: float) -> str:
    return group_thousands(round(value))


def _build_band_filter(name: str, band: tuple[int | None, int | None]) -> pl.Expr:
    low, high = band
    in_band = pl.lit(value=True)
    if low is not None:
        in_band = in_band & (pl.col(name) >= low)
    if high is not None:
        in_band = in_band & (pl.col(name) <= high)
    return in_band


def _format_band(band: tuple[int | None, int | None], below: str) -> str:
    low, high = band
    if low is None:
        return below
    return f"over {low - 1}" if high is None else f"{low}–{high}"


def _create_panels(titles: list[str], heights: list[float], empty: str) -> tuple[Figure, list[Any]]:
    """Create a figure with panels below one another, or one with the text `empty` only."""
    from matplotlib.figure import Figure

    if not titles:
        figure = Figure(figsize=(8, 1.2))
        figure.text(0.5, 0.5, empty, ha="center", va="center", color=MUTED)
        return figure, []
    inches = [0.3 * height + 1.0 for height in heights]
    figure = Figure(figsize=(8.5, sum(inches)), layout="constrained")
    axes = figure.subplots(len(titles), 1, squeeze=False, height_ratios=inches)[:, 0]
    for panel, title in zip(axes, titles, strict=True):
        panel.set_title(title, loc="left", fontsize=11, fontweight="bold", color=NAVY)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8, colors=INK, length=0)
        panel.xaxis.label.set(color=MUTED, fontsize=8)
        panel.yaxis.label.set(color=MUTED, fontsize=8)
    return figure, list(axes)
