"""Inject faults: which kind, into which operations, how often.

Source: RFC 9110 section 10.2.3 for the two forms of Retry-After.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vippsrecon.simulator.clock import format_http_date
from vippsrecon.simulator.errors import SimulatorInputError

OPERATIONS = (
    "accessToken",
    "createPayment",
    "getPayment",
    "getPaymentEventLog",
    "capture",
    "refund",
    "cancel",
    "forceApprove",
    "ledgers",
    "dates",
    "feed",
)
FAULT_KINDS = (
    "latency_ms",
    "status",
    "drop_before",
    "drop_after",
    "truncate",
    "html_body",
    "slow_body",
)
_MAX_DOTS = 200
"""Dots in one line: the reader of TOML needs a minute for a key of ten thousand parts."""

FAULT_STATUSES = (429, 500, 502, 503)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its `kind` and `value`, the operations it affects, and how often."""

    kind: str
    value: Any
    operations: tuple[str, ...]
    share: float
    retry_after: int | str | datetime | None = None
    after: bool = False
    """For `status` only: the operation is executed, and only its answer is replaced."""

    @classmethod
    def read(cls, table: dict[str, Any]) -> Fault:
        """Read a table; raise SimulatorInputError if it is not valid."""
        if not isinstance(table, dict):
            raise SimulatorInputError(f"a fault is a table, not {table!r}")
        kinds = [name for name in FAULT_KINDS if name in table]
        if len(kinds) != 1:
            raise SimulatorInputError(f"a fault has exactly one of {', '.join(FAULT_KINDS)}")
        kind = kinds[0]
        if unknown := set(table) - {"operations", "share", kind, "retry_after", "after"}:
            raise SimulatorInputError(f"a fault has no field {', '.join(sorted(unknown))}")
        operations = table.get("operations", list(OPERATIONS))
        if not isinstance(operations, list) or not set(operations) <= set(OPERATIONS):
            raise SimulatorInputError(f"'operations' is a list of {', '.join(OPERATIONS)}")
        share = table.get("share", 1)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise SimulatorInputError(f"'share' is a number from 0 to 1, not {share!r}")
        _check_fault_value(kind, table[kind])
        retry_after = table.get("retry_after")
        if retry_after is not None and kind != "status":
            raise SimulatorInputError("'retry_after' belongs to the fault 'status'")
        if isinstance(retry_after, bool) or not isinstance(
            retry_after, int | str | datetime | None
        ):
            raise SimulatorInputError("'retry_after' is seconds, 'date', 'date:SECONDS' or a date")
        _check_relative_date(retry_after)
        after = table.get("after", False)
        if not isinstance(after, bool) or (after and kind != "status"):
            raise SimulatorInputError("'after' is true or false, and belongs to the fault 'status'")
        return cls(kind, table[kind], tuple(operations), float(share), retry_after, after)

    def retry_after_header(self, now: datetime) -> str | None:
        """Return the Retry-After header: seconds, a date, or None."""
        setting = self.retry_after
        if isinstance(setting, datetime):
            return format_http_date(setting)
        if isinstance(setting, str) and setting.partition(":")[0] == "date":
            seconds = setting.partition(":")[2] or "2"
            return format_http_date(now + timedelta(seconds=float(seconds)))
        return None if setting is None else str(setting)


def _check_relative_date(retry_after: Any) -> None:
    word, _, seconds = str(retry_after).partition(":")
    try:
        if word == "date" and seconds:
            datetime.now(UTC) + timedelta(seconds=float(seconds))
    except (ValueError, OverflowError):
        raise SimulatorInputError(
            f"'retry_after' is 'date:' and a number of seconds, not {retry_after!r}"
        ) from None


def _check_fault_value(kind: str, value: Any) -> None:
    if kind == "status":
        fine = not isinstance(value, bool) and value in FAULT_STATUSES
        expected = " or ".join(map(str, FAULT_STATUSES))
    elif kind == "latency_ms":
        fine = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        expected = "milliseconds"
    elif kind == "slow_body":
        fine = isinstance(value, int | float) and value is not False and value >= 0
        expected = "true, or the seconds it takes"
    else:
        fine = value is True
        expected = "true"
    if not fine:
        raise SimulatorInputError(f"'{kind}' is {expected}, not {value!r}")


class FaultInjector:
    """Draws faults at random. The same seed and requests give the same faults."""

    def __init__(self, tables: Iterable[dict[str, Any]], seed: int) -> None:
        self.seed = seed
        self.replacements = 0
        self.replace(tables)

    def replace(self, tables: Iterable[dict[str, Any]]) -> None:
        """Replace all faults; the random draws start again, and latencies under way end."""
        self.replacements += 1
        self.faults = [Fault.read(table) for table in tables]
        self._random = random.Random(self.seed)

    def draw(self, operation: str) -> list[Fault]:
        """Draw the faults of one request: any number of latencies and at most one other fault.

        Every fault of the operation uses one random number, whatever the earlier draws gave, so
        adding a fault at the end does not change the others.
        """
        drawn = [
            fault
            for fault in self.faults
            if operation in fault.operations and self._random.random() < fault.share
        ]
        others = [fault for fault in drawn if fault.kind != "latency_ms"]
        return [fault for fault in drawn if fault.kind == "latency_ms"] + others[:1]


def read_faults(path: str | Path) -> list[dict[str, Any]]:
    """Read the `[[faults]]` tables of a TOML file.

    Raises:
        SimulatorInputError: the file is not valid TOML, or a table is not a valid fault.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if any(line.count(".") > _MAX_DOTS for line in text.splitlines()):
            raise ValueError("it is nested too deeply")
        document = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise SimulatorInputError(f"cannot be read as TOML: {error}", file=str(path)) from error
    if unknown := sorted(set(document) - {"faults"}):
        raise SimulatorInputError(
            f"the file has {', '.join(map(repr, unknown))}, which is not read; faults are written "
            "as [[faults]] tables",
            file=str(path),
        )
    tables = document.get("faults", [])
    if not isinstance(tables, list):
        raise SimulatorInputError("faults are written as [[faults]] tables", file=str(path))
    heads = [n for n, line in enumerate(text.splitlines(), 1) if line.strip() == "[[faults]]"]
    for number, table in enumerate(tables):
        try:
            Fault.read(table)
        except SimulatorInputError as error:
            line = heads[number] if number < len(heads) else None
            raise SimulatorInputError(error.sentence, file=str(path), line=line) from None
    return tables
