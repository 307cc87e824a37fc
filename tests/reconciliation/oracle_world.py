"""The model's world: the rows that go in, and what it says of them; see `oracle`."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from tests.reconciliation.oracle_money import Money, Unit, money
from tests.reconciliation.oracle_pair import Settings

EXPLAINED_PENDING = {"timing_capture_pending", "timing_refund_pending"}
MOVES = {"CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED", "CANCELLED", "TERMINATED"}
FAR = datetime(9999, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where an input row ended."""

    bucket: str
    kind: str
    flags: frozenset[str]


class Finding(NamedTuple):
    """One thing wrong: expected and actual None where the rules have no amount."""

    question: str
    kind: str
    msn: str
    reference: str | None
    order_number: str | None
    currency: str
    expected: int | None
    actual: int | None
    at_risk: int
    verb: str | None = None
    minor: int | None = None

    @property
    def difference(self) -> int:
        """Actual minus expected; an unknown side counts as 0."""
        return (self.actual or 0) - (self.expected or 0)


class World(NamedTuple):
    """All that goes into one run, as rows."""

    orders: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    events: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    units: dict[str, Unit]
    as_of: datetime
    settings: Settings = Settings()
    waived: frozenset[tuple[str, str]] = frozenset()
    unsettled: frozenset[tuple[str, str]] = frozenset()
    has_log: bool = True
    first: date | None = None
    last: date | None = None


class Opinion(NamedTuple):
    """What is right: findings, the place of each row, the bridge, and the sums it must end in."""

    findings: list[Finding]
    places: dict[tuple[str, str], Place]
    bridge: Counter[tuple[str, str, str, str]]
    moved: Counter[tuple[str, str, str]]


class Reading(NamedTuple):
    """One payment with its letters at the moment that counts."""

    payment: dict[str, Any]
    m: Money
    moment: datetime
    cut: datetime

    @property
    def key(self) -> str:
        """The payment's key among the input rows."""
        return f"{self.payment['msn']}:{self.payment['reference']}"


def paid_means_captured(world: World) -> bool:
    """Whether the shop's `paid` says captured: most open orders that hold money would be unpaid."""
    held = set()
    log = logs(world)
    for payment in world.payments:
        key = payment["msn"], payment["reference"]
        if money(payment, log[key], world.as_of, has_log=world.has_log).K > 0:
            held.add(key)
    said = [
        order["paid"]
        for order in world.orders
        if order["status"] == "open" and (order["msn"], order["reference"]) in held
    ]
    return len(said) >= 20 and said.count("no") * 2 > len(said)


def logs(world: World) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return each payment's event log."""
    log: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in world.events:
        log[event["msn"], event["reference"]].append(event)
    return log


def keys_of(finding: Finding) -> set[tuple[str, str, str | None]]:
    """Return the key by which a finding is kept or left with its pair."""
    if finding.kind in {"missing_in_vipps", "duplicate_order_row", "reference_mangled"}:
        return {("order", finding.msn, finding.order_number)}
    return {("payment", finding.msn, finding.reference)}


def marks(order: dict[str, Any]) -> frozenset[str]:
    """Return the flags an order row carries into whatever becomes of it."""
    flags = set()
    if order["split_tender"]:
        flags.add("split_tender")
    if order["status"] == "unknown":
        flags.add("status_unknown")
    return frozenset(flags)
