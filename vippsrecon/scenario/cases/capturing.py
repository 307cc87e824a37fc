"""Build cases of captures: missing, late, double, too low and too high."""

from __future__ import annotations

from vippsrecon.scenario.calendar import EXPORTED_AT, HOUR
from vippsrecon.scenario.case_builder import CaseBuilder
from vippsrecon.scenario.cases.ordinary import awaiting_fulfilment
from vippsrecon.scenario.models import Scene


def not_paid(slot: CaseBuilder) -> Scene:
    """Shipped although the payment was never approved: E → 0 (case 24)."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "fulfilled")
    payment = slot.make_failed_payment(
        reference, total, slot.draws.pick(("ABORTED", "EXPIRED", "TERMINATED"))
    )
    truth = slot.make_discrepancy("not_paid", payment, total, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def cancelled_but_captured(slot: CaseBuilder) -> Scene:
    """Cancelled in the shop, but captured and not refunded: 0 → C − R."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "cancelled")
    payment = slot.captured(reference, total, slot.draw_shipping_time())
    truth = slot.make_discrepancy("cancelled_but_captured", payment, 0, total, total, order=order)
    return Scene((order,), (payment,), (truth,))


def cancelled_refund_failed(slot: CaseBuilder) -> Scene:
    """Cancelled and refunded in the shop, but the refund failed: one flagged row (case 14)."""
    scene = cancelled_but_captured(slot)
    order, payment = scene.orders[0], scene.payments[0]
    at = slot.after(payment.events[-1].at, 12, 48)
    order.refunded, order.refunded_at = order.total, at
    slot.refund(payment, order.total, at, success=False)
    truth = scene.truth[0]._replace(flags="last_refund_failed")
    return Scene(scene.orders, scene.payments, (truth,))


def captured_not_fulfilled(slot: CaseBuilder) -> Scene:
    """Captured more than three days ago, but nothing was shipped: 0 → C."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "open")
    payment = slot.captured(reference, total, slot.ordered_at + HOUR)
    truth = slot.make_discrepancy("captured_not_fulfilled", payment, 0, total, total, order=order)
    return Scene((order,), (payment,), (truth,))


def captured_within_grace(slot: CaseBuilder) -> Scene:
    """Captured within the grace period, not shipped yet: timing."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "open")
    at = EXPORTED_AT - slot.draws.between(10 * HOUR, 30 * HOUR)
    payment = slot.captured(reference, total, at)
    truth = slot.make_timing("timing_awaiting_fulfilment", reference, order)
    return Scene((order,), (payment,), (truth,))


def authorization_lost(slot: CaseBuilder) -> Scene:
    """Shipped, but the reservation was released instead of captured: E → 0."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    order = slot.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = slot.reserved(reference, total)
    slot.release(payment, shipped + HOUR)
    truth = slot.make_discrepancy("authorization_lost", payment, total, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def authorization_lost_open(slot: CaseBuilder) -> Scene:
    """Not shipped, and the reservation was released: nothing expected yet, O at risk."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "open")
    payment = slot.reserved(reference, total)
    slot.release(payment, slot.after(slot.ordered_at, 24, 72))
    truth = slot.make_discrepancy("authorization_lost", payment, 0, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def authorization_lost_in_part(slot: CaseBuilder) -> Scene:
    """Partly shipped and captured, the rest released: C → C, the rest at risk (case 3)."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    part = total * 4 // 10
    order = slot.order(reference, total, "partial", shipped_at=shipped)
    payment = slot.captured(reference, part, shipped + 60, authorized=total)
    slot.release(payment, slot.after(shipped, 2, 24))
    truth = slot.make_discrepancy(
        "authorization_lost", payment, part, part, total - part, order=order
    )
    return Scene((order,), (payment,), (truth,))


def fulfilled_not_captured(slot: CaseBuilder) -> Scene:
    """Shipped more than a day ago, but still only reserved: E → 0."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "fulfilled")
    payment = slot.reserved(reference, total)
    truth = slot.make_discrepancy("fulfilled_not_captured", payment, total, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def shipped_within_grace(slot: CaseBuilder) -> Scene:
    """Shipped within the grace period, capture due: `timing_capture_pending`."""
    total, reference = slot.draw_price(), slot.reference()
    shipped = EXPORTED_AT - slot.draws.between(10 * HOUR, 20 * HOUR)
    order = slot.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = slot.reserved(reference, total)
    truth = slot.make_timing("timing_capture_pending", reference, order)
    return Scene((order,), (payment,), (truth,))


def partly_shipped(slot: CaseBuilder) -> Scene:
    """Partly shipped and captured, the rest still reserved: timing (case 2)."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    order = slot.order(reference, total, "partial", shipped_at=shipped)
    payment = slot.captured(reference, total * 4 // 10, shipped + 60, authorized=total)
    truth = slot.make_timing("timing_awaiting_fulfilment", reference, order)
    return Scene((order,), (payment,), (truth,))


def refunded_before_shipping(slot: CaseBuilder) -> Scene:
    """Partly "refunded" in the shop before capture, still open: timing, flagged (case 15)."""
    scene = awaiting_fulfilment(slot)
    order = scene.orders[0]
    order.refunded = order.total * 2 // 10
    order.refunded_at = slot.after(order.ordered_at, 6, 30)
    return scene._replace(truth=(scene.truth[0]._replace(flags="refunded_before_capture"),))


def awaiting_payment(slot: CaseBuilder) -> Scene:
    """The payer has not answered the payment link: `timing_awaiting_payment` (case 22)."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "open", paid=False)
    payment = slot.make_requested_payment(reference, total)
    return Scene(
        (order,), (payment,), (slot.make_timing("timing_awaiting_payment", reference, order),)
    )


def abandoned_checkout(slot: CaseBuilder) -> Scene:
    """The customer did not pay and the shop has the order as unpaid: ignored (case 23)."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "open", paid=False)
    payment = slot.make_failed_payment(reference, total, slot.draws.pick(("ABORTED", "EXPIRED")))
    return Scene((order,), (payment,), (slot.ignored("abandoned_checkout", order),))


def duplicate_capture(slot: CaseBuilder) -> Scene:
    """The full amount was captured twice: E → 2E (case 27)."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    order = slot.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = slot.captured(reference, total, shipped + 60, authorized=2 * total)
    slot.capture(payment, total, shipped + 95)
    truth = slot.make_discrepancy(
        "duplicate_capture", payment, total, 2 * total, total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def under_captured(slot: CaseBuilder) -> Scene:
    """All shipped, partly captured, the rest can still be captured (case 4): E → C."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    part = total * 6 // 10
    order = slot.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = slot.captured(reference, part, shipped + 60, authorized=total)
    truth = slot.make_discrepancy("under_captured", payment, total, part, total - part, order=order)
    return Scene((order,), (payment,), (truth,))


def under_captured_and_released(slot: CaseBuilder) -> Scene:
    """All shipped, partly captured, the rest released: flag `not_capturable`."""
    scene = under_captured(slot)
    payment = scene.payments[0]
    slot.release(payment, payment.events[-1].at + HOUR)
    return scene._replace(truth=(scene.truth[0]._replace(flags="not_capturable"),))


def over_captured(slot: CaseBuilder) -> Scene:
    """The order was reduced after the capture (case 8): E → C."""
    captured, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    total = captured * 8 // 10
    order = slot.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = slot.captured(reference, captured, shipped - HOUR)
    truth = slot.make_discrepancy(
        "over_captured", payment, total, captured, captured - total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def express_freight_captured(slot: CaseBuilder) -> Scene:
    """Express added freight that the shop does not show (case 30): flag `express_shipping`."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    captured = total + (990 if slot.unit.currency == "EUR" else 9900)
    order = slot.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = slot.reserved(reference, total, authorized=captured)
    payment.express = True
    slot.capture(payment, captured, shipped + 60)
    truth = slot.make_discrepancy(
        "over_captured",
        payment,
        total,
        captured,
        captured - total,
        order=order,
        flags="express_shipping",
    )
    return Scene((order,), (payment,), (truth,))


def over_captured_and_refund_missing(slot: CaseBuilder) -> Scene:
    """Too much was captured and a refund was not made: two rows for one payment (case 7)."""
    captured, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    total = captured * 9 // 10
    refunded_amount = captured * 3 // 10
    order = slot.order(reference, total, "fulfilled", refunded=refunded_amount, shipped_at=shipped)
    payment = slot.captured(reference, captured, shipped + 60)
    return Scene(
        (order,),
        (payment,),
        (
            slot.make_discrepancy(
                "over_captured", payment, total, captured, captured - total, order=order
            ),
            slot.make_discrepancy(
                "refund_missing_at_vipps", payment, refunded_amount, 0, refunded_amount, order=order
            ),
        ),
    )
