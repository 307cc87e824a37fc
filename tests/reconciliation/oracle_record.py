"""What the model records in a run: findings, places, lines of the bridge; see `oracle`."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from tests.reconciliation import oracle_bridge as bridge
from tests.reconciliation import oracle_flags
from tests.reconciliation.oracle_data import (
    FAR,
    MOVES,
    Finding,
    ModelInput,
    Opinion,
    Place,
    Reading,
    logs,
    paid_means_captured,
)
from tests.reconciliation.oracle_money import money, together
from tests.reconciliation.oracle_pair import Answer


class Record:
    """A run over an input: reads payments, and records findings and where each row ends."""

    def __init__(self, model_input: ModelInput, *, whole_log: bool) -> None:
        self.model_input = model_input
        self.whole_log = whole_log
        self.log = logs(model_input)
        self.opinion = Opinion([], {}, Counter(), Counter())
        self.failed = {
            (f["msn"], f["reference"]) for f in model_input.failures if f["status"] != 404
        }
        self.no_means_unknown = paid_means_captured(model_input)
        self.counted: dict[str, list[str]] = {}
        self.flagged_until = 0
        self.outside: set[tuple[str, str, str | None]] = set()

    def read(self, order: dict[str, Any] | None, payment: dict[str, Any]) -> Reading:
        """Return a payment's amounts at its pair's cut-off time, or on the whole log."""
        moment = min(self.model_input.as_of, payment["fetched_at"])
        if order is not None:
            moment = min(moment, order["exported_at"])
        cut = moment
        if self.whole_log:
            cut, moment = FAR, max(moment, self.model_input.as_of)
        log = self.log[payment["msn"], payment["reference"]]
        return Reading(
            payment, money(payment, log, cut, has_log=self.model_input.has_log), moment, cut
        )

    def answer(
        self,
        order: dict[str, Any],
        reading: Reading,
        question: str,
        answer: Answer,
        verb: tuple[str, int] | None,
    ) -> None:
        """Record a code that answers one of the three questions about amounts."""
        self.opinion.findings.append(
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

    def record_finding(
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
        """Record a code of the question *there*, with its line of the bridge."""
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
        self.opinion.findings.append(finding)
        if question == "there":
            self.lines(row, [("captured", kind, finding.difference)])

    def lines(self, row: dict[str, Any], lines: bridge.Lines) -> None:
        """Add lines to the bridge."""
        for leg, line, minor in lines:
            self.opinion.bridge[leg, row["msn"], row["currency"], line] += minor

    def aside(
        self,
        order: dict[str, Any],
        readings: list[Reading],
        line: str,
        total: int,
        refunded: int | None,
    ) -> None:
        """Add the lines of an order that is not compared, each side in its own currency."""
        m = together([r.m for r in readings]) if readings else None
        C, R = (m.C, m.R) if m else (0, 0)  # noqa: N806
        paid_in = {r.payment["currency"] for r in readings} or {order["currency"]}
        if paid_in == {order["currency"]}:
            self.lines(order, bridge.set_aside(line, total, refunded, C, R))
            return
        self.lines(order, bridge.set_aside("other_currency", total, refunded))
        payment = readings[0].payment
        self.lines(payment, bridge.set_aside("other_currency", 0, 0, C, R))

    def put(
        self,
        rows: list[dict[str, Any]],
        readings: list[Reading],
        place: Place,
        of_order: list[dict[str, Any]] | None = None,
    ) -> None:
        """Record the place of rows and payments; each may have one place only."""
        of_order = rows if of_order is None else of_order
        if place.bucket != "not_checked" and not self.in_period(of_order, readings, place):
            self.outside |= {("order", row["msn"], row["order_number"]) for row in rows}
            self.outside |= {
                ("payment", r.payment["msn"], r.payment["reference"]) for r in readings
            }
            place = Place("ignored", "outside_period", place.flags)
        self.put_placed(rows, readings, place)

    def put_placed(self, rows: list[dict[str, Any]], readings: list[Reading], place: Place) -> None:
        """Record the place of rows and payments, and the amounts that the payments moved."""
        place = self.flagged(readings, place)
        for row in rows:
            self.put_order(row, place)
        for reading in readings:
            self.put_once(("payments", reading.key), place)
            for leg, minor in (("captured", reading.m.C), ("refunded", reading.m.R)):
                self.opinion.moved[leg, reading.payment["msn"], reading.key] += minor

    def flagged(self, readings: list[Reading], place: Place) -> Place:
        """Return a place with all flags of the pair; set the flags of the pair's findings."""
        flags, near, own_findings = place.flags, False, self.opinion.findings[self.flagged_until :]
        if readings:
            m = together([r.m for r in readings]) if len(readings) > 1 else readings[0].m
            unit = self.model_input.units[readings[0].payment["msn"]]
            moment = min(r.moment for r in readings)
            near = oracle_flags.deadline_is_near(m, unit, moment)
            flags |= oracle_flags.of_payment(m, moment, has_log=self.model_input.has_log)
            amounts = {"captured", "refunded", "reserved"}
            wrong = any(
                f.question in amounts or f.kind == "duplicate_payment" for f in own_findings
            )
            if wrong and self.forbidden([], readings):
                flags |= {"possible_duplicate"}
        for number, finding in enumerate(own_findings, self.flagged_until):
            of_question = oracle_flags.of_question(flags, finding.question)
            self.opinion.findings[number] = finding._replace(flags=of_question, near=near)
        self.flagged_until = len(self.opinion.findings)
        return place._replace(flags=flags)

    def in_period(self, rows: list[dict[str, Any]], readings: list[Reading], place: Place) -> bool:
        """Return whether a pair is in the run's period, by its days or because it is open."""
        if self.whole_log or not (self.model_input.first or self.model_input.last):
            return True
        first, last = self.model_input.first or date.min, self.model_input.last or date.max
        names = ("ordered_at", "fulfilled_at", "refunded_at")
        began, days = [], []
        for row in rows:
            unit = self.model_input.units[row["msn"]]
            days += [unit.day(row[name]) for name in names if row[name]]
            began.append(unit.day(row["ordered_at"]))
        for reading in readings:
            unit, key = self.model_input.units[reading.payment["msn"]], reading.payment["reference"]
            days += [
                unit.day(event["event_at"])
                for event in self.log[reading.payment["msn"], key]
                if event["success"] and event["name"] in MOVES and event["event_at"] <= reading.cut
            ]
            began.append(unit.day(reading.payment["created_at"]))
        if any(first <= day <= last for day in days):
            return True
        return place.bucket in {"discrepancy", "timing"} and any(day <= last for day in began)

    def put_order(self, row: dict[str, Any], place: Place) -> None:
        """Record the place of an order row."""
        self.put_once(("orders", f"{row['source_file']}:{row['source_row']}"), place)

    def put_once(self, key: tuple[str, str], place: Place) -> None:
        """Record a place; a second place for the same row is an error in the model."""
        if key in self.opinion.places:
            raise AssertionError(f"{key} ends twice")
        self.opinion.places[key] = place

    def gaps(self, order: dict[str, Any], readings: list[Reading]) -> bool:
        """Record each payment whose totals contradict its own log; return whether there is one.

        Its other findings are recorded before. What they have at risk is not at risk here too:
        together they are at most the largest amount of the order and the payment.
        """
        wrong = [r for r in readings if r.m.gap]
        for reading in wrong:
            m, reference = reading.m, reading.payment["reference"]
            known = [
                f.at_risk
                for f in self.opinion.findings
                if (f.msn, f.reference) == (reading.payment["msn"], reference)
            ]
            largest = max(order.get("total_minor") or 0, m.A, m.C, m.R, m.X, m.largest)
            at_risk = min(m.gap, max(0, largest - sum(known)))
            self.record_finding(
                order, "aggregate", "aggregate_mismatch", None, None, at_risk, reading
            )
        return bool(wrong)

    def forbidden(self, rows: list[dict[str, Any]], readings: list[Reading]) -> bool:
        """Return whether one of these payments has an operation of ours with unknown outcome."""
        return any(
            (r.payment["msn"], r.payment["reference"]) in self.model_input.unsettled
            for r in readings
        )

    def waived(self, order: dict[str, Any], payments: list[dict[str, Any]]) -> bool:
        """Return whether the user waived this order, by its own or an attempt's reference."""
        names = {order["reference"], *(payment["reference"] for payment in payments)}
        return any((order["msn"], name) in self.model_input.waived for name in names)
