"""Decode 2xx answers into records, or raise UnreadableAnswerError. No I/O.

Unknown fields are ignored and unknown names accepted, as Vipps MobilePay asks
(https://developer.vippsmobilepay.com/docs/knowledge-base/api-lifecycle/). What totals
depend on is checked strictly: an amount is a whole number, a currency is present, the reference is
the requested one. Personal fields are never read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime
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
from vippsrecon.dates import OFFSET_PATTERN, YEARS
from vippsrecon.errors import UnreadableAnswerError
from vippsrecon.money import DECIMALS, LARGEST_MINOR

_TOKEN_PATTERN = re.compile(r"[!-~]+")
_TIME_PATTERN = re.compile(
    rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{{1,12}})?(?:[Zz]|{OFFSET_PATTERN})", re.ASCII
)
_DATE_PATTERN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DEFAULT_LIFETIME_SECONDS = 300.0


def decode_token(status: int, body: bytes) -> Token:
    """Decode an access token. Both token services send numbers as numbers or as text."""
    answer = _require_object(_parse_json(status, body, ""), status, "", "the answer")
    bearer = answer.get("access_token")
    if not isinstance(bearer, str) or _TOKEN_PATTERN.fullmatch(bearer) is None:
        _raise_unreadable(status, "", "it holds no access token")
    try:
        life = float(answer.get("expires_in") or 0)
    except (TypeError, ValueError):
        life = 0.0
    if not 0 < life < 10**9:
        life = _DEFAULT_LIFETIME_SECONDS
    return Token(bearer, life)


def decode_created_payment(status: int, body: bytes, msn: str, reference: str) -> CreatedPayment:
    """Decode the answer to creating a payment."""
    answer = _require_object(_parse_json(status, body, reference), status, reference, "the answer")
    _require_same_reference(answer, status, reference)
    url = answer.get("redirectUrl")
    return CreatedPayment(msn, reference, url if isinstance(url, str) else None)


def require_whole_json(status: int, body: bytes, reference: str) -> bytes:
    """Return the body undecoded if it begins and ends like JSON.

    For bulk reading, which decodes many answers at once (`bulk_decode`): an HTML page or a
    truncated answer is detected while the call can still be repeated.
    """
    ends = body[:1] + body[-1:]
    if ends not in (b"{}", b"[]"):
        stripped = body.strip()
        if stripped[:1] + stripped[-1:] not in (b"{}", b"[]"):
            _raise_unreadable(status, reference, "it is not complete JSON")
    return body


def decode_payment(status: int, body: bytes, msn: str, reference: str) -> Payment:
    """Decode one payment."""
    answer = _require_object(_parse_json(status, body, reference), status, reference, "the answer")
    facts = _decode_totals(answer, status, msn, reference)
    method = answer.get("paymentMethod")
    kind = method.get("type") if isinstance(method, dict) else None
    until = answer.get("captureGuaranteedUntil")
    return Payment(
        *facts,
        kind if isinstance(kind, str) else None,
        until if isinstance(until, str) and _is_time(until) else None,
    )


def decode_modification(status: int, body: bytes, msn: str, reference: str) -> Modification:
    """Decode the answer to a capture, refund or cancel."""
    answer = _require_object(_parse_json(status, body, reference), status, reference, "the answer")
    return Modification(*_decode_totals(answer, status, msn, reference))


def decode_events(status: int, body: bytes, msn: str, reference: str) -> list[Event]:
    """Decode an event log, in the order sent."""
    entries = _parse_json(status, body, reference)
    if type(entries) is not list:
        _raise_unreadable(status, reference, "the event log is not a list")
    log = []
    for entry in entries:
        if type(entry) is not dict:
            _raise_unreadable(status, reference, "an event is not an object")
        event_reference = entry.get("reference")
        psp_reference = entry.get("pspReference")
        name = entry.get("name")
        timestamp = entry.get("timestamp")
        success = entry.get("success")
        key = entry.get("idempotencyKey")
        if event_reference != reference:
            _raise_unreadable(status, reference, "an event belongs to another payment")
        if type(psp_reference) is not str or type(name) is not str or not name:
            _raise_unreadable(status, reference, "an event has no name or no pspReference")
        if type(timestamp) is not str or not _is_time(timestamp):
            shown = f": {timestamp[:40]!r}" if type(timestamp) is str else ""
            _raise_unreadable(status, reference, f"an event has no valid time{shown}")
        if type(success) is not bool:
            _raise_unreadable(status, reference, "an event has no success flag")
        value, currency = _decode_amount(
            entry.get("amount"), status, reference, "an event's amount"
        )
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
    """Decode one page of ledgers and the cursor of the next page ("" after the last)."""
    answer = _require_object(_parse_json(status, body, ""), status, "", "the answer")
    page = []
    for item in _require_list(answer.get("items"), status, "the ledgers"):
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
        account = ledger.get("payoutBankAccount")
        number = account.get("id") if isinstance(account, dict) else None
        page.append(
            Ledger(
                ledger_id,
                currency,
                tuple(handles),
                tuple(msns),
                number if isinstance(number, str) else "",
            )
        )
    return page, _read_cursor(answer)


def decode_ledger_page(
    status: int, body: bytes, ledger_id: str, topic: str, ledger_date: str = ""
) -> LedgerPage:
    """Decode one page of a ledger date (`ledger_date` given) or of a feed.

    One published example has entries without `ledgerDate`: they get the requested date.
    """
    answer = _require_object(_parse_json(status, body, ""), status, "", "the answer")
    items = _require_list(answer.get("items"), status, "the ledger entries")
    entries = [_decode_ledger_entry(item, status, ledger_id, topic, ledger_date) for item in items]
    cursor = _read_cursor(answer)
    has_more = answer.get("hasMore", bool(cursor) if ledger_date else False)
    try_later = answer.get("tryLater", False)
    if type(has_more) is not bool or type(try_later) is not bool:
        _raise_unreadable(status, "", "hasMore or tryLater is neither true nor false")
    return LedgerPage(entries, cursor, has_more, try_later)


def _decode_ledger_entry(
    item: object, status: int, ledger_id: str, topic: str, ledger_date: str
) -> LedgerEntry:
    entry = _require_object(item, status, "", "a ledger entry")
    day = entry.get("ledgerDate") or ledger_date
    time = entry.get("time")
    if not isinstance(day, str) or not _is_day(day):
        _raise_unreadable(status, "", "a ledger entry has no ledger date")
    if not isinstance(time, str) or not _is_time(time):
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
    answer: dict[str, Any], status: int, msn: str, reference: str
) -> tuple[str, str, str, str, str, int, int, int, int, int]:
    _require_same_reference(answer, status, reference)
    psp_reference = answer.get("pspReference")
    state = answer.get("state")
    aggregate = answer.get("aggregate")
    if type(psp_reference) is not str or type(state) is not str or not state:
        _raise_unreadable(status, reference, "it has no state or no pspReference")
    if type(aggregate) is not dict:
        _raise_unreadable(status, reference, "it has no aggregate")
    amount, currency = _decode_amount(answer.get("amount"), status, reference, "the amount")
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


def _decode_amount(amount: object, status: int, reference: str, name: str) -> tuple[int, str]:
    if type(amount) is not dict:
        _raise_unreadable(status, reference, f"{name} is missing")
    value = amount.get("value")
    currency = amount.get("currency")
    # type(), not isinstance(): Python counts True as an int, and 1.0 is not a number of minor units.
    if type(value) is not int or not 0 <= value <= LARGEST_MINOR:
        _raise_unreadable(status, reference, f"{name} is not a whole number of minor units")
    if type(currency) is not str or not currency:
        _raise_unreadable(status, reference, f"{name} has no currency")
    if currency not in DECIMALS:
        _raise_unreadable(status, reference, f"{name} is in {currency[:10]!r}, an unknown currency")
    return value, currency


def _require_signed_amount(value: object, status: int, name: str) -> int:
    if type(value) is not int or not -LARGEST_MINOR <= value <= LARGEST_MINOR:
        _raise_unreadable(status, "", f"{name} is not a whole number of minor units")
    return value


def _require_same_reference(answer: dict[str, Any], status: int, reference: str) -> None:
    if "reference" not in answer:
        _raise_unreadable(status, reference, "it does not say which payment it is about")
    if answer["reference"] != reference:
        _raise_unreadable(status, reference, "it belongs to another payment")


def _read_cursor(answer: dict[str, Any]) -> str:
    cursor = answer.get("cursor")
    return cursor if isinstance(cursor, str) else ""


def _require_object(value: object, status: int, reference: str, name: str) -> dict[str, Any]:
    if type(value) is not dict:
        _raise_unreadable(status, reference, f"{name} is not an object")
    return value


def _require_list(value: object, status: int, name: str) -> list[Any]:
    if type(value) is not list:
        _raise_unreadable(status, "", f"{name} are not a list")
    return value


def _is_time(text: str) -> bool:
    match = _TIME_PATTERN.fullmatch(text)
    try:
        return match is not None and datetime.fromisoformat(match[1]).year in YEARS
    except ValueError:
        return False


def _is_day(text: str) -> bool:
    try:
        return _DATE_PATTERN.fullmatch(text) is not None and (
            date.fromisoformat(text).year in YEARS
        )
    except ValueError:
        return False


def _parse_json(status: int, body: bytes, reference: str) -> Any:
    try:
        value = orjson.loads(body)
        # orjson keeps the last of two values of one key.
        json.loads(body, object_pairs_hook=_refuse_repeated_keys)
    except _RepeatedKeyError as error:
        _raise_unreadable(status, reference, f"it holds {str(error)[:80]!r} twice in one object")
    except (ValueError, RecursionError):
        kind = "it is empty" if not body.strip() else "it is not complete JSON"
        _raise_unreadable(status, reference, kind)
    return value


class _RepeatedKeyError(Exception):
    """A key occurs twice in one object, so it is not clear which value is meant."""


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _RepeatedKeyError(key)


def _raise_unreadable(status: int, reference: str, why: str) -> NoReturn:
    raise UnreadableAnswerError(
        status, "an answer that cannot be understood", detail=why, reference=reference
    ) from None
