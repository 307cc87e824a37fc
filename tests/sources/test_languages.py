"""Test that what readers write about a file is in the language of the report, as its workbook shows it."""

from __future__ import annotations

import pytest

from tests.sources.bank.conftest import document, entry, statement
from tests.sources.settlement.conftest import as_portal_csv, one_day, portal_row
from tests.texts.english import list_english_phrases
from vippsrecon.sources import read_order_files
from vippsrecon.sources.bank import read_bank_files
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.settlement import read_settlement_files
from vippsrecon.texts import LANGUAGES, use_language

ORDERS = "\n".join(
    [
        "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at",
        "123456,ord-000001,1,NOK,499.00,0.00,fulfilled,2026-01-03T10:00:00+01:00,",
        "123456,ord-000001,1,NOK,499.00,0.00,fulfilled,2026-01-03T10:00:00+01:00,",
        "123456,ord-2xxx,2,NOK,4.5055,,open,,",
        "123456,ord-2xxx,2,NOK,4.505,,open,,",
        "123456,ord-2xxx,2,NOK,1 234.50,,open,,",
        "123456,ord-2xxx,2,NOK,-4.50,,open,,",
        "123456,ord-2xxx,2,NOK,,,open,,",
        "123456,ord-2xxx,2,NOK,4.5\u200b0,,open,,",
        "123456,ord-2xxx,2,NOK,99999999999999,,open,,",
        "123456,ord-2xxx,2,XXX,5,,open,,",
        "12-34,ord-2xxx,2,NOK,5,,open,,",
        "123456,ord-2xxx,2,NOK,5,,open,31.02.2026,",
        f"123456,{'r' * 65},2,NOK,5,,open,,",
        "123456,ord-2xxx,2,NOK",
        "123456,ord-2xxx,2,NOK,5,,open,,,more",
        '123456,"ord"-2xxx,2,NOK,5,,open,,',
        "123456,ord-3xxx,3,NOK,1.00,,open,,",
        "reference,msn,order_number,currency,total,refunded,status,ordered_at,fulfilled_at",
        "Sum,,,,500.00,,,,",
    ]
)
SETTLEMENT = as_portal_csv(
    [
        *one_day(),
        portal_row("Belastning", "1,00", ""),
        portal_row("Belastning", "", ""),
        portal_row("Belastning", "1.00", "", day=""),
        portal_row("Belastning", "1.00", "", time="noon"),
        portal_row("Belastning", "1.00", "", currency="CHF"),
        portal_row("Belastning", "1.00", "", msn="shop"),
        portal_row("", "1.00", ""),
    ]
)
STATEMENT = document(
    statement(
        [
            entry("1.00"),
            entry("-5.00"),
            entry(""),
            entry(currency="kr"),
            entry(currency=""),
            entry(direction="IN"),
            entry(status="<Sts>MAYBE</Sts>"),
            entry(day="2026-02-31"),
            entry("7.00", reference="A1"),
            entry("7.00", reference="A1"),
        ]
    )
)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the files in a language, and returns their rejects."""
    files = {"orders.csv": ORDERS, "settlement.csv": SETTLEMENT, "bank.xml": STATEMENT}
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def read_in(language):
        with use_language(language):
            orders = read_order_files([tmp_path / "orders.csv"], None).rejects
            settlement = read_settlement_files([tmp_path / "settlement.csv"]).rejects
            bank = read_bank_files([tmp_path / "bank.xml"]).rejects
            rejects = [Reject(*row) for frame in (orders, settlement, bank) for row in frame.rows()]
            return rejects, [reject.describe() for reject in rejects]

    return read_in


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_reasons_of_rejects_have_no_english(read, language):
    """They stand on the sheet of rejects, which is mailed."""
    english, _ = read("en")
    rejects, sentences = read(language)
    phrases = list_english_phrases(language)

    assert [reject[:4] for reject in rejects] == [reject[:4] for reject in english]
    assert len({reject.reason for reject in rejects}) > 25
    assert not {reject.reason for reject in rejects} & {reject.reason for reject in english}
    assert [one for one in sentences if any(phrase in one for phrase in phrases)] == []


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "row 7: total is negative (total = '-4.50')"),
        ("nb", "rad 7: total er et negativt beløp (total = '-4.50')"),
        ("da", "række 7: total er et negativt beløb (total = '-4.50')"),
        ("sv", "rad 7: total är ett negativt belopp (total = '-4.50')"),
        ("fi", "rivi 7: total on negatiivinen summa (total = '-4.50')"),
    ],
)
def test_reject_is_a_sentence(read, language, sentence):
    """The column is its subject where the reason begins with a verb."""
    _, sentences = read(language)

    assert sentence in sentences
