"""What a run keeps beside its report, so that it can be repeated to the byte without a call."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import Fetched, read_fetched
from vippsrecon.fetching.part_files import EVENTS_FILE, FAILURES_FILE, PAYMENTS_FILE
from vippsrecon.money import format_count
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.workflow.references import ReferenceSet, collect_payment_keys, stack_frames

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = logging.getLogger(__name__)

FACTS_FILE_NAME = "month.json"
"""What a repeated run must know besides the frames: the moment compared at, the ledger's walk."""


class FetchFacts(NamedTuple):
    """What was true when the payments were fetched.

    Attributes:
        as_of: The house's clock at the end of the fetch.
        environment: test, production or simulator.
        ledger_read: Whether the funds ledger could be walked for references.
        notes: Sentences for the report.
        ledger_failed: Whether it is there to be read and could not be: the month is not complete.
    """

    as_of: datetime
    environment: str
    ledger_read: bool
    notes: tuple[str, ...]
    ledger_failed: bool = False


def load_saved_run(folder: Path, wanted: ReferenceSet) -> tuple[Fetched, FetchFacts]:
    """Read an earlier fetch; what it did not ask for becomes a failure.

    Raises:
        InputError: It asked for none of what is wanted: it is another month's or shop's.
    """
    fetched, info = read_fetched(folder)
    facts = _load_facts(folder, fetched, info)
    asked = collect_payment_keys(fetched.payments) | collect_payment_keys(fetched.failures)
    needed = collect_payment_keys(wanted.references) - wanted.guesses
    missing = sorted(needed - asked)
    other = (
        f"{folder} was fetched for other orders: "
        f"{format_count(len(missing), 'reference is', 'references are')} not in it; run without "
        "--payments, or fetch again"
    )
    if missing and len(missing) == len(needed):
        raise InputError(other)
    if missing:
        LOG.warning("%s", other)
    rows = [
        {
            "msn": msn,
            "reference": reference,
            "operation": "getPayment",
            "status": None,
            "title": "not fetched",
            "detail": f"the fetch in {folder.name} did not ask for it; fetch again",
            "trace_id": None,
        }
        for msn, reference in missing
    ]
    table = pa.Table.from_pylist(rows, schema=schemas.FAILURES.arrow_schema())
    failures = stack_frames([fetched.failures, schemas.to_pandas(table)], schemas.FAILURES)
    return fetched._replace(failures=failures), facts


def hash_files(folder: Path | None, others: Iterable[Path | str]) -> dict[str, str]:
    """Return file name to SHA-256 of what a fetch left in a folder, and of other files read."""
    fetched = (
        ()
        if folder is None
        else (folder / name for name in (PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE))
    )
    files = [*map(Path, others), *fetched]
    return {file.name: compute_file_sha256(file) for file in files if file.is_file()}


def save_facts(facts: FetchFacts, folder: Path) -> None:
    """Write the facts beside the fetch."""
    text = json.dumps(
        {
            "as_of": f"{facts.as_of:%Y-%m-%dT%H:%M:%SZ}",
            "environment": facts.environment,
            "ledger_read": facts.ledger_read,
            "notes": facts.notes,
            "ledger_failed": facts.ledger_failed,
        },
        indent=2,
        ensure_ascii=False,
    )
    (folder / FACTS_FILE_NAME).write_text(text + "\n", encoding="utf-8")


def _load_facts(folder: Path, fetched: Fetched, info: dict[str, Any]) -> FetchFacts:
    path = folder / FACTS_FILE_NAME
    if path.exists():
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            return FetchFacts(
                datetime.fromisoformat(said["as_of"]),
                said["environment"],
                said["ledger_read"],
                tuple(said["notes"]),
                bool(said.get("ledger_failed", False)),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"cannot be read ({error}); fetch again", file=path.name) from error
    if not len(fetched.payments):
        raise InputError(f"{folder.name} holds no payment and no {FACTS_FILE_NAME}: fetch again")
    latest = fetched.payments["fetched_at"].max()
    return FetchFacts(latest.to_pydatetime(), str(info.get("environment", "")), False, ())
