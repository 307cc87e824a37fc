"""No column of customers is read from an export, and a row with shifted cells shows none either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.privacy.markers import (
    CITY,
    EMAIL,
    FIRST_NAME,
    MESSAGE,
    NAME,
    PHONES,
    STREET,
    find_markers,
)
from tests.privacy.planted import plant_in_export, read_export, write_export
from tests.sources.test_woocommerce_rest import make_rest_order
from vippsrecon import preview, read_orders
from vippsrecon.config.settings import SalesUnit
from vippsrecon.scenario import write_month
from vippsrecon.scenario.shops import SHOPS

UNITS = (SalesUnit("123456", market="NO", currency="NOK"),)
SHIFTED = (NAME, EMAIL, PHONES[6], f"{STREET}, {CITY}", MESSAGE, PHONES[4], PHONES[8], FIRST_NAME)
"""Cells that end up in columns of amounts and dates. Eight digits alone are read as an amount."""


MAPPED_WORDS = {
    "status is not known for": "a status of the shop's own must be mapped under [statuses]",
    "payment method may or may not be": "a title must be named in own_tenders",
    "paid with another method": "the reader checks that no title of ours is among them",
}
"""Notes that repeat words of a column, and why; never a phone number or a mail address."""


@pytest.fixture(params=SHOPS)
def export(request, tmp_path) -> Path:
    """Return a small export of each shop, full of customers."""
    write_month(tmp_path, payments=12, seed=3, shop=request.param)
    plant_in_export(tmp_path / "orders.csv")
    return tmp_path / "orders.csv"


def show(path: Path) -> str:
    """Return all that is shown of an export, except its orders."""
    seen = preview(path, units=UNITS)
    read = read_orders(path, units=UNITS)
    parts = [
        *[repr(seen), str(seen), seen._repr_html_()],
        *[repr(read), read._repr_html_(), read.rejects.to_csv(), repr(read.files)],
    ]
    return "\n".join(parts)


def test_no_customer_column_is_read(export):
    """Each shop names its columns of customers otherwise, and people add their own."""
    read = read_orders(export, units=UNITS)
    assert len(read.orders) >= 10
    assert find_markers(read.orders.to_csv() + show(export)) == set()


def test_shifted_cells_are_not_shown(export):
    """A comma in an address moves all that follows it; a reject says where, not what."""
    headings, row, *_ = read_export(export)
    width = len(headings)
    lines = [headings]
    for position in range(width):
        for cell in SHIFTED:
            lines.append([*row[:position], cell, *row[position:]])
            lines.append([*row[:position], cell, *row[position:]][:width])
    write_export(export, lines)
    read = read_orders(export, units=UNITS)
    assert len(read.rejects) > width
    leaks = {}
    for line in show(export).split("\n"):
        found = find_markers(line)
        if any(text in line for text in MAPPED_WORDS):
            found &= {"phone number", "mail address"}
        if found:
            leaks[line] = found
    assert leaks == {}


def test_json_export_shows_no_customer(tmp_path):
    """WooCommerce's REST API returns whole orders, with addresses and notes."""
    person = {"first_name": NAME, "email": EMAIL, "phone": PHONES[6], "address_1": STREET}
    orders = [
        make_rest_order(
            id=number,
            number=str(number),
            total=total,
            billing=person,
            shipping=person,
            customer_note=MESSAGE,
            line_items=[{"name": NAME, "meta_data": [{"key": "to", "value": PHONES[4]}]}],
        )
        for number, total in enumerate(("10.00", NAME, PHONES[6]), start=727)
    ]
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(orders), encoding="utf-8")
    read = read_orders(path, units=UNITS)
    assert (len(read.orders), len(read.rejects)) == (1, 2)
    assert find_markers(read.orders.to_csv() + show(path)) == set()
