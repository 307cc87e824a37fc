"""Check and fill in `order_url`: the address of an order in the shop's administration."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

PLACEHOLDERS = ("order_number", "reference")

MAX_ADDRESS_LENGTH = 250
"""A text in a formula of Excel has at most 255 characters."""

_FIELD = re.compile(r"\{([^{}]*)\}")
_ALLOWED = re.compile(
    r"https://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?/[A-Za-z0-9\-._~:/?#\[\]@!$&()*+,;=%]*"
)


def check_order_url(template: str) -> str:
    """Return the address, or raise ValueError if it cannot be a link to an order.

    >>> check_order_url("https://shop.example/admin/orders/{order_number}")
    'https://shop.example/admin/orders/{order_number}'
    """
    fields = _FIELD.findall(template)
    if not fields or set(fields) - set(PLACEHOLDERS):
        raise ValueError(
            "is not the address of an order. Write {order_number} or {reference} where the shop's "
            "address has it, such as https://shop.example/admin/orders/{order_number}."
        )
    if _ALLOWED.fullmatch(_FIELD.sub("0", template)) is None or _FIELD.search(
        urlsplit(template).netloc
    ):
        raise ValueError(
            "is not an address such as https://shop.example/admin/orders/{order_number}. It must begin "
            "with https:// and a host name, and have no spaces, quotes or password."
        )
    return template


def build_order_address(
    template: str, order_number: str | None, reference: str | None
) -> str | None:
    """Return the address of one order; None if what the address needs is not known, or it is too long.

    What an export has is percent-encoded, so it can lead to no other host and end no quoted text.

    >>> build_order_address("https://shop.example/o?n={order_number}", '#7"/..', None)
    'https://shop.example/o?n=%237%22%2F..'
    """
    values = {"order_number": order_number, "reference": reference}
    if any(not values[name] for name in _FIELD.findall(template)):
        return None
    address = _FIELD.sub(lambda field: quote(str(values[field[1]]), safe=""), template)
    return address if len(address) <= MAX_ADDRESS_LENGTH else None
