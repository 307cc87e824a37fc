"""The model's pairs: which payments count for an order, and what is wrong with it; see `oracle`."""
# ruff: noqa: E741, N803, N806, PLR0912 - the rules' own letters, and long tables

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.reconciliation import oracle_bridge as bridge
from tests.reconciliation import oracle_proposals as proposals
from tests.reconciliation.oracle_data import EXPLAINED_PENDING, Place, Reading, marks
from tests.reconciliation.oracle_groups import choose_counted, is_split, stem
from tests.reconciliation.oracle_money import Money, together
from tests.reconciliation.oracle_pair import (
    NOTHING,
    Answer,
    Judgement,
    ask,
    ask_reserved,
    changed_later,
    explained,
    net_of,
)
from tests.reconciliation.oracle_record import Record


class Pairing(Record):
    """Judges an order with its payments."""

    def paid_otherwise(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        readings: list[Reading],
        flags: frozenset[str],
        O: int,
        Or: int,
    ) -> None:
        """Judge an order paid another way, or a recurring charge: Vipps had nothing to collect.

        So each of its payments is judged alone. The order's rows go with the one that would count.
        """
        if not readings:
            self.lines(order, bridge.set_aside("ignored", O, Or))
            self.put(rows, [], Place("ignored", "other_payment_method", flags))
            return
        held = [r for r in readings if r.m.is_reserved] or readings
        counted = held[choose_counted([(r.payment, r.m) for r in held], order)]
        self.counted |= {r.key: [counted.key] for r in readings}
        for reading in sorted(readings, key=lambda r: r is not counted):
            own = order if reading is counted else order | {"total_minor": 0}
            self.payment_not_due(
                own,
                reading,
                flags if reading is counted else flags & {"amounts_as_fetched"},
                bridge.of_rows(-O, -Or) if reading is counted else [],
                rows if reading is counted else [],
                rows,
            )

    def payment_not_due(
        self,
        order: dict[str, Any],
        reading: Reading,
        flags: frozenset[str],
        out: bridge.Lines,
        rows: list[dict[str, Any]],
        of_order: list[dict[str, Any]],
    ) -> None:
        """Judge a payment of which Vipps had nothing to collect."""
        m, kinds = reading.m, []
        is_waived = (order["msn"], reading.payment["reference"]) in self.model_input.waived
        if is_waived or (rows and self.waived(order, [reading.payment])):
            self.lines(order, bridge.renamed(out, "ignored"))
            self.lines(order, bridge.set_aside("ignored", 0, 0, m.C, m.R))
            self.put(rows, [reading], Place("ignored", "waived", flags), of_order)
            return
        if order["recurring"] and order["by_vipps"] is not False:
            self.lines(order, bridge.renamed(out, "ignored"))
            self.lines(order, bridge.set_aside("ignored", 0, 0, m.C, m.R))
            self.put(rows, [reading], Place("ignored", "not_epayment", flags), of_order)
            return
        if not self.whole_log and self.shop_is_later(order, m, reading.moment):
            self.lines(order, bridge.renamed(out, "timing_after_cut"))
            self.lines(order, bridge.not_judged("timing_after_cut", 0, 0, m))
            place = Place("timing", "timing_after_cut", flags)
            if self.gaps(order, [reading]):
                place = Place("discrepancy", "aggregate_mismatch", flags)
            self.put(rows, [reading], place, of_order)
            return
        line = "other_tender" if m.C > m.R else "ignored"
        self.lines(order, bridge.renamed(out, line))
        if m.C > m.R:
            self.record_finding(order, "there", "paid_twice", 0, m.C, m.C - m.R, reading=reading)
            kinds.append("paid_twice")
        self.lines(order, bridge.set_aside(line, 0, 0, 0 if kinds else m.C, m.R))
        if m.K > 0:
            net = net_of(0, 0, "fulfilled", m.C, m.R)._replace(E=0)
            unit = self.model_input.units[order["msn"]]
            answer = ask_reserved(m, net, "fulfilled", unit, reading.moment, NOTHING)
            judgement = Judgement("fulfilled", net, NOTHING, NOTHING, answer, flags, False)
            verb = proposals.of_pair(
                order,
                reading.payment,
                m,
                judgement,
                reading.moment,
                forbidden=self.forbidden(rows, [reading]),
            ).get("reserved")
            self.answer(order, reading, "reserved", answer, verb)
            kinds.append("remainder_open")
        if self.gaps(order, [reading]):
            kinds.append("aggregate_mismatch")
        place = Place("ignored", "other_payment_method", flags)
        if kinds:
            place = Place("discrepancy", kinds[0], flags)
        self.put(rows, [reading], place, of_order)

    def attempts(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        readings: list[Reading],
        flags: frozenset[str],
        O: int,
        Or: int,
    ) -> None:
        """Decide which payments of an order count, and judge the order with them."""
        reserved = [r for r in readings if r.m.is_reserved]
        named = {order["reference"], *(order.get("further_references") or "").split()}
        in_cell = [r for r in readings if r.payment["reference"] in named]
        several_in_cell = len(named) > 1 and len(in_cell) > 1
        surplus: list[Reading] = []
        if several_in_cell or (
            len(reserved) > 1 and is_split([r.m for r in reserved], order["total_minor"])
        ):
            counted = in_cell if several_in_cell else reserved
            flags |= {"split_payment"}
        else:
            best = choose_counted([(r.payment, r.m) for r in reserved or readings], order)
            counted = [(reserved or readings)[best]]
            surplus = [r for r in reserved if r is not counted[0]]
            if len(named) > 1:
                flags |= {"split_payment"}
        self.counted |= {r.key: [reading.key for reading in counted] for r in readings}
        never_held = [r for r in readings if r not in counted and r not in surplus]
        for reading in never_held:
            self.lines(order, bridge.set_aside("superseded", 0, 0, reading.m.C, reading.m.R))
        counted_m = counted[0].m if len(counted) == 1 else together([r.m for r in counted])
        refunded = order["refunded_minor"]
        aside = ""
        if self.waived(order, [r.payment for r in counted]):
            aside = "waived"
        elif order.get("method_unsure") and not any(r.m.is_reserved for r in readings):
            aside = "other_payment_method"
        if aside:
            self.aside(order, counted, "ignored", O, Or)
            self.put(rows, counted, Place("ignored", aside, flags))
            for reading in surplus:
                self.second(rows, order, reading, counted_m, None)
            self.put_superseded(counted[0], never_held, order if len(counted) > 1 else None)
            return
        for reading in sorted(surplus, key=lambda r: -r.m.R):
            R = reading.m.R
            if refunded is not None and 0 < R <= refunded - counted_m.R:
                refunded -= R
                self.lines(order, [("refunded", "refunded_on_second_payment", -R)])
        order = order | {"refunded_minor": refunded}
        judgement = self.pair(rows, order, counted, counted_m, flags)
        for reading in surplus:
            self.second(rows, order, reading, counted_m, judgement)
        self.put_superseded(counted[0], never_held)

    def put_superseded(
        self,
        counted: Reading,
        never_held: list[Reading],
        waived: dict[str, Any] | None = None,
    ) -> None:
        """Record the place of attempts that never held money.

        It follows the payment that counts, unless its own reference is waived.
        """
        names = {reference for _, reference in self.model_input.waived}
        names |= {waived["reference"]} if waived else set()
        for reading in never_held:
            place = Place("matched", "superseded_attempt", frozenset())
            if self.opinion.places["payments", counted.key].kind == "outside_period":
                place = Place("ignored", "outside_period", frozenset())
            if reading.payment["reference"] in names:
                place = Place("ignored", "waived", frozenset())
            self.put_placed([], [reading], place)

    def second(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        reading: Reading,
        counted: Money,
        judgement: Judgement | None,
    ) -> None:
        """Record a payment that the order does not need (a duplicate)."""
        m = reading.m
        if (reading.payment["msn"], reading.payment["reference"]) in self.model_input.waived:
            self.lines(order, bridge.set_aside("ignored", 0, 0, m.C, m.R))
            self.put([], [reading], Place("ignored", "waived", frozenset()))
            return
        verb = None
        if judgement is not None:
            verb = proposals.of_second_payment(
                order,
                reading.payment,
                m,
                counted,
                judgement,
                forbidden=self.forbidden(rows, [reading])
                or (
                    not self.whole_log
                    and any(self.shop_is_later(order, n, reading.moment) for n in (m, counted))
                ),
            )
        at_risk = max(0, m.C - m.R) if m.C else m.K
        self.record_finding(order, "there", "duplicate_payment", 0, m.C, at_risk, reading, verb)
        self.lines(order, [("refunded", "second_payments", m.R)])
        self.gaps(order | {"total_minor": 0}, [reading])
        unsure = frozenset({"method_unsure"} if order.get("method_unsure") else ())
        self.put([], [reading], Place("discrepancy", "duplicate_payment", unsure), rows)

    def pair(
        self,
        rows: list[dict[str, Any]],
        order: dict[str, Any],
        counted: list[Reading],
        m: Money,
        flags: frozenset[str],
    ) -> Judgement | None:
        """Judge an order with the payments that count; return None if it is not judged."""
        first, unit = counted[0], self.model_input.units[order["msn"]]
        moment = min(r.moment for r in counted)
        O, Or = order["total_minor"], order["refunded_minor"]
        dropped = [row for row in rows if len(rows) > 1 and row["status"] == "cancelled"]
        if dropped and len(dropped) < len(rows):
            for row in dropped:
                self.put([row], [], Place("matched", "", marks(row)))
            rows = [row for row in rows if row not in dropped]
        if dropped:
            all_rows = [*rows, *dropped] if rows[0] not in dropped else rows
            total = sum(row["total_minor"] for row in all_rows)
            order_refunds = sum(row["refunded_minor"] or 0 for row in all_rows)
            left = [
                ("captured", "cancelled_rows", O - total),
                ("refunded", "cancelled_rows", (Or or 0) - order_refunds),
            ]
            self.lines(order, left)
        kinds: list[str] = []
        mangled = order["reference"] not in {r.payment["reference"] for r in counted}
        if mangled and not any(
            stem(r.payment["reference"]) == stem(order["reference"]) for r in counted
        ):
            self.record_finding(order, "there", "reference_mangled", None, None, 0, first)
            kinds.append("reference_mangled")
        if any(row["currency"] != r.payment["currency"] for row in rows for r in counted):
            if order["shop_currency_only"]:
                flags |= {"presentment_currency"}
            self.record_finding(
                order, "there", "currency_mismatch", None, None, max(0, m.C - m.R), first
            )
            self.aside(order, counted, "other_currency", O, Or)
            self.gaps(order, counted)
            self.put(
                rows,
                counted,
                Place("discrepancy", kinds[0] if kinds else "currency_mismatch", flags),
            )
            return None
        shop_is_later = not self.whole_log and self.shop_is_later(order, m, moment)
        if shop_is_later and not self.proven_by_the_shop(order, m, moment):
            self.lines(order, bridge.not_judged("timing_after_cut", O, Or, m))
            place = Place("timing", "timing_after_cut", flags)
            if self.gaps(order, counted):
                place = Place("discrepancy", "aggregate_mismatch", flags)
            self.put(rows, counted, place)
            return None
        judgement = ask(order, m, unit, moment, self.model_input.settings)
        if judgement.refunded.kind == "refund_missing_in_shop" and self.model_input.has_log:
            judgement = judgement._replace(flags=judgement.flags | {"made_elsewhere"})
        judgement = judgement._replace(flags=judgement.flags | flags)
        answers = (judgement.captured, judgement.refunded, judgement.reserved)
        wrong = [a for a in answers if a.outcome == "code"]
        wrong = wrong or [a for a in answers if a.kind in EXPLAINED_PENDING]
        if wrong and not kinds and not self.whole_log:
            by_change = [explained(answer, judgement, order, m, unit) for answer in wrong]
            if all(by_change):
                self.lines(order, bridge.not_judged("timing_after_cut", O, Or, m))
                place = Place("timing", "timing_after_cut", flags)
                if self.gaps(order, counted):
                    place = Place("discrepancy", "aggregate_mismatch", flags)
                self.put(rows, counted, place)
                return judgement
        verbs = {}
        if len(counted) == 1:
            verbs = proposals.of_pair(
                order,
                first.payment,
                m,
                judgement,
                moment,
                forbidden=self.forbidden(rows, counted) or bool(dropped) or shop_is_later,
            )
        for question in ("captured", "refunded", "reserved"):
            answer: Answer = getattr(judgement, question)
            if answer.outcome == "code":
                self.answer(order, first, question, answer, verbs.get(question))
                kinds.append(answer.kind)
        if self.gaps(order, counted):
            kinds.append("aggregate_mismatch")
        self.lines(order, bridge.of_pair(judgement, m))
        self.put(rows, counted, self.place(judgement, kinds, m))
        return judgement

    def place(self, judgement: Judgement, kinds: list[str], m: Money) -> Place:
        """Return the place of a judged pair."""
        answers = (judgement.captured, judgement.refunded)
        if kinds:
            return Place("discrepancy", kinds[0], judgement.flags)
        for bucket in ("timing", "ignored"):
            for answer in answers:
                if answer.outcome == bucket:
                    return Place(bucket, answer.kind, judgement.flags)
        kind = judgement.captured.kind if judgement.captured.outcome == "matched" else ""
        if m.changed and not kind:
            return Place("timing", "timing_after_cut", judgement.flags)
        return Place("matched", kind, judgement.flags)

    def shop_is_later(self, order: dict[str, Any], m: Money, moment: datetime) -> bool:
        """Return whether the cut-off is before the export, and something changed in between."""
        if self.model_input.as_of >= min(order["exported_at"], m.fetched):
            return False
        unit, columns = self.model_input.units[order["msn"]], ("fulfilled_at", "refunded_at")
        return m.changed or any(changed_later(order, name, moment, unit) for name in columns)

    def proven_by_the_shop(self, order: dict[str, Any], m: Money, moment: datetime) -> bool:
        """Return whether the shop's own dates prove what was wrong at an early as-of time.

        It had sent the order, and nothing was captured; or it had refunded more than was refunded.
        """
        unit, columns = self.model_input.units[order["msn"]], ("fulfilled_at", "refunded_at")
        if any(changed_later(order, name, moment, unit) for name in columns):
            return False
        sent = order["status"] in {"fulfilled", "partial"} and order["fulfilled_at"] is not None
        refunded = order["status"] != "cancelled" and order["refunded_at"] is not None
        return (sent and m.C == 0) or (refunded and (order["refunded_minor"] or 0) > m.R)
