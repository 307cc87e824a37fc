"""Test settlement files that were joined, repeated, or changed by a spreadsheet."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.sources.settlement.conftest import (
    NORWEGIAN,
    as_portal_csv,
    one_day,
    portal_row,
)
from tests.sources.settlement.test_older_forms import FLAT, ROWS, SECTIONED, as_text, payout, report
from tests.sources.settlement.test_portal import TOTALS as OF_ONE_DAY
from vippsrecon.errors import SourceError

SECTIONS = SECTIONED.format(net="245.50", unit="123456", id="2000001")
XML = report("Net", "245.50")
OLDER = {
    "flat": (as_text(ROWS), ".csv"),
    "sectioned": (SECTIONS, ".csv"),
    "XML": (XML, ".xml"),
}
COPY = "is an exact copy of a row above; it is counted once"


def sums(result) -> list[dict[str, int]]:
    """Return the totals of each file."""
    return [file.totals["NOK"] for file in result.files]


def test_report_that_was_joined_to_itself_counts_once(read):
    """A ledger that begins and ends each day at zero has no balance that would show it."""
    report = as_portal_csv(one_day())
    result = read(report + report)
    assert sums(result) == [OF_ONE_DAY]
    assert result.payouts.height == 1
    assert result.rejects["reason"].to_list().count(COPY) == 5


def test_row_that_is_there_twice_counts_once(read):
    """The operation has one id, so it is one operation, although no balance contradicts it."""
    rows = [[*row[:8], "", *row[9:]] for row in one_day()]
    result = read(as_portal_csv([*rows, rows[0]]))
    assert sums(result) == [OF_ONE_DAY]
    assert result.rejects.select("source_row", "reason").rows() == [(12, COPY)]


def test_equal_rows_without_an_id_both_count(read):
    """Two corrections of one amount on one day are real."""
    rows = [portal_row("Korreksjon", "5.00", "", psp="", reference="") for _ in range(2)]
    result = read(as_portal_csv(rows))
    assert result.entries["amount_minor"].to_list() == [500, 500]


@pytest.mark.parametrize("form", ["flat", "sectioned"])
def test_older_file_that_was_joined_to_itself_counts_once(read, form: str):
    """Its own sum proves that each transaction happened once."""
    content, suffix = OLDER[form]
    once = read(content, suffix=suffix)
    twice = read(content * 2, suffix=suffix)
    assert sums(twice) == sums(once)
    assert twice.files[0].notes == ()
    assert twice.rejects["reason"].to_list().count(COPY) == 3


def test_equal_transactions_that_the_sum_counts_both_count(read):
    """The stated sum is the proof, whatever the ids say."""
    result = read(as_text([*ROWS[:3], ROWS[0], payout(344.0)]))
    assert result.files[0].totals["NOK"]["captures_minor"] == 40000
    assert result.rejects.is_empty()


def test_repeated_transaction_of_a_settlement_without_a_sum_counts_once(read):
    """Nothing states the sum; the id is what tells copies from payments."""
    content = XML.replace("<SettledAmount>245.50</SettledAmount>", "")
    start, end = content.index("<TransactionInfo>"), content.index("</TransactionInfo>") + 18
    result = read(content[:end] + content[start:], suffix=".xml")
    assert result.files[0].totals["NOK"]["captures_minor"] == 30000
    assert any("no sum in the file" in note for note in result.files[0].notes)


def test_one_settlement_in_two_forms_is_refused(tmp_path):
    """The forms name the entries differently, so nothing would show that they are the same."""
    from vippsrecon.sources.settlement import read_settlement_files

    paths = [tmp_path / "flat.csv", tmp_path / "sections.csv"]
    paths[0].write_text(as_text(ROWS).replace("2000461", "2000001"), encoding="utf-8")
    paths[1].write_text(SECTIONS, encoding="utf-8")
    with pytest.raises(SourceError, match=r"^flat\.csv: payout 2000001 is in sections\.csv too"):
        read_settlement_files(paths)


def test_report_without_a_payout_has_the_ledger_of_the_next_report(read):
    """Downloaded at noon, a report does not name its ledger yet; its entries are not other ones."""
    result = read(as_portal_csv(one_day()[:3]), as_portal_csv(one_day()))
    assert result.entries.height == 8
    assert set(result.entries["ledger_id"]) == {"302321"}


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (portal_row("Belastning", "−5.00", ""), "Beløp", "is negative, and a row of this type is money in"),
        (portal_row("Utbetaling planlagt", "5.00", ""), "Beløp", "is positive, and it should be money out"),
        (portal_row("Belastning", "5.00", "", "2.00"), "Gebyr", "is positive, and it should be money out"),
        (
            portal_row("Utbetaling planlagt", "-5.00", "", payout=("2000002", "", "2026-10-0")),
            "Planlagt utbetalingsdato", "is not a day such as 2026-12-31",
        ),
        (
            portal_row("Utbetaling planlagt", "-5.00", "", payout=("2.00E+06", "", "")),
            "Utbetalingsnummer", "is not the number of a payout",
        ),
    ],
)  # fmt: skip
def test_row_that_contradicts_itself_is_a_reject(read, row, column: str, reason: str):
    """A refund is read as money out with any sign; for these types no other sign is known."""
    result = read(as_portal_csv([*one_day(), row]))
    (reject,) = result.rejects.to_dicts()
    assert (reject["column"], reject["reason"][: len(reason)]) == (column, reason)
    assert sums(result) == [OF_ONE_DAY]


@pytest.mark.parametrize("second", ["Beløp", "Amount", "\ufeffbeløp "])
def test_second_column_of_one_field_is_refused(read, second: str):
    """Either may be the right one, also where the two are in two languages."""
    headings = [*NORWEGIAN[:13], second, *NORWEGIAN[14:]]
    with pytest.raises(SourceError, match="several columns are headed 'Beløp'"):
        read(as_portal_csv(one_day(), headings))


def test_second_column_of_an_older_form_is_refused(read):
    """The last one would be read, and customers' names would be amounts."""
    with pytest.raises(SourceError, match="several columns are headed 'Brutto'"):
        read(as_text(ROWS).replace(FLAT[-1], "Brutto", 1))


def test_apostrophe_before_an_id_is_removed(read):
    """Programs put it before digits, so that a spreadsheet keeps their zeros."""
    rows = [
        portal_row("Belastning", "5.00", "5.00", psp="'0123", reference="'000000123", msn="'123456")
    ]
    entries = read(as_portal_csv(rows)).entries
    assert entries.select("msn", "psp_reference", "reference").row(0) == (
        "123456",
        "0123",
        "000000123",
    )


def test_reference_that_a_spreadsheet_shortened_is_said(read):
    """Its money is right, but no payment has such a reference."""
    result = read(
        as_portal_csv([portal_row("Belastning", "5.00", "5.00", reference="2.00123E+19")])
    )
    assert result.entries["reference"].to_list() == ["2.00123E+19"]
    assert any("shortened by a spreadsheet (2.00123E+19)" in note for note in result.files[0].notes)


def test_missing_column_is_unknown_and_said(read):
    """Without the column of fees they are not zero: another portal may call it otherwise."""
    headings = [name if name != "Gebyr" else "Avgift" for name in NORWEGIAN]
    result = read(as_portal_csv(one_day()[:2], headings))
    assert result.entries.filter(pl.col("topic") == "fees").is_empty()
    assert any("no column 'Gebyr'" in note for note in result.files[0].notes)


@pytest.mark.parametrize(
    ("content", "suffix", "problem"),
    [
        (b"PK\x05\x06" + bytes(18), ".zip", "this is a zip archive; unpack it"),
        (b"\x1f\x8b\x08\x00" + bytes(20), ".gz", "compressed by gzip; unpack it"),
    ],
)
def test_packed_file_is_named(read, content: bytes, suffix: str, problem: str):
    """A download of several reports comes as one archive."""
    with pytest.raises(SourceError, match=problem):
        read(content, suffix=suffix)


def test_workbook_that_a_spreadsheet_saved_again(read_sheets):
    """Excel and LibreOffice turn texts of digits into numbers, and times and days into dates."""
    rows: list[list[object]] = []
    for row in one_day():
        cells: list[object] = list(row)
        for place in (1, 7, 8, 9, 16, 18):
            if row[place].replace(".", "").lstrip("-").isdecimal():
                cells[place] = float(row[place])
        cells[4], cells[5] = datetime.fromisoformat(row[4]), date.fromisoformat(row[5])
        rows.append(cells)
    result = read_sheets({"Details": [NORWEGIAN, *rows]})
    assert result.rejects.is_empty()
    assert sums(result) == [OF_ONE_DAY]
    assert result.payouts["payout_number"].to_list() == ["2000001"]
    assert result.entries["psp_reference"].to_list()[:2] == ["1", "1"]
    assert result.entries["entry_at"][0] == datetime(2026, 10, 1, 10, tzinfo=UTC)


def test_digits_that_a_workbook_lost_are_said(read_sheets):
    """A cell with a number keeps 15 digits; the invented Danish reference has 20."""
    row: list[object] = list(portal_row("Belastning", "5.00", "5.00"))
    row[17] = 2001234560010402244.0
    result = read_sheets({"Details": [NORWEGIAN, row]})
    assert any("shortened by a spreadsheet" in note for note in result.files[0].notes)
