"""Test what is read from the older settlement files: flat, in sections, and XML."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime

import polars as pl
import pytest

from vippsrecon import preview
from vippsrecon.errors import SourceError
from vippsrecon.sources.settlement import read_settlement_files

FLAT = (
    "Salgsdato", "Salgssted", "Vippsnummer", "Produkt", "Transaksjons-ID", "Ordre-ID", "Brutto",
    "Gebyr", "Netto", "Transaksjonstype", "Oppgjørs-ID", "Oppgjørsdato", "Oppgjørssum",
    "Oppgjørskonto", "Fornavn", "Etternavn", "Melding",
)  # fmt: skip
TITLE = (
    ("Oppgjørsrapport",), ("Bedriften", "", "Fjord AS"), ("Organisasjonsnummer", "", "999999999"),
    ("Fra dato", "", "01.12.2025"), ("Til dato", "", "31.12.2025"), (), (),
)  # fmt: skip
TOTALS = {"captures_minor": 30000, "refunds_minor": 5000, "fees_minor": 450, "payouts_minor": 24550}


def sale(
    gross, fee, net, kind: str = "Salg", psp: str = "5691", order: str = "order-1"
) -> list[object]:
    """Return a row of the flat form."""
    return ["25.11.2025", "Fjord", "123456", "Vipps", psp, order, gross, fee, net, kind, "2000461",
            "01.12.2025", "", "", "Kari", "Nordmann", "Hilsen Kari"]  # fmt: skip


def payout(amount, account: object = 86011117947) -> list[object]:
    """Return the row that ends a settlement."""
    return ["Til utbetaling netto", "Fjord", "123456", "", "", "", "", "", "", "", "2000461",
            "01.12.2025", amount, account, "", "", ""]  # fmt: skip


ROWS = [
    sale(100.0, -1.5, 98.5, psp="1"),
    sale(200.0, -3.0, 197.0, psp="2"),
    sale(-50.0, 0.0, -50.0, "Refundering", psp="3"),
    payout(245.5),
]


def as_text(rows: Sequence[Sequence[object]], delimiter: str = ";", mark: str = ",") -> str:
    """Return rows as CSV with a decimal comma."""
    return "".join(
        delimiter.join(f"{c:.2f}".replace(".", mark) if isinstance(c, float) else str(c) for c in row) + "\n"
        for row in (FLAT, *rows)
    )  # fmt: skip


def assert_foots(result) -> None:
    """Captures, refunds, fees and payout of each settlement add up to zero."""
    funds = result.entries.filter(pl.col("topic") == "funds")
    assert funds["amount_minor"].sum() == 0


def test_flat_workbook_with_its_title_block(read_sheets):
    """The headings are in row 8, and the sum only in the row that ends the settlement."""
    result = read_sheets({"Rapport": [*TITLE, FLAT, *ROWS, [], sale(7.0, 0.0, 7.0)]})
    assert result.rejects.is_empty()
    assert result.files[0].totals["NOK"] == TOTALS | {
        "captures_minor": 30700,
        "payouts_minor": 24550,
    }


def test_flat_workbook_foots(read_sheets):
    """The payout is the one that the file states; its account gets its IBAN."""
    result = read_sheets({"Rapport": [*TITLE, FLAT, *ROWS]})
    assert_foots(result)
    assert result.files[0].totals == {"NOK": TOTALS}
    assert result.files[0].notes == ()
    (paid,) = result.payouts.to_dicts()
    assert (paid["payout_number"], paid["amount_minor"], paid["account"]) == (
        "2000461",
        24550,
        "NO9386011117947",
    )
    assert paid["bank_text"] == "Utb. 2000461 Vippsnr 123456"
    assert "Kari" not in repr(result.entries.to_dicts())


@pytest.mark.parametrize(("delimiter", "mark"), [(";", ","), (",", "."), (";", ".")])
def test_flat_csv_with_either_decimal_mark(read, delimiter: str, mark: str):
    """One file has one mark; it is found from all its amounts."""
    result = read(as_text(ROWS, delimiter, mark))
    assert_foots(result)
    assert result.files[0].totals == {"NOK": TOTALS}


def test_flat_csv_with_the_sum_in_each_row(read):
    """A list exported by hand may lack the row that ends the settlement."""
    rows = [[*row[:12], 245.5, "86011117947", *row[14:]] for row in ROWS[:3]]
    result = read(as_text(rows))
    assert result.payouts["amount_minor"].to_list() == [24550]
    assert result.files[0].notes == ()


def test_payout_is_computed_where_none_is_stated(read):
    """It is said, because nothing in the file confirms it."""
    result = read(as_text(ROWS[:3]))
    assert result.payouts["amount_minor"].to_list() == [24550]
    assert any("computed" in note for note in result.files[0].notes)


def test_refund_without_a_sign_in_the_flat_form(read):
    """The type decides, and net is then gross less the refund."""
    rows = [*ROWS[:2], sale(50.0, 0.0, 50.0, "Refundering", psp="3"), ROWS[3]]
    result = read(as_text(rows))
    assert result.files[0].totals == {"NOK": TOTALS}


def test_sum_that_leaves_out_refunds_is_computed_again(read):
    """A known fault of older files; without this the bank would seem to have paid too little."""
    result = read(as_text([*ROWS[:3], payout(295.5)]))
    assert result.payouts["amount_minor"].to_list() == [24550]
    assert any("leaves out the refunds of 50.00 NOK" in note for note in result.files[0].notes)


def test_other_difference_leaves_the_payout_as_stated(read):
    """A transaction is missing from the file, and the bank got the stated sum."""
    result = read(as_text([*ROWS[1:3], payout(245.5)]))
    assert result.payouts["amount_minor"].to_list() == [24550]
    assert any("Transactions are missing or rejected" in note for note in result.files[0].notes)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (sale(1.0, 0.0, 2.0), "Netto", "is not gross plus fee"),
        (sale(1.0, 0.0, 1.0, "Gave"), "Transaksjonstype", "is neither Salg nor Refundering"),
        (sale("", 0.0, 1.0), "Brutto", "the row has no such amount"),
        (["31.02.2025", *sale(1.0, 0.0, 1.0)[1:]], "Salgsdato", "is not a day such as 31.12.2026"),
        ([*sale(1.0, 0.0, 1.0)[:10], "A-1", *sale(1.0, 0.0, 1.0)[11:]], "Oppgjørs-ID", "is not the ID of a settlement"),
    ],
)  # fmt: skip
def test_flat_row_that_cannot_be_used_is_a_reject(read, row, column: str, reason: str):
    """It is named by row and heading."""
    (reject,) = read(as_text([*ROWS, row])).rejects.to_dicts()
    assert (reject["source_row"], reject["column"], reject["reason"]) == (6, column, reason)


SECTIONED = """OrganizationNumber,MerchantName
999999999,Fjord AS
Name,VisitingAddress,Postbox,Zipno,Place,Country,CompanyNumber
Vipps AS,Gata 1,,0001,Oslo,Norway,999999998
SettlementInfo,SalesUnitName,SaleUnitNumber,SettlementDate,SettlementID,SettlementAccount,Gross,Currency,Fee,Refund,Net,NumberOfTransactions
SettlementInfo,Fjord,123456,12.04.2021,2000001,86011117947,300.00,NOK,-4.50,-50.00,{net},3
FeeInfo,SettlementDate,SaleUnitName,SaleUnitNumber,FeeAccount,Fee,Currency
TransactionInfo,SalesDate,SaleUnitName,SaleUnitNumber,TransactionId,SettlementId,OrderID,SettlementDate,Gross,Currency,Fee,Refund,Net
TransactionInfo,08.04.2021,Fjord,{unit},1,{id},order-1,12.04.2021,100.00,NOK,-1.50,0.00,98.50
TransactionInfo,08.04.2021,Fjord,{unit},2,{id},order-2,12.04.2021,200.00,NOK,-3.00,0.00,197.00
TransactionInfo,09.04.2021,Fjord,{unit},3,{id},order-1,12.04.2021,0.00,NOK,0.00,-50.00,0.00
"""


def test_sectioned_csv(read):
    """Each section has its own headings; the fee is negative here."""
    result = read(SECTIONED.format(net="245.50", unit="123456", id="2000001"))
    assert_foots(result)
    assert result.files[0].totals == {"NOK": TOTALS}
    assert result.files[0].notes == ()
    assert result.entries["ledger_date"].min() == date(2021, 4, 8)


def test_sectioned_csv_with_an_unquoted_decimal_comma_and_other_ids(read):
    """Both faults are in a published file. It is read, and each fault is said."""
    result = read(SECTIONED.format(net="295,50", unit="999888", id="2000720"))
    assert_foots(result)
    assert result.files[0].totals == {"NOK": TOTALS}
    notes = " ".join(result.files[0].notes)
    assert "decimal comma that is not quoted" in notes
    assert "the transactions name settlement 2000720 of sales unit 999888" in notes
    assert "leaves out the refunds of 50.00 NOK" in notes
    assert set(result.entries["msn"]) == {"123456"}


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("100.00,NOK", "1x0.00,NOK", "Gross"),
        ("-1.50,0.00,98.50", "-1.50,-7.00,98.50", "Refund"),
        ("0.00,-50.00", "0.00,50.00", "Refund"),
        ("08.04.2021,Fjord,123456,1,", "08.13.2021,Fjord,123456,1,", "SalesDate"),
        ("0.00,98.50", "0.00,98.50,7,8,9,10,11", None),
    ],
)
def test_sectioned_row_that_cannot_be_used_is_a_reject(
    read, old: str, new: str, column: str | None
):
    """The payout is then as stated, because the transactions no longer give it."""
    content = SECTIONED.format(net="245.50", unit="123456", id="2000001")
    assert old in content
    result = read(content.replace(old, new, 1))
    (reject,) = result.rejects.to_dicts()
    assert reject["column"] == column
    assert result.payouts["amount_minor"].to_list() == [24550]


def transaction(capture: str, refund: str, fee: str, number: int, gross: str) -> str:
    """Return a transaction of version 3.0."""
    return (
        f"<TransactionInfo><TransactionTime>2026-03-01T11:30:11.005+01:00</TransactionTime>"
        f"<TransactionCaptureAmount>{capture}</TransactionCaptureAmount>"
        f"<TransactionRefundAmount>{refund}</TransactionRefundAmount>"
        f"<TransactionGrossAmount>{gross}</TransactionGrossAmount>"
        f"<TransactionFeeAmount>{fee}</TransactionFeeAmount>"
        f"<SettlementCurrencyCode>NOK</SettlementCurrencyCode><TransactionID>{number}</TransactionID>"
        f"<OrderID>order-{number}</OrderID></TransactionInfo>"
    )


TRANSACTIONS = (
    transaction("100.00", "0.00", "1.50", 1, "100.00")
    + transaction("200.00", "0.00", "3.00", 2, "200.00")
    + transaction("0.00", "-50.00", "0.00", 3, "-50.00")
)


def report(kind: str, settled: str, transactions: str = TRANSACTIONS) -> str:
    """Return a report of version 3.0."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<SettlementReport xmlns="http://vipps.no/xmlschema/SettlementReport-3.0.xsd">'
        "<SettlementDetailsInfo><SerialNumber>123456</SerialNumber><PaymentsInfo>"
        "<SettlementCurrencyCode>NOK</SettlementCurrencyCode>"
        "<SettlementAccountNum>86011117947</SettlementAccountNum><SettlementInfo>"
        "<SettlementDate>2026-03-02</SettlementDate><SettlementID>2000001</SettlementID>"
        f"<SettlementType>{kind}</SettlementType>{transactions}"
        f"<SettledAmount>{settled}</SettledAmount></SettlementInfo></PaymentsInfo>"
        "</SettlementDetailsInfo></SettlementReport>"
    )


def test_xml_net(read):
    """The fee is positive here and retained from the payout."""
    result = read(report("Net", "245.50"), suffix=".xml")
    assert_foots(result)
    assert result.files[0].totals == {"NOK": TOTALS}
    assert result.files[0].notes == ()
    first = result.entries.row(0, named=True)
    assert first["entry_at"] == datetime(2026, 3, 1, 10, 30, 11, 5000, tzinfo=UTC)
    assert (first["psp_reference"], first["reference"]) == ("1", "order-1")


def test_xml_with_capture_and_refund_in_one_element(read):
    """Both are entries, so that captures and refunds are not set off against each other."""
    both = transaction("100.00", "-30.00", "1.50", 1, "70.00")
    result = read(report("Net", "68.50", both), suffix=".xml")
    assert_foots(result)
    totals = result.files[0].totals["NOK"]
    assert (totals["captures_minor"], totals["refunds_minor"], totals["fees_minor"]) == (
        10000,
        3000,
        150,
    )


def test_xml_gross(read):
    """The fees are invoiced later, so they are on the topic fees only."""
    result = read(report("Gross", "250.00"), suffix=".xml")
    assert_foots(result)
    assert result.files[0].totals == {"NOK": TOTALS | {"payouts_minor": 25000}}
    assert "fees-retained" not in set(result.entries["entry_type"])


@pytest.mark.parametrize(("settled", "paid"), [("245.50", 24550), ("250.00", 25000)])
def test_xml_of_version_2(read, settled: str, paid: int):
    """It has one signed amount and no type; its net amount shows whether fees are retained."""
    rows = "".join(
        f"<TransactionInfo><TransactionDate>2017-03-01</TransactionDate><TransactionGrossAmount>{gross}"
        f"</TransactionGrossAmount><TransactionFeeAmount>{fee}</TransactionFeeAmount><TransactionID>{n}"
        "</TransactionID></TransactionInfo>"
        for n, (gross, fee) in enumerate((("100.00", "1.50"), ("200.00", "3.00"), ("-50.00", "0.00")), 1)
    )  # fmt: skip
    content = (
        report("Net", settled, rows)
        .replace("http://vipps.no/xmlschema/SettlementReport-3.0.xsd", "http://vipps.dnb.no/XMLSchema/SettlementReport.xsd")
        .replace("SettlementDate>", "SettlementBatchDate>")
        .replace("<SettlementType>Net</SettlementType>", "")
        .replace("SettledAmount", "NetSettlementAmount")
    )  # fmt: skip
    result = read(content, suffix=".xml")
    assert_foots(result)
    assert result.payouts["amount_minor"].to_list() == [paid]
    assert result.files[0].format == "settlement-xml-2.0"


@pytest.mark.parametrize(
    ("old", "new", "rejected"),
    [
        ("<SerialNumber>123456", "<SerialNumber>x", 3),
        ("<SettlementID>2000001", "<SettlementID>", 3),
        (">Net<", ">Other<", 3),
        (">NOK</SettlementCurrencyCode><TransactionID>1<", ">SEK</SettlementCurrencyCode><TransactionID>1<", 1),
        (">100.00</TransactionGross", ">101.00</TransactionGross", 1),
        ("<TransactionFeeAmount>1.50", "<TransactionFeeAmount>1,50", 1),
        ("2026-03-01T11", "2026-03-41T11", 1),
    ],
)  # fmt: skip
def test_xml_with_unusable_parts(read, old: str, new: str, rejected: int):
    """A settlement without its number takes its transactions with it, and all are named."""
    content = report("Net", "245.50")
    assert old in content
    result = read(content.replace(old, new, 1), suffix=".xml")
    assert result.rejects.height == rejected
    assert result.files[0].rows == 3


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (report("Net", "1").replace("SettlementInfo", "Other"), "a.xml", "no settlement"),
        ("a,b\n1,2\n", "a.csv", "not a settlement file"),
        (SECTIONED.split("SettlementInfo", maxsplit=1)[0], "a.csv", "no settlement"),
        ("Dato;Forklaring;Rentedato\n1;2;3\n", "a.csv", "a bank statement"),
        ("transferReference,transferDate,amount\n1,2,3\n", "a.csv", "without sales units"),
    ],
)
def test_file_without_settlements_is_refused(read, content: str, name: str, problem: str):
    """An empty answer would look like a month without payouts."""
    with pytest.raises(SourceError, match=problem):
        read(content, suffix=name[1:])


def test_preview_of_the_older_forms(read, tmp_path):
    """Each form is named, and all have the same four sums."""
    shown = []
    for content, suffix in (
        (as_text(ROWS), ".csv"),
        (SECTIONED.format(net="245.50", unit="123456", id="2000001"), ".csv"),
        (report("Net", "245.50"), ".xml"),
    ):
        read(content, suffix=suffix)
        shown += preview(tmp_path / f"1{suffix}")["files"]
    assert [entry["format"] for entry in shown] == [
        "vipps-flat",
        "vipps-sectioned",
        "settlement-xml-3.0",
    ]
    assert all(entry["totals"] == {"NOK": TOTALS} for entry in shown)


def test_workbook_that_unpacks_to_too_much_is_refused(tmp_path):
    """A workbook goes through the one opening of files, which looks at its parts first."""
    path = tmp_path / "report.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 300_000_000)
    with pytest.raises(SourceError, match="200 times its size"):
        read_settlement_files([path])


def test_two_files_of_one_name_are_refused(tmp_path):
    """A row is found by the name of its file."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "flat.csv").write_text(as_text(ROWS), encoding="utf-8")
    with pytest.raises(SourceError, match="two input files have this name"):
        read_settlement_files([tmp_path / "a" / "flat.csv", tmp_path / "b" / "flat.csv"])
