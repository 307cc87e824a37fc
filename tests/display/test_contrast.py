"""Contrast, alignment and wrapping of every display, as Chromium computes them in JupyterLab's themes."""

from __future__ import annotations

import json

import pytest

from tests.chromium import needs_browser
from tests.display.browser import (
    LEAST_CONTRAST,
    MEASURE,
    convert_to_page,
    run_in_page,
)
from tests.display.example_displays import EVIL, make_displays
from tests.report.example_results import make_month
from vippsrecon import search_frame, show_frame

pytestmark = [needs_browser, pytest.mark.ci]

PLAIN_PAGE = "<html><body style='background:{paper};color:{ink}'>{shown}</body></html>"
"""A page without a theme, such as a mail."""


def measure(page, path, *, printed=False):
    """Return what the browser computes for the texts and cells of a page."""
    return run_in_page(page, path, f"const PRINTED = {json.dumps(printed)};{MEASURE}")


@pytest.fixture(scope="module")
def displays():
    """Return one example of everything that shows itself, and of a frame's tables."""
    discrepancies = make_month().reconciliation().discrepancies
    tables = {
        "frame": show_frame(discrepancies),
        "search": search_frame(discrepancies.assign(order_number=EVIL)),
    }
    return make_displays() | tables


@pytest.fixture(
    scope="module",
    params=["light", "dark", "dark, printed", "white page", "black page"],
)
def measured(request, displays, tmp_path_factory):
    """Return the measures of one page."""
    shown = "".join(display._repr_html_() for display in displays.values())
    if request.param == "white page":
        page = PLAIN_PAGE.format(paper="#fff", ink="#222", shown=shown)
    elif request.param == "black page":
        page = PLAIN_PAGE.format(paper="#000", ink="#ddd", shown=shown)
    else:
        page = convert_to_page(displays.values(), request.param.split(",")[0])
    path = tmp_path_factory.mktemp("page") / "page.html"
    return measure(page, path, printed="printed" in request.param)


def test_every_text_has_enough_contrast(measured):
    """A row that is black on black is in the very table that is read before money moves."""
    faint = [text for text in measured["texts"] if text["contrast"] < LEAST_CONTRAST]

    assert faint == []
    assert len(measured["texts"]) > 300
    assert {text["tone"] for text in measured["texts"]} == {
        "", "critical", "high", "medium", "low", "info", "good",
    }  # fmt: skip


def test_amounts_are_right_aligned_and_nothing_is_cut(measured):
    """Digits of one width under each other can be compared; a sentence wraps and is read whole."""
    numbers = [cell for cell in measured["cells"] if "vr-number" in cell["kind"]]
    others = [cell for cell in measured["cells"] if "vr-number" not in cell["kind"]]

    assert measured["cut"] == []
    assert {(cell["align"], cell["digits"]) for cell in numbers} == {("right", "tabular-nums")}
    assert {cell["align"] for cell in others} == {"left"}
    assert all(
        cell["wraps"] for cell in others if "vr-sentence" in cell["kind"] and not cell["head"]
    )


def test_the_measure_finds_a_faint_text(tmp_path):
    """The test above can fail: grey on white, and white on a dark theme's paper."""
    shown = '<div class="vippsrecon"><span style="color:#999">faint</span> legible</div>'
    page = PLAIN_PAGE.format(paper="#fff", ink="#000", shown=shown)

    contrasts = {
        text["text"].strip(): text["contrast"]
        for text in measure(page, tmp_path / "page.html")["texts"]
    }

    assert contrasts["faint"] == pytest.approx(2.85, abs=0.01)
    assert contrasts["legible"] == pytest.approx(21)
