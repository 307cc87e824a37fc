"""Test that a Parquet file is measured by what its pages take, not by what its footer states."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.fetching.stored_files.parquet_file import read_parquet_file
from vippsrecon.fetching.stored_files.parquet_pages import read_footer, read_page_headers
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes

UNRECORDED = RecordedHashes("fetch.json", None)


def make_events(rows: int, *, text_bytes: int = 20) -> pa.Table:
    """Return `rows` valid events; every psp_reference is another text of `text_bytes`."""
    values = {
        "msn": ["123456"] * rows,
        "reference": [f"order-{row}" for row in range(rows)],
        "psp_reference": [f"{row:010d}".ljust(text_bytes, "x") for row in range(rows)],
        "name": ["CAPTURED"] * rows,
        "amount_minor": [100] * rows,
        "currency": ["NOK"] * rows,
        "event_at": [0] * rows,
        "event_day": [0] * rows,
        "idempotency_key": [None] * rows,
        "success": [True] * rows,
    }
    schema = schemas.EVENTS.arrow_schema()
    return pa.table(
        {name: pa.array(values[name]).cast(schema.field(name).type) for name in schema.names}
    )


def write_varint(number: int, *, length: int = 0) -> bytes:
    """Return a number as the footer holds it, stretched to `length` bytes."""
    rest, content = number << 1, bytearray()
    while rest or len(content) < max(1, length):
        content.append(rest & 127 | 128)
        rest >>= 7
    content[-1] &= 127
    return bytes(content)


def change_footer(
    path: Path, old: bytes, new: bytes, *, skip: int = 0, every: bool = False
) -> None:
    """Replace bytes of the footer by as many others, after `skip` places that stay."""
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    body, footer = content[:start], content[start:]
    assert len(old) == len(new)
    assert old in footer
    parts = footer.split(old)
    head = old.join(parts[: skip + 1])
    tail = (new if every else old).join(parts[skip + 1 :])
    path.write_bytes(body + head + new + tail)


def try_reading(path: Path) -> tuple[str, list[str]]:
    """Return why the file is refused, or the columns read."""
    try:
        return "", read_parquet_file(path, schemas.EVENTS, UNRECORDED).columns
    except SourceError as error:
        return str(error), []


def read_messages(path: Path) -> str:
    """Return why the file is refused."""
    with pytest.raises(SourceError) as refused:
        read_parquet_file(path, schemas.EVENTS, UNRECORDED)
    return str(refused.value)


@pytest.mark.parametrize(
    ("rows", "text_bytes", "page_bytes", "message"),
    [
        pytest.param(20, 4_000_000, 2**30, "a page in it takes more memory", id="one page"),
        pytest.param(60, 1_000_000, 2**20, "the pages in it take more memory", id="many pages"),
    ],
)
def test_pages_larger_than_the_footer_states_are_refused(
    tmp_path, monkeypatch, rows, text_bytes, page_bytes, message
):
    """The footer of a file that unpacks to 80 MB says 1 byte."""
    path = tmp_path / "events.parquet"
    events = make_events(rows, text_bytes=text_bytes)
    pq.write_table(
        events, path, compression="zstd", use_dictionary=False, data_page_size=page_bytes
    )
    stated = write_varint(pq.read_metadata(path).row_group(0).total_byte_size)
    change_footer(path, stated, write_varint(1, length=len(stated)))
    assert pq.read_metadata(path).row_group(0).total_byte_size == 1
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(
        "vippsrecon.fetching.stored_files.parquet_file.MAX_PARQUET_BYTES", 50_000_000
    )

    assert message in read_messages(path)


def test_encoding_that_the_footer_hides_is_refused(tmp_path):
    """The footer says PLAIN; the page says that each text shares its beginning with the last."""
    path = tmp_path / "events.parquet"
    pq.write_table(
        make_events(50),
        path,
        use_dictionary=False,
        column_encoding={"psp_reference": "DELTA_BYTE_ARRAY"},
    )
    change_footer(path, b"\x0e", b"\x00", every=True)
    assert "DELTA_BYTE_ARRAY" not in pq.read_metadata(path).row_group(0).column(2).encodings

    assert "rewritten by another program" in read_messages(path)


def test_column_with_more_values_than_rows_is_refused(tmp_path):
    """The reader sets aside memory for the values that the footer states for a column."""
    path = tmp_path / "events.parquet"
    pq.write_table(make_events(150_001), path)
    stated = write_varint(150_001)
    change_footer(path, stated, write_varint(1_000_000, length=len(stated)), skip=1)
    assert pq.read_metadata(path).row_group(0).column(0).num_values == 1_000_000

    assert "the numbers of rows in it differ" in read_messages(path)


def test_rows_times_columns_are_bounded(tmp_path, monkeypatch):
    """Equal values take no room in a file, but 8 bytes each in memory."""
    path = tmp_path / "events.parquet"
    pq.write_table(make_events(1000), path)
    monkeypatch.setattr("vippsrecon.fetching.stored_files.parquet_file.MAX_PARQUET_VALUES", 10_000)
    assert len(read_parquet_file(path, schemas.EVENTS, UNRECORDED)) == 1000
    monkeypatch.setattr("vippsrecon.fetching.stored_files.parquet_file.MAX_PARQUET_VALUES", 9_999)

    assert "1 000 rows of 10 columns" in read_messages(path)


def test_large_footer_is_refused(tmp_path):
    """The footer names the column chunks, and each takes ten times its size in memory."""
    path = tmp_path / "events.parquet"
    length = 17 * 1024**2
    path.write_bytes(b"PAR1" + bytes(length) + length.to_bytes(4, "little") + b"PAR1")

    assert "its table of contents takes 17 MB" in read_messages(path)


@pytest.mark.parametrize("rows", [[], [0], [0, 0], [3, 0, 2]])
def test_row_groups_without_rows_are_read(tmp_path, rows):
    """A block of references without a payment writes a row group that states no place."""
    path = tmp_path / "events.parquet"
    with pq.ParquetWriter(path, schemas.EVENTS.arrow_schema()) as writer:
        for count in rows:
            writer.write_table(make_events(count).cast(schemas.EVENTS.arrow_schema()))

    assert read_parquet_file(path, schemas.EVENTS, UNRECORDED).height == sum(rows)


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_add_up_to_the_size_of_an_honest_file(tmp_path, compression, version, dictionary):
    """A file of any writer's options is read, and its pages are those that its footer counts."""
    path = tmp_path / "events.parquet"
    events = make_events(5000)
    pq.write_table(
        events,
        path,
        compression=compression,
        data_page_version=version,
        use_dictionary=dictionary,
        data_page_size=10_000,
        row_group_size=2000,
    )
    about = pq.read_metadata(path)
    stated = sum(about.row_group(number).total_byte_size for number in range(3))
    with path.open("rb") as file:
        pages = list(read_page_headers(file, read_footer(file)))

    # The footer counts the headers as well: 10 to 120 bytes each.
    headers = stated - sum(page.unpacked_bytes for page in pages)
    assert 10 * len(pages) <= headers <= 120 * len(pages)
    assert len(pages) > 27
    assert read_parquet_file(path, schemas.EVENTS, UNRECORDED).to_arrow().num_rows == 5000


@pytest.mark.ci
@pytest.mark.parametrize("seed", range(8))
def test_damaged_file_is_refused_or_read(tmp_path, seed):
    """Any byte can be wrong; the answer is a frame or one sentence that names the file."""
    dice = random.Random(seed)
    path = tmp_path / "events.parquet"
    pq.write_table(make_events(30), path, use_dictionary=bool(seed % 2))
    honest = path.read_bytes()
    for _ in range(60):
        content = bytearray(honest)
        for _ in range(dice.randint(1, 4)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content)
        message, columns = try_reading(path)
        assert message.startswith("events.parquet: ") or columns == list(schemas.EVENTS.names)
