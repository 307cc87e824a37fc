"""Test that the terminal, the notebook and the figures show the same amounts."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from tests.report.example_results import Month, make_month
from tests.report.test_reservations import make_reservations
from vippsrecon.notebook import plots
from vippsrecon.report.html.tiles import render_reconciliation, render_summary_tiles
from vippsrecon.report.sentences import describe_times
from vippsrecon.report.terminal import format_summary
from vippsrecon.schemas import SEVERITIES
from vippsrecon.spreadsheet.formats import BAR_COLOURS


@pytest.fixture(scope="module")
def month():
    """Return a month with discrepancies."""
    return make_month().reconciliation(notices=("Look <here> first.",))


def test_terminal_shows_verdict_codes_and_report_path(month):
    """The text must be enough to decide whether the workbook needs to be opened."""
    text = format_summary(month, "out/report.xlsx")
    count = len(month.discrepancies)
    assert text.startswith(f"{count} DISCREPANCIES. ")
    risk = int(
        month.discrepancies.query("kind == 'over_captured' and currency == 'NOK'")[
            "at_risk_minor"
        ].sum()
    )
    assert re.search(rf"over_captured +medium +\d+ +{risk // 100:,}".replace(",", " ?"), text)
    assert "Payments: complete. Every reference asked for was answered" in text
    assert text.endswith("Report: out/report.xlsx")


def test_terminal_never_adds_currencies(month):
    """Each currency has its own heading."""
    text = format_summary(month)
    assert "\nDKK: 24 orders" in text
    assert "\nNOK: 126 orders" in text
    assert "Report:" not in text


@pytest.mark.parametrize(
    ("show", "total", "fetched"),
    [
        pytest.param(format_summary, "1,050.00 NOK", "1,052.50 NOK", id="terminal"),
        pytest.param(render_summary_tiles, "1 050,00 kr", "1 052,50 kr", id="notebook"),
    ],
)
def test_terminal_shows_the_total_of_the_bridge(show, total, fetched):
    """A user of the terminal does not see the bridge, which explains why two amounts differ."""
    month = Month()
    month.pair("a", 100_000, 100_000)
    month.pair("b", 5_000, 5_000, msn="654321")
    result = month.reconciliation()
    payments = result.payments.copy()
    payments.loc[0, "captured_minor"] = 100_250

    assert total in show(result)
    assert "as fetched)" not in show(result)
    assert f"{total} ({fetched} as fetched)" in show(replace(result, payments=payments))


def test_month_without_discrepancies_is_shown_as_clean():
    """A month without discrepancies must not look like an error."""
    month = Month()
    month.pair("a", 100, 100)
    assert format_summary(month.reconciliation()).startswith("CLEAN. ")
    assert "<table" not in render_reconciliation(month.reconciliation())


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_escaped_and_complete():
    """A notebook would run a script that is hidden in an order number."""
    month = Month()
    evil = "<script>alert(1)</script>"
    month.pair(evil, 100, 50, kind="under_captured", bucket="discrepancy", order_number=evil)
    page = render_reconciliation(month.reconciliation(notices=(evil,)))
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.tags == {"div", "style", "span", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.count("&lt;script&gt;") == 3


def test_tiles_show_each_currency(month):
    """Two currencies give two rows of tiles."""
    page = render_summary_tiles(month)
    assert page.count("At risk</div>") == 2
    assert "Look &lt;here&gt; first." in page
    assert month._repr_html_() == page, "a notebook shows the same"


@pytest.mark.ci
@pytest.mark.parametrize(
    "draw",
    [
        plots.at_risk_by_code,
        plots.bridge_waterfall,
        plots.ages,
        plots.reservations,
        plots.captured_and_refunded,
        plots.concentrations,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("of", ["a month", "nothing"])
def test_figures_are_drawn_for_any_month(draw, of, month):
    """The figure of an empty month states that it is empty, and the notebook does not fail."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    figure = draw(month if of == "a month" else Month().reconciliation())
    shown = re.search(
        r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)" [^>]*>', figure._repr_html_()
    )
    assert len(b64decode(shown[2])) > 2_000
    assert unescape(shown[1]) == figure.description
    amount = r"\d (NOK|DKK)|in (NOK|DKK) it is \d"
    assert re.search(amount, figure.description) or len(figure.axes) == 0


def test_figure_bars_equal_the_amounts(month):
    """The longest bar is the amount at risk of the code with the largest sum."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    panels = plots.at_risk_by_code(month).axes
    assert [panel.get_xlabel() for panel in panels] == ["DKK", "NOK"]
    sums = month.discrepancies.query("currency == 'NOK'").groupby("kind")["at_risk_minor"].sum()
    assert panels[1].patches[0].get_width() == pytest.approx(float(sums.max()) / 100)


def test_reservation_bars_are_those_of_the_report():
    """Overdue is named and has the colour of the most urgent; the text has the same amounts."""
    colors = pytest.importorskip(
        "matplotlib.colors", reason="matplotlib comes with the extra `lab`"
    )
    figure = plots.reservations(make_reservations().reconciliation())
    panel = figure.axes[1]

    assert panel.get_xlabel() == "NOK"
    labels = [label.get_text() for label in panel.get_yticklabels()]
    amounts = [bar.get_width() for bar in panel.patches]
    assert labels[0] == "Overdue"
    assert labels[-1] == "Unknown deadline"
    assert amounts == pytest.approx([0.01, 0.06, 0.24, 0.96, 1.28, 10])
    assert panel.patches[0].get_facecolor() == colors.to_rgba(BAR_COLOURS["critical"])
    assert "deadline, NOK: Overdue 0.01 NOK, 0–3 days 0.06 NOK," in figure.description


def test_days_are_drawn_above_and_below_the_line(month):
    """Captured above, refunded below, as on the page."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    figure = plots.captured_and_refunded(month)
    captured = month.events.query("name == 'CAPTURED' and currency == 'DKK'")["amount_minor"].sum()

    assert sum(bar.get_height() for bar in figure.axes[0].patches) == pytest.approx(captured / 100)


def test_waterfall_ends_at_what_was_captured(month):
    """The last bar is the final amount of the bridge."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    panel = plots.bridge_waterfall(month).axes[0]
    last = panel.patches[-1]
    danish = month.payments.query("currency == 'DKK'")["captured_minor"].sum()
    assert last.get_x() == 0
    assert last.get_width() == pytest.approx(float(danish) / 100)


def test_waterfall_skips_empty_steps_and_keeps_labels_apart(month):
    """The amount of a step down that is as long as the total must not cover the step's name."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    for panel in plots.bridge_waterfall(month).axes:
        assert all(bar.get_width() for bar in panel.patches[1:-1])
        ends = [max(bar.get_x(), bar.get_x() + bar.get_width()) for bar in panel.patches]
        assert [label.xy[0] for label in panel.texts] == pytest.approx(ends)


def test_a_codes_bar_has_the_colour_of_its_worst_severity(month):
    """The notebook states this, and the legend names only the severities that are drawn."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    for panel in plots.at_risk_by_code(month).axes:
        named = {text.get_text() for text in panel.get_legend().get_texts()}
        mine = month.discrepancies.query(
            "currency == @panel.get_xlabel() and at_risk_minor > 0"
        ).groupby("kind")["severity"]
        worst = mine.agg(lambda discrepancies: min(discrepancies, key=SEVERITIES.index))
        assert named == set(worst)
        assert len({bar.get_facecolor() for bar in panel.patches}) == len(named)


def test_thousands_have_one_format(month):
    """If thousands were written in two ways, one could be read as a decimal sign."""
    assert not re.search(r"\d \d{3}\b", format_summary(month))
    notebook = re.sub(r'style="[^"]*"', "", render_reconciliation(month))
    assert not re.search(r"\d,\d{3}\b", notebook)


@pytest.mark.parametrize(
    ("markets", "shown"),
    [
        (["NO"], "2026-11-02 06:30 UTC (07:30 Europe/Oslo)"),
        (["FI"], "2026-11-02 06:30 UTC (08:30 Europe/Helsinki)"),
        (["NO", "FI"], "2026-11-02 06:30 UTC"),
    ],
)
def test_times_of_a_report_have_the_local_time_beside_them(markets, shown):
    """The clock on the wall shows local time. Sales units of two zones have no single local time."""
    units = [{"msn": f"12345{n}", "market": market} for n, market in enumerate(markets)]
    manifest = {
        "as_of": "2026-11-02T06:30:00+00:00",
        "sales_units": [unit["msn"] for unit in units],
        "settings": {"sales_units": units},
    }

    assert describe_times(manifest) == f"As of {shown}"
