"""Answer the requests of the Access Token API: standard and specialised tokens.

Source: https://developer.vippsmobilepay.com/docs/APIs/access-token-api/
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs

from vippsrecon.simulator.apis.error_responses import (
    SimulatedResponse,
    build_gateway_response,
    build_json_response,
)
from vippsrecon.simulator.credentials import MSN_HEADER, KeyHolder
from vippsrecon.simulator.world import IncomingRequest, World

_RESOURCE = "00000002-0000-0000-c000-000000000000"
_TOKEN_JSON = "application/json;charset=UTF-8"


def _build_token_error(status: int, error: str, description: str) -> SimulatedResponse:
    return build_json_response(status, {"error": error, "error_description": description})


def answer_standard_token(world: World, request: IncomingRequest) -> SimulatedResponse:  # noqa: PLR0911  (one per refusal)
    """Answer POST /accesstoken/get. Every field is text, including numbers.

    Source: https://developer.vippsmobilepay.com/docs/APIs/access-token-api/standard-authentication/
    """
    headers, now = request.headers, world.clock.now()
    subscription_key = headers.get("ocp-apim-subscription-key", "")
    if not subscription_key:
        return build_gateway_response(401, "Access denied due to missing subscription key.")
    if not world.keys.knows_subscription_key(subscription_key):
        return build_gateway_response(401, "Access denied due to invalid subscription key.")
    client_id, client_secret = headers.get("client_id", ""), headers.get("client_secret", "")
    if not client_id or not client_secret:
        return _build_token_error(
            400, "invalid_request", "client_id and client_secret are required."
        )
    unit = world.keys.holder(client_id, client_secret)
    if unit is None or unit.ledgers is not None:
        return _build_token_error(401, "invalid_client", "These keys are not known.")
    if world.keys.units and not unit.owns_subscription_key(subscription_key):
        return _build_token_error(
            401, "unauthorized_client", "The subscription key is another sales unit's."
        )
    if not _is_msn_allowed(unit, headers.get(MSN_HEADER, "")):
        return _build_token_error(401, "unauthorized_client", "The keys are another sales unit's.")
    seconds = world.settings.token_lifetime_seconds
    begins = int(now.timestamp())
    body = {
        "token_type": "Bearer",
        "expires_in": str(int(seconds)),
        "ext_expires_in": "0",
        "expires_on": str(begins + int(seconds)),
        "not_before": str(begins),
        "resource": _RESOURCE,
        "access_token": world.keys.issue_token(unit, now, seconds),
    }
    return build_json_response(200, body, content_type=_TOKEN_JSON)


def _is_msn_allowed(unit: KeyHolder, msn: str) -> bool:
    return not (msn and unit.msn and unit.msn != msn)


def answer_specialised_token(world: World, request: IncomingRequest) -> SimulatedResponse:
    """Answer POST /miami/v1/token, for accounting keys. A subscription key must not be sent.

    Source: https://developer.vippsmobilepay.com/docs/APIs/access-token-api/specialized-authentication/
    """
    headers, now = request.headers, world.clock.now()
    if "ocp-apim-subscription-key" in headers:
        return _build_token_error(401, "invalid_client", "A subscription key must not be sent.")
    form = parse_qs(request.body.decode("latin-1"))
    if form.get("grant_type") != ["client_credentials"]:
        return _build_token_error(400, "invalid_client", "grant_type has to be client_credentials.")
    client_id, client_secret = _parse_basic_auth(headers.get("authorization", ""))
    unit = world.keys.holder(client_id, client_secret)
    if unit is None or (world.keys.units and unit.ledgers is None):
        return _build_token_error(401, "invalid_client", "These keys are not known.")
    seconds = world.settings.specialised_token_lifetime_seconds
    body = {
        "access_token": world.keys.issue_token(unit, now, seconds, specialised=True),
        "token_type": "Bearer",
        "expires_in": str(int(seconds)),
    }
    return build_json_response(200, body, content_type=_TOKEN_JSON)


def _parse_basic_auth(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    try:
        pair = base64.b64decode(value, validate=True).decode() if kind == "Basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    client_id, _, client_secret = pair.partition(":")
    return client_id, client_secret
