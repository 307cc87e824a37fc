r"""Journal entries and their hash chain. No input or output.

    hash = SHA-256 of  previous_hash + "\n" + the canonical JSON of all other columns

in hexadecimal. Canonical JSON: one object of the columns' names and values, UTF-8, keys sorted,
no spaces, absent values `null`; `detail` is in it as the text it is stored as. The first entry's
`previous_hash` is 64 zeros. So whoever changes, removes or swaps an entry must rewrite every
later hash, and the last one, the *head*, then differs from the head saved outside the database.

Python's own `json.dumps(..., sort_keys=True, separators=(",", ":"), ensure_ascii=False)` gives
the same bytes, so an auditor can check a chain without this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from vippsrecon.display.html import HtmlView, TableColumn
from vippsrecon.money import DECIMALS, format_amount

ENTRY_KINDS = {
    "seen": "the plan was registered: its digest, count, totals, planner, times and source",
    "approved": "a person approved this digest, count and sum",
    "carrier": "a process took the plan to carry it out, under a new epoch",
    "intended": "a request is about to be sent: its key, method, path, body, aggregate before",
    "done": "the operation took effect",
    "already_done": "the operation had taken effect before",
    "refused": "the operation will not take effect; final",
    "skipped": "nothing was done this time; the same plan may try again",
    "unknown": "whether the operation took effect is not known yet",
    "settled": "a person stated how an unknown row ended: detail.outcome is done or refused",
    "verified": "the outcome was read back",
    "ended": "a run ended: counts, and why it stopped",
}
"""Each kind of entry, and what it records."""

FINAL_KINDS = ("done", "already_done", "refused", "settled")
"""After one of these kinds nothing more is sent for the row."""

ROW_KINDS = ("intended", *FINAL_KINDS, "skipped", "unknown")
"""Kinds that record the state of a plan row. The last one of a row is its state."""

NO_HASH = "0" * 64
"""The `previous_hash` of a chain's first entry."""


class Entry(NamedTuple):
    """One entry of the journal, as stored.

    Attributes:
        plan_id: The plan of its chain.
        seq: Its position in the chain, from 1.
        at: Time, UTC, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
        kind: One of ENTRY_KINDS.
        epoch: Epoch of the plan lock it was written under; 0 before the first.
        row: The plan's row, from 1; None for the whole plan.
        environment: test, production or simulator.
        verb: refund, cancel or capture.
        msn: The payment's sales unit; None without a row, as the next three.
        reference: The payment.
        currency: The operation's currency.
        amount_minor: The operation's amount in whole minor units; never negative.
        idempotency_key: The request's key.
        detail: Further content of the kind, as canonical JSON.
        previous_hash: Hash of the entry before.
        hash: Hash over all of the above.
    """

    plan_id: str
    seq: int
    at: str
    kind: str
    epoch: int
    row: int | None
    environment: str
    verb: str
    msn: str | None
    reference: str | None
    currency: str | None
    amount_minor: int | None
    idempotency_key: str | None
    detail: str
    previous_hash: str
    hash: str

    def parse_detail(self) -> dict[str, Any]:
        """Return `detail` as a dictionary."""
        detail: dict[str, Any] = orjson.loads(self.detail)
        return detail

    def __repr__(self) -> str:
        """Describe the entry in one line, without its hashes."""
        row = "" if self.row is None else f", row {self.row}"
        return f"<Entry {self.seq} of plan {self.plan_id}{row}: {self.kind} at {self.at}>"

    def _repr_html_(self) -> str:
        detail = self.parse_detail()
        totals = detail.get("totals") or {}
        view = HtmlView(totals)
        row = "" if self.row is None else f", row {self.row}"
        view.add_title(f"{self.kind.replace('_', ' ').capitalize()} at {self.at}")
        view.add_sentence(
            f"Journal entry {self.seq} of plan {self.plan_id}{row}: {ENTRY_KINDS[self.kind]}."
        )
        view.add_table(
            [TableColumn("Recorded"), TableColumn("Value", "sentence")],
            [(name.replace("_", " "), _format_value(value)) for name, value in detail.items()],
        )
        return view.render()


def _format_value(value: Any) -> str:
    """Format a value of `detail` for people: sums as amounts, a list as its items."""
    if isinstance(value, dict) and value.keys() <= DECIMALS.keys():
        return ", ".join(format_amount(minor, currency) for currency, minor in value.items())
    if isinstance(value, dict):
        return "\n".join(f"{name}: {item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class Cap(NamedTuple):
    """A sum that must not be exceeded, over all plans of the environment.

    Attributes:
        scope: What the cap counts, such as "day:2026-01-31" or "run:1f0c".
        currency: Currency of the sum.
        limit_minor: Maximum of the sum; None counts without a limit.
    """

    scope: str
    currency: str
    limit_minor: int | None


class Draft(NamedTuple):
    """Content of a new entry. The journal adds position, hashes and epoch.

    Attributes:
        kind: One of ENTRY_KINDS.
        row: See Entry, as the fields up to `idempotency_key`.
        detail: JSON types, whole numbers only.
        caps: For `intended`: the caps its amount counts against, as Cap or plain tuples.
        at: Time of the event; "" for the database's time of the append.
        known: For `intended`: number of entries other plans had on its payment when it was
            checked (`Attempt.entry_count`). If there are more now, the draft is not written and must
            be checked again. None skips this test.
    """

    kind: str
    row: int | None = None
    msn: str | None = None
    reference: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    idempotency_key: str | None = None
    detail: Mapping[str, Any] = {}
    caps: tuple[Cap | tuple[str, str, int | None], ...] = ()
    at: str = ""
    known: int | None = None


def format_canonical_json(value: Any) -> str:
    """Return the canonical JSON text of a value.

    >>> format_canonical_json({"b": 1, "a": ["ø", None]})
    '{"a":["ø",null],"b":1}'
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def compute_entry_hash(entry: Entry) -> str:
    """Compute the hash of an entry from its other columns.

    Raises:
        TypeError: A column holds a value that JSON cannot represent.
    """
    columns = entry._asdict()
    del columns["hash"], columns["previous_hash"]
    text = orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)
    return sha256(entry.previous_hash.encode() + b"\n" + text).hexdigest()


def link_entry(
    draft: Draft,
    *,
    plan_id: str,
    head: tuple[int, str],
    epoch: int,
    environment: str,
    verb: str,
    at: str,
) -> Entry:
    """Build the entry of a draft that follows `head`, a (seq, hash).

    >>> entry = link_entry(Draft("approved"), plan_id="p", head=(1, NO_HASH), epoch=0,
    ...                environment="test", verb="refund", at="2026-01-31T10:00:00.000Z")
    >>> entry.seq, entry.detail, entry.hash == compute_entry_hash(entry)
    (2, '{}', True)
    """
    seq, previous_hash = head
    entry = Entry(
        plan_id,
        seq + 1,
        draft.at or at,
        draft.kind,
        epoch,
        draft.row,
        environment,
        verb,
        draft.msn,
        draft.reference,
        draft.currency,
        draft.amount_minor,
        draft.idempotency_key,
        format_canonical_json(dict(draft.detail)),
        previous_hash,
        "",
    )
    return entry._replace(hash=compute_entry_hash(entry))
