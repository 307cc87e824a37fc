"""Test part files: they are read unchanged, skipped if damaged, and refused if they are too large."""

from __future__ import annotations

import hashlib

import polars as pl
import pyarrow as pa
import pytest

from tests.fetching.test_parquet_file import make_events
from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.fetching import part_files
from vippsrecon.fetching.stored_files import arrow_streams
from vippsrecon.fetching.stored_files.arrow_streams import read_tables, write_tables

SCHEMA = schemas.EVENTS.arrow_schema()


def replace_content(path, tables, *, compression="zstd"):
    """Write other streams, with a correct hash, as somebody could who wants to harm a reader."""
    with pa.OSFile(str(path), "wb") as file:
        for table in tables:
            options = pa.ipc.IpcWriteOptions(compression=compression)
            with pa.ipc.new_stream(file, table.schema, options=options) as stream:
                stream.write_table(table)
    content = path.read_bytes()
    path.write_bytes(content + hashlib.sha256(content).digest())


@pytest.mark.parametrize("rows", [0, 1, 5000])
@pytest.mark.parametrize("chunks", [1, 3])
def test_tables_are_read_as_they_were_written(tmp_path, rows, chunks):
    """A fetch continues from the parts, so no value may change on the way."""
    table = pa.concat_tables([make_events(rows)] * chunks)
    empty = SCHEMA.empty_table()
    write_tables(tmp_path / "1.arrow", [table, empty, table])

    tables = read_tables(tmp_path / "1.arrow", [SCHEMA] * 3)

    assert [read.equals(wrote) for read, wrote in zip(tables, [table, empty, table], strict=True)]


def test_every_damaged_byte_is_noticed(tmp_path):
    """A changed amount would be combined into the results as if Vipps MobilePay had answered it."""
    path = tmp_path / "1.arrow"
    write_tables(path, [make_events(30)])
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        assert read_tables(path, [SCHEMA]) is None
    for cut in (0, 1, 31, 32, 33, len(content) - 1):
        path.write_bytes(content[:cut])
        assert read_tables(path, [SCHEMA]) is None


@pytest.mark.parametrize("compression", ["zstd", "lz4", None])
def test_part_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, compression):
    """Ten kilobytes can unpack to any size: the sizes are added up before anything is unpacked."""
    path = tmp_path / "000001.arrow"
    replace_content(path, [make_events(40, text_bytes=50_000)], compression=compression)
    assert compression is None or path.stat().st_size < 200_000
    assert read_tables(path, [SCHEMA]) is not None
    monkeypatch.setattr(arrow_streams, "MAX_STREAM_BYTES", 1_900_000)
    before = pa.total_allocated_bytes()

    with pytest.raises(
        SourceError, match=r"^000001\.arrow: .*; delete it, and run the same fetch again$"
    ):
        read_tables(path, [SCHEMA])
    assert pa.total_allocated_bytes() - before < 1_000_000


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.RunEndEncodedArray.from_arrays([10**6], ["x"]), id="one text for all"),
        pytest.param(
            pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int8()), ["x" * 1000]),
            id="a dictionary",
        ),
        pytest.param(pa.nulls(10**6), id="nothing"),
    ],
)
def test_other_columns_are_not_read(tmp_path, values):
    """In these types a few bytes stand for many rows; a fetch writes none of them."""
    replace_content(tmp_path / "1.arrow", [pa.table({"msn": values})])

    assert read_tables(tmp_path / "1.arrow", [pa.schema([("msn", pa.large_string())])]) is None


def test_parts_of_one_block_are_bounded_together(tmp_path, monkeypatch):
    """Any number of parts may claim to hold payments of the same block."""
    empty = [frame.arrow_schema().empty_table() for frame in (schemas.PAYMENTS, schemas.FAILURES)]
    failure = {name: [None] for name in schemas.FAILURES.names} | {
        "msn": ["123456"], "reference": ["order-1"], "operation": ["getPayment"], "title": ["no"],
    }  # fmt: skip
    failures = pa.table(failure).cast(empty[1].schema)
    for number in (1, 2):
        write_tables(tmp_path / f"{number:06d}.arrow", [empty[0], make_events(1000), failures])
    keys = pl.DataFrame({"msn": ["123456"], "reference": ["order-1"]})
    assert part_files.combine_parts(tmp_path, keys, tmp_path)["failures"] == 1
    monkeypatch.setattr(part_files, "MAX_BLOCK_BYTES", 100_000)

    with pytest.raises(SourceError, match=r"^000002\.arrow: the parts of this fetch take more"):
        part_files.combine_parts(tmp_path, keys, tmp_path)
