"""Write the ledgers of a period to a folder, and read such a folder.

ledger_entries.parquet  ┐ the frames
payouts.parquet         ┘
ledger.json             what was read, the verdict, and the SHA-256 of both files; written last
"""

from __future__ import annotations

import json
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.dates import parse_day, parse_recorded_time
from vippsrecon.errors import InputError, OutputError, SourceError
from vippsrecon.fetching.ledgers.result import (
    FetchedLedger,
    LedgerFacts,
    convert_to_pandas,
    format_counts,
)
from vippsrecon.fetching.stored_files.parquet_file import read_parquet_file
from vippsrecon.fetching.stored_files.recorded_hashes import RecordedHashes, hash_files
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.ledger.completeness import ReadTopic, check_completeness
from vippsrecon.output_files import atomic_private_file, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

LEDGER_FORMAT_VERSION = 1
"""Format of the files: increased when an older version would misread them."""

ENTRIES_FILE, PAYOUTS_FILE, LEDGER_FILE = "ledger_entries.parquet", "payouts.parquet", "ledger.json"

_ADVICE = "Run vippsrecon ledger again."


def write_ledger_folder(
    fetched: FetchedLedger[pl.DataFrame], topics: Sequence[ReadTopic], folder: Path
) -> None:
    """Write a folder that `read_ledger_folder` reads; an earlier result in it is replaced.

    Raises:
        OutputError: The folder cannot be written.
    """
    try:
        make_private_folder(folder)
        # Without ledger.json nobody takes a half-written folder for a complete one.
        (folder / LEDGER_FILE).unlink(missing_ok=True)
        for name, frame in ((ENTRIES_FILE, fetched.entries), (PAYOUTS_FILE, fetched.payouts)):
            with atomic_private_file(folder / name) as temporary:
                frame.write_parquet(temporary, compression="zstd")
        content = _build_content(fetched, topics)
        content["sha256"] = hash_files(folder, (ENTRIES_FILE, PAYOUTS_FILE))
        with atomic_private_file(folder / LEDGER_FILE) as temporary:
            text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}). Name another folder."
        ) from error


def read_ledger_folder(folder: Path | str) -> FetchedLedger[pd.DataFrame]:
    """Read a folder that `vippsrecon ledger` or `fetch_ledger` wrote.

    The proof of completeness is made again from the entries.

    Raises:
        InputError: The folder does not exist, is not of a ledger, or was written by another version.
        SourceError: A file is damaged or was changed after it was written.
    """
    return convert_to_pandas(load_ledger_folder(folder))


def load_ledger_folder(folder: Path | str) -> FetchedLedger[pl.DataFrame]:
    """Read a folder as `read_ledger_folder` does, into Polars."""
    folder = Path(folder)
    content = _read_content(folder)
    hashes = RecordedHashes(LEDGER_FILE, content.get("sha256") or {}, _ADVICE)
    entries, payouts = (
        read_parquet_file(folder / name, frame, hashes)
        for name, frame in (
            (ENTRIES_FILE, schemas.LEDGER_ENTRIES),
            (PAYOUTS_FILE, schemas.PAYOUTS),
        )
    )
    try:
        facts, topics = _parse_facts(content), _parse_topics(content)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"it is damaged ({type(error).__name__}). {_ADVICE}", file=LEDGER_FILE
        ) from None
    unread = _find_unread_topic(entries, topics)
    if unread is not None:
        raise SourceError(
            f"it does not mention ledger {unread}, which has entries. {_ADVICE}", file=LEDGER_FILE
        )
    completeness = check_completeness(entries, topics, facts.first, facts.last)
    return FetchedLedger(entries, payouts, completeness, facts)


def _build_content(
    fetched: FetchedLedger[pl.DataFrame], topics: Sequence[ReadTopic]
) -> dict[str, Any]:
    facts = fetched.facts
    return {
        "version": LEDGER_FORMAT_VERSION,
        "environment": facts.environment,
        "sales_units": facts.sales_units,
        "first": facts.first,
        "last": facts.last,
        "fetched_at": f"{facts.fetched_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "verdict": fetched.verdict,
        "sentences": fetched.describe(),
        "ledgers": [topic._asdict() for topic in topics],
        "counts": format_counts(fetched),
    }


def _read_content(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Name a folder that vippsrecon ledger wrote.")
    if not is_present(folder / LEDGER_FILE):
        raise InputError(
            f"{folder} holds no {LEDGER_FILE}. Name a folder that vippsrecon ledger wrote."
        )
    content = read_small_json(folder / LEDGER_FILE)
    if not isinstance(content, dict):
        raise SourceError(f"it is damaged. {_ADVICE}", file=LEDGER_FILE)
    if content.get("version") != LEDGER_FORMAT_VERSION:
        raise InputError(
            f"{folder} was written by another version of vippsrecon (format "
            f"{content.get('version')!r}, this version reads {LEDGER_FORMAT_VERSION}). {_ADVICE}"
        )
    return content


def _parse_facts(content: dict[str, Any]) -> LedgerFacts:
    fetched_at = parse_recorded_time(content["fetched_at"])
    if fetched_at is None or not isinstance(content["environment"], str):
        raise ValueError("fetched_at or environment is not what vippsrecon ledger writes")
    counts = content["counts"]
    return LedgerFacts(
        content["environment"],
        tuple(map(str, content["sales_units"])),
        _parse_date(content["first"]),
        _parse_date(content["last"]),
        fetched_at,
        int(counts["dates_requested"]),
        int(counts["dates_stored"]),
    )


def _parse_topics(content: dict[str, Any]) -> list[ReadTopic]:
    return [
        ReadTopic(
            str(row["ledger_id"]),
            str(row["msn"]),
            str(row["topic"]),
            str(row["currency"]),
            tuple(_parse_date(day) for day in row["open_dates"]),
        )
        for row in content["ledgers"]
    ]


def _parse_date(text: object) -> date:
    if not isinstance(text, str):
        raise TypeError("a day is not a text")
    return parse_day(text)


def _find_unread_topic(entries: pl.DataFrame, topics: Sequence[ReadTopic]) -> str | None:
    read = {(topic.ledger_id, topic.topic) for topic in topics}
    for key in entries.select("ledger_id", "topic").unique().iter_rows():
        if key not in read:
            return f"{key[0]} ({key[1]})"
    return None
