"""Links out of a report: the documented portal, and the shop's own address of an order."""

from __future__ import annotations

import polars as pl
import pytest
from openpyxl import load_workbook

from tests.report.example_results import MANIFEST, Month
from tests.report.test_changes import read_sheet
from vippsrecon import link_discrepancies, show_frame
from vippsrecon.config.order_address import build_order_address, check_order_url
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.html.tiles import render_reconciliation
from vippsrecon.spreadsheet.links import build_web_links
from vippsrecon.vipps_rules import PORTAL_ADDRESS

TEMPLATE = "https://shop.example/admin/orders/{order_number}"
EVIL = '7"),HYPERLINK("https://evil.example/?a=1&b=<b>'
SETTINGS = {"sales_units": [{"msn": "123456", "order_url": TEMPLATE}]}


def month(environment="production", settings=SETTINGS):
    """Return a month with an ordinary and a hostile order number, and one of another sales unit."""
    rows = Month()
    wrong = {"kind": "under_captured", "bucket": "discrepancy"}
    rows.pair("plain-1", 100, 50, order_number="#1001", **wrong)
    rows.pair("evil-1", 100, 40, order_number=EVIL, **wrong)
    rows.pair("other-1", 100, 30, msn="654321", **wrong)
    manifest = {**MANIFEST, "environment": environment, "settings": settings}
    return rows.reconciliation(manifest={**manifest, "counts": {"above_info": 3, "rejects": 0}})


def test_discrepancies_lead_to_portal_and_shop(tmp_path):
    """The columns come last. An order number cannot end the formula or change the host."""
    path = write_workbook(month(), tmp_path / "report.xlsx")
    rows = read_sheet(path, "Discrepancies")

    assert list(rows["plain-1"])[-2:] == ["In portal", "In shop"]
    assert rows["plain-1"]["In portal"] == f'=HYPERLINK("{PORTAL_ADDRESS}","Portal")'
    shop = '=HYPERLINK("https://shop.example/admin/orders/{}","Order in shop")'
    assert rows["plain-1"]["In shop"] == shop.format("%231001")
    encoded = rows["evil-1"]["In shop"].removeprefix(
        '=HYPERLINK("https://shop.example/admin/orders/'
    )
    assert encoded.count('"') == 3
    assert rows["other-1"]["In shop"] is None
    shown = read_sheet_values(path)
    assert shown["plain-1"] == ("Portal", "Order in shop")


def read_sheet_values(path):
    """Return what the two last columns show before a program recalculates them."""
    sheet = load_workbook(path, data_only=True)["Discrepancies"]
    rows = list(sheet.iter_rows(values_only=True))
    return {row[3]: row[-2:] for row in rows}


@pytest.mark.ci
def test_without_settings_no_link_leads_out(tmp_path):
    """A test payment is in no portal, and an address is never made up."""
    for environment in ("test", "simulator"):
        result = month(environment, {})
        path = write_workbook(result, tmp_path / f"{environment}.xlsx")
        page = write_html(result, tmp_path / f"{environment}.html").read_text(encoding="utf-8")
        assert list(read_sheet(path, "Discrepancies")["plain-1"])[-1] == "Payout"
        assert "https://" not in page.replace("https://evil.example", "")
        assert link_discrepancies(result)[["portal_url", "order_url"]].isna().all(axis=None)


def test_page_and_notebook_have_the_same_links(tmp_path):
    """What an export has is escaped; a browser tells the other site nothing about the page."""
    result = month()
    page = write_html(result, tmp_path / "report.html").read_text(encoding="utf-8")
    shown = show_frame(link_discrepancies(result), columns=["reference", "portal_url", "order_url"])
    for html in (page, shown._repr_html_(), render_reconciliation(result)):
        assert 'href="https://shop.example/admin/orders/%231001" rel="noopener noreferrer"' in html
        assert f'href="{PORTAL_ADDRESS}" rel="noopener noreferrer"' in html
        assert 'href="https://evil' not in html
        assert "<b>" not in html.split("evil-1")[-1].split("</tr>")[0]
    assert "https://shop.example/admin" in repr(shown)


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example/{order_number}",
        "javascript:alert({order_number})",
        "https://{order_number}/admin",
        "https://shop.example/admin",
        "https://shop.example/{customer}",
        'https://shop.example/"{order_number}',
        "https://user:word@shop.example/{order_number}",
        "https://shop.example/{order_number} ",
    ],
)
def test_an_address_that_is_not_safe_is_refused(address):
    """It is refused where it is set, with the form it must have."""
    with pytest.raises(ConfigurationError, match=r"https://shop\.example/admin/orders/"):
        SalesUnit("123456", order_url=address)


def test_an_address_that_is_not_known_or_too_long_is_left_out():
    """Excel allows 255 characters in a text of a formula."""
    assert build_order_address(TEMPLATE, None, "ref-1") is None
    assert build_order_address(TEMPLATE, "9" * 300, None) is None
    assert build_order_address(
        check_order_url("https://a.example/{reference}"), None, "x/../y"
    ) == ("https://a.example/x%2F..%2Fy")


def test_a_formula_takes_no_other_address():
    """The last check before a formula is written."""
    with pytest.raises(ValueError, match="not an address"):
        build_web_links(pl.Series(['https://a.example/"&A1&"']), "Shop")
