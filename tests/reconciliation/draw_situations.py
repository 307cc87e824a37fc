"""Draw situations at random, each with the features of the rules that it uses."""

# ruff: noqa: N806 - the rules' own letters

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.reconciliation.draw_rows import RowDrawing
from tests.reconciliation.situations import (
    AMOUNTS,
    NOW,
    UNCOVERED,
    UNITS,
    Situation,
    day_number,
)


class Drawing(RowDrawing):
    """Draws situations from one random generator."""

    def situation(self, number: int) -> Situation:
        """Draw a situation."""
        self.now = Situation(number, [], [], [], [], set(), set(), set())
        self.msn = self.choose(*UNITS)
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

    def usual(self) -> None:
        """Draw an order and a payment with amounts that fit together."""
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
            state = self.choose("CREATED", "ABORTED", "EXPIRED", "TERMINATED")
            money = {
                "A": 0,
                "X": total if state == "TERMINATED" else 0,
                "state": state,
                "amount": total,
            }
        late: tuple[str, ...] = ()
        if self.exported < NOW and "state" not in money and self.rarely(2):
            late = self.choose(("REFUNDED",), ("CAPTURED", "REFUNDED", "CANCELLED"), ("CANCELLED",))
            self.now.features.add("later_events")
        if money["A"] and self.rarely(3):
            money["amount"] = min(total, money["A"])
        added = self.payment(late=late, failed_refund=pick(0, 0, 0, 100), **money)
        if order["refunded_minor"] and self.rarely(20):
            order["refunded_minor"] += 500
        self.shop_mistakes(order)
        self.payment_mistakes(order, added)
        if order["recorded_by_hand"] and late:
            self.now.features.add("by_hand_later")

    def strange(self) -> None:
        """Draw an order and a payment with any amounts."""
        pick_one = self.choose
        order = self.order(
            total_minor=pick_one(*AMOUNTS[1:]),
            refunded_minor=pick_one(*AMOUNTS),
            status=self.status(),
            paid=self.shop_says(),
        )
        self.payment(
            A=pick_one(*AMOUNTS),
            captures=tuple(minor for minor in (pick_one(*AMOUNTS), pick_one(*AMOUNTS)) if minor),
            refunds=tuple(minor for minor in (pick_one(*AMOUNTS),) if minor),
            X=pick_one(*AMOUNTS),
            failed_refund=pick_one(0, 100),
        )
        self.now.features.add("strange")
        self.shop_mistakes(order)

    def attempts(self) -> None:
        """Draw an order with several payments: parts of one, duplicates, or earlier attempts."""
        pick_one = self.choose
        self.now.features.add("attempts")
        named = pick_one("", "", "-1")
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
        for attempt in range(pick_one(2, 2, 2, 3)):
            A = pick_one(1000, 1000, 600, 400, 500, 300)
            fate = pick_one("captured", "captured", "held", "released", "dead", "given_back")
            created = authorized + timedelta(hours=attempt)
            common: dict[str, Any] = {
                "tail": f"-{attempt}" if attempt else "",
                "authorized": created,
                "captured": self.before(6, 5, 2),
            }
            if fate == "dead":
                self.payment(**common, A=0, state=pick_one("ABORTED", "EXPIRED"), amount=A)
            elif fate == "held":
                self.payment(**common, A=A)
            elif fate == "released":
                self.payment(**common, A=A, X=A)
            elif fate == "given_back":
                self.payment(**common, A=A, captures=(A,), refunds=(self.pick(A, 300, 100),))
            else:
                self.payment(**common, A=A, captures=(A,))
        if sum(payment["refunded_minor"] > 0 for payment in self.now.payments) > 1:
            self.now.features.add("several_given_back")
        if self.rarely(15):
            self.unread(self.now.payments[pick_one(0, -1)]["reference"])
            self.now.features.add("unread_sibling")
        if self.rarely(4):
            self.now.features.add("attempts_in_detail")
            self.attempts_in_detail(order)

    def attempts_in_detail(self, order: dict[str, Any]) -> None:
        """Draw special details of an order with several payments."""
        self.shop_mistakes(order)
        if order["method_unsure"]:
            self.now.features.add("attempt_unsure")
        if self.rarely(12) and not order["method_unsure"]:
            order["recurring"] = True
        if self.rarely(6):
            order["by_vipps"], order["method_unsure"] = False, False
            self.now.features.add("other_tender_with_attempts")
        if self.rarely(6):
            waived = self.choose(*self.now.payments) if self.now.payments else order
            self.now.waived.add((self.msn, waived["reference"]))
            self.now.features.add("attempt_waived")
        if self.rarely(6) and self.now.payments:
            unsettled = self.choose(*self.now.payments)
            self.now.unsettled.add((self.msn, unsettled["reference"]))
            self.now.features.add("attempt_unsettled")
        if order["exported_at"] == NOW:
            self.moments(order, *self.now.payments)
        if self.rarely(3) and self.exported < NOW:
            self.now.features.add("attempts_later")
            for event in self.now.events:
                after = {"REFUNDED", "CANCELLED"} | ({"CAPTURED"} if self.rarely(3) else set())
                if event["name"] in after:
                    event["event_at"] = self.exported + timedelta(hours=6)
                    event["event_day"] = day_number(event["event_at"], self.msn)

    def several_in_a_cell(self) -> None:
        """Draw an order whose reference cell contains two payments; one may not be found."""
        self.now.features.add("several_in_a_cell")
        base = f"r{self.now.number:06}"
        self.order(
            further_references=f"{base}-1",
            refunded_minor=self.pick(0, 200),
            status=self.pick("fulfilled", "open", "cancelled"),
            total_minor=self.pick(1000, 900, 1100),
        )
        authorized = self.before(10, 8)
        found = self.pick((("", 600), ("-1", 400)), (("", 1000),), (("-1", 1000),))
        for tail, A in found:
            self.payment(
                tail=tail,
                A=A,
                captures=self.pick((A,), ()),
                authorized=authorized,
                captured=self.before(6, 2),
            )

    def overlap(self) -> None:
        """Draw an order that is in several exports and changed between them."""
        self.now.features.add("overlap")
        pick_one = self.choose
        guessed = self.rarely(4)
        steps = [
            {"status": "open", "refunded_minor": 0, "fulfilled_at": None},
            {"status": pick_one("fulfilled", "cancelled"), "refunded_minor": 0},
            {"status": "fulfilled", "refunded_minor": pick_one(100, 200)},
        ]
        fulfilled, ordered = self.before(6, 2, 0.4), self.before(10, 40)
        chosen = sorted(self.chance.sample(range(3), pick_one(2, 2, 3)))
        if self.rarely(5):
            chosen = [chosen[0]] * len(chosen)
        for n, step in enumerate(chosen):
            exported = self.exported - timedelta(days=len(chosen) - 1 - n)
            dates = {"fulfilled_at": fulfilled, "ordered_at": ordered} | steps[step]
            if dates["status"] != "fulfilled":
                dates["fulfilled_at"] = None
            dates["refunded_at"] = self.before(0.6, 0.1) if dates["refunded_minor"] else None
            self.order(
                source_file=f"orders{n}.csv",
                exported_at=exported,
                exported_at_guessed=guessed,
                **dates,
            )
        if guessed:
            # The newest file was copied first: only the progress of the rows shows which is newer.
            moments = [row["exported_at"] for row in self.now.orders]
            for row, moment in zip(self.now.orders, reversed(moments), strict=True):
                row["exported_at"] = moment
            self.now.features.add("overlap_guessed")
        elif self.rarely(5):
            last = self.now.orders[-1]
            changed = {"total_minor": 900, "exported_at": last["exported_at"], "source_row": 1}
            self.now.orders.append(dict(last) | changed | {"source_file": "orders9.csv"})
            self.now.features.add("overlap_same_age")
            if self.rarely(2):
                self.other_attempt_of_same_age()
        self.chance.shuffle(self.now.orders)
        if "overlap_same_age" not in self.now.features and self.rarely(4):
            self.overlapping_attempts()
        self.payment(
            A=1000,
            captures=self.pick((1000,), (), (400,)),
            refunds=self.pick((), (100,), (200,)) if self.rarely(2) else (),
            authorized=self.before(10, 8),
        )
        added = self.now.payments[-1]
        if added["refunded_minor"] > added["captured_minor"]:
            self.now.features.add("strange")

    def other_attempt_of_same_age(self) -> None:
        """Make the last export name another attempt, which the customer may have paid too."""
        for row in self.now.orders:
            row["attempt_base"] = row["reference"]
        self.now.orders[-1]["reference"] += "-1"
        captures = self.pick((1000,), (), (900,))
        self.payment(tail="-1", A=1000, captures=captures, authorized=self.before(9, 7))

    def overlapping_attempts(self) -> None:
        """Make the older exports contain an earlier attempt that was abandoned."""
        self.now.features.add("overlap_of_attempts")
        newest = max(row["exported_at"] for row in self.now.orders)
        for row in self.now.orders:
            row["attempt_base"] = row["reference"]
            if row["exported_at"] < newest:
                row["reference"] += "-1"
        self.payment(tail="-1", A=0, state="ABORTED", amount=1000, authorized=self.before(9))

    def shared(self) -> None:
        """Draw several order rows with one reference."""
        pick_one = self.choose
        totals = pick_one((600, 400), (1000, 900), (1000, 600), (700, 300, 100), (500, 200))
        status = pick_one("fulfilled", "fulfilled", "open", "cancelled", "mixed")
        fulfilled = self.before(6, 0.1) if status == "fulfilled" else None
        ordered, drop = self.before(10, 40), self.rarely(4)
        self.now.features.add("shared")
        for n, total in enumerate(totals):
            cancelled = drop and n == 0
            if cancelled:
                self.now.features.add("combined_with_cancelled")
            self.order(
                order_number=f"#{self.now.number:06}/{n}",
                total_minor=total,
                status="cancelled" if cancelled else self.draw_row_status(status),
                refunded_minor=self.pick(0, 0, 100, total),
                fulfilled_at=None if cancelled else fulfilled,
                ordered_at=ordered,
                refunded_at=None,
            )
        refunded_in_full = any(
            0 < row["total_minor"] <= row["refunded_minor"] for row in self.now.orders
        )
        if refunded_in_full or status == "mixed":
            self.now.features.add("combined_mixed")
        A = pick_one(1000, 600, sum(totals))
        self.payment(A=A, captures=pick_one((A,), (A,), ()), refunds=())
        if self.rarely(10):
            self.unread(self.now.orders[0]["reference"])

    def draw_row_status(self, status: str) -> str:
        """Draw the status of one of several rows, if they are mixed."""
        return self.choose("fulfilled", "open", "open", "partial") if status == "mixed" else status

    def orphan(self) -> None:
        """Draw a payment without an order."""
        msn = UNCOVERED if self.rarely(5) else self.msn
        days = self.pick(10, 40, 177, 600)
        added = self.payment(msn=msn, authorized=NOW - timedelta(days=days), **self.money(1000))
        self.now.features.add("orphan")
        if self.rarely(10):
            self.now.waived.add((added["msn"], added["reference"]))
        if self.rarely(20):
            added["captured_minor"] += 7
            self.now.features.add("gap_of_orphan")

    def lonely(self) -> None:
        """Draw an order without a payment."""
        pick_one = self.choose
        total = pick_one(0, 1000, 1000, 1_000_000)
        order = self.order(
            total_minor=total,
            refunded_minor=min(total, pick_one(0, 0, 200, 1000)),
            status=self.status(),
            paid=self.shop_says(),
            by_vipps=pick_one(True, True, None, False),
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
            self.fail(order["reference"], pick_one(404, 404, 503, None))
        elif chance == 19:
            self.now.waived.add((self.msn, order["reference"]))

    def otherwise(self) -> None:
        """Draw a payment for an order with another payment method, or for a recurring charge."""
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
            self.payment(A=0, state=self.choose("ABORTED", "EXPIRED", "CREATED"), amount=1000)
        else:
            self.payment(**self.money(1000))
        self.moments(order, *self.now.payments)

    def mangled(self) -> None:
        """Draw an order whose reference has changed between upper and lower case."""
        order = self.order(refunded_minor=0)
        order["reference"] = order["reference"].upper()
        self.payment(A=1000, captures=self.choose((1000,), (400,), ()))
        self.now.features.add("mangled")
