"""Select the requests for a plan from discrepancies and the decisions people made on them.

Reconciling proposed a verb and an amount for a discrepancy, or nothing. No amount becomes larger
here: each proposal is compared with the row's own figures again. A row without a proposal is
refused, also where a decision asks for it.

| decision in the report | what is planned |
|---|---|
| none in the whole report | every proposal of the plan's verb |
| refund, capture, cancel | this row, with that verb; without a proposal it is refused |
| anything else, or empty while other rows have a decision | nothing |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from vippsrecon.bulk.people import MAX_TEXT_LENGTH
from vippsrecon.money import format_amount, format_count
from vippsrecon.reconciliation.codes import CODE_BY_NAME, MANUAL_FLAGS, get_code
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.requests import PaymentKey, Request
from vippsrecon.sources.reviewed_report.read import ReportRow


class SelectedRequests(NamedTuple):
    """Requests selected from discrepancies, one per payment, with rejects and notes."""

    requests: list[Request]
    refused: list[Reject]
    notes: list[str]


def select_requests(
    rows: Sequence[ReportRow], verb: str, file: str, only: Collection[str] | None = None
) -> SelectedRequests:
    """Select the discrepancies to plan with one verb.

    Args:
        rows: Discrepancies with people's decisions.
        verb: refund, capture or cancel.
        file: The source file of the rows, for the rejects.
        only: Codes or discrepancy ids; other discrepancies are left out. None: all.
    """
    has_decisions = any(row.decision for row in rows)
    contradicted = {(row.msn, row.reference) for row in rows if row.kind == "aggregate_mismatch"}
    copies = Counter(row.discrepancy_id for row in rows if row.proposal)
    selected: dict[PaymentKey, list[ReportRow]] = {}
    refused: list[Reject] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        if only is not None and not {row.kind, row.discrepancy_id} & set(only):
            continue
        # With one decision in the report, rows without a decision are not planned.
        requested_verb = row.decision.casefold() if has_decisions else row.proposal
        if requested_verb != verb:
            if row.proposal == verb:
                left_out[row.decision] += 1
            continue
        reason = _explain_rejection(row, verb)
        if not reason and (row.msn, row.reference) in contradicted:
            reason = "the payment's events and totals contradict each other; clarify that first"
        if not reason and copies[row.discrepancy_id] > 1:
            reason = "the report has this row more than once, so it is unclear which one is meant"
        if reason:
            column = "Decision" if has_decisions else None
            value = row.decision if has_decisions else row.reference
            refused.append(Reject(file, row.row, column, value, reason))
        else:
            selected.setdefault((row.msn, row.reference), []).append(row)
    requests = [_merge_rows(payment_rows) for payment_rows in selected.values()]
    return SelectedRequests(requests, refused, _describe_left_out(left_out, verb))


def _explain_rejection(row: ReportRow, verb: str) -> str:
    """Explain why a row cannot be planned, although its decision asks for it; "" if it can."""
    owed_minor, flags = _compute_owed_minor(row), row.flags.split()
    manual_flags = [flag for flag in MANUAL_FLAGS if flag in flags]
    if row.proposal is None:
        reason = f"nothing can be proposed for this {row.kind}. {row.next_step}".rstrip()
    elif row.proposal != verb:
        reason = f"the decision is {verb}, but only a {row.proposal} can be planned"
    elif row.kind not in CODE_BY_NAME or get_code(row.kind).proposes != verb:
        reason = f"a {row.kind} is never planned from a report. Put the payment on a list instead"
    elif manual_flags:
        reason = f"it has the flag {manual_flags[0]}, so a person must handle it outside the plan"
    elif verb == "capture" and "status_unknown" in flags:
        reason = "the shop does not show that the order was delivered, so it is not captured"
    elif not 0 < (row.proposal_minor or 0) <= owed_minor:
        proposed = format_amount(row.proposal_minor or 0, row.currency)
        owed = format_amount(owed_minor, row.currency)
        reason = f"{proposed} is proposed, but the row's own figures justify at most {owed}"
    else:
        reason = ""
    return reason


def _compute_owed_minor(row: ReportRow) -> int:
    """Return the largest amount that a row's own figures justify, in minor units."""
    expected, actual = row.expected_minor or 0, row.actual_minor or 0
    if row.kind == "duplicate_payment":
        # A further payment is released whole: what it holds is at risk, as nothing was captured.
        return row.at_risk_minor if actual == 0 else 0
    if get_code(row.kind).too_little_moved:
        return max(0, expected - actual)
    return max(0, actual - expected)


def _merge_rows(rows: Sequence[ReportRow]) -> Request:
    """Merge all rows of a payment into one request: their sum, with the largest row's reason."""
    largest = max(rows, key=lambda row: row.proposal_minor or 0)
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    return Request(
        source_row=rows[0].row,
        msn=largest.msn,
        reference=largest.reference,
        order_number=largest.order_number,
        currency=largest.currency,
        amount_minor=sum(row.proposal_minor or 0 for row in rows),
        reason=get_code(largest.kind).plan_reason,
        note="; ".join(notes)[:MAX_TEXT_LENGTH],
        document_ref="",
        vat_minor=None,
        discrepancy_id=" ".join(row.discrepancy_id for row in rows),
    )


def _describe_left_out(left_out: Counter[str], verb: str) -> list[str]:
    notes = []
    for decision, number in sorted(left_out.items()):
        condition = f"with the decision {decision!r}" if decision else "without a decision"
        notes.append(
            f"{format_count(number, 'proposed ' + verb)} {condition} left out: other rows have a "
            f"decision, so only rows with the decision {verb!r} are planned"
        )
    return notes
