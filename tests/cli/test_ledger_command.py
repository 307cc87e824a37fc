"""Test `vippsrecon ledger` against a served month."""

from __future__ import annotations

import json

import polars as pl

from tests.cli.assertions import assert_one_sentence_error
from tests.example_pages import read_blocks

OCTOBER = ("--from", "2026-10-01", "--to", "2026-10-31")


def test_complete_month(run, keys, folder):
    """Entries and payouts are written, the verdict is printed, the exit code is 0."""
    result = run("ledger", *OCTOBER, "--out", "ledger")

    assert result.exit_code == 0, result.output
    assert "complete from 2026-10-01 to 2026-10-31" in result.stdout
    assert sorted(path.name for path in (folder / "ledger").iterdir()) == [
        "ledger.json",
        "ledger_entries.parquet",
        "payouts.parquet",
    ]
    payouts = pl.read_parquet(folder / "ledger" / "payouts.parquet")
    assert payouts["payout_number"].min() == "2000001"


def test_open_date_exits_2(run, keys, folder):
    """Its entries are written, but the result is not complete."""
    result = run("ledger", "--from", "2026-11-01", "--to", "2026-11-05", "--out", "l", "--json")

    printed = json.loads(result.stdout)
    assert (result.exit_code, printed["verdict"], printed["complete"]) == (2, "incomplete", False)
    assert [row["verdict"] for row in printed["completeness"]] == ["open_dates"] * 2
    assert "INCOMPLETE" in result.stderr
    assert (folder / "l" / "ledger.json").is_file()


def test_sentences_are_in_the_language_of_the_settings(run, keys, folder):
    """The verdict goes to the same people as the report."""
    (folder / "vippsrecon.toml").write_text('language = "nb"\n', encoding="utf-8")

    result = run("ledger", "--from", "2026-10-01", "--to", "2026-10-02", "--out", "l")

    assert "Oppgjørskonto 302321, betalinger: fullstendig" in result.stdout
    assert "fullstendig" in (folder / "l" / "ledger.json").read_text(encoding="utf-8")


def test_mistakes_are_one_sentence(run, keys, folder):
    """A day that is none, a period that ends before it begins, a file in the place of the folder."""
    (folder / "taken").write_text("x", encoding="utf-8")

    assert_one_sentence_error(
        run("ledger", "--from", "october", "--to", "2026-10-31", "--out", "l"), "--from", "october"
    )
    assert_one_sentence_error(
        run("ledger", "--from", "2026-10-31", "--to", "2026-10-01", "--out", "l"), "1 day"
    )
    assert_one_sentence_error(run("ledger", *OCTOBER, "--out", "taken"), "is a file")


def test_python_example_of_the_page(root, keys, folder):
    """The page's example reads the month and its folder."""
    [example] = [b for b in read_blocks(root, "docs/how-to/ledger.md") if b.language == "python"]
    names = {}

    exec(compile(example.text, "ledger.md", "exec"), names)

    assert names["october"].verdict == "complete"
    assert (folder / "october-ledger" / "ledger.json").is_file()


def test_recorded_dates_are_not_requested_again(run, keys, folder):
    """The second run says how many dates it had."""
    period = ("--from", "2026-10-01", "--to", "2026-10-02")
    first = run("ledger", *period, "--out", "first", "--record")
    second = run("ledger", *period, "--out", "second", "--record")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "4 closed dates were stored by an earlier run" in second.stdout
    read = [(folder / name / "ledger_entries.parquet").read_bytes() for name in ("first", "second")]
    assert read[0] == read[1]


def test_fetch_from_an_earlier_one(run, keys, fetched, few_orders, folder):
    """What was skipped, and why, is printed; the folder is read like any fetch."""
    result = run("fetch", few_orders, "--earlier", fetched, "--out", "again")

    assert result.exit_code == 0, result.output
    assert "were not read again, because they cannot have changed" in result.stdout
    info = json.loads((folder / "again" / "fetch.json").read_text(encoding="utf-8"))
    assert info["complete"]
    assert sum(info["earlier"]["skipped"].values()) > 0
    assert info["ledger_cursors"].keys() == {"302321"}


def test_fetch_cannot_resume_from_an_earlier_one(run, keys, fetched, few_orders):
    """A run that stopped is started again: it is short."""
    result = run("fetch", few_orders, "--earlier", fetched, "--out", "again", "--resume")

    assert_one_sentence_error(result, "--resume and --earlier")
