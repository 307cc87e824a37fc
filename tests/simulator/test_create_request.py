"""A create request is checked against one JSON schema, and each refusal names the field."""

import copy
import json
from importlib.resources import files
from typing import Any

import pytest

from vippsrecon.simulator.apis.create_payment_schema import find_field_errors

REQUEST: dict[str, Any] = {
    "amount": {"currency": "NOK", "value": 1000},
    "paymentMethod": {"type": "WALLET"},
    "reference": "test-order-1",
    "userFlow": "WEB_REDIRECT",
    "returnUrl": "https://shop.example/thanks",
    "receipt": {
        "orderLines": [
            {
                "name": "Wool socks",
                "id": "1",
                "totalAmount": 1000,
                "totalAmountExcludingTax": 800,
                "totalTaxAmount": 200,
                "unitInfo": {"unitPrice": 500, "quantity": "2", "quantityUnit": "PCS"},
            }
        ],
        "bottomLine": {"currency": "NOK", "receiptNumber": None},
    },
    "metadata": {"cart": "17"},
}
LINE = ("receipt", "orderLines", 0)
REMOVED = object()


def test_the_schema_is_a_json_schema() -> None:
    """A typing mistake in the schema would let every request through."""
    from jsonschema import Draft202012Validator

    schema = files("vippsrecon.simulator.apis") / "create_payment.schema.json"
    Draft202012Validator.check_schema(json.loads(schema.read_text(encoding="utf-8")))


def test_a_complete_request_is_accepted() -> None:
    """The checks below change this request in one place each."""
    assert find_field_errors(REQUEST) == []


@pytest.mark.parametrize(
    ("place", "value", "error"),
    [
        (("reference",), REMOVED, ("reference", "Is required.")),
        (("reference",), "short", ("reference", "Has to match ^[a-zA-Z0-9-]{8,64}$.")),
        (
            ("reference",),
            "ends-with-a-line\n",
            ("reference", "Has to match ^[a-zA-Z0-9-]{8,64}$."),
        ),
        (("amount", "value"), 10.0, ("amount.value", "Has to be of the type integer.")),
        (("amount", "value"), True, ("amount.value", "Has to be of the type integer.")),
        (("colour",), "red", ("colour", "Is not a known field.")),
        (
            ("amount", "currency"),
            "ISK",
            ("amount.currency", "Has to be one of NOK or DKK or EUR or SEK or USD or GBP."),
        ),
        (
            ("paymentDescription",),
            "ab",
            ("paymentDescription", "Has to have 3 characters or more."),
        ),
        (("receipt", "orderLines"), [], ("receipt.orderLines", "Has to have 1 or more entries.")),
        ((*LINE, "taxRate"), -1, ("receipt.orderLines[0].taxRate", "Has to be 0 or more.")),
        ((*LINE, "name"), REMOVED, ("receipt.orderLines[0].name", "Is required.")),
        (("metadata",), None, None),
    ],
)
def test_invalid_request_names_the_field(
    place: tuple[Any, ...], value: Any, error: tuple[str, str] | None
) -> None:
    """The refusal names the changed field and says what it has to be."""
    request = copy.deepcopy(REQUEST)
    part: Any = request
    for step in place[:-1]:
        part = part[step]
    if value is REMOVED:
        del part[place[-1]]
    else:
        part[place[-1]] = value
    assert find_field_errors(request) == ([] if error is None else [error])


def test_every_missing_field_is_named_once() -> None:
    """In the order in which the schema lists them."""
    missing = [field for field, _ in find_field_errors({})]
    assert missing == ["amount", "paymentMethod", "reference", "userFlow"]
