"""Test orders as WooCommerce's REST API returns them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.sources.conftest import Writer
from vippsrecon import preview
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import SourceError
from vippsrecon.sources import read_orders

OSLO = SalesUnit("123456", market="NO", currency="NOK")


def _order(path: Path) -> dict[str, object]:
    """Read the only order of a file."""
    (order,) = read_orders(path, units=(OSLO,)).orders.to_dict("records")
    return order


def _read_field_note(path: Path) -> str:
    """Return the note that names the field of the references."""
    (note,) = [note for note in preview(path)["files"][0]["notes"] if "reference is read" in note]
    return note


def make_rest_order(**keys: object) -> dict[str, object]:
    """Return an order of the REST API, with these keys changed."""
    return {
        "id": 727,
        "number": "727",
        "status": "completed",
        "currency": "DKK",
        "date_created": "2026-01-22T16:28:02",
        "date_created_gmt": "2026-01-22T15:28:02",
        "date_completed_gmt": "2026-01-23T15:00:00",
        "total": "29.35",
        "total_tax": "1.35",
        "billing": {"first_name": "Kari", "email": "kunde@example.com", "phone": "99999999"},
        "payment_method": "vipps",
        "payment_method_title": "Vipps",
        "transaction_id": "",
        "date_paid_gmt": "2026-01-22T15:29:00",
        "meta_data": [{"id": 1, "key": "_vipps_orderid", "value": "woo-shop-727"}],
        "refunds": [{"id": 1, "total": "-10.00"}, {"id": 2, "total": "-9.00"}],
        **keys,
    }


@pytest.mark.parametrize("wrapped", [False, True], ids=["list", "one order"])
def test_woocommerce_rest_order_is_read_in_full(write: Writer, wrapped: bool):
    """Keys with `_gmt` are UTC without an offset; refunds are negative and are added up."""
    content = make_rest_order() if wrapped else [make_rest_order()]
    order = _order(write(json.dumps(content), "orders.json"))
    assert (order["total_minor"], order["refunded_minor"], order["currency"]) == (2935, 1900, "DKK")
    assert order["ordered_at"] == pd.Timestamp("2026-01-22T15:28:02Z")
    assert (order["reference"], order["paid"]) == ("woo-shop-727", "yes")
    assert order["recurring"] is False


def test_note_names_the_field_of_the_reference(write: Writer):
    """If no order has the plugin's own field, the note must not name that field."""
    bare = make_rest_order(transaction_id="woo-shop-727", meta_data=[])

    assert "the field 'meta:_vipps_orderid'" in _read_field_note(
        write(json.dumps([make_rest_order()]), "o.json")
    )
    assert "the field 'transaction_id'" in _read_field_note(write(json.dumps([bare]), "o.json"))


def test_answer_without_references_names_the_fields_parameter(write: Writer):
    """With `_fields`, the API returns only the fields that are named."""
    fields = ("id", "total", "status", "currency", "payment_method")
    path = write(json.dumps([{key: make_rest_order()[key] for key in fields}]), "o.json")

    with pytest.raises(SourceError, match=r"no transaction_id: ask .* without _fields"):
        read_orders(path, units=(OSLO,))


def test_recurring_charge_is_recognised(write: Writer):
    """Its transaction id is that of a charge, so the ePayment API would answer 404."""
    meta = [{"key": "_charge_id", "value": "chr_123"}]
    order = _order(write(json.dumps([make_rest_order(meta_data=meta)]), "orders.json"))
    assert order["recurring"] is True


def test_json_numbers_with_an_exponent_are_rejected(write: Writer):
    """This API returns amounts as text; a number with an exponent does not come from the API."""
    path = write(json.dumps([make_rest_order(total="1e5")]).replace('"1e5"', "1e5"), "o.json")
    read = read_orders(path, units=(OSLO,))
    assert read.orders.empty
    assert list(read.rejects["column"]) == ["total"]
