"""Build one case of the month: sales unit, order time, and the usual operations."""

from __future__ import annotations

from vippsrecon.scenario.calendar import DAY, HOUR, ScenarioMonth
from vippsrecon.scenario.exports.shopware import is_truncated
from vippsrecon.scenario.models import (
    OrderStatus,
    ScenarioEvent,
    ScenarioOrder,
    ScenarioPayment,
    Truth,
)
from vippsrecon.scenario.random_draws import RandomDraws
from vippsrecon.scenario.sales_units import ScenarioSalesUnit
from vippsrecon.scenario.shops import Shop

ORDER_NUMBERS_PER_CASE = 4
"""Order numbers reserved for each case: shops leave gaps, and some cases need two numbers."""

_USUAL_PROPOSALS = {
    "cancelled_but_captured": "refund",
    "duplicate_capture": "refund",
    "fulfilled_not_captured": "capture",
    "over_captured": "refund",
    "refund_failed": "refund",
    "refund_missing_at_vipps": "refund",
    "remainder_open": "cancel",
    "under_captured": "capture",
}
"""Discrepancy → what is proposed, unless the case says otherwise: a refund or capture of the amount
at risk, or the release of what is reserved."""


class CaseBuilder:
    """Builds the orders, payments and expected results of one case."""

    __slots__ = ("draws", "month", "number", "ordered_at", "serial", "shop", "unit")

    def __init__(
        self,
        draws: RandomDraws,
        month: ScenarioMonth,
        shop: Shop,
        unit: ScenarioSalesUnit,
        *,
        number: int,
        ordered_at: int,
    ) -> None:
        self.draws = draws
        self.month = month
        self.shop = shop
        self.unit = unit
        self.number = number
        self.ordered_at = ordered_at
        self.serial = number

    def draw_price(self) -> int:
        """Return a price in the sales unit's currency, which the shop's plugin sends as it is."""
        price = self.draws.draw_price(self.unit.currency)
        while "truncates" in self.shop.export_features and is_truncated(price):
            price += 1
        return price

    def reference(self, further: int = 0) -> str:
        """Return the payment reference the shop's plugin makes for an order of this case."""
        return self.shop.reference(self.draws, self.number + further)

    def draw_shipping_time(self) -> int:
        """Return a shipping time 4 to 60 hours after the order."""
        return self.ordered_at + self.draws.between(4 * HOUR, 60 * HOUR)

    def draw_shipped_sale(self) -> tuple[int, int, str]:
        """Return a price, a shipping time and a payment reference."""
        return self.draw_price(), self.draw_shipping_time(), self.reference()

    def after(self, moment: int, low_hours: int, high_hours: int) -> int:
        """Return a later moment, if possible before the month's `completed_by`."""
        later = moment + self.draws.between(low_hours * HOUR, high_hours * HOUR)
        completed_by = self.month.completed_by
        return (
            later
            if later <= completed_by
            else max(moment + 60, completed_by - self.draws.between(0, HOUR))
        )

    def order(
        self,
        references: str | tuple[str, ...],
        total: int,
        status: OrderStatus,
        *,
        refunded: int = 0,
        paid: bool = True,
        shipped_at: int | None = None,
        refunded_at: int | None = None,
        further: int = 0,
    ) -> ScenarioOrder:
        """Return the order of this case; missing dates that the status requires are drawn."""
        if status in {"fulfilled", "partial"} and shipped_at is None:
            shipped_at = self.draw_shipping_time()
        if refunded and refunded_at is None:
            refunded_at = self.after(shipped_at or self.ordered_at + DAY, 6, 72)
        return ScenarioOrder(
            self.unit,
            (references,) if isinstance(references, str) else references,
            self.shop.order_number(self.number + further),
            self.unit.currency,
            total,
            status,
            self.ordered_at,
            refunded,
            paid,
            None,
            shipped_at if status in {"fulfilled", "partial"} else None,
            refunded_at,
            self.after(self.ordered_at, 1, 30) if status == "cancelled" else None,
        )

    def make_requested_payment(
        self, reference: str, amount: int, *, delay: int = 0
    ) -> ScenarioPayment:
        """Return a payment created `delay` seconds after the order, which the payer has not answered."""
        payment = ScenarioPayment(self.unit, self.serial, reference, self.draws.uuid(), amount)
        self.serial += 1
        created = self.ordered_at + delay + self.draws.between(1, 5)
        payment.events.append(ScenarioEvent("CREATED", amount, created, self.draws.uuid()))
        if self.draws.chance(0.1):
            payment.method = "CARD"
        return payment

    def reserved(
        self, reference: str, amount: int, *, authorized: int | None = None, delay: int = 0
    ) -> ScenarioPayment:
        """Return an approved payment; `authorized` is higher than `amount` with Express."""
        payment = self.make_requested_payment(reference, amount, delay=delay)
        created = payment.events[0]
        approved = created.at + self.draws.between(15, 180)
        reserved_minor = amount if authorized is None else authorized
        payment.events.append(ScenarioEvent("AUTHORIZED", reserved_minor, approved, created.key))
        payment.state = "AUTHORIZED"
        return payment

    def captured(
        self, reference: str, amount: int, at: int, *, authorized: int | None = None, delay: int = 0
    ) -> ScenarioPayment:
        """Return a payment with `amount` captured; `authorized` (or `amount`) was reserved."""
        payment = self.reserved(reference, authorized or amount, delay=delay)
        self.capture(payment, amount, at)
        return payment

    def make_failed_payment(
        self, reference: str, amount: int, state: str, *, delay: int = 0
    ) -> ScenarioPayment:
        """Return a payment that ended before it was authorized."""
        payment = self.make_requested_payment(reference, amount, delay=delay)
        wait = 600 if state == "EXPIRED" else self.draws.between(20, 300)
        payment.events.append(ScenarioEvent(state, amount, payment.events[0].at + wait, None))
        payment.state = state
        return payment

    def capture(self, payment: ScenarioPayment, amount: int, at: int) -> None:
        """Capture `amount`."""
        payment.events.append(ScenarioEvent("CAPTURED", amount, at, self.draws.uuid()))

    def refund(
        self,
        payment: ScenarioPayment,
        amount: int,
        at: int,
        *,
        keyed: bool = True,
        success: bool = True,
    ) -> None:
        """Refund `amount`; `keyed` is False for a refund made in the business portal."""
        key = self.draws.uuid() if keyed else None
        payment.events.append(ScenarioEvent("REFUNDED", amount, at, key, success))

    def release(self, payment: ScenarioPayment, at: int) -> None:
        """Cancel the amount still reserved."""
        payment.events.append(ScenarioEvent("CANCELLED", payment.remaining, at, None))

    def make_discrepancy(
        self,
        kind: str,
        subject: ScenarioOrder | ScenarioPayment,
        expected: int | None,
        actual: int | None,
        at_risk: int = 0,
        *,
        order: ScenarioOrder | None = None,
        flags: str = "",
        proposal: str | None = None,
        proposed: int | None = None,
    ) -> Truth:
        """Return a discrepancy on a payment (and its `order`), or on an order without one.

        `proposal` and `proposed` differ from the usual ones of the kind if given; "" for none.
        """
        if order and not self._shows_refund(order):
            flags, proposal = f"{flags} refunds_unknown".strip(), ""
        if proposal is None:
            proposal = _USUAL_PROPOSALS.get(kind, "")
        if proposal and proposed is None:
            proposed = actual if proposal == "cancel" else at_risk
        if isinstance(subject, ScenarioOrder):
            order, reference = subject, subject.references[0] if subject.references else ""
        else:
            reference = subject.reference
        return Truth(
            "discrepancy",
            kind,
            self.unit,
            reference,
            order.number if order else "",
            self.unit.currency,
            expected,
            actual,
            at_risk,
            flags,
            proposal,
            proposed,
        )

    def _shows_refund(self, order: ScenarioOrder) -> bool:
        """Return whether it is known how much of an order was refunded; nothing, if paid otherwise."""
        return (
            "refunds" in self.shop.export_features
            or order.tender is not None
            or order.refunded >= order.total > 0
        )

    def make_timing(
        self, kind: str, reference: str, order: ScenarioOrder | None = None, flags: str = ""
    ) -> Truth:
        """Return an expected timing row: a difference that is not overdue yet."""
        number = order.number if order else ""
        currency = self.unit.currency
        return Truth("timing", kind, self.unit, reference, number, currency, flags=flags)

    def ignored(self, kind: str, order: ScenarioOrder) -> Truth:
        """Return an expected ignored row: an order that needs no payment at Vipps MobilePay."""
        reference = order.references[0] if order.references else ""
        return Truth("ignored", kind, self.unit, reference, order.number, order.currency)
