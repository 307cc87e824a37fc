"""Build cases of several payments for one order: a second attempt, a double payment, a split one."""

from __future__ import annotations

from vippsrecon.scenario.cases.case_builder import CaseBuilder
from vippsrecon.scenario.cases.ordinary import (
    choose_exported_reference,
    make_two_references,
    split_payment,
)
from vippsrecon.scenario.models import Scene


def duplicate_payment(builder: CaseBuilder) -> Scene:
    """Two attempts are both captured in full: the one the shop does not name is one too many, 0 → C."""
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    first_reference, second_reference = make_two_references(builder)
    first = builder.captured(first_reference, total, shipped + 60)
    second = builder.captured(second_reference, total, shipped + 90, delay=300)
    named = choose_exported_reference(builder, first_reference, second_reference)
    order = builder.order(named, total, "fulfilled", shipped_at=shipped)
    surplus = second if named == first_reference else first
    truth = builder.make_discrepancy("duplicate_payment", surplus, 0, total, total, order=order)
    return Scene((order,), (first, second), (truth,))


def first_attempt_still_reserved(builder: CaseBuilder) -> Scene:
    """The second attempt was captured, the first is still reserved (case 44): release it, K at risk."""
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    first_reference, second_reference = make_two_references(builder)
    first = builder.reserved(first_reference, total)
    second = builder.captured(second_reference, total, shipped + 60, delay=300)
    order = builder.order(second_reference, total, "fulfilled", shipped_at=shipped)
    truth = builder.make_discrepancy(
        "duplicate_payment", first, 0, 0, total, order=order, proposal="cancel", proposed=total
    )
    return Scene((order,), (first, second), (truth,))


def double_payment_given_back(builder: CaseBuilder) -> Scene:
    """Two attempts captured, one refunded, and the shop knows (case 45): the other is one too many."""
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    first_reference, second_reference = make_two_references(builder)
    first = builder.captured(first_reference, total, shipped + 60)
    second = builder.captured(second_reference, total, shipped + 90, delay=300)
    refunded_at = builder.after(shipped + 90, 12, 72)
    builder.refund(second, total, refunded_at)
    order = builder.order(
        choose_exported_reference(builder, first_reference, second_reference),
        total,
        "fulfilled",
        refunded=total,
        shipped_at=shipped,
        refunded_at=refunded_at,
    )
    truth = builder.make_discrepancy("duplicate_payment", first, 0, total, total, order=order)
    return Scene((order,), (first, second), (truth,))


def split_payment_refund_missing(builder: CaseBuilder) -> Scene:
    """One order, two payments, and a refund that only the shop has (case 46): Er → R, none proposed.

    A split payment is reported under the smallest of its references.
    """
    scene = split_payment(builder)
    order = scene.orders[0]
    order.refunded = order.total * 2 // 10
    order.refunded_at = builder.after(scene.payments[1].events[-1].at, 6, 60)
    named = min(scene.payments, key=lambda payment: payment.reference)
    truth = builder.make_discrepancy(
        "refund_missing_at_vipps",
        named,
        order.refunded,
        0,
        order.refunded,
        order=order,
        flags="split_payment",
        proposal="",
    )
    return scene._replace(truth=(truth,))
