"""Keys out of a copied text, in each form that people have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vippsrecon.config.pasted_keys import parse_pasted_keys
from vippsrecon.errors import ConfigurationError

CLIENT_ID = "0f1e2d3c-1111-2222-3333-444455556666"
SECRET = "invented-secret+/=8Q~pKzW"
SUBSCRIPTION_KEY = "0123456789abcdef0123456789abcdef"
EXPECTED = {
    "client_id": CLIENT_ID,
    "client_secret": SECRET,
    "subscription_key": SUBSCRIPTION_KEY,
    "msn": "123456",
}
TEXTS = {
    "names above": f"Client ID\n{CLIENT_ID}\nClient secret\n\n{SECRET}\n"
    f"Subscription key (primary)\n{SUBSCRIPTION_KEY}\nMSN\n123456\n",
    "names before": f"client_id: {CLIENT_ID}\r\nclient_secret: {SECRET}\r\n"
    f"Ocp-Apim-Subscription-Key: {SUBSCRIPTION_KEY}\r\nMerchant-Serial-Number: 123456\r\n",
    "tabs": f"Client ID\t{CLIENT_ID}\nClient secret\t{SECRET}\n"
    f"Vipps-Subscription-Key - primary\t{SUBSCRIPTION_KEY}\n"
    "Vipps-Subscription-Key - secondary\tffffffffffffffffffffffffffffffff\n"
    "Merchant serial number (MSN)\t123456\n",
    "JSON": f'{{"clientId": "{CLIENT_ID}",\n"clientSecret": "{SECRET}",\n'
    f'"subscriptionKey": "{SUBSCRIPTION_KEY}",\n"merchantSerialNumber": "123456"}}'.replace(
        "{", ""
    ).replace("}", ""),
    "variables": f"export VIPPS_MSN=123456 VIPPS_CLIENT_ID={CLIENT_ID}\n"
    f"VIPPS_CLIENT_SECRET='{SECRET}'\nVIPPS_SUBSCRIPTION_KEY={SUBSCRIPTION_KEY}\n",
    "values alone": f"{CLIENT_ID}\n{SECRET}\n{SUBSCRIPTION_KEY}\n123456\n",
    "marks of a paste": f"\x1b[200~msn 123456\nclient id {CLIENT_ID}\nclient secret {SECRET}\n"
    f"Primary key {SUBSCRIPTION_KEY}\x1b[201~\n",
    "only the second key": f"msn 123456\nclient id {CLIENT_ID}\nclient secret {SECRET}\n"
    f"Secondary key: {SUBSCRIPTION_KEY}\n",
    "twice the same": f"{CLIENT_ID}\n{SECRET}\n{SUBSCRIPTION_KEY}\nMSN 123456\nMSN 123456\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_each_form_gives_the_same_keys(text):
    """Nobody should have to edit what was copied."""
    assert parse_pasted_keys(text) == EXPECTED


def test_two_values_are_refused_without_quoting_them():
    """Keys of two sales units in one text: a guess would reconcile the wrong one."""
    with pytest.raises(
        ConfigurationError, match="two different values for the client secret"
    ) as no:
        parse_pasted_keys(f"client secret {SECRET}\nclient secret other-{SECRET}")

    assert SECRET not in str(no.value)


@pytest.mark.parametrize("text", ["", "MSN", "Client secret\nClient ID", "Show keys\nCopy\n"])
def test_a_name_without_a_value_gives_nothing(text):
    """A name is never taken for the value of the name above it."""
    assert parse_pasted_keys(text) == {}


@given(st.text())
def test_any_text_is_read(text):
    """Values are parts of the text, or it is refused."""
    try:
        found = parse_pasted_keys(text)
    except ConfigurationError:
        return
    assert all(value in text for value in found.values())
