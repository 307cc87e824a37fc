"""Store what a run compared and first reported in `report.data/`, and read it in later runs.

compared_orders.parquet   the orders that it compared, and unsettled ones of runs before it
first_seen.parquet        the day of the first run that showed each discrepancy
open_items.parquet        what became of each discrepancy, as this run left it
sha256.json               the SHA-256 of these, written last

They hold what the workspace database holds, for runs that keep no database (`--earlier`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vippsrecon import schemas
from vippsrecon.config.settings import ENVIRONMENTS
from vippsrecon.dates import YEARS, to_day_number
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching.run_folder import translate_os_errors
from vippsrecon.fetching.stored_files.parquet_file import read_parquet_file
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes, hash_files
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.output_files import atomic_private_file, make_private_folder
from vippsrecon.schemas.arrow import build_array
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.store import ComparedOrder, OpenItem
from vippsrecon.workflow.history.earlier_orders import parse_time
from vippsrecon.workflow.history.open_items import parse_items
from vippsrecon.workflow.inputs.ledger_source import LedgerSource
from vippsrecon.workflow.inputs.stored_money import open_stored_money

COMPARED_ORDERS_FILE, FIRST_SEEN_FILE = "compared_orders.parquet", "first_seen.parquet"
OPEN_ITEMS_FILE = "open_items.parquet"
"""Missing where an older version made the run; then its discrepancies have no status."""
HASHES_FILE = "sha256.json"

_KEY = list(schemas.PAYMENT)
_MICROSECONDS_PER_DAY = 24 * 60 * 60 * 10**6
_ADVICE = "Repeat that run, or omit its folder from --earlier."
_ORDER_COLUMNS = schemas.ORDERS.names
_ENTRY_COLUMNS = ("environment", "as_of_at", *_KEY, "psp_reference", "bucket", "settled")
"""Columns that are the same in all rows of one order."""


class SavedRun:
    """What one earlier run stored beside its report.

    Args:
        folder: Its `report.data/`.
        environment: The environment of the current run.

    Attributes:
        first_seen: discrepancy_id to the day of the first run that showed it.
        items: What became of each discrepancy, as the run left it.

    Raises:
        InputError: The folder does not exist, is not of such a run, is of another environment, or
            a file in it is damaged.
    """

    def __init__(self, folder: Path, environment: str) -> None:
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not a folder. Name with --earlier the .data folder beside an earlier "
                "report."
            )
        hashes = _read_hashes(folder)
        for name in (COMPARED_ORDERS_FILE, FIRST_SEEN_FILE, *hashes.list_names()):
            if not is_present(folder / name):
                raise InputError(
                    f"{folder} holds no {name}, so it does not state what a run compared. {_ADVICE}"
                )
        orders, first_seen = (
            _read_frame(folder, name, frame, environment, hashes)
            for name, frame in (
                (COMPARED_ORDERS_FILE, schemas.COMPARED_ORDERS),
                (FIRST_SEEN_FILE, schemas.FIRST_SEEN),
            )
        )
        _refuse_mixed_entries(orders, folder)
        self._orders = orders
        self.first_seen: dict[str, date] = dict(
            first_seen.select("discrepancy_id", "first_seen_date").iter_rows()
        )
        self.items: list[OpenItem] = []
        if is_present(folder / OPEN_ITEMS_FILE):
            self.items = parse_items(
                _read_frame(folder, OPEN_ITEMS_FILE, schemas.OPEN_ITEMS, environment, hashes)
            )
        self._folder = folder

    @cached_property
    def ledger(self) -> LedgerSource | None:
        """What it read of the ledger; None where it had none.

        Raises:
            InputError: A file is damaged or was changed.
        """
        money = open_stored_money(self._folder)
        return None if money is None else money.read_ledger()

    def read_orders(self, keys: Collection[tuple[str, str]]) -> Iterator[ComparedOrder]:
        """Yield the orders whose (msn, reference) is among the keys."""
        types = dict.fromkeys(_KEY, pl.String)
        key_frame = pl.DataFrame(sorted(keys), schema=types, orient="row")
        matching = (
            self._orders.join(key_frame, on=_KEY, how="semi", maintain_order="left")
            .sort(_KEY, maintain_order=True)
            .with_columns(as_of=pl.col("as_of_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        )
        rows = matching.iter_rows(named=True)
        for _, entry in groupby(rows, key=itemgetter(*_KEY)):
            yield _build_order(list(entry))

    def list_unsettled(
        self, msns: Collection[str] | None = None, until_day: int | None = None
    ) -> set[tuple[str, str]]:
        """Return the (msn, reference) of the orders that are not settled.

        Args:
            msns: The sales units; None for all.
            until_day: Days since 1970-01-01; an order without a day is included. None for all.
        """
        rows = self._orders.filter(~pl.col("settled"))
        if msns is not None:
            rows = rows.filter(pl.col("msn").is_in(sorted(msns)))
        days = rows.group_by(_KEY).agg(pl.col("ordered_day").min())
        if until_day is not None:
            is_ordered = pl.col("ordered_day") <= until_day
            days = days.filter(is_ordered | pl.col("ordered_day").is_null())
        return set(days.select(_KEY).rows())


def read_saved_runs(folders: Iterable[Path], environment: str) -> tuple[SavedRun, ...]:
    """Read what earlier runs stored beside their reports.

    Raises:
        InputError: As `SavedRun`, or the current run does not state its environment.
    """
    folders = list(folders)
    if folders and environment not in ENVIRONMENTS:
        raise InputError(
            "The fetched payments do not state their environment, so earlier runs cannot be used "
            "with them. Fetch again, or omit --earlier."
        )
    return tuple(SavedRun(folder, environment) for folder in folders)


def save_run(
    folder: Path,
    environment: str,
    orders: Iterable[ComparedOrder],
    first_seen: Mapping[str, date],
    items: pl.DataFrame | None = None,
) -> None:
    """Store a run for later ones. Without a known environment, nothing is stored.

    Args:
        folder: The run's `report.data/`; created if missing.
        environment: test, production or simulator.
        orders: The orders that it compared, and others that are carried over, in order of key.
        first_seen: discrepancy_id to the day of the first run that showed it, in order.
        items: `schemas.OPEN_ITEMS` with every item as the run left it, closed ones included.

    Raises:
        OutputError: The folder cannot be written.
    """
    if environment not in ENVIRONMENTS:
        return
    rows: list[Mapping[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for order in orders:
        entry = order._asdict() | {"environment": environment, "as_of_at": parse_time(order.as_of)}
        rows += order.order_rows
        entries += [entry] * len(order.order_rows)
    filled = set().union(*rows)
    columns: dict[str, list[Any]] = {}
    for column in schemas.COMPARED_ORDERS.columns:
        name = column.name
        if name in _ENTRY_COLUMNS:
            columns[name] = [entry[name] for entry in entries]
        elif name not in filled:
            columns[name] = [None] * len(rows)
        elif column.kind == "moment":
            columns[name] = [parse_time(row.get(name)) for row in rows]
        else:
            columns[name] = [row.get(name) for row in rows]
    first_seen_columns: dict[str, list[Any]] = {
        "environment": [environment] * len(first_seen),
        "discrepancy_id": list(first_seen),
        "first_seen_date": list(first_seen.values()),
    }
    with translate_os_errors(folder):
        make_private_folder(folder)
        _write_frame(folder / COMPARED_ORDERS_FILE, columns, schemas.COMPARED_ORDERS)
        _write_frame(folder / FIRST_SEEN_FILE, first_seen_columns, schemas.FIRST_SEEN)
        items = schemas.to_polars(items, schemas.OPEN_ITEMS)
        _write_frame(folder / OPEN_ITEMS_FILE, items.to_dict(as_series=False), schemas.OPEN_ITEMS)
        hashes = hash_files(folder, (COMPARED_ORDERS_FILE, FIRST_SEEN_FILE, OPEN_ITEMS_FILE))
        with atomic_private_file(folder / HASHES_FILE) as temporary:
            temporary.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")


def hash_saved_runs(folders: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of the files of earlier runs, by folder and file name.

    A second folder of the same name is numbered, because a manifest contains no path.
    """
    hashes: dict[str, str] = {}
    for folder in folders:
        stem = label = Path(os.path.realpath(folder)).name
        number = 1
        while f"{label}/{COMPARED_ORDERS_FILE}" in hashes:
            number += 1
            label = f"{stem} ({number})"
        names = [COMPARED_ORDERS_FILE, FIRST_SEEN_FILE]
        if is_present(folder / OPEN_ITEMS_FILE):
            names.append(OPEN_ITEMS_FILE)
        for name in names:
            hashes[f"{label}/{name}"] = compute_file_sha256(folder / name)
    return hashes


def _read_hashes(folder: Path) -> RecordedHashes:
    by_name = None
    try:
        if is_present(folder / HASHES_FILE):
            by_name = read_small_json(folder / HASHES_FILE)
    except SourceError as error:
        raise InputError(f"{folder}: {error}. {_ADVICE}") from error
    hashes = RecordedHashes(HASHES_FILE, by_name, _ADVICE)
    hashes.warn_if_missing(folder)
    return hashes


def _read_frame(
    folder: Path, name: str, frame: schemas.Frame, environment: str, hashes: RecordedHashes
) -> pl.DataFrame:
    try:
        data = read_parquet_file(folder / name, frame, hashes)
    except SourceError as error:
        # Several folders hold files of the same name.
        raise InputError(f"{folder}: {error}") from error
    others = (
        sorted(set(data["environment"].unique()) - {environment})
        if "environment" in frame.names
        else ()
    )
    if others:
        raise InputError(
            f"{folder} is of the environment {others[0]}, but this run is of {environment}. Omit "
            "this folder from --earlier."
        )
    _refuse_impossible_days(data, frame, f"{folder}: {name}")
    return data


def _refuse_impossible_days(data: pl.DataFrame, frame: schemas.Frame, place: str) -> None:
    """Refuse a day or time of a year that no payment can have: Python cannot hold some of them."""
    first, last = date(YEARS[0], 1, 1), date(YEARS[-1], 12, 31)
    for column in frame.columns:
        values = pl.col(column.name)
        if column.kind == "moment":
            values = values.dt.epoch("us") // _MICROSECONDS_PER_DAY
        elif column.kind == "date":
            values = values.to_physical()
        elif column.kind != "day":
            continue
        is_possible = values.is_between(to_day_number(first), to_day_number(last))
        if not data.select(is_possible.all()).item():
            raise InputError(
                f"{place}: the column {column.name} has a day that is not between {YEARS[0]} and "
                f"{YEARS[-1]}. {_ADVICE}"
            )


def _refuse_mixed_entries(orders: pl.DataFrame, folder: Path) -> None:
    entries = orders.select(_ENTRY_COLUMNS).unique()
    repeated = entries.filter(entries.select(_KEY).is_duplicated())
    if len(repeated):
        reference = repeated["reference"].sort()[0]
        raise InputError(
            f"{folder}: {COMPARED_ORDERS_FILE}: the rows of the order {reference!r} contradict each "
            f"other. {_ADVICE}"
        )


def _build_order(rows: Sequence[Mapping[str, Any]]) -> ComparedOrder:
    first = rows[0]
    days = [row["ordered_day"] for row in rows if row["ordered_day"] is not None]
    return ComparedOrder(
        first["msn"],
        first["reference"],
        first["psp_reference"],
        min(days, default=None),
        first["bucket"],
        first["settled"],
        [{name: row[name] for name in _ORDER_COLUMNS if row[name] is not None} for row in rows],
        first["as_of"],
    )


def _write_frame(path: Path, columns: Mapping[str, Sequence[Any]], frame: schemas.Frame) -> None:
    schema = frame.arrow_schema()
    arrays = [
        build_array(columns[field.name], field.type, frame.name, field.name) for field in schema
    ]
    table = pa.Table.from_arrays(arrays, names=schema.names)
    schemas.validate(pl.DataFrame(table), frame)
    with atomic_private_file(path) as temporary:
        pq.write_table(table.cast(schema), temporary, compression="zstd")
