"""Draw rows at random: orders, payments and their events, one situation at a time."""
# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from tests.reconciliation.situations import (
    ALL_UNITS,
    AUTHORIZED_AGO,
    CURRENCY,
    NOW,
    Situation,
    day_number,
    end_of_day,
    order_row,
)


class RowDrawing:
    """Draws the rows of one situation from one random generator."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now: Situation
        self.msn: str
        self.exported: datetime

    def pick(self, *values: Any) -> Any:
        """Return one of the values; in half of the cases the first one."""
        return values[0] if self.chance.randrange(2) else self.chance.choice(values)

    def choose(self, *values: Any) -> Any:
        """Return one of the values."""
        return self.chance.choice(values)

    def rarely(self, share: int) -> bool:
        """Return true once in `share` calls on average."""
        return self.chance.randrange(share) == 0

    def order(self, **given: Any) -> dict[str, Any]:
        """Add an order row to the situation."""
        status = given.get("status", "fulfilled")
        if status in {"fulfilled", "partial"}:
            given.setdefault("fulfilled_at", self.before(6, 0.1, 0.4, 2, 40))
        if given.get("refunded_minor"):
            given.setdefault("refunded_at", self.before(4, 0.1, 0.4, 2, 40))
        given.setdefault("ordered_at", self.before(10, 0.3, 35, 45, 200))
        times = [given[name] for name in ("fulfilled_at", "refunded_at") if given.get(name)]
        given["ordered_at"] = min([given["ordered_at"], *times])
        row = order_row(self.now.number, self.msn, self.exported, **given)
        self.now.orders.append(row)
        return row

    def before(self, *days: float) -> datetime:
        """Return a time some days before the export."""
        return self.exported - timedelta(days=self.pick(*days))

    def payment(
        self,
        *,
        tail: str = "",
        A: int = 1000,  # noqa: N803
        captures: tuple[int, ...] = (),
        refunds: tuple[int, ...] = (),
        X: int = 0,  # noqa: N803
        state: str = "AUTHORIZED",
        amount: int | None = None,
        failed_refund: int = 0,
        late: tuple[str, ...] = (),
        **when: Any,
    ) -> dict[str, Any]:
        """Add a payment and its log to the situation; `late` events happen after the export."""
        msn = when.get("msn", self.msn)
        reference = f"r{self.now.number:06}{tail}"
        authorized = when.get("authorized") or self.before(*AUTHORIZED_AGO)
        captured = max(when.get("captured") or self.before(6, 0.1, 1, 2, 4, 40), authorized)
        refunded = max(when.get("refunded") or self.before(4, 0.1, 0.5, 2), captured)
        currency = CURRENCY[ALL_UNITS[msn].market]
        log: list[dict[str, Any]] = []

        def event(name: str, minor: int, at: datetime, *, success: bool = True) -> None:
            if name in late:
                at = self.exported + timedelta(hours=6)
            log.append(
                {
                    "msn": msn,
                    "reference": reference,
                    "psp_reference": f"{reference}/{len(log)}",
                    "name": name,
                    "amount_minor": minor,
                    "currency": currency,
                    "event_at": at,
                    "event_day": day_number(at, msn),
                    "idempotency_key": None,
                    "success": success,
                }
            )

        created = authorized - timedelta(minutes=2)
        requested = amount if amount is not None else A or X or 1000
        event("CREATED", requested, created)
        if A:
            event("AUTHORIZED", A, authorized)
        apart = self.pick(timedelta(minutes=1), -4.5 * timedelta(days=1))
        for n, minor in enumerate(captures):
            event("CAPTURED", minor, max(captured + n * apart, authorized))
        if state == "TERMINATED":
            event("TERMINATED", X, authorized + timedelta(minutes=9))
        elif state in {"ABORTED", "EXPIRED"}:
            event(state, requested, authorized + timedelta(minutes=9))
        elif X:
            event("CANCELLED", X, captured + timedelta(hours=1))
        for n, minor in enumerate(refunds):
            event("REFUNDED", minor, refunded - timedelta(hours=30 * n))
        if failed_refund:
            later = self.choose(0, 1, -1) if refunds else 0
            at = refunded + timedelta(minutes=later)
            event("REFUNDED", failed_refund, at, success=False)
        row = {
            "msn": msn,
            "reference": reference,
            "psp_reference": f"{reference}/0",
            "state": state,
            "currency": currency,
            "amount_minor": requested,
            "authorized_minor": A,
            "captured_minor": sum(captures),
            "refunded_minor": sum(refunds),
            "cancelled_minor": X,
            "payment_method": "WALLET",
            "capture_guaranteed_until_at": None,
            "created_at": created,
            "created_day": day_number(created, msn),
            "authorized_at": authorized if A else None,
            "authorized_day": day_number(authorized, msn) if A else None,
            "discovered_by": "orders",
            "fetched_at": NOW,
        }
        self.now.payments.append(row)
        self.now.events.extend(log)
        return row

    def status(self) -> str:
        """Draw the shop's order status."""
        return self.choose("fulfilled", "fulfilled", "open", "partial", "cancelled", "unknown")

    def shop_says(self) -> str:
        """Draw the shop's "paid" value; rarely "no", so that it cannot mean "captured"."""
        return self.pick("yes", "yes", "unknown", "no") if self.rarely(2) else "yes"

    def money(self, total: int) -> dict[str, Any]:
        """Draw amounts captured, refunded and cancelled that are possible for a payment."""
        pick = self.pick
        A = pick(total, total + 100, total + 1, 1200, 2000, max(0, total - 1), max(0, total - 400))
        captures: tuple[int, ...] = (A,) if A else ()
        if self.rarely(2):
            captures = self.choose(
                (),
                (total,),
                (400,),
                (600, 600),
                (500, 500),
                (500, 500, 500),
                (400, 600),
                (100, 100, 200),
            )
            captures = () if sum(captures) > A else tuple(minor for minor in captures if minor)
        C = sum(captures)
        R = max(0, min(C, pick(0, 0, 100, 200, 400, C, C - 1)))
        refunds = (R,) if R else ()
        if R > 1 and self.rarely(4):
            refunds = (R - R // 2, R // 2)
        X = pick(0, 0, A - C, A - C, min(A - C, 200))
        return {"A": A, "captures": captures, "refunds": refunds, "X": X}

    def shop_mistakes(self, order: dict[str, Any]) -> None:
        """Draw what may be wrong or special in an export besides the amounts."""
        features = self.now.features
        if self.rarely(15):
            order["refunded_minor"] = None
            features.add("refunds_unknown")
        if self.rarely(20):
            order["split_tender"] = True
        if self.rarely(15):
            order["recorded_by_hand"] = True
            features.add("by_hand")
            recent = order["refunded_at"] and order["refunded_at"] > self.exported - timedelta(
                days=1
            )
            if recent:
                features.add("by_hand_recent")
        if self.rarely(15):
            order["shop_authorization"] = self.choose("voided", "expired")
            features.add("shop_authorization")
        if order["status"] == "open" and order["refunded_minor"] and self.rarely(2):
            order["rest_refunded"] = True
            features.add("rest_refunded")
        if self.rarely(15):
            order["method_unsure"], order["by_vipps"] = True, None
            features.add("method_unsure")
        if self.rarely(10):
            self.dates_without_time(order)
        if order["paid"] == "no":
            features.add("paid_no")

    def dates_without_time(self, order: dict[str, Any]) -> None:
        """Reduce the shop's dates to days: each becomes the end of its local day."""
        order["dates_without_time"] = True
        self.now.features.add("dates_without_time")
        for name in ("fulfilled_at", "refunded_at"):
            if order[name]:
                order[name] = end_of_day(order[name], self.msn)

    def payment_mistakes(self, order: dict[str, Any], row: dict[str, Any]) -> None:
        """Draw what may be wrong or special with a payment."""
        key = row["msn"], row["reference"]
        features = self.now.features
        if self.rarely(30):
            self.now.waived.add(key)
        if self.rarely(30):
            self.now.unsettled.add(key)
        if self.rarely(30):
            row["captured_minor"] += 7
            features.add("gap")
        elif self.rarely(30):
            self.now.events.append(dict(self.now.events[-1]))
            features.add("event_twice")
        if self.rarely(30):
            row["currency"] = "GBP"
            order["shop_currency_only"] = self.rarely(2)
        if self.rarely(20):
            days = self.pick(1, -1, 5)
            row["capture_guaranteed_until_at"] = self.exported + timedelta(days=days)
        self.moments(order, row)
        if self.rarely(60):
            self.unread(order["reference"])

    def moments(self, order: dict[str, Any], *payments: dict[str, Any]) -> None:
        """Draw a shop change after the fetch, or an export made after the cut-off time."""
        column = self.choose("fulfilled_at", "refunded_at")
        if self.rarely(12) and order[column] and self.exported == NOW:
            # Read before the shop's last change: the payment may have changed since then.
            for payment in payments:
                payment["fetched_at"] = NOW - timedelta(hours=1)
            order[column] = NOW - timedelta(minutes=30)
            self.now.features.add("shop_later")
        elif self.rarely(20):
            order["exported_at"] = NOW + timedelta(hours=2)
            fetched = NOW + timedelta(hours=self.pick(3, 0))
            for payment in payments:
                payment["fetched_at"] = fetched
            if order[column] and self.rarely(2):
                order[column] = NOW + timedelta(hours=1)
            elif self.rarely(2):
                self.move_after_as_of(*payments)
            self.now.features.add("as_of_before_export")
        if order[column]:
            order[column.replace("_at", "_day")] = day_number(order[column], self.msn)

    def move_after_as_of(self, *payments: dict[str, Any]) -> None:
        """Let the operations after the authorization happen between the as-of time and the export."""
        references = {payment["reference"] for payment in payments}
        names = self.choose({"REFUNDED", "CANCELLED"}, {"CAPTURED", "REFUNDED", "CANCELLED"})
        for event in self.now.events:
            if event["reference"] in references and event["name"] in names:
                event["event_at"] = NOW + timedelta(hours=1)
                event["event_day"] = day_number(event["event_at"], event["msn"])

    def fail(self, reference: str, status: int | None) -> None:
        """Make the reading of a reference fail."""
        self.now.failures.append(
            {
                "msn": self.msn,
                "reference": reference,
                "operation": "getPayment",
                "status": status,
                "title": "no",
            }
        )

    def unread(self, reference: str) -> None:
        """Make the reading of a reference fail; other attempts may have been read."""
        for rows in (self.now.payments, self.now.events):
            rows[:] = [row for row in rows if row["reference"] != reference]
        self.fail(reference, 503)
