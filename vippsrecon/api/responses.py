"""Good answers decoded: bytes to records, or UnreadableAnswerError. No I/O.

Unknown fields are ignored and unknown names kept, as Vipps asks
(https://developer.vippsmobilepay.com/docs/knowledge-base/api-lifecycle/). What a sum would
rest on is checked hard: an amount is a whole number, a currency is there, the reference is
the one asked for. Personal fields are never looked at.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import orjson

from vippsrecon.api.models import (
    Created,
    Event,
    Ledger,
    LedgerEntry,
    LedgerPage,
    Modification,
    Payment,
    Token,
)
from vippsrecon.errors import UnreadableAnswerError

LARGEST_MINOR = 10**15 - 1
_TOKEN = re.compile(r"[!-~]+")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DEFAULT_LIFE_SECONDS = 300.0


def token(status: int, body: bytes) -> Token:
    """Decode an access token. Both token services send numbers as text, or as numbers."""
    said = _object(_parsed(status, body, ""), status, "", "the answer")
    bearer = said.get("access_token")
    if not isinstance(bearer, str) or _TOKEN.fullmatch(bearer) is None:
        _unreadable(status, "", "it holds no access token")
    try:
        life = float(said.get("expires_in") or 0)
    except (TypeError, ValueError):
        life = 0.0
    if not 0 < life < 10**9:
        life = _DEFAULT_LIFE_SECONDS
    return Token(bearer, life)


def created(status: int, body: bytes, msn: str, reference: str) -> Created:
    """Decode what creating a payment answered."""
    said = _object(_parsed(status, body, reference), status, reference, "the answer")
    _same_reference(said, status, reference)
    url = said.get("redirectUrl")
    return Created(msn, reference, url if isinstance(url, str) else None)


def whole(status: int, body: bytes, reference: str) -> bytes:
    """Return the body undecoded where it begins and ends as JSON does.

    For bulk reading, which decodes many answers at once (`columns`): a page of HTML and an
    answer cut short are noticed while they can still be asked for again.
    """
    ends = body[:1] + body[-1:]
    if ends not in (b"{}", b"[]"):
        stripped = body.strip()
        if stripped[:1] + stripped[-1:] not in (b"{}", b"[]"):
            _unreadable(status, reference, "it is not whole JSON")
    return body


def payment(status: int, body: bytes, msn: str, reference: str) -> Payment:
    """Decode one payment."""
    said = _object(_parsed(status, body, reference), status, reference, "the answer")
    facts = _totals(said, status, msn, reference)
    method = said.get("paymentMethod")
    kind = method.get("type") if isinstance(method, dict) else None
    until = said.get("captureGuaranteedUntil")
    return Payment(
        *facts,
        kind if isinstance(kind, str) else None,
        until if isinstance(until, str) and _MOMENT.fullmatch(until) else None,
    )


def modification(status: int, body: bytes, msn: str, reference: str) -> Modification:
    """Decode what capture, refund or cancel answered."""
    said = _object(_parsed(status, body, reference), status, reference, "the answer")
    return Modification(*_totals(said, status, msn, reference))


def events(status: int, body: bytes, msn: str, reference: str) -> list[Event]:
    """Decode an event log, in the order it came."""
    said = _parsed(status, body, reference)
    if type(said) is not list:
        _unreadable(status, reference, "the event log is not a list")
    log = []
    for line in said:
        if type(line) is not dict:
            _unreadable(status, reference, "an event is not an object")
        asked = line.get("reference", reference)
        psp_reference = line.get("pspReference")
        name = line.get("name")
        timestamp = line.get("timestamp")
        success = line.get("success")
        key = line.get("idempotencyKey")
        if asked != reference:
            _unreadable(status, reference, "an event is another payment's")
        if type(psp_reference) is not str or type(name) is not str or not name:
            _unreadable(status, reference, "an event has no name or no pspReference")
        if type(timestamp) is not str or _MOMENT.fullmatch(timestamp) is None:
            _unreadable(status, reference, "an event has no time")
        if type(success) is not bool:
            _unreadable(status, reference, "an event does not say whether it succeeded")
        value, currency = _amount(line.get("amount"), status, reference, "an event's amount")
        log.append(
            Event(
                msn,
                reference,
                psp_reference,
                name,
                value,
                currency,
                timestamp,
                key if type(key) is str else None,
                success,
            )
        )
    return log


def ledgers(status: int, body: bytes) -> tuple[list[Ledger], str]:
    """Decode one page of ledgers, and the cursor of the next ("" at the end)."""
    said = _object(_parsed(status, body, ""), status, "", "the answer")
    found = []
    for item in _list(said.get("items"), status, "the ledgers"):
        ledger = _object(item, status, "", "a ledger")
        settles_for = _list(ledger.get("settlesForRecipientHandles"), status, "a ledger's handles")
        handles = [handle for handle in settles_for if isinstance(handle, str)]
        msns = [handle[4:] for handle in handles if handle.startswith("api:")]
        ledger_id = ledger.get("ledgerId")
        currency = ledger.get("currency")
        if not isinstance(ledger_id, str) or not ledger_id or not isinstance(currency, str):
            _unreadable(status, "", "a ledger has no id or no currency")
        found.append(Ledger(ledger_id, currency, tuple(handles), tuple(msns)))
    return found, _cursor(said)


def ledger_page(
    status: int, body: bytes, ledger_id: str, topic: str, ledger_date: str = ""
) -> LedgerPage:
    """Decode one page of a ledger date (`ledger_date` given) or of a feed.

    One published example has entries without `ledgerDate`: they take the date asked for.
    """
    said = _object(_parsed(status, body, ""), status, "", "the answer")
    items = _list(said.get("items"), status, "the ledger entries")
    entries = [_entry(item, status, ledger_id, topic, ledger_date) for item in items]
    cursor = _cursor(said)
    has_more = said.get("hasMore", bool(cursor) if ledger_date else False)
    try_later = said.get("tryLater", False)
    if type(has_more) is not bool or type(try_later) is not bool:
        _unreadable(status, "", "hasMore or tryLater is neither true nor false")
    return LedgerPage(entries, cursor, has_more, try_later)


def _entry(item: object, status: int, ledger_id: str, topic: str, ledger_date: str) -> LedgerEntry:
    entry = _object(item, status, "", "a ledger entry")
    day = entry.get("ledgerDate") or ledger_date
    time = entry.get("time")
    if not isinstance(day, str) or _DAY.fullmatch(day) is None:
        _unreadable(status, "", "a ledger entry has no ledger date")
    if not isinstance(time, str) or _MOMENT.fullmatch(time) is None:
        _unreadable(status, "", "a ledger entry has no time")
    psp_reference, entry_type, currency = (
        _named(entry, name, status) for name in ("pspReference", "entryType", "currency")
    )
    reference = entry.get("reference")
    handle = entry.get("recipientHandle")
    before, after = entry.get("balanceBefore"), entry.get("balanceAfter")
    return LedgerEntry(
        ledger_id,
        topic,
        psp_reference,
        reference if isinstance(reference, str) else "",
        entry_type,
        time,
        day,
        currency,
        _signed(entry.get("amount"), status, "a ledger entry's amount"),
        None if before is None else _signed(before, status, "a ledger entry's balance"),
        None if after is None else _signed(after, status, "a ledger entry's balance"),
        handle if isinstance(handle, str) else None,
    )


def _named(entry: dict[str, Any], name: str, status: int) -> str:
    text = entry.get(name)
    if not isinstance(text, str) or not text:
        _unreadable(status, "", f"a ledger entry has no {name}")
    return text


def _totals(
    said: dict[str, Any], status: int, msn: str, reference: str
) -> tuple[str, str, str, str, str, int, int, int, int, int]:
    _same_reference(said, status, reference)
    psp_reference = said.get("pspReference")
    state = said.get("state")
    aggregate = said.get("aggregate")
    if type(psp_reference) is not str or type(state) is not str or not state:
        _unreadable(status, reference, "it has no state or no pspReference")
    if type(aggregate) is not dict:
        _unreadable(status, reference, "it has no aggregate")
    amount, currency = _amount(said.get("amount"), status, reference, "the amount")
    totals = []
    for name in ("authorizedAmount", "capturedAmount", "refundedAmount", "cancelledAmount"):
        value, of = _amount(aggregate.get(name), status, reference, name)
        if of != currency:
            _unreadable(status, reference, f"{name} is in another currency than the amount")
        totals.append(value)
    authorized, captured, refunded, cancelled = totals
    return (
        msn,
        reference,
        psp_reference,
        state,
        currency,
        amount,
        authorized,
        captured,
        refunded,
        cancelled,
    )


def _amount(said: object, status: int, reference: str, what: str) -> tuple[int, str]:
    if type(said) is not dict:
        _unreadable(status, reference, f"{what} is not there")
    value = said.get("value")
    currency = said.get("currency")
    # type(), not isinstance(): True is an int to Python, and 1.0 is not one to an auditor.
    if type(value) is not int or not 0 <= value <= LARGEST_MINOR:
        _unreadable(status, reference, f"{what} is not a whole number of minor units")
    if type(currency) is not str or not currency:
        _unreadable(status, reference, f"{what} has no currency")
    return value, currency


def _signed(value: object, status: int, what: str) -> int:
    if type(value) is not int or not -LARGEST_MINOR <= value <= LARGEST_MINOR:
        _unreadable(status, "", f"{what} is not a whole number of minor units")
    return value


def _same_reference(said: dict[str, Any], status: int, reference: str) -> None:
    if said.get("reference", reference) != reference:
        _unreadable(status, reference, "it is about another payment")


def _cursor(said: dict[str, Any]) -> str:
    cursor = said.get("cursor")
    return cursor if isinstance(cursor, str) else ""


def _object(said: object, status: int, reference: str, what: str) -> dict[str, Any]:
    if type(said) is not dict:
        _unreadable(status, reference, f"{what} is not an object")
    return said


def _list(said: object, status: int, what: str) -> list[Any]:
    if type(said) is not list:
        _unreadable(status, "", f"{what} are not a list")
    return said


def _parsed(status: int, body: bytes, reference: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        kind = "it is empty" if not body.strip() else "it is not whole JSON"
        _unreadable(status, reference, kind)


def _unreadable(status: int, reference: str, why: str) -> NoReturn:
    raise UnreadableAnswerError(
        status, "an answer that cannot be understood", detail=why, reference=reference
    ) from None
