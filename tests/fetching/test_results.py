"""Test reading a fetch back: it gives the same frames, or one sentence that states the reason."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.fetching.conftest import payment_line, references
from vippsrecon.errors import InputError
from vippsrecon.fetching import fetch, fetch_into, read_fetched


@pytest.fixture
def kept(opened, tmp_path):
    """Return a folder with ten payments, one unknown and one malformed reference."""
    client, _ = opened(*(payment_line(name) for name in references(10)))
    fetch_into(tmp_path / "out", [*references(10), "order-unknown", "-x"], client)
    return tmp_path / "out"


def changed(out, **values):
    """Write other values into fetch.json."""
    path = out / "fetch.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_read_fetch_returns_the_fetched_rows(opened, tmp_path):
    """`--payments` repeats a run without calls, so the rows must be unchanged."""
    client, _ = opened(*(payment_line(name) for name in references(10)))
    first = fetch([*references(10), "order-unknown", "-x"], client, out=tmp_path)

    second, info = read_fetched(tmp_path)

    for mine, theirs in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert info["counts"]["payments"] == 10
    assert second.failures["reference"].to_list() == ["-x", "order-unknown"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        pytest.param(
            lambda out: (out / "fetch.json").unlink(), "holds no fetch.json", id="foreign"
        ),
        pytest.param(
            lambda out: (out / "fetch.json").write_text("{"),
            "is damaged",
            id="half a note",
        ),
        pytest.param(lambda out: (out / "fetch.json").write_text("[]"), "is damaged", id="a list"),
        pytest.param(lambda out: changed(out, version=2), "another version", id="newer"),
        pytest.param(
            lambda out: changed(out, counts={"references": 12}),
            "is not finished",
            id="stopped",
        ),
        pytest.param(
            lambda out: (out / "payments.parquet").unlink(), "payments.parquet", id="no payments"
        ),
        pytest.param(
            lambda out: (out / "events.parquet").write_bytes(b"PAR1"),
            "events.parquet",
            id="not Parquet",
        ),
        pytest.param(
            lambda out: pd.DataFrame({"a": [1]}).to_parquet(out / "events.parquet"),
            "events.parquet: events does not fit",
            id="another table",
        ),
        pytest.param(
            lambda out: (out / "failures.csv").write_text("a,b\n1,2\n"),
            "failures.csv",
            id="another CSV",
        ),
        pytest.param(
            lambda out: (out / "failures.csv").write_bytes(b"\xff\xfe\x00"),
            "failures.csv",
            id="not UTF-8",
        ),
        pytest.param(
            lambda out: (out / "failures.csv").write_text(
                (out / "failures.csv").read_text().replace("404", "four")
            ),
            "failures.csv",
            id="a status that is none",
        ),
        pytest.param(
            lambda out: (
                pd.read_parquet(out / "payments.parquet", dtype_backend="pyarrow")
                .head(3)
                .to_parquet(out / "payments.parquet", index=False)
            ),
            "not from the same fetch",
            id="rows lost",
        ),
    ],
)
def test_incomplete_fetch_folder_is_refused(kept, harm, said):
    """A result for half a month is worse than none, and a traceback does not help the user."""
    harm(kept)

    with pytest.raises(InputError, match=said):
        read_fetched(kept)


@pytest.mark.parametrize("what", ["missing", "a file"])
def test_path_that_is_not_a_folder_is_refused(tmp_path, what):
    """A mistyped path is the most common mistake."""
    path = tmp_path / "there"
    if what == "a file":
        path.write_text("")

    with pytest.raises(InputError, match="is not a folder"):
        read_fetched(path)
