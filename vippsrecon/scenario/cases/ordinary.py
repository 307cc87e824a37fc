"""Build cases without a discrepancy: most of the month, and cases that only look wrong."""

from __future__ import annotations

from vippsrecon.scenario.calendar import DAY, HOUR
from vippsrecon.scenario.cases.case_builder import CaseBuilder
from vippsrecon.scenario.models import Scene


def captured_when_shipped(builder: CaseBuilder) -> Scene:
    """Captured in full when shipped (case 1)."""
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    reference = builder.reference()
    payment = builder.captured(reference, total, shipped + builder.draws.between(5, 600))
    return Scene((builder.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def captured_in_two_parts(builder: CaseBuilder) -> Scene:
    """Two partial captures add up to the order total."""
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    reference = builder.reference()
    first = total * builder.draws.between(2, 4) // 10
    payment = builder.captured(reference, first, shipped - 2 * HOUR, authorized=total)
    builder.capture(payment, total - first, shipped + 60)
    return Scene((builder.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def returned_in_part(builder: CaseBuilder) -> Scene:
    """Partly refunded on both sides, sometimes with two refunds."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    refunded_amount = order.total * builder.draws.between(2, 8) // 10
    at = builder.after(payment.events[-1].at, 12, 72)
    if builder.draws.chance(0.2):
        builder.refund(payment, refunded_amount // 2, at - HOUR)
        builder.refund(payment, refunded_amount - refunded_amount // 2, at)
    else:
        builder.refund(payment, refunded_amount, at)
    order.refunded, order.refunded_at = refunded_amount, at
    return scene


def returned_in_full(builder: CaseBuilder) -> Scene:
    """Refunded in full on both sides."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    at = builder.after(payment.events[-1].at, 12, 72)
    builder.refund(payment, order.total, at)
    order.refunded, order.refunded_at = order.total, at
    return scene


def edited_down_and_released(builder: CaseBuilder) -> Scene:
    """The order was reduced before capture and the rest released (case 8, correct)."""
    reserved, shipped = builder.draw_price(), builder.draw_shipping_time()
    total = reserved * 8 // 10
    reference = builder.reference()
    payment = builder.captured(reference, total, shipped + 60, authorized=reserved)
    builder.release(payment, shipped + 90)
    return Scene((builder.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def cancelled_and_released(builder: CaseBuilder) -> Scene:
    """Cancelled by the shop, released at Vipps MobilePay (case 11, correct)."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "cancelled")
    payment = builder.reserved(reference, total)
    builder.release(payment, builder.after(payment.events[-1].at, 1, 24))
    return Scene((order,), (payment,))


def unpaid_and_cancelled(builder: CaseBuilder) -> Scene:
    """Not paid (declined, expired or terminated), and cancelled in the shop (case 24)."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "cancelled", paid=False)
    state = builder.draws.pick(("ABORTED", "ABORTED", "EXPIRED", "TERMINATED"))
    return Scene((order,), (builder.make_failed_payment(reference, total, state),))


def awaiting_fulfilment(builder: CaseBuilder) -> Scene:
    """Placed a few days before the export and not shipped yet: timing."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open")
    payment = builder.reserved(reference, total)
    if builder.draws.chance(0.5):
        payment.guaranteed_until = payment.events[-1].at + 30 * DAY
    truth = builder.make_timing("timing_awaiting_fulfilment", reference, order)
    return Scene((order,), (payment,), (truth,))


def second_attempt_after_abort(builder: CaseBuilder) -> Scene:
    """The first attempt was declined, and the retry has a suffix: `superseded_attempt`."""
    total, shipped, base = builder.draw_price(), builder.draw_shipping_time(), builder.reference()
    retry = f"{base}-1"
    first = builder.make_failed_payment(base, total, "ABORTED")
    second = builder.captured(retry, total, shipped + 60, delay=400)
    order = builder.order(retry, total, "fulfilled", shipped_at=shipped)
    return Scene((order,), (first, second))


def second_attempt_after_release(builder: CaseBuilder) -> Scene:
    """The first attempt was reserved and released, and a retry captured (case 32)."""
    total, shipped, base = builder.draw_price(), builder.draw_shipping_time(), builder.reference()
    first = builder.reserved(base, total)
    builder.release(first, first.events[-1].at + 60)
    second = builder.captured(f"{base}-1", total, shipped + 60, delay=600)
    order = builder.order(f"{base}-1", total, "fulfilled", shipped_at=shipped)
    return Scene((order,), (first, second))


def split_payment(builder: CaseBuilder) -> Scene:
    """One order, two payments that add up to its total (case 31)."""
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    first = total * 6 // 10
    first_reference, second_reference = make_two_references(builder)
    order = builder.order(
        choose_exported_references(builder, first_reference, second_reference),
        total,
        "fulfilled",
        shipped_at=shipped,
    )
    return Scene(
        (order,),
        (
            builder.captured(first_reference, first, shipped + 60),
            builder.captured(second_reference, total - first, shipped + 90, delay=300),
        ),
    )


def combined_orders(builder: CaseBuilder) -> Scene:
    """One payment, two orders whose totals add up to it (case 33)."""
    total, shipped, reference = builder.draw_shipped_sale()
    first = total * 6 // 10
    return Scene(
        (
            builder.order(reference, first, "fulfilled", shipped_at=shipped),
            builder.order(reference, total - first, "fulfilled", shipped_at=shipped, further=1),
        ),
        (builder.captured(reference, total, shipped + 60),),
    )


def cancellation_fee_kept(builder: CaseBuilder) -> Scene:
    """Cancelled, and refunded except for a fee (case 12)."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    refunded_amount = order.total * 9 // 10
    at = builder.after(payment.events[-1].at, 12, 48)
    builder.refund(payment, refunded_amount, at)
    order.status, order.refunded, order.refunded_at = "cancelled", refunded_amount, at
    order.cancelled_at, order.fulfilled_at = at, None
    return scene


def refunded_before_capture(builder: CaseBuilder) -> Scene:
    """The shop "refunded" an amount never captured, then captured the rest (case 16)."""
    reserved, shipped, reference = builder.draw_shipped_sale()
    reduction = reserved * 2 // 10
    payment = builder.captured(reference, reserved - reduction, shipped + 60, authorized=reserved)
    builder.release(payment, shipped + 90)
    order = builder.order(
        reference,
        reserved,
        "fulfilled",
        refunded=reduction,
        shipped_at=shipped,
        refunded_at=shipped - HOUR,
    )
    return Scene((order,), (payment,))


def excess_refunded(builder: CaseBuilder) -> Scene:
    """Too much was captured, and the excess refunded at Vipps MobilePay (case 5)."""
    captured, shipped, reference = builder.draw_shipped_sale()
    total = captured * 8 // 10
    payment = builder.captured(reference, captured, shipped + 60)
    builder.refund(payment, captured - total, builder.after(shipped, 2, 30))
    return Scene((builder.order(reference, total, "fulfilled", shipped_at=shipped),), (payment,))


def refunded_before_fulfilment(builder: CaseBuilder) -> Scene:
    """Refunded in full before anything was shipped (case 19)."""
    total, reference = builder.draw_price(), builder.reference()
    captured_at = builder.ordered_at + 2 * HOUR
    at = captured_at + 5 * HOUR
    payment = builder.captured(reference, total, captured_at)
    builder.refund(payment, total, at)
    order = builder.order(reference, total, "open", refunded=total, refunded_at=at)
    return Scene((order,), (payment,))


def make_two_references(builder: CaseBuilder) -> tuple[str, str]:
    """Return the references of two payments of one order: the second has a suffix, if the shop adds one."""
    base = builder.reference()
    if "retries" in builder.shop.export_features:
        return base, f"{base}-1"
    return base, builder.reference(further=1)


def choose_exported_reference(builder: CaseBuilder, first: str, second: str) -> str:
    """Return the reference in the export: the last attempt for WooCommerce, else the first."""
    return second if builder.shop.name == "woocommerce" else first


def choose_exported_references(builder: CaseBuilder, first: str, second: str) -> tuple[str, ...]:
    """Return the references in the export of an order that both payments belong to."""
    if "several_references" in builder.shop.export_features:
        return first, second
    return (choose_exported_reference(builder, first, second),)
