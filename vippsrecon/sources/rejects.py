"""Input rows that cannot be used, each with its position, value and reason."""

from __future__ import annotations

from typing import NamedTuple

from vippsrecon.texts import format_spaced_number, get_language, list_texts_in, say


class Reject(NamedTuple):
    """One input row that cannot be used, with the columns of `schemas.REJECTS`."""

    source_file: str
    source_row: int
    column: str | None
    value: str | None
    reason: str

    def describe(self) -> str:
        """Return the row number, the reason and the rejected value as one sentence.

        Reasons are in the language in which the file was read; those of plans are in English.

        >>> Reject("list.csv", 3, "amount", "0", "is 0, so there is nothing to do").describe()
        "row 3: amount is 0, so there is nothing to do (amount = '0')"
        """
        # A reason that begins with its verb needs the column as its subject.
        verbs = (
            verb
            for language in dict.fromkeys((get_language(), "en"))
            for verb in list_texts_in("reasons", language)["verbs"].split("|")
        )
        subject = f"{self.column} " if self.column and self.reason.startswith(tuple(verbs)) else ""
        shown = f"{self.column} = {self.value!r}" if self.column else self.value
        value = f" ({shown})" if self.value else ""
        row = say("digest.row", row=str(self.source_row))
        return f"{row}: {subject}{self.reason}{value}"


def describe_rejected(number: int) -> str:
    """Return how many rows were rejected, in the current language.

    >>> describe_rejected(1200)
    '1 200 rows rejected'
    """
    return say("files.rejected", count=number, number=format_spaced_number(number))
