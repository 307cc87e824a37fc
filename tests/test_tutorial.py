"""Run the tutorial from its first command to its last, and compare what it shows with what is printed."""

from __future__ import annotations

import re
import shlex
import shutil

import openpyxl
import pytest
from typer.testing import CliRunner

from tests.doc_blocks import find_missing_line, list_blocks
from vippsrecon.cli import app
from vippsrecon.simulator import Simulator, serve

KEYS = {
    "VIPPS_MSN": "123456",
    "VIPPS_CLIENT_ID": "scenario-client-123456",
    "VIPPS_CLIENT_SECRET": "scenario-secret-123456",
    "VIPPS_SUBSCRIPTION_KEY": "scenario-subscription-123456",
}
"""The keys that the simulator of the sample data accepts."""

EXIT_CODES = {"reconcile": 1}
"""Commands that find something to review; all others exit with 0, and 2 if they print INCOMPLETE."""


@pytest.fixture(scope="module")
def tutorial(root):
    """Return the text of the tutorial."""
    return (root / "docs" / "tutorial.md").read_text(encoding="utf-8")


def list_steps(tutorial):
    """Return each command with the lines shown below it, and the table of decisions at its place."""
    for block in list_blocks(tutorial, tables=True):
        if block.language == "table" and "| Decision |" in block.text:
            yield "decide", block.text
        elif block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                yield tuple(part.split("\n", 1))


def write_decisions(table, path):
    """Fill in the yellow cells as a reader of the tutorial does."""
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()
    )
    book = openpyxl.load_workbook(path)
    sheet = book["Discrepancies"]
    titles = next(row for row in sheet.iter_rows() if any(c.value == "Decision" for c in row))
    columns = {cell.value: cell.column for cell in titles}
    for values in rows:
        (found,) = (
            row
            for row in sheet.iter_rows(min_row=titles[0].row + 1)
            if row[columns["Order"] - 1].value == values[0]
        )
        for name, value in zip(head[1:], values[1:], strict=True):
            found[columns[name] - 1].value = value
    book.save(path)


@pytest.mark.ci
def test_the_tutorial_works_as_printed(root, tutorial, tmp_path, monkeypatch):
    """Each command is run in order; the simulator's clock and data are those of the page."""
    monkeypatch.chdir(tmp_path)
    runner, done = CliRunner(), []
    state = root / "sample_data" / "plain" / "simulator.jsonl"
    shutil.copytree(state.parent, tmp_path / "sample_data" / "plain")
    simulator = Simulator.from_file(state)
    with serve(simulator) as url:
        for command, shown in list_steps(tutorial):
            program, *arguments = shlex.split(command)
            done.append(" ".join([program, *arguments[:1]]))
            if command == "decide":
                write_decisions(shown, "october.xlsx")
            elif program == "mkdir":
                (tmp_path / arguments[0]).mkdir()
            elif program == "cp":
                for source in arguments[:-1]:
                    shutil.copy(source, arguments[-1])
            elif program == "cd":
                monkeypatch.chdir(arguments[0])
            elif done[-1] == "vippsrecon simulator":
                # Started here in this process; tests/cli starts the command itself.
                assert arguments[1:] == ["--state", "sample_data/plain/simulator.jsonl"]
                shown_names = set(re.findall(r"VIPPS_\w+", shown))
                assert shown_names == {"VIPPS_ENVIRONMENT", "VIPPS_BASE_URL", *KEYS}
                for name, value in KEYS.items():
                    monkeypatch.setenv(name, value)
                monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
                monkeypatch.setenv("VIPPS_BASE_URL", url)
            elif program == "vippsrecon":
                # A reader needs longer. In one second, a refund would be later than the `Date` of
                # the answers that follow it, which has no fractions of a second.
                simulator.advance(2)
                result = runner.invoke(app, arguments)
                expected = 2 if shown.startswith("INCOMPLETE") else EXIT_CODES.get(arguments[0], 0)
                assert result.exit_code == expected, result.output
                assert find_missing_line(shown, result.output) is None, command
            else:
                assert command == "pip install -e ."
    for step in ("preview", "check", "reconcile", "resolve", "plan", "approve", "journal"):
        assert f"vippsrecon {step}" in done
    assert done.count("vippsrecon carry-out") == 2
    assert "decide" in done
