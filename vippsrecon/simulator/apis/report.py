"""What the Report API answers.

Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

import base64
import uuid
from datetime import date, datetime
from typing import Any

import orjson

from vippsrecon.simulator.apis.error_responses import Answer, Refused, gateway, json_answer, problem
from vippsrecon.simulator.credentials import ANYBODY, Token
from vippsrecon.simulator.ledgers import TOPICS, Book
from vippsrecon.simulator.world import Request, World

_VALIDATION = 10002


def answer(world: World, request: Request) -> Answer:
    """Answer one request for ledgers, a ledger date or a feed."""
    now = world.clock.now()
    try:
        seen = _visible(world, request, now)
        if request.operation == "ledgers":
            return _ledgers(world, request, seen)
        ledger_id, topic = request.args["ledger_id"], request.args["topic"]
        if ledger_id not in seen or topic not in TOPICS:
            # The same for a ledger that is not there and one that is somebody else's.
            return problem(404, "Not Found", "No such ledgerId", request.path, None)
        book = world.ledgers.books.get((ledger_id, topic), Book())
        if request.operation == "feed":
            return _feed(world, request, book)
        return _dates(world, request, book, now)
    except Refused as refused:
        return refused.answer


def gone(request: Request) -> Answer:
    """Answer for the removed first version."""
    return problem(410, "Gone", "This version of the Report API was removed.", request.path, None)


def _unauthorized() -> Refused:
    body = {"code": "Unauthorized", "message": "Please check your API keys"}
    return Refused(json_answer(401, body))


def _invalid(sentence: str) -> Refused:
    body = {
        "errorCode": _VALIDATION,
        "errorMessage": sentence,
        "contextId": str(uuid.uuid5(uuid.NAMESPACE_OID, sentence)),
    }
    return Refused(json_answer(500, body))


def _token(world: World, request: Request, now: datetime) -> Token:
    """Let the request in: a standard token with its subscription key, or a specialised one alone."""
    try:
        if "ocp-apim-subscription-key" in request.headers:
            return world.keys.standard(request.headers, now)
        token = world.keys.token(request.headers, now)
    except Refused:
        raise _unauthorized() from None
    if not token.specialised:
        raise _unauthorized()
    return token


def _visible(world: World, request: Request, now: datetime) -> list[str]:
    """Return the ledgers the caller may see, in order.

    A sales unit sees its own, an accountant those granted, a partner none. Keys that nobody
    described see all, or those of the MSN they name.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/api-keys/
    """
    token = _token(world, request, now)
    unit, ledgers = token.unit, world.ledgers.ledgers
    if unit.ledgers is not None:
        return [one for one in ledgers if one in unit.ledgers]
    if unit.partner_of is not None:
        raise Refused(gateway(403, "Partner keys have no access to the Report API."))
    if unit.msn and request.msn not in ("", unit.msn):
        raise _unauthorized()
    msn = unit.msn or ("" if token.specialised else request.msn)
    if unit is ANYBODY and not msn:
        return list(ledgers)
    handle = f"api:{msn}"
    return [
        one
        for one, ledger in ledgers.items()
        if handle in ledger.get("settlesForRecipientHandles", ())
    ]


def _ledgers(world: World, request: Request, seen: list[str]) -> Answer:
    handle = request.query.get("settlesForRecipientHandles")
    after = 0
    if cursor := request.query.get("cursor"):
        place = _open_cursor(cursor, "ledgers")
        after, handle = place["after"], place["handle"]
    found = [
        world.ledgers.ledgers[one]
        for one in seen
        if not handle or handle in world.ledgers.ledgers[one].get("settlesForRecipientHandles", ())
    ]
    size = world.settings.ledgers_page_size
    more = len(found) > after + size
    place = {"for": "ledgers", "after": after + size, "handle": handle}
    items = found[after : after + size]
    return json_answer(200, {"cursor": _cursor(place) if more else "", "items": items})


def _dates(world: World, request: Request, book: Book, now: datetime) -> Answer:
    """Answer a page of a ledger date.

    A page that is full says there is more, for that is all it knows; so the last page may be
    empty. The date is final only when an answer has neither `hasMore` nor `tryLater`.
    """
    day = request.args["date"]
    try:
        open_still = world.ledgers.is_open(request.args["ledger_id"], date.fromisoformat(day), now)
    except (ValueError, OverflowError):
        raise _invalid("ledgerDate has to be a date as YYYY-MM-DD") from None
    entries = book.by_date.get(day, [])
    name = f"{request.args['ledger_id']}/{request.args['topic']}/{day}"
    page, after = _page(world, request, entries, name)
    more = len(page) == world.settings.report_page_size
    body: dict[str, Any] = {"items": page, "hasMore": more, "tryLater": open_still}
    if more:
        body["cursor"] = _cursor({"for": name, "after": after})
    return _sized(world, body)


def _feed(world: World, request: Request, book: Book) -> Answer:
    """Answer a page of the feed: always with a cursor, and `tryLater` at its end."""
    name = f"{request.args['ledger_id']}/{request.args['topic']}"
    page, after = _page(world, request, book.feed, name)
    ended = after >= len(book.feed)
    body = {"items": page, "cursor": _cursor({"for": name, "after": after}), "tryLater": ended}
    return _sized(world, body)


def _page(
    world: World, request: Request, kept: list[Any], name: str
) -> tuple[list[dict[str, Any]], int]:
    cursor = request.query.get("cursor")
    after = _open_cursor(cursor, name)["after"] if cursor else 0
    page = kept[after : after + world.settings.report_page_size]
    personal = request.query.get("includeGDPRSensitiveData", "").lower() == "true"
    return world.ledgers.entries(page, personal=personal), after + len(page)


def _sized(world: World, body: dict[str, Any]) -> Answer:
    return json_answer(
        200, body, headers={"Vipps-Feed-Page-Size": str(world.settings.report_page_size)}
    )


def _cursor(place: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


def _open_cursor(cursor: str, name: str) -> dict[str, Any]:
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor))
        if place["for"] == name and type(place["after"]) is int and place["after"] >= 0:
            return dict(place)
    except (ValueError, TypeError, KeyError):
        pass
    raise _invalid("cursor is not one of this list")
