"""The model: the rules of orders and payments in plain Python, one order at a time.

It is written from the text of the rules alone and shares no code with the package. It uses
integers, dicts and plain if-statements instead of frames and expressions. It is slow and simple
on purpose, so that an accountant can read it beside the rules.

`oracle_data` has the input and the result, `oracle_groups` finds the rows and payments that
belong together, `oracle_money` computes a payment's amounts at a given time, `oracle_pair` finds
what is wrong between an order and its payment, `oracle_flags` and `oracle_severity` say what else
a finding shows, `oracle_proposals` decides what may be proposed, and `oracle_bridge` shows how
both sides add up. `oracle_pairing` and `oracle_record` combine these.
"""
# ruff: noqa: E741, N806, PLR0911, PLR0912 - the rules' own letters, and long tables

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.reconciliation import oracle_bridge as bridge
from tests.reconciliation.oracle_data import ModelInput, Opinion, Place, keys_of, marks
from tests.reconciliation.oracle_groups import Family, combine, families, nearest_row
from tests.reconciliation.oracle_pair import standing
from tests.reconciliation.oracle_pairing import Pairing


def opinion(model_input: ModelInput) -> Opinion:
    """Return the model's result for an input.

    Pairs are judged at their cut-off time; proposals also consider all later events.
    """
    cut, whole_log = Run(model_input, whole_log=False), Run(model_input, whole_log=True)
    at_the_cut, known = cut.judge(), whole_log.judge()
    owed = {(f.question, f.msn, f.reference, f.verb): f.minor for f in known.findings if f.verb}
    findings = []
    for finding in at_the_cut.findings:
        if finding.verb:
            now = owed.get((finding.question, finding.msn, finding.reference, finding.verb)) or 0
            minor = min(now, finding.minor or 0)
            key = f"{finding.msn}:{finding.reference}"
            if cut.counted.get(key) != whole_log.counted.get(key):
                minor = 0  # another payment of the order counts now
            finding = finding._replace(  # noqa: PLW2901
                verb=finding.verb if minor else None, minor=minor or None
            )
        findings.append(finding)
    return at_the_cut._replace(findings=findings)


class Run(Pairing):
    """One judgement of an input: at each pair's own cut-off time, or on the whole log."""

    def judge(self) -> Opinion:
        """Judge every family of rows and payments, then the payments without an order."""
        grouped, orphans = families(self.model_input.orders, self.model_input.payments)
        for family in grouped:
            self.family(family)
        days = [row["ordered_at"] for row in self.model_input.orders if row["ordered_at"]]
        covered = {row["msn"] for row in self.model_input.orders}
        for payment in orphans:
            self.orphan(payment, days, covered)
        inside = [f for f in self.opinion.findings if not self.outside & keys_of(f)]
        return self.opinion._replace(findings=inside)

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
            rows,
            sum(r.m.A for r in readings),
            sum(r.m.C for r in readings),
            has_payment=bool(payments),
            at_once=self.model_input.units[family.msn].at_once,
        )
        if combined is not None:
            self.order(rows, combined, payments, unread, frozenset({"combined_orders"}))
            return
        first = nearest_row(rows, sum(r.m.C for r in readings))
        if unread or (family.msn, first["reference"]) in self.model_input.waived:
            for number, row in enumerate(rows):
                self.order([row], row, payments if number == 0 else [], unread, frozenset())
            return
        self.order([first], first, payments, unread, frozenset())
        for row in rows:
            if row is not first:
                self.record_finding(
                    row, "there", "duplicate_order_row", row["total_minor"], None, 0
                )
                self.lines(row, bridge.of_rows(row["total_minor"], row["refunded_minor"]))
                self.lines(row, [("refunded", "duplicate_rows", -(row["refunded_minor"] or 0))])
                self.put([row], [], Place("discrepancy", "duplicate_order_row", marks(row)))

    def order(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        payments: list[dict[str, Any]],
        unread: bool,
        flags: frozenset[str],
    ) -> None:
        """Judge one order (several rows if combined); the first rule that applies decides."""
        for row in rows:
            self.lines(row, bridge.of_rows(row["total_minor"], row["refunded_minor"]))
        O = sum(row["total_minor"] for row in rows)
        Or = sum(row["refunded_minor"] or 0 for row in rows)
        unit = self.model_input.units[order["msn"]]
        readings = [self.read(order, payment) for payment in payments]
        C = sum(r.m.C for r in readings)
        K = sum(r.m.K for r in readings)
        flags |= marks(order)
        if order["status"] == "unknown":
            flags |= {"status_unknown"}
        if not self.model_input.has_log and readings:
            flags |= {"amounts_as_fetched"}
        if self.no_means_unknown and order["paid"] == "no":
            order = order | {"paid": "unknown"}

        def set_aside(bucket: str, kind: str) -> None:
            self.aside(order, readings, bucket, O, Or)
            self.put(rows, readings, Place(bucket, kind, flags))

        if unread:
            return set_aside("not_checked", "")
        if len(payments) < 2 and self.waived(order, payments):
            return set_aside("ignored", "waived")
        if order["total_minor"] == 0 and not payments:
            return set_aside("ignored", "nothing_to_pay")
        if order["by_vipps"] is False or (order["recurring"] and len(readings) > 1):
            return self.paid_otherwise(rows, order, readings, flags, O, Or)
        if order.get("method_unsure"):
            if C == 0 and K == 0 and len(readings) < 2:
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
        self.record_finding(order, "there", "missing_in_vipps", O, None, at_risk)
        self.lines(order, [("refunded", "no_payment", -Or)])
        self.put(rows, [], Place("discrepancy", "missing_in_vipps", flags))
        return None

    def orphan(self, payment: dict[str, Any], days: list[datetime], covered: set[str]) -> None:
        """Judge a payment without an order."""
        reading = self.read(None, payment)
        m = reading.m
        began = m.authorized or payment["created_at"]
        outside = payment["msn"] not in covered or not days or not min(days) <= began <= max(days)
        flags: frozenset[str] = frozenset()
        place, line = Place("ignored", "abandoned_checkout", flags), "ignored_payments"
        if (payment["msn"], payment["reference"]) in self.model_input.waived:
            place = Place("ignored", "waived", flags)
        elif outside:
            place, line = Place("timing", "timing_outside_export", flags), "outside_export"
        elif m.is_reserved:
            at_risk = max(0, m.C - m.R) if m.C else m.K
            self.record_finding(payment, "there", "missing_in_orders", None, m.C, at_risk, reading)
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
