"""Build cases of captures: missing, late, double, too low and too high."""

from __future__ import annotations

from datetime import timedelta

from vippsrecon.scenario.calendar import HOUR, compute_local_moment, find_local_day
from vippsrecon.scenario.cases.case_builder import CaseBuilder
from vippsrecon.scenario.cases.ordinary import awaiting_fulfilment
from vippsrecon.scenario.exports.shopware import is_truncated
from vippsrecon.scenario.models import Scene


def not_paid(builder: CaseBuilder) -> Scene:
    """Shipped although the payment was never approved: E → 0 (case 24)."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "fulfilled")
    payment = builder.make_failed_payment(
        reference, total, builder.draws.pick(("ABORTED", "EXPIRED", "TERMINATED"))
    )
    truth = builder.make_discrepancy("not_paid", payment, total, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def cancelled_but_captured(builder: CaseBuilder) -> Scene:
    """Cancelled in the shop, but captured and not refunded: 0 → C − R."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "cancelled")
    payment = builder.captured(reference, total, builder.draw_shipping_time())
    truth = builder.make_discrepancy(
        "cancelled_but_captured", payment, 0, total, total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def cancelled_refund_failed(builder: CaseBuilder) -> Scene:
    """Cancelled and refunded in the shop, but the refund failed: one flagged row (case 14)."""
    scene = cancelled_but_captured(builder)
    order, payment = scene.orders[0], scene.payments[0]
    at = builder.after(payment.events[-1].at, 12, 48)
    order.refunded, order.refunded_at = order.total, at
    builder.refund(payment, order.total, at, success=False)
    truth = scene.truth[0]._replace(flags="last_refund_failed")
    return Scene(scene.orders, scene.payments, (truth,))


def captured_not_fulfilled(builder: CaseBuilder) -> Scene:
    """Captured more than three days ago, but nothing was shipped: 0 → C."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open")
    payment = builder.captured(reference, total, builder.ordered_at + HOUR)
    truth = builder.make_discrepancy(
        "captured_not_fulfilled", payment, 0, total, total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def captured_within_grace(builder: CaseBuilder) -> Scene:
    """Captured within the grace period, not shipped yet: timing."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open")
    at = builder.month.exported_at - builder.draws.between(10 * HOUR, 30 * HOUR)
    payment = builder.captured(reference, total, at)
    truth = builder.make_timing("timing_awaiting_fulfilment", reference, order)
    return Scene((order,), (payment,), (truth,))


def authorization_lost(builder: CaseBuilder) -> Scene:
    """Shipped, but the reservation was released instead of captured: E → 0."""
    total, shipped, reference = builder.draw_shipped_sale()
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.reserved(reference, total)
    builder.release(payment, shipped + HOUR)
    truth = builder.make_discrepancy("authorization_lost", payment, total, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def authorization_lost_open(builder: CaseBuilder) -> Scene:
    """Not shipped, and the reservation was released: nothing expected yet, O at risk."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open")
    payment = builder.reserved(reference, total)
    builder.release(payment, builder.after(builder.ordered_at, 24, 72))
    truth = builder.make_discrepancy("authorization_lost", payment, 0, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def authorization_lost_in_part(builder: CaseBuilder) -> Scene:
    """Partly shipped and captured, the rest released: C → C, the rest at risk (case 3)."""
    total, shipped, reference = builder.draw_shipped_sale()
    part = total * 4 // 10
    order = builder.order(reference, total, "partial", shipped_at=shipped)
    payment = builder.captured(reference, part, shipped + 60, authorized=total)
    builder.release(payment, builder.after(shipped, 2, 24))
    truth = builder.make_discrepancy(
        "authorization_lost", payment, part, part, total - part, order=order
    )
    return Scene((order,), (payment,), (truth,))


def fulfilled_not_captured(builder: CaseBuilder) -> Scene:
    """Shipped more than a day ago, but still only reserved: E → 0."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "fulfilled")
    payment = builder.reserved(reference, total)
    truth = builder.make_discrepancy(
        "fulfilled_not_captured", payment, total, 0, total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def shipped_within_grace(builder: CaseBuilder) -> Scene:
    """Shipped within the grace period, capture due: `timing_capture_pending`."""
    total, reference = builder.draw_price(), builder.reference()
    shipped = builder.month.exported_at - builder.draws.between(10 * HOUR, 20 * HOUR)
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.reserved(reference, total)
    truth = builder.make_timing("timing_capture_pending", reference, order)
    return Scene((order,), (payment,), (truth,))


def shipped_the_day_before(builder: CaseBuilder) -> Scene:
    """Shipped the day before the export, which says only the day: the grace begins at its end (case 50)."""
    total, reference, market = builder.draw_price(), builder.reference(), builder.unit.market
    day = find_local_day(builder.month.exported_at, market) - timedelta(days=1)
    shipped = compute_local_moment(day, builder.draws.between(HOUR, 5 * HOUR), market)
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    order.days_only = True
    payment = builder.reserved(reference, total)
    truth = builder.make_timing("timing_capture_pending", reference, order)
    return Scene((order,), (payment,), (truth,))


def partly_shipped(builder: CaseBuilder) -> Scene:
    """Partly shipped and captured, the rest still reserved: timing (case 2)."""
    total, shipped, reference = builder.draw_shipped_sale()
    order = builder.order(reference, total, "partial", shipped_at=shipped)
    payment = builder.captured(reference, total * 4 // 10, shipped + 60, authorized=total)
    truth = builder.make_timing("timing_awaiting_fulfilment", reference, order)
    return Scene((order,), (payment,), (truth,))


def refunded_before_shipping(builder: CaseBuilder) -> Scene:
    """Partly "refunded" in the shop before capture, still open: timing, flagged (case 15)."""
    scene = awaiting_fulfilment(builder)
    order = scene.orders[0]
    order.refunded = order.total * 2 // 10
    order.refunded_at = builder.after(order.ordered_at, 6, 30)
    return scene._replace(truth=(scene.truth[0]._replace(flags="refunded_before_capture"),))


def awaiting_payment(builder: CaseBuilder) -> Scene:
    """The payer has not answered the payment link: `timing_awaiting_payment` (case 22)."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", paid=False)
    payment = builder.make_requested_payment(reference, total)
    return Scene(
        (order,), (payment,), (builder.make_timing("timing_awaiting_payment", reference, order),)
    )


def abandoned_checkout(builder: CaseBuilder) -> Scene:
    """The customer did not pay and the shop has the order as unpaid: ignored (case 23)."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", paid=False)
    payment = builder.make_failed_payment(
        reference, total, builder.draws.pick(("ABORTED", "EXPIRED"))
    )
    return Scene((order,), (payment,), (builder.ignored("abandoned_checkout", order),))


def duplicate_capture(builder: CaseBuilder) -> Scene:
    """The full amount was captured twice: E → 2E (case 27)."""
    total, shipped, reference = builder.draw_shipped_sale()
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.captured(reference, total, shipped + 60, authorized=2 * total)
    builder.capture(payment, total, shipped + 95)
    truth = builder.make_discrepancy(
        "duplicate_capture", payment, total, 2 * total, total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def under_captured(builder: CaseBuilder) -> Scene:
    """All shipped, partly captured, the rest can still be captured (case 4): E → C."""
    total, shipped, reference = builder.draw_shipped_sale()
    part = total * 6 // 10
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.captured(reference, part, shipped + 60, authorized=total)
    truth = builder.make_discrepancy(
        "under_captured", payment, total, part, total - part, order=order
    )
    return Scene((order,), (payment,), (truth,))


def under_captured_and_released(builder: CaseBuilder) -> Scene:
    """All shipped, partly captured, the rest released: flag `not_capturable`."""
    scene = under_captured(builder)
    payment = scene.payments[0]
    builder.release(payment, payment.events[-1].at + HOUR)
    truth = scene.truth[0]._replace(flags="not_capturable", proposal="", proposed=None)
    return scene._replace(truth=(truth,))


def captured_as_truncated(builder: CaseBuilder) -> Scene:
    """Shopware's plugin reserved and captured an øre less than the total (case 29): E → C."""
    total, shipped, reference = builder.draw_shipped_sale()
    while not is_truncated(total):
        total += 1
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.captured(reference, total - 1, shipped + 60)
    truth = builder.make_discrepancy(
        "rounding_difference", payment, total, total - 1, order=order, flags="shopware_truncation"
    )
    return Scene((order,), (payment,), (truth,))


def over_captured(builder: CaseBuilder) -> Scene:
    """The order was reduced after the capture (case 8): E → C."""
    captured, shipped, reference = builder.draw_shipped_sale()
    total = captured * 8 // 10
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.captured(reference, captured, shipped - HOUR)
    truth = builder.make_discrepancy(
        "over_captured", payment, total, captured, captured - total, order=order
    )
    return Scene((order,), (payment,), (truth,))


def express_freight_captured(builder: CaseBuilder) -> Scene:
    """Express added freight that the shop does not show (case 30): flag `express_shipping`."""
    total, shipped, reference = builder.draw_shipped_sale()
    captured = total + (990 if builder.unit.currency == "EUR" else 9900)
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.reserved(reference, total, authorized=captured)
    payment.express = True
    builder.capture(payment, captured, shipped + 60)
    truth = builder.make_discrepancy(
        "over_captured",
        payment,
        total,
        captured,
        captured - total,
        order=order,
        flags="express_shipping",
        proposal="",
    )
    return Scene((order,), (payment,), (truth,))


def over_captured_and_refund_missing(builder: CaseBuilder) -> Scene:
    """Too much was captured and a refund was not made: two rows for one payment (case 7)."""
    captured, shipped, reference = builder.draw_shipped_sale()
    total = captured * 9 // 10
    refunded_amount = captured * 3 // 10
    order = builder.order(
        reference, total, "fulfilled", refunded=refunded_amount, shipped_at=shipped
    )
    payment = builder.captured(reference, captured, shipped + 60)
    return Scene(
        (order,),
        (payment,),
        (
            builder.make_discrepancy(
                "over_captured", payment, total, captured, captured - total, order=order
            ),
            builder.make_discrepancy(
                "refund_missing_at_vipps", payment, refunded_amount, 0, refunded_amount, order=order
            ),
        ),
    )
