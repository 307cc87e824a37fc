"""Build cases of presence: orders without payments, payments without orders, duplicates."""

from __future__ import annotations

from vippsrecon.scenario.calendar import DAY, FIRST_DAY, HOUR, compute_utc_midnight
from vippsrecon.scenario.case_builder import ORDER_NUMBERS_PER_CASE, CaseBuilder
from vippsrecon.scenario.cases.ordinary import (
    captured_when_shipped,
    choose_exported_reference,
    make_two_references,
)
from vippsrecon.scenario.models import Scene, Truth


def missing_in_vipps(slot: CaseBuilder) -> Scene:
    """Shipped, but Vipps MobilePay has no such payment: O → null, at risk O − Or."""
    order = slot.order(slot.reference(), slot.draw_price(), "fulfilled")
    truth = slot.make_discrepancy("missing_in_vipps", order, order.total, None, order.total)
    return Scene((order,), (), (truth,))


def missing_in_orders(slot: CaseBuilder) -> Scene:
    """Captured and in the ledger, but the order is missing from the export: null → C."""
    payment = captured_when_shipped(slot).payments[0]
    captured = payment.total("CAPTURED")
    truth = slot.make_discrepancy("missing_in_orders", payment, None, captured, captured)
    return Scene((), (payment,), (truth,))


def missing_in_orders_refunded(slot: CaseBuilder) -> Scene:
    """Missing from the export, but refunded in full: nothing at risk (case 39)."""
    payment = captured_when_shipped(slot).payments[0]
    captured = payment.total("CAPTURED")
    slot.refund(payment, captured, slot.after(payment.events[-1].at, 12, 48))
    truth = slot.make_discrepancy("missing_in_orders", payment, None, captured, 0)
    return Scene((), (payment,), (truth,))


def duplicate_payment(slot: CaseBuilder) -> Scene:
    """Two attempts are both captured in full: the later capture is a discrepancy, 0 → C."""
    total, shipped = slot.draw_price(), slot.draw_shipping_time()
    first_reference, second_reference = make_two_references(slot)
    first = slot.captured(first_reference, total, shipped + 60)
    second = slot.captured(second_reference, total, shipped + 90, delay=300)
    order = slot.order(
        choose_exported_reference(slot, first_reference, second_reference),
        total,
        "fulfilled",
        shipped_at=shipped,
    )
    truth = slot.make_discrepancy("duplicate_payment", second, 0, total, total, order=order)
    return Scene((order,), (first, second), (truth,))


def duplicate_order_row(slot: CaseBuilder) -> Scene:
    """One reference on two orders whose sum is not the payment: O → null, at risk 0."""
    scene = captured_when_shipped(slot)
    order = scene.orders[0]
    other_total = order.total + 1000
    further = 0 if slot.shop.name == "magento" else 1
    second_order = slot.order(
        order.references,
        other_total,
        "fulfilled",
        shipped_at=order.fulfilled_at,
        further=further,
    )
    payment = scene.payments[0]
    truth = slot.make_discrepancy(
        "duplicate_order_row", payment, other_total, None, order=second_order
    )
    return Scene((order, second_order), scene.payments, (truth,))


def reference_with_lost_zeros(slot: CaseBuilder) -> Scene:
    """A spreadsheet removed the leading zeros: `reference_mangled`, matched after repair."""
    reference = f"{slot.number:012}" if slot.shop.name == "plain" else slot.reference()
    return _build_mangled_scene(slot, reference, reference.lstrip("0"))


def reference_in_scientific_form(slot: CaseBuilder) -> Scene:
    """A spreadsheet changed twelve digits to `1.02345E+11`: `reference_mangled`.

    The six remaining digits differ in every case, so the repair is never ambiguous.
    """
    thousands, remainder = divmod(slot.number // ORDER_NUMBERS_PER_CASE, 900_000)
    first_digits = str(100_000 + remainder)
    lost_digits = f"{slot.draws.between(0, 499_999):06}" + "0" * thousands
    mantissa = f"{first_digits[0]}.{first_digits[1:]}".rstrip("0").rstrip(".")
    reference = first_digits + lost_digits
    return _build_mangled_scene(slot, reference, f"{mantissa}E+{len(reference) - 1}")


def reference_in_other_case(slot: CaseBuilder) -> Scene:
    """Upper and lower case were changed; references are case-sensitive: `reference_mangled`."""
    reference = slot.reference()
    return _build_mangled_scene(slot, reference, reference.swapcase())


def _build_mangled_scene(slot: CaseBuilder, reference: str, shown: str) -> Scene:
    total, shipped = slot.draw_price(), slot.draw_shipping_time()
    payment = slot.captured(reference, total, shipped + 60)
    order = slot.order(shown, total, "fulfilled", shipped_at=shipped)
    if slot.shop.name == "magento":
        order.number = shown
    truth = slot.make_discrepancy("reference_mangled", payment, None, None, order=order)
    return Scene((order,), (payment,), (truth,))


def currency_mismatch(slot: CaseBuilder) -> Scene:
    """The order has another currency than the payment, so no amounts are compared."""
    scene = captured_when_shipped(slot)
    order, payment = scene.orders[0], scene.payments[0]
    order.currency = "SEK"
    flags = "presentment_currency" if "shop_currency" in slot.shop.export_features else ""
    captured = payment.total("CAPTURED")
    truth = slot.make_discrepancy(
        "currency_mismatch", payment, None, None, captured, order=order, flags=flags
    )
    return Scene((order,), (payment,), (truth,))


def aggregate_mismatch(slot: CaseBuilder) -> Scene:
    """The aggregate shows less captured than the events; the order agrees with the events."""
    scene = captured_when_shipped(slot)
    order, payment = scene.orders[0], scene.payments[0]
    gap = order.total // 4
    payment.aggregate_error = -gap
    truth = slot.make_discrepancy("aggregate_mismatch", payment, None, None, gap, order=order)
    return Scene((order,), (payment,), (truth,))


def captured_before_first_order(slot: CaseBuilder) -> Scene:
    """Ordered in September, captured in October: `timing_outside_export` (case 35)."""
    slot.ordered_at = compute_utc_midnight(FIRST_DAY) - slot.draws.between(DAY, 3 * DAY)
    total, reference = slot.draw_price(), slot.reference()
    captured_at = compute_utc_midnight(FIRST_DAY) + slot.draws.between(6 * HOUR, 60 * HOUR)
    payment = slot.captured(reference, total, captured_at)
    return Scene((), (payment,), (slot.make_timing("timing_outside_export", reference),))


def nothing_to_pay(slot: CaseBuilder) -> Scene:
    """An order with a total of zero needs no payment: ignored."""
    references = () if slot.shop.name == "shopify" else slot.reference()
    order = slot.order(references, 0, "fulfilled")
    return Scene((order,), (), (slot.ignored("nothing_to_pay", order),))


def other_payment_method(slot: CaseBuilder) -> Scene:
    """Paid with Klarna: ignored (case 34)."""
    reference = slot.draws.uuid() if slot.shop.name == "woocommerce" else slot.reference()
    order = slot.order(reference, slot.draw_price(), "fulfilled")
    order.tender = "Klarna"
    return Scene((order,), (), (slot.ignored("other_payment_method", order),))


def blind_spot(slot: CaseBuilder) -> Scene:
    """Authorized, never captured, unknown to the shop: neither export nor ledger shows it."""
    reference = slot.reference()
    payment = slot.reserved(reference, slot.draw_price())
    reserved = payment.remaining
    truth = Truth(
        "blind_spot", "", slot.unit, reference, "", slot.unit.currency, None, reserved, reserved
    )
    return Scene((), (payment,), (truth,))
