"""Store what a run compared and first reported in `report.data/`, and read it in later runs.

compared_orders.parquet   the orders that it compared, and unsettled ones of still earlier runs
first_seen.parquet        the day of the first run that showed each discrepancy

They hold what the workspace database holds, for runs that keep no database (`--earlier`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from vippsrecon import schemas
from vippsrecon.config.settings import ENVIRONMENTS
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching.parquet_file import read_parquet_file
from vippsrecon.fetching.run_folder import translate_os_errors
from vippsrecon.input_files import is_present
from vippsrecon.output_files import atomic_private_file, make_private_folder
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.store import ComparedOrder
from vippsrecon.workflow.history.earlier_orders import parse_order_row

COMPARED_ORDERS_FILE, FIRST_SEEN_FILE = "compared_orders.parquet", "first_seen.parquet"

_KEY = list(schemas.PAYMENT)
_ADVICE = "Repeat that run, or omit its folder from --earlier."
_ENTRY_COLUMNS = ("as_of_at", "psp_reference", "bucket", "settled")
"""Columns that are the same in all rows of one order."""


class SavedRun:
    """What one earlier run stored beside its report.

    Args:
        folder: Its `report.data/`.
        environment: The environment of the current run.

    Attributes:
        first_seen: discrepancy_id to the day of the first run that showed it.

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
        for name in (COMPARED_ORDERS_FILE, FIRST_SEEN_FILE):
            if not is_present(folder / name):
                raise InputError(
                    f"{folder} holds no {name}, so it does not state what a run compared. {_ADVICE}"
                )
        orders, first_seen = (
            _read_frame(folder, name, frame, environment)
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

    def read_orders(self, keys: Collection[tuple[str, str]]) -> Iterator[ComparedOrder]:
        """Yield the orders whose (msn, reference) is among the keys."""
        types = dict.fromkeys(_KEY, pl.String)
        wanted = pl.DataFrame(sorted(keys), schema=types, orient="row")
        rows = self._orders.join(wanted, on=_KEY, how="semi", maintain_order="left")
        for _, entry in rows.group_by(_KEY, maintain_order=True):
            yield _build_order(entry.rows(named=True))

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
) -> None:
    """Store a run for later ones. Without a known environment, nothing is stored.

    Args:
        folder: The run's `report.data/`; created if missing.
        environment: test, production or simulator.
        orders: The orders that it compared, and others that are carried over, in order of key.
        first_seen: discrepancy_id to the day of the first run that showed it, in order.

    Raises:
        OutputError: The folder cannot be written.
    """
    if environment not in ENVIRONMENTS:
        return
    rows = [
        {
            **parse_order_row(row),
            "environment": environment,
            "as_of_at": _parse_as_of(order.as_of),
            "msn": order.msn,
            "reference": order.reference,
            "psp_reference": order.psp_reference,
            "bucket": order.bucket,
            "settled": order.settled,
        }
        for order in orders
        for row in order.order_rows
    ]
    seen = [
        {"environment": environment, "discrepancy_id": discrepancy_id, "first_seen_date": day}
        for discrepancy_id, day in first_seen.items()
    ]
    with translate_os_errors(folder):
        make_private_folder(folder)
        _write_frame(folder / COMPARED_ORDERS_FILE, rows, schemas.COMPARED_ORDERS)
        _write_frame(folder / FIRST_SEEN_FILE, seen, schemas.FIRST_SEEN)


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
        for name in (COMPARED_ORDERS_FILE, FIRST_SEEN_FILE):
            hashes[f"{label}/{name}"] = compute_file_sha256(folder / name)
    return hashes


def _read_frame(folder: Path, name: str, frame: schemas.Frame, environment: str) -> pl.DataFrame:
    try:
        data = read_parquet_file(folder / name, frame, advice=_ADVICE)
    except SourceError as error:
        # Several folders hold files of the same name.
        raise InputError(f"{folder}: {error}") from error
    others = sorted(set(data["environment"].unique()) - {environment})
    if others:
        raise InputError(
            f"{folder} is of the environment {others[0]}, but this run is of {environment}. Omit "
            "this folder from --earlier."
        )
    return data


def _refuse_mixed_entries(orders: pl.DataFrame, folder: Path) -> None:
    entries = orders.select(*_KEY, *_ENTRY_COLUMNS).unique()
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
        [
            {name: row[name] for name in schemas.ORDERS.names if row[name] is not None}
            for row in rows
        ],
        f"{first['as_of_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )


def _parse_as_of(as_of: str) -> datetime:
    return datetime.fromisoformat(as_of).astimezone(UTC)


def _write_frame(path: Path, rows: list[dict[str, Any]], frame: schemas.Frame) -> None:
    data = schemas.validate(pl.DataFrame(rows, schema=schemas.polars_schema(frame)), frame)
    table = data.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(frame.arrow_schema())
    with atomic_private_file(path) as temporary:
        pq.write_table(table.combine_chunks(), temporary, compression="zstd")
