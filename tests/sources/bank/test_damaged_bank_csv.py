"""Test bank CSV files that were joined, or changed by a spreadsheet."""

from __future__ import annotations

import pytest

from tests.sources.bank.test_bank_csv import FORMS, PAYOUT, encode
from vippsrecon.errors import SourceError

COPY = "is an exact copy of a row above; it is counted once"


@pytest.mark.parametrize("form", sorted(FORMS))
def test_file_that_was_joined_to_itself_counts_once(read, form: str):
    """Few banks write a reference into each row, so the second heading row is what shows it."""
    content = encode(form)
    once = read(content, suffix=".csv")
    twice = read(content + b"\n" + content.removeprefix(b"\xef\xbb\xbf"), suffix=".csv")
    assert twice.lines["amount_minor"].to_list() == once.lines["amount_minor"].to_list()
    assert twice.provisional.height == once.provisional.height
    assert twice.files[0].totals == once.files[0].totals
    assert COPY in twice.rejects["reason"].to_list()


def test_two_payments_of_one_download_stay_two(read):
    """Below the second heading row they are there once more, and not a third time."""
    head, *rows = FORMS["dnb"].split("\r\n")
    twins = "\r\n".join([head, rows[0], rows[0], ""])
    assert read(twins + twins, suffix=".csv").lines["amount_minor"].to_list() == [157200, 157200]


def test_joined_days_are_all_read(read):
    """The second file continues the first."""
    later = FORMS["dnb"].replace("30.04.2026", "04.05.2026").replace("29.04.2026", "05.05.2026")
    result = read(f"{FORMS['dnb']}\r\n{later}", suffix=".csv")
    assert sorted(result.lines["amount_minor"]) == [-600, -600, 157200, 157200]


def test_negative_money_in_is_a_reject(read):
    """A correction would be money out; taken for money in, it would be a payout."""
    result = read(FORMS["dnb"].replace('"1 572,00"', '"-1 572,00"'), suffix=".csv")
    (reject,) = result.rejects.to_dicts()
    assert (reject["column"], reject["reason"]) == (
        "Inn på konto",
        "is negative, and a row of this type is money in",
    )


def test_days_with_the_month_first_are_refused(read):
    """Saved in an American Excel, the 4th of May looks like the 5th of April."""
    content = (
        FORMS["nordea-no"].replace("2026/04/30", "04/30/2026").replace("2026/04/29", "05/04/2026")
    )
    with pytest.raises(SourceError, match=r"column 'Bokføringsdato': the month comes first in"):
        read(content, suffix=".csv")
    days = read(content.replace("04/30", "30/04"), suffix=".csv").lines["booked_date"]
    assert [str(day) for day in days] == ["2026-04-30", "2026-04-05"]


@pytest.mark.parametrize("number", ["2.00123E+18", "2,00123456001E+18"])
def test_reference_that_a_spreadsheet_shortened_is_said(read, number: str):
    """The Danish and Finnish text of a payout is a number of 20 digits, and Excel keeps 15."""
    content = FORMS["op"].replace("02001234560010402244", number)
    assert any(
        "a spreadsheet shortened" in note for note in read(content, suffix=".csv").files[0].notes
    )


def test_form_without_a_payout_has_no_such_note(read):
    """A text with an E and digits is not a number."""
    content = FORMS["dnb"].replace(PAYOUT, "Faktura 12E+3A")
    assert not any("shortened" in note for note in read(content, suffix=".csv").files[0].notes)
