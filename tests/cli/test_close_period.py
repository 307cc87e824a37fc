"""Test `close-period`: a month is closed once, compared afterwards, and reopened with a reason."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.cli.assertions import assert_one_sentence_error
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
        (["--period", "last-month", "--data", "."], "'last-month' is not a month, such as 2026-10"),
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


def write_json(folder, name, **facts):
    """Write what a run states of a folder."""
    (folder / name).write_text(json.dumps(facts), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("month.json", {"as_of": "2026-10-31T21:00:00Z"}),
        ("ledger.json", {"fetched_at": "2026-10-20T06:00:00Z", "last": "2026-10-31"}),
        ("ledger.json", {"fetched_at": "2026-11-02T06:00:00Z", "last": "2026-10-20"}),
        ("money_facts.json", {"bank": {"statements": [{"last_date": "2026-10-20"}]}}),
        ("money_facts.json", {"ledger": {"coverage": {"1.csv": {"last_day": "2026-10-20"}}}}),
    ],
)
def test_a_month_that_is_not_over_is_not_closed(run, data, name, facts):
    """Each later capture would be a change of a closed month."""
    write_json(data, name, **facts)
    result = run(
        "close-period", "--period", "2026-10", "--data", data, "--by", "Kari",
        obj=lambda: datetime(2026, 10, 31, 12, tzinfo=UTC),
    )  # fmt: skip
    assert_one_sentence_error(result, "2026-10 is not over in", "close the month then")


def test_files_that_end_early_are_closed_after_the_month(run, data):
    """The shop sold nothing in the last days; what the files cover does not say more."""
    coverage = {"1.csv": {"last_day": "2026-10-28"}}
    write_json(data, "money_facts.json", ledger={"coverage": coverage})
    closing = ("close-period", "--period", "2026-10", "--data", data, "--by", "Kari")
    assert run(*closing, obj=lambda: datetime(2026, 11, 2, tzinfo=UTC)).exit_code == 0


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"ledger": [1], "bank": 2}', '{"ledger": {"coverage": {"a": 1}}}']
)
def test_damaged_facts_are_no_traceback(run, data, content):
    """A file may be cut off, or edited by hand."""
    (data / "money_facts.json").write_text(content, encoding="utf-8")
    result = run("close-period", "--period", "2026-10", "--data", data, "--by", "Kari")
    assert result.exit_code in (0, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_month_without_any_fact_is_not_closed(run, data):
    """The folder is of another month."""
    result = run("close-period", "--period", "2026-08", "--data", data, "--by", "Kari")
    assert_one_sentence_error(result, "nothing of 2026-08 is there")


def test_data_of_another_environment_is_not_closed(run, data):
    """The lock of the practice month must not be that of the real one."""
    write_json(data, "ledger.json", environment="production", last="2026-10-31")
    result = run("close-period", "--period", "2026-10", "--data", data, "--by", "Kari")
    assert_one_sentence_error(result, "is of production, and VIPPS_ENVIRONMENT is not set")


@pytest.mark.parametrize("complete_at", [None, "2026-11-04T06:00:00Z"])
def test_the_folder_of_an_incomplete_run_closes_nothing(run, data, complete_at):
    """An incomplete run leaves the record of the complete one before it."""
    row = {"environment": "test", "as_of_at": datetime(2026, 11, 5, 6, tzinfo=UTC), "msn": "123456"}
    row |= {"bucket": "matched", "settled": True, "reference": "order-0001", "status": "open"}
    row |= {"currency": "NOK", "total_minor": 1000, "recurring": False, "source_file": "orders.csv"}
    row |= {"source_row": 2, "exported_at": datetime(2026, 11, 5, tzinfo=UTC), "paid": "yes"}
    row |= dict.fromkeys(("split_tender", "shop_currency_only"), False)
    types = schemas.polars_schema(schemas.COMPARED_ORDERS)
    pl.DataFrame([row], schema=types).write_parquet(data / "compared_orders.parquet")
    if complete_at is not None:
        write_json(data, "complete_run.json", as_of=complete_at, environment="test")
    result = run("close-period", "--period", "2026-10", "--data", data, "--by", "Kari")
    assert_one_sentence_error(result, "is of a run that is incomplete")


@pytest.mark.parametrize("payments", [{}, {"events.parquet": "0" * 64}])
def test_the_files_of_two_runs_are_not_closed_together(run, data, payments):
    """A run with --payments or without keys leaves the fetch of the run before in its folder."""
    write_json(data, "money_facts.json", payments=payments)
    result = run("close-period", "--period", "2026-10", "--data", data, "--by", "Kari")
    assert_one_sentence_error(
        result, "payments of one run, and the ledger or bank lines of another"
    )
