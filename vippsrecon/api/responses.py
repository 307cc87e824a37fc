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
    CreatedPayment,
    Event,
    Ledger,
    LedgerEntry,
    LedgerPage,
    Modification,
    Payment,
    Token,
)
from vippsrecon.errors import UnreadableAnswerError

MAX_AMOUNT_MINOR = 10**15 - 1
_TOKEN_PATTERN = re.compile(r"[!-~]+")
_TIME_PATTERN = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII
)
_DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DEFAULT_LIFETIME_SECONDS = 300.0


def decode_token(status: int, body: bytes) -> Token:
    """Decode an access token. Both token services send numbers as text, or as numbers."""
    said = _require_object(_parse_json(status, body, ""), status, "", "the answer")
    bearer = said.get("access_token")
    if not isinstance(bearer, str) or _TOKEN_PATTERN.fullmatch(bearer) is None:
        _raise_unreadable(status, "", "it holds no access token")
    try:
        life = float(said.get("expires_in") or 0)
    except (TypeError, ValueError):
        life = 0.0
    if not 0 < life < 10**9:
        life = _DEFAULT_LIFETIME_SECONDS
    return Token(bearer, life)


def decode_created_payment(status: int, body: bytes, msn: str, reference: str) -> CreatedPayment:
    """Decode what creating a payment answered."""
    said = _require_object(_parse_json(status, body, reference), status, reference, "the answer")
    _require_same_reference(said, status, reference)
    url = said.get("redirectUrl")
    return CreatedPayment(msn, reference, url if isinstance(url, str) else None)


def require_whole_json(status: int, body: bytes, reference: str) -> bytes:
    """Return the body undecoded where it begins and ends as JSON does.

    For bulk reading, which decodes many answers at once (`columns`): a page of HTML and an
    answer cut short are noticed while they can still be asked for again.
    """
    ends = body[:1] + body[-1:]
    if ends not in (b"{}", b"[]"):
        stripped = body.strip()
        if stripped[:1] + stripped[-1:] not in (b"{}", b"[]"):
            _raise_unreadable(status, reference, "it is not whole JSON")
    return body


def decode_payment(status: int, body: bytes, msn: str, reference: str) -> Payment:
    """Decode one payment."""
    said = _require_object(_parse_json(status, body, reference), status, reference, "the answer")
    facts = _decode_totals(said, status, msn, reference)
    method = said.get("paymentMethod")
    kind = method.get("type") if isinstance(method, dict) else None
    until = said.get("captureGuaranteedUntil")
    return Payment(
        *facts,
        kind if isinstance(kind, str) else None,
        until if isinstance(until, str) and _TIME_PATTERN.fullmatch(until) else None,
    )


def decode_modification(status: int, body: bytes, msn: str, reference: str) -> Modification:
    """Decode what capture, refund or cancel answered."""
    said = _require_object(_parse_json(status, body, reference), status, reference, "the answer")
    return Modification(*_decode_totals(said, status, msn, reference))


def decode_events(status: int, body: bytes, msn: str, reference: str) -> list[Event]:
    """Decode an event log, in the order it came."""
    said = _parse_json(status, body, reference)
    if type(said) is not list:
        _raise_unreadable(status, reference, "the event log is not a list")
    log = []
    for line in said:
        if type(line) is not dict:
            _raise_unreadable(status, reference, "an event is not an object")
        asked = line.get("reference", reference)
        psp_reference = line.get("pspReference")
        name = line.get("name")
        timestamp = line.get("timestamp")
        success = line.get("success")
        key = line.get("idempotencyKey")
        if asked != reference:
            _raise_unreadable(status, reference, "an event is another payment's")
        if type(psp_reference) is not str or type(name) is not str or not name:
            _raise_unreadable(status, reference, "an event has no name or no pspReference")
        if type(timestamp) is not str or _TIME_PATTERN.fullmatch(timestamp) is None:
            _raise_unreadable(status, reference, "an event has no time")
        if type(success) is not bool:
            _raise_unreadable(status, reference, "an event does not say whether it succeeded")
        value, currency = _decode_amount(line.get("amount"), status, reference, "an event's amount")
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


def decode_ledgers(status: int, body: bytes) -> tuple[list[Ledger], str]:
    """Decode one page of ledgers, and the cursor of the next ("" at the end)."""
    said = _require_object(_parse_json(status, body, ""), status, "", "the answer")
    found = []
    for item in _require_list(said.get("items"), status, "the ledgers"):
        ledger = _require_object(item, status, "", "a ledger")
        settles_for = _require_list(
            ledger.get("settlesForRecipientHandles"), status, "a ledger's handles"
        )
        handles = [handle for handle in settles_for if isinstance(handle, str)]
        msns = [handle[4:] for handle in handles if handle.startswith("api:")]
        ledger_id = ledger.get("ledgerId")
        currency = ledger.get("currency")
        if not isinstance(ledger_id, str) or not ledger_id or not isinstance(currency, str):
            _raise_unreadable(status, "", "a ledger has no id or no currency")
        found.append(Ledger(ledger_id, currency, tuple(handles), tuple(msns)))
    return found, _read_cursor(said)


def decode_ledger_page(
    status: int, body: bytes, ledger_id: str, topic: str, ledger_date: str = ""
) -> LedgerPage:
    """Decode one page of a ledger date (`ledger_date` given) or of a feed.

    One published example has entries without `ledgerDate`: they take the date asked for.
    """
    said = _require_object(_parse_json(status, body, ""), status, "", "the answer")
    items = _require_list(said.get("items"), status, "the ledger entries")
    entries = [_decode_ledger_entry(item, status, ledger_id, topic, ledger_date) for item in items]
    cursor = _read_cursor(said)
    has_more = said.get("hasMore", bool(cursor) if ledger_date else False)
    try_later = said.get("tryLater", False)
    if type(has_more) is not bool or type(try_later) is not bool:
        _raise_unreadable(status, "", "hasMore or tryLater is neither true nor false")
    return LedgerPage(entries, cursor, has_more, try_later)


def _decode_ledger_entry(
    item: object, status: int, ledger_id: str, topic: str, ledger_date: str
) -> LedgerEntry:
    entry = _require_object(item, status, "", "a ledger entry")
    day = entry.get("ledgerDate") or ledger_date
    time = entry.get("time")
    if not isinstance(day, str) or _DATE_PATTERN.fullmatch(day) is None:
        _raise_unreadable(status, "", "a ledger entry has no ledger date")
    if not isinstance(time, str) or _TIME_PATTERN.fullmatch(time) is None:
        _raise_unreadable(status, "", "a ledger entry has no time")
    psp_reference, entry_type, currency = (
        _require_text_field(entry, name, status)
        for name in ("pspReference", "entryType", "currency")
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
        _require_signed_amount(entry.get("amount"), status, "a ledger entry's amount"),
        None
        if before is None
        else _require_signed_amount(before, status, "a ledger entry's balance"),
        None
        if after is None
        else _require_signed_amount(after, status, "a ledger entry's balance"),
        handle if isinstance(handle, str) else None,
    )


def _require_text_field(entry: dict[str, Any], name: str, status: int) -> str:
    text = entry.get(name)
    if not isinstance(text, str) or not text:
        _raise_unreadable(status, "", f"a ledger entry has no {name}")
    return text


def _decode_totals(
    said: dict[str, Any], status: int, msn: str, reference: str
) -> tuple[str, str, str, str, str, int, int, int, int, int]:
    _require_same_reference(said, status, reference)
    psp_reference = said.get("pspReference")
    state = said.get("state")
    aggregate = said.get("aggregate")
    if type(psp_reference) is not str or type(state) is not str or not state:
        _raise_unreadable(status, reference, "it has no state or no pspReference")
    if type(aggregate) is not dict:
        _raise_unreadable(status, reference, "it has no aggregate")
    amount, currency = _decode_amount(said.get("amount"), status, reference, "the amount")
    totals = []
    for name in ("authorizedAmount", "capturedAmount", "refundedAmount", "cancelledAmount"):
        value, of = _decode_amount(aggregate.get(name), status, reference, name)
        if of != currency:
            _raise_unreadable(status, reference, f"{name} is in another currency than the amount")
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


def _decode_amount(said: object, status: int, reference: str, what: str) -> tuple[int, str]:
    if type(said) is not dict:
        _raise_unreadable(status, reference, f"{what} is not there")
    value = said.get("value")
    currency = said.get("currency")
    # type(), not isinstance(): True is an int to Python, and 1.0 is not one to an auditor.
    if type(value) is not int or not 0 <= value <= MAX_AMOUNT_MINOR:
        _raise_unreadable(status, reference, f"{what} is not a whole number of minor units")
    if type(currency) is not str or not currency:
        _raise_unreadable(status, reference, f"{what} has no currency")
    return value, currency


def _require_signed_amount(value: object, status: int, what: str) -> int:
    if type(value) is not int or not -MAX_AMOUNT_MINOR <= value <= MAX_AMOUNT_MINOR:
        _raise_unreadable(status, "", f"{what} is not a whole number of minor units")
    return value


def _require_same_reference(said: dict[str, Any], status: int, reference: str) -> None:
    if said.get("reference", reference) != reference:
        _raise_unreadable(status, reference, "it is about another payment")


def _read_cursor(said: dict[str, Any]) -> str:
    cursor = said.get("cursor")
    return cursor if isinstance(cursor, str) else ""


def _require_object(said: object, status: int, reference: str, what: str) -> dict[str, Any]:
    if type(said) is not dict:
        _raise_unreadable(status, reference, f"{what} is not an object")
    return said


def _require_list(said: object, status: int, what: str) -> list[Any]:
    if type(said) is not list:
        _raise_unreadable(status, "", f"{what} are not a list")
    return said


def _parse_json(status: int, body: bytes, reference: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        kind = "it is empty" if not body.strip() else "it is not whole JSON"
        _raise_unreadable(status, reference, kind)


def _raise_unreadable(status: int, reference: str, why: str) -> NoReturn:
    raise UnreadableAnswerError(
        status, "an answer that cannot be understood", detail=why, reference=reference
    ) from None
