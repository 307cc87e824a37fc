"""A second opinion: the rules in plain Python, one order at a time, with integers and dicts.

Written from the text of the rules alone, sharing nothing with the package: no frames, no
expressions, no columns. Slow and simple on purpose. It knows the rules for what is drawn in
`worlds`; what the rules leave open is left out there.
"""
# ruff: noqa: E741, N806, PLR0911 - the rules' own letters, and an order's ends as they come

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from tests.reconciliation.oracle_money import Money, Unit, deadline_near, money, together
from tests.reconciliation.oracle_pair import Finding, ask, marks


class Place(NamedTuple):
    """Where an input row ended."""

    bucket: str
    kind: str
    flags: frozenset[str]


class World(NamedTuple):
    """All that goes into one run, as rows."""

    orders: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    events: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    units: dict[str, Unit]
    waived: set[tuple[str, str]]
    as_of: datetime
    tolerance: int


class Opinion(NamedTuple):
    """What is right: findings, the place of each row, and the known lines of the bridge."""

    findings: list[Finding]
    places: dict[tuple[str, str], Place]
    bridge: Counter[tuple[str, str, str, str]]
    twins: int


def opinion(world: World) -> Opinion:
    """Return what the rules say of a world."""
    return _Run(world).opinion()


class _Run:
    """One run over a world: who is compared with whom, and where everything ends."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.findings: list[Finding] = []
        self.places: dict[tuple[str, str], Place] = {}
        self.bridge: Counter[tuple[str, str, str, str]] = Counter()
        self.twins = 0
        self.log: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for event in world.events:
            self.log[event["msn"], event["reference"]].append(event)

    def opinion(self) -> Opinion:
        """Return the whole of it."""
        world = self.world
        rows: dict[tuple[str, Any], list[dict[str, Any]]] = defaultdict(list)
        for number, order in enumerate(world.orders):
            rows[order["msn"], order["reference"] or number].append(order)
        taken: dict[tuple[str, Any], list[dict[str, Any]]] = defaultdict(list)
        spare = []
        for payment in world.payments:
            key = payment["msn"], payment["reference"]
            base = key[0], re.sub(r"-\d{1,2}$", "", key[1])
            if key in rows:
                taken[key].append(payment)
            elif base in rows:
                taken[base].append(payment)
            else:
                spare.append(payment)
        failed = {(f["msn"], f["reference"]) for f in world.failures if f["status"] != 404}
        for key, group in rows.items():
            if not taken[key]:
                mended = [p for p in spare if p["msn"] == key[0] and _mends(key[1], p["reference"])]
                if mended:
                    spare.remove(mended[0])
                    self.mangled(group[0], mended[0])
                    continue
            self.orders(key, group, taken[key], key in failed)
        for payment in spare:
            self.orphan(payment)
        return Opinion(self.findings, self.places, self.bridge, self.twins)

    def orders(
        self,
        key: tuple[str, Any],
        group: list[dict[str, Any]],
        payments: list[dict[str, Any]],
        failed: bool,
    ) -> None:
        """Judge all rows of one reference."""
        numbers = {order["order_number"] for order in group}
        if len(group) > 1 and len(numbers) == 1:
            self.twins += len(group) - 1
            group = group[:1]
        if len(group) == 1:
            self.order(group, group[0], payments, failed, set())
            return
        sums = [self.letters(group[0], payment) for payment in payments]
        A, C = sum(m.A for m in sums), sum(m.C for m in sums)
        total = sum(order["total_minor"] for order in group)
        if payments and total in {A, C} and len(numbers) == len(group):
            one = group[0] | {
                "total_minor": total,
                "refunded_minor": sum(order["refunded_minor"] for order in group),
            }
            self.order(group, one, payments, failed, {"combined_orders"})
            return
        if failed:
            for order in group:
                self.order([order], order, payments, failed, set())
            return
        ranked = sorted(group, key=lambda o: (abs(o["total_minor"] - C), o["order_number"]))
        self.order(ranked[:1], ranked[0], payments, failed, set())
        for order in ranked[1:]:
            self.found(
                Finding(
                    "there",
                    "duplicate_order_row",
                    key[1],
                    order["total_minor"],
                    None,
                    0,
                    order["currency"],
                ),
                order["msn"],
            )
            self.put_order(order, Place("discrepancy", "duplicate_order_row", frozenset()))
            self.add(order, "captured", "orders", order["total_minor"])
            self.add(order, "refunded", "orders", order["refunded_minor"])

    def order(
        self,
        group: list[dict[str, Any]],
        order: dict[str, Any],
        payments: list[dict[str, Any]],
        failed: bool,
        flags: set[str],
    ) -> None:
        """Judge one order (several rows where they are combined) with its payments."""
        O, Or = order["total_minor"], order["refunded_minor"]
        self.add(order, "captured", "orders", O)
        self.add(order, "refunded", "orders", Or)
        key = order["msn"], order["reference"]

        def end(place: Place, among: list[dict[str, Any]]) -> None:
            for row in group:
                self.put_order(row, place)
            for payment in among:
                self.put_payment(payment, place)

        flags = flags | marks(order)
        each = [(payment, self.letters(order, payment)) for payment in payments]
        changed = {"changed_after_export"} if any(m.changed for _, m in each) else set()
        plain = frozenset(flags | changed)
        if failed:
            return end(Place("not_checked", "", plain), payments)
        for holds, kind in (
            (O == 0 and not payments, "nothing_to_pay"),
            (order["by_vipps"] is False and not payments, "other_payment_method"),
            (order["recurring"], "not_epayment"),
            (key in self.world.waived, "waived"),
        ):
            if holds:
                return end(Place("ignored", kind, plain), payments)
        if not payments:
            return self.unpaid(group, order, plain)
        moment = min(self.world.as_of, order["exported_at"], payments[0]["fetched_at"])
        live = [pair for pair in each if pair[1].live]
        chosen = live or each
        if len(live) > 1:
            if sum(m.C - m.R + m.K for _, m in live) <= O - Or:
                flags = flags | {"split_payment"}
            else:
                live.sort(
                    key=lambda pair: (
                        abs((pair[1].C or pair[1].K) - O),
                        pair[1].authorized,
                        pair[0]["reference"],
                    )
                )
                chosen = live[:1]
                for payment, m in live[1:]:
                    self.found(
                        Finding(
                            "there",
                            "duplicate_payment",
                            payment["reference"],
                            0,
                            m.C,
                            m.C - m.R if m.C else m.K,
                            payment["currency"],
                            deadline_near(m, self.unit(order), moment),
                        ),
                        payment["msn"],
                    )
                    self.put_payment(
                        payment, Place("discrepancy", "duplicate_payment", frozenset())
                    )
        for payment, m in each:
            if not m.live and (payment, m) not in chosen:
                self.put_payment(payment, Place("matched", "superseded_attempt", frozenset()))
        m = chosen[0][1] if len(chosen) == 1 else together([m for _, m in chosen])
        end(self.pair(order, chosen[0][0], m, flags), [payment for payment, _ in chosen])
        return None

    def unpaid(
        self, group: list[dict[str, Any]], order: dict[str, Any], flags: frozenset[str]
    ) -> None:
        """Judge an order that has no payment."""
        place = Place("matched", "", flags)
        if order["status"] != "cancelled":
            is_open = order["status"] == "unknown"
            is_open |= order["status"] == "open" and not self.unit(order).at_once
            is_open = is_open and not order["refunded_minor"] >= order["total_minor"] > 0
            risk = 0 if is_open else max(0, order["total_minor"] - order["refunded_minor"])
            nameless = not order["reference"] and order["by_vipps"] is True
            flags |= {"no_reference"} if nameless else set()
            named = order["reference"] or order["order_number"]
            finding = Finding(
                "there",
                "missing_in_vipps",
                named,
                order["total_minor"],
                None,
                risk,
                order["currency"],
            )
            self.found(finding._replace(low=order["split_tender"]), order["msn"])
            place = Place("discrepancy", "missing_in_vipps", flags)
        for row in group:
            self.put_order(row, place)

    def mangled(self, order: dict[str, Any], payment: dict[str, Any]) -> None:
        """Judge an order whose reference was damaged, with the payment it means."""
        self.add(order, "captured", "orders", order["total_minor"])
        self.add(order, "refunded", "orders", order["refunded_minor"])
        self.found(
            Finding(
                "there", "reference_mangled", order["reference"], None, None, 0, order["currency"]
            ),
            order["msn"],
        )
        place = self.pair(order, payment, self.letters(order, payment), marks(order))
        place = Place("discrepancy", "reference_mangled", place.flags)
        self.put_order(order, place)
        self.put_payment(payment, place)

    def orphan(self, payment: dict[str, Any]) -> None:
        """Judge a payment without an order."""
        moment = min(self.world.as_of, payment["fetched_at"])
        m = money(payment, self.log[payment["msn"], payment["reference"]], moment)
        days = [o["ordered_at"] for o in self.world.orders]
        covered = {o["msn"] for o in self.world.orders}
        began = m.authorized or payment["created_at"]
        if (payment["msn"], payment["reference"]) in self.world.waived:
            place = Place("ignored", "waived", frozenset())
        elif payment["msn"] not in covered or not min(days) <= began <= max(days):
            place = Place("timing", "timing_outside_export", frozenset())
        elif m.C or m.K:
            actual, risk = (m.C, m.C - m.R) if m.C else (m.K, m.K)
            self.found(
                Finding(
                    "there",
                    "missing_in_orders",
                    payment["reference"],
                    None,
                    actual,
                    risk,
                    payment["currency"],
                    deadline_near(m, self.unit(payment), self.world.as_of),
                ),
                payment["msn"],
                m.C,
            )
            place = Place("discrepancy", "missing_in_orders", frozenset())
        else:
            place = Place("ignored", "abandoned_checkout", frozenset())
        self.put_payment(payment, place)

    def pair(
        self, order: dict[str, Any], payment: dict[str, Any], m: Money, flags: set[str]
    ) -> Place:
        """Judge an order with its money; return where both end."""
        moment = min(self.world.as_of, order["exported_at"], m.fetched)
        flags = set(flags)
        flags |= {"changed_after_export"} if m.changed else set()
        gap = m.gaps > 0
        if gap:
            self.gap(payment, m)
        later = any(
            order.get(name) and order[name] > m.fetched for name in ("fulfilled_at", "refunded_at")
        )
        if later:
            return (
                Place("discrepancy", "aggregate_mismatch", frozenset(flags))
                if gap
                else Place("timing", "timing_after_cut", frozenset(flags))
            )
        if order["currency"] != payment["currency"]:
            flags |= {"presentment_currency"} if order["shop_currency_only"] else set()
            self.found(
                Finding(
                    "there",
                    "currency_mismatch",
                    order["reference"],
                    None,
                    None,
                    m.C - m.R,
                    payment["currency"],
                    deadline_near(m, self.unit(order), moment),
                    order["split_tender"],
                ),
                order["msn"],
            )
            return Place("discrepancy", "currency_mismatch", frozenset(flags))
        asked = ask(order, m, self.unit(order), moment, self.world.tolerance)
        flags |= asked.flags
        if not asked.ignored:
            self.add(order, "captured", "refunded_before_capture", -asked.q)
            self.add(order, "refunded", "refunded_before_capture", -asked.q)
            self.add(order, "captured", "excess_given_back", asked.p)
            self.add(order, "refunded", "excess_given_back", asked.p)
        for finding in asked.findings:
            self.found(finding, order["msn"])
        if asked.findings or gap:
            kind = asked.findings[0].kind if asked.findings else "aggregate_mismatch"
            return Place("discrepancy", kind, frozenset(flags))
        if asked.timing:
            return Place("timing", asked.timing[0], frozenset(flags))
        if asked.ignored:
            return Place("ignored", asked.ignored[0], frozenset(flags))
        if m.changed and not asked.matched:
            return Place("timing", "timing_after_cut", frozenset(flags))
        return Place("matched", asked.matched, frozenset(flags))

    def letters(self, order: dict[str, Any], payment: dict[str, Any]) -> Money:
        """Return a payment's letters at the moment its order is compared at."""
        moment = min(self.world.as_of, order["exported_at"], payment["fetched_at"])
        return money(payment, self.log[payment["msn"], payment["reference"]], moment)

    def gap(self, payment: dict[str, Any], m: Money) -> None:
        """Keep that a payment contradicts itself."""
        self.found(
            Finding(
                "aggregate",
                "aggregate_mismatch",
                payment["reference"],
                None,
                None,
                m.gaps,
                payment["currency"],
            ),
            payment["msn"],
        )

    def unit(self, row: dict[str, Any]) -> Unit:
        """Return the sales unit of an order or a payment."""
        return self.world.units[row["msn"]]

    def found(self, finding: Finding, msn: str, moved: int | None = None) -> None:
        """Keep a finding, and its line of the bridge: what moved, else what differs."""
        self.findings.append(finding)
        leg = "refunded" if finding.question == "refunded" else "captured"
        if finding.question in {"there", "captured", "refunded"}:
            self.bridge[leg, msn, finding.currency, finding.kind] += (
                finding.difference if moved is None else moved
            )

    def add(self, order: dict[str, Any], leg: str, line: str, minor: int) -> None:
        """Add to a line of the bridge."""
        self.bridge[leg, order["msn"], order["currency"], line] += minor

    def put_order(self, order: dict[str, Any], place: Place) -> None:
        """Say where an order row ended."""
        self.places["orders", f"{order['source_file']}:{order['source_row']}"] = place

    def put_payment(self, payment: dict[str, Any], place: Place) -> None:
        """Say where a payment ended."""
        self.places["payments", f"{payment['msn']}:{payment['reference']}"] = place


def _mends(damaged: Any, whole: str) -> bool:
    """Whether a reference is another one with its zeros lost or its case changed."""
    if not isinstance(damaged, str):
        return False
    return whole.lower() == damaged.lower() or (damaged.isdigit() and whole.lstrip("0") == damaged)
