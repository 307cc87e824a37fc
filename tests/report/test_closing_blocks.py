"""Test the small tables below the rows of a sheet: the clearing account below the cut-off pack."""

from __future__ import annotations

from datetime import date
from itertools import takewhile

import openpyxl
import polars as pl
import pytest

from tests.report.example_results import frame
from tests.report.test_money_sheets import DAY, make_result, voucher
from vippsrecon import schemas
from vippsrecon.report import write_workbook
from vippsrecon.report.figures import get_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.texts import LANGUAGES, say, use_language


def item(name, amount, account, **changes):
    """Return an item of the clearing account of 5 October."""
    return {
        "at_date": DAY, "ledger_id": "302321", "msn": "123456", "currency": "NOK", "item": name,
        "amount_minor": amount, "account_minor": account, "opening_minor": 300, **changes,
    }  # fmt: skip


ITEMS = [
    item("ledger_balance", 9_500, 10_400),
    item("payout", 800, 10_400, payout_number="2000002", item_date=DAY),
    item("unexplained", 100, 10_400),
]


def refund(number, stage, amount, days, *, overdue=False, **changes):
    """Return a refund as it stands on 5 October."""
    return {
        "msn": "123456", "reference": f"order-{number}", "order_number": f"#{number}",
        "currency": "NOK", "amount_minor": amount, "stage": stage, "age_days": days,
        "overdue": overdue, **changes,
    }  # fmt: skip


REFUNDS = [
    refund(1, "deducted", 100, 1, deducted_date=DAY, payout_number="2000001"),
    refund(2, "on_ledger", 200, 1, ledger_date=date(2026, 10, 4)),
    refund(3, "made", 300, None),
    refund(4, "promised", 400, 3, overdue=True, next_step="Refund the customer."),
    refund(5, "made", 500, 9, overdue=True, made_date=date(2026, 9, 26)),
]


def vat(rate, orders, expected, actual, *, bound=2, without=0):
    """Return the VAT of a rate."""
    return {
        "msn": "123456", "currency": "NOK", "rate_basis_points": rate, "orders": orders,
        "gross_minor": 0, "vat_minor": 0, "captured_minor": 1_000, "captured_vat_minor": actual,
        "expected_vat_minor": expected, "rounding_bound_minor": bound,
        "difference_minor": None if expected is None else actual - expected,
        "orders_without_vat": without,
    }  # fmt: skip


VAT = [vat(None, 2, None, 700, bound=None), vat(1500, 1, 130, 131), vat(2500, 1, 200, 250)]


def read_block(sheet, title):
    """Return the rows of a block by heading, totals last."""
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    start = next(n for n, row in enumerate(rows) if row[0] == title)
    heads, *block = takewhile(lambda row: row.count(None) < len(row), rows[start + 2 :])
    return [{head: value for head, value in zip(heads, row, strict=True) if head} for row in block]


@pytest.fixture(scope="module")
def result():
    """Return a month whose clearing account is itemised but for 1.00 NOK."""
    return make_result(
        clearing=frame(schemas.CLEARING, ITEMS),
        refund_ageing=frame(schemas.REFUND_AGEING, REFUNDS),
        vat_tie_out=frame(schemas.VAT_TIE_OUT, VAT),
    )


@pytest.fixture(scope="module")
def books(result, tmp_path_factory):
    """Write its workbook once, and read its formulas and its values."""
    path = write_workbook(result, tmp_path_factory.mktemp("blocks") / "report.xlsx")
    return openpyxl.load_workbook(path), openpyxl.load_workbook(path, data_only=True)


def test_clearing_account_is_itemised_below_the_cut_off(books):
    """The account, what it consists of, and what is left: 104.00 = 95.00 + 8.00 + 1.00."""
    rows = read_block(books[1]["Cut-off"], "Clearing account")

    assert [
        (row["Clearing account"], row["Account"], row["Consists of"], row["Unexplained"])
        for row in rows
    ] == [
        ("On the ledger before the data", 3, None, None),
        ("Vouchers up to the day", 100, None, None),
        ("Vouchers outside the period", 1, None, None),
        ("Owed by Vipps MobilePay", None, 95, None),
        ("Payout, not booked from the bank", None, 8, None),
        ("Unexplained", None, None, 1),
        ("Total NOK", 104, 103, 1),
    ]
    assert (rows[4]["Payout"], rows[4]["Day"].date()) == ("2000002", DAY)


def test_refunds_that_are_not_deducted_are_listed_late_ones_first(books):
    """Of late ones the oldest is first; one whose day is not known is last."""
    sheet = books[1]["Cut-off"]
    rows = read_block(sheet, "Refunds not deducted yet")

    assert [(row["Reference"], row["Stage"], row["Days"], row["Late"]) for row in rows[:-1]] == [
        ("order-5", "made at Vipps MobilePay", 9, "yes"),
        ("order-4", "promised in the shop", 3, "yes"),
        ("order-2", "on the ledger", 1, "no"),
        ("order-3", "made at Vipps MobilePay", None, "no"),
    ]
    assert rows[1]["What to do"] == "Refund the customer."
    assert rows[-1]["Refund"] == 14
    about = [row[0].value for row in sheet.iter_rows() if row[0].value]
    assert any("4 of 5 refunds are not deducted" in str(text) for text in about)


def test_vat_of_each_rate_is_below_the_vouchers(books):
    """What was not compared has no difference; nothing is added."""
    rows = read_block(books[1]["Vouchers"], "VAT")

    assert [
        (row["VAT rate"], row["VAT by rate"], row["VAT of the shop"], row["Difference"], row["Result"])
        for row in rows
    ] == [
        ("no one rate", None, 7, None, "several rates, not compared"),
        ("15.0%", 1.3, 1.31, 0.01, "agrees"),
        ("25.0%", 2, 2.5, 0.5, "differs by more than rounding"),
    ]  # fmt: skip


def test_difference_of_vat_is_on_the_first_page(result):
    """More than rounding explains; the others are said on their sheet only."""
    assert any("VAT, NOK" in text and "differs" in text for text in get_figures(result).ledgers)
    agrees = result.with_changes(vat_tie_out=frame(schemas.VAT_TIE_OUT, VAT[:2]))
    assert not any("VAT" in text for text in get_figures(agrees).ledgers)


def test_vat_that_the_export_does_not_state_is_not_compared(tmp_path):
    """Unknown is not zero, and the sheet says that nothing was compared."""
    rows = frame(schemas.VAT_TIE_OUT, [vat(None, 0, None, 0, bound=None, without=9)])
    path = write_workbook(make_result(vat_tie_out=rows), tmp_path / "report.xlsx")
    sheet = openpyxl.load_workbook(path, data_only=True)["Vouchers"]
    (row,) = read_block(sheet, "VAT")

    assert (row["No VAT"], row["VAT of the shop"], row["Captured net"]) == (9, None, None)
    assert row["Result"] == "no VAT in the export, not compared"
    notes = [cells[0].value for cells in sheet.iter_rows(max_row=6)]
    assert any("not compared, because the order export states none" in str(note) for note in notes)


def test_totals_of_a_block_are_formulas_that_controls_compares(books):
    """A total that someone types over shows on Controls; the vouchers are those of their sheet."""
    total = read_block(books[0]["Cut-off"], "Clearing account")[-1]
    checks = {row[1].value: row for row in books[0]["Controls"].iter_rows() if row[1].value}

    assert total["Account"].startswith("=SUMIFS('Cut-off'!$E$")
    assert checks["Cut-off, Clearing account: Unexplained, NOK"][2].value == 1
    vouchers = checks["Clearing account, NOK: lines of sheet Vouchers"]
    assert vouchers[2].value == 100
    assert "'Vouchers'!$F$" in vouchers[3].value


def test_filter_and_frozen_rows_are_those_of_the_sheet(books):
    """Sorting the pack leaves the block in its place."""
    sheet = books[0]["Cut-off"]
    last_row = int(sheet.auto_filter.ref.split(":")[1][1:])
    title = next(row[0].row for row in sheet.iter_rows() if row[0].value == "Clearing account")

    assert title > last_row
    link = next(cell for row in sheet.iter_rows(max_row=8) for cell in row if cell.column == 2 and cell.value and "HYPERLINK" in str(cell.value))  # fmt: skip
    assert f"!A{title}" in link.value


def test_glossary_has_the_columns_of_a_block(books):
    """A reader finds on Controls what a column means."""
    assert any(
        cell.value == "Cut-off, Clearing account: Consists of" for cell in books[0]["Controls"]["B"]
    )


def test_account_that_is_zero_is_shown_as_zero(tmp_path):
    """Nothing to itemise is the proof, not an empty sheet."""
    vouchers = frame(schemas.VOUCHERS, [voucher(1, "clearing", 0)])
    path = write_workbook(make_result(vouchers=vouchers), tmp_path / "report.xlsx")
    rows = read_block(openpyxl.load_workbook(path, data_only=True)["Cut-off"], "Clearing account")

    assert [(row["Account"], row["Unexplained"]) for row in rows] == [(0, None), (0, 0)]


def test_ledgers_that_cancel_out_are_not_proven():
    """One account has 1.00 too much and one 1.00 too little."""
    items = [
        item("unexplained", 100, 100, opening_minor=100),
        item("unexplained", -100, -100, opening_minor=-100, ledger_id="302322", msn="654321"),
    ]
    result = make_result(
        clearing=frame(schemas.CLEARING, items), vouchers=frame(schemas.VOUCHERS, [])
    )

    sentence = get_figures(result).ledgers[-1]
    assert "2.00 NOK is unexplained" in sentence


def test_run_without_a_cut_off_has_no_clearing_account():
    """A day is needed at whose end it is itemised."""
    result = make_result(
        cut_off=frame(schemas.CUT_OFF, []), cut_off_items=frame(schemas.CUT_OFF_ITEMS, [])
    )
    money = build_report_frames(result).money

    assert money.at is None
    assert money.clearing.is_empty()
    assert not any("Clearing account" in sentence for sentence in get_figures(result).ledgers)


def test_blocked_voucher_and_later_day_are_not_in_the_account():
    """A voucher of a closed month is not written; one of November is not of October."""
    rows = [
        voucher(1, "clearing", 10_000),
        voucher(2, "clearing", 500) | {"status": "blocked"},
        voucher(3, "clearing", 70) | {"voucher_date": date(2026, 11, 1)},
    ]
    result = make_result(
        clearing=frame(schemas.CLEARING, ITEMS), vouchers=frame(schemas.VOUCHERS, rows)
    )
    shown = build_report_frames(result).money.clearing

    assert shown.filter(pl.col("item") == "vouchers")["account_minor"].to_list() == [10_000]


@pytest.mark.parametrize("language", LANGUAGES)
def test_first_page_says_what_the_clearing_account_holds(result, language):
    """In the words of the language, with the name of the sheet."""
    translated = result.with_changes(manifest=result.manifest | {"language": language})
    with use_language(language):
        sentences = get_figures(translated).ledgers
        assert any(
            say("sheets.cutoff") in sentence and DAY.isoformat() in sentence
            for sentence in sentences
        )
