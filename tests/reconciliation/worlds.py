"""Small situations for the model: an order or two, their payments and events, drawn by chance.

Many situations stand side by side in one world, each under its own number, so that one run of
the package answers for all of them. Every situation names the features of the rules it uses.
"""
# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

import random
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.reconciliation.oracle import World
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
    found = re.search(r"(\d{6})(?:-\d{1,2}|/\d)?$", reference or order_number or "")
    if found is None:
        raise ValueError(f"{reference!r} and {order_number!r} belong to no situation")
    return int(found.group(1))


def world_of(
    situations: list[Situation],
    *,
    as_of: datetime = NOW,
    tolerance: int = 0,
    has_log: bool = True,
) -> World:
    """Return a world of several situations, with orders of nothing that say what the export covers."""
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
    orders = [row for one in situations for row in one.orders]
    for number, row in enumerate([*orders, *cover]):
        row["source_row"] = number + 2
    return World(
        orders + cover,
        [row for one in situations for row in one.payments],
        [row for one in situations for row in one.events] if has_log else [],
        [row for one in situations for row in one.failures],
        ALL_UNITS,
        as_of,
        Settings(tolerance=tolerance),
        frozenset(key for one in situations for key in one.waived),
        frozenset(key for one in situations for key in one.unsettled),
        has_log,
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
    """Return the number of a moment's local day."""
    return (moment.astimezone(ZoneInfo(ZONES[ALL_UNITS[msn].market])).date() - EPOCH).days


def end_of_day(moment: datetime, msn: str) -> datetime:
    """Return the end of a moment's local day."""
    zone = ZoneInfo(ZONES[ALL_UNITS[msn].market])
    day = moment.astimezone(zone).date()
    return datetime.combine(day, time(23, 59, 59, 999999), zone).astimezone(UTC)


class Drawing:
    """Draws situations from one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def pick(self, *values: Any) -> Any:
        """Return one of them; the first half of the time."""
        return values[0] if self.chance.randrange(2) else self.chance.choice(values)

    def one(self, *values: Any) -> Any:
        """Return one of them."""
        return self.chance.choice(values)

    def rarely(self, share: int) -> bool:
        """Return true once in `share` times."""
        return self.chance.randrange(share) == 0

    def situation(self, number: int) -> Situation:
        """Draw a situation."""
        self.now = Situation(number, [], [], [], [], set(), set(), set())
        self.msn = self.one(*UNITS)
        self.exported = NOW - timedelta(days=self.pick(0, 0, 0, 1, 2))
        draw = self.chance.choices(
            (
                self.usual,
                self.strange,
                self.attempts,
                self.several_in_a_cell,
                self.overlap,
                self.shared,
                self.orphan,
                self.lonely,
                self.otherwise,
                self.mangled,
            ),
            (50, 10, 14, 3, 6, 5, 4, 4, 5, 1),
        )[0]
        draw()
        return self.now

    # --- rows ------------------------------------------------------------------------------

    def order(self, **given: Any) -> dict[str, Any]:
        """Add an order row to the situation."""
        status = given.get("status", "fulfilled")
        if status in {"fulfilled", "partial"}:
            given.setdefault("fulfilled_at", self.before(6, 0.1, 0.4, 2, 40))
        if given.get("refunded_minor"):
            given.setdefault("refunded_at", self.before(4, 0.1, 0.4, 2, 40))
        row = order_row(self.now.number, self.msn, self.exported, **given)
        self.now.orders.append(row)
        return row

    def before(self, *days: float) -> datetime:
        """Return a moment some days before the export."""
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
        """Add a payment and its log to the situation; `late` events follow the export."""
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
            later = self.one(0, 1, -1) if refunds else 0
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
        """Draw a shop's status."""
        return self.one("fulfilled", "fulfilled", "open", "partial", "cancelled", "unknown")

    def shop_says(self) -> str:
        """Draw whether the shop says it was paid; seldom no, so that no column means captured."""
        return self.pick("yes", "yes", "unknown", "no") if self.rarely(2) else "yes"

    def money(self, total: int) -> dict[str, Any]:
        """Draw captures, refunds and what was let go, so that a payment could be so."""
        pick = self.pick
        A = pick(total, total + 100, total + 1, 1200, 2000, max(0, total - 1), max(0, total - 400))
        captures: tuple[int, ...] = (A,) if A else ()
        if self.rarely(2):
            captures = self.one(
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
        """Draw what an export may say beside the amounts."""
        features = self.now.features
        if self.rarely(15):
            order["refunded_minor"] = None
            features.add("refunds_unknown")
        if self.rarely(20):
            order["split_tender"] = True
        if self.rarely(15):
            order["recorded_by_hand"] = True
            features.add("by_hand")
        if self.rarely(15):
            order["shop_authorization"] = self.one("voided", "expired")
            features.add("shop_authorization")
        if self.rarely(15):
            order["method_unsure"], order["by_vipps"] = True, None
            features.add("method_unsure")
        if self.rarely(10):
            self.dates_without_time(order)
        if order["paid"] == "no":
            features.add("paid_no")

    def dates_without_time(self, order: dict[str, Any]) -> None:
        """Let the shop's dates be days: the end of the local day."""
        order["dates_without_time"] = True
        self.now.features.add("dates_without_time")
        for name in ("fulfilled_at", "refunded_at"):
            if order[name]:
                order[name] = end_of_day(order[name], self.msn)

    # --- situations ------------------------------------------------------------------------

    def usual(self) -> None:
        """Draw an order and a payment that could be so."""
        pick = self.pick
        total = pick(1000, *AMOUNTS[1:], 1_000_000)
        money = self.money(total)
        C, R = sum(money["captures"]), sum(money["refunds"])
        order = self.order(
            total_minor=total,
            refunded_minor=min(
                total,
                pick(R, 0, 100, 200, total, max(0, total - C + R), max(0, total - 100)),
            ),
            status=self.status(),
            paid=self.shop_says(),
            truncated_minor=pick(None, None, None, C, total - 1),
        )
        if self.rarely(5):
            state = self.one("CREATED", "ABORTED", "EXPIRED", "TERMINATED")
            money = {
                "A": 0,
                "X": total if state == "TERMINATED" else 0,
                "state": state,
                "amount": total,
            }
        late: tuple[str, ...] = ()
        if self.exported < NOW and "state" not in money and self.rarely(2):
            late = self.one(("REFUNDED",), ("CAPTURED", "REFUNDED", "CANCELLED"), ("CANCELLED",))
            self.now.features.add("later_events")
        if money["A"] and self.rarely(3):
            money["amount"] = min(total, money["A"])
        made = self.payment(late=late, failed_refund=pick(0, 0, 0, 100), **money)
        self.shop_mistakes(order)
        self.payment_mistakes(order, made)

    def payment_mistakes(self, order: dict[str, Any], made: dict[str, Any]) -> None:
        """Draw what may be wrong or special with a payment."""
        key = made["msn"], made["reference"]
        features = self.now.features
        if self.rarely(30):
            self.now.waived.add(key)
        if self.rarely(30):
            self.now.unsettled.add(key)
        if self.rarely(30):
            made["captured_minor"] += 7
            features.add("gap")
        elif self.rarely(30):
            self.now.events.append(dict(self.now.events[-1]))
            features.add("event_twice")
        if self.rarely(30):
            made["currency"] = "GBP"
            order["shop_currency_only"] = self.rarely(2)
        if self.rarely(20):
            days = self.pick(1, -1, 5)
            made["capture_guaranteed_until_at"] = self.exported + timedelta(days=days)
        column = self.one("fulfilled_at", "refunded_at")
        if self.rarely(12) and order[column] and self.exported == NOW:
            # Read before the shop's last change: the payment may since have followed it.
            made["fetched_at"] = NOW - timedelta(hours=1)
            order[column] = NOW - timedelta(minutes=30)
            features.add("shop_later")
        elif self.rarely(20):
            order["exported_at"] = NOW + timedelta(hours=2)
            if order[column] and self.rarely(2):
                order[column] = NOW + timedelta(hours=1)
            features.add("as_of_before_export")
        if self.rarely(60):
            self.unread(order["reference"])

    def strange(self) -> None:
        """Draw an order and a payment with any amounts at all."""
        one = self.one
        order = self.order(
            total_minor=one(*AMOUNTS[1:]),
            refunded_minor=one(*AMOUNTS),
            status=self.status(),
            paid=self.shop_says(),
        )
        self.payment(
            A=one(*AMOUNTS),
            captures=tuple(minor for minor in (one(*AMOUNTS), one(*AMOUNTS)) if minor),
            refunds=tuple(minor for minor in (one(*AMOUNTS),) if minor),
            X=one(*AMOUNTS),
            failed_refund=one(0, 100),
        )
        self.now.features.add("strange")
        self.shop_mistakes(order)

    def attempts(self) -> None:
        """Draw an order with several payments: parts of one, duplicates, earlier attempts."""
        one = self.one
        self.now.features.add("attempts")
        named = one("", "", "-1")
        order = self.order(
            reference=f"r{self.now.number:06}{named}",
            attempt_base=f"r{self.now.number:06}" if named else None,
            refunded_minor=self.pick(0, 100, 300, 600, 1000),
            status=self.status(),
            paid=self.shop_says(),
        )
        if named:
            self.now.features.add("named_by_attempt")
        if order["paid"] == "no":
            self.now.features.add("paid_no")
        authorized = self.before(10, 8, 11)
        for attempt in range(one(2, 2, 2, 3)):
            A = one(1000, 1000, 600, 400, 500, 300)
            held = one("captured", "captured", "held", "released", "dead", "given_back")
            created = authorized + timedelta(hours=attempt)
            common: dict[str, Any] = {
                "tail": f"-{attempt}" if attempt else "",
                "authorized": created,
                "captured": self.before(6, 5, 2),
            }
            if held == "dead":
                self.payment(**common, A=0, state=one("ABORTED", "EXPIRED"), amount=A)
            elif held == "held":
                self.payment(**common, A=A)
            elif held == "released":
                self.payment(**common, A=A, X=A)
            elif held == "given_back":
                self.payment(**common, A=A, captures=(A,), refunds=(self.pick(A, 300, 100),))
            else:
                self.payment(**common, A=A, captures=(A,))
        if self.rarely(15):
            self.unread(self.now.payments[one(0, -1)]["reference"])
            self.now.features.add("unread_sibling")

    def several_in_a_cell(self) -> None:
        """Draw an order whose own cell names two payments."""
        self.now.features.add("several_in_a_cell")
        base = f"r{self.now.number:06}"
        self.order(
            further_references=f"{base}-1",
            refunded_minor=self.pick(0, 200),
            status=self.pick("fulfilled", "open", "cancelled"),
            total_minor=self.pick(1000, 900, 1100),
        )
        authorized = self.before(10, 8)
        for tail, A in (("", 600), ("-1", 400)):
            self.payment(
                tail=tail,
                A=A,
                captures=self.pick((A,), ()),
                authorized=authorized,
                captured=self.before(6, 2),
            )

    def overlap(self) -> None:
        """Draw an order that stands in several exports, and moved between them."""
        self.now.features.add("overlap")
        one = self.one
        guessed = self.rarely(4)
        steps = [
            {"status": "open", "refunded_minor": 0, "fulfilled_at": None},
            {"status": one("fulfilled", "cancelled"), "refunded_minor": 0},
            {"status": "fulfilled", "refunded_minor": one(100, 200)},
        ]
        fulfilled = self.before(6, 2, 0.4)
        chosen = sorted(self.chance.sample(range(3), one(2, 2, 3)))
        if self.rarely(5):
            chosen = [chosen[0]] * len(chosen)
        for n, step in enumerate(chosen):
            exported = self.exported - timedelta(days=len(chosen) - 1 - n)
            given = {"fulfilled_at": fulfilled} | steps[step]
            if given["status"] != "fulfilled":
                given["fulfilled_at"] = None
            given["refunded_at"] = self.before(0.6, 0.1) if given["refunded_minor"] else None
            self.order(
                source_file=f"orders{n}.csv",
                exported_at=exported,
                exported_at_guessed=guessed,
                **given,
            )
        if guessed:
            # The newest file was copied first: only how far the rows moved tells their order.
            moments = [row["exported_at"] for row in self.now.orders]
            for row, moment in zip(self.now.orders, reversed(moments), strict=True):
                row["exported_at"] = moment
            self.now.features.add("overlap_guessed")
        self.chance.shuffle(self.now.orders)
        self.payment(
            A=1000,
            captures=self.pick((1000,), (), (400,)),
            refunds=self.pick((), (100,), (200,)) if self.rarely(2) else (),
            authorized=self.before(10, 8),
        )
        made = self.now.payments[-1]
        if made["refunded_minor"] > made["captured_minor"]:
            self.now.features.add("strange")

    def shared(self) -> None:
        """Draw several order rows with one reference."""
        one = self.one
        totals = one((600, 400), (1000, 900), (1000, 600), (700, 300, 100), (500, 200))
        status = one("fulfilled", "fulfilled", "open", "cancelled")
        fulfilled = self.before(6, 0.1) if status == "fulfilled" else None
        drop = self.rarely(4)
        self.now.features.add("shared")
        for n, total in enumerate(totals):
            cancelled = drop and n == 0
            if cancelled:
                self.now.features.add("combined_with_cancelled")
            self.order(
                order_number=f"#{self.now.number:06}/{n}",
                total_minor=total,
                status="cancelled" if cancelled else status,
                refunded_minor=self.pick(0, 0, 100),
                fulfilled_at=None if cancelled else fulfilled,
                refunded_at=None,
            )
        if any(0 < row["total_minor"] <= row["refunded_minor"] for row in self.now.orders):
            self.now.features.add("combined_mixed")
        A = one(1000, 600, sum(totals))
        self.payment(A=A, captures=one((A,), (A,), ()), refunds=())
        if self.rarely(10):
            self.unread(self.now.orders[0]["reference"])

    def orphan(self) -> None:
        """Draw a payment without an order."""
        msn = UNCOVERED if self.rarely(5) else self.msn
        days = self.pick(10, 40, 177, 600)
        made = self.payment(msn=msn, authorized=NOW - timedelta(days=days), **self.money(1000))
        self.now.features.add("orphan")
        if self.rarely(10):
            self.now.waived.add((made["msn"], made["reference"]))
        if self.rarely(20):
            made["captured_minor"] += 7
            self.now.features.add("gap_of_orphan")

    def lonely(self) -> None:
        """Draw an order without a payment."""
        one = self.one
        total = one(0, 1000, 1000, 1_000_000)
        order = self.order(
            total_minor=total,
            refunded_minor=min(total, one(0, 0, 200, 1000)),
            status=self.status(),
            paid=self.shop_says(),
            by_vipps=one(True, True, None, False),
            recurring=self.rarely(10),
            split_tender=self.rarely(10),
        )
        self.now.features.add("lonely")
        if order["paid"] == "no":
            self.now.features.add("paid_no")
        chance = self.chance.randrange(20)
        if chance < 4:
            order["reference"] = None
        elif chance < 12:
            self.fail(order["reference"], one(404, 404, 503, None))
        elif chance == 19:
            self.now.waived.add((self.msn, order["reference"]))

    def otherwise(self) -> None:
        """Draw an order paid with another payment method, or a recurring charge, with a payment."""
        order = self.order(
            status=self.status(),
            refunded_minor=self.pick(0, 200, 1000),
            by_vipps=False,
            paid=self.shop_says(),
        )
        self.now.features.add("other_tender")
        if self.rarely(5):
            order["by_vipps"], order["recurring"] = True, True
        if self.rarely(4):
            self.payment(A=0, state=self.one("ABORTED", "EXPIRED", "CREATED"), amount=1000)
        else:
            self.payment(**self.money(1000))

    def mangled(self) -> None:
        """Draw an order whose reference changed its case."""
        order = self.order(refunded_minor=0)
        order["reference"] = order["reference"].upper()
        self.payment(A=1000, captures=self.one((1000,), (400,), ()))
        self.now.features.add("mangled")

    def fail(self, reference: str, status: int | None) -> None:
        """Let the reading of a reference fail."""
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
        """Let the reading of a reference fail; other attempts may have been read."""
        for rows in (self.now.payments, self.now.events):
            rows[:] = [row for row in rows if row["reference"] != reference]
        self.fail(reference, 503)
