"""Build cases without a discrepancy: most of the month, and cases that only look wrong."""

from __future__ import annotations

from vippsrecon.scenario.calendar import DAY, HOUR
from vippsrecon.scenario.case_builder import CaseBuilder
from vippsrecon.scenario.models import Scene


def captured_when_shipped(slot: CaseBuilder) -> Scene:
    """Captured in full when shipped (case 1)."""
    total, shipped = slot.draw_price(), slot.draw_shipping_time()
    reference = slot.reference()
    payment = slot.captured(reference, total, shipped + slot.draws.between(5, 600))
    return Scene((slot.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def captured_in_two_parts(slot: CaseBuilder) -> Scene:
    """Two partial captures add up to the order total."""
    total, shipped = slot.draw_price(), slot.draw_shipping_time()
    reference = slot.reference()
    first = total * slot.draws.between(2, 4) // 10
    payment = slot.captured(reference, first, shipped - 2 * HOUR, authorized=total)
    slot.capture(payment, total - first, shipped + 60)
    return Scene((slot.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def returned_in_part(slot: CaseBuilder) -> Scene:
    """Partly refunded on both sides, sometimes with two refunds."""
    scene = captured_when_shipped(slot)
    order, payment = scene.orders[0], scene.payments[0]
    refunded_amount = order.total * slot.draws.between(2, 8) // 10
    at = slot.after(payment.events[-1].at, 12, 72)
    if slot.draws.chance(0.2):
        slot.refund(payment, refunded_amount // 2, at - HOUR)
        slot.refund(payment, refunded_amount - refunded_amount // 2, at)
    else:
        slot.refund(payment, refunded_amount, at)
    order.refunded, order.refunded_at = refunded_amount, at
    return scene


def returned_in_full(slot: CaseBuilder) -> Scene:
    """Refunded in full on both sides."""
    scene = captured_when_shipped(slot)
    order, payment = scene.orders[0], scene.payments[0]
    at = slot.after(payment.events[-1].at, 12, 72)
    slot.refund(payment, order.total, at)
    order.refunded, order.refunded_at = order.total, at
    return scene


def edited_down_and_released(slot: CaseBuilder) -> Scene:
    """The order was reduced before capture and the rest released (case 8, correct)."""
    reserved, shipped = slot.draw_price(), slot.draw_shipping_time()
    total = reserved * 8 // 10
    reference = slot.reference()
    payment = slot.captured(reference, total, shipped + 60, authorized=reserved)
    slot.release(payment, shipped + 90)
    return Scene((slot.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def cancelled_and_released(slot: CaseBuilder) -> Scene:
    """Cancelled by the shop, released at Vipps MobilePay (case 11, correct)."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "cancelled")
    payment = slot.reserved(reference, total)
    slot.release(payment, slot.after(payment.events[-1].at, 1, 24))
    return Scene((order,), (payment,))


def unpaid_and_cancelled(slot: CaseBuilder) -> Scene:
    """Not paid (declined, expired or terminated), and cancelled in the shop (case 24)."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "cancelled", paid=False)
    state = slot.draws.pick(("ABORTED", "ABORTED", "EXPIRED", "TERMINATED"))
    return Scene((order,), (slot.make_failed_payment(reference, total, state),))


def awaiting_fulfilment(slot: CaseBuilder) -> Scene:
    """Placed a few days before the export and not shipped yet: timing."""
    total, reference = slot.draw_price(), slot.reference()
    order = slot.order(reference, total, "open")
    payment = slot.reserved(reference, total)
    if slot.draws.chance(0.5):
        payment.guaranteed_until = payment.events[-1].at + 30 * DAY
    truth = slot.make_timing("timing_awaiting_fulfilment", reference, order)
    return Scene((order,), (payment,), (truth,))


def second_attempt_after_abort(slot: CaseBuilder) -> Scene:
    """The first attempt was declined, and the retry has a suffix: `superseded_attempt`."""
    total, shipped, base = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    retry = f"{base}-1"
    first = slot.make_failed_payment(base, total, "ABORTED")
    second = slot.captured(retry, total, shipped + 60, delay=400)
    order = slot.order(retry, total, "fulfilled", shipped_at=shipped)
    return Scene((order,), (first, second))


def second_attempt_after_release(slot: CaseBuilder) -> Scene:
    """The first attempt was reserved and released, and a retry captured (case 32)."""
    total, shipped, base = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    first = slot.reserved(base, total)
    slot.release(first, first.events[-1].at + 60)
    second = slot.captured(f"{base}-1", total, shipped + 60, delay=600)
    order = slot.order(f"{base}-1", total, "fulfilled", shipped_at=shipped)
    return Scene((order,), (first, second))


def split_payment(slot: CaseBuilder) -> Scene:
    """One order, two payments that add up to its total (case 31)."""
    total, shipped = slot.draw_price(), slot.draw_shipping_time()
    first = total * 6 // 10
    first_reference, second_reference = make_two_references(slot)
    order = slot.order(
        choose_exported_reference(slot, first_reference, second_reference),
        total,
        "fulfilled",
        shipped_at=shipped,
    )
    return Scene(
        (order,),
        (
            slot.captured(first_reference, first, shipped + 60),
            slot.captured(second_reference, total - first, shipped + 90, delay=300),
        ),
    )


def combined_orders(slot: CaseBuilder) -> Scene:
    """One payment, two orders whose totals add up to it (case 33)."""
    total, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    first = total * 6 // 10
    return Scene(
        (
            slot.order(reference, first, "fulfilled", shipped_at=shipped),
            slot.order(reference, total - first, "fulfilled", shipped_at=shipped, further=1),
        ),
        (slot.captured(reference, total, shipped + 60),),
    )


def cancellation_fee_kept(slot: CaseBuilder) -> Scene:
    """Cancelled, and refunded except for a fee (case 12)."""
    scene = captured_when_shipped(slot)
    order, payment = scene.orders[0], scene.payments[0]
    refunded_amount = order.total * 9 // 10
    at = slot.after(payment.events[-1].at, 12, 48)
    slot.refund(payment, refunded_amount, at)
    order.status, order.refunded, order.refunded_at = "cancelled", refunded_amount, at
    order.cancelled_at, order.fulfilled_at = at, None
    return scene


def refunded_before_capture(slot: CaseBuilder) -> Scene:
    """The shop "refunded" an amount never captured, then captured the rest (case 16)."""
    reserved, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    reduction = reserved * 2 // 10
    payment = slot.captured(reference, reserved - reduction, shipped + 60, authorized=reserved)
    slot.release(payment, shipped + 90)
    order = slot.order(
        reference,
        reserved,
        "fulfilled",
        refunded=reduction,
        shipped_at=shipped,
        refunded_at=shipped - HOUR,
    )
    return Scene((order,), (payment,))


def excess_refunded(slot: CaseBuilder) -> Scene:
    """Too much was captured, and the excess refunded at Vipps MobilePay (case 5)."""
    captured, shipped, reference = slot.draw_price(), slot.draw_shipping_time(), slot.reference()
    total = captured * 8 // 10
    payment = slot.captured(reference, captured, shipped + 60)
    slot.refund(payment, captured - total, slot.after(shipped, 2, 30))
    return Scene((slot.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def refunded_before_fulfilment(slot: CaseBuilder) -> Scene:
    """Refunded in full before anything was shipped (case 19)."""
    total, reference = slot.draw_price(), slot.reference()
    captured_at = slot.ordered_at + 2 * HOUR
    at = captured_at + 5 * HOUR
    payment = slot.captured(reference, total, captured_at)
    slot.refund(payment, total, at)
    order = slot.order(reference, total, "open", refunded=total, refunded_at=at)
    return Scene((order,), (payment,))


def make_two_references(slot: CaseBuilder) -> tuple[str, str]:
    """Return the references of two attempts at one order: the second has a suffix."""
    base = slot.reference()
    return base, f"{base}-1"


def choose_exported_reference(slot: CaseBuilder, first: str, second: str) -> str:
    """Return the reference in the export: the last attempt for WooCommerce, else the first."""
    return second if slot.shop.name == "woocommerce" else first
