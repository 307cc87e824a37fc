"""Build cases of refunds, and of amounts that are still reserved."""

from __future__ import annotations

from vippsrecon.scenario.calendar import HOUR
from vippsrecon.scenario.cases.case_builder import CaseBuilder
from vippsrecon.scenario.cases.ordinary import awaiting_fulfilment, captured_when_shipped
from vippsrecon.scenario.models import Scene

_GUARANTEE_LEFT = 30 * HOUR


def refund_missing_at_vipps(builder: CaseBuilder) -> Scene:
    """Refunded in the shop, not at Vipps MobilePay: Er → R."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    refunded_amount = order.total * builder.draws.between(2, 7) // 10
    order.refunded, order.refunded_at = refunded_amount, builder.after(payment.events[-1].at, 6, 60)
    truth = builder.make_discrepancy(
        "refund_missing_at_vipps", payment, refunded_amount, 0, refunded_amount, order=order
    )
    return scene._replace(truth=(truth,))


def refunded_in_shop_only(builder: CaseBuilder) -> Scene:
    """Captured, not shipped, refunded in the shop but not at Vipps MobilePay (case 20)."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    order.status, order.fulfilled_at = "open", None
    order.refunded = order.total
    order.refunded_at = builder.after(payment.events[-1].at, 2, 48)
    truth = builder.make_discrepancy(
        "refund_missing_at_vipps", payment, order.total, 0, order.total, order=order
    )
    return scene._replace(truth=(truth,))


def refund_failed(builder: CaseBuilder) -> Scene:
    """The last refund failed, after an earlier one succeeded: Er → R."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    first, second = order.total * 2 // 10, order.total * 3 // 10
    at = builder.after(payment.events[-1].at, 6, 60)
    builder.refund(payment, first, at - 2 * HOUR)
    builder.refund(payment, second, at, success=False)
    order.refunded, order.refunded_at = first + second, at
    truth = builder.make_discrepancy(
        "refund_failed", payment, first + second, first, second, order=order
    )
    return scene._replace(truth=(truth,))


def refunded_within_grace(builder: CaseBuilder) -> Scene:
    """Refunded in the shop within the grace period: `timing_refund_pending`."""
    scene = captured_when_shipped(builder)
    order = scene.orders[0]
    order.refunded = order.total * 3 // 10
    order.refunded_at = builder.month.exported_at - builder.draws.between(10 * HOUR, 20 * HOUR)
    truth = builder.make_timing("timing_refund_pending", order.references[0], order)
    return scene._replace(truth=(truth,))


def refund_recorded_by_hand(builder: CaseBuilder) -> Scene:
    """Staff recorded a refund without sending it (case 49): Er → R, nothing proposed."""
    scene = refund_missing_at_vipps(builder)
    scene.orders[0].refunded_by_hand = True
    truth = scene.truth[0]._replace(flags="recorded_by_hand", proposal="", proposed=None)
    return scene._replace(truth=(truth,))


def refunded_in_part_after_export(builder: CaseBuilder) -> Scene:
    """A third of a missing refund is made after the export (case 47): only the rest is proposed."""
    scene = refund_missing_at_vipps(builder)
    order, payment = scene.orders[0], scene.payments[0]
    later = order.refunded // 3
    builder.refund(payment, later, builder.month.exported_at + builder.draws.between(600, 5400))
    truth = scene.truth[0]._replace(flags="changed_after_export", proposed=order.refunded - later)
    return scene._replace(truth=(truth,))


def refunded_just_before_export(builder: CaseBuilder) -> Scene:
    """Refunded in the portal 20 minutes before the export, which does not show it yet (case 52)."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    builder.refund(payment, order.total // 10, builder.month.exported_at - 20 * 60, keyed=False)
    truth = builder.make_timing("timing_refund_not_recorded", payment.reference, order)
    return scene._replace(truth=(truth,))


def refund_missing_in_shop(builder: CaseBuilder) -> Scene:
    """Refunded in the business portal, unknown to the shop (case 40): flag `made_elsewhere`."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    refunded_amount = order.total * builder.draws.between(2, 7) // 10
    builder.refund(
        payment, refunded_amount, builder.after(payment.events[-1].at, 6, 60), keyed=False
    )
    truth = builder.make_discrepancy(
        "refund_missing_in_shop",
        payment,
        0,
        refunded_amount,
        refunded_amount,
        order=order,
        flags="made_elsewhere",
    )
    return scene._replace(truth=(truth,))


def refunded_after_export(builder: CaseBuilder) -> Scene:
    """Refunded at Vipps MobilePay after the export and before the fetch: `timing_after_cut`."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    builder.refund(
        payment, order.total, builder.month.exported_at + builder.draws.between(600, 5400)
    )
    truth = builder.make_timing(
        "timing_after_cut", payment.reference, order, flags="changed_after_export"
    )
    return scene._replace(truth=(truth,))


def refund_exceeds_capture(builder: CaseBuilder) -> Scene:
    """More refunded than captured, which the API forbids but a file can contain: Er → R."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    more = order.total * 2 // 10
    at = builder.after(payment.events[-1].at, 6, 60)
    builder.refund(payment, order.total, at - HOUR)
    builder.refund(payment, more, at)
    order.refunded, order.refunded_at = order.total, at
    truth = builder.make_discrepancy(
        "refund_exceeds_capture", payment, order.total, order.total + more, more, order=order
    )
    return scene._replace(truth=(truth,))


def remainder_of_cancelled(builder: CaseBuilder) -> Scene:
    """Cancelled in the shop, but still reserved (case 11): 0 → K."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "cancelled")
    payment = builder.reserved(reference, total)
    truth = builder.make_discrepancy("remainder_open", payment, 0, total, order=order)
    return Scene((order,), (payment,), (truth,))


def remainder_of_edited(builder: CaseBuilder) -> Scene:
    """The order was reduced before the capture, and the rest was not released (case 8): 0 → K."""
    reserved, shipped, reference = builder.draw_shipped_sale()
    total = reserved * 8 // 10
    order = builder.order(reference, total, "fulfilled", shipped_at=shipped)
    payment = builder.captured(reference, total, shipped + 60, authorized=reserved)
    truth = builder.make_discrepancy("remainder_open", payment, 0, reserved - total, order=order)
    return Scene((order,), (payment,), (truth,))


def remainder_after_early_refund(builder: CaseBuilder) -> Scene:
    """Partly "refunded" before capture, the rest captured, nothing released (case 17): 0 → K."""
    reserved, shipped, reference = builder.draw_shipped_sale()
    reduction = reserved * 2 // 10
    order = builder.order(
        reference,
        reserved,
        "fulfilled",
        refunded=reduction,
        shipped_at=shipped,
        refunded_at=shipped - HOUR,
    )
    payment = builder.captured(reference, reserved - reduction, shipped + 60, authorized=reserved)
    truth = builder.make_discrepancy(
        "remainder_open", payment, 0, reduction, order=order, flags="refunded_before_capture"
    )
    return Scene((order,), (payment,), (truth,))


def remainder_of_refunded(builder: CaseBuilder) -> Scene:
    """Refunded in the shop, never captured, still reserved (case 18): 0 → K."""
    total, reference = builder.draw_price(), builder.reference()
    order = builder.order(reference, total, "open", refunded=total)
    payment = builder.reserved(reference, total)
    truth = builder.make_discrepancy(
        "remainder_open", payment, 0, total, order=order, flags="refunded_before_capture"
    )
    return Scene((order,), (payment,), (truth,))


def guarantee_expiring(builder: CaseBuilder) -> Scene:
    """Open, and the capture guarantee ends in 30 hours: `authorization_expiring`."""
    scene = awaiting_fulfilment(builder)
    scene.payments[0].guaranteed_until = builder.month.exported_at + _GUARANTEE_LEFT
    return _add_expiring_truth(builder, scene)


def deadline_expiring(builder: CaseBuilder) -> Scene:
    """Open, 12 or 13 of the 14 days of a Danish or Finnish reservation have passed (case 26)."""
    scene = awaiting_fulfilment(builder)
    scene.payments[0].guaranteed_until = None
    return _add_expiring_truth(builder, scene)


def _add_expiring_truth(builder: CaseBuilder, scene: Scene) -> Scene:
    order, payment = scene.orders[0], scene.payments[0]
    reserved = payment.remaining
    truth = builder.make_discrepancy(
        "authorization_expiring", payment, 0, reserved, reserved, order=order
    )
    return scene._replace(truth=(truth,))
