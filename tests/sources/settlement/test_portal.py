"""Test what is read from the settlement report of the business portal."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.sources.settlement.conftest import (
    ENGLISH,
    FINNISH,
    NORWEGIAN,
    as_portal_csv,
    one_day,
    portal_row,
)
from vippsrecon import preview

TOTALS = {"captures_minor": 30000, "refunds_minor": 5000, "fees_minor": 600, "payouts_minor": 24400}


def funds(result) -> list[tuple[str, int]]:
    """Return type and amount of the entries on the topic funds."""
    entries = result.entries.filter(pl.col("topic") == "funds")
    return entries.select("entry_type", "amount_minor").rows()


def test_day_becomes_entries_and_a_payout(read):
    """The funds foot to zero, and each fee is once on the topic fees."""
    result = read(as_portal_csv(one_day()))
    assert funds(result) == [
        ("capture", 10000), ("capture", 20000), ("refund", -5000), ("fees-retained", -600),
        ("payout-scheduled", -24400),
    ]  # fmt: skip
    fees = result.entries.filter(pl.col("topic") == "fees").select("entry_type", "amount_minor")
    assert fees.rows() == [("capture-fee", -200), ("capture-fee", -400), ("fees-retained", 600)]
    assert result.entries["amount_minor"].sum() == 0
    assert result.files[0].totals == {"NOK": TOTALS}
    assert result.files[0].notes == ()
    assert result.payouts.drop("source_file", "source_row").to_dicts() == [
        {
            "ledger_id": "302321",
            "msn": "123456",
            "payout_number": "2000001",
            "ledger_date": date(2026, 10, 1),
            "currency": "NOK",
            "amount_minor": 24400,
            "expected_bank_date": date(2026, 10, 6),
            "status": "scheduled",
            "account": "NO9386011117947",
            "bank_text": "Utb. 2000001 Vippsnr 123456",
        }
    ]


def test_entry_has_its_own_time_day_and_balance(read):
    """Night entries belong to the day before; a time is the merchant's local time."""
    (first, *_, last) = read(as_portal_csv(one_day())).entries.to_dicts()
    assert first["entry_at"] == datetime(2026, 10, 1, 10, tzinfo=UTC)
    assert (first["ledger_date"], first["reference"]) == (date(2026, 10, 1), "order-0001")
    assert (first["balance_before_minor"], first["balance_after_minor"]) == (0, 10000)
    assert (last["ledger_date"], last["entry_at"]) == (
        date(2026, 10, 1),
        datetime(2026, 10, 1, 22, 12, 7, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("headings", "labels"),
    [
        pytest.param(
            ENGLISH, ("Capture", "Refund", "Fees retained", "Payout scheduled"), id="English",
        ),
        pytest.param(
            FINNISH, ("Toteutunut", "Hyvitys", "Palkkiot vähennetty", "Maksu suunniteltu"), id="Finnish",
        ),
    ],
)  # fmt: skip
def test_other_languages_of_the_portal(read, headings, labels):
    """Each user downloads the report in the language of the portal."""
    result = read(as_portal_csv(one_day(labels), headings))
    assert result.files[0].totals == {"NOK": TOTALS}
    assert result.payouts["payout_number"].to_list() == ["2000001"]


def test_order_of_columns_delimiter_and_mark_do_not_matter(read):
    """Columns are matched by name; a spreadsheet writes semicolons and a byte order mark."""
    places = list(range(len(NORWEGIAN)))[::-1]
    rows = [[row[place] for place in places] for row in one_day()]
    headings = [NORWEGIAN[place] for place in places]
    result = read("\ufeff" + as_portal_csv(rows, headings, ";"))
    assert result.files[0].totals == {"NOK": TOTALS}


def test_no_column_with_customers_is_read(read):
    """Names, phone numbers and messages are in the file, and nowhere after it."""
    result = read(as_portal_csv([*one_day(), portal_row("Belastning", "x", "")]))
    everything = repr((result.entries.to_dicts(), result.rejects.to_dicts(), result.files))
    assert "Kari" not in everything
    assert "1234\\n" not in everything
    assert "på deg" not in everything


def test_reject_of_a_shifted_row_shows_no_name(read):
    """A cell too many moves names into the columns of amounts and sales units."""
    row = portal_row("Belastning", "1.00", "", msn="Ola Nordmann")
    (reject,) = read(as_portal_csv([*one_day(), row])).rejects.to_dicts()
    assert (reject["column"], reject["value"]) == ("MSN/Vippsnummer", None)


def test_workbook_is_read_from_its_sheet_of_details(read_sheets):
    """A summary sheet comes first; amounts and days are numbers and dates of the sheet."""
    rows = [
        [float(cell) if place in (7, 8, 9) and cell else cell for place, cell in enumerate(row)]
        for row in one_day()
    ]
    rows[0][5] = date(2026, 10, 1)
    result = read_sheets({"Summary": [["Oppgjør"], ["a", "b"]], "Details": [NORWEGIAN, *rows]})
    assert result.files[0].totals == {"NOK": TOTALS}
    assert result.entries["ledger_date"].unique().to_list() == [date(2026, 10, 1)]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (portal_row("Belastning", "1,00", ""), "Beløp", "is not an amount with a decimal point"),
        (portal_row("Belastning", "", ""), "Beløp", "the row has no amount"),
        (portal_row("Belastning", "1.005", ""), "Beløp", "has more decimals than NOK has (2)"),
        (portal_row("Belastning", "1.00", "", "x"), "Gebyr", "is not an amount with a decimal point"),
        (portal_row("Belastning", "1.00", "", day=""), "Bokføringsdato", "is not a day such as 2026-12-31"),
        (portal_row("Belastning", "1.00", "", time="noon"), "Tidspunkt", "is not a time such as 2026-12-31 23:59:59"),
        (portal_row("Belastning", "1.00", "", currency="CHF"), "Valuta", "is not a currency that is paid out"),
        (portal_row("Belastning", "1.00", "", msn="shop"), "MSN/Vippsnummer", "is not the number of a sales unit"),
        (portal_row("", "1.00", ""), "Type", "the row has no type"),
    ],
)  # fmt: skip
def test_row_that_cannot_be_used_is_a_reject(read, row: list[str], column: str, reason: str):
    """It is named by row and heading; the other rows are read."""
    result = read(as_portal_csv([*one_day(), row]))
    (reject,) = result.rejects.to_dicts()
    assert (reject["column"], reject["reason"]) == (column, reason)
    assert result.files[0].totals == {"NOK": TOTALS}


def test_unknown_type_is_kept_with_its_sign(read):
    """Vipps MobilePay adds types; money of one must not vanish from the ledger."""
    result = read(as_portal_csv([portal_row("Bonus fra himmelen", "7.00", "7.00")]))
    assert funds(result) == [("bonus fra himmelen", 700)]
    assert any("'Bonus fra himmelen'" in note for note in result.files[0].notes)


def test_refund_without_a_minus_sign_is_money_out(read):
    """Then the balance after it shows a sum that only a refund explains."""
    result = read(as_portal_csv([portal_row("Refundering", "50.00", "-50.00")]))
    assert funds(result) == [("refund", -5000)]
    assert any("no minus sign" in note for note in result.files[0].notes)


def test_broken_balance_is_said(read):
    """A missing row shows where one balance does not lead to the next."""
    rows = one_day()
    result = read(as_portal_csv([*rows[:2], *rows[3:]]))
    assert any(
        "The balance of ledger 302321 in NOK breaks in 1 place" in n for n in result.files[0].notes
    )
    assert read(as_portal_csv(rows[::-1])).files[0].notes == ()


def test_fee_retained_on_another_day_is_said(read):
    """What was taken from the payout counts, and the difference is named."""
    rows = one_day()
    rows[0] = portal_row("Belastning", "100.00", "100.00", "-2.50", psp="1")
    result = read(as_portal_csv(rows))
    assert result.files[0].totals["NOK"]["fees_minor"] == 600
    assert any("6.00 NOK of fees were retained" in note for note in result.files[0].notes)


def test_fees_that_are_invoiced_count_as_charged(read):
    """With gross settlement nothing is retained."""
    result = read(as_portal_csv([portal_row("Belastning", "100.00", "100.00", "-2.00")]))
    assert result.files[0].totals["NOK"]["fees_minor"] == 200


def test_two_currencies_of_one_sales_unit_are_summed_apart(read):
    """Amounts are never added across currencies."""
    rows = [
        portal_row("Belastning", "1.00", "1.00"),
        portal_row("Belastning", "2.00", "2.00", currency="EUR", psp="2"),
    ]
    result = read(as_portal_csv(rows))
    assert {code: sums["captures_minor"] for code, sums in result.files[0].totals.items()} == {
        "NOK": 100,
        "EUR": 200,
    }
    assert any("entries in EUR, NOK" in note for note in result.files[0].notes)


def test_overlapping_files_count_each_entry_once(read):
    """A report of the week contains the report of the day."""
    day = one_day()
    later = portal_row(
        "Belastning", "9.00", "9.00", psp="9", day="2026-10-02", time="2026-10-02 09:00:00"
    )
    result = read(as_portal_csv(day), as_portal_csv([*day, later]))
    assert len(funds(result)) == 6
    assert result.payouts.height == 1
    assert any("in several files" in note for note in result.notes)


@pytest.mark.parametrize("files", ["one file", "two files", "only the later file"])
def test_aborted_payout_is_one_row(read, files):
    """The file lists the payout and that it was aborted; it is one payout, and its amount is what was sent."""
    back = portal_row(
        "Utbetaling avbrutt", "244.00", "244.00", psp="302321-2000001", reference="",
        day="2026-10-03", time="2026-10-03 09:00:00",
    )  # fmt: skip
    contents = {
        "one file": [[*one_day(), back]],
        "two files": [one_day(), [back]],
        "only the later file": [[back]],
    }[files]

    result = read(*map(as_portal_csv, contents))

    assert result.payouts.select("payout_number", "status", "amount_minor").rows() == [
        ("2000001", "aborted", 24400)
    ]
    assert funds(result)[-1] == ("payout-aborted", 24400)


def test_preview_states_totals_as_documented(read, tmp_path):
    """All four sums are positive: captures less the others stay on the ledger."""
    read(as_portal_csv(one_day()))
    (shown,) = preview(tmp_path / "1.csv")["files"]
    assert (shown["kind"], shown["format"], shown["rows"]) == ("settlement", "vipps-portal", 5)
    assert shown["period"] == ["2026-10-01", "2026-10-01"]
    assert shown["totals"] == {"NOK": TOTALS}
    assert shown["notes"] == ["Sales unit: 123456."]


def test_example_of_the_documentation_runs_as_printed(root, tmp_path, monkeypatch):
    """Two weeks overlap in a day, which counts once."""
    page = (root / "docs" / "settlement-files.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for week in ("week-40.csv", "week-41.csv"):
        (tmp_path / week).write_text(as_portal_csv(one_day()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(block, names)
    assert names["settlement"].payouts["amount_minor"].to_list() == [24400]
