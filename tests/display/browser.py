"""Open a page in Chromium without a network, run a script in it, and return what it computes.

nbconvert's pages contain the style sheets of JupyterLab's light and dark theme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import open_browser

LEAST_CONTRAST = 4.5
"""For text of normal size. Source: WCAG 2.2, success criterion 1.4.3."""

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
"""Return the contrast of each text of the displays, and how their cells are aligned and cut."""


def convert_to_page(displays: Iterable[Any], theme: str) -> str:
    """Return a page of JupyterLab's theme with the displays as outputs of a cell."""
    exporters = pytest.importorskip("nbconvert", reason="nbconvert comes with the extra `dev`")
    # Not above: it takes two seconds, and every test process imports this file.
    from nbformat import v4

    outputs = [
        v4.new_output("display_data", {"text/html": shown._repr_html_()}) for shown in displays
    ]
    cell = v4.new_code_cell("shown", outputs=outputs)
    page, _ = exporters.HTMLExporter(theme=theme).from_notebook_node(v4.new_notebook(cells=[cell]))
    return re.sub(r"<script[^>]* src=[^>]*></script>", "", page)


def run_in_page(page: str, path: Path, script: str) -> Any:
    """Return the value that an async script returns, after the tables of the page are ready."""
    path.write_text(page, encoding="utf-8")
    with open_browser(path.parent) as browser:
        browser.open(path, width=1400, height=1000)
        return browser.run_script(f"await window.vippsreconTables; {script}")
