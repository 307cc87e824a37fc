"""Compare the simulator's responses with the published OpenAPI documents (tests/data/openapi)."""

from __future__ import annotations

import base64
import functools
from pathlib import Path

import pytest
import yaml

DOCUMENTS = Path(__file__).parents[1] / "data" / "openapi"
EPAYMENT, ACCESS = "epayment-1.8.1.yaml", "access-token.yaml"
REPORT = "report-v2-2023-12.yaml"
PAYMENT = "/v1/payments/{Reference}"


@functools.cache
def read_document(name):
    """Load a document; express `nullable` of OpenAPI 3.0 as JSON Schema does."""
    return _to_json_schema(yaml.safe_load((DOCUMENTS / name).read_text(encoding="utf-8")))


def _to_json_schema(node):
    if isinstance(node, list):
        return [_to_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {
        str(name): _to_json_schema(value) for name, value in node.items() if name != "nullable"
    }
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        schema["type"] = [node["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def resolve(document, node):
    """Follow a reference within the document."""
    while "$ref" in node:
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/")]
        node = target
    return node


def assert_fits(answer, name, path, method="get"):
    """Validate a response against the schema that the document gives for its status."""
    from jsonschema import Draft4Validator, FormatChecker  # takes two seconds in each process

    document = read_document(name)
    responses = document["paths"][path][method]["responses"]
    response = resolve(document, responses[str(answer.status_code)])
    media_type = answer.headers["content-type"].replace(" ", "").removesuffix(";charset=utf-8")
    schemas = {key.replace(" ", "").lower(): schema for key, schema in response["content"].items()}
    content = schemas.get(media_type.lower()) or schemas[answer.headers["content-type"].lower()]
    # The schema refers to components of the document by "#/components/…".
    schema = {**content["schema"], "components": document["components"]}
    checker = FormatChecker(formats=("date-time", "uri"))
    Draft4Validator(schema, format_checker=checker).validate(answer.json())


def build_shop(shop, line):
    """Return a shop with an authorized payment, a captured one and a ledger."""
    return shop(
        line.payment(),
        line.payment("order-0003", captured=600, refunded=100),
        line.ledger(),
        line.entry(),
        unit={},
    )


MODIFY = f"{PAYMENT}/capture"
CASES = [
    ("token", 200, ACCESS, "/accesstoken/get", "post", lambda s: s.ask_token()),
    ("create", 201, EPAYMENT, "/v1/payments", "post", lambda s: s.create()),
    ("get", 200, EPAYMENT, PAYMENT, "get", lambda s: s.payment()),
    (
        "get created",
        200,
        EPAYMENT,
        PAYMENT,
        "get",
        lambda s: (s.create(), s.payment("order-0002"))[1],
    ),
    (
        "get approved",
        200,
        EPAYMENT,
        PAYMENT,
        "get",
        lambda s: (s.create(), s.approve(), s.payment("order-0002"))[2],
    ),
    (
        "events",
        200,
        EPAYMENT,
        f"{PAYMENT}/events",
        "get",
        lambda s: (s.capture(1), s.get("/epayment/v1/payments/order-0001/events"))[1],
    ),
    ("capture", 200, EPAYMENT, MODIFY, "post", lambda s: s.capture(100)),
    ("refund", 200, EPAYMENT, f"{PAYMENT}/refund", "post", lambda s: s.refund(100, "order-0003")),
    ("cancel", 200, EPAYMENT, f"{PAYMENT}/cancel", "post", lambda s: s.cancel()),
    ("create 400", 400, EPAYMENT, "/v1/payments", "post", lambda s: s.create(userFlow="FAX")),
    (
        "create 403",
        403,
        EPAYMENT,
        "/v1/payments",
        "post",
        lambda s: s.create(amount={"currency": "DKK", "value": 100}),
    ),
    ("create 409", 409, EPAYMENT, "/v1/payments", "post", lambda s: s.create("order-0001")),
    ("capture 400", 400, EPAYMENT, MODIFY, "post", lambda s: s.capture(1001)),
    ("capture 404", 404, EPAYMENT, MODIFY, "post", lambda s: s.capture(1, "order-9999")),
    (
        "capture 409",
        409,
        EPAYMENT,
        MODIFY,
        "post",
        lambda s: (s.capture(1, key="k"), s.capture(2, key="k"))[1],
    ),
    ("refund 400", 400, EPAYMENT, f"{PAYMENT}/refund", "post", lambda s: s.refund()),
    (
        "refund 404",
        404,
        EPAYMENT,
        f"{PAYMENT}/refund",
        "post",
        lambda s: s.refund(1, "order-9999"),
    ),
    (
        "refund 409",
        409,
        EPAYMENT,
        f"{PAYMENT}/refund",
        "post",
        lambda s: (s.refund(1, "order-0003", key="k"), s.refund(2, "order-0003", key="k"))[1],
    ),
    (
        "cancel 400",
        400,
        EPAYMENT,
        f"{PAYMENT}/cancel",
        "post",
        lambda s: (s.cancel(), s.cancel())[1],
    ),
    ("cancel 404", 404, EPAYMENT, f"{PAYMENT}/cancel", "post", lambda s: s.cancel("order-9999")),
    (
        "cancel 409",
        409,
        EPAYMENT,
        f"{PAYMENT}/cancel",
        "post",
        lambda s: (s.cancel(key="k"), s.cancel("order-0003", key="k"))[1],
    ),
    (
        "ledgers",
        200,
        REPORT,
        "/settlement/v1/ledgers",
        "get",
        lambda s: s.get("/settlement/v1/ledgers"),
    ),
    (
        "dates",
        200,
        REPORT,
        "/report/v2/ledgers/{ledgerId}/{topic}/dates/{ledgerDate}",
        "get",
        lambda s: s.get("/report/v2/ledgers/302321/funds/dates/2026-01-30"),
    ),
    (
        "dates 401",
        401,
        REPORT,
        "/report/v2/ledgers/{ledgerId}/{topic}/dates/{ledgerDate}",
        "get",
        lambda s: s.get(
            "/report/v2/ledgers/302321/funds/dates/2026-01-30",
            headers={"Authorization": "Bearer no"},
        ),
    ),
    (
        "dates 500",
        500,
        REPORT,
        "/report/v2/ledgers/{ledgerId}/{topic}/dates/{ledgerDate}",
        "get",
        lambda s: s.get("/report/v2/ledgers/302321/funds/dates/today"),
    ),
    (
        "feed",
        200,
        REPORT,
        "/report/v2/ledgers/{ledgerId}/{topic}/feed",
        "get",
        lambda s: s.get("/report/v2/ledgers/302321/funds/feed"),
    ),
]


@pytest.mark.parametrize(
    ("status", "document", "path", "method", "act"),
    [pytest.param(*row[1:], id=row[0]) for row in CASES],
)
def test_response_fits_published_schema(shop, line, status, document, path, method, act):
    """Success and refusal of each operation have the published form."""
    answer = act(build_shop(shop, line))

    assert answer.status_code == status
    assert_fits(answer, document, path, method)


def test_specialized_token_fits_published_schema(shop):
    """Its `expires_in` is text, as in the standard token."""
    pair = base64.b64encode(b"a:b").decode()
    answer = shop().request(
        "POST",
        "/miami/v1/token",
        headers={"Authorization": f"Basic {pair}"},
        data={"grant_type": "client_credentials"},
    )

    assert_fits(answer, ACCESS, "/miami/v1/token", "post")


def test_injected_report_error_fits_published_schema(shop, line):
    """A fault with a status has the error body of the Report API."""
    faulty = shop(line.ledger(), faults=[{"operations": ["feed"], "share": 1, "status": 500}])
    answer = faulty.get("/report/v2/ledgers/302321/funds/feed")

    assert_fits(answer, REPORT, "/report/v2/ledgers/{ledgerId}/{topic}/feed")


def test_invalid_state_fails_validation(shop, line):
    """The comparison must be able to fail."""
    from jsonschema import ValidationError

    wrong = line.payment()
    wrong["payment"]["state"] = "PAID"
    with pytest.raises(ValidationError):
        assert_fits(shop(wrong).payment(), EPAYMENT, PAYMENT)
