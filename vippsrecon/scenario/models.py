"""Define orders (shop side), payments (Vipps MobilePay side) and expected results.

Amounts are whole minor units; times are whole seconds since 1970 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vippsrecon.scenario.sales_units import ScenarioSalesUnit

OrderStatus = Literal["open", "partial", "fulfilled", "cancelled"]


@dataclass(slots=True)
class ScenarioOrder:
    """Describes an order as the shop's export shows it.

    Attributes:
        references: The payment references stored by the shop, the last attempt first.
        paid: Whether the payment is reserved or captured according to the shop.
        tender: None for Vipps or MobilePay, else the name of the other payment method.
        authorization: What the shop says of a reservation it does not hold any more.
        refunded_by_hand: Whether the refund was only recorded, not sent to the payment gateway.
        days_only: Whether the export has the day of `fulfilled_at` without a time.
    """

    unit: ScenarioSalesUnit
    references: tuple[str, ...]
    number: str
    currency: str
    total: int
    status: OrderStatus
    ordered_at: int
    refunded: int = 0
    paid: bool = True
    tender: str | None = None
    fulfilled_at: int | None = None
    refunded_at: int | None = None
    cancelled_at: int | None = None
    authorization: Literal["voided", "expired"] | None = None
    refunded_by_hand: bool = False
    days_only: bool = False


class ScenarioEvent(NamedTuple):
    """Entry of a payment's event log; `key` is None if no idempotency key was sent."""

    name: str
    amount: int
    at: int
    key: str | None
    success: bool = True


@dataclass(slots=True)
class ScenarioPayment:
    """Describes a payment by its operations.

    The aggregate is computed from the events; `aggregate_error` falsifies it on purpose.
    """

    unit: ScenarioSalesUnit
    serial: int
    reference: str
    psp_reference: str
    amount: int
    state: str = "CREATED"
    method: str = "WALLET"
    events: list[ScenarioEvent] = field(default_factory=list)
    guaranteed_until: int | None = None
    aggregate_error: int = 0
    express: bool = False

    def total(self, name: str) -> int:
        """Return the sum of the successful events with this name."""
        return sum(event.amount for event in self.events if event.name == name and event.success)

    @property
    def remaining(self) -> int:
        """The amount that can still be captured or released."""
        return self.total("AUTHORIZED") - self.total("CAPTURED") - self.total("CANCELLED")


class Truth(NamedTuple):
    """Expected result of a reconciliation: reported, or correctly not reported as a discrepancy.

    Attributes:
        proposal: Operation to propose (`capture`, `cancel` or `refund`), or "" for none.
        proposed: Amount to propose; None if nothing is proposed.
        leg: What is compared: `order_payment`, `payment_ledger`, `ledger_payout` or `payout_bank`.
        payout_number: Of a payout; a row of the bank statement that belongs to none has neither
            number nor reference.
    """

    bucket: Literal["discrepancy", "timing", "ignored", "blind_spot"]
    kind: str
    unit: ScenarioSalesUnit
    reference: str
    order_number: str
    currency: str
    expected: int | None = None
    actual: int | None = None
    at_risk: int = 0
    flags: str = ""
    proposal: str = ""
    proposed: int | None = None
    leg: str = "order_payment"
    payout_number: str = ""


class Scene(NamedTuple):
    """Holds the orders, payments and expected results of a case."""

    orders: tuple[ScenarioOrder, ...] = ()
    payments: tuple[ScenarioPayment, ...] = ()
    truth: tuple[Truth, ...] = ()
