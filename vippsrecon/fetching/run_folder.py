"""Manage the folder of a fetch: which run it holds, and whether that run is continued.

fetch.json          the run: what was requested, when, its progress, and the SHA-256 of the results
payments.parquet    ┐
events.parquet      ├ the results, written when everything has been read
failures.csv        ┘
parts/              what has been read so far; removed when nothing is missing
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import Settings
from vippsrecon.dates import parse_recorded_time
from vippsrecon.errors import IncompleteError, InputError, OutputError, SourceError
from vippsrecon.fetching import frames, part_files
from vippsrecon.fetching.follow_ups import FOLLOW_UP_COLUMNS
from vippsrecon.fetching.stored_files.recorded_hashes import hash_files
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.fetching.worklist import Worklist
from vippsrecon.folder_lock import lock_folder
from vippsrecon.input_files import (
    MAX_SMALL_FILE_BYTES,
    check_input_file,
    is_present,
    read_small_json,
)
from vippsrecon.money import format_count, group_thousands
from vippsrecon.output_files import atomic_private_file, make_private_folder
from vippsrecon.schemas.inputs import PAYMENT_KEY

FETCH_FORMAT_VERSION = 1
"""Format of the files: increased when an older version would misread them."""

RUN_FILE = "fetch.json"
PARTS_FOLDER = "parts"
RESUME_WITHIN = timedelta(hours=24)

_IDENTITY_FIELDS = ("version", "environment", "sales_units", "references_sha256", "events")
_NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_log = logging.getLogger("vippsrecon.fetch")


class RunFolder:
    """One fetch on disk.

    Args:
        out: The folder; created if missing.
        events: Whether event logs are read.
        now: Server time.
        resume: Continue an unfinished run whatever its age.

    Attributes:
        info: What `fetch.json` says.
        is_finished: Whether everything is there already, so that nothing is left to request.

    Raises:
        InputError: `resume` is given, and the folder holds another run.
        OutputError: The folder cannot be used, or holds results without `fetch.json`.
    """

    def __init__(
        self,
        out: Path,
        work: Worklist,
        settings: Settings,
        *,
        events: bool,
        now: datetime,
        resume: bool,
    ) -> None:
        self._out = out
        self._parts = out / PARTS_FOLDER
        self._work = work
        self.is_finished = False
        self.info = build_run_info(work, settings, events=events, now=now)
        with translate_os_errors(out):
            make_private_folder(out)
            make_private_folder(self._parts)
            self._start_or_resume(now, resume=resume)

    def done(self) -> pl.DataFrame:
        """Return (msn, reference) of the payments and of the 404 failures on disk."""
        done = [pl.DataFrame(schema=dict.fromkeys(PAYMENT_KEY, pl.String))]
        for _, part in part_files.read_parts(self._parts):
            unknown = part.failures.filter(pl.col("status") == 404)
            done += [
                part.payments.select(PAYMENT_KEY),
                unknown.select(PAYMENT_KEY),
            ]
        return pl.concat(done).unique()

    def payments(self) -> list[pl.DataFrame]:
        """Return the payments on disk, with `FOLLOW_UP_COLUMNS`."""
        none = pl.DataFrame(schema=schemas.polars_schema(schemas.PAYMENTS))
        stored = [none, *(part.payments for _, part in part_files.read_parts(self._parts))]
        return [payments.select(FOLLOW_UP_COLUMNS) for payments in stored]

    def keep(self, part: FetchPart) -> None:
        """Write a part to disk."""
        with translate_os_errors(self._out):
            part_files.write_part(self._parts, part)

    def finish(self, read_again: int) -> None:
        """Combine the parts into the results and record the end of the run in `fetch.json`.

        Raises:
            IncompleteError: A reference is neither a payment nor a failure, because a part
                file was damaged during the run.
        """
        with translate_os_errors(self._out):
            counts = part_files.combine_parts(self._parts, self._work.rows, self._out)
            lost = len(self._work) - counts["payments"] - counts["failures"]
            missing = counts["failures"] - counts["not_found"] - counts["not_sent"] + lost
            self.info["counts"] |= {
                "references": len(self._work),
                **counts,
                "missing": missing,
                "read_again": read_again,
            }
            self.info["sha256"] = hash_files(self._out, part_files.RESULT_FILES)
            self._write_run_file(complete=missing == 0)
            if missing == 0:
                part_files.remove_parts(self._parts)
                self._parts.rmdir()
        if lost:
            raise IncompleteError(
                f"{self._out}: the results of {group_thousands(lost)} references can no longer be read. "
                "Run the same fetch again to read them."
            )

    def record_interruption(self) -> None:
        """Record in `fetch.json` what was read before the run was stopped."""
        with translate_os_errors(self._out):
            self._write_run_file(complete=False)

    def _start_or_resume(self, now: datetime, *, resume: bool) -> None:
        earlier = read_run_info(self._out)
        if earlier is None and any((self._out / name).exists() for name in part_files.RESULT_FILES):
            raise OutputError(
                f"{self._out} holds {part_files.PAYMENTS_FILE} or similar files without {RUN_FILE}, so they "
                "are not from a fetch. Name another folder."
            )
        same = earlier is not None and all(
            earlier.get(name) == self.info[name] for name in _IDENTITY_FIELDS
        )
        if earlier is not None and resume and not same:
            raise InputError(
                f"{self._out} holds a fetch of other references, sales units or environment. "
                "Omit --resume to start a new fetch, or name another folder."
            )
        began = _parse_time(earlier) if earlier is not None and same else None
        if earlier is None or began is None:
            self._start_over()
        elif earlier.get("complete") and resume:
            self.is_finished = True
            self.info = earlier
            self._log_age(_parse_time(earlier, "oldest_row_at"), now)
        elif resume or (
            not earlier.get("complete") and timedelta(0) <= now - began < RESUME_WITHIN
        ):
            self.info["started_at"] = earlier["started_at"]
            self._log_age(self._find_row_times()[0], now)
        else:
            self._start_over()
        malformed = self._work.build_not_sent_failures()
        if malformed and not self.is_finished:
            part_files.write_part(self._parts, FetchPart(frames.concatenate_tables([]), malformed))

    def _start_over(self) -> None:
        # fetch.json is replaced last: after a crash here the next run starts from the beginning too.
        part_files.remove_parts(self._parts)
        for name in part_files.RESULT_FILES:
            (self._out / name).unlink(missing_ok=True)
        self._write_run_file(complete=False)

    def _log_age(self, oldest: datetime | None, now: datetime) -> None:
        if oldest is not None:
            _log.warning(
                "Continuing the fetch started at %s. Its oldest row is %s old.",
                self.info["started_at"],
                _format_age(now - oldest),
            )

    def _write_run_file(self, *, complete: bool) -> None:
        oldest, latest = self._find_row_times()
        self.info |= {
            "fetched_at": latest and format_time(latest),
            "oldest_row_at": oldest and format_time(oldest),
            "parts": sum(1 for _ in self._parts.glob("*.arrow")),
            "complete": complete,
        }
        write_run_info(self._out, self.info)

    def _find_row_times(self) -> tuple[datetime | None, datetime | None]:
        times: list[Any] = []
        for _, part in part_files.read_parts(self._parts):
            at = part.payments["fetched_at"]
            times += [at.min(), at.max()] if len(at) else []
        return (min(times), max(times)) if times else (None, None)


def build_run_info(
    work: Worklist, settings: Settings, *, events: bool, now: datetime
) -> dict[str, Any]:
    """Return the content of `fetch.json` at the start of a run."""
    return {
        "version": FETCH_FORMAT_VERSION,
        "environment": settings.environment,
        "host": urlsplit(settings.base_url).netloc,
        "sales_units": work.rows["msn"].unique().sort().to_list(),
        "references_sha256": work.sha256,
        "events": events,
        "started_at": format_time(now),
        "fetched_at": None,
        "oldest_row_at": None,
        "parts": 0,
        "complete": False,
        "counts": {"references": len(work), "duplicates": work.duplicates},
    }


def write_run_info(out: Path, info: dict[str, Any]) -> None:
    """Write `fetch.json`."""
    with atomic_private_file(out / RUN_FILE) as temporary:
        text = json.dumps(info, indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_run_info(out: Path) -> dict[str, Any] | None:
    """Return the content of `fetch.json`: empty if it is unreadable, None if it is missing.

    Raises:
        SourceError: It is not an ordinary file.
    """
    path = out / RUN_FILE
    if not is_present(path):
        return None
    check_input_file(path, max_bytes=MAX_SMALL_FILE_BYTES)
    try:
        content = read_small_json(path)
    except SourceError:
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def lock_fetch_folder(out: Path) -> Iterator[None]:
    """Let only one process at a time fetch into a folder; the lock ends with the process.

    Raises:
        OutputError: Another process is fetching into the folder.
    """
    with translate_os_errors(out):
        make_private_folder(out)
    busy = f"{out}: another fetch is writing to this folder. Wait for it or name another folder."
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(out, busy))
        except OSError:
            _log.info("%s cannot be locked. Do not run two fetches into it at the same time.", out)
        yield


@contextmanager
def translate_os_errors(out: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError with a message that says what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{error.filename or out}: {_describe_os_error(error)}") from error


def _describe_os_error(error: OSError) -> str:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "this path, or a part of it, is a file. Name a folder."
    if error.errno == errno.EROFS:
        return "this disk is read-only. Name another folder."
    # By number: the messages of the libraries name their own functions.
    reason = os.strerror(error.errno) if error.errno else "it cannot be written"
    if error.errno in _NO_SPACE_ERRNOS:
        reason = "the disk is full; free some space"
    return f"{reason}. What was fetched before is stored; solve this and run the same fetch again."


def _format_age(past: timedelta) -> str:
    """Format an age in minutes or hours.

    >>> _format_age(timedelta(seconds=40)), _format_age(timedelta(minutes=90)), _format_age(timedelta(hours=30.4))
    ('less than a minute', '90 minutes', '30 hours')
    """
    minutes = int(past / timedelta(minutes=1))
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return format_count(minutes, "minute")
    return format_count(minutes // 60, "hour")


def _parse_time(content: dict[str, Any], name: str = "started_at") -> datetime | None:
    return parse_recorded_time(content.get(name))


def format_time(at: datetime) -> str:
    """Return a time as `fetch.json` has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
