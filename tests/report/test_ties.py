"""Test that sums of the report which should be equal are equal, read from the workbook as a controller does."""

from __future__ import annotations

from datetime import date

import openpyxl
import pytest

from tests.report.example_results import frame
from tests.report.test_closing_blocks import read_block
from tests.report.test_money_sheets import bridge, list_rows, make_result, payout
from vippsrecon import schemas
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.report import write_workbook
from vippsrecon.scenario import write_month
from vippsrecon.workflow.reconcile_month import reconcile_month

NOVEMBER_2 = date(2026, 11, 2)
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


def read_book(path):
    """Return the workbook's values."""
    return openpyxl.load_workbook(path, data_only=True)


def read_bridge(book, currency):
    """Return the amounts of the bridge's lines and totals by name, of one currency."""
    amounts, is_own = {}, False
    for _, name, _, _, amount in book["Bridge"].iter_rows(max_col=5, values_only=True):
        if name and str(name).startswith("Sales unit"):
            is_own = str(name).endswith(currency)
        if is_own and isinstance(amount, int | float):
            amounts[name] = round(amount * 100)
    return amounts


def add_up(rows, column, **equal):
    """Return the sum of a column in minor units, over the rows with these values."""
    return sum(
        round(row[column] * 100)
        for row in rows
        if row[column] is not None and all(row[key] == value for key, value in equal.items())
    )


def read_checks(book):
    """Return the labels of the checks of the bridge on Controls, each with its formula or ""."""
    return [
        str(row[1].value)
        for row in book["Controls"].iter_rows()
        if str(row[1].value).startswith("Bridge, ")
    ]


def assert_sums_tie(book, period, currency="NOK"):
    """Assert that the bridge is the sum of the sheets, and the cut-off that of the bridge."""
    lines = read_bridge(book, currency)
    payouts = [row for row in list_rows(book["Payouts and bank"]) if row["Currency"] == currency]
    ledger = [row for row in list_rows(book["Ledger"]) if row["Currency"] == currency]
    cut_off = [row for row in list_rows(book["Cut-off"]) if row["Currency"] == currency]
    clearing = read_block(book["Cut-off"], "Clearing account")

    def inside(rows, day):
        if period is None:
            return rows
        return [row for row in rows if row[day] and period[0] <= row[day].date() <= period[1]]

    ordered = inside(payouts, "Accounting day")
    booked = inside(ledger, "Accounting day")
    assert add_up(ordered, "Payout amount") == lines["Payouts"]
    assert add_up(inside(payouts, "Booked"), "In the bank") == lines["Received in the bank"]
    moved = sum(add_up(booked, "Amount", Type=kind) for kind in ("capture", "refund"))
    assert moved == lines["Captures less refunds on the ledger"]
    for name, kind in (
        ("Fees retained", "fees-retained"),
        ("Retained for disputes", "retained-disputed-capture"),
        ("Returned after disputes", "returned-disputed-capture"),
        ("Corrections", "correction"),
        ("Aborted payouts that came back", "payout-aborted"),
    ):
        assert add_up(booked, "Amount", Type=kind) == lines.get(name, 0), name
    [in_transit] = [row for row in cut_off if row["Line"].startswith("Paid out") and row["Proof"]]
    itemised = [row for row in clearing if row["Clearing account"].startswith("Payout,")]
    assert add_up(itemised, "Consists of") == round(in_transit["Amount"] * 100)
    vouchers = list_rows(book["Vouchers"])
    day = date(2026, 10, 31)
    account = sum(
        sign * add_up([row], column, Role="clearing", Currency=currency)
        for row in vouchers
        if row["Date"].date() <= day
        for column, sign in (("Debit", 1), ("Credit", -1))
    )
    assert account == add_up(clearing, "Account", **{"Clearing account": "Vouchers up to the day"})
    if period:
        # Not in the bank at the end of the period: expected later, missing, or in part.
        open_lines = (
            *("Payout on its way to the bank", "The payout is not in the bank"),
            "The payout has another amount",
        )
        assert round(in_transit["Amount"] * 100) == -sum(lines.get(name, 0) for name in open_lines)
    checks = [check for check in read_checks(book) if f", {currency}:" in check]
    found = {check.split(", ")[1] for check in checks}
    assert {"Payouts", "Received in the bank", "Captures less refunds on the ledger"} <= found
    assert "Fees retained" in found


@pytest.mark.ci
@pytest.mark.parametrize(
    ("shop", "currency", "period"),
    [("plain", "NOK", None), ("plain", "NOK", OCTOBER), ("shopify", "EUR", OCTOBER)],
)
def test_sums_of_a_whole_month_tie(tmp_path, shop, currency, period):
    """Bridge, ledger, payouts, bank, cut-off pack, clearing account and vouchers."""
    write_month(tmp_path, payments=600, shop=shop, currency=currency)
    with serve_scenario(tmp_path) as settings:
        result = reconcile_month(
            [tmp_path / "orders.csv"],
            settings,
            first=period[0] if period else None,
            last=period[1] if period else None,
            settlement=[tmp_path / "settlement.csv"],
            bank=[tmp_path / "bank.xml"],
            cutoff=OCTOBER[1],
        )
    path = write_workbook(result, tmp_path / "report.xlsx")
    assert_sums_tie(read_book(path), period, currency)


def make_bridge_result(total):
    """Return a month whose bridge pays out `total`; the sheet has 111.00 in payouts."""
    own = make_result().polars_frame("bridge").to_dicts()
    lines = [bridge("payouts", 1, "ledger", total), bridge("payouts", 2, "payouts", total, 2)]
    return make_result(bridge=frame(schemas.BRIDGE, [*own, *lines]))


def test_check_adds_up_the_rows_of_the_period(tmp_path):
    """The formula counts the rows whose day is in the period, which a sheet has more of."""
    path = write_workbook(make_bridge_result(11_100), tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(path)
    [check] = [
        row
        for row in book["Controls"].iter_rows()
        if row[1].value == "Bridge, Payouts, NOK: rows of sheet Payouts and bank"
    ]

    assert check[2].value == 111
    assert check[3].value.startswith("=SUMIFS('Payouts and bank'!$F$")
    assert '">=46296"' in check[3].value
    assert '"<=46326"' in check[3].value


def test_line_that_is_more_than_the_rows_of_its_sheet_has_no_check(tmp_path):
    """A check that differs although nothing is wrong would be an alarm for nothing."""
    path = write_workbook(make_bridge_result(12_000), tmp_path / "report.xlsx")

    checks = read_checks(openpyxl.load_workbook(path))
    assert not any(check.startswith("Bridge, Payouts, ") for check in checks)
    assert any("Captures less refunds" in check for check in checks)


def test_sheet_with_rows_of_other_days_says_what_the_bridge_counts(tmp_path):
    """The totals of the sheet are those of all rows; a controller would look for the difference."""
    book = openpyxl.load_workbook(
        write_workbook(
            make_result(payouts=frame(schemas.PAYOUTS, [payout("1", 500, ledger_date=NOVEMBER_2)])),
            tmp_path / "report.xlsx",
        )
    )
    notes = {
        name: [str(row[0].value) for row in book[name].iter_rows(max_row=6)]
        for name in ("Ledger", "Payouts and bank")
    }

    sentence = (
        "All rows that were read. The bridge counts those of the period, 2026-10-01 to 2026-10-31."
    )
    assert sentence in notes["Payouts and bank"]
    assert sentence not in notes["Ledger"]


@pytest.mark.ci
def test_lines_after_the_payments_lead_to_their_rows(tmp_path):
    """By a link where the rows have one value, and by a sentence where they have several."""
    rows = [
        *make_result().polars_frame("bridge").to_dicts(),
        bridge("payouts", 1, "ledger", 10_500),
        bridge("payouts", 2, "fees_retained", -300),
        bridge("payouts", 3, "payouts", 10_200),
        bridge("bank", 1, "payouts", 10_200),
        bridge("bank", 2, "timing_payout_in_transit", -900),
        bridge("bank", 3, "bank", 9_300),
    ]
    result = make_result(bridge=frame(schemas.BRIDGE, rows))
    sheet = openpyxl.load_workbook(write_workbook(result, tmp_path / "report.xlsx"))["Bridge"]
    lines = [(str(row[1].value), row[2].value) for row in sheet.iter_rows() if row[1].value]

    fees = next(line for line in lines if "Fees retained" in line[0])
    assert "'Ledger'!$C$" in fees[0]
    assert fees[1] == "sheet Ledger, Type = fees-retained"
    transit = next(line for line in lines if "on its way" in line[0])
    assert "'Payouts and bank'!A" in transit[0]
    assert "Booked is empty or after the period" in transit[1]
    assert ("Payouts", "sheet Payouts and bank, column Payout amount") in lines
