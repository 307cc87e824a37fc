"""The folder a fetch keeps itself in: which run it holds, and whether that one goes on.

fetch.json          the run: what was asked for, when, how far it came
payments.parquet    ┐
events.parquet      ├ what came of it, once everything has been asked
failures.csv        ┘
parts/              what has been fetched so far; gone when nothing is missing
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import Settings
from vippsrecon.errors import IncompleteError, InputError, OutputError
from vippsrecon.fetching import frames, part_files
from vippsrecon.fetching.follow_ups import FOLLOW_UP_COLUMNS
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.fetching.worklist import PAYMENT_KEY_COLUMNS, Worklist
from vippsrecon.money import format_count, group_thousands

try:
    import fcntl
except ImportError:  # Windows has none; there the folder is not locked
    fcntl = None  # type: ignore[assignment]

FETCH_FORMAT_VERSION = 1
"""Of the files: raised when an older reader would misunderstand them."""

RUN_FILE = "fetch.json"
PARTS_FOLDER = "parts"
RESUME_WITHIN = timedelta(hours=24)

_IDENTITY_FIELDS = ("version", "environment", "sales_units", "references_sha256", "events")
_NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_log = logging.getLogger("vippsrecon.fetch")


class RunFolder:
    """One fetch on disk.

    Args:
        out: The folder; made where it is not there.
        work: What is asked for.
        settings: Environment and host.
        events: Whether event logs are read.
        now: The house's time.
        resume: Go on with an unfinished run however old it is.

    Attributes:
        info: What `fetch.json` says.
        is_finished: Whether everything is there already, so that nothing is left to ask.

    Raises:
        InputError: `resume` is asked for, and the folder holds another run.
        OutputError: The folder cannot be used, or holds results of another making.
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
        self.info: dict[str, Any] = {
            "version": FETCH_FORMAT_VERSION,
            "environment": settings.environment,
            "host": urlsplit(settings.base_url).netloc,
            "sales_units": work.rows["msn"].unique().sort().to_list(),
            "references_sha256": work.sha256,
            "events": events,
            "started_at": _format_time(now),
            "fetched_at": None,
            "oldest_row_at": None,
            "parts": 0,
            "complete": False,
            "counts": {"references": len(work), "duplicates": work.duplicates},
        }
        with translate_os_errors(out):
            self._parts.mkdir(parents=True, exist_ok=True)
            self._start_or_resume(now, resume=resume)

    def done(self) -> pl.DataFrame:
        """Return (msn, reference) of what is on disk: payments, and what Vipps does not know."""
        found = [pl.DataFrame(schema=dict.fromkeys(PAYMENT_KEY_COLUMNS, pl.String))]
        for _, kept in part_files.read_parts(self._parts):
            unknown = kept.failures.filter(pl.col("status") == 404)
            found += [
                kept.payments.select(PAYMENT_KEY_COLUMNS),
                unknown.select(PAYMENT_KEY_COLUMNS),
            ]
        return pl.concat(found).unique()

    def payments(self) -> list[pl.DataFrame]:
        """Return what the payments on disk were found to be, as `FOLLOW_UP_COLUMNS`."""
        none = pl.DataFrame(schema=schemas.polars_schema(schemas.PAYMENTS))
        kept = [none, *(one.payments for _, one in part_files.read_parts(self._parts))]
        return [payments.select(FOLLOW_UP_COLUMNS) for payments in kept]

    def keep(self, part: FetchPart) -> None:
        """Put a part on disk."""
        with translate_os_errors(self._out):
            part_files.write_part(self._parts, part)

    def finish(self, read_again: int) -> None:
        """Combine the parts into the results and say in `fetch.json` how the run ended.

        Raises:
            IncompleteError: A reference is neither among the payments nor the failures, since
                a part was damaged while the run went on.
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
            self._write_run_file(complete=missing == 0)
            if missing == 0:
                part_files.remove_parts(self._parts)
                self._parts.rmdir()
        if lost:
            raise IncompleteError(
                f"{self._out}: what was fetched of {group_thousands(lost)} references can no longer be read; "
                "run it again to ask for them once more"
            )

    def record_interruption(self) -> None:
        """Say in `fetch.json` how far the run came before it was stopped."""
        with translate_os_errors(self._out):
            self._write_run_file(complete=False)

    def _start_or_resume(self, now: datetime, *, resume: bool) -> None:
        found = read_run_info(self._out)
        if found is None and any((self._out / name).exists() for name in part_files.RESULT_FILES):
            raise OutputError(
                f"{self._out} holds {part_files.PAYMENTS_FILE} or its like without {RUN_FILE}, so it is not what "
                "an earlier fetch left: name another folder"
            )
        same = found is not None and all(
            found.get(name) == self.info[name] for name in _IDENTITY_FIELDS
        )
        if found is not None and resume and not same:
            raise InputError(
                f"{self._out} holds a fetch of other references, sales units or environment: "
                "leave --resume away to begin anew, or name another folder"
            )
        began = _parse_time(found) if found is not None and same else None
        if found is None or began is None:
            self._start_over()
        elif found.get("complete") and resume:
            self.is_finished = True
            self.info = found
            self._log_age(_parse_time(found, "oldest_row_at"), now)
        elif resume or (not found.get("complete") and timedelta(0) <= now - began < RESUME_WITHIN):
            self.info["started_at"] = found["started_at"]
            self._log_age(self._find_row_times()[0], now)
        else:
            self._start_over()
        malformed = self._work.build_not_sent_failures()
        if malformed and not self.is_finished:
            part_files.write_part(self._parts, FetchPart(frames.concatenate_tables([]), malformed))

    def _start_over(self) -> None:
        # The old run's note goes last: whatever a crash leaves here is begun anew as well.
        part_files.remove_parts(self._parts)
        for name in part_files.RESULT_FILES:
            (self._out / name).unlink(missing_ok=True)
        self._write_run_file(complete=False)

    def _log_age(self, oldest: datetime | None, now: datetime) -> None:
        if oldest is not None:
            _log.warning(
                "going on with the fetch begun %s; its oldest row is %s old",
                self.info["started_at"],
                _format_age(now - oldest),
            )

    def _write_run_file(self, *, complete: bool) -> None:
        oldest, latest = self._find_row_times()
        self.info |= {
            "fetched_at": latest and _format_time(latest),
            "oldest_row_at": oldest and _format_time(oldest),
            "parts": sum(1 for _ in self._parts.glob("*.arrow")),
            "complete": complete,
        }
        with part_files.atomic_replace(self._out / RUN_FILE) as beside:
            text = json.dumps(self.info, indent=2, ensure_ascii=False)
            beside.write_text(text + "\n", encoding="utf-8")

    def _find_row_times(self) -> tuple[datetime | None, datetime | None]:
        times: list[Any] = []
        for _, kept in part_files.read_parts(self._parts):
            at = kept.payments["fetched_at"]
            times += [at.min(), at.max()] if len(at) else []
        return (min(times), max(times)) if times else (None, None)


def read_run_info(out: Path) -> dict[str, Any] | None:
    """Return what `fetch.json` says; empty where it cannot be read, None where there is none."""
    try:
        said = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


@contextmanager
def lock_folder(out: Path) -> Iterator[None]:
    """Let one process at a time fetch into a folder; the lock goes with the process.

    Raises:
        OutputError: Another process is at it.
    """
    with translate_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    with translate_os_errors(out):
        # The folder itself, so that no lock file is left behind.
        handle = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise OutputError(
            f"{out}: another fetch is writing here; wait for it or name another folder"
        ) from None
    except OSError:
        _log.info("%s cannot be locked: do not fetch into it twice at once", out)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def translate_os_errors(out: Path) -> Iterator[None]:
    """Turn what the machine refuses into one sentence that says what is kept."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{error.filename or out}: {_describe_os_error(error)}") from error


def _describe_os_error(error: OSError) -> str:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "this or part of it is a file, and a folder is wanted; name another"
    if error.errno == errno.EROFS:
        return "this disk can only be read; name another folder"
    # By number: the libraries' own sentences name their functions.
    said = os.strerror(error.errno) if error.errno else "it cannot be written"
    if error.errno in _NO_SPACE_ERRNOS:
        said = "the disk is full, so free some space"
    return f"{said}; what was fetched before is kept: set it right and run the same again"


def _format_age(past: timedelta) -> str:
    """Return how long ago something was, as far as whoever insists on old rows minds.

    >>> _format_age(timedelta(seconds=40)), _format_age(timedelta(minutes=90)), _format_age(timedelta(hours=30.4))
    ('less than a minute', '90 minutes', '30 hours')
    """
    minutes = int(past / timedelta(minutes=1))
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return format_count(minutes, "minute")
    return format_count(minutes // 60, "hour")


def _parse_time(said: dict[str, Any], name: str = "started_at") -> datetime | None:
    try:
        at = datetime.fromisoformat(said[name])
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo is not None else None


def _format_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
