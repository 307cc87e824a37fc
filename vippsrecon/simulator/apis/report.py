"""Answer the requests of the Report API.

Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

import base64
import uuid
from datetime import date, datetime
from typing import Any

import orjson

from vippsrecon.simulator.apis.error_responses import (
    GatewayRefusal,
    SimulatedResponse,
    build_gateway_response,
    build_json_response,
    build_problem,
)
from vippsrecon.simulator.credentials import UNRESTRICTED_HOLDER, IssuedToken
from vippsrecon.simulator.ledgers import LEDGER_TOPICS, LedgerBook
from vippsrecon.simulator.world import IncomingRequest, World

_VALIDATION_ERROR_CODE = 10002


def answer_report_request(world: World, request: IncomingRequest) -> SimulatedResponse:
    """Answer one request for ledgers, a ledger date or a feed."""
    now = world.clock.now()
    try:
        visible = _list_visible_ledgers(world, request, now)
        if request.operation == "ledgers":
            return _answer_ledgers(world, request, visible)
        ledger_id, topic = request.args["ledger_id"], request.args["topic"]
        if ledger_id not in visible or topic not in LEDGER_TOPICS:
            # The same answer for a ledger that does not exist and for one of another merchant.
            return build_problem(404, "Not Found", "No such ledgerId", request.path, None)
        book = world.ledgers.books.get((ledger_id, topic), LedgerBook())
        if request.operation == "feed":
            return _answer_feed(world, request, book)
        return _answer_ledger_date(world, request, book, now)
    except GatewayRefusal as refused:
        return refused.answer


def answer_removed_version(request: IncomingRequest) -> SimulatedResponse:
    """Answer for the removed first version."""
    return build_problem(
        410, "Gone", "This version of the Report API was removed.", request.path, None
    )


def _build_unauthorized() -> GatewayRefusal:
    body = {"code": "Unauthorized", "message": "Please check your API keys"}
    return GatewayRefusal(build_json_response(401, body))


def _build_invalid(sentence: str) -> GatewayRefusal:
    body = {
        "errorCode": _VALIDATION_ERROR_CODE,
        "errorMessage": sentence,
        "contextId": str(uuid.uuid5(uuid.NAMESPACE_OID, sentence)),
    }
    return GatewayRefusal(build_json_response(500, body))


def _authenticate(world: World, request: IncomingRequest, now: datetime) -> IssuedToken:
    """Authenticate: a standard token with its subscription key, or a specialised token alone."""
    try:
        if "ocp-apim-subscription-key" in request.headers:
            return world.keys.standard(request.headers, now)
        token = world.keys.token(request.headers, now)
    except GatewayRefusal:
        raise _build_unauthorized() from None
    if not token.specialised:
        raise _build_unauthorized()
    return token


def _list_visible_ledgers(world: World, request: IncomingRequest, now: datetime) -> list[str]:
    """Return the ledgers the caller may see, in order.

    A sales unit sees its own ledgers, an accountant those granted, a partner none. If no keys are
    configured, any keys see all ledgers, or those of the MSN in the request.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/api-keys/
    """
    token = _authenticate(world, request, now)
    unit, ledgers = token.unit, world.ledgers.ledgers
    if unit.ledgers is not None:
        return [ledger_id for ledger_id in ledgers if ledger_id in unit.ledgers]
    if unit.partner_of is not None:
        raise GatewayRefusal(
            build_gateway_response(403, "Partner keys have no access to the Report API.")
        )
    if unit.msn and request.msn not in ("", unit.msn):
        raise _build_unauthorized()
    msn = unit.msn or ("" if token.specialised else request.msn)
    if unit is UNRESTRICTED_HOLDER and not msn:
        return list(ledgers)
    handle = f"api:{msn}"
    return [
        ledger_id
        for ledger_id, ledger in ledgers.items()
        if handle in ledger.get("settlesForRecipientHandles", ())
    ]


def _answer_ledgers(
    world: World, request: IncomingRequest, visible: list[str]
) -> SimulatedResponse:
    handle = request.query.get("settlesForRecipientHandles")
    after = 0
    if cursor := request.query.get("cursor"):
        place = _decode_cursor(cursor, "ledgers")
        after, handle = place["after"], place["handle"]
    matching = [
        world.ledgers.ledgers[ledger_id]
        for ledger_id in visible
        if not handle
        or handle in world.ledgers.ledgers[ledger_id].get("settlesForRecipientHandles", ())
    ]
    size = world.settings.ledgers_page_size
    more = len(matching) > after + size
    place = {"for": "ledgers", "after": after + size, "handle": handle}
    items = matching[after : after + size]
    return build_json_response(
        200, {"cursor": _encode_cursor(place) if more else "", "items": items}
    )


def _answer_ledger_date(
    world: World, request: IncomingRequest, book: LedgerBook, now: datetime
) -> SimulatedResponse:
    """Answer a page of a ledger date.

    A full page always has `hasMore`, so the last page may be empty. The date is final only when
    an answer has neither `hasMore` nor `tryLater`.
    """
    day = request.args["date"]
    try:
        open_still = world.ledgers.is_open(request.args["ledger_id"], date.fromisoformat(day), now)
    except (ValueError, OverflowError):
        raise _build_invalid("ledgerDate has to be a date as YYYY-MM-DD") from None
    entries = book.by_date.get(day, [])
    name = f"{request.args['ledger_id']}/{request.args['topic']}/{day}"
    page, after = _select_page(world, request, entries, name)
    more = len(page) == world.settings.report_page_size
    body: dict[str, Any] = {"items": page, "hasMore": more, "tryLater": open_still}
    if more:
        body["cursor"] = _encode_cursor({"for": name, "after": after})
    return _build_page_response(world, body)


def _answer_feed(world: World, request: IncomingRequest, book: LedgerBook) -> SimulatedResponse:
    """Answer a page of the feed: always with a cursor, and `tryLater` at its end."""
    name = f"{request.args['ledger_id']}/{request.args['topic']}"
    page, after = _select_page(world, request, book.feed, name)
    ended = after >= len(book.feed)
    body = {
        "items": page,
        "cursor": _encode_cursor({"for": name, "after": after}),
        "tryLater": ended,
    }
    return _build_page_response(world, body)


def _select_page(
    world: World, request: IncomingRequest, entries: list[Any], name: str
) -> tuple[list[dict[str, Any]], int]:
    cursor = request.query.get("cursor")
    after = _decode_cursor(cursor, name)["after"] if cursor else 0
    page = entries[after : after + world.settings.report_page_size]
    personal = request.query.get("includeGDPRSensitiveData", "").lower() == "true"
    return world.ledgers.entries(page, personal=personal), after + len(page)


def _build_page_response(world: World, body: dict[str, Any]) -> SimulatedResponse:
    return build_json_response(
        200, body, headers={"Vipps-Feed-Page-Size": str(world.settings.report_page_size)}
    )


def _encode_cursor(place: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


def _decode_cursor(cursor: str, name: str) -> dict[str, Any]:
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor))
        if place["for"] == name and type(place["after"]) is int and place["after"] >= 0:
            return dict(place)
    except (ValueError, TypeError, KeyError):
        pass
    raise _build_invalid("cursor does not belong to this list")
