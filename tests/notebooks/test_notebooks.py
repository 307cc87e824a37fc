"""The notebooks run from nothing, tell rather than do, and are committed without outputs."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from openpyxl import load_workbook

from vippsrecon.bulk.plan.file import read_plan
from vippsrecon.money import to_major

NAMES = [
    "01_fetch_payments",
    "02_reconcile_orders",
    "03_explore_discrepancies",
    "04_refund_and_cancel",
]
SMALL = 150
"""Payments in the month a test runs a notebook on."""


@pytest.fixture
def notebooks(root):
    """The folder of notebooks."""
    return root / "notebooks"


def code(notebook):
    """Return the cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", NAMES)
def test_it_tells_and_the_package_does(notebooks, name):
    """A `def` or a long loop in a cell is a function the package lacks."""
    notebook = nbformat.read(notebooks / f"{name}.ipynb", as_version=4)
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
def test_it_is_committed_without_outputs(notebooks, name):
    """One run against production would commit customers' payments."""
    notebook = nbformat.read(notebooks / f"{name}.ipynb", as_version=4)

    assert not [cell for cell in code(notebook) if cell.outputs or cell.execution_count]


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_holds_the_parameters(notebooks, name):
    """Papermill looks for the tag, and people for the cell."""
    notebook = nbformat.read(notebooks / f"{name}.ipynb", as_version=4)
    tagged = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", ())]

    assert len(tagged) == 1
    assert 'SOURCE = "simulator"' in tagged[0].source


def test_they_run_from_nothing(notebooks, tmp_path):
    """A fresh kernel runs every cell once, as a reader would."""
    for name in NAMES:
        shutil.copy(notebooks / f"{name}.ipynb", tmp_path)
    done = subprocess.run(
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

    assert done.returncode == 0, done.stdout[-3000:]
    assert f"{len(NAMES)} passed" in done.stdout


@pytest.mark.parametrize("name", NAMES[1:2])
def test_papermill_runs_it_with_parameters(notebooks, tmp_path, name):
    """The scheduled report's way: parameters in, a run notebook out."""
    ran = tmp_path / "ran.ipynb"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            notebooks / f"{name}.ipynb",
            ran,
            "-p",
            "PAYMENTS",
            str(SMALL),
            "--cwd",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [cell for cell in code(nbformat.read(ran, as_version=4)) if cell.outputs]
    assert outputs


def test_money_moves_only_where_it_is_said(notebooks, tmp_path):
    """`LIVE` and the sum are what to edit by hand; without them nothing is sent."""

    def run(*edited):
        given = ["-p", "PAYMENTS", "600", "--cwd", tmp_path, *edited]
        source, ran = notebooks / "04_refund_and_cancel.ipynb", tmp_path / "ran.ipynb"
        done = subprocess.run(
            [sys.executable, "-m", "papermill", source, ran, *given],
            capture_output=True,
            text=True,
            check=False,
        )
        shown = code(nbformat.read(ran, as_version=4))
        html = (output.get("data", {}).get("text/html", "") for o in shown for output in o.outputs)
        return done, "".join(html)

    def outcomes():
        rows = load_workbook(tmp_path / "outcomes.xlsx")["Outcomes"].iter_rows(min_row=5)
        return {row[0].value for row in rows}

    done, said = run()
    assert done.returncode == 0, done.stderr[-3000:]
    assert outcomes() == {"would_do"}
    assert "Nothing was sent" in said
    assert "Done: " not in said

    done, said = run("-p", "LIVE", "True")
    assert done.returncode == 1
    assert "Confirm exactly this sum" in done.stderr

    totals = read_plan(tmp_path / "plan.json").totals
    sums = [f"{to_major(minor, currency)} {currency}" for currency, minor in totals.items()]
    done, said = run("-p", "LIVE", "True", "-y", f"CONFIRM: {sums}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert outcomes() == {"done"}
    assert "Done: " in said
