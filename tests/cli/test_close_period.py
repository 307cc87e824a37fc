"""Test `close-period`: a month is closed once, compared afterwards, and reopened with a reason."""

from __future__ import annotations

from datetime import date

import pytest

from tests.closing.ledger_months import october
from vippsrecon import schemas
from vippsrecon.schemas.frame import to_polars


@pytest.fixture
def data(folder):
    """Return a folder with the invented month's events, ledger entries and payouts."""
    return write_month(folder / "report.data", october())


def write_month(folder, month):
    """Write the frames of a month as `reconcile` and `ledger` write them."""
    folder.mkdir(exist_ok=True)
    inputs = month.inputs
    frames = {
        "events": (month.event_frame, schemas.EVENTS),
        "ledger_entries": (inputs["ledger_entries"], schemas.LEDGER_ENTRIES),
        "payouts": (inputs["payouts"], schemas.PAYOUTS),
    }
    for name, (frame, schema) in frames.items():
        to_polars(frame, schema).write_parquet(folder / f"{name}.parquet")
    return folder


def test_a_month_is_closed_compared_and_reopened(run, data, read_json):
    """The whole life of one month, in the order of a bookkeeper's work."""
    month = ("close-period", "--period", "2026-10")
    nobody = run(*month, "--data", data)
    assert (nobody.exit_code, "--by NAME" in nobody.stderr) == (2, True)
    closed = run(*month, "--data", data, "--by", "Kari")
    assert closed.exit_code == 0
    assert "2026-10 is closed with 14 facts: events, ledger_entries, payouts." in closed.stdout

    same = run(*month, "--data", data)
    assert (same.exit_code, "Nothing is different" in same.stdout) == (0, True)
    late = october()
    late.add(date(2026, 10, 31), "correction", -700)
    write_month(data, late)
    changed = run(*month, "--data", data)
    assert changed.exit_code == 1
    assert "1 difference. Nothing was changed:" in changed.stdout
    assert "Ledger entry: added after the period was closed." in changed.stdout
    [row] = read_json(run(*month, "--data", data, "--json"))["restatement"]
    assert (row["before_minor"], row["after_minor"]) == (None, -700)
    (data / "events.parquet").unlink()
    assert "Not compared, because --data has none: events." in run(*month, "--data", data).stdout

    assert run(*month, "--reopen", "--by", "Kari").exit_code == 2
    reopened = run(*month, "--reopen", "--by", "Kari", "--reason", "Late correction")
    assert (reopened.exit_code, reopened.stdout) == (0, "2026-10 is open again.\n")
    assert run(*month, "--data", data, "--by", "Ola").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--period", "2026-10-31", "--data", "."], "Only a month is closed"),
        (["--period", "2026-10"], "Name the month's folders"),
        (["--period", "2026-10", "--data", "nowhere"], "nowhere is not a folder"),
        (["--period", "2026-10", "--data", "."], "None of compared_orders.parquet"),
        (["--period", "2026-10", "--reopen", "--data", "."], "--reopen takes no --data"),
        (["--period", "2026-10", "--reopen", "--by", "K", "--reason", "x"], "is not closed"),
    ],
)
def test_mistakes_are_explained(run, arguments, message):
    """One sentence, exit code 2, and nothing recorded."""
    result = run("close-period", *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_an_incomplete_run_closes_nothing(run, data):
    """What was not read would be missing from the closed month."""
    (data / "fetch.json").write_text('{"complete": false}', encoding="utf-8")
    result = run("close-period", "--period", "2026-10", "--data", data, "--by", "Kari")

    assert (result.exit_code, "is of a run that is incomplete" in result.stderr) == (2, True)
