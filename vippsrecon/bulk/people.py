"""The names of planners and approvers, and the limits on any text a person writes in a plan."""

from __future__ import annotations

import getpass
import os
import re
import unicodedata

from vippsrecon.errors import PlanError

MAX_TEXT_LENGTH = 500
"""Most characters of a note, a document number or a name."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line separators and lone surrogates, which cannot be displayed safely."""

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Characters without a shape that are not of Unicode's category Cf (zero-width, bidirectional).
With one of them, two names look alike and are not the same person. Source: Unicode,
Default_Ignorable_Code_Point, and the empty Braille pattern."""


def is_same_person(name: str, other_name: str) -> bool:
    """Return whether two names mean one person: case and spaces make no difference.

    >>> is_same_person("Kari  Nordmann", "kari nordmann"), is_same_person("kari", "ola")
    (True, False)
    """
    return normalize_person_name(name).casefold() == normalize_person_name(other_name).casefold()


def normalize_person_name(name: str) -> str:
    """Return a person's name as plans and the journal record it: NFKC, with single spaces.

    Raises:
        PlanError: The name is empty, too long, or has a character that cannot be displayed.
    """
    normalized = " ".join(unicodedata.normalize("NFKC", name).split())
    if (
        not normalized
        or len(normalized) > MAX_TEXT_LENGTH
        or UNPRINTABLE.search(normalized) is not None
        or _INVISIBLE.search(normalized) is not None
        or any(unicodedata.category(character) == "Cf" for character in normalized)
    ):
        raise PlanError(
            f"{name[:80]!r} is not a valid name: it is empty, longer than {MAX_TEXT_LENGTH} "
            "characters, or has a character that cannot be seen. Give your name with --as"
        )
    return normalized


def detect_account() -> str:
    """Return the operating system account this process runs under.

    The system's user database is asked first, because an environment variable is easily changed.
    """
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        pass
    try:
        return getpass.getuser()
    except (OSError, ImportError, KeyError):
        return "unknown account"
