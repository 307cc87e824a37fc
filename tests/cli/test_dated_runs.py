"""Test `reconcile --into`: a folder for each period, made whole, never twice, caught up."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tests.cli.assertions import assert_one_sentence_error
from tests.cli.conftest import KEYS
from tests.report.test_changes import fill_in, read_sheet
from tests.waiting import wait_until
from vippsrecon.cli import app
from vippsrecon.dates import parse_named_period
from vippsrecon.workflow.dated_runs.folders import lock_reports
from vippsrecon.workflow.dated_runs.missed_periods import find_missed_periods

NOW = datetime(2026, 11, 5, 5, 30, tzinfo=UTC)
MONTHLY = ("--period", "last-month")
WRITTEN = {"report.xlsx", "report.html", "manifest.json"}


@pytest.fixture
def reconcile(run, keys, orders, fetched):
    """Return a function that reconciles into `reports`, at 06:30 on 5 November in Oslo."""

    def reconcile(*arguments, now=NOW, given=orders):
        source = ("--payments", fetched)
        options = ("reconcile", "--orders", given, *source, "--into", "reports", *arguments)
        return run(*options, obj=lambda: now)

    return reconcile


@pytest.fixture(scope="module")
def october(month, base_url, fetched, tmp_path_factory):
    """Reconcile October once, and return the working folder; no test writes to it."""
    folder = tmp_path_factory.mktemp("october")
    with contextlib.chdir(folder):
        shutil.copy2(month / "orders.csv", "orders.csv")
        options = ("--orders", "orders.csv", "--payments", str(fetched), "--into", "reports")
        done = CliRunner().invoke(
            app,
            ["reconcile", *options, *MONTHLY],
            env={"VIPPS_ENVIRONMENT": "simulator", "VIPPS_BASE_URL": base_url, **KEYS},
            obj=lambda: NOW,
        )
    assert done.exit_code == 1, done.output
    return folder


@pytest.fixture
def reconciled(october, folder):
    """Copy what that run wrote into the working folder, and return its reports."""
    shutil.copytree(october, folder, dirs_exist_ok=True)
    return folder / "reports"


def read_manifest(place):
    """Return the manifest of a run."""
    return json.loads((place / "manifest.json").read_text(encoding="utf-8"))


def list_names(folder):
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def write_run(folder, name, *, complete=True, environment="simulator", outputs=()):
    """Write what a run of a period leaves, without running it."""
    code = 0 if complete else 2
    facts = {
        "format": 1,
        "period": {"name": name},
        "environment": environment,
        "complete": complete,
        "verdict": "clean" if complete else "incomplete",
        "headline": "An invented run.",
        "exit_code": code,
        "outputs": list(outputs),
    }
    place = folder / name
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps(facts))
    return place


def test_a_run_gets_a_folder_and_a_manifest(reconcile, folder, orders):
    """The manifest proves which files a report was made of, and that none was changed since."""
    done = reconcile(*MONTHLY)
    place = folder / "reports" / "2026-10"
    assert done.exit_code == 1, done.output
    assert list_names(folder / "reports") == ["2026-10"]
    assert set(list_names(place)) >= WRITTEN
    assert "Report: reports/2026-10/report.xlsx" in done.stdout
    assert done.stderr.splitlines()[-1].endswith("Report: reports/2026-10/report.xlsx")

    manifest = read_manifest(place)
    assert manifest["period"] == {
        "name": "2026-10",
        "first_day": "2026-10-01",
        "last_day": "2026-10-31",
    }
    assert (manifest["verdict"], manifest["exit_code"], manifest["complete"]) == (
        *("discrepancies", 1),
        True,
    )
    assert manifest["started_at"] == manifest["finished_at"] == "2026-11-05T05:30:00Z"
    assert manifest["headline"] in done.stdout
    assert manifest["settings"]["sales_units"]
    [export] = [entry for entry in manifest["inputs"] if entry["file"] == "orders.csv"]
    content = orders.read_bytes()
    assert export["sha256"] == hashlib.sha256(content).hexdigest()
    assert export["bytes"] == len(content)
    assert export["orders"] > 100
    assert export["first_day"] <= "2026-10-02"
    assert export["last_day"] >= "2026-10-30"
    for output in manifest["outputs"]:
        content = (place / output["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == output["sha256"]
        assert len(content) == output["bytes"]
    assert {output["file"] for output in manifest["outputs"]} >= WRITTEN - {"manifest.json"}
    text = (place / "manifest.json").read_text()
    assert str(folder) not in text
    assert KEYS["VIPPS_CLIENT_SECRET"] not in text


@pytest.mark.ci
def test_the_same_report_as_with_out(run, keys, folder, orders, reconciled, fetched):
    """The folder changes where a report is, not what it shows."""
    run("reconcile", "--orders", orders, "--payments", fetched, "--period", "2026-10",
        "--out", "report.xlsx", "--html")  # fmt: skip
    for name in ("report.xlsx", "report.html"):
        assert (folder / name).read_bytes() == (folder / "reports/2026-10" / name).read_bytes()


def test_a_complete_run_is_not_made_again(reconcile, reconciled, folder):
    """Two schedulers may start the same job; the second changes nothing and ends the same way."""
    place = folder / "reports" / "2026-10"
    before = place.stat().st_ino, (place / "manifest.json").stat().st_mtime_ns
    second = reconcile(*MONTHLY)
    assert second.exit_code == 1
    assert "2026-10 is reconciled already" in second.stdout
    assert read_manifest(place)["headline"] in second.stderr
    assert (place.stat().st_ino, (place / "manifest.json").stat().st_mtime_ns) == before

    shown = json.loads(reconcile(*MONTHLY, "--json").stdout)
    assert shown["already_reconciled"] is True
    assert shown["verdict"] == "discrepancies"

    later = datetime(2026, 11, 9, tzinfo=UTC)
    again = reconcile(*MONTHLY, "--again", now=later)
    assert again.exit_code == 1
    assert read_manifest(place)["started_at"] == "2026-11-09T00:00:00Z"
    assert list_names(folder / "reports") == ["2026-10"]


@pytest.mark.ci
def test_an_incomplete_run_is_made_again(reconcile, folder, orders):
    """The export ended too early; the next start, with the whole one, replaces the report."""
    whole = orders.read_text()
    head, *rows = whole.splitlines(keepends=True)
    early = [row for row in rows if "2026-10-2" not in row and "2026-10-3" not in row]
    short = folder / "short.csv"
    short.write_text("".join([head, *early]))
    os.utime(short, ns=(orders.stat().st_atime_ns, orders.stat().st_mtime_ns))

    first = reconcile(*MONTHLY, given=short)
    place = folder / "reports" / "2026-10"
    assert first.exit_code == 2
    manifest = read_manifest(place)
    assert (manifest["complete"], manifest["exit_code"]) == (False, 2)
    assert "does not cover" in manifest["incomplete_because"][0]

    assert reconcile(*MONTHLY).exit_code == 1
    assert read_manifest(place)["complete"] is True
    assert list_names(folder / "reports") == ["2026-10"]


@pytest.mark.ci
def test_what_people_wrote_is_kept(reconcile, reconciled, folder):
    """Owners, decisions and notes are in the new report, and the old folder is still there."""
    report = folder / "reports" / "2026-10" / "report.xlsx"
    reference = next(iter(read_sheet(report, "Discrepancies")))
    fill_in(report, {reference: ("Kari", "accept", "Agreed")})
    again = reconcile(*MONTHLY, "--again")
    assert again.exit_code == 1
    assert read_sheet(report, "Discrepancies")[reference]["Owner"] == "Kari"
    assert list_names(folder / "reports") == ["2026-10", "2026-10.before-1"]
    kept = folder / "reports" / "2026-10.before-1" / "report.xlsx"
    assert read_sheet(kept, "Discrepancies")[reference]["Note"] == "Agreed"


def test_a_second_start_repeats_the_headline_in_the_language_of_the_report(reconcile, folder):
    """A mail of cron was in Norwegian after the first start, and in English after the second."""
    first = reconcile(*MONTHLY, "--language", "nb")
    second = reconcile(*MONTHLY, "--language", "nb")
    assert "er allerede avstemt" in second.stdout
    assert second.stderr == first.stderr.splitlines(keepends=True)[-1]
    assert "AVVIK" in second.stderr
    assert "Rapport: reports/2026-10/report.xlsx" in second.stderr


HOLD_LOCK = """
import sys
from pathlib import Path
from vippsrecon.workflow.dated_runs.folders import lock_reports
with lock_reports(Path("reports")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.ci
def test_a_second_start_at_the_same_time_is_refused(reconcile, folder):
    """It says so and touches nothing; a crash of the first one leaves no lock behind."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        assert_one_sentence_error(
            reconcile(*MONTHLY), "another run is writing", "reports", "--into"
        )
        assert list_names(folder / "reports") == []
        holder.kill()
        holder.wait()
    assert reconcile(*MONTHLY).exit_code == 1


def test_the_lock_is_released_after_a_failure(reconcile, folder):
    """Otherwise one wrong file name would stop every later run of the same process."""
    assert reconcile(*MONTHLY, given="missing.csv").exit_code == 2
    with lock_reports(folder / "reports"):
        assert list_names(folder / "reports") == []


@pytest.mark.ci
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_leaves_no_folder_and_continues(serve_with_faults, few_orders, run, folder):
    """A half-made folder would be taken for the month's report."""
    serve_with_faults({"operations": ["getPayment"], "share": 1.0, "latency_ms": 15})
    command = ("reconcile", "--orders", "orders.csv", "--period", "2026-10", "--into", "reports")
    process = subprocess.Popen(
        [sys.executable, "-m", "vippsrecon", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        fetch = folder / "reports" / ".2026-10.unfinished" / "report.data" / "fetch.json"
        wait_until(lambda: fetch.exists() or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "reports" / "2026-10").exists()

    done = run(*command)
    assert done.exit_code in (0, 1, 2), done.output
    assert list_names(folder / "reports") == ["2026-10"]
    assert set(list_names(folder / "reports" / "2026-10")) >= WRITTEN


def test_a_crash_during_the_replacement_loses_no_run(reconcile, reconciled):
    """Between two renames the run before has another name; the next start gives it back."""
    reports = reconciled
    (reports / "2026-10").rename(reports / ".2026-10.replaced")
    second = reconcile(*MONTHLY)
    assert "reconciled already" in second.stdout
    assert list_names(reports) == ["2026-10"]

    write_run(reports, ".2026-10.replaced")
    assert "reconciled already" in reconcile(*MONTHLY).stdout
    assert list_names(reports) == ["2026-10"]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda place: place.mkdir(), "no manifest.json"),
        (lambda place: place.write_text(""), "not a folder that a run wrote"),
        (lambda place: place.symlink_to("elsewhere"), "not a folder that a run wrote"),
        (lambda place: write_run(place.parent, "2026-10", environment="production"), "production"),
        (lambda place: write_run(place.parent, "2026-09").rename(place), "is of '2026-09'"),
    ],
    ids=["a folder of a person", "a file", "a link", "another environment", "another period"],
)
def test_a_folder_that_is_not_of_such_a_run_is_left_alone(reconcile, folder, make, problem):
    """It may be the only copy of something."""
    place = folder / "reports" / "2026-10"
    place.parent.mkdir()
    make(place)
    assert_one_sentence_error(reconcile(*MONTHLY), "2026-10", problem)
    assert list_names(folder / "reports") == ["2026-10"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "5", '{"format": 1}', '{"format": 1, "period": []}'),
        '{"format": 2, "period": {"name": "2026-10"}, "environment": "simulator", "complete": true, '
        '"verdict": "clean", "headline": "", "exit_code": 0, "outputs": []}',
        '{"format": 1, "period": {"name": "2026-10"}, "environment": "simulator", "complete": true, '
        '"verdict": "incomplete", "headline": "", "exit_code": 2, "outputs": []}',
        '{"format": 1, "period": {"name": "2026-10"}, "environment": "simulator", "complete": "no", '
        '"verdict": "clean", "headline": "", "exit_code": 0, "outputs": []}',
    ],
)
def test_a_damaged_manifest_gives_one_sentence(reconcile, folder, text):
    """It proves neither that a run was complete nor that it was not."""
    place = folder / "reports" / "2026-10"
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(text)
    assert_one_sentence_error(reconcile(*MONTHLY), "manifest.json")


@pytest.mark.ci
def test_missed_days_are_caught_up_oldest_first(reconcile, folder):
    """The computer was off on two days; each of them gets its own report."""
    reports = folder / "reports"
    write_run(reports, "2026-10-17")
    write_run(reports, "2026-10-19")
    now = datetime(2026, 10, 21, 4, 30, tzinfo=UTC)
    done = reconcile("--period", "yesterday", "--catch-up", now=now)
    made = ["2026-10-18", "2026-10-20"]
    assert [line[4:] for line in done.stdout.splitlines() if line.startswith("=== ")] == made
    assert list_names(reports) == sorted([*made, "2026-10-17", "2026-10-19"])
    codes = [read_manifest(reports / name)["exit_code"] for name in made]
    assert done.exit_code == max(codes)
    assert done.stderr.count("Report: ") == codes.count(1)

    second = reconcile("--period", "yesterday", "--catch-up", "--json", now=now)
    [entry] = json.loads(second.stdout)["periods"]
    assert (entry["period"], entry["already_reconciled"]) == ("2026-10-20", True)


def test_one_failed_period_does_not_hide_the_others(reconcile, folder):
    """September is not in the export: its run fails, October is reconciled, and the exit code is 2."""
    reports = folder / "reports"
    write_run(reports, "2026-08")
    done = reconcile(*MONTHLY, "--catch-up", "--json")
    assert done.exit_code == 2
    shown = json.loads(done.stdout)
    assert [(entry["period"], entry["exit_code"]) for entry in shown["periods"]] == [
        ("2026-09", 2),
        ("2026-10", 1),
    ]
    assert shown["exit_code"] == 2
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("vippsrecon: ")]
    assert sentence.startswith("vippsrecon: 2026-09: ")
    assert list_names(reports) == ["2026-08", "2026-10"]

    retried = reconcile(*MONTHLY, "--catch-up", "--json")
    assert [entry["period"] for entry in json.loads(retried.stdout)["periods"]] == [
        "2026-09",
        "2026-10",
    ]


@pytest.mark.parametrize(
    ("made", "period", "missed", "too_old"),
    [
        ([], "2026-10", [], None),
        (["2026-09"], "2026-10", [], None),
        (["2026-10"], "2026-10", [], None),
        (["2026-12"], "2026-10", [], None),
        (["2025-11"], "2026-02", ["2025-12", "2026-01"], None),
        (["2026-08", "!2026-09"], "2026-10", ["2026-09"], None),
        ([".2026-08.unfinished"], "2026-10", ["2026-08", "2026-09"], None),
        (["2026-09-29"], "2026-10", [], None),
        (["2026-02-27"], "2026-03-01", ["2026-02-28"], None),
        (["notes", "2026-13", "2026-08.before-1"], "2026-10", [], None),
        (["2025-01"], "2026-04", [f"{y}-{m:02}" for y, m in
          [(2025, n) for n in range(4, 13)] + [(2026, n) for n in range(1, 4)]],
         ("2025-02", "2025-03")),
    ],
)  # fmt: skip
def test_missed_periods_are_found(tmp_path, made, period, missed, too_old):
    """Months and days are apart; an incomplete run counts as missed; the number has a limit."""
    for name in made:
        if name.startswith("."):
            (tmp_path / name).mkdir()
        else:
            write_run(tmp_path, name.removeprefix("!"), complete=not name.startswith("!"))
    found = find_missed_periods(tmp_path, parse_named_period(period))
    assert [each.name for each in found.periods] == missed
    assert found.too_old == too_old


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("--into", "reports"), ("--into needs --period",)),
        (("--into", "reports", *MONTHLY, "--out", "r.xlsx"), ("--into contradicts --out",)),
        (("--into", "reports", *MONTHLY, "--from", "2026-10-01"), ("--period contradicts",)),
        (("--out", "r.xlsx", *MONTHLY, "--catch-up"), ("--catch-up needs --into",)),
        (("--out", "r.xlsx", *MONTHLY, "--again"), ("--again needs --into",)),
        (("--into", "r", *MONTHLY, "--catch-up", "--previous", "r.xlsx"), ("--previous",)),
        (MONTHLY, ("--out", "--into")),
        (("--into", "orders.csv", *MONTHLY), ("is a file", "--into")),
        (("--into", "orders.csv/reports", *MONTHLY), ("is a file", "--into")),
        (("--into", "reports", "--period", "2026-02-30"), ("--period", "2026-02-30")),
    ],
)
def test_wrong_arguments_give_one_sentence(run, keys, orders, folder, arguments, texts):
    """A mistake in a scheduled command is told before anything is read or written."""
    assert_one_sentence_error(run("reconcile", "--orders", "orders.csv", *arguments), *texts)
    assert list_names(folder) == ["orders.csv"]


def test_the_heartbeat_finds_runs_in_their_folders(run, keys, reconciled):
    """A run that has not ended proves nothing."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    found = run("heartbeat", "--within", 35, "--report", "reports", obj=lambda: now)
    assert found.exit_code == 0
    assert "2026-10/report.data" in found.stdout
    (reconciled / "2026-10").rename(reconciled / ".2026-10.unfinished")
    assert run("heartbeat", "--within", 35, "--report", "reports", obj=lambda: now).exit_code == 2


@pytest.mark.ci
def test_exports_are_picked_from_a_folder(reconcile, folder, orders):
    """Two halves of October are taken, the rest is named; without one half the run is incomplete."""
    exports = folder / "exports"
    exports.mkdir()
    head, *rows = orders.read_text().splitlines(keepends=True)
    halves = {"first.csv": [], "second.csv": []}
    for row in rows:
        is_late = "2026-10-2" in row or "2026-10-3" in row or "2026-11" in row
        halves["second.csv" if is_late else "first.csv"].append(row)
    for name, part in halves.items():
        (exports / name).write_text("".join([head, *part]))
        os.utime(exports / name, ns=(orders.stat().st_atime_ns, orders.stat().st_mtime_ns))
    (exports / "notes.pdf").write_bytes(b"%PDF")

    done = reconcile(*MONTHLY, given=exports)
    assert done.exit_code == 1, done.output
    assert (
        "Exports from the folder exports: first.csv, second.csv. Left out: notes.pdf" in done.stdout
    )
    manifest = read_manifest(folder / "reports" / "2026-10")
    assert manifest["left_out"] == [{"file": "notes.pdf", "because": "it is not a table"}]
    names = [entry["file"] for entry in manifest["inputs"] if "orders" in entry]
    assert names == ["first.csv", "second.csv"]

    (exports / "second.csv").unlink()
    incomplete = reconcile(*MONTHLY, "--again", given=exports)
    assert incomplete.exit_code == 2
    assert "INCOMPLETE: the export does not cover" in incomplete.stderr
