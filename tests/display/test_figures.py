"""Figures on a light and on a dark ground: one picture is seen, in colours that stand out."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `dev`")

from matplotlib.colors import to_rgba
from matplotlib.container import BarContainer
from matplotlib.text import Text

from tests.chromium import needs_browser
from tests.display.browser import LEAST_CONTRAST, convert_to_page, run_in_page
from tests.report.example_results import make_month
from vippsrecon.notebook import plots

LEAST_BAR_CONTRAST = 3
"""For graphical objects. Source: WCAG 2.2, success criterion 1.4.11."""

FIGURES = [plots.concentrations, plots.at_risk_by_code, plots.bridge_waterfall, plots.ages, plots.reservations,
           plots.captured_and_refunded]  # fmt: skip

SEEN = """return [...document.querySelectorAll(".vippsrecon img")].map(image => ({
  kind: image.className, seen: image.checkVisibility(), text: image.alt,
}));"""
PRINT = """
for (const sheet of document.styleSheets) for (const rule of sheet.cssRules)
  if (rule.media && rule.media.mediaText === "print") rule.media.mediaText = "all";
"""


@pytest.fixture(scope="module")
def month():
    """Return a month in two currencies with every severity, and with refunds to draw."""
    made = make_month()
    for event in made.events[2:90:9]:
        made.events.append(event | {"name": "REFUNDED", "psp_reference": f"r{event['reference']}"})
    return made.reconciliation()


def measure_luminance(colour):
    """Return the relative luminance of a colour. Source: WCAG 2.2."""
    parts = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgba(colour)[:3]
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def measure_contrast(colour, ground):
    """Return the contrast of two colours."""
    high, low = sorted(map(measure_luminance, (colour, ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def list_contrasts(figure):
    """Return the contrasts of the texts and of the bars with the ground."""
    ground = figure.get_facecolor()
    texts = {
        text.get_text(): measure_contrast(text.get_color(), ground)
        for text in figure.findobj(Text)
        if text.get_text()
    }
    bars = [
        measure_contrast(bar.get_facecolor(), ground)
        for axes in figure.axes
        for container in axes.containers
        if isinstance(container, BarContainer)
        for bar in container
    ]
    assert all(axes.get_facecolor() == ground for axes in figure.axes)
    return texts, bars


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_texts_and_bars_stand_out_on_both_grounds(draw, month):
    """What is legible on white is black on black in the dark theme."""
    figure = draw(month)
    figure.draw_without_rendering()  # makes the labels of the axes
    light_texts, light_bars = list_contrasts(figure)
    with figure.in_dark_colours():
        assert measure_luminance(figure.get_facecolor()) < 0.01
        dark_texts, dark_bars = list_contrasts(figure)
    again = list_contrasts(figure)

    assert again == (light_texts, light_bars), "the figure itself stays as it was"
    for texts, bars in ((light_texts, light_bars), (dark_texts, dark_bars)):
        assert {text: value for text, value in texts.items() if value < LEAST_CONTRAST} == {}
        assert [value for value in bars if value < LEAST_BAR_CONTRAST] == []
    assert len(dark_bars) == len(light_bars)


@pytest.mark.ci
@needs_browser
@pytest.mark.parametrize(
    ("theme", "script", "kind"),
    [
        ("light", "", "vr-on-light"),
        ("dark", "", "vr-on-dark"),
        ("dark", PRINT, "vr-on-light"),
    ],
    ids=["light", "dark", "dark, printed"],
)
def test_one_picture_is_seen_in_each_theme(theme, script, kind, month, tmp_path):
    """Both have the text, and a screen reader reads that of the picture that is seen."""
    page = convert_to_page([plots.at_risk_by_code(month)], theme)
    images = run_in_page(page, tmp_path / "page.html", script + SEEN)

    assert [image["kind"] for image in images if image["seen"]] == [kind]
    assert all(image["text"].startswith("Bar chart. ") for image in images)
