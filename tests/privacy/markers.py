"""Invented customer data and secrets that are easy to find, and the search for them."""

from __future__ import annotations

import re

FIRST_NAME = "Zebrine"
LAST_NAME = "Quillmark"
NAME = f"{FIRST_NAME} {LAST_NAME}"
EMAIL = "zq.kunde@quill.example"
STREET = "Fjordquillgata 17"
CITY = "Quillvika"
MESSAGE = "Ringeklokka er umulig"
BIRTH_DATE = "1961-02-17"
DIGITS = "46819753"
PHONES = (
    "46819753",
    "+4746819753",
    "004746819753",
    "4746819753",
    "468 19 753",
    "46 81 97 53",
    "+47 468 19 753",
    "+47 46 81 97 53",
    "(+47) 468-19-753",
    "46.81.97.53",
    "47-46819753",
)
"""One phone number as people and programs write it."""

SECRETS = {
    "client secret": "planted-client-secret-71d2",
    "subscription key": "planted-subscription-key-03be",
    "token": "planted-token-c4f8",
    "database password": "planted-database-password-5a19",
    "webhook address": "planted-webhook-e620",
    "mail password": "planted-mail-password-88c7",
}
_TEXTS = {
    "first name": FIRST_NAME,
    "last name": LAST_NAME,
    "mail address": EMAIL,
    "street": "Fjordquillgata",
    "city": CITY,
    "message": MESSAGE,
    "date of birth": BIRTH_DATE,
    **SECRETS,
}
_PHONE = re.compile(
    rb"(?<![0-9a-f])(?:(?:00)?47[^0-9A-Za-z]{0,2})?"
    + rb"[^0-9A-Za-z]{0,2}".join(bytes([digit]) for digit in DIGITS.encode())
    + rb"(?![0-9a-f])"
)
"""The number in any writing. Not inside a longer hexadecimal number: digests are random."""


def find_markers(content: bytes | str) -> set[str]:
    """Return the names of what was planted and is in a text, whatever its case and encoding."""
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    folded = raw.lower()
    found = {
        name
        for name, text in _TEXTS.items()
        if text.lower().encode() in folded or text.lower().encode("utf-16-le") in folded
    }
    return found | {"phone number"} if _PHONE.search(raw) else found
