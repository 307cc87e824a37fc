"""Test that what readers write about a file is in the language of the report, as its workbook shows it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.sources.bank.conftest import ACCOUNT, document, entry, statement
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


UNUSUAL_SETTLEMENT = as_portal_csv(
    [
        *one_day(),
        portal_row("Noe nytt", "1.00", "99.00"),
        portal_row("Refundering", "5.00", "77.00"),
        portal_row("Belastning", "1.00", "", "0.50"),
        portal_row("Belastning", "1.00", "", currency="EUR"),
    ]
)
UNUSUAL_STATEMENTS = (
    document(
        statement(
            [
                entry("1.00"),
                entry("1.00"),
                entry("2.00", day=""),
                entry("3.00", currency="CHF"),
                entry("4.00", status="<Sts>INFO</Sts>"),
                entry("6.00", status="<Sts>PDNG</Sts>"),
            ],
            opening="100.00",
            closing="999.00",
            sequence="3",
        ),
        statement(
            [entry("9.00", day="2026-11-02")], days=("2026-11-01", "2026-11-30"), sequence="7"
        ),
        statement(
            [entry("9.00", day="2027-02-02")], days=("2027-02-01", "2027-02-28"), opening="1.00"
        ),
        statement([], account="<Othr><Id>12345678903</Id></Othr>"),
    ),
    document(statement([entry("1.00"), entry("1.00")], days=("2026-10-01", "2026-10-31"))),
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


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_notes_have_no_english(tmp_path, language):
    """Notes on settlement files and bank statements are notices of the report."""

    def read_notes(chosen):
        with use_language(chosen):
            bank = read_bank_files(
                statements,
                accounts=[ACCOUNT, "86011117955"],
                period=(date(2026, 9, 1), date(2027, 3, 31)),
            )
            settlement = read_settlement_files([settlement_file])
            files = (bank, *bank.files, settlement, *settlement.files)
            return [note for file in files for note in file.notes]

    settlement_file = tmp_path / "settlement.csv"
    content = UNUSUAL_SETTLEMENT
    settlement_file.write_bytes(content.encode() if isinstance(content, str) else content)
    statements = [tmp_path / "1.xml", tmp_path / "2.xml"]
    for path, text in zip(statements, UNUSUAL_STATEMENTS, strict=True):
        path.write_text(text)
    english, notes = read_notes("en"), read_notes(language)
    phrases = list_english_phrases(language)

    assert len(notes) == len(english) > 15
    assert [one for one in notes if any(phrase in one for phrase in phrases)] == []
    assert set(notes).isdisjoint(english)
