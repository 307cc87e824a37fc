"""Test `vippsrecon payout` with settlement files and with a ledger folder."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

from tests.cli.assertions import assert_one_sentence_error
from tests.sources.settlement.conftest import as_portal_csv, one_day, portal_row

NIGHT = {"time": "2026-10-03 00:12:07", "day": "2026-10-02"}


@pytest.fixture
def settlement(folder):
    """Write two days of which the second has one capture, and return the file."""
    rows = [
        *one_day(),
        portal_row("Belastning", "10.00", "10.00", psp="9", reference="order-0009", day="2026-10-02"),
        portal_row(
            "Utbetaling planlagt", "-10.00", "0.00", psp="302321-2000002",
            reference="Utb. 2000002 Vippsnr 123456", payout=("2000002", "", ""), **NIGHT,
        ),
    ]  # fmt: skip
    path = folder / "settlement.csv"
    path.write_text(as_portal_csv(rows), encoding="utf-8")
    return path


def test_payout_is_explained_by_its_entries(run, settlement):
    """The parts add up to the øre, and each entry is listed."""
    result = run("payout", "2000001", "--settlement", settlement)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Payout 2000001 of ledger 302321, sales unit 123456: 244.00 NOK")
    assert any(line.split() == ["captures", "2", "300.00", "NOK"] for line in lines)
    assert any(line.split() == ["refunds", "1", "-50.00", "NOK"] for line in lines)
    assert any(line.split() == ["fees", "retained", "1", "-6.00", "NOK"] for line in lines)
    assert "Explained: the parts add up to the payout." in lines
    assert any("order-0002" in line for line in lines)
    assert not any("order-0009" in line for line in lines)


def test_json_has_parts_and_entries(run, settlement, read_json):
    """Amounts are whole minor units, days are ISO 8601."""
    printed = read_json(run("payout", "2000002", "--settlement", settlement, "--json"))
    assert (printed["paid_minor"], printed["left_minor"], printed["reason"]) == (1000, 0, "")
    assert printed["last_date"] == "2026-10-02"
    assert [part["part"] for part in printed["parts"]] == ["captures"]
    assert printed["entries"][0]["reference"] == "order-0009"


def test_missing_row_is_what_is_left(run, folder, settlement):
    """A row was deleted in Excel: the amount is named, with what to do."""
    lines = settlement.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if '"order-0009"' not in line]
    settlement.write_text("".join(kept), encoding="utf-8")
    result = run("payout", "2000002", "--settlement", settlement)
    assert result.exit_code == 1, result.output
    assert "10.00 NOK" in result.stdout
    assert "read the ledger again" in result.stdout


def test_ledger_folder_explains_too(run, keys, folder):
    """The Report API's entries have the same numbers."""
    run("ledger", "--from", "2026-10-01", "--to", "2026-10-31", "--out", "october")
    result = run("payout", "2000001", "--ledger", "october")
    assert result.exit_code == 0, result.output
    assert "Payout 2000001 of ledger 302321" in result.stdout


def test_several_files_follow_one_option(run, settlement, folder, read_json):
    """As with `reconcile`; the same file twice counts once."""
    shutil.copy2(settlement, folder / "again.csv")
    options = ("--settlement", settlement, "again.csv", "--json")
    assert read_json(run("payout", "2000001", *options))["paid_minor"] == 24_400


def test_mistakes_are_one_sentence(run, settlement, folder):
    """No files, both kinds, a number that does not exist, a ledger that does not."""
    files = ("--settlement", settlement)
    assert_one_sentence_error(run("payout", "2000001"), "--ledger", "--settlement")
    assert_one_sentence_error(run("payout", "2000001", *files, "--ledger", "x"), "contradicts")
    assert_one_sentence_error(run("payout", "7", *files), "no payout 7")
    assert_one_sentence_error(run("payout", " ", *files), "Name the number of the payout")
    assert_one_sentence_error(
        run("payout", "2000001", *files, "--ledger-id", "9"), "no payout 2000001"
    )
    assert_one_sentence_error(run("payout", "2000001", "--settlement", "absent.csv"), "absent.csv")


def test_number_of_two_ledgers_needs_the_ledger(run, folder):
    """Each ledger counts from about 2000001; a wrong guess would explain another payout."""
    second = [
        [cell.replace("302321", "302322").replace("123456", "654321") for cell in row]
        for row in one_day()
    ]
    path = folder / "both.csv"
    path.write_text(as_portal_csv([*one_day(), *second]), encoding="utf-8")
    refused = run("payout", "2000001", "--settlement", path)
    assert_one_sentence_error(refused, "302321, 302322", "--ledger-id")
    chosen = run("payout", "2000001", "--settlement", path, "--ledger-id", "302322")
    assert chosen.exit_code == 0, chosen.output
    assert chosen.stdout.startswith(
        "Payout 2000001 of ledger 302322, sales unit 654321: 244.00 NOK"
    )


def test_aborted_payout_says_so(run, month, read_json):
    """Its entries add up, and still the money is not in the bank."""
    truth = pl.read_csv(month / "truth.csv", infer_schema=False)
    number = truth.filter(kind="payout_aborted")["payout_number"][0]
    command = ("payout", number, "--settlement", month / "settlement.csv")
    assert "It was aborted" in run(*command).stdout
    assert read_json(run(*command, "--json"))["status"] == "aborted"
