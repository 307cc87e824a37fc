"""Write what was fetched to part files, which survive a crash, and combine them into three files.

    parts/000001.arrow … ──20,000 references at a time──► payments.parquet
                                                          events.parquet
                                                          failures.csv

A part is one file of three Arrow streams (`stored_files.arrow_streams`), so a payment is never stored without its events. It is
written under a temporary name, flushed to the disk and renamed: a part with its final name is
complete.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.fetching import frames
from vippsrecon.fetching.frames import Failure
from vippsrecon.fetching.stored_files.arrow_streams import read_tables, write_tables
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.output_files import atomic_private_file
from vippsrecon.schemas.inputs import PAYMENT_KEY

PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE = "payments.parquet", "events.parquet", "failures.csv"
RESULT_FILES = (PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE)

BLOCK_ROWS = 20_000
"""References combined at once. Fixed, so that the same answers give the same files."""

MAX_BLOCK_BYTES = 4 * 1024**3
"""Memory of the parts that are combined at once; 20,000 references take some 20 MB."""

_PART_SUFFIX = ".arrow"
_EVENT_ORDER = [
    *PAYMENT_KEY,
    "event_at",
    "psp_reference",
    "name",
    "amount_minor",
    "idempotency_key",
]
_FRAME_SCHEMAS = (schemas.PAYMENTS, schemas.EVENTS, schemas.FAILURES)
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "'")


class PartFrames(NamedTuple):
    """One part file, read as Polars frames."""

    payments: pl.DataFrame
    events: pl.DataFrame
    failures: pl.DataFrame


def write_part(folder: Path, part: FetchPart) -> Path:
    """Write the next part file; after the return it survives a power cut."""
    numbers = [int(path.stem) for path in _list_part_paths(folder)]
    path = folder / f"{max(numbers, default=0) + 1:06d}{_PART_SUFFIX}"
    failures = (
        frames.build_failures_table(part.failures)
        if part.failures
        else schemas.FAILURES.arrow_schema().empty_table()
    )
    with atomic_private_file(path) as temporary:
        write_tables(temporary, (*part.tables, failures))
    return path


def read_parts(folder: Path) -> Iterator[tuple[Path, PartFrames]]:
    """Yield the parts in the order they were written; skip damaged ones.

    Raises:
        SourceError: One is not an ordinary file, or would take too much memory.
    """
    for path in _list_part_paths(folder):
        part = _read_part(path)
        if part is not None:
            yield path, part


def remove_parts(folder: Path) -> None:
    """Remove all part files, unfinished ones included."""
    for path in folder.glob("*" + _PART_SUFFIX + "*"):
        path.unlink()


def combine_parts(parts: Path, rows: pl.DataFrame, out: Path) -> dict[str, int]:
    """Write the three result files from the parts; return their row counts and the failure counts.

    Sorted by msn and reference (events also by time), whatever the order of arrival. Only one
    block of references is in memory at a time.

    Args:
        parts: Folder of the part files.
        rows: The requested references (msn, reference), sorted, each once.
        out: Folder of the results; earlier results are replaced.
    """
    spans = [(path, span) for path, part in read_parts(parts) if (span := _find_key_span(part))]
    counts = dict.fromkeys(("payments", "events", "failures", "not_found", "not_sent"), 0)
    with ExitStack() as stack:
        temporary = [stack.enter_context(atomic_private_file(out / name)) for name in RESULT_FILES]
        payments = stack.enter_context(_open_parquet_writer(temporary[0], schemas.PAYMENTS))
        events = stack.enter_context(_open_parquet_writer(temporary[1], schemas.EVENTS))
        failures = stack.enter_context(temporary[2].open("w", encoding="utf-8", newline=""))
        lines = csv.writer(failures)
        lines.writerow(schemas.FAILURES.names)
        for block in rows.select(PAYMENT_KEY).iter_slices(BLOCK_ROWS):
            first, last = block.row(0), block.row(-1)
            near = (path for path, (low, high) in spans if low <= last and high >= first)
            merged = _merge_block(_read_together(near), block)
            payments.write_table(_to_arrow(merged.payments, schemas.PAYMENTS), BLOCK_ROWS)
            events.write_table(_to_arrow(merged.events, schemas.EVENTS), 64 * BLOCK_ROWS)
            lines.writerows(map(_escape_formulas, merged.failures.iter_rows()))
            for name, frame in zip(PartFrames._fields, merged, strict=True):
                counts[name] += len(frame)
            counts["not_found"] += int((merged.failures["status"] == 404).sum())
            counts["not_sent"] += int((merged.failures["operation"] == "not_sent").sum())
    return counts


def write_results(
    out: Path, payments: pl.DataFrame, events: pl.DataFrame, failures: pl.DataFrame
) -> dict[str, int]:
    """Write the three result files from whole frames, sorted; return the counts of `combine_parts`."""
    with ExitStack() as stack:
        temporary = [stack.enter_context(atomic_private_file(out / name)) for name in RESULT_FILES]
        for path, frame, schema in (
            (temporary[0], payments, schemas.PAYMENTS),
            (temporary[1], events, schemas.EVENTS),
        ):
            writer = stack.enter_context(_open_parquet_writer(path, schema))
            for block in frame.iter_slices(64 * BLOCK_ROWS):
                writer.write_table(_to_arrow(block, schema))
        with temporary[2].open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(schemas.FAILURES.names)
            lines.writerows(map(_escape_formulas, failures.iter_rows()))
    return {
        "payments": len(payments),
        "events": len(events),
        "failures": len(failures),
        "not_found": int((failures["status"] == 404).sum()),
        "not_sent": int((failures["operation"] == "not_sent").sum()),
    }


def read_failures(path: Path) -> Iterator[Failure]:
    """Yield the rows of `failures.csv`, as written.

    Raises:
        ValueError: The file is not a valid `failures.csv`.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, strict=True)
        if tuple(next(lines, ())) != schemas.FAILURES.names:
            raise ValueError("the first line is not the expected heading")
        yield from map(_parse_failure, lines)


def _list_part_paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*" + _PART_SUFFIX) if path.stem.isdigit())


def _read_part(path: Path) -> PartFrames | None:
    tables = read_tables(path, [frame.arrow_schema() for frame in _FRAME_SCHEMAS])
    return None if tables is None else PartFrames(*map(pl.DataFrame, tables))


def _read_together(paths: Iterable[Path]) -> list[PartFrames]:
    parts: list[PartFrames] = []
    size = 0.0
    for path in paths:
        part = _read_part(path)
        if part is None:
            continue
        size += sum(frame.estimated_size() for frame in part)
        if size > MAX_BLOCK_BYTES:
            raise SourceError(
                "the parts of this fetch take more memory than is allowed; delete the folder of the "
                "parts, and run the same fetch again",
                file=path.name,
            )
        parts.append(part)
    return parts


def _find_key_span(part: PartFrames) -> tuple[tuple[str, str], tuple[str, str]] | None:
    keys = pl.concat([part.payments.select(PAYMENT_KEY), part.failures.select(PAYMENT_KEY)]).sort(
        PAYMENT_KEY
    )
    return (keys.row(0), keys.row(-1)) if len(keys) else None


def _merge_block(parts: list[PartFrames], block: pl.DataFrame) -> PartFrames:
    """Return the newest result for each reference of a block."""
    if not parts:
        return PartFrames(
            *(pl.DataFrame(schema=schemas.polars_schema(schema)) for schema in _FRAME_SCHEMAS)
        )
    payments, events, failures = (
        pl.concat(
            frame.with_columns(_part=pl.lit(place)) for place, frame in enumerate(frames)
        ).join(block, on=PAYMENT_KEY, how="semi")
        for frames in zip(*parts, strict=True)
    )
    last = payments.group_by(PAYMENT_KEY).agg(pl.col("_part").max())
    return PartFrames(
        payments.join(last, on=[*PAYMENT_KEY, "_part"], how="semi").drop("_part").sort(PAYMENT_KEY),
        events.join(last, on=[*PAYMENT_KEY, "_part"], how="semi").drop("_part").sort(_EVENT_ORDER),
        failures.join(last, on=PAYMENT_KEY, how="anti")
        .sort("_part")
        .unique(PAYMENT_KEY, keep="last", maintain_order=True)
        .drop("_part")
        .sort(PAYMENT_KEY),
    )


def _open_parquet_writer(path: Path, frame: schemas.Frame) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, frame.arrow_schema(), compression="zstd")


def _to_arrow(frame: pl.DataFrame, promise: schemas.Frame) -> pa.Table:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(promise.arrow_schema()).combine_chunks()


def _escape_formulas(row: tuple[object, ...]) -> list[object]:
    # In Excel, text that begins with one of these characters is a formula.
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
