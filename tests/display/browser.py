"""Open a page in Chromium without a network, run a script in it, and return what it computes.

nbconvert's pages contain the style sheets of JupyterLab's light and dark theme.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no browser: install Chromium (Debian: apt-get install chromium)"
)


def convert_to_page(displays: Iterable[Any], theme: str) -> str:
    """Return a page of JupyterLab's theme with the displays as outputs of a cell."""
    exporters = pytest.importorskip("nbconvert", reason="nbconvert comes with the extra `dev`")
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": shown._repr_html_()})
        for shown in displays
    ]
    cell = nbformat.v4.new_code_cell("shown", outputs=outputs)
    page, _ = exporters.HTMLExporter(theme=theme).from_notebook_node(
        nbformat.v4.new_notebook(cells=[cell])
    )
    return re.sub(r"<script[^>]* src=[^>]*></script>", "", page)


def run_in_page(page: str, path: Path, script: str) -> Any:
    """Return the value that an async script returns, after the tables of the page are ready."""
    after = (
        "<script>(async () => { await window.vippsreconTables;"
        f"const value = await (async () => {{ {script} }})();"
        "const result = document.createElement('pre'); result.id = 'returned';"
        "result.textContent = JSON.stringify(value); document.body.append(result); })();</script>"
    )
    path.write_text(page.replace("</body>", f"{after}</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"]
    offline = "--host-resolver-rules=MAP * ~NOTFOUND"
    profile = f"--user-data-dir={path.parent / 'profile'}"
    waits = "--virtual-time-budget=20000"  # of the browser's own clock: it does not wait for real
    dumped = subprocess.run(
        [BROWSER, *options, offline, profile, waits, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    return json.loads(html.unescape(re.search(r'<pre id="returned">(.*?)</pre>', dumped)[1]))
