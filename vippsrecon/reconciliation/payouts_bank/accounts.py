"""Compare bank account numbers, which files write with or without country, blanks and dots."""

from __future__ import annotations

_SHORTEST_ACCOUNT = 8


def normalize_account(account: str | None) -> str:
    """Return an account number without blanks and dots; "" where it is not known.

    >>> normalize_account("NO93 8601 1117 947")
    'NO9386011117947'
    """
    return "".join(filter(str.isalnum, account or "")).upper()


def may_be_one_account(first: str, second: str) -> bool:
    """Return whether two account numbers may be of one account: equal, one unknown, or a national number.

    >>> may_be_one_account("NO9386011117947", "86011117947"), may_be_one_account("", "86011117947")
    (True, True)
    >>> may_be_one_account("NO9386011117947", "97105012345")
    False
    """
    if not first or not second or first == second:
        return True
    shorter, longer = sorted((first, second), key=len)
    return len(shorter) >= _SHORTEST_ACCOUNT and longer.endswith(shorter)
