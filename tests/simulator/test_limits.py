"""Rate limits for each reference and each operation."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("verb", ["capture", "refund", "cancel"])
def test_five_writes_per_reference_per_minute(shop, line, verb):
    """The answer to the sixth call says how long to wait, and succeeds after that."""
    merchant = shop(line.payment(captured=500), line.payment("order-0002", captured=500))

    def write(reference="order-0001"):
        return (
            merchant.cancel(reference) if verb == "cancel" else merchant.modify(verb, 1, reference)
        )

    statuses = [write().status_code for _ in range(6)]
    assert statuses[-1] == 429
    assert 429 not in statuses[:-1]
    assert write("order-0002").status_code == 200
    refused = write()
    assert refused.json()["statusCode"] == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    merchant.simulator.advance(int(refused.headers["retry-after"]))

    assert write().status_code != 429


def test_120_reads_per_reference_per_minute(shop, line):
    """Payment and event log are counted separately, and so is each subscription key."""
    merchant = shop(line.payment())
    statuses = {merchant.payment().status_code for _ in range(120)}
    assert statuses == {200}
    assert merchant.payment().status_code == 429
    assert merchant.get("/epayment/v1/payments/order-0001/events").status_code == 200

    other = {"Ocp-Apim-Subscription-Key": "another"}
    assert merchant.get("/epayment/v1/payments/order-0001", headers=other).status_code == 200


def test_create_requests_without_reference_share_a_limit(shop):
    """If the field is misspelled, all create requests count against the same limit."""
    merchant = shop()
    answers = [
        merchant.create(f"order-{n:04}", without=("reference",), Reference="x") for n in range(6)
    ]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]


def test_limits_can_be_turned_off(shop, line):
    """Load tests of the client need this."""
    merchant = shop(line.payment(), {"settings": {"writes_per_minute": None}})

    assert {merchant.capture(1).status_code for _ in range(10)} == {200}


def test_limit_counts_only_the_last_minute(shop, line):
    """The limit is for the last minute: five calls, and five more a minute later."""
    merchant = shop(line.payment())
    for _ in range(3):
        assert {merchant.capture(1).status_code for _ in range(5)} == {200}
        merchant.simulator.advance(61)
