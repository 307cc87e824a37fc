"""The oracle's letters: what a payment amounted to at a moment, from its event log.

Plain Python, from the text of the rules alone; see `oracle`.
"""
# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

DAY = timedelta(days=1)


class Unit(NamedTuple):
    """A sales unit: its market, and how it captures."""

    market: str
    at_once: bool = False
    late_capture: bool = False

    @property
    def capture_days(self) -> int:
        """Days from authorization to the capture deadline."""
        return 14 if self.market in {"DK", "FI"} and not self.late_capture else 180

    @property
    def warn_days(self) -> int:
        """Days before the deadline at which a warning begins."""
        return 3 if self.market in {"DK", "FI"} else 14


class Money(NamedTuple):
    """The letters of one payment, or of several taken together, at one moment."""

    A: int
    C: int
    R: int
    X: int
    K: int
    state: str
    amount: int
    authorized: datetime | None
    captured: datetime | None
    guaranteed: datetime | None
    captures: tuple[int, ...]
    failed_refund_last: bool
    changed: bool
    gaps: int
    fetched: datetime

    @property
    def live(self) -> bool:
        """Whether money of it is held or kept."""
        return self.C - self.R > 0 or self.K > 0


def money(payment: dict[str, Any], log: list[dict[str, Any]], moment: datetime) -> Money:
    """Return a payment's letters at a moment: the sums of its successful events until then."""
    good = [event for event in log if event["success"]]
    before = [event for event in good if event["event_at"] <= moment]

    def total(events: list[dict[str, Any]], *names: str) -> int:
        return sum(event["amount_minor"] for event in events if event["name"] in names)

    A = total(before, "AUTHORIZED")
    C, R = total(before, "CAPTURED"), total(before, "REFUNDED")
    X = total(before, "CANCELLED", "TERMINATED")
    fetched = ("authorized_minor", "captured_minor", "refunded_minor", "cancelled_minor")
    summed = (
        total(good, "AUTHORIZED"),
        total(good, "CAPTURED"),
        total(good, "REFUNDED"),
        total(good, "CANCELLED", "TERMINATED"),
    )
    refunds = [event["event_at"] for event in before if event["name"] == "REFUNDED"]
    failed = [
        event["event_at"]
        for event in log
        if event["name"] == "REFUNDED" and not event["success"] and event["event_at"] <= moment
    ]
    captured = [event["event_at"] for event in before if event["name"] == "CAPTURED"]
    authorized = [event["event_at"] for event in before if event["name"] == "AUTHORIZED"]
    state = payment["state"]
    if state == "AUTHORIZED" and not A and any(event["name"] == "AUTHORIZED" for event in good):
        state = "CREATED"
    return Money(
        A=A,
        C=C,
        R=R,
        X=X,
        K=max(0, A - C - X) if state == "AUTHORIZED" else 0,
        state=state,
        amount=payment["amount_minor"],
        authorized=min(authorized, default=None),
        captured=max(captured, default=None),
        guaranteed=payment.get("capture_guaranteed_until_at"),
        captures=tuple(e["amount_minor"] for e in before if e["name"] == "CAPTURED"),
        failed_refund_last=bool(failed) and (not refunds or max(failed) >= max(refunds)),
        changed=len(before) < len(good),
        gaps=max(abs(payment[name] - s) for name, s in zip(fetched, summed, strict=True)),
        fetched=payment["fetched_at"],
    )


def together(parts: list[Money]) -> Money:
    """Return several payments of one order as one."""
    sums = {name: sum(getattr(part, name) for part in parts) for name in ("A", "C", "R", "X", "K")}
    alive = [part.state for part in parts if part.state == "AUTHORIZED"]
    return parts[0]._replace(
        **sums,
        state=alive[0] if alive else parts[0].state,
        amount=sum(part.amount for part in parts),
        authorized=min((part.authorized for part in parts if part.authorized), default=None),
        captured=max((part.captured for part in parts if part.captured), default=None),
        captures=tuple(value for part in parts for value in part.captures),
        failed_refund_last=any(part.failed_refund_last for part in parts),
        changed=any(part.changed for part in parts),
        gaps=0,
    )


def deadline_near(m: Money, unit: Unit, moment: datetime) -> bool:
    """Whether what is held can be captured, or what is kept refunded, for three days more at most."""
    if m.authorized is None:
        return False
    ends = [unit.capture_days] * (m.K > 0) + [365] * (m.C > m.R)
    left = [m.authorized + timedelta(days=days) - moment for days in ends]
    return any(timedelta(0) <= x <= 3 * DAY for x in left)
