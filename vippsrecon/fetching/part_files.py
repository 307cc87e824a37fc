"""Parts on disk: what has been fetched survives a crash, and in the end becomes three files.

    parts/000001.arrow … ──20,000 references at a time──► payments.parquet
                                                          events.parquet
                                                          failures.csv

A part is one file of three Arrow streams, so a payment is never there without its events. It is
written under another name, flushed to the disk and renamed: a part that has its name is whole.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vippsrecon import schemas
from vippsrecon.fetching import frames
from vippsrecon.fetching.frames import Failure
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.fetching.worklist import PAYMENT_KEY_COLUMNS

PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE = "payments.parquet", "events.parquet", "failures.csv"
RESULT_FILES = (PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE)

BLOCK_ROWS = 20_000
"""References combined at once. Fixed, so that the same answers give the same bytes."""

_PART_SUFFIX = ".arrow"
_EVENT_ORDER = [
    *PAYMENT_KEY_COLUMNS,
    "event_at",
    "psp_reference",
    "name",
    "amount_minor",
    "idempotency_key",
]
_FRAME_SCHEMAS = (schemas.PAYMENTS, schemas.EVENTS, schemas.FAILURES)
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "'")


class PartFrames(NamedTuple):
    """One part as read back, as Polars frames."""

    payments: pl.DataFrame
    events: pl.DataFrame
    failures: pl.DataFrame


def write_part(folder: Path, part: FetchPart) -> Path:
    """Write a part after those that are there; when this returns it survives a power cut."""
    numbers = [int(path.stem) for path in _list_part_paths(folder)]
    path = folder / f"{max(numbers, default=0) + 1:06d}{_PART_SUFFIX}"
    with atomic_replace(path) as beside, pa.OSFile(str(beside), "wb") as file:
        failures = (
            frames.build_failures_table(part.failures)
            if part.failures
            else schemas.FAILURES.arrow_schema().empty_table()
        )
        for table in (*part.tables, failures):
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.ipc.new_stream(file, table.schema, options=options) as stream:
                stream.write_table(table)
    return path


def read_parts(folder: Path) -> Iterator[tuple[Path, PartFrames]]:
    """Yield the parts in the order they were written; a damaged one is passed over."""
    for path in _list_part_paths(folder):
        kept = _read_part(path)
        if kept is not None:
            yield path, kept


def remove_parts(folder: Path) -> None:
    """Remove every part, and what was being written."""
    for path in folder.glob("*" + _PART_SUFFIX + "*"):
        path.unlink()


def combine_parts(parts: Path, rows: pl.DataFrame, out: Path) -> dict[str, int]:
    """Write the three results from the parts; return how many rows each has, and why some failed.

    Sorted by msn and reference (events by time besides), whatever the order of arrival was.
    Holds one block of references at a time.

    Args:
        parts: Where `write_part` wrote.
        rows: The references asked for (msn, reference), sorted, each once.
        out: Folder of the results; earlier ones are replaced.
    """
    spans = [(path, span) for path, kept in read_parts(parts) if (span := _find_key_span(kept))]
    counts = dict.fromkeys(("payments", "events", "failures", "not_found", "not_sent"), 0)
    with ExitStack() as stack:
        beside = [stack.enter_context(atomic_replace(out / name)) for name in RESULT_FILES]
        payments = stack.enter_context(_open_parquet_writer(beside[0], schemas.PAYMENTS))
        events = stack.enter_context(_open_parquet_writer(beside[1], schemas.EVENTS))
        failures = stack.enter_context(beside[2].open("w", encoding="utf-8", newline=""))
        lines = csv.writer(failures)
        lines.writerow(schemas.FAILURES.names)
        for block in rows.select(PAYMENT_KEY_COLUMNS).iter_slices(BLOCK_ROWS):
            first, last = block.row(0), block.row(-1)
            near = (
                _read_part(path) for path, (low, high) in spans if low <= last and high >= first
            )
            kept = _merge_block([part for part in near if part is not None], block)
            payments.write_table(_to_arrow(kept.payments, schemas.PAYMENTS), BLOCK_ROWS)
            events.write_table(_to_arrow(kept.events, schemas.EVENTS), 64 * BLOCK_ROWS)
            lines.writerows(map(_escape_formulas, kept.failures.iter_rows()))
            for name, frame in zip(PartFrames._fields, kept, strict=True):
                counts[name] += len(frame)
            counts["not_found"] += int((kept.failures["status"] == 404).sum())
            counts["not_sent"] += int((kept.failures["operation"] == "not_sent").sum())
    return counts


def read_failures(path: Path) -> list[Failure]:
    """Read `failures.csv` back, row by row as written.

    Raises:
        ValueError: It is not such a file.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, strict=True)
        if tuple(next(lines, ())) != schemas.FAILURES.names:
            raise ValueError("its first line is not the heading")
        return [_parse_failure(line) for line in lines]


@contextmanager
def atomic_replace(path: Path) -> Iterator[Path]:
    """Give a name to write under; when that went well, flush it and rename it to `path`."""
    beside = path.with_name(path.name + ".tmp")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _list_part_paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*" + _PART_SUFFIX) if path.stem.isdigit())


def _read_part(path: Path) -> PartFrames | None:
    try:
        with pa.memory_map(str(path)) as file:
            kept = PartFrames(
                *(pl.DataFrame(pa.ipc.open_stream(file).read_all()) for _ in PartFrames._fields)
            )
    except (OSError, pa.ArrowException):
        return None
    fits = (
        frame.schema == schemas.polars_schema(promise)
        for frame, promise in zip(kept, _FRAME_SCHEMAS, strict=True)
    )
    return kept if all(fits) else None


def _find_key_span(kept: PartFrames) -> tuple[tuple[str, str], tuple[str, str]] | None:
    keys = pl.concat(
        [kept.payments.select(PAYMENT_KEY_COLUMNS), kept.failures.select(PAYMENT_KEY_COLUMNS)]
    ).sort(PAYMENT_KEY_COLUMNS)
    return (keys.row(0), keys.row(-1)) if len(keys) else None


def _merge_block(parts: list[PartFrames], block: pl.DataFrame) -> PartFrames:
    """Return what the parts say about a block of references, the last word on each."""
    if not parts:
        return PartFrames(
            *(pl.DataFrame(schema=schemas.polars_schema(one)) for one in _FRAME_SCHEMAS)
        )
    payments, events, failures = (
        pl.concat(
            frame.with_columns(_part=pl.lit(place)) for place, frame in enumerate(frames)
        ).join(block, on=PAYMENT_KEY_COLUMNS, how="semi")
        for frames in zip(*parts, strict=True)
    )
    last = payments.group_by(PAYMENT_KEY_COLUMNS).agg(pl.col("_part").max())
    return PartFrames(
        payments.join(last, on=[*PAYMENT_KEY_COLUMNS, "_part"], how="semi")
        .drop("_part")
        .sort(PAYMENT_KEY_COLUMNS),
        events.join(last, on=[*PAYMENT_KEY_COLUMNS, "_part"], how="semi")
        .drop("_part")
        .sort(_EVENT_ORDER),
        failures.join(last, on=PAYMENT_KEY_COLUMNS, how="anti")
        .sort("_part")
        .unique(PAYMENT_KEY_COLUMNS, keep="last", maintain_order=True)
        .drop("_part")
        .sort(PAYMENT_KEY_COLUMNS),
    )


def _open_parquet_writer(path: Path, frame: schemas.Frame) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, frame.arrow_schema(), compression="zstd")


def _to_arrow(frame: pl.DataFrame, promise: schemas.Frame) -> pa.Table:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(promise.arrow_schema()).combine_chunks()


def _escape_formulas(row: tuple[object, ...]) -> list[object]:
    # People open it in Excel, where text that begins with one of these is a formula.
    return [
        f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_PREFIXES) else value
        for value in row
    ]


def _parse_failure(row: list[str]) -> Failure:
    msn, reference, operation, status, title, detail, trace_id = (
        value.removeprefix("'") for value in row
    )
    return Failure(
        msn,
        reference,
        operation,
        int(status) if status else None,
        title,
        detail or None,
        trace_id or None,
    )
