"""Hold the result of a fetch, and read it from a folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vippsrecon import schemas
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import frames, part_files
from vippsrecon.fetching.parquet_file import read_parquet_file
from vippsrecon.fetching.run_folder import FETCH_FORMAT_VERSION, RUN_FILE, read_run_info
from vippsrecon.input_files import check_input_file
from vippsrecon.money import group_thousands
from vippsrecon.schemas.failure_effects import select_failures


class Fetched(NamedTuple):
    """The payments and events fetched, and the references that failed.

    Attributes:
        payments: `schemas.PAYMENTS`, sorted by msn and reference.
        events: `schemas.EVENTS`, sorted by msn, reference and time.
        failures: `schemas.FAILURES`, one row per reference that is not among the payments.
    """

    payments: pd.DataFrame
    events: pd.DataFrame
    failures: pd.DataFrame

    @property
    def missing(self) -> int:
        """How many references are unanswered: requested, and neither a payment nor a 404 came.

        A 404 is an answer, and a malformed reference is never sent.
        """
        return len(select_failures(self.failures, "unanswered"))


def read_fetched(folder: Path) -> tuple[Fetched, dict[str, Any]]:
    """Read the result that `fetch` stored in a folder.

    Returns:
        The frames, and the content of `fetch.json`. The caller must check whether anything is
        missing (`Fetched.missing`, `info["complete"]`).

    Raises:
        InputError: The folder does not exist, has no fetch or one of another version, or the
            fetch has not ended or is damaged.
    """
    folder = Path(folder)
    info = _load_run_info(folder)
    payments, events = (
        read_parquet_file(folder / name, frame)
        for name, frame in (
            (part_files.PAYMENTS_FILE, schemas.PAYMENTS),
            (part_files.EVENTS_FILE, schemas.EVENTS),
        )
    )
    path = folder / part_files.FAILURES_FILE
    check_input_file(path)
    try:
        failures = frames.build_failures(part_files.read_failures(path))
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(f"cannot be read ({error}). Fetch again.", file=path.name) from error
    fetched = Fetched(schemas.to_pandas(payments), schemas.to_pandas(events), failures)
    counts = info["counts"]
    for name, frame in zip(Fetched._fields, fetched, strict=True):
        if counts.get(name) != len(frame):
            raise InputError(
                f"{folder}: {name} has {group_thousands(len(frame))} rows, but {RUN_FILE} "
                f"states {counts.get(name)}: the files are not from the same fetch. Fetch again."
            )
    return fetched, info


def _load_run_info(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Name a folder that `vippsrecon fetch` wrote.")
    info = read_run_info(folder)
    if info is None:
        raise InputError(
            f"{folder} holds no {RUN_FILE}. Name a folder that `vippsrecon fetch` wrote."
        )
    if not isinstance(info.get("counts"), dict):
        raise InputError(f"{folder}: {RUN_FILE} is damaged. Fetch again.")
    if info.get("version") != FETCH_FORMAT_VERSION:
        raise InputError(
            f"{folder} was written by another version of vippsrecon (format "
            f"{info.get('version')!r}, this version reads {FETCH_FORMAT_VERSION}). Fetch again."
        )
    if "payments" not in info["counts"]:
        raise InputError(
            f"{folder}: the fetch is not finished. Run the same fetch again to continue it."
        )
    return info
