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
    one = shop(line.payment())
    first = one.capture(400, key="k")
    one.capture(100)
    again = one.capture(400, key="k")

    assert again.content == first.content
    assert one.total("captured") == 500
    assert one.simulator.requests()["payments"]["123456"]["order-0001"] == {
        "capture": {"count": 2, "sum": 500}
    }


def test_white_space_does_not_change_the_request(shop, line):
    """The same JSON is the same request."""
    one = shop(line.payment())
    one.capture(400, key="k")
    text = '{ "modificationAmount" : { "value": 400, "currency": "NOK" } }'
    again = one.post(
        "/epayment/v1/payments/order-0001/capture",
        key="k",
        headers={"Content-Type": "application/json"},
        content=text,
    )

    assert again.status_code == 200
    assert one.total("captured") == 400


def test_refused_key_stays_refused(shop, line):
    """A refused key stays refused; a new key is checked again."""
    one = shop(line.payment("order-0001"), line.payment("order-0003", captured=500))
    assert code(one.refund(600, "order-0003", key="k")) == "6150"
    one.capture(500, "order-0003")

    assert code(one.refund(600, "order-0003", key="k")) == "6150"
    assert one.refund(600, "order-0003", key="new").status_code == 200


def test_temporary_error_does_not_use_up_the_key(shop, line):
    """After 423 and 5xx the client repeats the call with the same key."""
    orders = [{"code": c, "operation": "capture", "times": 1} for c in (6160, 3010)]
    one = shop(line.payment(), {"settings": {"refusals": orders}})

    assert [one.capture(key="k").status_code for _ in range(3)] == [423, 500, 200]


def test_key_belongs_to_its_sales_unit(shop, line):
    """Another sales unit may use the same key."""
    one = shop(line.payment(), line.payment(msn="654321"))
    one.capture(100, key="k")
    other = one.capture(200, key="k", headers={"Merchant-Serial-Number": "654321"})

    assert other.status_code == 200


def test_key_expires_after_its_lifetime(shop, line):
    """After a key's lifetime the same request is carried out a second time."""
    one = shop(line.payment(), {"settings": {"key_lifetime_seconds": 3600}})
    one.capture(100, key="k")
    one.simulator.advance(3500)
    one.capture(100, key="k")
    assert one.total("captured") == 100
    one.token = None
    one.simulator.advance(200)
    one.capture(100, key="k")

    assert one.total("captured") == 200


def test_lifetime_of_zero_remembers_no_key(shop, line):
    """This is the worst case for a client."""
    one = shop(line.payment(), {"settings": {"key_lifetime_seconds": 0}})
    one.capture(100, key="k")
    one.capture(100, key="k")

    assert one.total("captured") == 200


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
    one = shop()

    assert one.create(key="k").content == one.create(key="k").content


def test_cancel_accepts_a_key(shop, line):
    """The API recommends a key for cancels but does not require it."""
    one = shop(line.payment())

    assert one.cancel(key="k").content == one.cancel(key="k").content
    assert code(one.cancel(key="other")) == "6190"


def test_simultaneous_modification_is_locked(shop, line):
    """Of two captures at the same time, one is told to try again."""
    one = shop(line.payment(), latency_ms=100)
    body = {"modificationAmount": {"currency": "NOK", "value": 100}}
    calls = [
        (
            "POST",
            "/epayment/v1/payments/order-0001/capture",
            {"headers": one.headers(**{"Idempotency-Key": key}), "json": body},
        )
        for key in ("a", "b")
    ]
    answers = one.together(*calls)

    assert sorted(answer.status_code for answer in answers) == [200, 423]
    assert one.total("captured") == 100
