"""Test references: earlier attempts, lost zeros, spreadsheet numbers, and lists from the user."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.sources.conftest import Writer
from vippsrecon.errors import SourceError
from vippsrecon.schemas import ORDERS, to_polars
from vippsrecon.sources import (
    RULES_AFTER_NOT_FOUND,
    find_candidate_references,
    read_orders,
    read_references,
)

HEAD = "reference,currency,total,order_number,paid\n"


def list_candidates(write: Writer, *lines: str) -> set[tuple[str, str, str]]:
    """Return the candidates for orders with these cells."""
    orders = read_orders(write(HEAD + "\n".join(lines) + "\n"), default_msn="123456").orders
    candidates = find_candidate_references(to_polars(orders, ORDERS))
    return set(candidates.select("reference", "candidate", "rule").iter_rows())


def test_retry_suffix_gives_every_earlier_attempt(write: Writer):
    """WooCommerce keeps only the last reference; the first two exist only at Vipps MobilePay."""
    assert list_candidates(write, "woo-butikk-1001-2,NOK,5,1001,yes") == {
        ("woo-butikk-1001-2", "woo-butikk-1001", "earlier_attempt"),
        ("woo-butikk-1001-2", "woo-butikk-1001-1", "earlier_attempt"),
        ("woo-butikk-1001-2", "woo-butikk-1001-3", "later_attempt"),
    }


@pytest.mark.parametrize(
    ("reference", "number", "base"),
    [
        ("woo-butikk-1001", "1001", "woo-butikk-1001"),
        ("woobutikk1001-3", "1001", "woobutikk1001"),
        ("Woo00017-1", "17", "Woo00017"),
        ("shop2-1001-12", "1001", "shop2-1001"),
        ("woo-101-1", "101", "woo-101"),
        ("woo-11001", "1001", None),
        ("woo-butikk-1001-100", "1001", None),
        ("ord-2026-3", "77", None),
        ("abcdefgh", "", None),
    ],
)
def test_attempt_suffix_follows_only_the_orders_own_id(
    write: Writer, reference: str, number: str, base: str | None
):
    """A hyphen and a number mean an attempt only after the order's own id."""
    path = write(f"{HEAD}{reference},NOK,5,{number},yes\n")
    orders = read_orders(path, default_msn="123456").orders
    base_read = orders["attempt_base"][0]
    assert (None if pd.isna(base_read) else base_read) == base


def test_lost_zeros_are_restored_to_the_usual_length(write: Writer):
    """A spreadsheet removed the zeros of one; most of the others show how long a reference is."""
    candidates = list_candidates(write, "0000012345,NOK,5,,", "0000012346,NOK,5,,", "12347,NOK,5,,")
    assert ("12347", "0000012347", "zero_padded") in candidates


def test_too_short_reference_is_not_requested(write: Writer):
    """Magento's number without zeros is too short to request. It must not give a failure."""
    assert list_candidates(write, "0012345678,NOK,5,,", "0000012346,NOK,5,,") == {
        ("0012345678", "12345678", "zero_stripped")
    }


def test_zeros_lost_in_every_row_take_magentos_length(write: Writer):
    """No row shows the length, so Magento's nine digits are used: no other length is known."""
    assert list_candidates(write, "123,NOK,5,,", "124,NOK,5,,") == {
        ("123", "000000123", "zero_padded"),
        ("124", "000000124", "zero_padded"),
    }


@pytest.mark.parametrize(
    ("damaged", "repaired"),
    [("1E+11", "100000000000"), ('"1,00E+11"', "100000000000"), ("1.23456789E+8", "123456789")],
)
def test_scientific_notation_is_expanded(write: Writer, damaged: str, repaired: str):
    """If no digit was lost, this is the reference. If not, the attempt costs one call."""
    (candidates,) = list_candidates(write, f"{damaged},NOK,5,,")
    assert candidates[1:] == (repaired, "written_out")


def test_only_earlier_attempts_are_requested_at_once(write: Writer):
    """Every other rule would double the calls, so it is used only if a reference is not found."""
    candidates = list_candidates(write, "own-build-1234567-2,NOK,5,,")
    assert candidates == {("own-build-1234567-2", "own-build-1234567", "without_suffix")}
    assert {rule for *_, rule in candidates} <= RULES_AFTER_NOT_FOUND
    assert "earlier_attempt" not in RULES_AFTER_NOT_FOUND


def test_unpaid_order_gives_the_next_attempt(write: Writer):
    """The shop may have missed a payment; a paid order has no later attempt."""
    later = ("woo-butikk-1001", "woo-butikk-1001-1", "later_attempt")
    assert list_candidates(write, "woo-butikk-1001,NOK,5,1001,yes") == set()
    assert list_candidates(write, "woo-butikk-1001,NOK,5,1001,no") == {later}
    assert list_candidates(write, "woo-butikk-1001,NOK,5,1001,") == {later}


def test_empty_orders_frame_gives_no_references(write: Writer):
    """An export in which all rows are rejected gives an empty frame."""
    orders = read_orders(write(f"{HEAD}ord-000001,NOK,x,,\n"), default_msn="123456").orders
    candidates = find_candidate_references(to_polars(orders, ORDERS))
    assert candidates.is_empty()
    assert list(candidates.columns) == ["msn", "reference", "candidate", "rule"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("ord-000001\n\n'000000123\n", [("9999", "ord-000001"), ("9999", "000000123")], id="lines"),
        pytest.param("reference\nord-000001\n", [("9999", "ord-000001")], id="one column"),
        pytest.param("msn;reference\n1234;ord-1\n;ord-2\n", [("1234", "ord-1"), ("9999", "ord-2")], id="msn"),
    ],
)  # fmt: skip
def test_list_of_references_is_read(write: Writer, content: str, expected: list[tuple[str, str]]):
    """A list may have one reference on each line, or columns with sales units."""
    references, rejects = read_references(write(content, "list.txt"), "9999")
    assert list(references[["msn", "reference"]].itertuples(index=False, name=None)) == expected
    assert set(references["discovered_by"]) == {"references"}
    assert rejects.empty


def test_list_of_references_in_a_workbook_is_read(write_xlsx: Writer):
    """A workbook is the most common form of a list."""
    references, _ = read_references(
        write_xlsx([("Reference",), ("ord-000001",), (123456789,)]), "9999"
    )
    assert list(references["reference"]) == ["ord-000001", "123456789"]


def test_invalid_references_are_rejected_with_their_line(write: Writer):
    """One mistake in ten thousand lines must not lose the other lines."""
    references, rejects = read_references(write(f"ord-000001\n{'x' * 65}\n", "list.txt"), "9999")
    assert list(references["reference"]) == ["ord-000001"]
    assert list(rejects["source_row"]) == [2]


@pytest.mark.parametrize(
    ("content", "default", "message"),
    [
        ("ord-000001\n", None, "VIPPS_MSN"),
        ("a,b\nc,d\n", "9999", "heading row"),
        ("", "9999", "is empty"),
    ],
    ids=["no sales unit", "no heading", "empty"],
)
def test_unusable_list_of_references_is_refused(
    write: Writer, content: str, default: str | None, message: str
):
    """The sentence names the setting or the cell that is missing."""
    with pytest.raises(SourceError, match=message):
        read_references(write(content, "list.txt"), default)
