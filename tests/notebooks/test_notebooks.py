"""The notebooks run from a fresh start, explain rather than compute, and have no outputs in git."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys

import pytest
from openpyxl import load_workbook

from tests.notebooks.notebook_files import (
    SMALL,
    WIDGET,
    code,
    make_client,
    make_notebook,
    read_notebook,
    set_parameters,
)
from vippsrecon.bulk.plan.file import read_plan
from vippsrecon.money import to_major

NAMES = [
    "01_fetch_payments",
    "02_reconcile_orders",
    "03_explore_discrepancies",
    "04_refund_and_cancel",
    "05_month_end",
]
PLANNING = "04_refund_and_cancel"


@pytest.mark.parametrize("name", NAMES)
def test_cells_contain_no_logic(notebooks, name):
    """A `def` or a long loop in a cell shows that the package lacks a function."""
    notebook = read_notebook(notebooks / f"{name}.ipynb")
    for cell in code(notebook):
        lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
        for node in ast.walk(ast.parse("\n".join(lines))):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)
            if isinstance(node, ast.For | ast.While):
                assert node.end_lineno - node.lineno < 3

    before = [
        a.cell_type
        for a, b in zip(notebook.cells, notebook.cells[1:], strict=False)
        if b.cell_type == "code"
    ]
    assert set(before) == {"markdown"}, "prose before each cell says what to look for"


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_committed_without_outputs(notebooks, name):
    """Outputs of a run against production would put customers' payments in git."""
    notebook = read_notebook(notebooks / f"{name}.ipynb")

    assert not [cell for cell in code(notebook) if cell.outputs or cell.execution_count]


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_holds_the_parameters(notebooks, name):
    """Papermill looks for the tag, and people look for the cell."""
    notebook = read_notebook(notebooks / f"{name}.ipynb")
    tagged = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", ())]

    assert len(tagged) == 1
    assert 'SOURCE = "simulator"' in tagged[0].source


@pytest.mark.ci
def test_notebooks_run_in_a_new_kernel(notebooks, tmp_path):
    """Every cell runs once, as a reader would; a test below runs `PLANNING`.

    They share a kernel, since its start takes most of the time; each one's names are deleted.
    """
    parts = [
        set_parameters(notebooks / f"{name}.ipynb", PAYMENTS=300)
        for name in NAMES
        if name != PLANNING
    ]
    joined = make_notebook((), metadata=parts[0].metadata)
    for part in parts:
        joined.cells += [*part.cells, *make_notebook(["%reset -f"]).cells]

    make_client(joined, tmp_path).execute()

    for part in parts:
        assert [cell for cell in code(part) if cell.outputs]
    outputs = [output for cell in code(joined) for output in cell.outputs]
    assert any(WIDGET in output.get("data", {}) for output in outputs), "no bar shows the progress"


@pytest.mark.nightly
def test_notebooks_run_as_committed(notebooks, tmp_path):
    """Each notebook runs unchanged with its own month, which is larger."""
    for name in NAMES:
        shutil.copy(notebooks / f"{name}.ipynb", tmp_path)
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbmake",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--override-ini=addopts=",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout[-3000:]
    assert f"{len(NAMES)} passed" in result.stdout


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
def test_papermill_runs_the_notebook_with_parameters(notebooks, tmp_path):
    """A scheduled report passes parameters and gets a notebook with outputs."""
    import papermill

    ran = tmp_path / "ran.ipynb"
    papermill.execute_notebook(
        notebooks / f"{NAMES[1]}.ipynb",
        ran,
        parameters={"PAYMENTS": SMALL},
        cwd=tmp_path,
        progress_bar=False,
    )

    outputs = [cell for cell in code(read_notebook(ran)) if cell.outputs]
    assert outputs


def read_outcomes(folder):
    """Return the different outcomes in the workbook."""
    rows = load_workbook(folder / "outcomes.xlsx")["Outcomes"].iter_rows(min_row=5)
    return {row[0].value for row in rows}


def format_totals(folder):
    """Return the sums that confirm the plan."""
    totals = read_plan(folder / "plan.json").totals
    return [f"{to_major(minor, currency)} {currency}" for currency, minor in totals.items()]


@pytest.mark.ci
def test_money_moves_only_with_live_and_the_sum(notebooks, tmp_path):
    """The user must edit `LIVE` and the sum by hand; otherwise nothing is sent."""
    from nbclient.exceptions import CellExecutionError

    path = notebooks / "04_refund_and_cancel.ipynb"
    notebook = set_parameters(path, PAYMENTS=SMALL)
    kernel = make_client(notebook, tmp_path)
    parameters = code(notebook)[0]
    carry = next(cell for cell in code(notebook) if "live=LIVE" in cell.source)

    def execute(*cells):
        """Run cells again and return the HTML that they show."""
        for cell in cells:
            kernel.execute_cell(cell, notebook.cells.index(cell))
        outputs = (output for cell in cells for output in cell.outputs)
        return "".join(output.get("data", {}).get("text/html", "") for output in outputs)

    cells = code(notebook)
    after_plan = cells[cells.index(carry) :]
    with kernel.setup_kernel():
        outputs = execute(*cells)
        assert read_outcomes(tmp_path) == {"would_do"}
        assert "Nothing was sent" in outputs
        assert "Done: " not in outputs

        parameters.source = parameters.source.replace("LIVE = False", "LIVE = True")
        with pytest.raises(CellExecutionError, match="Confirm exactly this sum"):
            execute(parameters, *after_plan)
        assert read_outcomes(tmp_path) == {"would_do"}

        sums = format_totals(tmp_path)
        assert sums
        parameters.source = parameters.source.replace("CONFIRM = []", f"CONFIRM = {sums}")
        outputs = execute(parameters, *after_plan)
        assert read_outcomes(tmp_path) == {"done"}
        assert "Done: " in outputs


@pytest.mark.nightly
def test_papermill_moves_money_only_with_live_and_the_sum(notebooks, tmp_path):
    """The same with parameters, each time in a new kernel and on a new month."""

    def run(*edited):
        given = ["-p", "PAYMENTS", str(SMALL), "--cwd", tmp_path, *edited]
        source, ran = notebooks / "04_refund_and_cancel.ipynb", tmp_path / "ran.ipynb"
        result = subprocess.run(
            [sys.executable, "-m", "papermill", source, ran, *given],
            capture_output=True,
            text=True,
            check=False,
        )
        shown = code(read_notebook(ran))
        html = (output.get("data", {}).get("text/html", "") for o in shown for output in o.outputs)
        return result, "".join(html)

    result, outputs = run()
    assert result.returncode == 0, result.stderr[-3000:]
    assert read_outcomes(tmp_path) == {"would_do"}
    assert "Nothing was sent" in outputs
    assert "Done: " not in outputs

    result, outputs = run("-p", "LIVE", "True")
    assert result.returncode == 1
    assert "Confirm exactly this sum" in result.stderr

    result, outputs = run("-p", "LIVE", "True", "-y", f"CONFIRM: {format_totals(tmp_path)}")
    assert result.returncode == 0, result.stderr[-3000:]
    assert read_outcomes(tmp_path) == {"done"}
    assert "Done: " in outputs
