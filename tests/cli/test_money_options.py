"""Test `reconcile` with settlement files and bank statements, as a person types it."""

from __future__ import annotations

import shutil

import pytest

from tests.sources.bank.conftest import document, entry, statement

PERIOD = ("--from", "2026-10-01", "--to", "2026-10-31")
FILES = ("--orders", "orders.csv", "--settlement", "settlement.csv")


@pytest.fixture
def files(month, folder):
    """Copy the month's files into the working folder."""
    for name in ("orders.csv", "settlement.csv", "bank.xml"):
        shutil.copy2(month / name, folder / name)


def test_month_without_keys_makes_no_request(run, files, read_json):
    """A merchant without keys downloads three files and has the report."""
    result = run("reconcile", *FILES, "--bank", "bank.xml", *PERIOD, "--out", "r.xlsx", "--json")
    assert result.exit_code == 1, result.output
    printed = read_json(result)
    assert printed["complete"]
    assert any("No keys were used" in notice for notice in printed["notices"])
    assert sum(printed["buckets"]["payments"].values()) > 100

    # The same from what is stored, under another name and without a file but the orders.
    repeated = run(
        "reconcile", *FILES[:2], "--payments", "r.data", *PERIOD, "--out", "s.xlsx", "--json"
    )
    assert read_json(repeated) == printed | {"report": "s.xlsx"}


def test_keys_without_an_environment_are_refused(run, files, keys, monkeypatch):
    """The run was meant to fetch; without a word it would compare less."""
    monkeypatch.delenv("VIPPS_ENVIRONMENT")
    result = run("reconcile", *FILES, "--out", "r.xlsx")
    assert result.exit_code == 2
    assert "VIPPS_ENVIRONMENT" in result.stderr


def test_statements_of_another_month_make_no_verdict(run, files, folder):
    """Each payout would be missing; the terminal says why there is no verdict."""
    august = statement([entry(day="2026-08-05")], days=("2026-08-01", "2026-08-31"))
    (folder / "august.xml").write_text(document(august), encoding="utf-8")
    result = run("reconcile", *FILES, "--bank", "august.xml", *PERIOD, "--out", "r.xlsx")
    assert result.exit_code == 2
    assert "no bank statement covers the period" in result.stderr


def test_several_files_follow_one_option(run, files, folder, read_json):
    """As `--orders *.csv` does; a file given twice counts once."""
    shutil.copy2(folder / "bank.xml", folder / "again.xml")
    bank = ("--bank", "bank.xml", "again.xml")
    result = run("reconcile", *FILES, *bank, *PERIOD, "--out", "r.xlsx", "--json")
    assert result.exit_code == 1, result.output
    assert read_json(result)["complete"]


@pytest.mark.ci
def test_ledger_folder_replaces_the_settlement_files(run, files, keys, folder, read_json):
    """What `ledger` wrote has the same entries; both together would count twice."""
    run("ledger", *PERIOD, "--out", "october")
    orders = ("--orders", "orders.csv", "--ledger", "october", "--bank", "bank.xml")
    result = run("reconcile", *orders, *PERIOD, "--out", "r.xlsx", "--json")
    assert result.exit_code == 1, result.output
    assert read_json(result)["complete"]

    both = run("reconcile", *orders, *FILES[2:], "--out", "r.xlsx")
    assert (both.exit_code, "--ledger contradicts --settlement" in both.stderr) == (2, True)


@pytest.mark.ci
def test_ledger_of_fewer_days_makes_no_verdict(run, files, keys):
    """The other days' payments would all be missing on the ledger."""
    run("ledger", "--from", "2026-10-05", "--to", "2026-10-20", "--out", "l")
    result = run("reconcile", *FILES[:2], "--ledger", "l", *PERIOD, "--out", "r.xlsx")
    assert result.exit_code == 2
    assert "the ledger was not read for 2026-10-01 to 2026-10-04" in result.stderr
    assert "the ledger was not read for 2026-10-21 to 2026-10-31" in result.stderr


def test_ledger_of_another_environment_is_refused(run, files, keys, folder):
    """The payments of a simulator are not those of production."""
    run("ledger", *PERIOD, "--out", "l")
    facts = folder / "l" / "ledger.json"
    facts.write_text(facts.read_text(encoding="utf-8").replace("simulator", "production"), "utf-8")
    result = run("reconcile", *FILES[:2], "--ledger", "l", *PERIOD, "--out", "r.xlsx")
    assert result.exit_code == 2
    assert "the ledger folder is of production" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--settlement", "bank.xml"), "not a settlement file"),
        (("--settlement", "orders.csv"), "orders.csv: this is not a settlement file"),
        (("--settlement", "settlement.csv", "settlement.csv"), "have this name"),
        ((*FILES[2:], "--bank", "orders.csv"), "orders.csv: this is not a bank statement"),
        (("--ledger", "."), "ledger.json"),
        ((*FILES[2:], "--bank-mapping", "bank.toml"), "no statement is given"),
        ((*FILES[2:], "--bank", "absent.xml"), "absent.xml"),
        ((*FILES[2:], "--bank", "."), "this is a directory"),
        ((*FILES[2:], "--bank", "bank.xml", "--out", "bank.xml"), "bank.xml"),
    ],
)
def test_wrong_file_is_one_sentence(run, files, options, words):
    """No traceback for anything a person can type."""
    out = () if "--out" in options else ("--out", "r.xlsx")
    result = run("reconcile", "--orders", "orders.csv", *options, *out)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
