"""Small situations for the model: one or two orders, their payments and events, drawn at random.

One input contains many situations, each with its own number, so that one run of the package
gives the results of all of them. Every situation names the features of the rules that it uses.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.reconciliation.oracle_data import ModelInput
from tests.reconciliation.oracle_money import ZONES, Unit
from tests.reconciliation.oracle_pair import Settings

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
UNITS = {
    "100001": Unit("NO"),
    "100002": Unit("NO", at_once=True),
    "100003": Unit("SE"),
    "100004": Unit("DK"),
    "100005": Unit("DK", late_capture=True),
    "100006": Unit("FI"),
}
UNCOVERED = "100009"
ALL_UNITS = UNITS | {UNCOVERED: Unit("NO")}
CURRENCY = {"NO": "NOK", "SE": "SEK", "DK": "DKK", "FI": "EUR"}
AMOUNTS = (0, 1, 100, 200, 400, 500, 600, 800, 999, 1000, 1001, 1100, 1200)
AUTHORIZED_AGO = (1, 6, 8, 11, 12, 13, 15, 40, 165, 167, 170, 177, 181, 200, 340, 363, 366)
EPOCH = date(1970, 1, 1)


class Situation(NamedTuple):
    """One situation: its rows, and the features of the rules that it uses."""

    number: int
    orders: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    events: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    waived: set[tuple[str, str]]
    unsettled: set[tuple[str, str]]
    features: set[str]


def number_of(reference: str | None, order_number: str | None) -> int:
    """Return the number of the situation that a reference or an order number belongs to.

    >>> number_of("R000012-1", None), number_of(None, "#000012/2")
    (12, 12)
    """
    match = re.search(r"(\d{6})(?:-\d{1,2}|/\d)?$", reference or order_number or "")
    if match is None:
        raise ValueError(f"{reference!r} and {order_number!r} belong to no situation")
    return int(match.group(1))


def make_input(
    situations: list[Situation],
    *,
    as_of: datetime = NOW,
    tolerance: int = 0,
    has_log: bool = True,
    first: date | None = None,
    last: date | None = None,
) -> ModelInput:
    """Return the input of several situations, with orders of 0.00 that set what the export covers."""
    cover = [
        order_row(
            900000 + 2 * n + far,
            msn,
            NOW,
            total_minor=0,
            ordered_at=NOW - timedelta(days=500 * far),
        )
        for n, msn in enumerate(UNITS)
        for far in (0, 1)
    ]
    orders = [row for situation in situations for row in situation.orders]
    for number, row in enumerate([*orders, *cover]):
        row["source_row"] = number + 2
    return ModelInput(
        orders + cover,
        [row for situation in situations for row in situation.payments],
        [row for situation in situations for row in situation.events] if has_log else [],
        [row for situation in situations for row in situation.failures],
        ALL_UNITS,
        as_of,
        Settings(tolerance=tolerance),
        frozenset(key for situation in situations for key in situation.waived),
        frozenset(key for situation in situations for key in situation.unsettled),
        has_log,
        first,
        last,
    )


def order_row(number: int, msn: str, exported: datetime, **given: Any) -> dict[str, Any]:
    """Return an order row."""
    row = {
        "msn": msn,
        "reference": f"r{number:06}",
        "order_number": f"#{number:06}",
        "currency": CURRENCY[ALL_UNITS[msn].market],
        "ordered_at": exported - timedelta(days=10),
        "total_minor": 1000,
        "refunded_minor": 0,
        "status": "fulfilled",
        "paid": "yes",
        "payment_method": "Vipps",
        "by_vipps": True,
        "recurring": False,
        "split_tender": False,
        "shop_currency_only": False,
        "truncated_minor": None,
        "attempt_base": None,
        "further_references": None,
        "method_unsure": False,
        "recorded_by_hand": False,
        "shop_authorization": None,
        "rest_refunded": False,
        "dates_without_time": False,
        "fulfilled_at": None,
        "refunded_at": None,
        "exported_at": exported,
        "exported_at_guessed": False,
        "store": None,
        "source_file": "orders.csv",
        "source_row": 1,
    } | given
    for name in ("ordered", "fulfilled", "refunded"):
        moment = row[f"{name}_at"]
        row[f"{name}_day"] = day_number(moment, msn) if moment else None
    return row


def day_number(moment: datetime, msn: str) -> int:
    """Return the number of a time's local day."""
    return (moment.astimezone(ZoneInfo(ZONES[ALL_UNITS[msn].market])).date() - EPOCH).days


def end_of_day(moment: datetime, msn: str) -> datetime:
    """Return the end of a time's local day."""
    zone = ZoneInfo(ZONES[ALL_UNITS[msn].market])
    day = moment.astimezone(zone).date()
    return datetime.combine(day, time(23, 59, 59, 999999), zone).astimezone(UTC)
