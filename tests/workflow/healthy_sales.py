"""A month without errors, as each shop would export it and as Vipps MobilePay has it.

It shares no code with the checks or with `vippsrecon.scenario`. Each sale is a series of actions by
people, and both the export and the payments are made from these actions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.payments import make_history_line

MSN = "654321"
EXPORTED = datetime(2026, 11, 5, 6, tzinfo=UTC)
CLOCK = datetime(2026, 11, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Sale:
    """One order and its history; each method is one action of a person or a shop."""

    def __init__(
        self, number: int, reference: str, total: int, charged: int, ordered: datetime
    ) -> None:
        self.number, self.reference, self.ordered = number, reference, ordered
        self.total, self.charged = total, charged
        self.by_vipps = True
        self.authorized = False
        self.shipped: datetime | None = None
        self.shipped_in_part = False
        self.cancelled: datetime | None = None
        self.given_back = 0
        self.failed = False
        self.attempts: list[dict[str, Any]] = []
        self.now = ordered

    def wait(self, span: timedelta) -> None:
        """Move the time forward."""
        self.now += span

    def begin(self, reference: str | None = None) -> None:
        """Start an attempt to pay: the customer is sent to Vipps."""
        name = reference or self.reference
        self.reference = name
        self.attempts.append({"reference": name, "state": "CREATED", "events": []})
        self.log("CREATED", self.charged)

    def log(self, name: str, minor: int) -> None:
        """Add an event to the latest attempt."""
        self.attempts[-1]["events"].append((name, minor, self.now))

    def approve(self) -> None:
        """Approve as the customer: the money is reserved, and the shop is informed."""
        self.wait(timedelta(minutes=2))
        self.attempts[-1]["state"] = "AUTHORIZED"
        self.log("AUTHORIZED", self.charged)
        self.authorized = True

    def give_up(self, state: str = "ABORTED") -> None:
        """End the attempt: the customer cancels in the app, or the time runs out."""
        self.wait(timedelta(minutes=5))
        self.attempts[-1]["state"] = state
        self.log(state, self.charged)

    def capture(self, minor: int) -> None:
        """Capture as the shop."""
        self.wait(timedelta(minutes=1))
        self.log("CAPTURED", minor)

    def ship(self, *, in_part: bool = False) -> None:
        """Send the goods."""
        self.shipped, self.shipped_in_part = self.now, in_part

    def refund(self, minor: int) -> None:
        """Refund as the shop, through Vipps."""
        self.given_back += minor
        self.wait(timedelta(minutes=1))
        self.log("REFUNDED", minor)

    def release(self, minor: int) -> None:
        """Release a reservation as the shop."""
        self.wait(timedelta(minutes=1))
        self.log("CANCELLED", minor)


def sent(sale: Sale) -> None:
    """Make a sale that was paid, sent the next day, and captured when sent."""
    sale.begin()
    sale.approve()
    sale.wait(DAY)
    sale.ship()
    sale.capture(sale.charged)


def captured_at_checkout(sale: Sale) -> None:
    """Make a sale captured at payment, and sent two weeks later if that is before the export."""
    sale.begin()
    sale.approve()
    sale.capture(sale.charged)
    if sale.now + 14 * DAY < EXPORTED:
        sale.wait(14 * DAY)
        sale.ship()


def returned_in_part(sale: Sale) -> None:
    """Make a sale that was sent, and one article was returned."""
    sent(sale)
    sale.wait(5 * DAY)
    sale.refund(sale.total // 3)


def returned_in_two(sale: Sale) -> None:
    """Make a sale that was sent, and two articles were returned on different days."""
    sent(sale)
    sale.wait(2 * DAY)
    sale.refund(sale.total // 4)
    sale.wait(2 * DAY)
    sale.refund(sale.total // 4)


def returned(sale: Sale) -> None:
    """Make a sale that was sent, and all of it was returned."""
    sent(sale)
    sale.wait(6 * DAY)
    sale.refund(sale.charged)


def waiting(sale: Sale) -> None:
    """Make a sale that is paid but not sent yet: the money is reserved."""
    sale.begin()
    sale.approve()


def just_sent(sale: Sale) -> None:
    """Make a sale sent an hour before the export; the capture comes in the night after."""
    sale.ordered = sale.now = EXPORTED - 2 * DAY
    sale.begin()
    sale.approve()
    sale.now = EXPORTED - HOUR
    sale.ship()


def at_the_till_now(sale: Sale) -> None:
    """Make a sale whose customer is paying at Vipps while the export is made."""
    sale.ordered = sale.now = EXPORTED - timedelta(minutes=4)
    sale.begin()


def cancelled_before_it_was_sent(sale: Sale) -> None:
    """Make a sale that was paid and cancelled, and its reservation released."""
    sale.begin()
    sale.approve()
    sale.wait(DAY)
    sale.cancelled = sale.now
    sale.release(sale.charged)


def cancelled_after_it_was_captured(sale: Sale) -> None:
    """Make a sale that was paid, captured, cancelled, and fully refunded."""
    sale.begin()
    sale.approve()
    sale.wait(DAY)
    sale.capture(sale.charged)
    sale.wait(DAY)
    sale.cancelled = sale.now
    sale.refund(sale.charged)


def sent_in_part(sale: Sale) -> None:
    """Make a sale of which half is sent and captured, and the rest is still reserved."""
    sale.begin()
    sale.approve()
    sale.wait(DAY)
    sale.ship(in_part=True)
    sale.capture(sale.charged // 2)


def less_than_ordered(sale: Sale) -> None:
    """Make a sale with a sold-out article.

    The shop records its refund before the capture, and the rest of the reservation is released.
    """
    missing = sale.total // 4
    sale.begin()
    sale.approve()
    sale.wait(DAY)
    sale.given_back += missing
    sale.ship()
    sale.capture(sale.total - missing)
    sale.release(missing)


def tried_again(sale: Sale) -> None:
    """Make a sale whose first attempt was cancelled, and whose second attempt was paid."""
    first = sale.reference
    sale.begin()
    sale.give_up()
    sale.begin(f"{first}-1")
    sale.approve()
    sale.wait(DAY)
    sale.ship()
    sale.capture(sale.charged)


def given_up(sale: Sale) -> None:
    """Make a sale whose customer cancelled the payment and did not try again."""
    sale.failed = True
    sale.begin()
    sale.give_up("EXPIRED" if sale.number % 2 else "ABORTED")


def paid_by_card(sale: Sale) -> None:
    """Make a sale paid with another payment method; Vipps has no record of it."""
    sale.by_vipps = False
    sale.wait(DAY)
    sale.ship()


def gift(sale: Sale) -> None:
    """Make a sale that is a gift, with nothing to pay."""
    sale.total = sale.charged = 0
    sale.by_vipps = False
    sale.wait(DAY)
    sale.ship()


EVERYWHERE = [
    *[sent] * 6,
    returned_in_part,
    returned_in_two,
    returned,
    waiting,
    cancelled_before_it_was_sent,
    cancelled_after_it_was_captured,
    paid_by_card,
    gift,
]


def state_lines(sales: list[Sale]) -> list[dict[str, Any]]:
    """Return the payments at Vipps MobilePay, as lines for the simulator."""
    lines: list[dict[str, Any]] = [{"clock": f"{CLOCK:%Y-%m-%dT%H:%M:%SZ}"}]
    for sale in sales:
        for attempt in sale.attempts:
            steps = [
                (name, minor, f"{at:%Y-%m-%dT%H:%M:%SZ}") for name, minor, at in attempt["events"]
            ]
            lines.append(
                make_history_line(attempt["reference"], steps, state=attempt["state"], msn=MSN)
            )
    return lines
