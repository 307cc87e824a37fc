"""Test reading a fetch back: it gives the same frames, or one sentence that states the reason."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.fetching.conftest import make_payment_line, references
from tests.recorded_hashes import record_hashes_again
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import fetch, fetch_into, read_fetched


@pytest.fixture
def fetched_folder(opened, tmp_path):
    """Return a folder with ten payments, one unknown and one malformed reference."""
    client, _ = opened(*(make_payment_line(name) for name in references(10)))
    fetch_into(tmp_path / "out", [*references(10), "order-unknown", "-x"], client)
    return tmp_path / "out"


def changed(out, **values):
    """Write other values into fetch.json."""
    path = out / "fetch.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def add_failures(out, count):
    """Append rows to failures.csv."""
    with (out / "failures.csv").open("a") as file:
        file.write("123456,order-000099,getPayment,404,Not found,,\n" * count)


def test_read_fetch_returns_the_fetched_rows(opened, tmp_path):
    """`--payments` repeats a run without calls, so the rows must be unchanged."""
    client, _ = opened(*(make_payment_line(name) for name in references(10)))
    first = fetch([*references(10), "order-unknown", "-x"], client, out=tmp_path)

    second, info = read_fetched(tmp_path)

    for mine, other_frame in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(mine, other_frame)
    assert info["counts"]["payments"] == 10
    assert second.failures["reference"].to_list() == ["-x", "order-unknown"]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("harm", "message"),
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
            lambda out: add_failures(out, 200_000),
            "failures.csv: it has more than the 2 rows that fetch.json states",
            id="more failures",
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
            id="an invalid status",
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
def test_incomplete_fetch_folder_is_refused(fetched_folder, harm, message):
    """A result for half a month is worse than none, and a traceback does not help the user."""
    harm(fetched_folder)
    record_hashes_again(fetched_folder)

    with pytest.raises(InputError, match=message):
        read_fetched(fetched_folder)


def flip_amount(out):
    """Change one bit of an amount inside a page, so that the file can still be read."""
    path = out / "payments.parquet"
    payments = pq.read_table(path)
    pq.write_table(payments, path, compression="none", use_dictionary=False)
    record_hashes_again(out)
    content = bytearray(path.read_bytes())
    amount = payments["captured_minor"][0].as_py()
    place = content.find(amount.to_bytes(8, "little"))
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "file"),
    [
        pytest.param(flip_amount, "payments.parquet", id="a bit in a page"),
        pytest.param(
            lambda out: (out / "events.parquet").write_bytes(
                (out / "events.parquet").read_bytes() + b"x"
            ),
            "events.parquet",
            id="a byte more",
        ),
        pytest.param(
            lambda out: (out / "failures.csv").write_text(
                (out / "failures.csv").read_text().replace("404", "504")
            ),
            "failures.csv",
            id="another status",
        ),
    ],
)
def test_damaged_file_of_a_fetch_is_refused_by_its_hash(fetched_folder, harm, file):
    """A bit that changed on the disk leaves a file that can be read, with another amount in it."""
    harm(fetched_folder)

    with pytest.raises(
        SourceError, match=rf"^{file}: it is damaged, .* SHA-256 .* fetch\.json\. Fetch again\.$"
    ):
        read_fetched(fetched_folder)


@pytest.mark.parametrize("hashes", [{}, [], "x", {"payments.parquet": 5}], ids=str)
def test_file_without_a_recorded_hash_is_refused(fetched_folder, hashes):
    """Every fetch records the hash of every file, so a missing one means damage."""
    changed(fetched_folder, sha256=hashes)

    with pytest.raises(SourceError, match=r"fetch\.json does not state its SHA-256\. Fetch again"):
        read_fetched(fetched_folder)


def test_fetch_of_an_earlier_version_is_read_with_a_warning(fetched_folder, caplog):
    """It recorded no hashes; its payments are still worth more than none."""
    content = json.loads((fetched_folder / "fetch.json").read_text())
    del content["sha256"]
    (fetched_folder / "fetch.json").write_text(json.dumps(content))

    assert len(read_fetched(fetched_folder)[0].payments) == 10
    assert "fetch.json states no SHA-256" in caplog.text


@pytest.mark.parametrize("first", ["the text", "nothing"])
def test_text_repeated_by_a_dictionary_is_refused(fetched_folder, first):
    """Half a megabyte on disk, ten gigabytes when the text is written out for each row."""
    events = pq.read_table(fetched_folder / "events.parquet")
    events = pa.concat_tables([events] * (3_000 // len(events) + 1))
    places = [None if first == "nothing" and row < 1500 else 0 for row in range(len(events))]
    keys = pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), ["x" * 5_000_000])
    place = events.column_names.index("idempotency_key")
    pq.write_table(
        events.set_column(place, "idempotency_key", keys),
        fetched_folder / "events.parquet",
        compression="zstd",
        dictionary_pagesize_limit=2**28,
        store_schema=False,
    )
    record_hashes_again(fetched_folder)
    before = pa.total_allocated_bytes()

    with pytest.raises(
        SourceError, match=r"^events\.parquet: the texts of the column idempotency_key"
    ):
        read_fetched(fetched_folder)
    assert (fetched_folder / "events.parquet").stat().st_size < 2_000_000
    assert pa.default_memory_pool().max_memory() - before < 1_000_000_000


def test_texts_that_share_their_beginning_are_refused(fetched_folder):
    """Such a file repeats a long text like a dictionary does; `fetch` writes none."""
    pq.write_table(
        pq.read_table(fetched_folder / "events.parquet"),
        fetched_folder / "events.parquet",
        use_dictionary=False,
        column_encoding={"reference": "DELTA_BYTE_ARRAY"},
    )
    record_hashes_again(fetched_folder)

    with pytest.raises(SourceError, match=r"rewritten by another program.*Fetch again"):
        read_fetched(fetched_folder)


@pytest.mark.parametrize(
    ("spare", "message"), [(0, "not from the same fetch"), (-1, "the texts of the column")]
)
def test_texts_of_all_rows_are_counted_exactly(fetched_folder, monkeypatch, spare, message):
    """A file is refused for the room that its texts take, not for a rough estimate of it."""
    events = pa.concat_tables([pq.read_table(fetched_folder / "events.parquet")] * 500)
    pq.write_table(events, fetched_folder / "events.parquet")
    record_hashes_again(fetched_folder)
    texts = [column for column in events.columns if pa.types.is_large_string(column.type)]
    room = sum(pc.sum(pc.binary_length(column)).as_py() or 0 for column in texts)
    monkeypatch.setattr(
        "vippsrecon.fetching.stored_files.parquet_file.MAX_PARQUET_BYTES", room + spare
    )

    with pytest.raises(InputError, match=message):
        read_fetched(fetched_folder)


@pytest.mark.parametrize("content", ["missing", "a file"])
def test_path_that_is_not_a_folder_is_refused(tmp_path, content):
    """A mistyped path is the most common mistake."""
    path = tmp_path / "there"
    if content == "a file":
        path.write_text("")

    with pytest.raises(InputError, match="is not a folder"):
        read_fetched(path)
