"""A second opinion: the rules of orders and payments in plain Python, one order at a time.

Written from the text of the rules alone. It shares nothing with the package: no frames, no
expressions, no columns of its own; integers, dicts and plain if-statements, slow and simple on
purpose, so that an accountant can read it beside the rules.

`oracle_groups` says which rows and payments belong together, `oracle_money` what a payment
amounted to at a moment, `oracle_pair` what is wrong between an order and its money,
`oracle_proposals` what may be proposed, `oracle_bridge` how both sides add up.
"""
# ruff: noqa: E741, N803, N806, PLR0911, PLR0912 - the rules' own letters, and long tables

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.reconciliation import oracle_bridge as bridge
from tests.reconciliation import oracle_proposals as proposals
from tests.reconciliation.oracle_groups import (
    Family,
    choose_counted,
    combine,
    families,
    is_split,
    nearest_row,
)
from tests.reconciliation.oracle_money import Money, Unit, money, together
from tests.reconciliation.oracle_pair import (
    NOTHING,
    Answer,
    Asked,
    Settings,
    ask,
    ask_reserved,
    explained,
    net_of,
    standing,
)

EXPLAINED_PENDING = {"timing_capture_pending", "timing_refund_pending"}
FAR = datetime(9999, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where an input row ended."""

    bucket: str
    kind: str
    flags: frozenset[str]


class Finding(NamedTuple):
    """One thing wrong: expected and actual None where the rules have no amount."""

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
        """Actual minus expected; an unknown side counts as 0."""
        return (self.actual or 0) - (self.expected or 0)


class World(NamedTuple):
    """All that goes into one run, as rows."""

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


Lines = list[tuple[str, str, str, str, int]]


class Opinion(NamedTuple):
    """What is right: findings, the place of each row, the bridge, and the sums it must end in."""

    findings: list[Finding]
    places: dict[tuple[str, str], Place]
    bridge: Counter[tuple[str, str, str, str]]
    moved: Counter[tuple[str, str, str]]


class Reading(NamedTuple):
    """One payment with its letters at the moment that counts."""

    payment: dict[str, Any]
    m: Money
    moment: datetime

    @property
    def key(self) -> str:
        """The payment's key among the input rows."""
        return f"{self.payment['msn']}:{self.payment['reference']}"


def opinion(world: World) -> Opinion:
    """Return what the rules say of a world: judged at each pair's moment, proposed on all known."""
    at_the_cut = Run(world, whole_log=False).judge()
    known = Run(world, whole_log=True).judge()
    owed = {(f.question, f.msn, f.reference, f.verb): f.minor for f in known.findings if f.verb}
    findings = []
    for finding in at_the_cut.findings:
        if finding.verb:
            now = owed.get((finding.question, finding.msn, finding.reference, finding.verb)) or 0
            minor = min(now, finding.minor or 0)
            finding = finding._replace(  # noqa: PLW2901
                verb=finding.verb if minor else None, minor=minor or None
            )
        findings.append(finding)
    return at_the_cut._replace(findings=findings)


def paid_means_captured(world: World) -> bool:
    """Whether the shop's `paid` says captured: most open orders that hold money would be unpaid."""
    held = set()
    log = logs(world)
    for payment in world.payments:
        key = payment["msn"], payment["reference"]
        if money(payment, log[key], world.as_of, has_log=world.has_log).K > 0:
            held.add(key)
    said = [
        order["paid"]
        for order in world.orders
        if order["status"] == "open" and (order["msn"], order["reference"]) in held
    ]
    return len(said) >= 20 and said.count("no") * 2 > len(said)


def logs(world: World) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return each payment's event log."""
    log: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for event in world.events:
        log[event["msn"], event["reference"]].append(event)
    return log


class Run:
    """One judgement of a world, at each pair's own moment or on the whole log."""

    def __init__(self, world: World, *, whole_log: bool) -> None:
        self.world = world
        self.whole_log = whole_log
        self.log = logs(world)
        self.opinion = Opinion([], {}, Counter(), Counter())
        self.failed = {(f["msn"], f["reference"]) for f in world.failures if f["status"] != 404}
        self.no_means_unknown = paid_means_captured(world)

    def judge(self) -> Opinion:
        """Judge every family of rows and payments, then the payments without an order."""
        grouped, orphans = families(self.world.orders, self.world.payments)
        for family in grouped:
            self.family(family)
        days = [row["ordered_at"] for row in self.world.orders if row["ordered_at"]]
        covered = {row["msn"] for row in self.world.orders}
        for payment in orphans:
            self.orphan(payment, days, covered)
        return self.opinion

    # --- who is compared with whom ---------------------------------------------------------

    def family(self, family: Family) -> None:
        """Judge the rows of one order, or of one reference, with all its attempts."""
        rows, payments = family.rows, family.payments
        unread = any((family.msn, reference) in self.failed for reference in family.references)
        for row in family.superseded:
            self.lines(row, bridge.of_rows(row["total_minor"], row["refunded_minor"]))
            line = bridge.set_aside("ignored", row["total_minor"], row["refunded_minor"])
            self.lines(row, line)
            self.put_order(row, Place("ignored", "superseded_row", marks(row)))
        if len(rows) == 1:
            self.order(rows, rows[0], payments, unread, frozenset())
            return
        readings = [self.read(rows[0], payment) for payment in payments]
        combined = combine(
            rows, sum(r.m.A for r in readings), sum(r.m.C for r in readings), bool(payments)
        )
        if combined is not None:
            self.order(rows, combined, payments, unread, frozenset({"combined_orders"}))
            return
        first = nearest_row(rows, sum(r.m.C for r in readings))
        if unread or (family.msn, first["reference"]) in self.world.waived:
            for number, row in enumerate(rows):
                self.order([row], row, payments if number == 0 else [], unread, frozenset())
            return
        self.order([first], first, payments, unread, frozenset())
        for row in rows:
            if row is not first:
                self.found(row, "there", "duplicate_order_row", row["total_minor"], None, 0)
                self.lines(row, bridge.of_rows(row["total_minor"], row["refunded_minor"]))
                self.lines(row, [("refunded", "duplicate_rows", -(row["refunded_minor"] or 0))])
                self.put_order(row, Place("discrepancy", "duplicate_order_row", marks(row)))

    def read(self, order: dict[str, Any] | None, payment: dict[str, Any]) -> Reading:
        """Return a payment's letters at its pair's moment, or on the whole log."""
        moment = min(self.world.as_of, payment["fetched_at"])
        if order is not None:
            moment = min(moment, order["exported_at"])
        cut = moment
        if self.whole_log:
            cut, moment = FAR, max(moment, self.world.as_of)
        log = self.log[payment["msn"], payment["reference"]]
        return Reading(payment, money(payment, log, cut, has_log=self.world.has_log), moment)

    def order(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        payments: list[dict[str, Any]],
        unread: bool,
        flags: frozenset[str],
    ) -> None:
        """Judge one order (several rows where they are combined): the first line that holds."""
        for row in rows:
            self.lines(row, bridge.of_rows(row["total_minor"], row["refunded_minor"]))
        O = sum(row["total_minor"] for row in rows)
        Or = sum(row["refunded_minor"] or 0 for row in rows)
        unit = self.world.units[order["msn"]]
        readings = [self.read(order, payment) for payment in payments]
        C, R = sum(r.m.C for r in readings), sum(r.m.R for r in readings)
        K = sum(r.m.K for r in readings)
        flags |= marks(order)
        if any(r.m.changed for r in readings):
            flags |= {"changed_after_export"}
        if not self.world.has_log and readings:
            flags |= {"amounts_as_fetched"}
        if self.no_means_unknown and order["paid"] == "no":
            order = order | {"paid": "unknown"}

        def set_aside(bucket: str, kind: str) -> None:
            self.lines(order, bridge.set_aside(bucket, O, Or, C, R))
            self.put(rows, readings, Place(bucket, kind, flags))

        if unread:
            return set_aside("not_checked", "")
        if self.waived(order, payments):
            return set_aside("ignored", "waived")
        if order["total_minor"] == 0 and not payments:
            return set_aside("ignored", "nothing_to_pay")
        if order["by_vipps"] is False:
            return self.paid_otherwise(rows, order, readings, flags, O, Or)
        if order.get("method_unsure"):
            if C == 0 and K == 0:
                if self.gaps(order, readings):
                    return set_aside("discrepancy", "aggregate_mismatch")
                return set_aside("ignored", "other_payment_method")
            flags |= {"method_unsure"}
        if order["recurring"]:
            return set_aside("ignored", "not_epayment")
        if payments:
            return self.attempts(rows, order, readings, flags, O, Or)

        status = standing(order, 0, unit)
        if status == "cancelled":
            self.lines(order, bridge.set_aside("cancelled", O, Or))
            return self.put(rows, [], Place("matched", "", flags))
        if status == "open" and order["paid"] == "no":
            return set_aside("ignored", "abandoned_checkout")
        at_risk = 0 if status == "open" else max(0, O - Or)
        if not order["reference"] and order["by_vipps"]:
            flags |= {"no_reference"}
        self.found(order, "there", "missing_in_vipps", O, None, at_risk)
        self.lines(order, [("refunded", "no_payment", -Or)])
        self.put(rows, [], Place("discrepancy", "missing_in_vipps", flags))
        return None

    def waived(self, order: dict[str, Any], payments: list[dict[str, Any]]) -> bool:
        """Whether the user decided to ignore this order, by a reference of its own or an attempt's."""
        names = {order["reference"], *(payment["reference"] for payment in payments)}
        return any((order["msn"], name) in self.world.waived for name in names)

    def paid_otherwise(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        readings: list[Reading],
        flags: frozenset[str],
        O: int,
        Or: int,
    ) -> None:
        """Judge an order paid with another payment method: Vipps was to collect nothing."""
        parts = [r.m for r in readings]
        C, R, K = (sum(getattr(m, letter) for m in parts) for letter in "CRK")
        kinds = []
        if C > R:
            self.found(order, "there", "paid_twice", 0, C, C - R, reading=readings[0])
            self.lines(order, bridge.set_aside("other_tender", O, Or, 0, R))
            kinds.append("paid_twice")
        else:
            self.lines(order, bridge.set_aside("other_tender", O, Or, C, R))
        if K > 0:
            m = together(parts)
            net = net_of(0, 0, "fulfilled", C, R)
            net = net._replace(E=0)
            unit = self.world.units[order["msn"]]
            answer = ask_reserved(m, net, "fulfilled", unit, readings[0].moment, NOTHING)
            asked = Asked("fulfilled", net, NOTHING, NOTHING, answer, flags, False)
            verb = None
            if len(readings) == 1:
                verb = proposals.of_pair(
                    order,
                    readings[0].payment,
                    m,
                    asked,
                    readings[0].moment,
                    forbidden=self.forbidden(rows, readings),
                ).get("reserved")
            self.answer(order, readings[0], "reserved", answer, verb)
            kinds.append("remainder_open")
        if self.gaps(order, readings):
            kinds.append("aggregate_mismatch")
        place = Place("ignored", "other_payment_method", flags)
        if kinds:
            place = Place("discrepancy", kinds[0], flags)
        self.put(rows, readings, place)

    def attempts(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        readings: list[Reading],
        flags: frozenset[str],
        O: int,
        Or: int,
    ) -> None:
        """Say which payments of an order count, and judge it with them."""
        held = [r for r in readings if r.m.held]
        named = {order["reference"], *(order.get("further_references") or "").split()}
        in_cell = [r for r in readings if r.payment["reference"] in named]
        several_in_cell = len(named) > 1 and len(in_cell) > 1
        surplus: list[Reading] = []
        if several_in_cell or (
            len(held) > 1 and is_split([r.m for r in held], order["total_minor"])
        ):
            counted = in_cell if several_in_cell else held
            flags |= {"split_payment"}
        else:
            best = choose_counted([(r.payment, r.m) for r in held or readings], order)
            counted = [(held or readings)[best]]
            surplus = [r for r in held if r is not counted[0]]
        for reading in readings:
            if reading not in counted and reading not in surplus:
                self.lines(order, bridge.set_aside("superseded", 0, 0, reading.m.C, reading.m.R))
                self.put([], [reading], Place("matched", "superseded_attempt", frozenset()))
        counted_m = counted[0].m if len(counted) == 1 else together([r.m for r in counted])
        refunded = order["refunded_minor"]
        for reading in surplus:
            R = reading.m.R
            if refunded is not None and 0 < R <= refunded - counted_m.R:
                refunded -= R
                self.lines(order, [("refunded", "refunded_on_second_payment", -R)])
        order = order | {"refunded_minor": refunded}
        asked = self.pair(rows, order, counted, counted_m, flags)
        for reading in surplus:
            self.second(rows, order, reading, counted_m, asked)

    def second(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        reading: Reading,
        counted: Money,
        asked: Asked | None,
    ) -> None:
        """Keep that a payment is one too many."""
        m = reading.m
        verb = None
        if asked is not None:
            verb = proposals.of_second_payment(
                order,
                reading.payment,
                m,
                counted,
                asked,
                forbidden=self.forbidden(rows, [reading]),
            )
        at_risk = max(0, m.C - m.R) if m.C else m.K
        self.found(order, "there", "duplicate_payment", 0, m.C, at_risk, reading, verb)
        self.lines(order, [("refunded", "second_payments", m.R)])
        self.gaps(order, [reading])
        self.put([], [reading], Place("discrepancy", "duplicate_payment", frozenset()))

    # --- one pair --------------------------------------------------------------------------

    def pair(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        counted: list[Reading],
        m: Money,
        flags: frozenset[str],
    ) -> Asked | None:
        """Judge an order with the money that counts; None where it is not judged."""
        first, unit = counted[0], self.world.units[order["msn"]]
        moment = min(r.moment for r in counted)
        O, Or = order["total_minor"], order["refunded_minor"]
        dropped = [row for row in rows if len(rows) > 1 and row["status"] == "cancelled"]
        if dropped and len(dropped) < len(rows):
            self.put(dropped, [], Place("matched", "", flags))
            rows = [row for row in rows if row not in dropped]
        if dropped:
            everything = [*rows, *dropped] if rows[0] not in dropped else rows
            total = sum(row["total_minor"] for row in everything)
            given = sum(row["refunded_minor"] or 0 for row in everything)
            left = [
                ("captured", "cancelled_rows", O - total),
                ("refunded", "cancelled_rows", (Or or 0) - given),
            ]
            self.lines(order, left)
        kinds: list[str] = []
        mangled = order["reference"] not in {r.payment["reference"] for r in counted}
        if mangled and not any(
            _stem(r.payment["reference"]) == _stem(order["reference"]) for r in counted
        ):
            self.found(order, "there", "reference_mangled", None, None, 0)
            kinds.append("reference_mangled")
        if any(row["currency"] != r.payment["currency"] for row in rows for r in counted):
            self.found(order, "there", "currency_mismatch", None, None, max(0, m.C - m.R), first)
            self.lines(order, bridge.set_aside("other_currency", O, Or, m.C, m.R))
            self.gaps(order, counted)
            self.put(
                rows,
                counted,
                Place("discrepancy", kinds[0] if kinds else "currency_mismatch", flags),
            )
            return None
        if not self.whole_log and self.shop_is_later(order, m, moment):
            self.lines(order, bridge.not_judged("timing_after_cut", O, Or, m))
            place = Place("timing", "timing_after_cut", flags)
            if self.gaps(order, counted):
                place = Place("discrepancy", "aggregate_mismatch", flags)
            self.put(rows, counted, place)
            return None
        asked = ask(order, m, unit, moment, self.world.settings)
        asked = asked._replace(flags=asked.flags | flags)
        answers = (asked.captured, asked.refunded, asked.reserved)
        codes = [a.kind for a in answers if a.outcome == "code"]
        codes = codes or [a.kind for a in answers if a.kind in EXPLAINED_PENDING]
        if not self.whole_log and codes:
            unit_passed = asked.deadline_passed
            if all(explained(kind, order, m, unit, unit_passed) for kind in codes):
                self.lines(order, bridge.not_judged("timing_after_cut", O, Or, m))
                place = Place("timing", "timing_after_cut", asked.flags)
                if self.gaps(order, counted):
                    place = Place("discrepancy", "aggregate_mismatch", asked.flags)
                self.put(rows, counted, place)
                return None
        verbs = {}
        if len(counted) == 1:
            verbs = proposals.of_pair(
                order,
                first.payment,
                m,
                asked,
                moment,
                forbidden=self.forbidden(rows, counted) or bool(dropped),
            )
        for question in ("captured", "refunded", "reserved"):
            answer: Answer = getattr(asked, question)
            if answer.outcome == "code":
                self.answer(order, first, question, answer, verbs.get(question))
                kinds.append(answer.kind)
        if self.gaps(order, counted):
            kinds.append("aggregate_mismatch")
        self.lines(order, bridge.of_pair(asked, m))
        self.put(rows, counted, self.place(asked, kinds, m))
        return asked

    def place(self, asked: Asked, kinds: list[str], m: Money) -> Place:
        """Return where a judged pair ends."""
        answers = (asked.captured, asked.refunded)
        if kinds:
            return Place("discrepancy", kinds[0], asked.flags)
        for bucket in ("timing", "ignored"):
            for answer in answers:
                if answer.outcome == bucket:
                    return Place(bucket, answer.kind, asked.flags)
        if m.changed:
            return Place("timing", "timing_after_cut", asked.flags)
        kind = asked.captured.kind if asked.captured.outcome == "matched" else ""
        return Place("matched", kind, asked.flags)

    def shop_is_later(self, order: dict[str, Any], m: Money, moment: datetime) -> bool:
        """Whether the run looks at a moment before the export, and something moved in between."""
        if self.world.as_of >= order["exported_at"]:
            return False
        dates = (order.get("fulfilled_at"), order.get("refunded_at"))
        return m.changed or any(date is not None and date > moment for date in dates)

    def forbidden(self, rows: list[dict[str, Any]], readings: list[Reading]) -> bool:
        """Whether an operation of ours is open on one of these payments, whose end nobody knows."""
        return any(
            (r.payment["msn"], r.payment["reference"]) in self.world.unsettled for r in readings
        )

    def gaps(self, order: dict[str, Any], readings: list[Reading]) -> bool:
        """Keep each payment whose totals contradict its own log."""
        wrong = [r for r in readings if r.m.gap]
        for reading in wrong:
            gap = reading.m.gap
            self.found(order, "aggregate", "aggregate_mismatch", None, None, gap, reading)
        return bool(wrong)

    def orphan(self, payment: dict[str, Any], days: list[datetime], covered: set[str]) -> None:
        """Judge a payment without an order."""
        reading = self.read(None, payment)
        m = reading.m
        began = m.authorized or payment["created_at"]
        outside = payment["msn"] not in covered or not days or not min(days) <= began <= max(days)
        flags = frozenset({"changed_after_export"} if m.changed else ())
        place, line = Place("ignored", "abandoned_checkout", flags), "ignored_payments"
        if (payment["msn"], payment["reference"]) in self.world.waived:
            place = Place("ignored", "waived", flags)
        elif outside:
            place, line = Place("timing", "timing_outside_export", flags), "outside_export"
        elif m.held:
            at_risk = max(0, m.C - m.R) if m.C else m.K
            self.found(payment, "there", "missing_in_orders", None, m.C, at_risk, reading)
            place, line = Place("discrepancy", "missing_in_orders", flags), ""
        if line:
            self.lines(payment, [("captured", line, m.C)])
        self.lines(payment, [("refunded", line or "payments_without_order", m.R)])
        if (
            place.kind != "waived"
            and self.gaps(payment, [reading])
            and place.bucket != "discrepancy"
        ):
            place = Place("discrepancy", "aggregate_mismatch", flags)
        self.put([], [reading], place)

    # --- what is kept ----------------------------------------------------------------------

    def answer(
        self,
        order: dict[str, Any],
        reading: Reading,
        question: str,
        answer: Answer,
        verb: tuple[str, int] | None,
    ) -> None:
        """Keep a code of one of the three questions of amounts."""
        self.keep(
            order,
            reading,
            Finding(
                question,
                answer.kind,
                order["msn"],
                reading.payment["reference"],
                order.get("order_number"),
                reading.payment["currency"],
                answer.expected,
                answer.actual,
                answer.at_risk,
                *(verb or ()),
            ),
        )

    def found(
        self,
        row: dict[str, Any],
        question: str,
        kind: str,
        expected: int | None,
        actual: int | None,
        at_risk: int,
        reading: Reading | None = None,
        verb: tuple[str, int] | None = None,
    ) -> None:
        """Keep a code of the question *there*, with its line of the bridge."""
        finding = Finding(
            question,
            kind,
            row["msn"],
            reading.payment["reference"] if reading else row["reference"],
            row.get("order_number"),
            reading.payment["currency"] if reading else row["currency"],
            expected,
            actual,
            at_risk,
            *(verb or ()),
        )
        self.keep(row, reading, finding)
        if question == "there":
            self.lines(row, [("captured", kind, finding.difference)])

    def keep(self, row: dict[str, Any], reading: Reading | None, finding: Finding) -> None:
        """Keep a finding."""
        self.opinion.findings.append(finding)

    def lines(self, row: dict[str, Any], lines: bridge.Lines) -> None:
        """Add lines to the bridge."""
        for leg, line, minor in lines:
            self.opinion.bridge[leg, row["msn"], row["currency"], line] += minor

    def put(self, rows: list[dict[str, Any]], readings: list[Reading], place: Place) -> None:
        """Say where rows and payments ended; each may end only once."""
        for row in rows:
            self.put_order(row, place)
        for reading in readings:
            self.put_once(("payments", reading.key), place)
            for leg, minor in (("captured", reading.m.C), ("refunded", reading.m.R)):
                self.opinion.moved[leg, reading.payment["msn"], reading.key] += minor

    def put_order(self, row: dict[str, Any], place: Place) -> None:
        """Say where an order row ended."""
        self.put_once(("orders", f"{row['source_file']}:{row['source_row']}"), place)

    def put_once(self, key: tuple[str, str], place: Place) -> None:
        """Keep a place; a second one for the same row is a fault of the model."""
        if key in self.opinion.places:
            raise AssertionError(f"{key} ends twice")
        self.opinion.places[key] = place


def marks(order: dict[str, Any]) -> frozenset[str]:
    """Return the flags an order row carries into whatever becomes of it."""
    flags = set()
    if order["split_tender"]:
        flags.add("split_tender")
    if order["status"] == "unknown":
        flags.add("status_unknown")
    return frozenset(flags)


def _stem(reference: str | None) -> str | None:
    from tests.reconciliation.oracle_groups import stem

    return stem(reference) if reference else None
