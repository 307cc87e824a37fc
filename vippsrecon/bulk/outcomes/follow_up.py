"""What users have to do after a row: credit note, shop update, customer notice.

All of it depends only on the plan row and its outcome, so a plan restored from the journal gives
the same sentences and flags as the run itself.
"""

from __future__ import annotations

from vippsrecon.bulk.execution.row_result import DONE_OUTCOMES, RowResult
from vippsrecon.bulk.plan.model import PlanRow
from vippsrecon.bulk.verbs import PAST_TENSE
from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.codes import CODES
from vippsrecon.texts import format_spaced_money, say
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY

KINDS_WITHOUT_SHOP_UPDATE = frozenset(code.name for code in CODES if code.shop_is_right)
"""Discrepancies that, once resolved, need no change of the shop's order.

The shop already shows the refund (`refund_missing_at_vipps`, `refund_failed`), or its total was
right and Vipps MobilePay held too much (the others). Entering the refund in the shop would request
it a second time. All other discrepancies, and every row of a list, are new to the shop."""

REFUND_TO_CARD = "The money goes back to the card used for the payment"
REFUND_TO_RECEIVING_ACCOUNT = (
    "The money goes to the customer's MobilePay receiving account, which may be another account "
    "than the one used for the payment"
)
REFUND_TO_CUSTOMER = "The money goes back to the customer"
REFUND_ARRIVAL = "it arrives after 2 to 3 bank days, at the latest after 10."
"""Source: https://developer.vippsmobilepay.com/docs/knowledge-base/refunds/"""

RESERVATION_RELEASED = "The reserved amount is released and will not be charged."


def describe_outcome(verb: str, row: PlanRow, result: RowResult) -> str:
    """Describe the outcome of a row with its amount, in a sentence that can be forwarded unchanged.

    >>> from vippsrecon.bulk.plan.model import PlanRow
    >>> row = PlanRow(1, "123456", "order-1", "1001", "NOK", 25000, "return", "", "", None, None,
    ...               100000, 100000, 0, 0, False)
    >>> describe_outcome("refund", row, RowResult(1, "done", "refunded; the answer shows it"))
    'Refunded 250.00 NOK: the answer shows it.'
    >>> describe_outcome("refund", row, RowResult(1, "refused", "it is not paid yet"))
    'Not refunded (250.00 NOK): it is not paid yet.'
    """
    past = PAST_TENSE[verb]
    why = result.explanation.removeprefix(f"{past}; ").removeprefix("would be sent").rstrip(".")
    amount = format_spaced_money(row.amount_minor, row.currency)
    lead = say(f"outcome_sentences.{verb}.{result.outcome}", amount=amount)
    return f"{lead}: {why}." if why else f"{lead}."


def needs_credit_note(verb: str, row: PlanRow, outcome: str) -> bool:
    """Return whether a refund still needs a document, usually a credit note."""
    return verb == "refund" and outcome in DONE_OUTCOMES and not row.document_ref


def needs_shop_update(row: PlanRow, outcome: str) -> bool:
    """Return whether the operation must be entered in the shop's order.

    >>> row = PlanRow(1, "123456", "order-1", "1001", "NOK", 25000, "return", "", "", None,
    ...               "refund_missing_at_vipps:123456:order-1", 100000, 100000, 0, 0, False)
    >>> needs_shop_update(row, "done"), needs_shop_update(row._replace(discrepancy_id=None), "done")
    (False, True)
    """
    kinds = {discrepancy.partition(":")[0] for discrepancy in (row.discrepancy_id or "").split()}
    return outcome in DONE_OUTCOMES and not (kinds and kinds <= KINDS_WITHOUT_SHOP_UPDATE)


def choose_customer_notice(verb: str, row: PlanRow, outcome: str, unit: SalesUnit) -> str:
    """Return the sentence for the customer, or "" if there is nothing to report.

    Args:
        verb: refund, cancel or capture.
        row: The plan's row.
        outcome: The row's outcome.
        unit: The sales unit: in Denmark and Finland a refund goes to an account, in Norway and
            Sweden to the card.
    """
    if outcome not in DONE_OUTCOMES or verb == "capture":
        return ""
    if verb == "cancel":
        return RESERVATION_RELEASED
    market = unit.market or MARKET_OF_CURRENCY.get(row.currency, "")
    notices = {
        "NO": REFUND_TO_CARD,
        "SE": REFUND_TO_CARD,
        "DK": REFUND_TO_RECEIVING_ACCOUNT,
        "FI": REFUND_TO_RECEIVING_ACCOUNT,
    }
    return f"{notices.get(market, REFUND_TO_CUSTOMER)}; {REFUND_ARRIVAL}"
