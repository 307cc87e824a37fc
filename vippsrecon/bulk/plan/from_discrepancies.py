"""From discrepancies, and what their owners decided, to what a plan may hold.

Reconciling proposed a verb and an amount, or nothing. Here no proposal grows: it is held once
more against the row's own figures, and what is never proposed is refused though somebody wants it.

| decision in the report | is planned |
|---|---|
| none in the whole report | every proposal of the plan's verb |
| refund, capture, cancel | this row, by that verb; where nothing is proposed it is refused |
| anything else, or empty beside rows that are decided | nothing |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from vippsrecon.bulk.plan.rows import PaymentKey, Request
from vippsrecon.money import format_amount, format_count
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.reviewed_report.read import ReportRow

REASON_BY_KIND = {
    "refund_missing_at_vipps": "return",
    "refund_failed": "return",
    "over_captured": "excess_capture",
    "duplicate_capture": "duplicate",
    "cancelled_but_captured": "cancellation",
    "under_captured": "other",
    "fulfilled_not_captured": "other",
    "remainder_open": "release",
}
"""Code to the reason its row of a plan is given."""

VERB_BY_KIND = {
    **dict.fromkeys(REASON_BY_KIND, "refund"),
    **dict.fromkeys(("under_captured", "fulfilled_not_captured"), "capture"),
    "remainder_open": "cancel",
}
"""Code to the one verb that may be proposed for it; for other codes nothing ever is."""

MANUAL_FLAGS = (
    "express_shipping",
    "split_tender",
    "split_payment",
    "amounts_as_fetched",
    "possible_duplicate",
    "disputed",
)
"""Flags of rows a person has to settle, outside a plan made from a report."""

_MAX_NOTE_LENGTH = 500


class SelectedRequests(NamedTuple):
    """What discrepancies come to: wishes, one per payment; what was refused; what else to say."""

    requests: list[Request]
    refused: list[Reject]
    notes: list[str]


def select_requests(
    rows: Sequence[ReportRow], verb: str, file: str, only: Collection[str] | None = None
) -> SelectedRequests:
    """Return what is to be planned of these discrepancies with one verb.

    Args:
        rows: Discrepancies with their owners' decisions.
        verb: refund, capture or cancel.
        file: Where they come from, for what is refused.
        only: Codes or discrepancy ids to keep to; None: all.
    """
    decided = any(row.decision for row in rows)
    contradicted = {(row.msn, row.reference) for row in rows if row.kind == "aggregate_mismatch"}
    copies = Counter(row.discrepancy_id for row in rows if row.proposal)
    chosen: dict[PaymentKey, list[ReportRow]] = {}
    refused: list[Reject] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        if only is not None and not {row.kind, row.discrepancy_id} & set(only):
            continue
        said = row.decision.casefold()
        if (said != verb) if decided else (row.proposal != verb):
            if row.proposal == verb:
                left_out[row.decision] += 1
            continue
        why = _explain_rejection(row, verb)
        if not why and (row.msn, row.reference) in contradicted:
            why = "the payment's events and totals contradict each other; settle that first"
        if not why and copies[row.discrepancy_id] > 1:
            why = "the row is there more than once, so it cannot be told which is meant"
        if why:
            column = "Decision" if decided else None
            value = row.decision if decided else row.reference
            refused.append(Reject(file, row.row, column, value, why))
        else:
            chosen.setdefault((row.msn, row.reference), []).append(row)
    wishes = [_merge_rows(same) for same in chosen.values()]
    return SelectedRequests(wishes, refused, _describe_left_out(left_out, verb))


def _explain_rejection(row: ReportRow, verb: str) -> str:
    """Return why a row is not planned though it was decided upon, or "" where it may be."""
    owed, flags = _compute_owed_minor(row), row.flags.split()
    by_hand = [flag for flag in MANUAL_FLAGS if flag in flags]
    if row.proposal is None:
        why = f"nothing can be proposed for this {row.kind}. {row.next_step}".rstrip()
    elif row.proposal != verb:
        why = f"the decision is {verb}, and what may be done is {row.proposal}"
    elif VERB_BY_KIND.get(row.kind) != verb:
        why = f"nothing is ever proposed for {row.kind}; put the payment on a list of your own"
    elif by_hand:
        why = f"its flag {by_hand[0]} says that a person has to settle it"
    elif verb == "capture" and "status_unknown" in flags:
        why = "the shop does not say that the order was delivered, so nothing is captured for it"
    elif not 0 < (row.proposal_minor or 0) <= owed:
        said, most = (
            format_amount(row.proposal_minor or 0, row.currency),
            format_amount(owed, row.currency),
        )
        why = f"{said} is proposed, and the row's own figures call for {most} at most"
    else:
        why = ""
    return why


def _compute_owed_minor(row: ReportRow) -> int:
    """Return the most that a row's own figures call for, in minor units."""
    expected, actual = row.expected_minor or 0, row.actual_minor or 0
    too_little = ("refund_missing_at_vipps", "refund_failed", "under_captured")
    if row.kind in (*too_little, "fulfilled_not_captured"):
        return max(0, expected - actual)
    return max(0, actual - expected)


def _merge_rows(rows: Sequence[ReportRow]) -> Request:
    """Return one wish for all rows of a payment: the sum, and the larger one's reason."""
    largest = max(rows, key=lambda row: row.proposal_minor or 0)
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    return Request(
        source_row=rows[0].row,
        msn=largest.msn,
        reference=largest.reference,
        order_number=largest.order_number,
        currency=largest.currency,
        amount_minor=sum(row.proposal_minor or 0 for row in rows),
        reason=REASON_BY_KIND[largest.kind],
        note="; ".join(notes)[:_MAX_NOTE_LENGTH],
        document_ref="",
        vat_minor=None,
        discrepancy_id=" ".join(row.discrepancy_id for row in rows),
    )


def _describe_left_out(left_out: Counter[str], verb: str) -> list[str]:
    notes = []
    for decision, number in sorted(left_out.items()):
        said = f"whose decision is {decision!r}" if decision else "without a decision"
        notes.append(
            f"{format_count(number, 'proposed ' + verb)} {said} left out: other rows are decided, and "
            f"only rows decided {verb!r} are planned"
        )
    return notes
