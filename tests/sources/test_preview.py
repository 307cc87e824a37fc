"""Test what `preview` states about any file, before anything is configured."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.sources.conftest import Writer, as_csv
from tests.sources.test_shops import MAGENTO, WOO, magento, woo
from vippsrecon import preview
from vippsrecon.config.settings import SalesUnit
from vippsrecon.sources.orders.profiles import load_builtin_profiles
from vippsrecon.texts import say


def test_preview_of_an_order_export(write: Writer):
    """The object is as documented for --json: amounts in minor units, and all values fit JSON."""
    path = write(as_csv(WOO, [woo(), woo(Order_ID="1002", Order_Total_Amount="x")]))
    output = preview(path)
    (entry,) = output["files"]
    assert set(entry) == {
        "path", "kind", "format", "rows", "period", "totals", "rejects", "notes",
    }  # fmt: skip
    assert (entry["path"], entry["kind"], entry["format"]) == (str(path), "orders", "woocommerce")
    assert (entry["rows"], entry["period"]) == (2, ["2026-01-31", "2026-01-31"])
    assert entry["totals"] == {"NOK": {"orders": 1, "total_minor": 49950, "refunded_minor": 1000}}
    assert entry["rejects"] == [
        {
            "source_file": "orders.csv",
            "source_row": 3,
            "column": "Order Total Amount",
            "value": "x",
            "reason": "is not an amount with a decimal point",
        }
    ]
    assert any("'Transaction ID'" in note for note in entry["notes"])
    assert json.loads(json.dumps(output)) == output


def test_preview_names_the_missing_export_setting(write: Writer):
    """The user reads this before the run, instead of a thousand discrepancies after it."""
    headings = [name for name in WOO if name not in ("Transaction ID", "Order Refund Amount")]
    (entry,) = preview(write(as_csv(headings, [woo()])))["files"]
    assert entry["rows"] == 1
    assert entry["totals"]["NOK"]["refunded_minor"] is None
    notes = " ".join(entry["notes"])
    assert "Set up fields to export" in notes
    assert "Order Refund Amount" in notes


def test_preview_needs_no_settings(write: Writer):
    """Magento's export has no sales unit and no currency; a preview must work without both."""
    path = write(as_csv(MAGENTO, [magento()]))
    notes = " ".join(preview(path)["files"][0]["notes"])
    assert "VIPPS_MSN" in notes
    assert "shown as NOK" in notes
    (entry,) = preview(path, units=(SalesUnit("123456", currency="DKK"),))["files"]
    assert list(entry["totals"]) == ["DKK"]
    assert "VIPPS_MSN" not in " ".join(entry["notes"])


@pytest.mark.parametrize(
    ("lines", "currency_text"),
    [
        pytest.param("ord-000001,NOK,5\nord-000002,NOK\n", None, id="a row cut off"),
        pytest.param("ord-000001,NOK,5\nord-000002,,x\n", None, id="a reject without one"),
        pytest.param(
            "ord-000001,NOK,5\nord-000002,,6\n",
            "Orders without a currency: 1; they are shown as NOK until 'currency' is set.",
            id="an order without one",
        ),
    ],
)
def test_preview_recognises_a_currency_column_without_values(
    write: Writer, lines: str, currency_text: str | None
):
    """A rejected row without a currency does not mean that the file has no currency column."""
    (entry,) = preview(write(f"reference,currency,total\n{lines}"))["files"]
    assert [note for note in entry["notes"] if "urrency" in note] == (
        [currency_text] if currency_text else []
    )


@pytest.mark.parametrize(
    ("other", "sums"), [("0", {"NOK": 0, "SEK": 0}), ("", {"NOK": None, "SEK": None})]
)
def test_empty_refund_is_zero_only_in_a_filled_column(
    write: Writer, other: str, sums: dict[str, int | None]
):
    """A column without any amount states nothing about refunds, so their sum is unknown."""
    content = f"reference,currency,total,refunded\nord-000001,NOK,5,\nord-000002,SEK,5,{other}\n"
    (entry,) = preview(write(content))["files"]
    assert {code: of["refunded_minor"] for code, of in entry["totals"].items()} == sums


def test_preview_counts_orders_that_are_not_compared(write: Writer):
    """Orders that are not compared are shown with their sum, so that a user can check the total."""
    others = [woo(Order_ID="2", Order_Number="2", Payment_Method_Title="Klarna")]
    free = [woo(Order_ID="3", Order_Number="3", Order_Total_Amount="0")]
    notes = preview(write(as_csv(WOO, [woo(), *others, *free])))["files"][0]["notes"]
    assert "Orders paid with another method: 1 (Klarna 1; 499.50 NOK)." in notes
    assert "Orders with nothing to pay: 1." in notes


@pytest.mark.parametrize(
    ("content", "name", "kind", "form", "rows"),
    [
        pytest.param(
            "Dato;Beskrivelse;Rentedato;Inn;Ut;Til konto;Fra konto;\n1;2;3;4;5;6;7;\n",
            "bank.csv", "bank", "sparebank1", 1, id="bank CSV",
        ),
        pytest.param(
            "Kirjauspäivä;Arvopäivä;Määrä\u00a0 EUROA;Laji;Arkistointitunnus\n1;2;3;4;5\n",
            "op.csv", "bank", "op", 1, id="no-break space in a heading",
        ),
        pytest.param(
            '<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">'
            "<BkToCstmrStmt><Stmt><Id>1</Id></Stmt></BkToCstmrStmt></Document>",
            "bank.xml", "bank", "camt.053", 0, id="camt.053",
        ),
        pytest.param(
            "<Document><BkToCstmrDbtCdtNtfctn/></Document>",
            "bank.xml", "bank", "camt.054", None, id="no namespace",
        ),
        pytest.param(
            "MSN/Vippsnummer,Bokføringsdato,Type,Beløp,Valuta,PSP-referanse\n1,2,3,4,5,6\n",
            "oppgjor.csv", "settlement", "vipps-portal", 1, id="portal",
        ),
        pytest.param('{"plan_id": "p", "digest": "d", "rows": []}', "plan.json", "plan", "plan", None, id="plan"),
    ],
)  # fmt: skip
def test_preview_names_files_that_are_not_orders(
    write: Writer, content: str, name: str, kind: str, form: str, rows: int | None
):
    """A download folder contains other files too; each is named, and none is read as orders."""
    (entry,) = preview(write(content, name))["files"]
    assert (entry["kind"], entry["format"], entry["rows"]) == (kind, form, rows)
    assert entry["notes"]


@pytest.mark.parametrize("shop", ["shopify", "woocommerce", "magento"])
def test_preview_shows_how_to_link_to_the_orders_of_a_shop(shop):
    """Nobody guesses the address of an order in the shop's administration."""
    profile = load_builtin_profiles()[shop]
    export = pd.DataFrame(
        {
            profile.columns[field][0]: ["1"]
            for field in dict.fromkeys((*profile.required, "order_number"))
        }
    )

    def list_links(*units):
        notes = preview(export, shop=shop, units=units)["files"][0]["notes"]
        return [note for note in notes if "order_url" in note]

    assert list_links() == [say("order_notes.order_link", address=profile.order_url)]
    assert SalesUnit("123456", order_url=profile.order_url)
    assert list_links(SalesUnit("123456", order_url="https://a.example/{order_number}")) == []
