"""The amounts of a payment at a given time (the rules' letters), from its event log.

Plain Python, written from the text of the rules alone; see `oracle`.
"""
# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
REFUND_WINDOW = timedelta(days=365)
ZONES = {
    "NO": "Europe/Oslo",
    "SE": "Europe/Stockholm",
    "DK": "Europe/Copenhagen",
    "FI": "Europe/Helsinki",
}


class Unit(NamedTuple):
    """A sales unit: its market, and when it captures."""

    market: str
    at_once: bool = False
    late_capture: bool = False

    @property
    def capture_days(self) -> int:
        """Return the number of days from the authorization to the capture deadline."""
        return 14 if self.market in {"DK", "FI"} and not self.late_capture else 180

    @property
    def warn_days(self) -> int:
        """Return how many days before that deadline the warning begins."""
        return 3 if self.market in {"DK", "FI"} else 14

    def day(self, moment: datetime) -> Any:
        """Return the local day of a time."""
        return moment.astimezone(ZoneInfo(ZONES[self.market])).date()


class Money(NamedTuple):
    """The amounts of one payment, or of several taken together, at a given time."""

    A: int
    C: int
    R: int
    X: int
    K: int
    state: str
    amount: int
    created: datetime | None
    authorized: datetime | None
    captures: tuple[tuple[datetime, int], ...]
    same_captures: tuple[tuple[int, ...], ...]
    refunds: tuple[tuple[datetime, int], ...]
    failed_refunds: tuple[datetime, ...]
    guaranteed: datetime | None
    changed: bool
    gap: int
    fetched: datetime

    @property
    def is_reserved(self) -> bool:
        """Return whether money was captured or is still reserved."""
        return self.C > 0 or self.K > 0

    @property
    def first_captured(self) -> datetime | None:
        """Return the time of the first capture."""
        return min((at for at, _ in self.captures), default=None)

    @property
    def refund_failed_last(self) -> bool:
        """Return whether a refund failed at or after the time of the last successful one."""
        if not self.failed_refunds:
            return False
        succeeded = [at for at, _ in self.refunds]
        return not succeeded or max(self.failed_refunds) >= max(succeeded)

    def passed_above(self, limit: int) -> datetime | None:
        """Return when the sum of the refunds first exceeded a limit."""
        total = 0
        for at, minor in sorted(self.refunds):
            total += minor
            if total > limit:
                return at
        return None


def once(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a log in which an event that was listed twice is listed once."""
    keys, unique_events = set(), []
    for event in log:
        key = tuple(event[name] for name in ("psp_reference", "name", "amount_minor", "event_at"))
        if key not in keys:
            keys.add(key)
            unique_events.append(event)
    return unique_events


def money(
    payment: dict[str, Any], log: list[dict[str, Any]], moment: datetime, *, has_log: bool = True
) -> Money:
    """Return a payment's amounts at a given time: the sums of its successful events until then."""
    log = once(log)
    good = [event for event in log if event["success"]]
    before = [event for event in good if event["event_at"] <= moment]

    def total(events: list[dict[str, Any]], *names: str) -> int:
        return sum(event["amount_minor"] for event in events if event["name"] in names)

    def times(name: str) -> list[datetime]:
        return [event["event_at"] for event in before if event["name"] == name]

    def sums(events: list[dict[str, Any]]) -> tuple[int, int, int, int]:
        return (
            total(events, "AUTHORIZED"),
            total(events, "CAPTURED"),
            total(events, "REFUNDED"),
            total(events, "CANCELLED", "TERMINATED"),
        )

    aggregate = tuple(
        payment[f"{name}_minor"] for name in ("authorized", "captured", "refunded", "cancelled")
    )
    A, C, R, X = sums(before) if has_log else aggregate
    state = payment["state"]
    later = {event["name"] for event in good if event["event_at"] > moment}
    if has_log and (state in later or (state == "AUTHORIZED" and not A and "AUTHORIZED" in later)):
        state = "CREATED"
    return Money(
        A=A,
        C=C,
        R=R,
        X=X,
        K=max(0, A - C - X) if state == "AUTHORIZED" else 0,
        state=state,
        amount=payment["amount_minor"],
        created=payment["created_at"],
        authorized=min(times("AUTHORIZED"), default=None) if has_log else payment["authorized_at"],
        captures=tuple(
            (e["event_at"], e["amount_minor"]) for e in before if e["name"] == "CAPTURED"
        ),
        same_captures=(tuple(e["amount_minor"] for e in before if e["name"] == "CAPTURED"),),
        refunds=tuple(
            (e["event_at"], e["amount_minor"]) for e in before if e["name"] == "REFUNDED"
        ),
        failed_refunds=tuple(
            event["event_at"]
            for event in log
            if event["name"] == "REFUNDED" and not event["success"] and event["event_at"] <= moment
        ),
        guaranteed=payment.get("capture_guaranteed_until_at"),
        changed=has_log and bool(later),
        gap=max(abs(a - s) for a, s in zip(aggregate, sums(good), strict=True)) if has_log else 0,
        fetched=payment["fetched_at"],
    )


def together(parts: list[Money]) -> Money:
    """Return several payments of one order as one."""
    first = parts[0]
    known = [part.authorized for part in parts if part.authorized]
    return first._replace(
        **{letter: sum(getattr(part, letter) for part in parts) for letter in "ACRXK"},
        state="AUTHORIZED" if any(part.state == "AUTHORIZED" for part in parts) else first.state,
        amount=sum(part.amount for part in parts),
        authorized=min(known, default=None),
        captures=tuple(capture for part in parts for capture in part.captures),
        same_captures=tuple(minors for part in parts for minors in part.same_captures),
        refunds=tuple(refund for part in parts for refund in part.refunds),
        failed_refunds=tuple(at for part in parts for at in part.failed_refunds),
        changed=any(part.changed for part in parts),
        gap=max(part.gap for part in parts),
        fetched=min(part.fetched for part in parts),
    )
