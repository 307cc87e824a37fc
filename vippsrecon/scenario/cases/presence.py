"""Build cases of presence: orders without payments, payments without orders, duplicates."""

from __future__ import annotations

from vippsrecon.scenario.calendar import DAY, HOUR, compute_utc_midnight
from vippsrecon.scenario.cases.case_builder import ORDER_NUMBERS_PER_CASE, CaseBuilder
from vippsrecon.scenario.cases.ordinary import captured_when_shipped
from vippsrecon.scenario.models import Scene, Truth


def missing_in_vipps(builder: CaseBuilder) -> Scene:
    """Shipped, but Vipps MobilePay has no such payment: O → null, at risk O − Or."""
    order = builder.order(builder.reference(), builder.draw_price(), "fulfilled")
    truth = builder.make_discrepancy("missing_in_vipps", order, order.total, None, order.total)
    return Scene((order,), (), (truth,))


def missing_in_orders(builder: CaseBuilder) -> Scene:
    """Captured and in the ledger, but the order is missing from the export: null → C."""
    payment = captured_when_shipped(builder).payments[0]
    captured = payment.total("CAPTURED")
    truth = builder.make_discrepancy("missing_in_orders", payment, None, captured, captured)
    return Scene((), (payment,), (truth,))


def missing_in_orders_refunded(builder: CaseBuilder) -> Scene:
    """Missing from the export, but refunded in full: nothing at risk (case 39)."""
    payment = captured_when_shipped(builder).payments[0]
    captured = payment.total("CAPTURED")
    builder.refund(payment, captured, builder.after(payment.events[-1].at, 12, 48))
    truth = builder.make_discrepancy("missing_in_orders", payment, None, captured, 0)
    return Scene((), (payment,), (truth,))


def duplicate_order_row(builder: CaseBuilder) -> Scene:
    """One reference on two orders whose sum is not the payment: O → null, at risk 0."""
    scene = captured_when_shipped(builder)
    order = scene.orders[0]
    other_total = order.total + 1000
    further = 0 if builder.shop.name in {"magento", "shopware"} else 1
    second_order = builder.order(
        order.references,
        other_total,
        "fulfilled",
        shipped_at=order.fulfilled_at,
        further=further,
    )
    payment = scene.payments[0]
    truth = builder.make_discrepancy(
        "duplicate_order_row", payment, other_total, None, order=second_order
    )
    return Scene((order, second_order), scene.payments, (truth,))


def reference_with_lost_zeros(builder: CaseBuilder) -> Scene:
    """A spreadsheet removed the leading zeros: `reference_mangled`, matched after repair."""
    reference = f"{builder.number:012}" if builder.shop.name == "plain" else builder.reference()
    return _build_mangled_scene(builder, reference, reference.lstrip("0"))


def reference_in_scientific_form(builder: CaseBuilder) -> Scene:
    """A spreadsheet changed twelve digits to `1.02345E+11`: `reference_mangled`.

    The six remaining digits differ in every case, so the repair is never ambiguous.
    """
    thousands, remainder = divmod(builder.number // ORDER_NUMBERS_PER_CASE, 900_000)
    first_digits = str(100_000 + remainder)
    lost_digits = f"{builder.draws.between(0, 499_999):06}" + "0" * thousands
    mantissa = f"{first_digits[0]}.{first_digits[1:]}".rstrip("0").rstrip(".")
    reference = first_digits + lost_digits
    return _build_mangled_scene(builder, reference, f"{mantissa}E+{len(reference) - 1}")


def reference_in_other_case(builder: CaseBuilder) -> Scene:
    """Upper and lower case were changed; references are case-sensitive: `reference_mangled`."""
    reference = builder.reference()
    return _build_mangled_scene(builder, reference, reference.swapcase())


def _build_mangled_scene(builder: CaseBuilder, reference: str, shown: str) -> Scene:
    total, shipped = builder.draw_price(), builder.draw_shipping_time()
    payment = builder.captured(reference, total, shipped + 60)
    order = builder.order(shown, total, "fulfilled", shipped_at=shipped)
    if builder.shop.name == "magento":
        order.number = shown
    truth = builder.make_discrepancy("reference_mangled", payment, None, None, order=order)
    return Scene((order,), (payment,), (truth,))


def currency_mismatch(builder: CaseBuilder) -> Scene:
    """The order has another currency than the payment, so no amounts are compared."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    order.currency = "SEK"
    flags = "presentment_currency" if "shop_currency" in builder.shop.export_features else ""
    captured = payment.total("CAPTURED")
    truth = builder.make_discrepancy(
        "currency_mismatch", payment, None, None, captured, order=order, flags=flags
    )
    return Scene((order,), (payment,), (truth,))


def aggregate_mismatch(builder: CaseBuilder) -> Scene:
    """The aggregate shows less captured than the events; the order agrees with the events."""
    scene = captured_when_shipped(builder)
    order, payment = scene.orders[0], scene.payments[0]
    gap = order.total // 4
    payment.aggregate_error = -gap
    truth = builder.make_discrepancy("aggregate_mismatch", payment, None, None, gap, order=order)
    return Scene((order,), (payment,), (truth,))


def captured_before_first_order(builder: CaseBuilder) -> Scene:
    """Ordered in September, captured in October: `timing_outside_export` (case 35)."""
    builder.ordered_at = compute_utc_midnight(builder.month.first_day) - builder.draws.between(
        DAY, 3 * DAY
    )
    total, reference = builder.draw_price(), builder.reference()
    captured_at = compute_utc_midnight(builder.month.first_day) + builder.draws.between(
        6 * HOUR, 60 * HOUR
    )
    payment = builder.captured(reference, total, captured_at)
    return Scene((), (payment,), (builder.make_timing("timing_outside_export", reference),))


def nothing_to_pay(builder: CaseBuilder) -> Scene:
    """An order with a total of zero needs no payment: ignored."""
    references = () if builder.shop.name == "shopify" else builder.reference()
    order = builder.order(references, 0, "fulfilled")
    return Scene((order,), (), (builder.ignored("nothing_to_pay", order),))


def other_payment_method(builder: CaseBuilder) -> Scene:
    """Paid with Klarna: ignored (case 34)."""
    reference = builder.draws.uuid() if builder.shop.name == "woocommerce" else builder.reference()
    order = builder.order(reference, builder.draw_price(), "fulfilled")
    order.tender = "Klarna"
    return Scene((order,), (), (builder.ignored("other_payment_method", order),))


def blind_spot(builder: CaseBuilder) -> Scene:
    """Authorized, never captured, unknown to the shop: it is in neither export nor ledger."""
    reference = builder.reference()
    payment = builder.reserved(reference, builder.draw_price())
    reserved = payment.remaining
    truth = Truth(
        "blind_spot",
        "",
        builder.unit,
        reference,
        "",
        builder.unit.currency,
        None,
        reserved,
        reserved,
    )
    return Scene((), (payment,), (truth,))
