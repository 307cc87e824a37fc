"""Sentences of the desk that have amounts or counts, in the current language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vippsrecon.bulk.times import format_plan_time
from vippsrecon.bulk.wording import count_operations, list_sums
from vippsrecon.money import format_amount
from vippsrecon.texts import format_spaced_money, say, say_number

if TYPE_CHECKING:
    from vippsrecon.bulk.approval.approve import Approval
    from vippsrecon.bulk.plan.model import Plan


def describe_found(found: int, first: int, last: int) -> str:
    """Describe which of the found rows are on this page.

    >>> describe_found(40, 1, 15), describe_found(3, 1, 3)
    ('Rows 1 to 15 of 40 found', '3 rows found')
    """
    if last - first + 1 == found:
        return say_number("desk.all_found", found)
    return say("desk.page_found", first=str(first), last=str(last), found=str(found))


def describe_choice(rows: int, sums: Mapping[str, int], wrong: int, verb: str = "refund") -> str:
    """Describe how many rows are chosen, their sums, and how many amounts cannot be used.

    >>> describe_choice(2, {"NOK": 123450}, 0)
    '2 rows chosen, 1 234.50 NOK.'
    >>> describe_choice(2, {"NOK": 123400}, 1)
    '2 rows chosen, 1 234.00 NOK. 1 amount must be corrected first.'
    """
    chosen = f"{', '.join([say_number('desk.chosen', rows), *list_sums(sums)])}."
    return f"{chosen} {explain_choice(wrong, verb)}" if wrong else chosen


def explain_choice(wrong: int, verb: str = "refund") -> str:
    """Explain why no plan can be made: amounts that cannot be used, or nothing is chosen.

    >>> explain_choice(1)
    '1 amount must be corrected first.'
    """
    return say_number("desk.to_correct", wrong) if wrong else say(f"desk.{verb}.nothing_chosen")


def name_sum(minor: int, currency: str) -> str:
    """Name the field in which the sum of a currency is confirmed."""
    return say("desk.sum_name", currency=currency, amount=format_spaced_money(minor, currency))


def explain_too_much(minor: int, proposed: int, currency: str) -> str:
    """Explain an amount above the proposal."""
    return say(
        "desk.too_much",
        amount=format_spaced_money(minor, currency),
        proposed=format_spaced_money(proposed, currency),
    )


def explain_whole_only(proposed: int, currency: str) -> str:
    """Explain that a part of a reservation cannot be released."""
    return say("desk.whole_only", proposed=format_spaced_money(proposed, currency))


def explain_missing_sum(minor: int, currency: str) -> str:
    """Explain that a sum was not typed."""
    return say("desk.missing_sum", amount=format_spaced_money(minor, currency))


def explain_earlier_plan(plan: Plan, name: str) -> str:
    """Explain that the file holds a plan which nobody has approved or begun in this database."""
    return say(
        "desk.earlier_plan",
        name=name,
        plan=describe_plan(plan),
        planner=plan.planner,
        made_at=plan.made_at,
    )


def describe_changed_amount(proposed: int, currency: str) -> str:
    """Return the note of a plan row whose amount is not the proposed one; plans are in English."""
    return f"{format_amount(proposed, currency)} were proposed; the planner changed the amount"


def describe_plan(plan: Plan) -> str:
    """Describe a plan by the number of its rows and its sums."""
    return ", ".join([count_operations(plan.verb, plan.count), *list_sums(plan.totals)])


def describe_approval(approval: Approval) -> str:
    """Describe a valid approval."""
    return say(
        "desk.approved",
        approver=approval.approver,
        account=approval.os_account,
        host=approval.host,
        expires_at=format_plan_time(approval.expires_at),
    )
