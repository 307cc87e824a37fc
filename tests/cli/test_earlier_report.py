"""Test `reconcile --previous`: what people wrote in a report is in the next one."""

from __future__ import annotations

import contextlib
import os
import shutil

import pytest
from typer.testing import CliRunner

from tests.cli.conftest import KEYS
from tests.report.test_changes import fill_in, read_sheet
from vippsrecon.cli import app

NAMES = ("Owner", "Decision", "Note")
ENTRIES = ("Kari", "accept", "Agreed")


@pytest.fixture(scope="module")
def filled_in(fetched, month, base_url, tmp_path_factory):
    """Return the folder of a run, and a reference beside which people wrote in its report."""
    folder = tmp_path_factory.mktemp("filled_in")
    lines = (month / "orders.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "orders.csv").write_text("".join(lines[:20]), encoding="utf-8")
    options = ["reconcile", "--orders", "orders.csv", "--payments", str(fetched)]
    settings = {"VIPPS_ENVIRONMENT": "simulator", "VIPPS_BASE_URL": base_url, **KEYS}
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, [*options, "--out", "report.xlsx"], env=settings)
    assert done.exit_code == 1, done.output
    reference = next(iter(read_sheet(folder / "report.xlsx", "Discrepancies")))
    fill_in(folder / "report.xlsx", {reference: ENTRIES})
    return folder, options, reference


@pytest.fixture
def worked_in(filled_in, keys, folder):
    """Return that run's options and the reference; the working folder is a copy of its folder."""
    made, options, reference = filled_in
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return options, reference


@pytest.mark.ci
def test_entries_are_carried_over_to_the_same_place(run, folder, worked_in):
    """The scheduled run writes to the same name each time; the old report is renamed."""
    options, reference = worked_in
    result = run(*options, "--out", "report.xlsx")
    row = read_sheet(folder / "report.xlsx", "Discrepancies")[reference]
    assert tuple(row[name] for name in NAMES) == ENTRIES
    assert "Compared with the earlier report report.xlsx" in result.stdout
    assert (folder / "report.before-1.xlsx").is_file()


@pytest.mark.ci
def test_entries_are_carried_over_from_a_named_report(run, folder, worked_in):
    """A run that nobody worked in has no sheet What changed, unless an earlier report is named."""
    options, reference = worked_in
    run(*options, "--out", "next.xlsx", "--previous", "report.xlsx")
    row = read_sheet(folder / "next.xlsx", "What changed")[reference]
    assert (row["Change"], *(row[name] for name in NAMES)) == ("aged", *ENTRIES)
    run(*options, "--out", "other.xlsx")
    with pytest.raises(KeyError):
        read_sheet(folder / "other.xlsx", "What changed")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "is a directory"),
        (os.mkfifo, "not an ordinary file"),
        (lambda path: path.write_bytes(b"a,b\n"), "not one"),
        (lambda path: path.symlink_to("nowhere.xlsx"), "does not exist"),
    ],
    ids=["missing", "folder", "pipe", "text", "dangling link"],
)
def test_an_unusable_earlier_report_gives_one_sentence(run, folder, worked_in, make, problem):
    """It is refused before anything is requested."""
    options, _ = worked_in
    make(folder / "earlier.xlsx")
    result = run(*options, "--out", "next.xlsx", "--previous", "earlier.xlsx")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "earlier.xlsx" in result.stderr
    assert problem in result.stderr
    assert not (folder / "next.xlsx").exists()
