"""Store a run's fetch beside its report, so that the run can be repeated exactly without calls."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import ENVIRONMENTS
from vippsrecon.dates import parse_recorded_time
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import Fetched, load_fetched
from vippsrecon.fetching.part_files import EVENTS_FILE, FAILURES_FILE, PAYMENTS_FILE
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.money import format_count
from vippsrecon.output_files import atomic_private_file
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.workflow.references import ReferenceSet, collect_payment_keys, stack_frames

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = logging.getLogger(__name__)

FACTS_FILE_NAME = "month.json"
"""What a repeated run needs besides the frames: the cut-off time and whether the ledger was read."""

_FACT_TYPES = {
    "as_of": str,
    "environment": str,
    "ledger_read": bool,
    "notes": list,
    "ledger_failed": bool,
    "clock_problem": str,
}


class FetchFacts(NamedTuple):
    """What was true when the payments were fetched.

    Attributes:
        as_of: Server time at the end of the fetch.
        environment: test, production or simulator.
        ledger_read: Whether the funds ledger was read for references.
        notes: Sentences for the report.
        ledger_failed: Whether these keys may read the ledger but reading it failed, so that the
            month is incomplete.
        clock_problem: Why the clock contradicts the data, so that the month is incomplete; else "".
    """

    as_of: datetime
    environment: str
    ledger_read: bool
    notes: tuple[str, ...]
    ledger_failed: bool = False
    clock_problem: str = ""


def load_saved_run(
    folder: Path, reference_set: ReferenceSet
) -> tuple[Fetched[pl.DataFrame], FetchFacts]:
    """Read an earlier fetch. References it does not contain become failures.

    Raises:
        InputError: It contains none of the references: it is of another month or shop.
    """
    fetched, info = load_fetched(folder)
    facts = _load_facts(folder, fetched, info)
    fetched_keys = collect_payment_keys(fetched.payments) | collect_payment_keys(fetched.failures)
    needed = collect_payment_keys(reference_set.references) - reference_set.guesses
    missing = sorted(needed - fetched_keys)
    warning = (
        f"{folder} was fetched for other orders: "
        f"{format_count(len(missing), 'reference is', 'references are')} not in it. Run without "
        "--payments, or fetch again"
    )
    if missing and len(missing) == len(needed):
        raise InputError(warning)
    if missing:
        LOG.warning("%s", warning)
    rows = [
        {
            "msn": msn,
            "reference": reference,
            "operation": "getPayment",
            "status": None,
            "title": "not fetched",
            "detail": f"it is not in the fetch in {folder.name}; fetch again",
            "trace_id": None,
        }
        for msn, reference in missing
    ]
    not_fetched = pl.DataFrame(rows, schema=schemas.polars_schema(schemas.FAILURES))
    failures = stack_frames([fetched.failures, not_fetched], schemas.FAILURES)
    return fetched._replace(failures=failures), facts


def hash_files(files: Iterable[Path | str]) -> dict[str, str]:
    """Return the SHA-256 by file name of the files that exist."""
    paths = [Path(file) for file in files]
    return {path.name: compute_file_sha256(path) for path in paths if path.is_file()}


def hash_payments(folder: Path) -> dict[str, str]:
    """Return the SHA-256 by file name of the fetch in a folder."""
    return hash_files(folder / name for name in (PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE))


def save_facts(facts: FetchFacts, folder: Path) -> None:
    """Write the facts into the folder of the fetch."""
    text = json.dumps(
        {
            "as_of": f"{facts.as_of:%Y-%m-%dT%H:%M:%SZ}",
            "environment": facts.environment,
            "ledger_read": facts.ledger_read,
            "notes": facts.notes,
            "ledger_failed": facts.ledger_failed,
            "clock_problem": facts.clock_problem,
        },
        indent=2,
        ensure_ascii=False,
    )
    with atomic_private_file(folder / FACTS_FILE_NAME) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _load_facts(folder: Path, fetched: Fetched[pl.DataFrame], info: dict[str, Any]) -> FetchFacts:
    path = folder / FACTS_FILE_NAME
    if is_present(path):
        values = read_small_json(path)
        try:
            return _parse_facts(values)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise SourceError(f"cannot be read ({error}); fetch again", file=path.name) from error
    if not len(fetched.payments):
        raise InputError(
            f"{folder.name} contains no payment and no {FACTS_FILE_NAME}. Fetch again."
        )
    latest: datetime = fetched.payments.select(pl.col("fetched_at").max()).item()
    return FetchFacts(latest, str(info.get("environment", "")), False, ())


def _parse_facts(values: Any) -> FetchFacts:
    if not isinstance(values, dict):
        raise TypeError("it is not an object")
    values = {"ledger_failed": False, "clock_problem": ""} | values
    for name, kind in _FACT_TYPES.items():
        if not isinstance(values[name], kind):
            raise TypeError(f"{name} is not what a fetch writes")
    # A word instead of yes or no would count as yes, and the report would claim what was not done.
    if values["environment"] not in ENVIRONMENTS or not all(
        isinstance(note, str) for note in values["notes"]
    ):
        raise ValueError("environment or notes are not what a fetch writes")
    as_of = parse_recorded_time(values["as_of"])
    if as_of is None:
        raise ValueError("as_of is not a time")
    return FetchFacts(
        **{name: values[name] for name in _FACT_TYPES}
        | {"as_of": as_of, "notes": tuple(values["notes"])}
    )
