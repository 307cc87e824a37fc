"""The sentences of the refund desk, in one place so that they can be translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vippsrecon.bulk.times import format_plan_time
from vippsrecon.money import format_amount, format_count

if TYPE_CHECKING:
    from vippsrecon.bulk.approval.approve import Approval
    from vippsrecon.bulk.plan.model import Plan

TITLE = "Refund desk"
STEPS = ("Choose", "Check", "Approval", "Carry out", "Outcomes")
STEPS_LABEL = "Steps of the refund desk"

CODE, SEVERITY, SALES_UNIT, SEARCH = "Code", "Severity", "Sales unit", "Search"
ALL_CODES, ALL_SEVERITIES, ALL_SALES_UNITS = "All codes", "All severities", "All sales units"
SEARCH_HINT = "order, reference or word"
SHOW_OTHERS = "Also show discrepancies without a proposed refund"
CHOOSE_SHOWN, CHOOSE_NONE = "Choose all that were found", "Choose none"
EARLIER_PAGE, LATER_PAGE = "Earlier rows", "Later rows"
MAKE_PLAN = "Make the plan and check it"
LOOK_AGAIN = "Look for the approval"
BACK = "Back to the choice"
CARRY_OUT = "Carry out: move the money"
CONTINUE = "Continue with this plan"
NEW_PLAN = "Choose again"
OPEN_PLAN = "Open the earlier plan"

NOTHING_FOUND = "No discrepancy fits these filters."
NOTHING_CHOSEN = "No row is chosen. Choose the rows to refund first."
NO_RESULT = "There is no reconciliation here, so only an earlier plan can be continued."
NO_PROPOSAL = "No refund is proposed here."
PLAN_TITLE = "The plan"
DRY_RUN_TITLE = "What would happen now"
STANDING_TITLE = "Where it stands, as the journal shows it"
APPROVAL_TITLE = "Approval by another person"
APPROVAL_RULE = (
    "This panel approves nothing. The other person runs this command under their own account, on a "
    "computer with the same settings and the same workspace database, and writes their own name:"
)
APPROVAL_CHECK = "They compare what the command shows with this digest and these sums:"
NO_NAME = "NAME OF THE OTHER PERSON"
SEND_TITLE = "Carry out"
SEND_RULE = (
    "This moves money. Type the plan's sum to confirm it. To stop on the way, interrupt the kernel "
    "(■ in the toolbar): rows in progress are finished, and the next run continues."
)
SAME_ACCOUNT = "It was given under the account of this notebook, so the name alone says that two people did this."
OWN_APPROVAL = "The planner approved it alone, which your limits allow for these sums."
SENDING = "Carrying out. Please wait; the bar below shows how far it is."
CHECKING = "Reading the payments and checking each row. Nothing is sent."
BEGUN = (
    "This plan was begun earlier. Opening it sent nothing. Rows that are final in the journal are "
    "not repeated; open rows are resolved before anything is sent."
)
INTERRUPTED = "Interrupted. What was sent is in the journal; carry out the same plan again to resolve open rows."


def describe_found(found: int, first: int, last: int) -> str:
    """Describe which of the found rows are on this page.

    >>> describe_found(40, 1, 15), describe_found(3, 1, 3)
    ('Rows 1 to 15 of 40 found', '3 rows found')
    """
    if last - first + 1 == found:
        return f"{format_count(found, 'row')} found"
    return f"Rows {first} to {last} of {found} found"


def describe_choice(rows: int, sums: Mapping[str, int], wrong: int) -> str:
    """Describe how many rows are chosen, their sums, and how many amounts cannot be used.

    >>> describe_choice(2, {"NOK": 123450}, 0)
    '2 rows chosen, 1 234.50 NOK.'
    >>> describe_choice(2, {"NOK": 123400}, 1)
    '2 rows chosen, 1 234.00 NOK. 1 amount must be corrected first.'
    """
    amounts = [format_amount(minor, currency) for currency, minor in sums.items()]
    chosen = f"{', '.join([format_count(rows, 'row chosen', 'rows chosen'), *amounts])}."
    return f"{chosen} {explain_choice(wrong)}" if wrong else chosen


def explain_choice(wrong: int) -> str:
    """Explain why no plan can be made: amounts that cannot be used, or nothing is chosen.

    >>> explain_choice(1)
    '1 amount must be corrected first.'
    """
    return f"{format_count(wrong, 'amount')} must be corrected first." if wrong else NOTHING_CHOSEN


def name_choice(order: str, kind: str) -> str:
    """Name a row's checkbox."""
    return f"Refund {order}: {kind}"


def name_amount(order: str, kind: str, currency: str) -> str:
    """Name a row's amount, for a screen reader and the tooltip."""
    return f"Amount to refund for {order}, {kind}, in {currency}"


def name_sum(minor: int, currency: str) -> str:
    """Name the field in which the sum of a currency is confirmed."""
    return f"Sum in {currency}, which is {format_amount(minor, currency)}"


def explain_unreadable(text: str) -> str:
    """Explain an amount that cannot be read."""
    return f"{text!r} is not an amount. Write it as 1234.50 or 1234,50."


def explain_too_much(minor: int, proposed: int, currency: str) -> str:
    """Explain an amount above the proposal."""
    return (
        f"{format_amount(minor, currency)} is more than the {format_amount(proposed, currency)} "
        "that are proposed. For a larger amount, plan from a list."
    )


def explain_zero() -> str:
    """Explain an amount of zero."""
    return "The amount is 0. Do not choose the row if nothing is to be refunded."


def explain_missing_sum(minor: int, currency: str) -> str:
    """Explain that a sum was not typed."""
    return (
        f"Nothing was sent. Type the plan's sum, {format_amount(minor, currency)}, to confirm it."
    )


def explain_other_file(name: str) -> str:
    """Explain that the file no longer holds the plan on the desk."""
    return (
        f"{name} no longer holds the plan that is shown here: it was changed or replaced. Nothing "
        "was sent. Choose again and make a new plan."
    )


def explain_earlier_plan(plan: Plan, name: str) -> str:
    """Explain that the file holds a plan which nobody has approved or begun in this database."""
    return (
        f"{name} holds an earlier plan ({plan.short_description}, made by {plan.planner} at "
        f"{plan.made_at}), which was not begun in this workspace database. A new plan is written "
        "to the same name; the earlier file is kept beside it."
    )


def explain_unusable_file(error: str) -> str:
    """Explain that the file cannot be continued."""
    return f"The earlier plan cannot be opened. {error}"


def describe_changed_amount(proposed: int, currency: str) -> str:
    """Return the note of a plan row whose amount is not the proposed one."""
    return f"{format_amount(proposed, currency)} were proposed; the planner changed the amount"


def describe_database(url: str) -> str:
    """Say which database the approval must be in."""
    return f"Workspace database: {url}"


def describe_approval(approval: Approval) -> str:
    """Describe a valid approval."""
    return (
        f"Approved by {approval.approver} (account {approval.os_account}, {approval.host}), valid "
        f"until {format_plan_time(approval.expires_at)}."
    )


def describe_waiting(reason: str) -> str:
    """Describe why the plan cannot be carried out yet."""
    return f"Waiting for the approval. {reason}"
