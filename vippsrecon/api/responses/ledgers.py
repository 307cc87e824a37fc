"""Decode answers of the Report API: ledgers and their entries. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vippsrecon.api.models import Ledger, LedgerEntry, LedgerPage
from vippsrecon.api.responses.json_fields import (
    is_day,
    is_time,
    parse_json,
    raise_unreadable,
    require_list,
    require_object,
)
from vippsrecon.money import LARGEST_MINOR

_LONGEST_PAGE_SIZE = 9


def decode_ledgers(status: int, body: bytes) -> tuple[list[Ledger], str]:
    """Decode one page of ledgers and the cursor of the next page ("" after the last)."""
    answer = require_object(parse_json(status, body, ""), status, "", "the answer")
    page = []
    for item in require_list(answer.get("items"), status, "the ledgers"):
        ledger = require_object(item, status, "", "a ledger")
        settles_for = require_list(
            ledger.get("settlesForRecipientHandles"), status, "a ledger's handles"
        )
        handles = [handle for handle in settles_for if isinstance(handle, str)]
        msns = [handle[4:] for handle in handles if handle.startswith("api:")]
        ledger_id = ledger.get("ledgerId")
        currency = ledger.get("currency")
        if not isinstance(ledger_id, str) or not ledger_id or not isinstance(currency, str):
            raise_unreadable(status, "", "a ledger has no id or no currency")
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
    answer = require_object(parse_json(status, body, ""), status, "", "the answer")
    items = require_list(answer.get("items"), status, "the ledger entries")
    entries = [_decode_ledger_entry(item, status, ledger_id, topic, ledger_date) for item in items]
    cursor = _read_cursor(answer)
    has_more = answer.get("hasMore", bool(cursor) if ledger_date else False)
    try_later = answer.get("tryLater", False)
    if type(has_more) is not bool or type(try_later) is not bool:
        raise_unreadable(status, "", "hasMore or tryLater is neither true nor false")
    return LedgerPage(entries, cursor, has_more, try_later)


def read_page_size(headers: Mapping[str, str]) -> int | None:
    """Return the largest number of entries of a page of the feed; None where it is not stated."""
    stated = headers.get("vipps-feed-page-size", "").strip()
    is_number = stated.isascii() and stated.isdecimal() and len(stated) <= _LONGEST_PAGE_SIZE
    return (int(stated) or None) if is_number else None


def _decode_ledger_entry(
    item: object, status: int, ledger_id: str, topic: str, ledger_date: str
) -> LedgerEntry:
    entry = require_object(item, status, "", "a ledger entry")
    day = entry.get("ledgerDate") or ledger_date
    time = entry.get("time")
    if not isinstance(day, str) or not is_day(day):
        raise_unreadable(status, "", "a ledger entry has no ledger date")
    if not isinstance(time, str) or not is_time(time):
        raise_unreadable(status, "", "a ledger entry has no time")
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
        raise_unreadable(status, "", f"a ledger entry has no {name}")
    return text


def _require_signed_amount(value: object, status: int, name: str) -> int:
    if type(value) is not int or not -LARGEST_MINOR <= value <= LARGEST_MINOR:
        raise_unreadable(status, "", f"{name} is not a whole number of minor units")
    return value


def _read_cursor(answer: dict[str, Any]) -> str:
    cursor = answer.get("cursor")
    return cursor if isinstance(cursor, str) else ""
