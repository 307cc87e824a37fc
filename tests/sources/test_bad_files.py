"""Files that cannot carry the job: one clear sentence each, and never anything but our errors."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest

from tests.sources.conftest import SHOPIFY, Writer, as_csv
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.sources import preview, read_orders
from vippsrecon.sources.files import detect

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
    made = openpyxl.Workbook()
    for row in (("reference", "currency", "total"), ("ord-000001", "NOK", 5)):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    """Pack one member, as a workbook is packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "says"),
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
        pytest.param("[" * 100_000, "orders.json", "is not", id="JSON too deep"),
        pytest.param("[{}]", "orders.json", "WooCommerce", id="other JSON"),
        pytest.param(json.dumps([REFUND]), "orders.json", "of refunds.* take the orders", id="Woo refunds"),
        pytest.param(json.dumps(REFUND), "orders.json", "of refunds.* take the orders", id="one Woo refund"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_carry_the_job(
    write: Writer, content: str | bytes, name: str, says: str
):
    """The sentence is what the user sees, so it names the fault and the way out."""
    path = write(content, name)
    for job in (lambda: read_orders(path, default_msn="123456"), lambda: preview(path)):
        with pytest.raises(SourceError, match=says) as caught:
            job()
        assert str(caught.value).startswith(f"{name}")
        assert str(path.parent) not in str(caught.value)


def test_no_such_file_and_a_directory(tmp_path: Path):
    """A slip of the keyboard, not a traceback."""
    with pytest.raises(SourceError, match=r"orders\.csv: there is no such file"):
        read_orders(tmp_path / "orders.csv")
    with pytest.raises(SourceError, match="directory"):
        read_orders(tmp_path)
    with pytest.raises(SourceError, match="cannot be opened"):
        read_orders("nul\0name.csv")


def test_an_export_that_cannot_do_it_is_said_whatever_shop_was_named(write: Writer):
    """No way leads from there to another --shop that is refused as well."""
    with pytest.raises(SourceError, match="Advanced Order Export") as refused:
        read_orders(write(ANALYTICS, "orders.csv"), shop="woocommerce")
    assert "--shop" not in str(refused.value)


def test_a_file_too_large(write: Writer, monkeypatch: pytest.MonkeyPatch):
    """The limit is 512 MB; a lower one shows the same sentence without filling a disk."""
    monkeypatch.setattr(detect, "MAX_INPUT_FILE_BYTES", 10)
    with pytest.raises(SourceError, match="512 MB"):
        read_orders(write(GOOD))


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
def test_the_same_export_however_it_is_saved(write: Writer, encode):
    """Encodings, line ends and delimiters are the spreadsheet's choice, not the user's."""
    text = (
        "Referanse;Valuta;Beløp;Butikk\nord-000001;NOK;5.00;Tromsø\nord-000002;NOK;6.00;Ålesund\n"
    )
    got = read_orders(write(encode(text)), default_msn="123456")
    assert list(got.orders["total_minor"]) == [500, 600]
    assert list(got.orders["store"]) == ["Tromsø", "Ålesund"]
    assert got.rejects.empty


def test_shop_named_wrongly_says_what_it_looks_like(write: Writer):
    """The likeliest slip with several shops in one place."""
    with pytest.raises(SourceError, match=r"not an export of Shopify.*--shop plain"):
        read_orders(write(GOOD), shop="shopify")
    with pytest.raises(ConfigurationError, match="known are"):
        read_orders(write(GOOD), shop="shopifi")


def test_a_shop_named_against_the_headings_is_refused(write: Writer):
    """Read as the plain form it is rejected row by row, and the reason shows nowhere."""
    path = write(as_csv(SHOPIFY, [{"Name": "#1", "Total": "5.00", "Currency": "NOK"}]))
    with pytest.raises(
        SourceError, match=r"export of Shopify.*not of the plain form.*--shop shopify"
    ):
        read_orders(path, shop="plain", default_msn="123456")
    with pytest.raises(SourceError, match="not of the plain form"):
        preview(path, shop="plain")


def test_a_mapping_of_ones_own_is_not_spoken_against(write: Writer):
    """Whoever writes one knows the file better than its headings do."""
    path = write(as_csv(SHOPIFY, [{"Name": "shop-00001", "Total": "5", "Currency": "NOK"}]))
    own = write('extends = "plain"\n[columns]\nreference = ["Name"]\n', "own.toml")
    got = read_orders(path, mapping=own, default_msn="123456")
    assert list(got.orders["reference"]) == ["shop-00001"]


def test_a_list_of_ones_own_with_a_shops_headings_may_be_plain(write: Writer):
    """Named rightly, it must not be taken for the shop whose words it borrows."""
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
def test_two_columns_of_one_heading_that_is_read_are_refused(
    write: Writer, content: str, heading: str
):
    """Whichever is taken may be the wrong one, and nothing would show it."""
    path = write(content)
    for read in (preview, lambda path: read_orders(path, default_msn="123456")):
        with pytest.raises(SourceError, match=f"several columns are headed '{heading}'"):
            read(path)


def test_two_columns_of_one_heading_that_is_not_read_do_no_harm(write: Writer):
    """Shops with fields of their own repeat headings nobody asks for."""
    path = write("reference,currency,total,note,note\nord-000001,NOK,5,a,b\n")
    assert len(read_orders(path, default_msn="123456").orders) == 1


def test_a_bank_statement_among_the_orders_is_named(write: Writer):
    """It has amounts and references of its own, and no order in it."""
    with pytest.raises(SourceError, match="this is a bank statement, not an order export"):
        read_orders(write(BANK), default_msn="123456")


def test_currency_alone_lacking_is_no_fault_of_the_file(write: Writer):
    """Magento never says the currency; the sales unit's setting does."""
    path = write("reference,total\nord-000001,5\n")
    got = read_orders(path, units=(SalesUnit("123456", currency="SEK"),))
    assert list(got.orders["currency"]) == ["SEK"]
