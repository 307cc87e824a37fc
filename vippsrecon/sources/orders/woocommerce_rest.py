"""Read WooCommerce's REST answers as tables: the orders of GET /wp-json/wc/v3/orders.

Only the keys named here are read: an order also contains names, addresses and telephone numbers.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#orders
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from vippsrecon.errors import SourceError
from vippsrecon.sources.files.detect import MAX_CELL_LENGTH, detect_encoding
from vippsrecon.sources.files.json_stream import JsonStream, open_json
from vippsrecon.sources.files.table import NATIVE_MARK, Record, Table, build_cell_picker

_ORDER_KEYS = (
    "id",
    "number",
    "status",
    "currency",
    "date_created",
    "date_created_gmt",
    "date_paid",
    "date_paid_gmt",
    "date_completed",
    "date_completed_gmt",
    "total",
    "total_tax",
    "payment_method",
    "payment_method_title",
    "transaction_id",
)
_AMOUNT_PATTERN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?")
_META_KEYS = ("_vipps_orderid", "_vipps_api", "_charge_id", "_agreement_id")
_BY_HAND = "refunds:by_hand"
"""Whether a refund of the order did not go through the payment gateway: yes, no, or empty."""

_HEADINGS = (*_ORDER_KEYS, "refunds", _BY_HAND, *(f"meta:{key}" for key in _META_KEYS))
_REFUND_KEYS = {"id", "amount", "refunded_by"}
"""Keys of every refund of GET /wp-json/wc/v3/orders/<id>/refunds that no order has."""
_LIST_KEYS = ("refunds", "meta_data")
_KEPT_KEYS = frozenset(
    (*_ORDER_KEYS, *_LIST_KEYS, *_REFUND_KEYS, "key", "value", "total", "refunded_payment")
)
"""All that is read of an order and of its lists. Names and addresses are never kept in memory."""
_REFUNDS_ONLY = (
    "this is WooCommerce's REST answer of refunds, which names neither order total nor Vipps "
    "reference; take the orders instead, GET /wp-json/wc/v3/orders: each holds its refunds"
)


def open_rest_table(path: Path) -> Table:
    """Open a REST answer of orders as a table; a row's number is its position in the list.

    Times of keys ending in `_gmt` are UTC, without an offset in the text. `refunds` is the sum of
    the order's refunds, which the API gives as negative amounts.

    Raises:
        SourceError: The file is too large, is not JSON, has a key twice in one object, or holds
            neither an order nor a list of orders, or refunds only.
    """
    present_keys: set[str] = set()
    is_empty = True
    for entry in _read_entries(path):
        is_empty = False
        if isinstance(entry, dict):
            present_keys.update(entry)
            present_keys.update(f"meta:{key}" for key in _META_KEYS if _read_meta_value(entry, key))
            if _read_by_hand(entry.get("refunds")):
                present_keys.add(_BY_HAND)
    if is_empty:
        raise SourceError("this JSON holds no list of orders", file=path.name)
    if not {"id", "total", "status"} <= present_keys:
        if _REFUND_KEYS.issubset(present_keys):
            raise SourceError(_REFUNDS_ONLY, file=path.name)
        raise SourceError("this JSON does not hold orders of WooCommerce", file=path.name)
    headings = tuple(key for key in _HEADINGS if key in present_keys)

    def records(places: Sequence[int]) -> Iterator[Record]:
        pick = build_cell_picker(places)
        for number, order in enumerate(_read_entries(path), start=1):
            if not isinstance(order, dict):
                yield Record(number, pick([""] * len(headings)), "this is not an order")
                continue
            cells = [_read_cell(order, heading) for heading in headings]
            if max(map(len, cells)) > MAX_CELL_LENGTH:
                raise SourceError("a value is larger than 1 MB", file=path.name, row=number)
            yield Record(number, pick(cells), None)

    return Table(path.name, "json", detect_encoding(path), headings, records)


class _Number(str):
    """A JSON number as the text in the file."""

    __slots__ = ()


def _read_entries(path: Path) -> Iterator[Any]:
    """Read the orders one by one, with numbers as the text in the file and only `_KEPT_KEYS`.

    The file holds a list of orders, an object with such a list as `orders`, or one order.
    """
    with open_json(path, number=_Number, keep=_KEPT_KEYS.__contains__) as stream:
        if stream.peek() == "[":
            yield from stream.read_list()
        elif stream.peek() == "{":
            yield from _read_object(stream)
        else:
            stream.read_value()
        stream.check_end()


def _read_object(stream: JsonStream) -> Iterator[Any]:
    order: dict[str, Any] = {}
    is_wrapped = False
    for key in stream.read_object():
        if key == "orders" and stream.peek() == "[":
            is_wrapped = True
            yield from stream.read_list()
        elif key in _KEPT_KEYS:
            value = stream.read_value()
            order[key] = value if key in _LIST_KEYS or isinstance(value, str) else None
        else:
            stream.skip_value()
    if not is_wrapped:
        yield order


def _read_cell(order: dict[str, Any], heading: str) -> str:
    if heading.startswith("meta:"):
        return _read_meta_value(order, heading.removeprefix("meta:"))
    if heading == "refunds":
        return _sum_refunds(order.get("refunds"))
    if heading == _BY_HAND:
        return _read_by_hand(order.get("refunds"))
    text = _format_value(order.get(heading))
    return f"{text}Z" if heading.endswith("_gmt") and text else text


def _format_value(value: Any) -> str:
    if isinstance(value, _Number):
        return value if value.lstrip("-").isdecimal() else NATIVE_MARK + value
    # JSON may hold half a surrogate pair, which no other encoding can.
    text = value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
    return text.lstrip(NATIVE_MARK)


def _read_meta_value(order: dict[str, Any], key: str) -> str:
    entries = order.get("meta_data")
    if not isinstance(entries, list):
        return ""
    values = (
        _format_value(entry.get("value"))
        for entry in entries
        if isinstance(entry, dict) and entry.get("key") == key
    )
    return next((value for value in values if value), "")


def _read_by_hand(entries: Any) -> str:
    """Return yes if the shop states that a refund used no gateway; "" if it states nothing."""
    if not isinstance(entries, list):
        return ""
    answers = [
        str(entry.get("refunded_payment")).lower()
        for entry in entries
        if isinstance(entry, dict) and entry.get("refunded_payment") is not None
    ]
    if not answers:
        return ""
    return "no" if all(answer in ("true", "1") for answer in answers) else "yes"


def _sum_refunds(entries: Any) -> str:
    """Return the sum of the refunds, or a text that the parser rejects if they cannot be summed."""
    if not isinstance(entries, list):
        return ""
    totals = [
        _format_value(entry.get("total")) if isinstance(entry, dict) else "?" for entry in entries
    ]
    plain = [total.removeprefix(NATIVE_MARK) for total in totals]
    if not all(_AMOUNT_PATTERN.fullmatch(total) for total in plain):
        return " + ".join(totals)
    return f"{sum(abs(Decimal(total)) for total in plain):f}"
