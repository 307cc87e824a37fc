"""The model's input rows and its results; see `oracle`."""

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
    """The bucket and kind that an input row has at the end."""

    bucket: str
    kind: str
    flags: frozenset[str]


class Finding(NamedTuple):
    """One discrepancy; expected and actual are None where the rules give no amount."""

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
        """Return actual minus expected; an unknown amount counts as 0."""
        return (self.actual or 0) - (self.expected or 0)


class ModelInput(NamedTuple):
    """All input of one run, as rows."""

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
    """The model's result: findings, the place of each row, the bridge and its expected sums."""

    findings: list[Finding]
    places: dict[tuple[str, str], Place]
    bridge: Counter[tuple[str, str, str, str]]
    moved: Counter[tuple[str, str, str]]


class Reading(NamedTuple):
    """One payment with its amounts at the time that counts."""

    payment: dict[str, Any]
    m: Money
    moment: datetime
    cut: datetime

    @property
    def key(self) -> str:
        """Return the payment's key among the input rows."""
        return f"{self.payment['msn']}:{self.payment['reference']}"


def paid_means_captured(model_input: ModelInput) -> bool:
    """Return whether the shop's `paid` means captured.

    That is so if it says no for most open orders with a reservation.
    """
    reserved_keys = set()
    log = logs(model_input)
    for payment in model_input.payments:
        key = payment["msn"], payment["reference"]
        if money(payment, log[key], model_input.as_of, has_log=model_input.has_log).K > 0:
            reserved_keys.add(key)
    paid_values = [
        order["paid"]
        for order in model_input.orders
        if order["status"] == "open" and (order["msn"], order["reference"]) in reserved_keys
    ]
    return len(paid_values) >= 20 and paid_values.count("no") * 2 > len(paid_values)


def logs(model_input: ModelInput) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return each payment's event log."""
    log: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in model_input.events:
        log[event["msn"], event["reference"]].append(event)
    return log


def keys_of(finding: Finding) -> set[tuple[str, str, str | None]]:
    """Return the keys by which a finding is kept or removed together with its pair."""
    if finding.kind in {"missing_in_vipps", "duplicate_order_row", "reference_mangled"}:
        return {("order", finding.msn, finding.order_number)}
    return {("payment", finding.msn, finding.reference)}


def marks(order: dict[str, Any]) -> frozenset[str]:
    """Return the flags of an order row that stay with it in every result."""
    flags = set()
    if order["split_tender"]:
        flags.add("split_tender")
    if order["status"] == "unknown":
        flags.add("status_unknown")
    return frozenset(flags)
