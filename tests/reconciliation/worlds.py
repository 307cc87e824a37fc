"""Worlds for the oracle: many small situations, drawn by seed, side by side in one run."""

# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from tests.reconciliation.oracle import World
from tests.reconciliation.oracle_money import Unit
from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.examples import NOW, make_order_row, make_payment_rows

UNITS = {
    "100001": Unit("NO"),
    "100002": Unit("NO", at_once=True),
    "100003": Unit("SE"),
    "100004": Unit("DK"),
    "100005": Unit("DK", late_capture=True),
    "100006": Unit("FI"),
}
UNCOVERED = "100009"
CURRENCY = {"NO": "NOK", "SE": "SEK", "DK": "DKK", "FI": "EUR"}
AMOUNTS = (0, 1, 100, 200, 400, 500, 600, 800, 999, 1000, 1001, 1100, 1200)
AUTHORIZED_AGO = (
    1,
    6,
    8,
    10,
    11,
    12,
    13,
    14,
    15,
    40,
    165,
    166,
    170,
    177,
    180,
    181,
    200,
    340,
    363,
    366,
)


def sales_units() -> tuple[SalesUnit, ...]:
    """Return the oracle's sales units as the package knows them."""
    return tuple(
        SalesUnit(
            msn,
            market=u.market,
            capture="at_once" if u.at_once else "on_fulfilment",
            late_capture=u.late_capture,
        )
        for msn, u in (UNITS | {UNCOVERED: Unit("NO")}).items()
    )


class Drawing:
    """A world being drawn: one situation after the other."""

    def __init__(self, seed: int, situations: int, tolerance: int) -> None:
        self.random = random.Random(seed)
        self.world = World([], [], [], [], UNITS | {UNCOVERED: Unit("NO")}, set(), NOW, tolerance)
        # One order of nothing at either end says which days the export covers.
        for n, msn in enumerate(UNITS):
            for days in (0, 401):
                self.order(
                    9000 + 2 * n + (days > 0),
                    msn,
                    NOW,
                    total_minor=0,
                    refunded_minor=0,
                    ordered_at=NOW - timedelta(days=days),
                )
        for number in range(situations):
            draw = self.random.choices(
                (
                    self.usual,
                    self.strange,
                    self.split,
                    self.shared,
                    self.orphan,
                    self.lonely,
                    self.mangled,
                ),
                (60, 15, 8, 6, 4, 6, 2),
            )[0]
            draw(number, self.random.choice(list(UNITS)))

    def pick(self, *values: Any) -> Any:
        """Return one of them; the first half of the time."""
        return values[0] if self.random.random() < 0.5 else self.random.choice(values)

    def order(self, number: int, msn: str, moment: datetime, **given: Any) -> dict[str, Any]:
        """Add an order to the world."""
        status = given.get("status", "fulfilled")
        refunded = given.get("refunded_minor", 0)
        row = make_order_row(
            **{
                "msn": msn,
                "reference": f"order{number:04}",
                "order_number": f"#{number:04}",
                "currency": CURRENCY[UNITS[msn].market],
                "exported_at": moment,
                "source_row": len(self.world.orders) + 2,
                "fulfilled_at": self.before(moment, 6, 0.1, 0.4, 2, 40)
                if status in {"fulfilled", "partial"}
                else None,
                "refunded_at": self.before(moment, 4, 0.1, 0.4, 2, 40) if refunded else None,
            }
            | given
        )
        self.world.orders.append(row)
        return row

    def before(self, moment: datetime, *days: float) -> datetime:
        """Return a moment some days before another."""
        return moment - timedelta(days=self.pick(*days))

    def payment(
        self,
        reference: str,
        msn: str,
        moment: datetime,
        *,
        late: tuple[str, ...] = (),
        **given: Any,
    ) -> dict[str, Any]:
        """Add a payment and its log to the world; `late` events happen after the moment."""
        authorized = self.before(moment, *AUTHORIZED_AGO)
        row, log = make_payment_rows(
            **{
                "reference": reference,
                "msn": msn,
                "currency": CURRENCY[(UNITS | {UNCOVERED: Unit("NO")})[msn].market],
                "authorized": authorized,
                "captured": max(self.before(moment, 6, 0.1, 1, 2, 3, 4, 40), authorized),
                "refunded": max(self.before(moment, 4, 0.1, 1, 2), authorized),
            }
            | given
        )
        for event in log:
            if event["name"] in late:
                event["event_at"] = moment + timedelta(hours=6)
        self.world.payments.append(row)
        self.world.events.extend(log)
        return row

    def moment(self) -> datetime:
        """Return when the export was taken: mostly now."""
        return NOW - timedelta(days=self.pick(0, 0, 0, 1, 2))

    def money(self, total: int) -> dict[str, Any]:
        """Draw captures, refunds and what was let go, so that a payment could be so."""
        pick, chance = self.pick, self.random.random
        A = pick(total, total + 100, total + 1, 1200, 2000, max(0, total - 1), max(0, total - 400))
        captures: tuple[int, ...] = (A,) if A else ()
        if chance() < 0.5:
            captures = self.random.choice(
                (
                    (),
                    (total,),
                    (400,),
                    (600, 600),
                    (500, 500),
                    (500, 500, 500),
                    (400, 600),
                    (100, 100, 200),
                )
            )
            captures = () if sum(captures) > A else tuple(v for v in captures if v)
        C = sum(captures)
        R = min(C, pick(0, 0, 100, 200, 400, C, C - 1 if C else 0))
        X = pick(0, 0, A - C, A - C, min(A - C, 200))
        return {"A": A, "captures": captures, "R": R, "X": X}

    def usual(self, number: int, msn: str) -> None:
        """Draw an order and a payment that could be so."""
        pick, chance = self.pick, self.random.random
        moment = self.moment()
        total = pick(1000, *AMOUNTS[1:], 1_000_000)
        money = self.money(total)
        C, R = sum(money["captures"]), money["R"]
        order = self.order(
            number,
            msn,
            moment,
            total_minor=total,
            refunded_minor=pick(
                R, 0, 100, 200, total, total, max(0, total - C + R), max(0, total - 100)
            ),
            status=self.random.choice(
                ("fulfilled", "fulfilled", "open", "partial", "cancelled", "unknown")
            ),
            paid=self.random.choice(("yes", "no", "unknown")),
            split_tender=chance() < 0.05,
            by_vipps=pick(True, None, False),
            truncated_minor=pick(None, None, None, C, total - 1),
        )
        if chance() < 0.03:
            self.world.waived.add((msn, order["reference"]))
        if chance() < 0.2:
            state = self.random.choice(("CREATED", "ABORTED", "EXPIRED", "TERMINATED"))
            money = {
                "A": 0,
                "captures": (),
                "R": 0,
                "X": total if state == "TERMINATED" else 0,
                "state": state,
            }
        late = ()
        if moment < NOW and not money.get("state") and chance() < 0.4:
            late = self.random.choice(
                (("REFUNDED",), ("CAPTURED", "REFUNDED", "CANCELLED"), ("CANCELLED",))
            )
        made = self.payment(
            order["reference"],
            msn,
            moment,
            late=late,
            failed_refund=pick(0, 0, 100),
            amount=total if chance() < 0.3 else None,
            **money,
        )
        if chance() < 0.05:
            made["captured_minor"] += 7
        if chance() < 0.05:
            made["currency"] = "GBP"
            order["shop_currency_only"] = chance() < 0.5
        if chance() < 0.05:
            made["capture_guaranteed_until_at"] = moment + timedelta(days=pick(1, -1, 5))
        if chance() < 0.03 and order["fulfilled_at"]:
            order["fulfilled_at"] = NOW + timedelta(hours=1)

    def strange(self, number: int, msn: str) -> None:
        """Draw an order and a payment with any amounts at all."""
        moment, pick = self.moment(), self.random.choice
        order = self.order(
            number,
            msn,
            moment,
            total_minor=pick(AMOUNTS[1:]),
            refunded_minor=pick(AMOUNTS),
            status=pick(("fulfilled", "open", "partial", "cancelled", "unknown")),
            paid=pick(("yes", "no", "unknown")),
        )
        self.payment(
            order["reference"],
            msn,
            moment,
            A=pick(AMOUNTS),
            captures=tuple(v for v in (pick(AMOUNTS), pick(AMOUNTS)) if v),
            R=pick(AMOUNTS),
            X=pick(AMOUNTS),
            failed_refund=pick((0, 100)),
        )

    def split(self, number: int, msn: str) -> None:
        """Draw an order with several payments: parts of one, duplicates, earlier attempts."""
        moment, pick = self.moment(), self.random.choice
        total = 1000
        order = self.order(
            number,
            msn,
            moment,
            total_minor=total,
            refunded_minor=pick((0, 0, 0, 100)),
            status=pick(("fulfilled", "fulfilled", "open", "cancelled")),
        )
        parts = pick(
            (
                (600, 400),
                (600, 300),
                (1000, 1000),
                (1000, 600),
                (500, 1000),
                (400, 300, 300),
                (1000, 0),
                (0, 1000),
                (0, 600, 400),
                (1000, 1000, 0),
            )
        )
        authorized = self.before(moment, 10, 8, 6)
        for attempt, value in enumerate(parts):
            held = self.random.random() < 0.2
            self.payment(
                order["reference"] + (f"-{attempt}" if attempt else ""),
                msn,
                moment,
                authorized=authorized + timedelta(hours=pick((0, attempt))),
                captured=moment - timedelta(days=4),
                A=value or 1000,
                captures=() if held or not value else (value,),
                X=0 if value else 1000,
                state="AUTHORIZED" if value else pick(("AUTHORIZED", "AUTHORIZED")),
                R=0,
            )
        if self.random.random() < 0.1:
            self.unread(order)

    def unread(self, order: dict[str, Any]) -> None:
        """Let the reading of an order's own reference fail; other attempts may have been read."""
        key = order["msn"], order["reference"]
        for rows in (self.world.payments, self.world.events):
            rows[:] = [row for row in rows if (row["msn"], row["reference"]) != key]
        self.world.failures.append(
            {
                "msn": key[0],
                "reference": key[1],
                "operation": "getPayment",
                "status": 503,
                "title": "no",
            }
        )

    def shared(self, number: int, msn: str) -> None:
        """Draw several order rows with one reference."""
        moment, pick = self.moment(), self.random.choice
        totals = pick(((600, 400), (1000, 1000), (1000, 600), (700, 300, 100), (500, 200)))
        status = pick(("fulfilled", "fulfilled", "cancelled"))
        fulfilled = self.before(moment, 6, 0.1)
        for n, total in enumerate(totals):
            self.order(
                number,
                msn,
                moment,
                total_minor=total,
                status=status,
                fulfilled_at=fulfilled,
                order_number=f"#{number:04}/{n}",
            )
        value = pick((1000, 600, sum(totals)))
        self.payment(
            f"order{number:04}", msn, moment, A=value, captures=pick(((value,), (value,), ()))
        )
        if self.random.random() < 0.1:
            self.unread(self.world.orders[-1])

    def orphan(self, number: int, msn: str) -> None:
        """Draw a payment without an order."""
        chance = self.random.random
        unit = UNCOVERED if chance() < 0.2 else msn
        days = self.pick(10, 40, 177, 500)
        money = self.money(1000)
        made = self.payment(
            f"order{number:04}", unit, NOW, authorized=NOW - timedelta(days=days), **money
        )
        if chance() < 0.1:
            self.world.waived.add((made["msn"], made["reference"]))

    def lonely(self, number: int, msn: str) -> None:
        """Draw an order without a payment."""
        pick = self.random.choice
        moment = self.moment()
        total = pick((0, 1000, 1000, 1_000_000))
        order = self.order(
            number,
            msn,
            moment,
            total_minor=total,
            refunded_minor=min(total, pick((0, 0, 200, 1000))),
            status=pick(("fulfilled", "open", "partial", "cancelled", "unknown")),
            by_vipps=pick((True, True, None, False)),
            recurring=self.random.random() < 0.1,
            split_tender=self.random.random() < 0.1,
        )
        chance = self.random.random()
        if chance < 0.2:
            order["reference"] = None
        elif chance < 0.6:
            self.world.failures.append(
                {
                    "msn": msn,
                    "reference": order["reference"],
                    "operation": "getPayment",
                    "status": pick((404, 404, 503, None)),
                    "title": "no",
                }
            )
        if chance > 0.95:
            self.world.waived.add((msn, order["reference"]))

    def mangled(self, number: int, msn: str) -> None:
        """Draw an order whose reference lost its zeros or changed its case."""
        moment = self.moment()
        whole, damaged = self.random.choice(
            ((f"0009{number:04}", f"9{number:04}"), (f"order{number:04}", f"ORDER{number:04}"))
        )
        self.order(number, msn, moment, reference=damaged)
        self.payment(whole, msn, moment, captures=self.random.choice(((1000,), (400,), ())))
