"""Store payments and ledger entries as bytes, which are parsed when read.

A million payments as Python objects would need five gigabytes. Stored as integers (the position of
the line in the state file) they need a fifth of a gigabyte; parsing a line takes microseconds.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from vippsrecon.simulator.errors import SimulatorInputError
from vippsrecon.simulator.payments.state_machine import SimulatedPayment

_LENGTH_RANGE = 1 << 28

StoredLine = bytes | int
"""A line as bytes, or its position (offset · 2²⁸ + length) in the state file."""


class StateFile:
    """The state file, open for reading lines by position."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        weakref.finalize(self, self._file.close)

    def lines(self) -> Iterator[tuple[int, bytes, StoredLine]]:
        """Yield number, bytes and position of every line."""
        offset = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line, offset * _LENGTH_RANGE + len(line)
                offset += len(line)

    def read(self, stored: StoredLine) -> bytes:
        """Return a stored line."""
        if isinstance(stored, bytes):
            return stored
        offset, length = divmod(stored, _LENGTH_RANGE)
        self._file.seek(offset)
        line = self._file.read(length)
        if len(line) < length:
            raise SimulatorInputError(
                "the file was cut while the simulator was running", file=str(self.path)
            )
        return line


class PaymentStore:
    """Payments by sales unit and reference."""

    def __init__(self, file: StateFile | None = None) -> None:
        self.file = file
        self._by_msn: dict[str, dict[str, StoredLine]] = {}

    def keep(self, msn: str, reference: str, line: StoredLine) -> None:
        """Store a line unchanged."""
        self._by_msn.setdefault(msn, {})[reference] = line

    def has(self, msn: str, reference: str) -> bool:
        """Return whether the payment exists."""
        return reference in self._by_msn.get(msn, {})

    def keys(self) -> list[tuple[str, str]]:
        """Return the keys of all payments, in order of arrival."""
        return [(msn, reference) for msn, lines in self._by_msn.items() for reference in lines]

    def get(self, msn: str, reference: str) -> SimulatedPayment | None:
        """Return a copy of a payment; `put` stores changes."""
        stored = self._by_msn.get(msn, {}).get(reference)
        if stored is None:
            return None
        line = read_stored_line(self.file, stored)
        return SimulatedPayment(msn, line["payment"], line["events"], line.get("simulated") or {})

    def put(self, payment: SimulatedPayment) -> None:
        """Store a payment in its current state."""
        self.keep(payment.msn, payment.reference, orjson.dumps(build_payment_line(payment)))


def build_payment_line(payment: SimulatedPayment) -> dict[str, Any]:
    """Return the state line of a payment."""
    line: dict[str, Any] = {
        "msn": payment.msn,
        "payment": payment.payment,
        "events": payment.events,
    }
    if payment.simulated:
        line["simulated"] = payment.simulated
    return line


def read_stored_line(file: StateFile | None, stored: StoredLine) -> dict[str, Any]:
    """Parse a stored line."""
    line: dict[str, Any] = orjson.loads(stored if file is None else file.read(stored))  # type: ignore[arg-type]  # without a file every line is bytes
    return line
