"""Progress bars, in a kernel and in a terminal: what they name, and how long still."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.notebooks.notebook_files import WIDGET, make_client, make_notebook

OPEN = """
from vippsrecon import carry_out, open_month, plan_refunds, reconcile_month
month = open_month(payments=600)
"""
RECONCILE = """
result = reconcile_month(month.order_files, month.settings, client=month.client, progress={progress})
"""
DRY_RUN = """
plan = plan_refunds(result, client=month.client, planner="Kari Nordmann", progress=True)
carry_out(plan, month.client, progress=True)
"""
WITHOUT_WIDGETS = """
import sys
sys.modules["ipywidgets"] = None
"""


def run_cells(*sources, folder):
    """Run cells in a kernel; return them, and the texts of the widgets that the notebook saves."""
    notebook = make_notebook(sources)
    make_client(notebook, folder).execute()
    (state,) = notebook.metadata["widgets"].values()
    texts = [widget["state"].get("value") for widget in state["state"].values()]
    # In a widget the spaces have the width of a digit.
    return notebook.cells, [text.replace("\u2007", " ") for text in texts if isinstance(text, str)]


def find_widgets(cell):
    """Return the outputs of a cell that are widgets."""
    return [output for output in cell.outputs if WIDGET in output.get("data", {})]


def find_text(cell):
    """Return what a cell printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@pytest.mark.nightly
def test_a_kernel_shows_what_it_waits_for(tmp_path):
    """A month of 50,000 payments takes minutes: a cell that only shows [*] looks stuck.

    A kernel may lack ipywidgets; then a line of text says the same.
    """
    cells, texts = run_cells(
        OPEN,
        RECONCILE.format(progress=False),
        RECONCILE.format(progress=True),
        DRY_RUN,
        WITHOUT_WIDGETS,
        RECONCILE.format(progress=True),
        "month.close()",
        folder=tmp_path,
    )
    _, silent, fetched, checked, _, line, _ = cells

    assert find_widgets(silent) == []
    assert find_widgets(fetched)
    assert find_widgets(checked)
    assert find_text(silent) == find_text(fetched) == find_text(checked) == ""
    tasks = [text for text in texts if text.endswith("%")]
    assert "Fetching payments and events: 100%" in tasks
    assert "Checking refunds: 100%" in tasks
    assert len(tasks) == len(set(tasks)), "no two bars have the same name"
    assert any(re.search(r"(\d+) of \1 payments in \d\d:\d\d", text) for text in texts)
    assert any(re.search(r"(\d+) of \1 rows in \d\d:\d\d", text) for text in texts)

    assert find_widgets(line) == []
    assert re.search(
        r"Fetching payments and events: +100%.* (\d+) of \1 payments in", find_text(line)
    )
    assert "Warning" not in find_text(line)


@pytest.mark.ci
def test_a_terminal_names_each_bar_and_the_time_that_is_left(tmp_path):
    """Two bars of the same name look like one that started again."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, 110))
    command = [sys.executable, "-m", "vippsrecon", "demo", "--payments", "200", "--out", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while chunk := _read(screen):
            shown += chunk
    os.close(screen)
    lines = re.split(r"[\r\n]+", shown.decode())
    names = [line.split(":")[0] for line in lines if " in 00:" in line]

    assert process.returncode == 0
    assert names[0] == "Fetching payments and events"
    assert any(name.startswith("Fetching further attempts, round ") for name in names)
    assert len({*names}) == len(names)
    assert any(re.search(r"Fetching .* of \d+ payments, [\d:?]+ left", line) for line in lines)


def _read(screen):
    try:
        return os.read(screen, 65536)
    except OSError:  # how Linux reports that the last writer closed
        return b""
