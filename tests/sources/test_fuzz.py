"""Give any content to the readers: each returns a result or raises an error of this package."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.sources.conftest import SHOPIFY, as_csv
from tests.sources.test_shops import MAGENTO, WOO, magento, shopify, woo
from tests.sources.test_woocommerce_rest import make_rest_order
from vippsrecon import preview
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import VippsReconError
from vippsrecon.schemas import ORDERS, to_polars
from vippsrecon.sources import find_candidate_references, read_orders, read_references

OSLO = SalesUnit("123456", market="NO", currency="NOK")
QUIET = draw_examples(8)
MANY_ROWS = draw_examples(6)
"""For files of many drawn rows: one file costs the same, whatever its rows are."""


def workbook() -> bytes:
    """Make a small workbook of orders."""
    book = openpyxl.Workbook()
    for row in (("reference", "currency", "total"), ("ord-000001", "NOK", 5), ("x", "NOK", 1.5)):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SOUND = {
    "shopify.csv": as_csv(SHOPIFY, [shopify(), {"Name": "#1001"}, shopify(Id="2")]).encode(),
    "woo.csv": as_csv(WOO, [woo(), woo(Order_ID="7")], ";").encode("cp1252"),
    "magento.csv": as_csv(MAGENTO, [magento(), magento(ID="000000124")]).encode("utf-8-sig"),
    "rest.json": repr([make_rest_order(), make_rest_order(id=3)]).replace("'", '"').encode(),
    "orders.xlsx": workbook(),
}


def assert_only_package_errors(path: Path) -> None:
    """Give a file to every reader; an error of this package is a valid result."""
    with contextlib.suppress(VippsReconError):
        got = read_orders(path, units=(OSLO,))
        find_candidate_references(to_polars(got.orders, ORDERS))
        (reading,) = got.files
        assert reading.rows == reading.orders + reading.rejected + reading.continuations
        assert len(got.orders) + len(got.rejects) + reading.continuations == reading.rows
    with contextlib.suppress(VippsReconError):
        preview(path)
    with contextlib.suppress(VippsReconError):
        read_references(path, "123456")


@QUIET
@given(
    content=st.binary(max_size=400), name=st.sampled_from(["a.csv", "a.xlsx", "a.json", "a.xml"])
)
def test_any_bytes_give_a_result_or_a_package_error(tmp_path: Path, content: bytes, name: str):
    """A file may contain anything, whatever its name is."""
    (tmp_path / name).write_bytes(content)
    assert_only_package_errors(tmp_path / name)


@pytest.mark.ci
@pytest.mark.parametrize("name", sorted(SOUND))
@QUIET
@given(data=st.data())
def test_damaged_files_give_a_result_or_a_package_error(
    tmp_path: Path, name: str, data: st.DataObject
):
    """Bytes are removed, changed or added, so the damage can be deep inside a valid file."""
    content = bytearray(SOUND[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        piece = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b'"', b";", b"\n", b"-"]))
        )
        content[place : place + data.draw(st.integers(0, 8))] = piece
    (tmp_path / name).write_bytes(content)
    assert_only_package_errors(tmp_path / name)


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["1E+11", "1.234,50", "-1", "2026-02-31", "9999-12-31", "2026-10-25 02:30", "'01", "NOK", "", "0", "1e400", "٣"]),
)  # fmt: skip


@MANY_ROWS
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(SHOPIFY), CELLS), min_size=10, max_size=30),
    shop=st.sampled_from(["shopify", "woocommerce"]),
)
def test_any_cells_give_a_result_or_a_package_error(
    tmp_path: Path, rows: list[dict[str, str]], shop: str
):
    """With any text below valid headings, the row counts agree and no other error is raised."""
    text = as_csv(SHOPIFY, [shopify(), *rows]).encode("utf-8", "replace")
    (tmp_path / f"{shop}.csv").write_bytes(text)
    assert_only_package_errors(tmp_path / f"{shop}.csv")


@MANY_ROWS
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.text(max_size=10), st.integers(), st.floats(allow_nan=False), st.datetimes()),
            st.sampled_from(["NOK", "EUR", None]),
            st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans()),
        ),
        min_size=10,
        max_size=30,
    )
)  # fmt: skip
def test_any_workbook_cells_give_a_result_or_a_package_error(
    tmp_path: Path, rows: list[tuple[object, ...]]
):
    """Every kind of value that a sheet can hold, in columns that need another kind."""
    book = openpyxl.Workbook()
    book.active.append(("reference", "currency", "total"))
    for row in rows:
        with contextlib.suppress(ValueError, openpyxl.utils.exceptions.IllegalCharacterError):
            book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert_only_package_errors(tmp_path / "a.xlsx")
