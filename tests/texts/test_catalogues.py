"""Test that the catalogues of all languages hold the same texts."""

from __future__ import annotations

import re

import pytest

from vippsrecon.errors import InputError
from vippsrecon.report import names
from vippsrecon.report.columns import list_columns
from vippsrecon.texts import (
    LANGUAGES,
    format_money,
    format_number,
    format_share,
    get_language,
    list_section,
    list_texts_in,
    say,
    use_language,
)
from vippsrecon.texts.catalogue import CountedText, load_catalogue

OTHERS = LANGUAGES[1:]

SAME_WORDS = {
    "check.database",
    "check.hours",
    "check.plans",
    "check.version",
    "preview.sums.orders",
    "desk.operation",
    "controls.ok",
    "units.moment",
    "table.order",
    "table.status",
    "table.reference",
    "table.difference",
    "links.order",
    "links.portal",
    "facts.period",
    "digest.order",
    "columns.shared.order_number.heading",
    "columns.ledger.entry_type.heading",
    "columns.payouts_bank.status.heading",
    "columns.payouts_bank.text.heading",
    "columns.vouchers.status.heading",
    "columns.vouchers.text.heading",
    "columns.shared.reference.heading",
    "columns.shared.discrepancy_id.heading",
    "columns.discrepancies.difference_minor.heading",
    "columns.discrepancies.msn_key.heading",
    "columns.discrepancies.reference_key.heading",
    "columns.discrepancies.row_hash.heading",
    "columns.events.psp_reference.heading",
    "columns.payments.psp_reference.heading",
    "columns.orders.status.heading",
    "columns.orders.status.about",
    "columns.rejects.reference.heading",
    "columns.rejects.status.heading",
    "columns.rejects.operation.heading",
    "columns.rejects.operation.about",
    "checks.difference",
    "settings.market",
    "files.kinds.bank",
    "files.kinds.plan",
}
"""Texts that may be as in English: the same word, a code, or the name of a hidden column."""

MAX_SHEET_NAME = 31
"""Characters. Source: support.microsoft.com, Rename a worksheet; so are those that are not allowed."""


def list_forms(text):
    """Return the forms of a text."""
    return tuple(text) if isinstance(text, CountedText) else (text,)


def find_placeholders(text):
    """Return the names in braces of all forms of a text."""
    return {name for form in list_forms(text) for name in re.findall(r"(?<!\{)\{(\w*)\}", form)}


@pytest.mark.parametrize("language", OTHERS)
def test_languages_have_the_same_texts(language):
    """A missing text stops a report; one too many is never shown."""
    english, other = load_catalogue("en"), load_catalogue(language)

    assert set(other) == set(english)
    for key, text in english.items():
        assert type(other[key]) is type(text), key
        assert find_placeholders(other[key]) == find_placeholders(text), key


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language):
    """A text that was forgotten is empty, or still in English."""
    for key, text in load_catalogue(language).items():
        english = load_catalogue("en")[key]
        words = re.sub(r"\{\w*\}", "", "".join(list_forms(english)))
        for form in list_forms(text):
            assert form.strip(), key
        if re.search(r"[A-Za-z]{3}", words) and key not in SAME_WORDS:
            assert text != english, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_sheet_names_are_allowed_by_excel(language):
    """Excel refuses to open a workbook with another name."""
    names = list(list_texts_in("sheets", language).values())

    assert len(set(map(str.lower, names))) == len(names)
    for name in names:
        assert len(name) <= MAX_SHEET_NAME
        assert not re.search(r"[\[\]:*?/\\']", name)


def test_a_report_is_recognised_by_the_names_of_its_sheets():
    """A report is read back in the language in which it was written."""
    pairs = {
        (texts["discrepancies"], texts["controls"])
        for texts in (list_texts_in("sheets", language) for language in LANGUAGES)
    }

    assert len(pairs) == len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sheet", ["discrepancies", "payments"])
def test_headings_of_a_sheet_differ(sheet, language):
    """A column is found by its heading when a report is read back."""
    with use_language(language):
        headings = [column.header for column in list_columns(sheet)]

    assert len(set(headings)) == len(headings)


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_are_read_back_or_counted_differ(language):
    """Two decisions or changes with one word could not be told apart."""
    for section in ("decisions", "changes.words", "severities"):
        words = list(list_texts_in(section, language).values())

        assert len(set(words)) == len(words), section


@pytest.mark.parametrize("language", LANGUAGES)
def test_places_of_bridge_lines_name_sheets_of_the_workbook(language):
    """A controller who looks for a sheet or a heading must find it under that name."""
    with use_language(language):
        sheets = list_section("sheets")
        headings = {
            column.header
            for sheet in ("orders", "matched", "discrepancies", "events")
            for column in list_columns(sheet)
        }
        for line, place in names.list_line_places().items():
            assert any(name in place for name in sheets.values()), line
            assert set(re.findall(r"(\w+) = ", place)) <= headings, line


@pytest.mark.parametrize(
    ("language", "number", "money", "share"),
    [
        ("en", "1,234,567", "-59,845.60 NOK", "33.3%"),
        ("nb", "1\u00a0234\u00a0567", "-59\u00a0845,60 NOK", "33,3\u00a0%"),
        ("da", "1.234.567", "-59.845,60 NOK", "33,3\u00a0%"),
        ("sv", "1\u00a0234\u00a0567", "-59\u00a0845,60 NOK", "33,3\u00a0%"),
        ("fi", "1\u00a0234\u00a0567", "-59\u00a0845,60 NOK", "33,3\u00a0%"),
    ],
)
def test_numbers_are_as_the_language_writes_them(language, number, money, share):
    """A dot that ends the thousands in Danish begins the decimals in English."""
    with use_language(language):
        assert format_number(1_234_567) == number
        assert format_money(-5_984_560, "NOK") == money
        assert format_share(1, 3) == share


def test_language_ends_with_its_block():
    """A report in one language must not change the language of the next."""
    with use_language("fi"):
        assert say("headings.controls") == "Tarkastus"

    assert get_language() == "en"


def test_unknown_language_is_refused():
    """The message names the languages that there are."""
    with (
        pytest.raises(InputError, match="'no' is not one of en, nb, da, sv, fi"),
        use_language("no"),
    ):
        pass
