"""The simulator's answers against the OpenAPI documents, so that the judge is judged."""

from __future__ import annotations

import base64
from pathlib import Path

import jsonschema
import pytest
import yaml

DOCUMENTS = Path(__file__).parents[3] / "shared" / "vipps" / "openapi"
pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason="the OpenAPI documents are not beside the repository"
)
EPAYMENT, ACCESS = "epayment-1.8.1.yaml", "access-token.yaml"
REPORT = "report-v2-2023-12.yaml"
PAYMENT = "/v1/payments/{Reference}"


def read(name):
    """Load a document and turn what OpenAPI 3.0 has of its own into JSON Schema."""
    return _plain(yaml.safe_load((DOCUMENTS / name).read_text(encoding="utf-8")))


def _plain(node):
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {str(name): _plain(value) for name, value in node.items() if name != "nullable"}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        made["type"] = [node["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def resolve(document, node):
    """Follow a reference within the document."""
    while "$ref" in node:
        place = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/")]
        node = place
    return node


def check(answer, name, path, method="get", status=None):
    """Validate an answer against the schema the document has for it."""
    document = read(name)
    responses = document["paths"][path][method]["responses"]
    told = resolve(document, responses[str(status or answer.status_code)])
    media_type = answer.headers["content-type"].replace(" ", "").removesuffix(";charset=utf-8")
    schemas = {key.replace(" ", "").lower(): one for key, one in told["content"].items()}
    content = schemas.get(media_type.lower()) or schemas[answer.headers["content-type"].lower()]
    # The rest of the document goes along, for the references within the schema.
    schema = {**content["schema"], "components": document["components"]}
    checker = jsonschema.FormatChecker(formats=("date-time", "uri"))
    jsonschema.Draft4Validator(schema, format_checker=checker).validate(answer.json())


def fresh(shop, line):
    """A shop with a payment for every purpose."""
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
def test_an_answer_fits_its_document(shop, line, status, document, path, method, act):
    """Success and refusal of each operation, by the schema published for it."""
    answer = act(fresh(shop, line))

    assert answer.status_code == status
    check(answer, document, path, method)


def test_the_specialised_token_fits_its_document(shop):
    """Its number of seconds is text as well."""
    pair = base64.b64encode(b"a:b").decode()
    answer = shop().request(
        "POST",
        "/miami/v1/token",
        headers={"Authorization": f"Basic {pair}"},
        data={"grant_type": "client_credentials"},
    )

    check(answer, ACCESS, "/miami/v1/token", "post")


def test_an_error_of_the_report_api_on_order_fits_too(shop, line):
    """The status fault has the body of its layer."""
    one = shop(line.ledger(), faults=[{"operations": ["feed"], "share": 1, "status": 500}])
    answer = one.get("/report/v2/ledgers/302321/funds/feed")

    check(answer, REPORT, "/report/v2/ledgers/{ledgerId}/{topic}/feed")


def test_a_wrong_answer_would_be_noticed(shop, line):
    """A check that cannot fail checks nothing."""
    wrong = line.payment()
    wrong["payment"]["state"] = "PAID"
    with pytest.raises(jsonschema.ValidationError):
        check(shop(wrong).payment(), EPAYMENT, PAYMENT)
