"""Write the sheet *Figures*: charts of the bridge, of each day and of what is concentrated where.

Each chart is drawn by the spreadsheet program from the table below it, and has a text that says what it
shows. The charts of codes, ages and reservations are beside their tables on *Summary*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names, sentences
from vippsrecon.report.totals.concentration import Concentration, select_concentrations
from vippsrecon.report.totals.waterfall import WaterfallStep, find_axis_start, list_steps, stack_bar
from vippsrecon.spreadsheet.cross_checks import to_cell_amount
from vippsrecon.spreadsheet.formats import (
    BAR_COLOURS,
    DECREASE_COLOUR,
    FONT,
    INCREASE_COLOUR,
    INK,
    RULE_COLOUR,
    add_locale,
)
from vippsrecon.spreadsheet.layout import count_text_lines
from vippsrecon.spreadsheet.sections import SectionWriter
from vippsrecon.texts import format_money, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vippsrecon.report.daily_totals import SpanTotals
    from vippsrecon.report.figures import BridgeLeg, ReportFigures

COLUMN_WIDTHS = (1.5, 46, 12, 16, 16, 16, 16, 16)
LABEL = 1
_WATERFALL_HEADS = ("line", "rows", "amount", "base", "total", "increase", "decrease")
MAX_LEGS = 40
"""Two for each sales unit and currency, as on the page."""

CHART_ROWS, ROW_PIXELS, WIDTH_PIXELS = 17, 20, 1000
_CHART_FONT = {"name": FONT["font_name"], "size": 8, "color": INK}
_WHITE_FONT = {**_CHART_FONT, "color": "#FFFFFF"}
TALL_CHART_ROWS, FEW_STEPS = 25, 12
"""A waterfall with more steps has its names turned, which takes height from its bars."""
_MAX_LABELS = 16
"""Of the days below a chart; more would be wrapped."""


@dataclass(frozen=True)
class Series:
    """A series of a chart.

    Attributes:
        name: Its name in the legend; "" for a part that is not drawn.
        column: Column of its values.
        values: Its values, as the cells have them.
        colour: Its colour.
        label_format: Number format of its labels; "" for none.
        in_legend: Whether the legend has it.
    """

    name: str
    column: int
    values: Sequence[Any]
    colour: str
    label_format: str = ""
    in_legend: bool = True


@dataclass(kw_only=True)
class FiguresSheetWriter(SectionWriter):
    """Lays out the sheet *Figures*, from the top down."""

    LAST_COLUMN: ClassVar[int] = len(COLUMN_WIDTHS) - 1

    def write(self, figures: ReportFigures, days: Mapping[str, Sequence[SpanTotals]]) -> None:
        """Write a section for each figure.

        Args:
            figures: The figures of the report.
            days: What moved on each day, by currency, as `sum_by_day` returns it.
        """
        self.page.text(0, LABEL, names.get_sheet_name("figures"), self.formats["sheet_title"])
        self.page.text(1, LABEL, say("about.figures"), self.formats["muted"])
        self.row = 3
        for leg in figures.legs[:MAX_LEGS]:
            if any(minor for _, minor, _ in leg.lines):
                self._write_waterfall(leg)
        left_out = len(figures.legs) - MAX_LEGS
        if left_out > 0:
            sentence = sentences.describe_left_out_rows(
                MAX_LEGS, len(figures.legs), "summary", say("summary.this_workbook")
            )
            self.page.text(self.row, LABEL, sentence, self.formats["muted"])
            self.row += 2
        for currency, spans in days.items():
            self._write_days(currency, spans)
        for currency in figures.currencies:
            found = select_concentrations(figures.concentrations, currency)
            if found:
                self._write_concentrations(currency, found)
        self.set_up_pages(COLUMN_WIDTHS, self.row, self.LAST_COLUMN)
        self.page.write()

    def _write_waterfall(self, leg: BridgeLeg) -> None:
        heading, total_name = names.get_leg_names(leg.leg)
        every_step = list_steps(leg)
        # Steps of zero are not drawn.
        steps = [step for step in every_step if step.amount_minor or step.tone == "total"]
        labels = [
            names.get_line_name(step.line, leg.leg) if step.line else total_name for step in steps
        ]
        title = say("legs.texts.title", heading=heading, msn=leg.msn, currency=leg.currency)
        start = to_cell_amount(find_axis_start(every_step))
        cut = (
            sentences.describe_cut_axis(format_money(find_axis_start(every_step), leg.currency))
            if start
            else ""
        )
        is_wide = len(steps) > FEW_STEPS
        rows = TALL_CHART_ROWS if is_wide else CHART_ROWS
        head_row = self._begin_figure(title, cut, rows)
        series = _list_waterfall_series(steps)
        below = [each.name for each in series if each.column > self.LAST_COLUMN]
        self.row = head_row
        heads = (*names.list_table_heads(*_WATERFALL_HEADS), *below)
        widths = map(int, COLUMN_WIDTHS[LABEL:])
        lines = max(map(count_text_lines, heads, widths))
        if lines > 1:
            self.page.height(self.row, 4 + 12 * lines)
        self.write_column_heads(*heads, right_from=LABEL + 1)
        first = self.row
        for place, (label, step) in enumerate(zip(labels, steps, strict=True)):
            self.page.text(self.row, LABEL, label, self.formats["text"])
            if step.rows is not None:
                self.page.number(self.row, LABEL + 1, step.rows, self.formats["count"])
            amount = to_cell_amount(step.amount_minor)
            self.page.number(self.row, LABEL + 2, amount, self.formats.money())
            for each in series:
                self.page.number(self.row, each.column, each.values[place], self.formats.money())
            self.row += 1
        amounts = ", ".join(
            f"{label} {format_money(step.amount_minor, leg.currency)}"
            for label, step in zip(labels, steps, strict=True)
        )
        self._insert_chart(
            {"type": "column", "subtype": "stacked"},
            title,
            series,
            labels,
            first,
            alt=say("figures.waterfall", title=title, amounts=amounts),
            axis={"min": float(start)} if start else {},
            turn_labels=is_wide,
            every_label=True,
            rows=rows,
        )

    def _write_days(self, currency: str, spans: Sequence[SpanTotals]) -> None:
        title = sentences.describe_day_chart(spans, currency)
        self.row = self._begin_figure(title)
        heads = names.list_table_heads("day_or_month", "captured", "refunded")
        self.write_column_heads(*heads, right_from=LABEL + 1)
        first = self.row
        captured = [to_cell_amount(span.captured_minor) for span in spans]
        refunded = [to_cell_amount(-span.refunded_minor) for span in spans]
        for span, up, down in zip(spans, captured, refunded, strict=True):
            self.page.text(self.row, LABEL, span.label, self.formats["text"])
            self.page.number(self.row, LABEL + 1, up, self.formats.money())
            self.page.number(self.row, LABEL + 2, down, self.formats.money())
            self.row += 1
        self.page.text(
            self.row, LABEL, say("words.total", currency=currency), self.formats["total_text"]
        )
        for column, values in ((LABEL + 1, captured), (LABEL + 2, refunded)):
            top, end = (xl_rowcol_to_cell(row, column) for row in (first, self.row - 1))
            self.page.formula(
                self.row, column, f"=SUM({top}:{end})", sum(values), self.formats.money(total=True)
            )
        sums = (
            sum(span.captured_minor for span in spans),
            sum(span.refunded_minor for span in spans),
        )
        moved = say("words.and").join(
            f"{name.lower()} {format_money(minor, currency)}"
            for name, minor in zip(heads[1:], sums, strict=True)
        )
        self._insert_chart(
            {"type": "column", "subtype": "stacked"},
            title,
            [
                Series(heads[1], LABEL + 1, captured, BAR_COLOURS["total"]),
                Series(heads[2], LABEL + 2, refunded, BAR_COLOURS["medium"]),
            ],
            [span.label for span in spans],
            first,
            alt=say("figures.columns", title=title, moved=moved),
            turn_labels=True,
        )
        self.row += 1

    def _write_concentrations(self, currency: str, found: tuple[Concentration, ...]) -> None:
        title = names.format_heading("concentration", currency)
        # Two bars for each; a single one must not fill the whole place.
        rows = min(CHART_ROWS, 5 + 3 * len(found))
        self.row = self._begin_figure(title, rows=rows)
        self.write_column_heads(
            *names.list_table_heads("where", "rows", "share", "of_all_orders"),
            right_from=LABEL + 1,
        )
        first = self.row
        labels = [sentences.label_concentration(each) for each in found]
        for label, each in zip(labels, found, strict=True):
            self.page.text(self.row, LABEL, label, self.formats["text"])
            self.page.number(self.row, LABEL + 1, each.value_rows, self.formats["count"])
            self.page.number(self.row, LABEL + 2, each.share, self.formats["share"])
            self.page.number(self.row, LABEL + 3, each.of_orders, self.formats["share"])
            self.row += 1
        described = " ".join(sentences.describe_concentration(each) for each in found)
        columns = ((LABEL + 2, "high"), (LABEL + 3, "info"))
        shares = ([each.share for each in found], [each.of_orders for each in found])
        self._insert_chart(
            {"type": "bar"},
            title,
            [
                Series(name, column, values, BAR_COLOURS[tone], "0%")
                for name, (column, tone), values in zip(
                    names.list_concentration_series(), columns, shares, strict=True
                )
            ],
            labels,
            first,
            alt=say("figures.shares", title=title, described=described),
            axis={"min": 0, "max": 1, "num_format": "0%"},
            rows=rows,
        )

    def _begin_figure(self, title: str, about: str = "", rows: int = CHART_ROWS) -> int:
        """Write the heading of a figure, and return the row below the place of its chart."""
        self.write_section(title)
        self.page.text(self.row, LABEL, about, self.formats["muted"])
        return self.row + 1 + rows

    def _insert_chart(
        self,
        kind: dict[str, str],
        title: str,
        series: Sequence[Series],
        labels: Sequence[str],
        first: int,
        *,
        alt: str,
        turn_labels: bool = False,
        every_label: bool = False,
        axis: Mapping[str, Any] | None = None,
        rows: int = CHART_ROWS,
    ) -> None:
        """Insert a chart of some rows above the table whose first row is `first`."""
        sheet, last = self.page.worksheet.get_name(), first + len(labels) - 1
        chart = self.workbook.add_chart(kind)
        stacked = kind.get("subtype") == "stacked"
        for each in series:
            fill = {"fill": {"color": each.colour}} if each.name else {"fill": {"none": True}}
            options: dict[str, Any] = {
                "name": each.name or say("table.base"),
                "categories": [sheet, first, LABEL, last, LABEL],
                "values": [sheet, first, each.column, last, each.column],
                # In constant-memory mode XlsxWriter cannot read back the cells it has written.
                "categories_data": list(labels),
                "values_data": list(each.values),
                "gap": 45,
                **fill,
            }
            if each.label_format:
                options["data_labels"] = {
                    "value": True,
                    "num_format": add_locale(each.label_format),
                    # On its own colour: a bar may be thinner than its label.
                    **({"font": _WHITE_FONT, **fill} if stacked else {"font": _CHART_FONT}),
                }
            chart.add_series(options)
        hidden = [place for place, each in enumerate(series) if not each.in_legend]
        chart.set_title({"none": True})
        chart.set_legend({"position": "top", "font": _CHART_FONT, "delete_series": hidden})
        is_bar = kind["type"] == "bar"
        # XlsxWriter's x axis is the one of the amounts in a chart of horizontal bars.
        amounts = {
            "num_font": _CHART_FONT,
            "num_format": add_locale("#,##0"),
            "major_gridlines": {"visible": True, "line": {"color": RULE_COLOUR, "width": 0.5}},
            "line": {"none": True},
            "major_tick_mark": "none",
            **(axis or {}),
        }
        interval = 1 if every_label else -(-len(labels) // _MAX_LABELS)
        # LibreOffice breaks a day at its hyphens unless the labels are turned.
        turned = {"rotation": -45} if turn_labels else {}
        categories = {
            "num_font": _CHART_FONT | turned,
            "line": {"color": RULE_COLOUR},
            "major_tick_mark": "none",
            "label_position": "low",
            **({"reverse": True} if is_bar else {"interval_unit": interval}),
        }
        chart.set_x_axis(amounts if is_bar else categories)
        chart.set_y_axis(categories if is_bar else amounts)
        chart.set_chartarea({"border": {"none": True}, "fill": {"color": "#FFFFFF"}})
        chart.set_plotarea({"fill": {"none": True}})
        chart.set_size({"width": WIDTH_PIXELS, "height": (rows - 1) * ROW_PIXELS})
        top = first - 1 - rows
        self.page.worksheet.insert_chart(
            top, LABEL, chart, {"x_offset": 2, "y_offset": 4, "description": alt}
        )
        self.row += 1


def _list_waterfall_series(steps: Sequence[WaterfallStep]) -> list[Series]:
    """Return the invisible base, then the bars by tone, those below zero last."""
    bars = [stack_bar(step.before_minor, step.after_minor) for step in steps]
    base = [to_cell_amount(bar.base_minor) for bar in bars]
    series = [Series("", LABEL + 3, base, "", in_legend=False)]
    tones = (
        ("total", BAR_COLOURS["total"], "#,##0;-#,##0;"),
        ("up", INCREASE_COLOUR, "+#,##0;+#,##0;"),
        ("down", DECREASE_COLOUR, "-#,##0;-#,##0;"),
    )
    for place, (tone, colour, label_format) in enumerate(tones):
        name = say(f"table.{_WATERFALL_HEADS[4 + place]}")
        above, below = (
            [
                to_cell_amount(getattr(bar, part) if step.tone == tone else 0)
                for step, bar in zip(steps, bars, strict=True)
            ]
            for part in ("above_minor", "below_minor")
        )
        series.append(Series(name, LABEL + 4 + place, above, colour, label_format))
        if any(below):
            column = (
                FiguresSheetWriter.LAST_COLUMN + 1 + sum(not each.in_legend for each in series[1:])
            )
            name = f"{name} {say('table.below_zero')}"
            series.append(Series(name, column, below, colour, label_format, in_legend=False))
    return series
