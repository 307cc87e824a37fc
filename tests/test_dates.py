"""Test times as they are typed and read: one rule for the offset from UTC at every door."""

from __future__ import annotations

from datetime import UTC

import orjson
import polars as pl
import pytest

from vippsrecon.api import responses
from vippsrecon.dates import parse_moment, parse_recorded_time
from vippsrecon.errors import InputError, UnreadableAnswerError
from vippsrecon.simulator.clock import parse_time
from vippsrecon.sources.orders.fields.dates import parse_times


def read_typed(text: str) -> bool:
    """Return whether an option with this time is accepted."""
    try:
        return bool(parse_moment(text, UTC, "--as-of", ""))
    except InputError:
        return False


def read_order_cell(text: str) -> bool:
    """Return whether a cell of an order row is accepted."""
    cells, zones = pl.Series([text]), pl.Series(["Europe/Oslo"])
    return not parse_times(cells, zones, ["%Y-%m-%d %H:%M:%S[ %z]"]).unreadable[0]


def read_event(text: str) -> bool:
    """Return whether an event of the API is accepted."""
    event = {
        "reference": "order-001", "pspReference": "psp-1", "name": "CAPTURED", "success": True,
        "amount": {"currency": "NOK", "value": 500}, "timestamp": text,
    }  # fmt: skip
    try:
        return bool(responses.decode_events(200, orjson.dumps([event]), "123456", "order-001"))
    except UnreadableAnswerError:
        return False


def read_simulated(text: str) -> bool:
    """Return whether the simulator accepts it."""
    try:
        return bool(parse_time(text))
    except ValueError:
        return False


DOORS = {
    "option": read_typed,
    "order row": read_order_cell,
    "event": read_event,
    "file of a run": lambda text: parse_recorded_time(text) is not None,
    "simulator": read_simulated,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_has_the_same_rule_for_offsets(door):
    """A door that allows more than the others puts money on another day than they do."""
    refused = [
        "+00:60", "-00:60", "+01:75", "+14:01", "+14:30", "-14:59", "+15:00", "+24:00", "+99:00",
        "+0060", "+9900",
    ]  # fmt: skip
    accepted = ["Z", "+00:00", "-00:59", "+05:45", "-0930", "+14:00", "-14:00", "+1400"]
    answers = {o: DOORS[door](f"2026-10-31T18:00:00{o}") for o in refused + accepted}
    assert answers == dict.fromkeys(refused, False) | dict.fromkeys(accepted, True)


@pytest.mark.parametrize(
    "text",
    ["2026-10-31T18:00:00", "2026-02-30T18:00:00Z", "0001-01-01T00:00:00+01:00", "", None, 5],
)
def test_time_in_a_file_of_a_run_has_an_offset(text):
    """Without one it would be read in the time zone of the machine."""
    assert parse_recorded_time(text) is None
