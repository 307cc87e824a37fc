"""Notebook 03 in a real JupyterLab, in a real browser without a network.

It takes a minute, several on a busy machine, so it runs at night; `tests/display/test_tables.py` searches the
same table by default, in a page with JupyterLab's themes.
"""

from __future__ import annotations

import importlib.util
import json
import re

import pytest

from tests.chromium import needs_browser, open_browser
from tests.display.browser import LEAST_CONTRAST, MEASURE
from tests.notebooks.jupyterlab import (
    EXECUTED,
    IS_IDLE,
    PANEL,
    RUN_ALL,
    change_theme,
    serve_lab,
)
from tests.notebooks.notebook_files import SMALL, set_parameters

pytestmark = [
    needs_browser,
    pytest.mark.ci,
    pytest.mark.skipif(
        importlib.util.find_spec("jupyterlab") is None,
        reason="JupyterLab comes with the extra `dev`",
    ),
]

NOTEBOOK = "03_explore_discrepancies.ipynb"
SCROLL_TO_THE_TABLE = f"""
const notebook = {PANEL}.content;
const place = notebook.widgets.findIndex(cell => cell.model.sharedModel.source.startsWith("search_frame"));
await notebook.scrollToItem(place);
"""
READ = """
const heads = [...document.querySelectorAll(".vr-pages thead th")];
const rows = [...document.querySelectorAll(".vr-pages tbody tr")];
return {
  heads: heads.map(head => head.textContent),
  rows: rows.map(row => [...row.cells].map(cell => cell.textContent)),
  info: document.querySelector(".vr-pages .dt-info").textContent,
};
"""
CLEAR_AND_FOCUS = """
const field = document.querySelector(".vr-pages .dt-search input");
field.value = "";
field.dispatchEvent(new Event("input", {bubbles: true}));
field.focus();
"""


def explore(address, folder):
    """Run the notebook, search its table in both themes, reopen it, and search again."""
    seen = {}
    tree = address.replace("/lab?", f"/lab/tree/{NOTEBOOK}?")
    with open_browser(folder) as page:
        page.open(tree, width=1400, height=1000)
        page.wait_for(IS_IDLE)
        page.run_script(RUN_ALL)
        page.wait_for(EXECUTED)
        seen["bars"] = page.run_script(
            "return [...document.querySelectorAll('.jupyter-widgets')].map(one => one.textContent)"
        )
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            change_theme(page, theme)
            seen[theme] = search(page)
        page.run_script("await window.jupyterapp.commands.execute('docmanager:save')")
        page.open("about:blank")
        page.open(tree, width=1400, height=1000)
        page.wait_for(EXECUTED)
        seen["reopened"] = search(page)
        seen["requested"] = page.run_script(
            "return performance.getEntriesByType('resource').map(one => one.name)"
        )
    return seen


def search(page):
    """Search the table for the reference of its third row; return what it showed."""
    page.run_script(SCROLL_TO_THE_TABLE)
    page.wait_for("document.querySelector('.vr-pages .dt-info') !== null")
    page.run_script(CLEAR_AND_FOCUS)
    before = page.run_script(READ)
    measured = page.run_script(f"const PRINTED = false; {MEASURE}")
    reference = before["rows"][2][before["heads"].index("Reference")]
    page.type(reference)
    page.wait_for(
        f"document.querySelector('.vr-pages .dt-info').textContent !== {json.dumps(before['info'])}"
    )
    return {
        "reference": reference,
        "all": before["info"],
        "expected": before["rows"][2],
        "found": page.run_script(READ),
        "faint": [text for text in measured["texts"] if text["contrast"] < LEAST_CONTRAST],
        "texts": len(measured["texts"]),
    }


def test_a_row_is_found_in_jupyterlab_without_a_network(notebooks, tmp_path):
    """What a reader does: open the notebook, run it, type a reference; save it, open it again."""
    import nbformat

    folder, settings = tmp_path / "notebooks", tmp_path / "settings"
    folder.mkdir()
    settings.mkdir()
    nbformat.write(set_parameters(notebooks / NOTEBOOK, PAYMENTS=SMALL), folder / NOTEBOOK)

    with serve_lab(folder, settings) as address:
        seen = explore(address, tmp_path)

    for state in ("JupyterLab Light", "JupyterLab Dark", "reopened"):
        searched = seen[state]
        total = re.fullmatch(r"Rows 1 to 15 of (\d+)", searched["all"])[1]
        assert searched["found"]["rows"] == [searched["expected"]], state
        assert searched["found"]["info"] == f"Rows 1 to 1 of 1 found among {total}"
        assert searched["faint"] == [], state
        assert searched["texts"] > 100
    bars = " ".join(seen["bars"]).replace("\u2007", " ")
    assert "Fetching payments and events: 100%" in bars
    assert re.search(r"(\d+) of \1 payments in \d\d:\d\d", bars)
    elsewhere = [
        name
        for name in seen["requested"]
        if not name.startswith((address.split("/lab")[0], "blob:"))
    ]
    assert elsewhere == []
