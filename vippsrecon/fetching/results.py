"""Hold the result of a fetch, and read it from a folder."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

import polars as pl
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.display.html import HtmlView, TableColumn, Tone
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import frames, part_files
from vippsrecon.fetching.run_folder import FETCH_FORMAT_VERSION, RUN_FILE, read_run_info
from vippsrecon.fetching.stored_files.parquet_file import read_parquet_file
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes
from vippsrecon.money import format_count, group_thousands
from vippsrecon.schemas.failure_effects import select_failures
from vippsrecon.texts import format_spaced_money, format_spaced_number, in_language_of_result, say

if TYPE_CHECKING:
    import pandas as pd

MAX_FAILURES = 5_000_000
"""Rows of `failures.csv` that are read: as many references as a fetch may have at most."""

_ROWS_PER_BLOCK = 20_000
_MAX_FAILURES_SHOWN = 50
_FAILURE_HEADINGS = {
    "reference": "table.reference",
    "operation": "fetched.operation",
    "status": "table.status",
    "title": "fetched.title",
    "detail": "fetched.detail",
}


class _Frames(NamedTuple, Generic[schemas.FrameT]):
    payments: schemas.FrameT
    events: schemas.FrameT
    failures: schemas.FrameT


class Fetched(_Frames[schemas.FrameT]):
    """The payments and events fetched, and the references that failed.

    Attributes:
        payments: `schemas.PAYMENTS`, sorted by msn and reference.
        events: `schemas.EVENTS`, sorted by msn, reference and time.
        failures: `schemas.FAILURES`, one row per reference that is not among the payments.
        language: In which notebooks show it: that of the settings; None: the current one. It is not
            one of the three frames into which the result is unpacked.
    """

    language: str | None = None

    @property
    def missing(self) -> int:
        """How many references are unanswered: requested, and neither a payment nor a 404 came.

        A 404 is an answer, and a malformed reference is never sent.
        """
        return len(select_failures(self.failures, "unanswered"))

    def __repr__(self) -> str:
        """Describe the fetch in one line, without the frames."""
        counts = ", ".join(
            format_count(len(frame), name.removesuffix("s"))
            for name, frame in self._asdict().items()
        )
        return f"<Fetched: {counts}, {group_thousands(self.missing)} unanswered>"

    @in_language_of_result
    def _repr_html_(self) -> str:
        payments = schemas.to_polars(self.payments, schemas.PAYMENTS)
        failures = schemas.to_polars(self.failures, schemas.FAILURES)
        view = HtmlView(payments["currency"].unique())
        view.add_banner(*_summarize_fetch(self, failures))
        for (currency,), rows in payments.sort("currency").group_by(
            "currency", maintain_order=True
        ):
            view.add_tiles(_list_currency_tiles(str(currency), rows))
        if len(failures):
            shown = failures.head(_MAX_FAILURES_SHOWN).select(*_FAILURE_HEADINGS).iter_rows()
            view.add_table(
                [
                    TableColumn(say(key), "sentence" if name == "detail" else "text")
                    for name, key in _FAILURE_HEADINGS.items()
                ],
                shown,
                count=len(failures),
                everything=".failures",
            )
        return view.render()


def _summarize_fetch(fetched: Fetched[Any], failures: pl.DataFrame) -> tuple[str, Tone]:
    payments = _say_number("payment", len(fetched.payments))
    read = say("fetched.read", payments=payments, events=_say_number("event", len(fetched.events)))
    if fetched.missing:
        return _say_number("unanswered", fetched.missing, read=read), "high"
    if len(failures):
        return _say_number("without_payment", len(failures), read=read), "medium"
    return say("fetched.all_answered", read=read), "good"


def _say_number(key: str, number: int, **values: str) -> str:
    return say(f"fetched.{key}", count=number, number=format_spaced_number(number), **values)


def _list_currency_tiles(currency: str, payments: pl.DataFrame) -> list[tuple[str, str, str]]:
    names = {
        "authorized": "fetched.authorized",
        "captured": "table.captured",
        "refunded": "table.refunded",
        "cancelled": "fetched.cancelled",
    }
    return [
        (say("table.payments"), format_spaced_number(len(payments)), currency),
        *(
            (say(key), format_spaced_money(int(payments[f"{name}_minor"].sum()), currency), "")
            for name, key in names.items()
        ),
    ]


def convert_to_pandas(fetched: Fetched[pl.DataFrame]) -> Fetched[pd.DataFrame]:
    """Return the same frames in pandas, for users."""
    return set_fetched_language(Fetched(*map(schemas.to_pandas, fetched)), fetched.language)


def set_fetched_language(
    fetched: Fetched[schemas.FrameT], language: str | None
) -> Fetched[schemas.FrameT]:
    """Set the language in which a notebook shows a result, and return it."""
    fetched.language = language
    return fetched


def read_fetched(folder: Path) -> tuple[Fetched[pd.DataFrame], dict[str, Any]]:
    """Read the result that `fetch` stored in a folder.

    Returns:
        The frames, and the content of `fetch.json`. The caller must check whether anything is
        missing (`Fetched.missing`, `info["complete"]`).

    Raises:
        InputError: The folder does not exist, has no fetch or one of another version, or the
            fetch has not ended or is damaged.
    """
    fetched, info = load_fetched(folder)
    return convert_to_pandas(fetched), info


def load_fetched(folder: Path) -> tuple[Fetched[pl.DataFrame], dict[str, Any]]:
    """Read the result as `read_fetched` does, into Polars."""
    folder = Path(folder)
    info = _load_run_info(folder)
    hashes = RecordedHashes(RUN_FILE, info.get("sha256"))
    hashes.warn_if_missing(folder)
    payments, events = (
        read_parquet_file(folder / name, frame, hashes)
        for name, frame in (
            (part_files.PAYMENTS_FILE, schemas.PAYMENTS),
            (part_files.EVENTS_FILE, schemas.EVENTS),
        )
    )
    hashes.check(folder / part_files.FAILURES_FILE)
    failures = _read_failures(folder, info["counts"].get("failures"))
    fetched = Fetched(payments, events, failures)
    counts = info["counts"]
    for name, frame in zip(Fetched._fields, fetched, strict=True):
        if counts.get(name) != len(frame):
            raise InputError(
                f"{folder}: {name} has {group_thousands(len(frame))} rows, but {RUN_FILE} "
                f"states {counts.get(name)}: the files are not from the same fetch. Fetch again."
            )
    return fetched, info


def _read_failures(folder: Path, stated: object) -> pl.DataFrame:
    """Read `failures.csv` in blocks, and no further than the number of rows in `fetch.json`."""
    path = folder / part_files.FAILURES_FILE
    most = min(stated, MAX_FAILURES) if isinstance(stated, int) else 0
    blocks = [frames.build_failures_table([])]
    count = 0
    try:
        rows = part_files.read_failures(path)
        while block := list(itertools.islice(rows, _ROWS_PER_BLOCK)):
            count += len(block)
            if count > most:
                raise SourceError(
                    f"it has more than the {group_thousands(most)} rows that {RUN_FILE} states: the "
                    "files are not from the same fetch. Fetch again.",
                    file=path.name,
                )
            blocks.append(frames.build_failures_table(block))
    except SourceError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(f"cannot be read ({error}). Fetch again.", file=path.name) from error
    return pl.DataFrame(pa.concat_tables(blocks))


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
