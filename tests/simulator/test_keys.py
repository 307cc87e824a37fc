"""Who may call what: keys, tokens and refusals."""

from __future__ import annotations

import base64

import pytest

PAYMENT = "/epayment/v1/payments/order-0001"
OTHER = {
    "msn": "654321",
    "client_id": "22222222-2222-4222-8222-222222222222",
    "client_secret": "neither=",
    "subscription_key": "f" * 32,
    "secondary_subscription_key": "e" * 32,
    "market": "DK",
}
PARTNER = {
    "client_id": "33333333-3333-4333-8333-333333333333",
    "client_secret": "partner=",
    "subscription_key": "d" * 32,
    "partner_of": ["123456"],
}
ACCOUNTANT = {"client_id": "accountant", "client_secret": "books=", "ledgers": ["302321"]}


def specialised(shop, client_id="accountant", client_secret="books=", headers=None, **form):
    """Request a specialized token."""
    pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    sent = {"Authorization": f"Basic {pair}"} | (headers or {})
    data = {"grant_type": "client_credentials"} | form
    return shop.request("POST", "/miami/v1/token", headers=sent, data=data)


def test_standard_token_fields_are_text(shop):
    """Numbers are text too, and the token is too long for a short database column."""
    body = shop(unit={}).ask_token().json()

    assert all(isinstance(value, str) for value in body.values())
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == "3600"
    assert int(body["expires_on"]) - int(body["not_before"]) == 3600
    assert len(body["access_token"]) > 1000


@pytest.mark.parametrize(
    ("headers", "status", "member"),
    [
        pytest.param({"client_id": None}, 400, "error", id="no client_id"),
        pytest.param({"client_secret": "wrong"}, 401, "error", id="wrong secret"),
        pytest.param({"Ocp-Apim-Subscription-Key": None}, 401, "statusCode", id="no key"),
        pytest.param({"Ocp-Apim-Subscription-Key": "wrong"}, 401, "statusCode", id="wrong key"),
        pytest.param({"Ocp-Apim-Subscription-Key": "f" * 32}, 401, "error", id="another's key"),
        pytest.param({"Merchant-Serial-Number": "654321"}, 401, "error", id="another's MSN"),
    ],
)
def test_wrong_keys_get_no_token(shop, headers, status, member):
    """The token service answers with `error`, the gateway with `statusCode`."""
    answer = shop({"sales_unit": OTHER}, unit={}).ask_token(**headers)

    assert answer.status_code == status
    assert member in answer.json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Authorization": None}, 401, id="no token"),
        pytest.param({"Authorization": "Bearer made-up"}, 401, id="made up"),
        pytest.param({"Ocp-Apim-Subscription-Key": None}, 401, id="no subscription key"),
        pytest.param({"Ocp-Apim-Subscription-Key": "wrong"}, 401, id="wrong subscription key"),
        pytest.param({"Ocp-Apim-Subscription-Key": "f" * 32}, 401, id="another's key"),
        pytest.param({"Merchant-Serial-Number": "654321"}, 401, id="another's MSN"),
    ],
)
def test_gateway_401_has_its_own_format(shop, line, headers, status):
    """A 401 is the gateway's JSON, not a problem document."""
    answer = shop(line.payment(), {"sales_unit": OTHER}, unit={}).get(PAYMENT, headers=headers)

    assert answer.status_code == status
    assert answer.json().keys() == {"statusCode", "message"}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", ""])
def test_bearer_is_case_sensitive(shop, line, scheme):
    """Upper and lower case matter."""
    merchant = shop(line.payment())
    merchant.headers()

    assert (
        merchant.get(PAYMENT, headers={"Authorization": f"{scheme} {merchant.token}"}).status_code
        == 401
    )


def test_token_expires_after_an_hour(shop, line):
    """A token is valid for an hour; a new token leaves the old one valid."""
    merchant = shop(line.payment())
    first = merchant.headers()["Authorization"]
    merchant.simulator.advance(3000)
    merchant.token = None
    assert merchant.payment().status_code == 200
    assert merchant.get(PAYMENT, headers={"Authorization": first}).status_code == 200
    merchant.simulator.advance(700)

    assert merchant.get(PAYMENT, headers={"Authorization": first}).status_code == 401
    assert merchant.payment().status_code == 200


def test_both_subscription_keys_are_accepted(shop, line):
    """There are two keys so that one can be replaced while the other is in use."""
    merchant = shop(line.payment(msn="654321"), unit=OTHER, keys=OTHER, msn="654321")

    second = {"Ocp-Apim-Subscription-Key": OTHER["secondary_subscription_key"]}
    assert merchant.get(PAYMENT, headers=second).status_code == 200


def test_sales_unit_without_the_product_gets_403(shop, line):
    """The keys are right, but the merchant did not order the product."""
    answer = shop(line.payment(), unit={"epayment": False}).payment()

    assert answer.status_code == 403
    assert "Merchant Not Allowed" in answer.json()["message"]


def test_partner_must_name_a_linked_sales_unit(shop, line):
    """Without a serial number, or with one that is not linked, the answer is 403."""
    merchant = shop(line.payment(), {"sales_unit": OTHER}, {"sales_unit": PARTNER}, keys=PARTNER)

    assert merchant.payment().status_code == 200
    for msn in (None, "654321"):
        assert merchant.get(PAYMENT, headers={"Merchant-Serial-Number": msn}).status_code == 403


def test_partner_keys_cannot_read_ledgers(shop, line):
    """Partner keys do not work with the Report API."""
    merchant = shop(line.ledger(), {"sales_unit": PARTNER}, keys=PARTNER)

    assert merchant.get("/settlement/v1/ledgers").status_code == 403


def test_accountant_reads_granted_ledgers(shop, line):
    """A specialized token is enough; it is valid for a quarter of an hour."""
    lines = (line.ledger(), line.ledger("302322"), {"sales_unit": ACCOUNTANT})
    merchant = shop(*lines, unit={})
    body = specialised(merchant).json()
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert body["expires_in"] == "900"
    answer = merchant.request("GET", "/settlement/v1/ledgers", headers=bearer)
    assert [ledger["ledgerId"] for ledger in answer.json()["items"]] == ["302321"]

    with_key = bearer | {"Ocp-Apim-Subscription-Key": merchant.keys["subscription_key"]}
    assert merchant.request("GET", "/settlement/v1/ledgers", headers=with_key).status_code == 401
    assert merchant.get(PAYMENT, headers=bearer).status_code == 401
    merchant.simulator.advance(901)
    assert merchant.request("GET", "/settlement/v1/ledgers", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("request_fields", "status"),
    [
        pytest.param({"client_secret": "wrong"}, 401, id="wrong secret"),
        pytest.param({"headers": {"Ocp-Apim-Subscription-Key": "0" * 32}}, 401, id="with a key"),
        pytest.param({"headers": {"Authorization": "Basic ?"}}, 401, id="no base64"),
        pytest.param({"grant_type": "password"}, 400, id="another grant"),
    ],
)
def test_specialized_token_refusal_follows_oauth(shop, request_fields, status):
    """The error is `invalid_client` for every cause."""
    answer = specialised(shop({"sales_unit": ACCOUNTANT}), **request_fields)

    assert answer.status_code == status
    assert answer.json()["error"] == "invalid_client"


def test_report_api_requires_its_subscription_key(shop, line):
    """It also needs its subscription key; the error body is the Report API's own."""
    merchant = shop(line.ledger(), unit={})
    answer = merchant.get("/settlement/v1/ledgers", headers={"Ocp-Apim-Subscription-Key": None})

    assert answer.status_code == 401
    assert answer.json() == {"code": "Unauthorized", "message": "Please check your API keys"}
