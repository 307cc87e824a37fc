"""Test files that cannot be used: each gives one clear sentence and an error of this package."""

from __future__ import annotations

import io
import json
import os
import tomllib
import zipfile
from pathlib import Path

import openpyxl
import pytest

from tests.sources.conftest import SHOPIFY, Writer, as_csv
from vippsrecon import preview
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.sources import read_orders
from vippsrecon.sources.files.archive import measure_sheet
from vippsrecon.sources.reference_list import read_references

GOOD = "reference,currency,total\nord-000001,NOK,5\n"
HTML = "<!DOCTYPE html><html><body><table><tr><td>Order</td></tr></table></body></html>"
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
LOCKED_EXCEL = OLD_EXCEL + "EncryptedPackage".encode("utf-16-le")
ANALYTICS = (
    'Date,"Order #","N. Revenue (formatted)",Status,Customer,"Customer type",Product(s),'
    '"Items sold",Coupon(s),"Net Sales",Attribution\n2026-10-05,1,kr1,completed,K,new,A,1,,1,D\n'
)
REFUND = {
    "id": 726, "parent_id": 723, "date_created_gmt": "2026-03-21T20:07:11", "amount": "10.00",
    "reason": "", "refunded_by": 1, "refunded_payment": False, "meta_data": [], "line_items": [],
}  # fmt: skip
"""One of what WooCommerce's REST API answers to GET /wp-json/wc/v3/orders/723/refunds."""
BANK = '"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"\n"1";"2";"3";"";"5"\n'
SHOPIFY_LIKE = "Name,Email,Total,Created at,Lineitem quantity\n#1,a@b.no,5,2026-01-01,1\n"


def workbook() -> bytes:
    """Make a small workbook of orders."""
    book = openpyxl.Workbook()
    for row in (("reference", "currency", "total"), ("ord-000001", "NOK", 5)):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    """Return a ZIP file with one member, as in a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        pytest.param("", "orders.csv", "is empty", id="empty"),
        pytest.param("\ufeff \n\n", "orders.csv", "is empty", id="blank"),
        pytest.param("reference,currency,total\n", "orders.csv", "nothing below", id="header only"),
        pytest.param("reference,currency,total\n,,\n\n", "orders.csv", "nothing below", id="blank rows"),
        pytest.param("a,b\n1,2\n", "orders.csv", "not an order export", id="anything"),
        pytest.param(SHOPIFY_LIKE, "orders.csv", "looks most like .*Shopify.*Currency", id="nearly Shopify"),
        pytest.param(ANALYTICS, "orders.csv", "Advanced Order Export", id="Woo Analytics"),
        pytest.param(HTML, "orders.xls", "web page", id="HTML as xls"),
        pytest.param(workbook(), "orders.csv", "rename it to .xlsx", id="workbook as csv"),
        pytest.param(GOOD, "orders.xlsx", "rename it to .csv", id="csv as workbook"),
        pytest.param(OLD_EXCEL, "orders.xls", "old kind", id="old Excel"),
        pytest.param(LOCKED_EXCEL, "orders.xlsx", "password", id="password"),
        pytest.param(workbook()[:-200], "orders.xlsx", "damaged", id="workbook cut off"),
        pytest.param(zipped("a.txt", b"x"), "orders.xlsx", "cannot be opened", id="a zip, no workbook"),
        pytest.param(zipped("xl/bomb.xml", bytes(30_000_000)), "orders.xlsx", "200 times", id="zip bomb"),
        pytest.param(GOOD.encode("utf-16-le"), "orders.csv", "NUL", id="UTF-16 without mark"),
        pytest.param(b"reference,currency,total\n\x81\x8d,NOK,5\n", "orders.csv", "UTF-8", id="no encoding"),
        pytest.param(b"\xef\xbb\xbfreference,total\n\xe6,5\n", "orders.csv", "utf-8-sig", id="false mark"),
        pytest.param(",".join(f"c{n}" for n in range(10_000)) + "\n1\n", "orders.csv", "10 000 columns", id="columns"),
        pytest.param(f"{GOOD}{'x' * 1_100_000},NOK,5\n", "orders.csv", "larger than 1 MB", id="cell"),
        pytest.param("<?xml version='1.0'?><Invoice/>", "orders.xml", "XML", id="XML"),
        pytest.param('{"a": ', "orders.json", "is not", id="JSON cut off"),
        pytest.param("[" * 100_000, "orders.json", "nested too deeply", id="JSON too deep"),
        pytest.param("[{}]", "orders.json", "WooCommerce", id="other JSON"),
        pytest.param(json.dumps([REFUND]), "orders.json", "of refunds.* take the orders", id="Woo refunds"),
        pytest.param(json.dumps(REFUND), "orders.json", "of refunds.* take the orders", id="one Woo refund"),
    ],
)  # fmt: skip
def test_unusable_export_is_refused(write: Writer, content: str | bytes, name: str, message: str):
    """The user sees this sentence, so it names the fault and states what to do."""
    path = write(content, name)
    for job in (lambda: read_orders(path, default_msn="123456"), lambda: preview(path)):
        with pytest.raises(SourceError, match=message) as caught:
            job()
        assert str(caught.value).startswith(f"{name}")
        assert str(path.parent) not in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path):
    """A mistyped path gives a clear sentence, not a traceback."""
    with pytest.raises(SourceError, match=r"orders\.csv: there is no such file"):
        read_orders(tmp_path / "orders.csv")
    with pytest.raises(SourceError, match="directory"):
        read_orders(tmp_path)
    with pytest.raises(SourceError, match="cannot be opened"):
        read_orders("nul\0name.csv")


def test_unusable_export_is_named_for_any_shop(write: Writer):
    """The message must not suggest another --shop, because that would be refused too."""
    with pytest.raises(SourceError, match="Advanced Order Export") as refused:
        read_orders(write(ANALYTICS, "orders.csv"), shop="woocommerce")
    assert "--shop" not in str(refused.value)


@pytest.mark.parametrize(("name", "limit"), [("orders.csv", 512), ("orders.json", 128)])
def test_too_large_file_is_refused(write: Writer, name: str, limit: int):
    """The size is checked before the file is read.

    The test file is sparse, so it uses no disk space.
    """
    path = write("[" + GOOD, name)
    os.truncate(path, limit * 1024**2 + 1)
    with pytest.raises(SourceError, match=rf"larger than {limit} MB; export fewer days"):
        read_orders(path)


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: text.encode("utf-8-sig"), id="UTF-8 with mark"),
        pytest.param(lambda text: text.encode("cp1252"), id="Windows-1252"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode().rstrip(), id="CRLF, no end"),
        pytest.param(lambda text: text.replace("\n", "\r").encode(), id="CR"),
        pytest.param(lambda text: text.replace(";", "\t").encode(), id="tab"),
        pytest.param(lambda text: text.replace(";", "|").encode(), id="bar"),
        pytest.param(lambda text: text.replace(";", ",").encode(), id="comma"),
        pytest.param(lambda text: b"sep=;\n" + text.encode(), id="Excel's sep"),
        pytest.param(lambda text: text.replace("\n", ";;\n").encode(), id="empty cells behind"),
        pytest.param(
            lambda text: text.replace("\n", ";;\n", 1).encode(), id="behind headings only"
        ),
        pytest.param(lambda text: text.replace("ed B", "ed\u00a0 B").encode(), id="no-break space"),
    ],
)
def test_encoding_and_delimiter_do_not_change_the_orders(write: Writer, encode):
    """The spreadsheet chooses encoding, line ends and delimiter, not the user."""
    text = (
        "Referanse;Valuta;Beløp;Butikk\nord-000001;NOK;5.00;Tromsø\nord-000002;NOK;6.00;Ålesund\n"
    )
    got = read_orders(write(encode(text)), default_msn="123456")
    assert list(got.orders["total_minor"]) == [500, 600]
    assert list(got.orders["store"]) == ["Tromsø", "Ålesund"]
    assert got.rejects.empty


def test_wrong_shop_error_names_the_likely_shop(write: Writer):
    """A wrong --shop is a likely mistake where one company has several shops."""
    with pytest.raises(SourceError, match=r"not an export of Shopify.*--shop plain"):
        read_orders(write(GOOD), shop="shopify")
    with pytest.raises(ConfigurationError, match="known are"):
        read_orders(write(GOOD), shop="shopifi")


def test_shop_that_contradicts_the_headings_is_refused(write: Writer):
    """If it was read as a plain file, every row would be rejected without the real reason."""
    path = write(as_csv(SHOPIFY, [{"Name": "#1", "Total": "5.00", "Currency": "NOK"}]))
    with pytest.raises(
        SourceError, match=r"export of Shopify.*not of the plain form.*--shop shopify"
    ):
        read_orders(path, shop="plain", default_msn="123456")
    with pytest.raises(SourceError, match="not of the plain form"):
        preview(path, shop="plain")


def test_own_mapping_is_used_against_the_headings(write: Writer):
    """The author of a mapping knows the file better than the headings can show."""
    path = write(as_csv(SHOPIFY, [{"Name": "shop-00001", "Total": "5", "Currency": "NOK"}]))
    own = write('extends = "plain"\n[columns]\nreference = ["Name"]\n', "own.toml")
    got = read_orders(path, mapping=own, default_msn="123456")
    assert list(got.orders["reference"]) == ["shop-00001"]


def test_plain_list_may_have_a_shops_headings(write: Writer):
    """With --shop plain, the file must not be taken for the shop that uses the same headings."""
    path = write("reference,currency,total,Vendor,Id\nord-000001,NOK,5,A,1\n")
    assert len(read_orders(path, shop="plain", default_msn="123456").orders) == 1


@pytest.mark.parametrize(
    ("content", "heading"),
    [
        pytest.param("reference,currency,total,total\nord-000001,NOK,5,6\n", "total", id="equal"),
        pytest.param(
            'reference,currency,total," Reference"\nord-000001,NOK,5,x\n', "reference", id="alike"
        ),
    ],
)
def test_duplicate_heading_that_is_read_is_refused(write: Writer, content: str, heading: str):
    """Either column may be the wrong one, and nobody would see the mistake."""
    path = write(content)
    for read in (preview, lambda path: read_orders(path, default_msn="123456")):
        with pytest.raises(SourceError, match=f"several columns are headed '{heading}'"):
            read(path)


def test_duplicate_heading_that_is_not_read_is_ignored(write: Writer):
    """Shops with custom fields repeat headings that are not read."""
    path = write("reference,currency,total,note,note\nord-000001,NOK,5,a,b\n")
    assert len(read_orders(path, default_msn="123456").orders) == 1


def test_bank_statement_given_as_orders_is_named(write: Writer):
    """A bank statement has amounts and references, but no orders."""
    with pytest.raises(SourceError, match="this is a bank statement, not an order export"):
        read_orders(write(BANK), default_msn="123456")


@pytest.mark.parametrize(
    "units", [(), (SalesUnit("123456"),)], ids=["default sales unit", "sales unit in the settings"]
)
def test_missing_currency_names_the_lines_to_write(write: Writer, units):
    """Magento users must be able to copy the lines from the message into the settings."""
    path = write("reference,total\nord-000001,5\n")
    with pytest.raises(SourceError) as error:
        read_orders(path, default_msn="123456", units=units)
    lines = str(error.value).partition("three lines: ")[2].partition(". If")[0].split(" | ")
    settings = tomllib.loads("\n".join(lines))
    assert settings == {"sales_unit": [{"msn": "123456", "currency": "NOK"}]}
    named = [SalesUnit(**table) for table in settings["sales_unit"]]
    assert list(read_orders(path, units=tuple(named)).orders["currency"]) == ["NOK"]


def test_missing_currency_column_is_not_a_file_error(write: Writer):
    """Magento's export has no currency; the settings of the sales unit give it."""
    path = write("reference,total\nord-000001,5\n")
    got = read_orders(path, units=(SalesUnit("123456", currency="SEK"),))
    assert list(got.orders["currency"]) == ["SEK"]


FAR_CELL = '<c r="XFD1048576"><v>1</v></c>'
ODD_CELL = FAR_CELL.replace("r=", 's="0" r = ')


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(
            lambda xml: xml.replace("</row>", f"{FAR_CELL}</row>", 1), id="cell elsewhere"
        ),
        pytest.param(
            lambda xml: xml.replace("</sheetData>", f'<row r="9">{FAR_CELL}</row></sheetData>'),
            id="after the table",
        ),
        pytest.param(
            lambda xml: xml.replace(
                "</sheetData>",
                f"<row r='1048576'>{'<c><v>1</v></c>' * 40}</row></sheetData>",
            ),
            id="cells without names",
        ),
        pytest.param(
            lambda xml: xml.replace("</sheetData>", f"<row>{ODD_CELL}</row></sheetData>"),
            id="attributes in another order",
        ),
    ],
)
def test_distant_cell_is_refused_before_the_sheet_is_read(write: Writer, harm):
    """The reader would use all memory for the empty cells in between, and then be killed."""
    path = write(changed_sheet(harm), "orders.xlsx")
    for job in (lambda: read_orders(path, default_msn="123456"), lambda: preview(path)):
        with pytest.raises(SourceError, match=r"orders\.xlsx: the sheet in .*1 048 576"):
            job()


def test_formatted_empty_row_is_ignored(write: Writer):
    """A formatted empty last row is common, and the readers ignore it."""
    far = '<row r="1048576" s="1"><c r="XFD1048576" s="0"/></row></sheetData>'
    path = write(changed_sheet(lambda xml: xml.replace("</sheetData>", far)), "orders.xlsx")
    assert len(read_orders(path, default_msn="123456").orders) == 1


def changed_sheet(harm) -> bytes:
    """Return the small workbook with the XML of its sheet changed."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as before,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for member in before.infolist():
            content = before.read(member)
            if member.filename.endswith("sheet1.xml"):
                content = harm(content.decode()).encode()
            after.writestr(member.filename, content)
    return file.getvalue()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (9, 26), (10, 27), (1234, 60), (300, 703)])
def test_sheet_size_is_measured_exactly(rows: int, columns: int):
    """No real table may be refused: rows are counted exactly, columns to within 26."""
    book = openpyxl.Workbook()
    for row in range(1, rows + 1):
        for column in {1, columns // 2 + 1, columns}:
            book.active.cell(row, column, "x")
    archive = io.BytesIO()
    book.save(archive)
    with zipfile.ZipFile(archive) as opened, opened.open("xl/worksheets/sheet1.xml") as sheet:
        last_row, last_column = measure_sheet(sheet)
    assert last_row == rows
    most = columns + 25 if columns < 703 else 16_384
    assert columns <= last_column <= most


def test_total_size_of_archive_members_is_limited(write: Writer, monkeypatch: pytest.MonkeyPatch):
    """Each member is below the limit for one member, but together they would fill the memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number in range(3):
            archive.writestr(f"xl/part{number}.xml", os.urandom(900_000))
    monkeypatch.setattr("vippsrecon.sources.files.archive.MAX_UNPACKED_BYTES", 2_000_000)
    with pytest.raises(SourceError, match="unpacks to more than"):
        read_orders(write(file.getvalue(), "orders.xlsx"))


def test_size_of_the_cell_formats_is_limited(write: Writer, monkeypatch: pytest.MonkeyPatch):
    """A million formats in a workbook of 7 MB would keep openpyxl busy for minutes."""
    monkeypatch.setattr("vippsrecon.sources.files.archive.MAX_STYLES_BYTES", 100_000)
    formats = zipped("xl/styles.xml", os.urandom(60_000).hex().encode())
    with pytest.raises(SourceError, match=r"^orders\.xlsx: its cell formats take more memory"):
        read_orders(write(formats, "orders.xlsx"))


def test_number_of_archive_members_is_limited(write: Writer):
    """The list of so many empty members alone would fill the memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(66_000):
            archive.writestr(zipfile.ZipInfo(f"{number:020}"), b"")
    with pytest.raises(SourceError, match="too many parts"):
        read_orders(write(file.getvalue(), "orders.xlsx"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("suffix", [".csv", ".json", ".xlsx", ".txt"])
@pytest.mark.parametrize("kind", ["pipe", "directory", "link to nothing", "device"])
def test_pipe_is_refused(tmp_path: Path, kind: str, suffix: str):
    """With a pipe, the program would wait forever."""
    path = tmp_path / f"orders{suffix}"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "link to nothing": lambda: path.symlink_to(tmp_path / "nothing"),
        "device": lambda: path.symlink_to("/dev/zero"),
    }
    make[kind]()
    for job in (read_orders, preview, read_references):
        with pytest.raises(SourceError, match=rf"^orders\{suffix}: this is (a|not an) "):
            job(path)


def test_duplicate_json_key_is_refused(write: Writer):
    """Nobody can know which of the two totals is meant."""
    order = '[{"id": 1, "status": "completed", "total": "5.00", "total": "500.00"}]'
    with pytest.raises(SourceError, match=r"orders\.json: the key 'total' occurs twice"):
        read_orders(write(order, "orders.json"))


@pytest.mark.parametrize("offset", ["+99:00", "+15:00", "-14:30", "+02:75", " +9900"])
def test_impossible_time_offset_is_rejected(write: Writer, offset: str):
    """The order would get a date that is days wrong, perhaps in another month."""
    head = "reference,currency,total,ordered_at\n"
    rows = f"ord-000001,NOK,5,2026-10-02T10:00{offset}\nord-000002,NOK,5,2026-10-02T10:00+02:00\n"
    read = read_orders(write(head + rows), default_msn="123456")
    assert list(read.orders["reference"]) == ["ord-000002"]
    (reason,) = read.rejects["reason"]
    assert reason.startswith("is not a date or time")
