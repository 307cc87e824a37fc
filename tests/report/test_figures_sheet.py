"""Test the sheet *Figures*: charts of the report's own totals, drawn by the spreadsheet program."""

from __future__ import annotations

import re
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month
from vippsrecon.notebook import plots
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.figures import BridgeLeg, compute_figures, get_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.totals.waterfall import list_steps, stack_bar
from vippsrecon.texts import use_language


@pytest.fixture(scope="module")
def month():
    """Return a month in which one code is concentrated in one store."""
    rows = Month()
    for number in range(40):
        rows.pair(f"fine-{number}", 10_000, 10_000)
    for number in range(6):
        rows.pair(
            f"less-{number}",
            10_000,
            7_000,
            kind="under_captured",
            bucket="discrepancy",
            store="bergen",
        )
    return rows.reconciliation()


@pytest.fixture(scope="module")
def path(month, tmp_path_factory):
    """Write its workbook once."""
    return write_workbook(month, tmp_path_factory.mktemp("figures") / "report.xlsx")


@pytest.fixture(scope="module")
def charts(path):
    """Return the XML of the charts of *Figures*, in order, and the text of each."""
    with ZipFile(path) as book:
        xml = [book.read(n).decode() for n in book.namelist() if n.startswith("xl/charts/chart")]
        drawings = "".join(
            book.read(name).decode() for name in book.namelist() if "drawings/drawing" in name
        )
    own = [text for text in xml if "<c:f>Figures!" in text]
    return own, re.findall(r'descr="([^"]*)"', drawings)


def test_a_long_heading_has_two_lines(month, tmp_path):
    """In Norwegian, the heading of the part that is not drawn was cut through its second line."""
    manifest = {**month.manifest, "language": "nb"}
    path = write_workbook(month.with_changes(manifest=manifest), tmp_path / "report.xlsx")
    sheet = load_workbook(path)["Figurer"]
    rows = [row for row in sheet.iter_rows() if "Grunnlag, tegnes ikke" in {c.value for c in row}]
    assert rows
    for row in rows:
        assert sheet.row_dimensions[row[0].row].height > 25


def test_each_figure_has_a_chart_and_a_text(charts):
    """Somebody who does not see the chart reads the same amounts."""
    own, texts = charts
    assert len(own) == 3
    waterfall = next(text for text in texts if text.startswith("Waterfall."))
    assert "Order total 4,600.00 NOK" in waterfall
    assert "Captured at Vipps MobilePay 4,420.00 NOK" in waterfall
    assert any(text.startswith("Columns. Captured and refunded by day, NOK") for text in texts)
    assert any("100.0% of under_captured are store bergen" in text for text in texts)


def test_the_base_of_the_waterfall_is_not_drawn(charts):
    """The steps hang in the air: what holds them up has no colour, and the axis is cut as on the page."""
    [waterfall] = [
        text for text in charts[0] if 'grouping val="stacked"' in text and "Base" in text
    ]
    base = waterfall[waterfall.index("<c:ser>") : waterfall.index("</c:ser>")]
    assert "<a:noFill/>" in base
    assert "<c:v>4420" in base
    assert re.search(r'<c:min val="[1-9]', waterfall)


def test_tables_are_the_figures_of_the_report(path, month):
    """What a chart shows can be read below it, also by a program."""
    rows = list(load_workbook(path, data_only=True)["Figures"].iter_rows(values_only=True))
    lines = {row[1]: row[3:8] for row in rows if row[1]}
    assert lines["Order total"] == (4600, 0, 4600, 0, 0)
    assert lines["Less captured than the order says"] == (-180, 4420, 0, 0, 180)
    assert lines["Captured at Vipps MobilePay"] == (4420, 0, 4420, 0, 0)
    [leg] = [
        leg for leg in compute_figures(build_report_frames(month)).legs if leg.leg == "captured"
    ]
    assert list_steps(leg)[-1].after_minor == 442_000


@pytest.mark.parametrize(
    ("before", "after"), [(0, 10), (10, 4), (-3, 5), (5, -3), (-2, -9), (0, 0), (4, 4)]
)
def test_a_stacked_bar_spans_its_two_levels(before, after):
    """Whatever the signs, base and parts reach from one level to the other."""
    bar = stack_bar(before, after)
    low = (
        bar.base_minor + bar.below_minor
        if bar.base_minor < 0 or bar.below_minor
        else bar.base_minor
    )
    assert low == min(before, after)
    assert bar.above_minor - bar.below_minor == abs(after - before)


def test_steps_end_at_the_total():
    """The first line and the total begin at zero."""
    lines = (("orders", 1000, 3), ("under_captured", -1300, 1), ("over_captured", 400, 1))
    steps = list_steps(BridgeLeg("NOK", "1", "captured", lines, 100, (), 100))
    assert [(step.before_minor, step.after_minor, step.tone) for step in steps] == [
        (0, 1000, "total"),
        (1000, -300, "down"),
        (-300, 100, "up"),
        (0, 100, "total"),
    ]


def test_page_and_notebook_draw_what_is_concentrated(month, tmp_path):
    """The same shares in all three: 6 of 6 rows, and 6 of 46 orders."""
    page = write_html(month, tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'class="stack concentrations"' in page
    assert "Share of the code&#39;s rows: 100.0%" in page
    assert "Share of all orders: 13.0%" in page
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    figure = plots.concentrations(month)
    assert "100.0% of under_captured are store bergen (6 of 6 rows)" in figure.description
    assert figure.axes[0].patches[0].get_width() == 100


def test_figures_are_computed_once_unless_a_frame_could_be_changed():
    """Page, workbook and terminal share them; a frame that was read in pandas may be changed by hand."""
    rows = Month()
    rows.pair("less", 10_000, 7_000, kind="under_captured", bucket="discrepancy")
    in_pandas = rows.reconciliation()
    frames = vars(in_pandas).keys() - {"notices", "manifest"}
    result = in_pandas.with_changes(**{name: in_pandas.polars_frame(name) for name in frames})
    first = get_figures(result)
    assert get_figures(result) is first
    with use_language("nb"):
        assert get_figures(result) is not first
    result.manifest["complete"] = False
    assert get_figures(result) is not first
    result.payments.loc[0, "captured_minor"] = 8_000
    assert get_figures(result).currency_totals[0].captured_minor == 8_000
