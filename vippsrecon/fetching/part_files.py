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
from vippsrecon.fetching.workers import Part
from vippsrecon.fetching.worklist import KEY

PAYMENTS, EVENTS, FAILURES = "payments.parquet", "events.parquet", "failures.csv"
RESULTS = (PAYMENTS, EVENTS, FAILURES)

BLOCK_ROWS = 20_000
"""References combined at once. Fixed, so that the same answers give the same bytes."""

_SUFFIX = ".arrow"
_EVENT_ORDER = [*KEY, "event_at", "psp_reference", "name", "amount_minor", "idempotency_key"]
_PROMISED = (schemas.PAYMENTS, schemas.EVENTS, schemas.FAILURES)
_RISKY = ("=", "+", "-", "@", "\t", "\r", "'")


class Kept(NamedTuple):
    """One part as read back, as Polars frames."""

    payments: pl.DataFrame
    events: pl.DataFrame
    failures: pl.DataFrame


def write_part(folder: Path, part: Part) -> Path:
    """Write a part after those that are there; when this returns it survives a power cut."""
    numbers = [int(path.stem) for path in _paths(folder)]
    path = folder / f"{max(numbers, default=0) + 1:06d}{_SUFFIX}"
    with replaced(path) as beside, pa.OSFile(str(beside), "wb") as file:
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


def read_parts(folder: Path) -> Iterator[tuple[Path, Kept]]:
    """Yield the parts in the order they were written; a damaged one is passed over."""
    for path in _paths(folder):
        kept = _read(path)
        if kept is not None:
            yield path, kept


def remove_parts(folder: Path) -> None:
    """Remove every part, and what was being written."""
    for path in folder.glob("*" + _SUFFIX + "*"):
        path.unlink()


def combine(parts: Path, rows: pl.DataFrame, out: Path) -> dict[str, int]:
    """Write the three results from the parts; return how many rows each has, and why some failed.

    Sorted by msn and reference (events by time besides), whatever the order of arrival was.
    Holds one block of references at a time.

    Args:
        parts: Where `write_part` wrote.
        rows: The references asked for (msn, reference), sorted, each once.
        out: Folder of the results; earlier ones are replaced.
    """
    spans = [(path, span) for path, kept in read_parts(parts) if (span := _span(kept))]
    counts = dict.fromkeys(("payments", "events", "failures", "not_found", "not_sent"), 0)
    with ExitStack() as stack:
        beside = [stack.enter_context(replaced(out / name)) for name in RESULTS]
        payments = stack.enter_context(_parquet(beside[0], schemas.PAYMENTS))
        events = stack.enter_context(_parquet(beside[1], schemas.EVENTS))
        failures = stack.enter_context(beside[2].open("w", encoding="utf-8", newline=""))
        lines = csv.writer(failures)
        lines.writerow(schemas.FAILURES.names)
        for block in rows.select(KEY).iter_slices(BLOCK_ROWS):
            first, last = block.row(0), block.row(-1)
            near = (_read(path) for path, (low, high) in spans if low <= last and high >= first)
            kept = _combined([part for part in near if part is not None], block)
            payments.write_table(_arrow(kept.payments, schemas.PAYMENTS), BLOCK_ROWS)
            events.write_table(_arrow(kept.events, schemas.EVENTS), 64 * BLOCK_ROWS)
            lines.writerows(map(_harmless, kept.failures.iter_rows()))
            for name, frame in zip(Kept._fields, kept, strict=True):
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
        return [_original(line) for line in lines]


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
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


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*" + _SUFFIX) if path.stem.isdigit())


def _read(path: Path) -> Kept | None:
    try:
        with pa.memory_map(str(path)) as file:
            kept = Kept(*(pl.DataFrame(pa.ipc.open_stream(file).read_all()) for _ in Kept._fields))
    except (OSError, pa.ArrowException):
        return None
    fits = (
        frame.schema == schemas.polars_schema(promise)
        for frame, promise in zip(kept, _PROMISED, strict=True)
    )
    return kept if all(fits) else None


def _span(kept: Kept) -> tuple[tuple[str, str], tuple[str, str]] | None:
    keys = pl.concat([kept.payments.select(KEY), kept.failures.select(KEY)]).sort(KEY)
    return (keys.row(0), keys.row(-1)) if len(keys) else None


def _combined(parts: list[Kept], block: pl.DataFrame) -> Kept:
    """Return what the parts say about a block of references, the last word on each."""
    if not parts:
        return Kept(*(pl.DataFrame(schema=schemas.polars_schema(one)) for one in _PROMISED))
    payments, events, failures = (
        pl.concat(
            frame.with_columns(_part=pl.lit(place)) for place, frame in enumerate(frames)
        ).join(block, on=KEY, how="semi")
        for frames in zip(*parts, strict=True)
    )
    last = payments.group_by(KEY).agg(pl.col("_part").max())
    return Kept(
        payments.join(last, on=[*KEY, "_part"], how="semi").drop("_part").sort(KEY),
        events.join(last, on=[*KEY, "_part"], how="semi").drop("_part").sort(_EVENT_ORDER),
        failures.join(last, on=KEY, how="anti")
        .sort("_part")
        .unique(KEY, keep="last", maintain_order=True)
        .drop("_part")
        .sort(KEY),
    )


def _parquet(path: Path, frame: schemas.Frame) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, frame.arrow_schema(), compression="zstd")


def _arrow(frame: pl.DataFrame, promise: schemas.Frame) -> pa.Table:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(promise.arrow_schema()).combine_chunks()


def _harmless(row: tuple[object, ...]) -> list[object]:
    # People open it in Excel, where text that begins with one of these is a formula.
    return [
        f"'{value}" if isinstance(value, str) and value.startswith(_RISKY) else value
        for value in row
    ]


def _original(row: list[str]) -> Failure:
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
