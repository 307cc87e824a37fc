"""Test the CSV forms of Norwegian, Danish and Finnish banks. The headings are real, the rows invented."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from tests.sources.bank.conftest import IBAN, document, entry, statement
from vippsrecon import preview
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.sources.bank import read_bank_files, read_bank_statements
from vippsrecon.sources.bank.csv.profiles import load_bank_profiles

PAYOUT = "Utb. 2000591 Vippsnr 698382"
DANISH_PAYOUT = "02001234560010402244"

FORMS = {
    "dnb": (
        '"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"\r\n'
        f'"30.04.2026";"{PAYOUT}";"30.04.2026";"";"1 572,00"\r\n'
        '"29.04.2026";"Gebyr";"29.04.2026";"6,00";""\r\n'
        '"28.04.2026";"Reservert transaksjon Butikk";"";"3,00";""'
    ),
    "sparebank1": (
        "Dato;Beskrivelse;Rentedato;Inn;Ut;Til konto;Fra konto;\n"
        f'"30.04.2026";"{PAYOUT}";;"1572,00";;"86011117947";"15200281214"\n'
        '"29.04.2026";"Gebyr";;;"-6,00";"";"86011117947";\n'
    ),
    "sparebanken-norge": (
        "\ufeffBokført;Transaksjonsdato;Rentedato;Kategori;Type;Beskrivelse;Melding;Beløp (NOK);"
        "Beløp (valuta);Valuta;Vekslingskurs;Arkivref.;Fra konto;Til konto;Kreditornavn;Debitornavn\n"
        f'30.04.2026;30.04.2026;30.04.2026;;Betaling;Overføring;"{PAYOUT}\nhei";1572;;;;272437290;'
        "15200281214;86011117947;;Vipps Mobilepay As\n"
        "29.04.2026;29.04.2026;29.04.2026;;Gebyr;Gebyr;;-6.00;;;;272437291;86011117947;;;\n"
    ),
    "nordea-no": (
        "\ufeffBokføringsdato;Beløp;Avsender;Mottaker;Navn;Tittel;Valuta;Betalingstype\n"
        f"2026/04/30;1572,00;;8601.11.17947;;{PAYOUT};NOK;Overførsel\n"
        "2026/04/29;-6,00;8601.11.17947;;;Gebyr;NOK;Gebyr\n"
        "Reservert;-3,00;8601.11.17947;;;Butikk;NOK;Varekjøp\n"
    ),
    "handelsbanken-no": (
        "Utført dato;Bokført dato;Rentedato;Beskrivelse;Type;Undertype;Fra konto;Avsender;Til konto;"
        "Mottakernavn;Beløp inn;Beløp ut;Valuta;Status;Melding/KID/Fakt.nr\n"
        "28.04.2026;;;Butikk;Varekjøp;;8601 11 17947;;;;;-112.000;NOK;Reservert;Butikk\n"
        f"30.04.2026;30.04.2026;30.04.2026;{PAYOUT};Betaling;;1520 02 81214;Vipps Mobilepay As;"
        "8601 11 17947;;1572.00;;NOK;Bokført;\n"
        '29.04.2026;29.04.2026;29.04.2026;Gebyr;Gebyr;;8601 11 17947;;;;;-6;NOK;Bokført;"Gebyr:\n'
        '   kr   8.393,00"\n'
        ";;;;;;;;;;;;;;\n"
        "Inngående saldo pr. 01.04.2026:;;1 000,00 NOK;;;;;;;;;;;;\n"
        "Utgående  saldo pr. 30.04.2026:;;2 566,00 NOK;;;;;;;;;;;;\n"
        "Total beløp inn på konto:;;1 572,00 NOK;;;;;;;;;;;;\n"
    ),
    "sbanken": (
        "BOKFØRINGSDATO\tRENTEDATO\tARKIVREFERANSE\tTYPE\tTEKST\tUT FRA KONTO\tINN PÅ KONTO\n"
        f"30.04.2026\t30.04.2026\t123\tGIRO\t{PAYOUT}\t\t1572,00\n"
        "29.04.2026\t29.04.2026\t124\tGEBYR\tGebyr\t6,00\t\n"
    ),
    "danske": (
        '"Dato";"Kategori";"Underkategori";"Tekst";"Beløb";"Saldo";"Status";"Afstemt"\r\n'
        f'"29.04.2026";"";"";"Gebyr";"-6,00";"994,00";"Udført";"Nej"\r\n'
        f'"30.04.2026";"";"";"{DANISH_PAYOUT}";"1.572,00";"2.566,00";"Udført";"Nej"\r\n'
        '"01.05.2026";"";"  ";"Testkøb";"-840,71";"";"Venter";"Nej"\r\n'
    ),
    "danske-no": (
        '"Dato";"Kategori";"Underkategori";"Tekst";"Beløp";"Saldo";"Status";"Avstemt"\n'
        f'"29.04.2026";"";"";"Gebyr";"-6,00";"994,00";"Utført";""\n'
        f'"30.04.2026";"";"";"{PAYOUT}";"1.572,00";"2.566,00";"Utført";""\n'
    ),
    "nordea-dk": (
        "\ufeffBogføringsdato;Beløb;Afsender;Modtager;Navn;Beskrivelse;Saldo;Valuta;Afstemt;\n"
        "Reserveret;-39,95;9040000000;;;TESTBUTIK;;DKK;;\n"
        f"2026/04/30;1572,00;;9040000000;Vipps MobilePay;{DANISH_PAYOUT};2566,00;DKK;;\n"
        "2026/04/29;-6,00;9040000000;;;Gebyr;994,00;DKK;;\n"
    ),
    "nordea-fi": (
        "Kirjauspäivä;Määrä;Maksaja;Maksunsaaja;Nimi;Otsikko;Viesti;Viitenumero;Saldo;Valuutta;\n"
        f"2026/04/30;1572,00;;FI21 1234 5600 0007 85;Vipps MobilePay AS;Vipps MobilePay AS;;{DANISH_PAYOUT};2566,00;EUR;\n"
        "2026/04/29;-6,00;FI21 1234 5600 0007 85;;Matti Meikäläinen;Matti Meikäläinen;Gebyr;;994,00;EUR;\n"
    ),
    "danske-fi": (
        '"Pvm";"Saaja/Maksaja";"Määrä";"Saldo"\n'
        '"29.04.2026";"Matti Meikäläinen";"-6,00";"994,00"\n'
        '"30.04.2026";"VIPPS MOBILEPAY AS";"1 572,00";"2 566,00"\n'
    ),
    "op": (
        "Kirjauspäivä;Arvopäivä;Määrä\u00a0 EUROA;Laji;Selitys;Saaja/Maksaja;"
        "Saajan tilinumero ja pankin BIC;Viite;Viesti;Arkistointitunnus\n"
        f"30.04.2026;30.04.2026;+1572,00;710;TILISIIRTO;VIPPS MOBILEPAY AS,;;{DANISH_PAYOUT};;20260430/1\n"
        "29.04.2026;29.04.2026;-6,00;730;PALVELUMAKSU;OP;;;Gebyr;20260429/1\n"
    ),
}  # fmt: skip
FORMS["valle"] = (
    FORMS["handelsbanken-no"]
    .replace("Utført dato", "Betalingstidspunkt")
    .replace("Rentedato", "Valuteringsdato")
    .replace("Beskrivelse", "Skildring")
    .replace("Fra konto", "Frå konto")
    .replace("Avsender", "Avsendar")
)
CURRENCY = {
    "danske": "DKK",
    "nordea-dk": "DKK",
    "nordea-fi": "EUR",
    "danske-fi": "EUR",
    "op": "EUR",
}
WITHOUT_PAYOUT_TEXT = {"danske-fi"}
OLD_ENCODING = {"handelsbanken-no", "valle", "danske", "op", "sbanken"}
WITH_BALANCES = {
    "handelsbanken-no",
    "valle",
    "danske",
    "danske-no",
    "nordea-dk",
    "nordea-fi",
    "danske-fi",
}
WITH_PENDING = {"dnb", "nordea-no", "handelsbanken-no", "valle", "danske", "nordea-dk"}


def encode(form: str) -> bytes:
    """Return a file in the encoding of its bank."""
    return FORMS[form].encode("cp1252" if form in OLD_ENCODING else "utf-8")


def test_every_form_has_a_test():
    """A profile without a file would be a guess."""
    assert set(FORMS) == set(load_bank_profiles())


@pytest.mark.parametrize("form", sorted(FORMS))
def test_form_of_each_bank(read, form: str):
    """One payout comes in and one fee goes out; what is not booked yet is in no sum."""
    result = read(encode(form), suffix=".csv")
    assert result.rejects.is_empty()
    (summary,) = result.files
    assert summary.format == form
    currency = CURRENCY.get(form, "NOK")
    lines = {line["amount_minor"]: line for line in result.lines.to_dicts()}
    assert set(lines) == {157200, -600}
    assert lines[157200]["booked_date"] == date(2026, 4, 30)
    assert lines[157200]["currency"] == currency
    assert (PAYOUT if currency == "NOK" else DANISH_PAYOUT) in lines[157200]["text"] or (
        form in WITHOUT_PAYOUT_TEXT
    )
    assert "Matti" not in repr(result.lines.to_dicts())
    assert result.provisional.height == (form in WITH_PENDING)
    totals = summary.totals[currency]
    balances = (100000, 256600) if form in WITH_BALANCES else (None, None)
    assert (totals["opening_minor"], totals["closing_minor"]) == balances
    assert (totals["credits_minor"], totals["debits_minor"]) == (157200, 600)
    assert not any("add up" in note or "breaks" in note for note in summary.notes)


def test_account_is_the_own_one_whichever_column_has_it(read):
    """The payee of money in and the payer of money out; a single account fills empty cells."""
    result = read(encode("sparebank1"), suffix=".csv")
    assert set(result.lines["account"]) == {IBAN}
    assert read(encode("dnb"), suffix=".csv").lines["account"].to_list() == [None, None]


def test_three_decimals_are_decided_by_the_column(read):
    """`-112.000` is minus 112 here, although the message of the same file has 8.393,00."""
    result = read(encode("handelsbanken-no"), suffix=".csv")
    assert result.provisional["amount_minor"].to_list() == [-11200]


def test_lines_above_the_headings_are_passed_over(read):
    """Some exports begin with the name of the account and the period."""
    content = f"Konto 8601.11.17947;;;;\nPeriode;01.04.2026 - 30.04.2026;;;\n\n{FORMS['dnb']}"
    assert read(content, suffix=".csv").lines.height == 2


def test_workbook_of_a_bank(tmp_path: Path):
    """A statement that was opened in Excel and saved as a workbook has numbers and dates."""
    workbook = openpyxl.Workbook()
    for row in (
        ("Dato", "Forklaring", "Rentedato", "Ut fra konto", "Inn på konto"),
        (date(2026, 4, 30), PAYOUT, date(2026, 4, 30), None, 1572.0),
        (date(2026, 4, 29), "Gebyr", None, 6, None),
    ):
        workbook.active.append(row)
    workbook.save(tmp_path / "bank.xlsx")
    lines = read_bank_files([tmp_path / "bank.xlsx"]).lines
    assert sorted(lines["amount_minor"]) == [-600, 157200]
    assert lines["booked_date"].max() == date(2026, 4, 30)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ('"x";"a";"";"";"5,00"', "Dato", "is not a day on which a line can be booked"),
        ('"30.04.2026";"a";"";"1,00";"5,00"', "Ut fra konto", "is in a row that has money in too"),
        ('"30.04.2026";"a";"";"";""', None, "the row has no amount"),
        ('"30.04.2026";"a";"32.01.2026";"";"5,00"', "Rentedato", "is not a day"),
        ('"30.04.2026";"a"', None, "the row has 2 cells and the heading row 5; is it cut off?"),
    ],
)
def test_row_that_cannot_be_used_is_a_reject(read, row: str, column: str | None, reason: str):
    """It is named by row and heading; the other rows are read."""
    result = read(f"{FORMS['dnb']}\r\n{row}\r\n", suffix=".csv")
    assert result.lines.height == 2
    (reject,) = result.rejects.to_dicts()
    assert (reject["source_row"], reject["column"], reject["reason"]) == (5, column, reason)


def test_unknown_status_is_a_reject(read):
    """A line that may have been declined is not taken for booked."""
    result = read(FORMS["danske"].replace("Udført", "Afvist", 1), suffix=".csv")
    assert result.rejects["reason"].to_list() == ["is not a known status; is the row booked?"]


def test_unclear_decimal_mark_is_refused(read):
    """Nothing decides whether 1.500 is one and a half thousand."""
    content = (
        FORMS["dnb"].replace("1 572,00", "1.500").replace("6,00", "6,50").replace("3,00", "3.5")
    )
    with pytest.raises(SourceError, match="neither a decimal point nor a decimal comma"):
        read(content, suffix=".csv")


def test_missing_row_shows_in_the_balance_column(read):
    """A filter in the online bank leaves out rows, and the balance shows it."""
    extra = '"28.04.2026";"";"";"Gebyr";"-1,00";"999,00";"Udført";"Nej"\r\n'
    head, rest = FORMS["danske"].split("\r\n", 1)
    result = read(f"{head}\r\n{extra}{rest}", suffix=".csv")
    assert any("The balance column breaks in 1 place" in note for note in result.files[0].notes)


def test_csv_and_camt_of_one_account_are_the_same_money(read, tmp_path: Path):
    """A user adds the newest days by hand from the online bank."""
    (tmp_path / "a.csv").write_bytes(encode("sparebank1"))
    (tmp_path / "b.xml").write_text(
        document(statement([entry("1572.00", day="2026-04-30", reference="A1")], days=("2026-04-01", "2026-04-30")))
    )  # fmt: skip
    result = read_bank_files([tmp_path / "a.csv", tmp_path / "b.xml"])
    assert sorted(result.lines["amount_minor"]) == [-600, 157200]


def test_files_without_account_are_compared_by_their_lines(read):
    """Two exports of one account overlap; two accounts share at most a fee."""
    later = f"{FORMS['dnb']}\r\n".replace("29.04", "30.04")
    assert read(encode("dnb"), FORMS["dnb"], suffix=".csv").lines.height == 2
    other = later.replace(PAYOUT, "Husleie").replace("1 572,00", "9,00").replace("Gebyr", "Strøm")
    assert read(FORMS["dnb"], other, suffix=".csv").lines.height == 4


MAPPING = """
kind = "bank"
currency = "NOK"
account = "8601 11 17947"
decimal = ","
groups = "."

[columns]
booked = ["Day"]
text = ["What", "More"]
amount = ["Sum"]
"""


def test_own_mapping_reads_any_csv(tmp_path: Path):
    """A bank that nobody has described yet takes a few lines."""
    (tmp_path / "my.csv").write_text(
        "Day;What;More;Sum\n30.04.2026;Utb. 2000591;Vippsnr 698382;1.572,00\n"
    )
    (tmp_path / "bank.toml").write_text(MAPPING)
    lines = read_bank_statements(tmp_path / "my.csv", mapping=tmp_path / "bank.toml").lines
    assert lines[["account", "amount_minor", "text"]].to_numpy().tolist() == [
        [IBAN, 157200, PAYOUT]
    ]
    (shown,) = preview(tmp_path / "my.csv", mapping=tmp_path / "bank.toml")["files"]
    assert (shown["kind"], shown["format"], shown["rows"]) == ("bank", "bank", 1)
    with pytest.raises(SourceError, match="not a bank statement in a form that is known"):
        read_bank_statements(tmp_path / "my.csv")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("decimal =", "decimals =", "unknown key 'decimals' \\(did you mean decimal"),
        ('decimal = ","', 'decimal = ";"', "decimal in the mapping"),
        ('currency = "NOK"', "", "neither a currency nor a column"),
        ('currency = "NOK"', 'currency = "CHF"', "currency in the mapping"),
        ("booked =", "bookd =", "names 'bookd'"),
        ('["Day"]', "3", "not a list of texts"),
        ('kind = "bank"', 'kind = "bank"\nextends = "x"', "extends 'x'"),
        ('kind = "bank"', 'kind = "shop"', "kind in the mapping"),
        ("[columns]", "[columns", "is not TOML"),
    ],
)
def test_mapping_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, problem: str):
    """A key that is not understood would silently have no effect."""
    assert old in MAPPING
    (tmp_path / "my.csv").write_text("Day;What;More;Sum\n30.04.2026;a;b;1,00\n")
    (tmp_path / "bank.toml").write_text(MAPPING.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=problem):
        read_bank_statements(tmp_path / "my.csv", mapping=tmp_path / "bank.toml")


def test_mapping_changes_a_known_form(tmp_path: Path):
    """A bank renames a column, or the file does not name the account."""
    (tmp_path / "dnb.csv").write_text(FORMS["dnb"].replace("Forklaring", "Tekst"))
    mapping = 'kind = "bank"\nextends = "dnb"\naccount = "86011117947"\n[columns]\ntext = "Tekst"\n'
    (tmp_path / "bank.toml").write_text(mapping)
    lines = read_bank_statements(tmp_path / "dnb.csv", mapping=tmp_path / "bank.toml").lines
    assert set(lines["account"]) == {IBAN}
    assert PAYOUT in set(lines["text"])


def test_preview_of_a_csv_states_totals_as_documented(read, tmp_path: Path):
    """Pending rows are counted in a note and in no sum."""
    read(encode("danske"), suffix=".csv")
    (shown,) = preview(tmp_path / "1.csv")["files"]
    assert (shown["kind"], shown["format"], shown["rows"]) == ("bank", "danske", 3)
    assert shown["period"] == ["2026-04-29", "2026-04-30"]
    assert shown["totals"]["DKK"]["entries"] == 2
    assert any("not booked yet" in note for note in shown["notes"])
