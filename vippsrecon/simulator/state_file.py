"""Load and dump the state lines of a simulated world.

One JSON object per line: `{"msn", "payment", "events"}`, `{"ledger"}`, `{"ledgerId", "topic",
"entry"}`, `{"sales_unit"}`, `{"clock"}`, `{"settings"}`. Payments and entries have the format
of the APIs; unknown fields in them are served unchanged. Any other unknown field, and a key that an
object has twice, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from vippsrecon.simulator.clock import format_event_time, parse_time
from vippsrecon.simulator.errors import SimulatorInputError
from vippsrecon.simulator.json_objects import parse_json
from vippsrecon.simulator.ledgers import LEDGER_TOPICS
from vippsrecon.simulator.payments.store import StoredLine, build_payment_line, read_stored_line
from vippsrecon.simulator.world import World

_TOTAL_NAMES = ("authorizedAmount", "cancelledAmount", "capturedAmount", "refundedAmount")
_FIELDS = {
    "payment": ("msn", "payment", "events", "simulated"),
    "entry": ("ledgerId", "topic", "entry"),
    "ledger": ("ledger",),
    "sales_unit": ("sales_unit",),
    "clock": ("clock",),
    "settings": ("settings",),
}
"""The field that decides what a state line is, and all fields that such a line may have."""

_LINE_KINDS = (
    "msn + payment + events, ledger, ledgerId + topic + entry, sales_unit, clock, settings"
)


def load_state_lines(world: World, lines: Iterable[dict[str, Any] | bytes | str]) -> None:
    """Load state lines given as objects or text."""
    for number, line in enumerate(lines, start=1):
        if isinstance(line, bytes):
            raw = line
        else:
            raw = line.encode() if isinstance(line, str) else orjson.dumps(line)
        _load_line(world, raw, raw, None, number)


def load_state_file(world: World) -> None:
    """Load the state file of a world."""
    if world.file is None:
        return
    name = str(world.file.path)
    for number, raw, stored in world.file.lines():
        _load_line(world, raw, stored, name, number)


def _load_line(world: World, raw: bytes, stored: StoredLine, file: str | None, number: int) -> None:
    if not raw.strip():
        return
    try:
        _load_object(world, parse_json(raw), stored)
    except SimulatorInputError as error:
        raise SimulatorInputError(error.sentence, file=file, line=number) from None


def _load_object(world: World, line: Any, stored: StoredLine) -> None:
    if not isinstance(line, dict):
        raise SimulatorInputError("a state line is a JSON object")
    _refuse_unknown_fields(line)
    if "payment" in line:
        msn, reference = _check_payment(line)
        if world.payments.has(msn, reference):
            raise SimulatorInputError(f"the payment {reference} of {msn} is given twice")
        world.payments.keep(msn, reference, stored)
    elif "entry" in line:
        _check_entry(line)
        world.ledgers.keep(line, stored)
    elif "ledger" in line:
        world.ledgers.add(_check_ledger(line["ledger"], world))
    elif "sales_unit" in line:
        world.keys.add(_require_object(line, "sales_unit"))
    elif "clock" in line:
        try:
            world.clock.set(parse_time(line["clock"]))
        except (TypeError, ValueError):
            raise SimulatorInputError(
                f"'clock' is a time such as 2026-01-31T23:00:00Z, not {line['clock']!r}"
            ) from None
    else:
        world.settings.update(_require_object(line, "settings"))


def _refuse_unknown_fields(line: dict[str, Any]) -> None:
    """Refuse a field that would be ignored, such as a misspelt one or the field of another line."""
    kind = next((kind for kind in _FIELDS if kind in line), None)
    if kind is None:
        raise SimulatorInputError(f"a state line holds one of: {_LINE_KINDS}")
    if unknown := sorted(set(line) - set(_FIELDS[kind])):
        raise SimulatorInputError(
            f"a state line with '{kind}' has no field {', '.join(unknown)}; it may have "
            f"{', '.join(_FIELDS[kind])}"
        )


def _require_object(line: dict[str, Any], name: str) -> dict[str, Any]:
    value = line[name]
    if not isinstance(value, dict):
        raise SimulatorInputError(f"'{name}' is an object, not {value!r}")
    return value


def _check_payment(line: dict[str, Any]) -> tuple[str, str]:
    """Check the fields of a payment that the simulator reads; others are served unchanged."""
    payment, events, msn = line["payment"], line.get("events"), line.get("msn")
    if not isinstance(msn, str) or not msn:
        raise SimulatorInputError("'msn' of a payment is missing or not text")
    if not isinstance(payment, dict) or not isinstance(events, list):
        raise SimulatorInputError("a payment line has an object 'payment' and a list 'events'")
    reference = payment.get("reference")
    if not isinstance(reference, str) or not reference:
        raise SimulatorInputError("'reference' of a payment is missing or not text")
    aggregate = payment.get("aggregate")
    if not isinstance(payment.get("state"), str) or not isinstance(aggregate, dict):
        raise SimulatorInputError(f"the payment {reference} needs 'state' and 'aggregate'")
    for name, amount in [
        ("amount", payment.get("amount")),
        *((n, aggregate.get(n)) for n in _TOTAL_NAMES),
    ]:
        # Compared by type: Python counts True as an int.
        if not isinstance(amount, dict) or type(amount.get("value")) is not int:
            raise SimulatorInputError(
                f"'{name}' of the payment {reference} is an object with a whole 'value'"
            )
        if not isinstance(amount.get("currency"), str):
            raise SimulatorInputError(f"'{name}' of the payment {reference} has no 'currency'")
    for event in events:
        if not isinstance(event, dict) or not isinstance(event.get("timestamp"), str):
            raise SimulatorInputError(f"an event of the payment {reference} has no 'timestamp'")
        try:
            parse_time(event["timestamp"])
        except ValueError:
            raise SimulatorInputError(
                f"'timestamp' of an event of the payment {reference} is {event['timestamp']!r}"
            ) from None
    return msn, reference


def _check_entry(line: dict[str, Any]) -> None:
    entry = line["entry"]
    if not isinstance(line.get("ledgerId"), str) or line.get("topic") not in LEDGER_TOPICS:
        raise SimulatorInputError("a ledger entry has 'ledgerId' and 'topic' (funds or fees)")
    if not isinstance(entry, dict) or type(entry.get("amount")) is not int:
        raise SimulatorInputError("'entry' is an object with a whole 'amount'")
    if not isinstance(entry.get("ledgerDate", entry.get("time")), str):
        raise SimulatorInputError("a ledger entry has a 'ledgerDate', or at least a 'time'")


def _check_ledger(ledger: Any, world: World) -> dict[str, Any]:
    if not isinstance(ledger, dict) or not isinstance(ledger.get("ledgerId"), str):
        raise SimulatorInputError("'ledger' is an object with a 'ledgerId'")
    if ledger["ledgerId"] in world.ledgers.ledgers:
        raise SimulatorInputError(f"the ledger {ledger['ledgerId']} is given twice")
    if not isinstance(ledger.get("settlesForRecipientHandles", []), list):
        raise SimulatorInputError("'settlesForRecipientHandles' of a ledger is a list")
    return ledger


def dump_state_lines(world: World) -> Iterator[dict[str, Any]]:
    """Yield the current state of the world, line by line."""
    with world.lock:
        now = world.clock.now()
        head: list[dict[str, Any]] = [{"clock": format_event_time(now, 6)}]
        if changed := world.settings.changed():
            head.append({"settings": changed})
        head += [{"sales_unit": line} for line in world.keys.lines]
        head += [{"ledger": ledger} for ledger in world.ledgers.ledgers.values()]
        payments = world.payments.keys()
        entries = [entry for book in world.ledgers.books.values() for entry in book.feed]
    yield from head
    for msn, reference in payments:
        with world.lock:
            payment = world.payment(msn, reference, now)
        if payment is not None:
            yield build_payment_line(payment)
    for stored_entry in entries:
        with world.lock:
            line = read_stored_line(world.file, stored_entry)
        yield line
