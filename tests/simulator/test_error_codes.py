"""Every error code that a merchant can meet, each with the condition that causes it."""

from __future__ import annotations

import pytest

from vippsrecon.simulator.apis.error_responses import REFUSAL_CODES

OPEN = {"state": "CREATED"}
CAPTURED = {"captured": 1000}
RECEIPT = {
    "orderLines": [
        {
            "name": "socks",
            "id": "1",
            "totalAmount": 1000,
            "totalAmountExcludingTax": 800,
            "totalTaxAmount": 200,
        }
    ],
    "bottomLine": {"currency": "NOK"},
}
FIXED = {
    "fixedOptions": [
        {
            "type": "MAILBOX",
            "brand": "POSTEN",
            "options": [
                {"id": "mail-1", "name": "Mail", "amount": {"currency": "NOK", "value": 99}}
            ],
        }
    ]
}


def push(**customer):
    """Create a payment with a push message to this customer."""
    return lambda shop: shop.create(userFlow="PUSH_MESSAGE", customer=customer)


def fields(**fields):
    """Create a payment with these fields."""
    return lambda shop: shop.create(**fields)


def ordered(code, operation):
    """Set the fault for a cause inside Vipps MobilePay or a bank."""
    return {"settings": {"refusals": [{"code": code, "operation": operation}]}}


def twice_in_metadata(shop):
    """Create a payment whose metadata has a key twice."""
    body = (
        '{"amount":{"currency":"NOK","value":1000},"paymentMethod":{"type":"WALLET"},'
        '"reference":"order-0002","userFlow":"QR","metadata":{"a":"1","a":"2"}}'
    )
    headers = {"Content-Type": "application/json"}
    return shop.post("/epayment/v1/payments", headers=headers, content=body)


def same_key(verb, first, second):
    """Use one key for two different operations."""

    def act(shop):
        getattr(shop, verb)(first, key="one")
        return getattr(shop, verb)(second, key="one")

    return act


def after(days, act):
    """Run the operation after this many days."""

    def later(shop):
        shop.simulator.advance(days * 86_400)
        shop.token = None
        return act(shop)

    return later


def approve_new(shop):
    """Create a payment and approve it with force-approve."""
    shop.create()
    return shop.approve()


def approve_express(shop):
    """Create an express payment and approve it with force-approve."""
    shop.create(shipping=FIXED)
    return shop.approve()


def approve_amount(value):
    """Create a payment of this amount and approve it with force-approve."""

    def act(shop):
        shop.create(amount={"currency": "NOK", "value": value})
        return shop.approve()

    return act


def unknown_result_then_cancel(shop):
    """Cancel before the bank has answered."""
    approve_amount(201)(shop)
    return shop.cancel("order-0002")


def capture(value=1000, **more):
    """Capture the shop's payment."""
    return lambda shop: shop.capture(value, **more)


def refund(value=1000, **more):
    """Refund the shop's payment."""
    return lambda shop: shop.refund(value, **more)


def cancel(body=None):
    """Cancel the shop's payment."""
    return lambda shop: shop.cancel(body=body)


def bare(verb):
    """Send an empty object."""
    return lambda shop: shop.post(f"/epayment/v1/payments/order-0001/{verb}", {})


# code, status, existing payment, settings of the sales unit, operation
TABLE = [
    (3010, 500, {}, {}, capture("1000")),
    (4010, 409, {}, {}, same_key("capture", 100, 200)),
    (4020, 409, {}, {}, lambda s: (s.create(key="k"), s.create("order-0003", key="k"))[1]),
    (4020, 409, {}, {}, lambda s: (s.capture(100, key="k"), s.refund(100, key="k"))[1]),
    (4020, 409, {}, {}, lambda s: (s.cancel(key="k"), s.cancel("order-9999", key="k"))[1]),
    (4040, 400, {}, {}, capture(10.5)),
    (4040, 400, {}, {}, capture(0)),
    (4040, 400, {}, {}, capture(-1)),
    (4040, 400, {}, {}, capture(65_000_001)),
    (4040, 400, {}, {}, fields(amount={"currency": "NOK", "value": 1.5})),
    (4050, 400, {}, {}, push(customerToken=" ")),
    (4060, 400, {}, {}, push(personalQr="x")),
    (4070, 400, {}, {}, push(phoneNumber="+4700000000")),
    (4080, 400, {}, {}, fields(profile={"scope": "name shoeSize"})),
    (4090, 400, {}, {}, fields(returnUrl="http://shop.example/")),
    (4100, 400, {}, {}, fields(metadata={str(n): "x" for n in range(6)})),
    (4110, 400, {}, {}, twice_in_metadata),
    (4120, 400, {}, {}, fields(metadata={"k" * 101: "x"})),
    (4130, 400, {}, {}, fields(metadata={"k": "x" * 501})),
    (4140, 400, {}, {}, bare("capture")),
    (4140, 400, {}, {}, bare("refund")),
    (4140, 400, {}, {}, lambda s: s.create(without=("returnUrl",))),
    (4140, 400, {}, {}, fields(userFlow="PUSH_MESSAGE")),
    (4150, 409, {}, {}, lambda s: s.create("order-0001")),
    (4150, 409, CAPTURED, {}, same_key("refund", 100, 200)),
    (4160, 400, {}, {}, fields(paymentMethod={"type": "BARTER"})),
    (4160, 400, {}, {}, fields(paymentMethod={"type": "CARD"}, userFlow="QR")),
    (
        5010,
        403,
        {},
        {},
        fields(paymentMethod={"type": "WALLET", "blockedSources": ["COMMERCIAL_CARDS"]}),
    ),
    (5020, 403, {}, {"express": False}, fields(shipping=FIXED)),
    (5030, 403, {}, {"scopes": ["name"]}, fields(profile={"scope": "name nin"})),
    (5040, 403, {}, {}, fields(amount={"currency": "DKK", "value": 1000})),
    (5040, 403, {}, {}, capture(100, currency="DKK")),
    (
        5050,
        403,
        {},
        {"long_living": False},
        fields(expiresAt="2026-02-10T12:00:00Z", receipt=RECEIPT),
    ),
    (5060, 403, {}, {"bank_account_verified": False}, fields()),
    (5060, 403, CAPTURED, {"bank_account_verified": False}, refund()),
    (5060, 403, {}, {"bank_account_verified": False}, capture()),
    (5070, 422, {}, {"can_create": False}, fields()),
    (5080, 403, {}, {"push_message": False}, push(phoneNumber="4700000000")),
    (5090, 404, {}, {}, lambda s: s.payment("order-9999")),
    (5090, 404, {}, {}, lambda s: s.payment("ORDER-0001")),
    (5090, 404, {}, {}, lambda s: s.capture(reference="order-9999")),
    (5090, 404, {"msn": "654321"}, {}, lambda s: s.payment()),
    (5100, 403, CAPTURED, {"refunds": False}, refund()),
    (6010, 400, {}, {}, fields(amount={"currency": "NOK", "value": 99})),
    (6020, 400, OPEN, {}, refund()),
    (6030, 400, {}, {}, after(181, cancel())),
    (6040, 400, CAPTURED, {}, cancel()),
    (6050, 400, {"state": "ABORTED"}, {}, cancel()),
    (6050, 400, {"state": "EXPIRED"}, {}, cancel()),
    (6060, 400, {}, {}, cancel({"cancelTransactionOnly": True})),
    (6070, 400, {"cancelled": 1000}, {}, capture()),
    (6070, 400, {"state": "TERMINATED", "cancelled": 1000}, {}, capture()),
    (6080, 400, OPEN, {}, capture()),
    (6090, 400, {}, {}, capture(1001)),
    (6090, 400, {"captured": 600}, {}, capture(500)),
    (6100, 400, {}, {}, after(181, capture())),
    (6110, 400, {}, {}, fields(expiresAt="2026-04-30T12:00:00Z", receipt=RECEIPT)),
    (6120, 400, {}, {}, fields(expiresAt="2026-01-31T12:05:00Z", receipt=RECEIPT)),
    (6130, 400, {}, {}, fields(expiresAt="2026-02-10T12:00:00Z")),
    (6140, 400, {}, {"partial_capture": False}, capture(999)),
    (6150, 400, {"captured": 600}, {}, refund(601)),
    (6160, 423, {}, ordered(6160, "capture"), capture()),
    (6170, 400, CAPTURED, {}, capture(1)),
    (6180, 400, {"captured": 1000, "refunded": 1000}, {}, refund(1)),
    (6190, 400, {"cancelled": 1000}, {}, cancel()),
    (6190, 400, {"state": "TERMINATED", "cancelled": 1000}, {}, cancel()),
    (6200, 400, {"state": "EXPIRED"}, {}, capture()),
    (6210, 400, {}, {}, refund()),
    (6210, 400, {"state": "ABORTED"}, {}, refund()),
    (6210, 400, CAPTURED, {}, refund(123)),
    (6220, 400, CAPTURED, {}, after(366, refund())),
    (6220, 400, CAPTURED, {}, refund(124)),
    (6230, 400, {}, {}, lambda s: s.approve("order-0001")),
    (6250, 400, {}, {}, unknown_result_then_cancel),
    (6260, 400, {}, ordered(6260, "capture"), capture()),
    (6280, 400, {}, ordered(6280, "capture"), capture()),
    (7010, 400, {}, ordered(7010, "createPayment"), push(phoneNumber="4700000000")),
    (10010, 400, {"state": "EXPIRED"}, {}, lambda s: s.approve("order-0001")),
    (10010, 400, {}, {}, approve_amount(151)),
    (10020, 403, {}, {"settings": {"force_approve": False}}, approve_new),
    (10030, 400, {}, {}, approve_amount(197)),
    (10040, 400, {}, {}, approve_amount(187)),
    (10050, 400, {}, ordered(10050, "forceApprove"), approve_new),
    (10060, 400, {}, {}, approve_express),
    (10070, 400, {}, {}, approve_amount(184)),
    (3010, 500, {}, {}, approve_amount(186)),
]


@pytest.mark.parametrize(
    ("code", "status", "payment", "agreed", "act"),
    [pytest.param(*row, id=f"{row[0]}-{n}") for n, row in enumerate(TABLE)],
)
def test_each_error_code_has_its_condition(shop, line, code, status, payment, agreed, act):
    """The condition gives the code, as text in extraDetails, with its status."""
    agreed = dict(agreed)
    settings = agreed.pop("settings", {})
    merchant = shop(line.payment(**payment), {"settings": settings}, unit=agreed)
    answer = act(merchant)

    assert answer.status_code == status
    problem = answer.json()
    assert problem["extraDetails"] == [{"name": "ErrorCode", "reason": str(code)}]
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert problem["status"] == status
    assert problem["traceId"]
    assert problem["instance"].startswith("/v1/")


def test_every_error_code_is_tested():
    """Every code must have a condition that causes it."""
    assert {row[0] for row in TABLE} == set(REFUSAL_CODES)


@pytest.mark.parametrize(
    ("act", "field"),
    [
        pytest.param(fields(colour="red"), "colour", id="unknown field"),
        pytest.param(fields(reference="short"), "reference", id="reference too short"),
        pytest.param(fields(reference="order_0002"), "reference", id="reference with underscore"),
        pytest.param(fields(userFlow="FAX"), "userFlow", id="unknown flow"),
        pytest.param(fields(paymentDescription="x"), "paymentDescription", id="too short a text"),
        pytest.param(fields(minimumUserAge=101), "minimumUserAge", id="too old"),
        pytest.param(fields(amount={"value": 1}), "amount.currency", id="no currency"),
        pytest.param(fields(amount={"currency": "GLD", "value": 1}), "amount.currency", id="gold"),
        pytest.param(fields(expiresAt="tomorrow"), "expiresAt", id="no time"),
        pytest.param(fields(customer={}), "customer", id="nobody"),
        pytest.param(fields(metadata={"a": 1}), "metadata.a", id="metadata is not text"),
        pytest.param(fields(receipt={"orderLines": []}), "receipt.orderLines", id="no lines"),
        pytest.param(lambda s: s.payment("x"), "reference", id="reference in path"),
        pytest.param(
            lambda s: s.post("/epayment/v1/payments/order-0001/capture", {"modificationAmount": 5}),
            "modificationAmount",
            id="amount is a number",
        ),
        pytest.param(
            lambda s: s.post(
                "/epayment/v1/payments/order-0001/capture",
                {"modificationAmount": {"currency": "NOK", "value": 1}, "final": True},
            ),
            "final",
            id="unknown field of capture",
        ),
        pytest.param(cancel({"all": True}), "all", id="unknown field of cancel"),
        pytest.param(
            cancel({"cancelTransactionOnly": "no"}), "cancelTransactionOnly", id="no boolean"
        ),
        pytest.param(
            lambda s: s.capture(headers={"Idempotency-Key": None}), "Idempotency-Key", id="no key"
        ),
        pytest.param(
            lambda s: s.capture(key="k" * 51), "Idempotency-Key", id="key of 51 characters"
        ),
        pytest.param(
            lambda s: s.get(
                "/epayment/v1/payments/order-0001", headers={"Merchant-Serial-Number": None}
            ),
            "Merchant-Serial-Number",
            id="no MSN",
        ),
        pytest.param(
            lambda s: s.capture(headers={"Vipps-System-Name": "x" * 31}),
            "Vipps-System-Name",
            id="system name too long",
        ),
        pytest.param(
            lambda s: s.post(
                "/epayment/v1/payments/order-0001/capture",
                headers={"Content-Type": "application/json"},
                content=b"{",
            ),
            "$",
            id="no JSON",
        ),
    ],
)
def test_schema_error_lists_its_fields(shop, line, act, field):
    """Such answers have no code, but one entry for each field."""
    answer = act(shop(line.payment(), unit={}))

    assert answer.status_code == 400
    problem = answer.json()
    assert problem["title"] == "Bad Request"
    assert field in [detail["name"] for detail in problem["extraDetails"]]


def test_wrong_content_type_gives_415(shop, line):
    """A form is refused, because it is not JSON."""
    answer = shop(line.payment()).post(
        "/epayment/v1/payments/order-0001/capture", data={"value": "1"}
    )

    assert answer.status_code == 415


def test_unknown_endpoint_gives_the_gateways_404(shop):
    """There is no list of payments, and the gateway answers in a form of its own."""
    answer = shop().get("/epayment/v1/payments")

    assert answer.status_code == 404
    assert answer.json()["statusCode"] == 404


def test_injected_refusal_has_a_limited_count(shop, line):
    """Code 6280 asks to repeat later with the same key. The second attempt succeeds."""
    order = {"code": 6280, "operation": "capture", "reference": "order-0001", "times": 1}
    merchant = shop(line.payment(), {"settings": {"refusals": [order]}})

    assert merchant.capture(key="k").status_code == 400
    assert merchant.capture(key="k").status_code == 200
