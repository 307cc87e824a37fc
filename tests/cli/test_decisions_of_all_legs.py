"""Test that what people decide about each leg survives a second run with longer statements."""

from __future__ import annotations

import shutil

import pytest

from tests.report.libreoffice_edits import edit_report, find_python
from tests.report.test_changes import read_sheet_by
from tests.sources.bank.conftest import document, entry, statement
from vippsrecon.reconciliation.codes import get_code
from vippsrecon.sources.reviewed_report.read import read_reviewed_report

PERIOD = ("--from", "2026-10-01", "--to", "2026-10-31")
LEGS = {"order_payment", "payment_ledger", "ledger_payout", "payout_bank"}
OFFICE = [
    pytest.mark.office,
    pytest.mark.skipif(
        shutil.which("soffice") is None or find_python() is None,
        reason="LibreOffice or its Python is not installed here",
    ),
]


@pytest.fixture
def files(month, folder):
    """Copy the month's files into the working folder."""
    for name in ("orders.csv", "settlement.csv", "bank.xml"):
        shutil.copy2(month / name, folder / name)


def fill_in(path, entries, sort_by=None):
    """Fill in a report without LibreOffice: the same cells, in the order of the file."""
    from openpyxl import load_workbook

    book = load_workbook(path)
    sheet = book["Discrepancies"]
    head = next(row for row in sheet.iter_rows() if "Decision" in [cell.value for cell in row])
    columns = {cell.value: cell.column for cell in head if cell.value}
    for row in range(head[0].row + 1, sheet.max_row + 1):
        typed = entries.get(sheet.cell(row, columns["discrepancy_id"]).value, {})
        for heading, text in typed.items():
            sheet.cell(row, columns[heading]).value = text
    book.save(path)


def write_november(folder, payouts):
    """Write the next statement, with the credits of these payouts: number and amount in kroner."""
    credits = [
        entry(amount, day="2026-11-05", reference=number, text=f"Utb. {number} Vippsnr 123456")
        for number, amount in payouts
    ]
    days = ("2026-11-03", "2026-11-06")
    path = folder / "november.xml"
    path.write_text(document(statement(credits, days=days)), encoding="utf-8")
    return path


@pytest.mark.ci
@pytest.mark.parametrize("edit", [fill_in, pytest.param(edit_report, marks=OFFICE)])
def test_second_run_keeps_every_decision(run, files, folder, edit):
    """The statements are longer, have other rows, and show a payout that was missing."""
    command = ("reconcile", "--orders", "orders.csv", "--settlement", "settlement.csv", *PERIOD)
    first = run(*command, "--bank", "bank.xml", "--out", "report.xlsx")
    assert first.exit_code == 1, first.output
    rows = read_reviewed_report(folder / "report.xlsx").rows
    typed = {
        row.discrepancy_id: {
            "Owner": f"Kari {number}",
            "Decision": "accept",
            "Note": f"No. {number}",
        }
        for number, row in enumerate(rows)
    }
    assert {get_code(row.kind).leg for row in rows} == LEGS
    missing = next(row for row in rows if row.kind == "payout_not_in_bank" and row.at_risk_minor)
    number = missing.discrepancy_id.split(":")[2]
    edit(folder / "report.xlsx", typed, sort_by="At risk")

    write_november(folder, [(number, f"{missing.at_risk_minor / 100:.2f}")])
    longer = ("--bank", "november.xml", "bank.xml")
    second = run(*command, *longer, "--out", "report.xlsx")
    assert second.exit_code == 1, second.output
    again = read_reviewed_report(folder / "report.xlsx")
    kept = {row.discrepancy_id: (row.owner, row.decision, row.note) for row in again.rows}
    expected = {key: tuple(typed[key].values()) for key in kept}
    assert kept == expected
    assert set(typed) - set(kept) == {missing.discrepancy_id}
    changed = read_sheet_by(folder / "report.xlsx", "What changed", "discrepancy_id")
    closed = changed[missing.discrepancy_id]
    assert closed["Payout"] == number
    assert (closed["Change"], closed["Owner"]) == (
        "cleared",
        typed[missing.discrepancy_id]["Owner"],
    )

    # The same from what the run stored, into another workbook.
    stored = ("--payments", "report.data", *longer, "--previous", "report.xlsx")
    third = run("reconcile", "--orders", "orders.csv", *PERIOD, *stored, "--out", "third.xlsx")
    assert third.exit_code == 1, third.output
    rows = read_reviewed_report(folder / "third.xlsx").rows
    assert {row.discrepancy_id: (row.owner, row.decision, row.note) for row in rows} == kept


@pytest.mark.ci
def test_leg_that_is_not_compared_clears_nothing(run, files, folder):
    """Without the ledger its discrepancies are not gone; they are not compared."""
    command = ("reconcile", "--orders", "orders.csv", "--settlement", "settlement.csv", *PERIOD)
    run(*command, "--bank", "bank.xml", "--out", "report.xlsx")
    rows = read_reviewed_report(folder / "report.xlsx").rows
    later = run(*command, "--previous", "report.xlsx", "--out", "later.xlsx")
    assert later.exit_code == 1, later.output
    changed = read_sheet_by(folder / "later.xlsx", "What changed", "discrepancy_id")
    bank = {
        row.discrepancy_id
        for row in rows
        if get_code(row.kind).leg == "payout_bank" or row.discrepancy_id.endswith(":bank")
    }
    assert bank
    assert {changed[key]["Change"] for key in bank} == {"not compared"}
