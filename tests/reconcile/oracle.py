"""A second opinion: the rules in plain Python, one order at a time, with integers and dicts.

Written from the text of the rules alone, sharing nothing with the package: no frames, no
expressions, no columns. Slow and simple on purpose. It knows the rules for what may be drawn
in `worlds`; what the rules leave open is left out there.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

DAY = timedelta(days=1)
DEAD = {"ABORTED", "EXPIRED", "TERMINATED"}
LARGE = {"NOK": 1_000_000, "DKK": 1_000_000, "SEK": 1_000_000}
LARGE_ELSEWHERE = 100_000

HIGH = {
    "cancelled_but_captured",
    "refund_missing_at_vipps",
    "refund_failed",
    "duplicate_payment",
    "duplicate_capture",
    "fulfilled_not_captured",
    "authorization_lost",
    "not_paid",
    "missing_in_vipps",
    "missing_in_orders",
    "currency_mismatch",
}
MEDIUM = {
    "over_captured",
    "under_captured",
    "refund_missing_in_shop",
    "captured_not_fulfilled",
    "authorization_expiring",
    "reference_mangled",
}
LADDER = ("info", "low", "medium", "high", "critical")


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


class Finding(NamedTuple):
    """One thing wrong: expected and actual None where the rules have no amount."""

    question: str
    kind: str
    reference: str | None
    expected: int | None
    actual: int | None
    at_risk: int
    currency: str
    deadline_near: bool = False
    low: bool = False

    @property
    def difference(self) -> int:
        """Actual minus expected, an unknown side counting as 0."""
        return (self.actual or 0) - (self.expected or 0)


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


def opinion(world: World) -> Opinion:
    """Return what the rules say of a world."""
    return _Run(world).opinion()


def severity(finding: Finding, age_days: int | None, cap_broken: bool = False) -> str:
    """Return the severity of a finding of that age."""
    kind, risk = finding.kind, finding.at_risk
    if kind in {"refund_exceeds_capture", "aggregate_mismatch"} or (risk and finding.deadline_near):
        return "critical"
    if kind == "rounding_difference":
        if not cap_broken:
            return "info"
        base = "medium"
    elif kind == "reference_mangled":
        base = "medium"
    elif risk == 0 or finding.low or kind in {"remainder_open", "duplicate_order_row"}:
        base = "low"
    else:
        base = "high" if kind in HIGH else "medium"
    step = risk >= LARGE.get(finding.currency, LARGE_ELSEWHERE) or (age_days or 0) > 30
    return LADDER[LADDER.index(base) + step]


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


def marks(order: dict[str, Any]) -> set[str]:
    """Return the flags an order row carries into whatever becomes of it."""
    marked = {"split_tender"} if order["split_tender"] else set()
    return marked | ({"status_unknown"} if order["status"] == "unknown" else set())


class Asked(NamedTuple):
    """One pair's answers."""

    findings: list[Finding]
    timing: list[str]
    ignored: list[str]
    matched: str
    flags: frozenset[str]
    q: int
    p: int


def ask(order: dict[str, Any], m: Money, unit: Unit, moment: datetime, tolerance: int) -> Asked:
    """Ask one order and its money what is captured, refunded and still reserved."""
    O, Or = order["total_minor"], order["refunded_minor"] or 0
    A, C, R, K = m.A, m.C, m.R, m.K
    flags: set[str] = set()
    status = order["status"]
    if status == "open" and unit.at_once:
        status = "fulfilled"
    if status == "unknown":
        status = "fulfilled" if C > 0 else "open"
    if status in {"open", "partial"} and Or >= O > 0:
        status = "fulfilled"
    cancelled, is_open = status == "cancelled", status == "open"
    q = p = 0
    if not cancelled and not (is_open and C > 0):
        q = max(0, min(O - C, Or - R))
        p = max(0, min(C - O, R - Or))
    E, Er = O - q + p, Or - q + p
    flags |= {"refunded_before_capture"} if q else set()
    flags |= {"excess_refunded"} if p else set()
    left = m.authorized + timedelta(days=unit.capture_days) - moment if m.authorized else None
    passed = left is not None and left < timedelta(0)
    near = deadline_near(m, unit, moment)
    findings: list[Finding] = []
    timing: list[str] = []
    ignored: list[str] = []
    matched = ""

    def wrong(question: str, kind: str, expected: int, actual: int, risk: int) -> None:
        low = bool(order["split_tender"]) or (kind == "over_captured" and "express_shipping" in flags)
        findings.append(
            Finding(question, kind, order["reference"], expected, actual, risk, order["currency"], near, low)
        )

    # captured
    twice = any(
        n >= 2 and v > 0 and (C - E) % v == 0 and 1 <= (C - E) // v <= n - 1
        for v, n in Counter(m.captures).items()
    )
    truncated = order.get("truncated_minor")
    shopware = truncated is not None and A == C == truncated and C != E
    since_fulfilled = moment - order["fulfilled_at"] if order.get("fulfilled_at") else None
    started = status in {"partial", "fulfilled"}
    expected = 0 if is_open else E
    if cancelled:
        if 0 < Or < O and C - R == O - Or:
            matched = "cancellation_fee_kept"
            flags.add(matched)
        elif C > R:
            wrong("captured", "cancelled_but_captured", 0, C - R, C - R)
    elif E == 0 and C == 0:
        pass
    elif is_open and C > 0:
        if m.captured is not None and moment - m.captured > 3 * DAY:
            wrong("captured", "captured_not_fulfilled", 0, C, max(0, C - max(R, Or)))
        else:
            timing.append("timing_awaiting_fulfilment")
    elif (m.state in DEAD and (order["paid"] == "yes" or started)) or (m.state == "CREATED" and started):
        wrong("captured", "not_paid", expected, C, 0 if is_open else E)
    elif is_open and m.state in DEAD:
        if order["paid"] == "no":
            ignored.append("abandoned_checkout")
        else:
            wrong("captured", "not_paid", expected, C, 0)
    elif is_open and m.state == "CREATED":
        timing.append("timing_awaiting_payment")
    elif A > 0 and C == 0 and (K == 0 or passed):
        wrong("captured", "authorization_lost", expected, C, O - q - C)
    elif status == "partial" and 0 < C < E and (K == 0 or passed):
        wrong("captured", "authorization_lost", C, C, O - q - C)
    elif (status == "partial" and 0 < C < E) or (is_open and C == 0):
        timing.append("timing_awaiting_fulfilment")
    elif started and C == 0:
        if since_fulfilled is None or since_fulfilled > DAY:
            wrong("captured", "fulfilled_not_captured", E, C, E - C)
        else:
            timing.append("timing_capture_pending")
    elif C > E and twice:
        wrong("captured", "duplicate_capture", E, C, C - E)
    elif 0 < abs(C - E) <= tolerance or shopware:
        flags |= {"shopware_truncation"} if shopware else set()
        wrong("captured", "rounding_difference", E, C, 0)
    elif status == "fulfilled" and C < E:
        flags |= {"not_capturable"} if K < E - C else set()
        wrong("captured", "under_captured", E, C, E - C)
    elif C > E:
        flags |= {"express_shipping"} if A > m.amount and C - O == A - m.amount else set()
        wrong("captured", "over_captured", E, C, C - E)

    # refunded
    since_refund = moment - order["refunded_at"] if order.get("refunded_at") else None
    if R > C:
        wrong("refunded", "refund_exceeds_capture", C if cancelled else Er, R, R - C)
    elif cancelled:
        flags |= {"last_refund_failed"} if m.failed_refund_last else set()
    elif 0 < abs(Er - R) <= tolerance:
        wrong("refunded", "rounding_difference", Er, R, 0)
    elif Er > R and m.failed_refund_last:
        wrong("refunded", "refund_failed", Er, R, Er - R)
    elif Er > R and since_refund is not None and since_refund < DAY:
        timing.append("timing_refund_pending")
    elif Er > R:
        wrong("refunded", "refund_missing_at_vipps", Er, R, Er - R)
    elif R > Er:
        flags.add("made_elsewhere")
        wrong("refunded", "refund_missing_in_shop", Er, R, R - Er)

    # reserved
    guarantee = m.guaranteed - moment if m.guaranteed else None
    warned = left is not None and timedelta(0) <= left <= unit.warn_days * DAY
    warned |= guarantee is not None and timedelta(0) <= guarantee <= 2 * DAY
    if K > 0 and (cancelled or E == 0 or (started and C >= E)):
        wrong("reserved", "remainder_open", 0, K, 0)
    elif K > 0 and status == "fulfilled" and 0 < C < E and K > E - C:
        wrong("reserved", "remainder_open", 0, K - (E - C), 0)
    elif K > 0 and (is_open or status == "partial") and warned:
        wrong("reserved", "authorization_expiring", 0, K, min(K, max(0, E - C)))
    return Asked(findings, timing, ignored, matched, frozenset(flags), q, p)


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

    def orders(self, key: tuple[str, Any], group: list[dict[str, Any]], payments: list[dict[str, Any]], failed: bool) -> None:
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
        ranked = sorted(group, key=lambda o: (abs(o["total_minor"] - C), o["order_number"]))
        self.order(ranked[:1], ranked[0], payments, failed, set())
        for order in ranked[1:]:
            self.found(
                Finding("there", "duplicate_order_row", key[1], order["total_minor"], None, 0, order["currency"]),
                order["msn"],
            )
            self.put_order(order, Place("discrepancy", "duplicate_order_row", frozenset()))
            self.add(order, "captured", "orders", order["total_minor"])
            self.add(order, "refunded", "orders", order["refunded_minor"])

    def order(self, group: list[dict[str, Any]], order: dict[str, Any], payments: list[dict[str, Any]], failed: bool, flags: set[str]) -> None:
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
        live = [pair for pair in each if pair[1].live]
        chosen = live or each
        if len(live) > 1:
            if sum(m.C - m.R + m.K for _, m in live) <= O - Or:
                flags = flags | {"split_payment"}
            else:
                live.sort(key=lambda pair: (abs((pair[1].C or pair[1].K) - O), pair[1].authorized, pair[0]["reference"]))
                chosen = live[:1]
                for payment, m in live[1:]:
                    self.found(
                        Finding("there", "duplicate_payment", payment["reference"], 0, m.C, m.C - m.R if m.C else m.K, payment["currency"], deadline_near(m, self.unit(payment), self.world.as_of)),
                        payment["msn"],
                    )
                    self.put_payment(payment, Place("discrepancy", "duplicate_payment", frozenset()))
        for payment, m in each:
            if not m.live and (payment, m) not in chosen:
                self.put_payment(payment, Place("matched", "superseded_attempt", frozenset()))
        m = chosen[0][1] if len(chosen) == 1 else together([m for _, m in chosen])
        end(self.pair(order, chosen[0][0], m, flags), [payment for payment, _ in chosen])
        return None

    def unpaid(self, group: list[dict[str, Any]], order: dict[str, Any], flags: frozenset[str]) -> None:
        """Judge an order that has no payment."""
        place = Place("matched", "", flags)
        if order["status"] != "cancelled":
            is_open = order["status"] == "unknown"
            is_open |= order["status"] == "open" and not self.unit(order).at_once
            is_open = is_open and not order["refunded_minor"] >= order["total_minor"] > 0
            risk = 0 if is_open else max(0, order["total_minor"] - order["refunded_minor"])
            flags |= set() if order["reference"] else {"no_reference"}
            named = order["reference"] or order["order_number"]
            finding = Finding("there", "missing_in_vipps", named, order["total_minor"], None, risk, order["currency"])
            self.found(finding._replace(low=order["split_tender"]), order["msn"])
            place = Place("discrepancy", "missing_in_vipps", flags)
        for row in group:
            self.put_order(row, place)

    def mangled(self, order: dict[str, Any], payment: dict[str, Any]) -> None:
        """Judge an order whose reference was damaged, with the payment it means."""
        self.add(order, "captured", "orders", order["total_minor"])
        self.add(order, "refunded", "orders", order["refunded_minor"])
        self.found(Finding("there", "reference_mangled", order["reference"], None, None, 0, order["currency"]), order["msn"])
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
                Finding("there", "missing_in_orders", payment["reference"], None, actual, risk, payment["currency"], deadline_near(m, self.unit(payment), self.world.as_of)),
                payment["msn"],
            )
            place = Place("discrepancy", "missing_in_orders", frozenset())
        else:
            place = Place("ignored", "abandoned_checkout", frozenset())
        self.put_payment(payment, place)

    def pair(self, order: dict[str, Any], payment: dict[str, Any], m: Money, flags: set[str]) -> Place:
        """Judge an order with its money; return where both end."""
        moment = min(self.world.as_of, order["exported_at"], m.fetched)
        flags = set(flags)
        flags |= {"changed_after_export"} if m.changed else set()
        gap = m.gaps > 0
        if gap:
            self.gap(payment, m)
        later = any(order.get(name) and order[name] > m.fetched for name in ("fulfilled_at", "refunded_at"))
        if later:
            return Place("discrepancy", "aggregate_mismatch", frozenset(flags)) if gap else Place("timing", "timing_after_cut", frozenset(flags))
        if order["currency"] != payment["currency"]:
            flags |= {"presentment_currency"} if order["shop_currency_only"] else set()
            self.found(
                Finding("there", "currency_mismatch", order["reference"], None, None, m.C - m.R, payment["currency"], deadline_near(m, self.unit(payment), self.world.as_of), order["split_tender"]),
                order["msn"],
            )
            return Place("discrepancy", "currency_mismatch", frozenset(flags))
        asked = ask(order, m, self.unit(order), moment, self.world.tolerance)
        flags |= asked.flags
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
        self.found(Finding("aggregate", "aggregate_mismatch", payment["reference"], None, None, m.gaps, payment["currency"]), payment["msn"])

    def unit(self, row: dict[str, Any]) -> Unit:
        """Return the sales unit of an order or a payment."""
        return self.world.units[row["msn"]]

    def found(self, finding: Finding, msn: str) -> None:
        """Keep a finding, and its line of the bridge."""
        self.findings.append(finding)
        leg = "refunded" if finding.question == "refunded" else "captured"
        if finding.question in {"there", "captured", "refunded"}:
            self.bridge[leg, msn, finding.currency, finding.kind] += finding.difference

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
