"""Test the list of requests: each reference once, and only references that Vipps can have."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from vippsrecon.errors import InputError
from vippsrecon.fetching.worklist import Worklist

MSN, OTHER = "123456", "654321"


def list_remaining(work):
    """Return what would be requested if nothing was on disk."""
    return [
        tuple(row)
        for row in work.iterate_rows(
            work.select_remaining(
                pl.DataFrame(
                    {"msn": [], "reference": []}, schema={"msn": pl.String, "reference": pl.String}
                )
            )
        )
    ]


def test_texts_pairs_and_frames_give_the_same_worklist():
    """The three ways to name a payment must request the same payment."""
    frame = pd.DataFrame({"msn": [MSN] * 2, "reference": ["order-00002", "order-00001"]})

    texts = Worklist(["order-00002", "order-00001"], MSN)

    assert list_remaining(texts) == [(MSN, f"order-0000{n}", "references") for n in (1, 2)]
    assert list_remaining(
        Worklist([(MSN, "order-00002"), (MSN, "order-00001")], None)
    ) == list_remaining(texts)
    assert list_remaining(Worklist(frame, None)) == list_remaining(texts)


def test_reference_is_requested_once_per_sales_unit():
    """A reference is unique only within its sales unit; its first row gives `discovered_by`."""
    frame = pd.DataFrame(
        {
            "msn": [MSN, OTHER, MSN],
            "reference": ["order-00001"] * 3,
            "discovered_by": ["orders", "orders", "ledger"],
        }
    )

    work = Worklist(frame, None)

    assert list_remaining(work) == [
        (MSN, "order-00001", "orders"),
        (OTHER, "order-00001", "orders"),
    ]
    assert work.duplicates == 1


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(None, "is empty", id="missing"),
        pytest.param("short-7", "this one has 7", id="seven"),
        pytest.param("a" * 65, "this one has 65", id="sixty-five"),
        pytest.param("order 00001", "letters A to Z", id="space"),
        pytest.param("order/00001", "letters A to Z", id="slash"),
        pytest.param("order-00001\n", "letters A to Z", id="newline at the end"),
        pytest.param("ordre-nr-å", "letters A to Z", id="letter beyond Z"),
        pytest.param("١٢٣٤٥٦٧٨", "letters A to Z", id="digits of another script"),
    ],
)
def test_a_malformed_reference_is_reported_and_not_sent(reference, why):
    """It would be part of a URL: Vipps would answer 400 or, worse, with another payment."""
    work = Worklist([(MSN, "order-00001"), (MSN, reference)], None)

    (failure,) = work.build_not_sent_failures()

    assert len(list_remaining(work)) == 1
    assert (failure.reference, failure.operation, failure.status) == (
        reference or "",
        "not_sent",
        None,
    )
    assert why in failure.detail


def test_a_malformed_sales_unit_is_reported_and_not_sent():
    """The number is sent in an HTTP header, so it must not contain a line break."""
    (failure,) = Worklist([("12\r\nX: 1", "order-00001")], None).build_not_sent_failures()

    assert "merchant serial number" in failure.detail


@pytest.mark.parametrize(
    ("references", "message"),
    [
        pytest.param("order-00001", "one text was given", id="a text, not a list"),
        pytest.param([12345678], "neither text nor", id="a number"),
        pytest.param(pd.DataFrame({"msn": [MSN]}), "no column 'reference'", id="another frame"),
        pytest.param(pd.DataFrame({"reference": [12345678]}), "leading zeros", id="numbers"),
        pytest.param(["order-00001"], "has no sales unit", id="nobody's"),
        pytest.param(
            pd.DataFrame({"msn": [MSN], "reference": ["order-00001"], "discovered_by": ["luck"]}),
            "'luck' is not one of",
            id="found by luck",
        ),
    ],
)
def test_invalid_list_of_references_is_refused(references, message):
    """The user gets a clear sentence before the first call."""
    with pytest.raises(InputError, match=message):
        Worklist(references, None)


@given(st.permutations([f"order-{number:05}" for number in range(6)]), st.data())
@draw_examples(15)
def test_worklist_hash_ignores_the_order(names, data):
    """A run continues for the same payments, whatever their order in the export."""
    twice = data.draw(st.sampled_from(names))
    same = Worklist([*names, twice], MSN)

    assert same.sha256 == Worklist(sorted(names), MSN).sha256
    assert same.sha256 != Worklist(names[1:], MSN).sha256
    assert same.sha256 != Worklist(names, OTHER).sha256


@pytest.mark.parametrize("msn", [MSN, int(MSN), float(MSN)], ids=["text", "int", "float"])
def test_series_and_frames_of_any_library_give_the_same_worklist(msn):
    """A sales unit that a frame holds as a number is the same sales unit."""
    names = ["order-00002", "order-00001"]
    expected = list_remaining(Worklist(names, MSN))
    rows = {"msn": [msn, msn], "reference": names}

    for series in (pd.Series(names), pl.Series(names), pa.array(names)):
        assert list_remaining(Worklist(series, MSN)) == expected
    for frame in (pd.DataFrame(rows), pl.DataFrame(rows), pl.LazyFrame(rows), pa.table(rows)):
        assert list_remaining(Worklist(frame, None)) == expected
    assert list_remaining(Worklist([(msn, name) for name in names], None)) == expected
    arrow_numbers = pd.Series([1, 2], dtype="int64[pyarrow]")
    for numbers in (pd.Series([1, 2]), arrow_numbers, pl.Series([1, 2]), pa.array([1, 2])):
        with pytest.raises(InputError, match="already lost its leading zeros"):
            Worklist(numbers, MSN)
    with pytest.raises(InputError, match="a int is neither a list, a series nor a frame"):
        Worklist(5, MSN)
