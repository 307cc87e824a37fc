"""Build cases of what the shop knows of a payment: another tender, no payment, no reservation."""

from __future__ import annotations

from vippsrecon.scenario.calendar import HOUR
from vippsrecon.scenario.cases.case_builder import CaseBuilder
from vippsrecon.scenario.cases.ordinary import captured_when_shipped
from vippsrecon.scenario.models import Scene

_CARD = "Kort"


def paid_by_card_and_reserved(builder: CaseBuilder) -> Scene:
    """Paid by card in the end, still reserved at Vipps MobilePay (case 41): release it, never capture."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "fulfilled")
    order.tender = _CARD
    payment = builder.reserved(reference, total)
    truth = builder.make_discrepancy("remainder_open", payment, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def paid_twice(builder: CaseBuilder) -> Scene:
    """Paid by card, and captured at Vipps MobilePay too (case 42): 0 → C."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    order.tender = _CARD
    truth = builder.make_discrepancy(
        "paid_twice", payment, 0, order.total, order.total, order=order
    )
    return scene._replace(truth=(truth,))


def payment_not_recorded(builder: CaseBuilder) -> Scene:
    """The callback never came: reserved, unpaid in the shop (case 43). K at risk."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", paid=False)
    payment = builder.reserved(reference, total)
    truth = builder.make_discrepancy("payment_not_recorded", payment, 0, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def capture_not_recorded(builder: CaseBuilder) -> Scene:
    """Captured in the business portal, unpaid in the shop (case 43): C → C, C at risk."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", paid=False)
    payment = builder.captured(reference, total, builder.ordered_at + HOUR)
    truth = builder.make_discrepancy(
        "payment_not_recorded", payment, total, total, total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def voided_and_released(builder: CaseBuilder) -> Scene:
    """The shop voided the reservation of an order that was not sent: released, so all is right."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", paid=False)
    order.authorization = "voided"
    payment = builder.reserved(reference, total)
    builder.release(payment, builder.after(builder.ordered_at + HOUR, 6, 60))
    return Scene((order,), (payment,))


def voided_and_reserved(builder: CaseBuilder) -> Scene:
    """The shop voided the reservation, but it is still there: 0 → K."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", paid=False)
    order.authorization = "voided"
    payment = builder.reserved(reference, total)
    truth = builder.make_discrepancy("remainder_open", payment, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def expired_in_shop(builder: CaseBuilder) -> Scene:
    """The shop says that the reservation expired, and it did: nothing was sent, so all is right."""
    scene = voided_and_released(builder)
    scene.orders[0].authorization = "expired"
    return scene
