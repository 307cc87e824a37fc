"""Contrast, alignment and wrapping of every display, as Chromium computes them in JupyterLab's themes."""

from __future__ import annotations

import json

import pytest

from tests.display.browser import convert_to_page, needs_browser, run_in_page
from tests.display.example_displays import EVIL, make_displays
from tests.report.example_results import make_month
from vippsrecon import search_frame, show_frame

pytestmark = needs_browser

LEAST_CONTRAST = 4.5
"""For text of normal size. Source: WCAG 2.2, success criterion 1.4.3."""

PLAIN_PAGE = "<html><body style='background:{paper};color:{ink}'>{shown}</body></html>"
"""A page without a theme, such as a mail."""

MEASURE = """
const WHITE = [255, 255, 255, 1];
const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const over = (top, below) => below.map((c, i) => i === 3 ? 1 : top[i] * top[3] + c * (1 - top[3]));
const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const luminance = c => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
const paper = element => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), WHITE);
};
const contrast = (element, below) => {
  const ink = over(parse(getComputedStyle(element).color), below);
  const [high, low] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};
const print = rules => { for (const rule of rules) {
  if (rule.media && rule.media.mediaText === "print") rule.media.mediaText = "all";
  if (rule.cssRules) print(rule.cssRules);
} };
if (PRINTED) for (const sheet of document.styleSheets) print(sheet.cssRules);
const texts = [], cells = [], cut = [];
for (const view of document.querySelectorAll(".vippsrecon")) {
  const walker = document.createTreeWalker(view, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const element = node.parentElement;
    if (!node.textContent.trim() || ["STYLE", "SCRIPT"].includes(element.tagName)) continue;
    const papers = PRINTED ? [WHITE, paper(element)] : [paper(element)];  // with and without backgrounds
    const tone = element.className.match(/vr-(critical|high|medium|low|info|good)/);
    texts.push({text: node.textContent.slice(0, 40), tone: tone ? tone[1] : "", contrast: Math.min(...papers.map(below => contrast(element, below)))});
  }
  for (const cell of view.querySelectorAll("th, td")) {
    const style = getComputedStyle(cell);
    cells.push({kind: cell.className, head: cell.tagName === "TH", align: style.textAlign, digits: style.fontVariantNumeric, wraps: style.whiteSpace !== "nowrap"});
    if (cell.scrollWidth > cell.clientWidth + 1 || style.textOverflow === "ellipsis") cut.push(cell.textContent.slice(0, 40));
  }
}
return {texts, cells, cut};
"""


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
