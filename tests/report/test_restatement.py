"""Test what a report shows of a closed month that is different now."""

from __future__ import annotations

import openpyxl
import pytest

from tests.report.example_results import Month, frame
from tests.report.test_money_sheets import list_rows
from vippsrecon import schemas
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.restated import MAX_SENTENCE, describe_restatement
from vippsrecon.texts import LANGUAGES, say, use_language


def fact(side, change, before, after, **changes):
    """Return a fact of October that is different."""
    return {
        "period": "2026-10", "side": side, "fact_key": f"{side}:{change}", "msn": "123456",
        "reference": f"ref-{side}", "currency": "NOK", "change": change, "before_minor": before,
        "after_minor": after, "difference_minor": (after or 0) - (before or 0),
        "before_detail": None, "after_detail": None, "cause": f"{side} is {change}.", **changes,
    }  # fmt: skip


FACTS = [
    fact("orders", "amount", 10_000, 9_000),
    fact("ledger_entries", "added", None, -700, after_detail="correction"),
    fact("ledger_entries", "removed", 200, None, before_detail="top-up"),
    fact("events", "added", None, 50, period="2026-09", currency="DKK"),
]


def make_result(facts=FACTS, language="en"):
    """Return a month with one pair, and what is different in closed months."""
    month = Month()
    month.pair("order-1", 10_000, 10_000)
    result = month.reconciliation(restatement=frame(schemas.RESTATEMENT, facts))
    return result.with_changes(manifest=result.manifest | {"language": language})


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Write the workbook once."""
    path = write_workbook(make_result(), tmp_path_factory.mktemp("restated") / "report.xlsx")
    return openpyxl.load_workbook(path)


def test_sheet_lists_what_changed_and_why(book):
    """The latest month first; what is not there is empty, not zero."""
    rows = list_rows(book["Restatement"])

    assert [
        (row["Month"], row["Fact"], row["Change"], row["At closing"], row["Now"], row["Difference"])
        for row in rows
    ] == [
        ("2026-10", "Ledger entry", "added", None, -7, -7),
        ("2026-10", "Ledger entry", "removed", 2, None, -2),
        ("2026-10", "Shop order", "amount", 100, 90, -10),
        ("2026-09", "Event of a payment", "added", None, 0.5, 0.5),
    ]
    assert rows[0]["Why"] == "ledger_entries is added."
    assert rows[0]["Detail now"] == "correction"


def test_first_page_has_the_sums_and_leads_to_the_sheet(book):
    """Sums are those of a side and a currency: the same money is an event, an entry and a payout."""
    links = [
        str(cell.value)
        for row in book["Summary"].iter_rows(max_row=20)
        for cell in row
        if "Restatement" in str(cell.value)
    ]

    assert len(links) == 2
    assert "Ledger entry: 2 (-9.00 NOK); Shop order: 1 (-10.00 NOK)" in links[0]
    assert "2026-09 is different now. Event of a payment: 1 (0.50 DKK)." in links[1]
    assert all(link.startswith("=HYPERLINK(\"#'Restatement'!A1\"") for link in links)


def test_amounts_of_different_kinds_are_not_added(book):
    """Only rows are counted per currency."""
    sheet = book["Restatement"]
    totals = [row for row in sheet.iter_rows(max_row=4) if str(row[0].value).startswith("Total")]

    assert totals
    assert all(cell.value is None for row in totals for cell in row[5:8])


def test_page_has_the_same_rows(tmp_path):
    """And a link to them beside those of the other sections."""
    page = write_html(make_result(), tmp_path / "report.html").read_text(encoding="utf-8")

    assert '<a href="#restatement">' in page
    assert "ledger_entries is added." in page
    assert "top-up → –" in page
    assert "Ledger entry: 2" in page


def test_report_without_differences_has_no_sheet(tmp_path):
    """Nothing is said where nothing changed."""
    result = make_result([])
    path = write_workbook(result, tmp_path / "report.xlsx")
    page = write_html(result, tmp_path / "report.html").read_text(encoding="utf-8")

    assert "Restatement" not in openpyxl.load_workbook(path, read_only=True).sheetnames
    assert 'id="restatement"' not in page


def test_long_sentence_becomes_a_count():
    """A text in a formula has 255 characters at most."""
    facts = [
        fact(side, "added", None, 10**14, currency=currency)
        for side in schemas.PERIOD_SIDES
        for currency in ("NOK", "DKK", "SEK", "EUR")
    ]
    (sentence,) = describe_restatement(make_result(facts).polars_frame("restatement"))

    assert sentence == "Closed month 2026-10 is different now in 20 facts. See sheet Restatement."
    assert len(sentence) <= MAX_SENTENCE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_sheet(language, tmp_path):
    """Its name, the words of its cells, and the sentence on the first page."""
    path = write_workbook(make_result(language=language), tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(path, data_only=True)
    with use_language(language):
        name = say("sheets.restatement")
        words = {say("restatement.changes.added"), say("restatement.sides.ledger_entries")}
        sentence = describe_restatement(make_result().polars_frame("restatement"))[0]

    cells = {cell.value for row in book[name].iter_rows() for cell in row}
    assert words <= cells
    assert any(cell.value == sentence for cell in book.worksheets[0]["B"])
