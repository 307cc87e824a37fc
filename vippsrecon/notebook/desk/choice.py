"""Which discrepancies are planned, and by how much: filters, amounts, and the source of the plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from vippsrecon.display.amounts import MARKET_FORMATS
from vippsrecon.errors import InputError
from vippsrecon.money import to_major, to_minor
from vippsrecon.notebook.desk import texts
from vippsrecon.reconciliation import Reconciliation
from vippsrecon.texts import say

_COLUMNS = ("discrepancy_id", "severity", "kind", "msn", "reference", "order_number", "currency",
            "proposal", "proposal_minor", "next_step")  # fmt: skip
_SPACES = re.compile(r"[\s\u00a0\u202f]")
_CURRENCY_SIGN = re.compile(r"^[$£]|(?:kr\.?|€|[A-Z]{3})$", re.IGNORECASE)
_PLAIN = re.compile(r"([0-9]+)(?:[.,]([0-9]{1,2}))?")
_GROUPED = re.compile(
    r"([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{2})|([0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{2})"
)


class Finding(NamedTuple):
    """One discrepancy, as the desk shows it.

    Attributes:
        discrepancy_id, severity, kind, msn, currency, next_step: As in the discrepancies.
        reference, order_number: The payment and its order; the reference is "" if there is none.
        proposed_minor: The proposed amount; None if the desk's operation is not proposed.
    """

    discrepancy_id: str
    severity: str
    kind: str
    msn: str
    reference: str
    order_number: str | None
    currency: str
    proposed_minor: int | None
    next_step: str


class Filters(NamedTuple):
    """What a row must fit. An empty text fits every row.

    Attributes:
        kind, severity, msn: Equal to the row's.
        words: Each word is in the order number, reference, code, severity, next step or amount.
        proposals_only: Leave out rows without a proposal.
    """

    kind: str = ""
    severity: str = ""
    msn: str = ""
    words: str = ""
    proposals_only: bool = True


def list_findings(reconciliation: Reconciliation, verb: str = "refund") -> list[Finding]:
    """Return the discrepancies, worst first, with what is proposed of one operation."""
    rows = reconciliation.polars_frame("discrepancies").select(_COLUMNS).iter_rows(named=True)
    return [
        Finding(
            row["discrepancy_id"],
            row["severity"],
            row["kind"],
            row["msn"],
            row["reference"] or "",
            row["order_number"],
            row["currency"],
            row["proposal_minor"] if row["proposal"] == verb else None,
            row["next_step"],
        )
        for row in rows
    ]


def filter_findings(findings: Iterable[Finding], filters: Filters) -> list[Finding]:
    """Return the rows that fit, in the same order."""
    words = filters.words.casefold().split()
    return [
        finding
        for finding in findings
        if filters.kind in ("", finding.kind)
        and filters.severity in ("", finding.severity)
        and filters.msn in ("", finding.msn)
        and not (filters.proposals_only and finding.proposed_minor is None)
        and all(word in _build_search_text(finding) for word in words)
    ]


def _build_search_text(finding: Finding) -> str:
    amount = (
        ""
        if finding.proposed_minor is None
        else format_typed(finding.proposed_minor, finding.currency)
    )
    severity = say(f"severities.{finding.severity}")
    parts = (finding.order_number or "", finding.reference, finding.kind, finding.severity, severity,
             finding.next_step, amount)  # fmt: skip
    return " ".join(parts).casefold()


def format_typed(minor: int, currency: str) -> str:
    """Format an amount as it is typed in its market: without thousands and currency.

    >>> format_typed(123450, "NOK"), format_typed(123450, "GBP")
    ('1234,50', '1234.50')
    """
    mark = MARKET_FORMATS[currency].decimal if currency in MARKET_FORMATS else "."
    return str(to_major(minor, currency)).replace(".", mark)


def parse_typed(text: str, currency: str) -> int:
    """Return a typed amount in minor units. A mark that may mean thousands is refused.

    Raises:
        InputError: It is not an amount, or not clear.

    >>> parse_typed("1 234,50 kr", "NOK"), parse_typed("1.234,50", "DKK"), parse_typed("12", "EUR")
    (123450, 123450, 1200)
    >>> parse_typed("1.234", "DKK")
    Traceback (most recent call last):
    vippsrecon.errors.InputError: '1.234' is not an amount. Write it as 1234.50 or 1234,50.
    """
    written = _CURRENCY_SIGN.sub("", _SPACES.sub("", text))
    if match := _PLAIN.fullmatch(written):
        whole, fraction = match[1], match[2] or "0"
    elif match := _GROUPED.fullmatch(written):
        whole, fraction = re.sub("[.,]", "", match[1] or match[3]), match[2] or match[4]
    else:
        raise InputError(say("desk.unreadable", text=repr(text[:40])))
    return to_minor(f"{whole}.{fraction}", currency)


def check_amount(text: str, finding: Finding, verb: str = "refund") -> int:
    """Return the amount, which is above zero and at most the proposed one; a cancel's is the proposed one.

    Raises:
        InputError: It is not.
    """
    if finding.proposed_minor is None:
        raise InputError(say(f"desk.{verb}.no_proposal"))
    minor = parse_typed(text, finding.currency)
    if minor == 0:
        raise InputError(say(f"desk.{verb}.zero"))
    if minor > finding.proposed_minor:
        raise InputError(texts.explain_too_much(minor, finding.proposed_minor, finding.currency))
    if verb == "cancel" and minor < finding.proposed_minor:
        raise InputError(texts.explain_whole_only(finding.proposed_minor, finding.currency))
    return minor


def replace_amounts(
    reconciliation: Reconciliation, findings: Sequence[Finding], amounts: Mapping[str, int]
) -> Reconciliation:
    """Return the result with the chosen amounts as proposals, from which the plan is made.

    Planning checks them like any proposal: against the row's own figures, and against the payment
    as it is read then. A changed amount is named in the row's note.

    Args:
        reconciliation: The result.
        findings: Its discrepancies.
        amounts: Discrepancy id to the amount.
    """
    changed = {
        finding.discrepancy_id: finding
        for finding in findings
        if amounts.get(finding.discrepancy_id, finding.proposed_minor) != finding.proposed_minor
    }
    notes = {
        key: texts.describe_changed_amount(finding.proposed_minor or 0, finding.currency)
        for key, finding in changed.items()
    }
    frame = reconciliation.polars_frame("discrepancies")
    keys = frame["discrepancy_id"].to_list()
    minors = [
        amounts[key] if key in changed else minor
        for key, minor in zip(keys, frame["proposal_minor"], strict=True)
    ]
    return reconciliation.with_changes(
        discrepancies=frame.with_columns(
            pl.Series("proposal_minor", minors, dtype=frame.schema["proposal_minor"]),
            pl.Series("note", [notes.get(key, "") for key in keys], dtype=pl.String),
        )
    )


def sum_amounts(findings: Iterable[Finding], amounts: Mapping[str, int]) -> dict[str, int]:
    """Return currency to the sum of the chosen amounts, in minor units."""
    sums: dict[str, int] = {}
    for finding in findings:
        if finding.discrepancy_id in amounts:
            minor = amounts[finding.discrepancy_id]
            sums[finding.currency] = sums.get(finding.currency, 0) + minor
    return dict(sorted(sums.items()))
