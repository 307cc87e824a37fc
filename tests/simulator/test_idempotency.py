"""The same key and request: done once, answered twice.

Any other request with that key is refused.
"""

from __future__ import annotations

from vippsrecon.simulator import Simulator


def code(answer):
    """Return the code of a refusal."""
    return answer.json()["extraDetails"][0]["reason"]


def test_repeated_key_returns_the_first_answer(shop, line):
    """The answer is the same even after the payment changed, and money moves once."""
    merchant = shop(line.payment())
    first = merchant.capture(400, key="k")
    merchant.capture(100)
    again = merchant.capture(400, key="k")

    assert again.content == first.content
    assert merchant.total("captured") == 500
    assert merchant.simulator.requests()["payments"]["123456"]["order-0001"] == {
        "capture": {"count": 2, "sum": 500}
    }


def test_white_space_does_not_change_the_request(shop, line):
    """The same JSON is the same request."""
    merchant = shop(line.payment())
    merchant.capture(400, key="k")
    text = '{ "modificationAmount" : { "value": 400, "currency": "NOK" } }'
    again = merchant.post(
        "/epayment/v1/payments/order-0001/capture",
        key="k",
        headers={"Content-Type": "application/json"},
        content=text,
    )

    assert again.status_code == 200
    assert merchant.total("captured") == 400


def test_refused_key_stays_refused(shop, line):
    """A refused key stays refused; a new key is checked again."""
    merchant = shop(line.payment("order-0001"), line.payment("order-0003", captured=500))
    assert code(merchant.refund(600, "order-0003", key="k")) == "6150"
    merchant.capture(500, "order-0003")

    assert code(merchant.refund(600, "order-0003", key="k")) == "6150"
    assert merchant.refund(600, "order-0003", key="new").status_code == 200


def test_temporary_error_does_not_use_up_the_key(shop, line):
    """After 423 and 5xx the client repeats the call with the same key."""
    orders = [{"code": c, "operation": "capture", "times": 1} for c in (6160, 3010)]
    merchant = shop(line.payment(), {"settings": {"refusals": orders}})

    assert [merchant.capture(key="k").status_code for _ in range(3)] == [423, 500, 200]


def test_key_belongs_to_its_sales_unit(shop, line):
    """Another sales unit may use the same key."""
    merchant = shop(line.payment(), line.payment(msn="654321"))
    merchant.capture(100, key="k")
    other = merchant.capture(200, key="k", headers={"Merchant-Serial-Number": "654321"})

    assert other.status_code == 200


def test_key_expires_after_its_lifetime(shop, line):
    """After a key's lifetime the same request is carried out a second time."""
    merchant = shop(line.payment(), {"settings": {"key_lifetime_seconds": 3600}})
    merchant.capture(100, key="k")
    merchant.simulator.advance(3500)
    merchant.capture(100, key="k")
    assert merchant.total("captured") == 100
    merchant.token = None
    merchant.simulator.advance(200)
    merchant.capture(100, key="k")

    assert merchant.total("captured") == 200


def test_lifetime_of_zero_remembers_no_key(shop, line):
    """This is the worst case for a client."""
    merchant = shop(line.payment(), {"settings": {"key_lifetime_seconds": 0}})
    merchant.capture(100, key="k")
    merchant.capture(100, key="k")

    assert merchant.total("captured") == 200


def test_saved_state_restores_the_used_keys(shop, line):
    """A restart of client and simulator must not refund twice."""
    before = shop(line.payment(captured=1000))
    before.refund(400, key="k")
    after = shop(*Simulator(before.simulator.state()).state(), clock="2026-01-31T12:00:05Z")
    again = after.refund(400, key="k")

    assert again.status_code == 200
    assert after.total("refunded") == 400
    assert code(after.refund(300, key="k")) == "4150"


def test_repeated_create_makes_one_payment(shop):
    """The answer is 201 both times."""
    merchant = shop()

    assert merchant.create(key="k").content == merchant.create(key="k").content


def test_cancel_accepts_a_key(shop, line):
    """The API recommends a key for cancels but does not require it."""
    merchant = shop(line.payment())

    assert merchant.cancel(key="k").content == merchant.cancel(key="k").content
    assert code(merchant.cancel(key="other")) == "6190"


def test_simultaneous_modification_is_locked(shop, line):
    """Of two captures at the same time, one gets the answer to try again."""
    merchant = shop(line.payment(), latency_ms=100)
    body = {"modificationAmount": {"currency": "NOK", "value": 100}}
    calls = [
        (
            "POST",
            "/epayment/v1/payments/order-0001/capture",
            {"headers": merchant.headers(**{"Idempotency-Key": key}), "json": body},
        )
        for key in ("a", "b")
    ]
    answers = merchant.together(*calls)

    assert sorted(answer.status_code for answer in answers) == [200, 423]
    assert merchant.total("captured") == 100
