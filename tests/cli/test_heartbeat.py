"""Test `heartbeat`: a schedule that no longer starts must fail loudly."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.assertions import assert_one_sentence_error

EXPORT = (
    "reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"
    "order-000001,1,NOK,1000.00,0.00,fulfilled,2026-01-21T10:00Z,2026-01-22T10:00Z\n"
)


@pytest.fixture
def reconcile(run, make_refund_folder, folder):
    """Return a function that makes a run as of 31 January 2026, the time of the simulator."""
    make_refund_folder(1)
    (folder / "orders.csv").write_text(EXPORT)

    def reconcile(*arguments, orders="orders.csv", out="report.xlsx"):
        exported = ("--exported-at", "2026-01-31T11:00:00Z")
        return run("reconcile", "--orders", orders, *exported, "--out", out, *arguments)

    return reconcile


@pytest.fixture
def heartbeat(run):
    """Return a function that runs `heartbeat` some days after that run."""

    def heartbeat(*arguments, days=0.0):
        now = datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(days=days)
        return run("heartbeat", "--within", 35, *arguments, obj=lambda: now)

    return heartbeat


PLACES = {"database": (), "folder": ("--report", "report.data"), "folders": ("--report", ".")}


def test_a_run_counts_for_some_days(reconcile, heartbeat, monkeypatch):
    """The database and the folder beside the report agree.

    A practice run does not count in production: it must not hide that nothing was reconciled.
    """
    assert reconcile().exit_code == 0
    for place in PLACES.values():
        fresh = heartbeat(*place, days=34.9)
        assert (fresh.exit_code, fresh.stderr) == (0, ""), place
        assert "2026-01-31 12:00 UTC" in fresh.stdout, place
        assert_one_sentence_error(
            heartbeat(*place, days=35.1), "No complete run in the last 35 days", "2026-01-31 12:00"
        )
    assert_one_sentence_error(heartbeat(days=-1), "future", "Check the clocks")

    monkeypatch.delenv("VIPPS_BASE_URL")
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "production")
    for place in PLACES.values():
        assert_one_sentence_error(heartbeat(*place), "No complete run is recorded")


def test_discrepancies_count_as_a_run(reconcile, heartbeat, folder):
    """Exit code 1 is a finished run."""
    (folder / "orders.csv").write_text(EXPORT.replace("1000.00", "900.00"))
    assert reconcile().exit_code == 1
    for place in PLACES.values():
        assert heartbeat(*place, days=1).exit_code == 0, place


@pytest.mark.ci
def test_an_incomplete_run_does_not_count(reconcile, heartbeat, folder):
    """And the complete run before it still does, for its own time."""
    assert reconcile().exit_code == 0
    row = EXPORT.splitlines()[1].replace("order-000001,1", "order-000009,9")
    (folder / "more.csv").write_text(f"{EXPORT}{row}\n")
    incomplete = reconcile("--payments", "report.data", orders="more.csv", out="more.xlsx")
    assert incomplete.exit_code == 2

    assert heartbeat("--report", "report.data").exit_code == 0
    assert_one_sentence_error(heartbeat("--report", "more.data"), "No complete run is recorded")
    assert heartbeat().exit_code == 0


def test_the_latest_of_several_runs_counts(heartbeat, folder):
    """Each month has a folder of its own."""
    for month in (1, 3, 2):
        data = folder / f"report-2026-{month:02}.data"
        data.mkdir()
        as_of = f"2026-{month:02}-05T06:30:00Z"
        facts = {"as_of": as_of, "environment": "production"}
        (data / "complete_run.json").write_text(json.dumps(facts))
    done = heartbeat("--report", ".", days=40)
    assert done.exit_code == 0
    assert "2026-03-05 06:30 UTC (report-2026-03.data)" in done.stdout


def test_without_any_run_it_fails(heartbeat, folder):
    """The database does not exist yet, and is not created."""
    assert_one_sentence_error(heartbeat(), "No complete run is recorded at all")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.write_text("{}"), "not what a run writes"),
        (lambda path: path.write_text("[]"), "not what a run writes"),
        (lambda path: path.write_text('{"as_of": 5, "environment": "test"}'), "not what a run"),
        (lambda path: path.write_text("{"), "complete_run.json"),
        (lambda path: path.mkdir(), "directory"),
        (os.mkfifo, "not an ordinary file"),
        (lambda path: path.symlink_to(path.name), "complete_run.json"),
    ],
    ids=["empty", "list", "number", "cut", "folder", "pipe", "link to itself"],
)
def test_a_damaged_record_gives_one_sentence(heartbeat, folder, make, problem):
    """A record that cannot be read proves nothing."""
    make(folder / "complete_run.json")
    assert_one_sentence_error(heartbeat("--report", "."), problem)


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("--report", "missing"), ("missing is not a folder", "--report")),
        (("--within", "0"), ("--within",)),
        (("--within", "many"), ("--within",)),
    ],
)
def test_wrong_arguments_give_one_sentence(heartbeat, folder, arguments, texts):
    """A typing error in a schedule must not be a success."""
    assert_one_sentence_error(heartbeat(*arguments), *texts)
