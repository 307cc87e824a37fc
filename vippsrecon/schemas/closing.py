"""Define the frames of a period's closing: vouchers, cut-off, clearing account, refunds, VAT, restatement.

Import from `vippsrecon.schemas`. An amount of an account is positive in debit and negative in credit.
"""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, Frame
from vippsrecon.schemas.frame import define_column as _c

VOUCHER_ROLES = (
    "clearing",
    "sales",
    "refunds",
    "fees",
    "bank",
    "disputes",
    "corrections",
    "other",
)
"""What an account is used for."""

VOUCHER_STATUSES = ("new", "unchanged", "reversal", "blocked")

PROOFS = ("proven", "contradicted", "computed", "unknown", "not_compared")

_LEDGER_ID = _c(
    "ledger_id",
    "text",
    "ID of the ledger at Vipps MobilePay; where a file does not state it, the sales unit's number.",
    required=True,
)
_PROOF = _c(
    "proof",
    "text",
    "proven: the balances of the ledger prove it. contradicted: they state another amount. computed: "
    "added up, without a second figure to compare with. unknown: the data does not state it. "
    "not_compared: the input it needs was not given.",
    required=True,
    one_of=PROOFS,
)

VOUCHERS = Frame(
    "vouchers",
    "one row per line of a proposed voucher",
    "vippsrecon.closing.build_vouchers and number_vouchers",
    (
        _c(
            "voucher_number",
            "text",
            "Number of the voucher; the same in every run while its facts are the same.",
            required=True,
        ),
        _c("voucher_date", "date", "The accounting day.", required=True),
        _c(
            "status",
            "text",
            "new: not written yet. unchanged: written by an earlier run. reversal: takes back a voucher "
            "whose facts changed. blocked: its period is closed, so it is not written.",
            required=True,
            one_of=VOUCHER_STATUSES,
        ),
        _c(
            "kind",
            "text",
            "day: the entries of one ledger date. payout: those of one payout in one month. receipt: "
            "a payout that arrived in the bank.",
            required=True,
            one_of=("day", "payout", "receipt"),
        ),
        _LEDGER_ID,
        MSN,
        CURRENCY,
        _c(
            "line", "count", "Number of the line in its voucher, from 1.", required=True, at_least=1
        ),
        _c(
            "role",
            "text",
            "What the account is used for.",
            required=True,
            one_of=VOUCHER_ROLES,
        ),
        _c(
            "account",
            "text",
            "Number of the account; empty where neither the settings nor the country's default name it.",
        ),
        _c(
            "amount_minor",
            "minor",
            "Debit is positive, credit negative; the lines of a voucher sum to 0.",
            required=True,
        ),
        _c("vat_code", "text", "The accounting system's VAT code of the line, from the settings."),
        _c("text", "text", "The text of the line.", required=True),
        _c("payout_number", "text", "Number of the payout, where the voucher is about one."),
        _c("reverses", "text", "Number of the voucher that this one takes back."),
        _c("entries", "count", "Number of ledger entries or bank lines in it.", required=True),
        _c(
            "facts",
            "text",
            "Fingerprint of date, roles and amounts; a voucher with another one has changed.",
            required=True,
        ),
    ),
)

CUT_OFF_LINES = (
    "ledger_balance",
    "not_on_ledger",
    "in_transit",
    "fees_accrued",
    "refunds_after_cut_off",
    "reservations",
)

CUT_OFF = Frame(
    "cut_off",
    "one row per sales unit, currency and line of a cut-off date",
    "vippsrecon.closing.build_cut_off",
    (
        _c("cut_off_date", "date", "The last day that counts.", required=True),
        MSN,
        CURRENCY,
        _c(
            "line",
            "text",
            "ledger_balance: receivable from Vipps MobilePay. not_on_ledger: captured or refunded, not "
            "on the ledger yet. in_transit: paid out, not in the bank yet. fees_accrued: fees not "
            "retained yet. refunds_after_cut_off: later refunds of earlier sales. reservations: "
            "authorized, neither captured nor cancelled; off balance.",
            required=True,
            one_of=CUT_OFF_LINES,
        ),
        _c("position", "count", "Order of the lines, from 1.", required=True, at_least=1),
        _c(
            "amount_minor",
            "minor",
            "An asset is positive, a liability negative; empty where it is not known.",
        ),
        _c("items", "count", "Number of rows of cut_off_items.", required=True, at_least=0),
        _PROOF,
        _c("off_balance", "boolean", "Whether the line is outside the accounts.", required=True),
    ),
)

CUT_OFF_ITEMS = Frame(
    "cut_off_items",
    "one row per entry, payout or payment behind a line of the cut-off",
    "vippsrecon.closing.build_cut_off",
    (
        _c("cut_off_date", "date", "The last day that counts.", required=True),
        MSN,
        CURRENCY,
        _c("line", "text", "The line of cut_off.", required=True, one_of=CUT_OFF_LINES),
        _c("ledger_id", "text", "The ledger; empty for a payment."),
        _c(
            "item",
            "text",
            "opening: the balance before the first entry of the data, or after the latest payout. "
            "Otherwise the type of the ledger entry, payout, or the name of the event.",
            required=True,
        ),
        _c("reference", "text", "Reference of the payment."),
        _c("psp_reference", "text", "The pspReference of the operation."),
        _c("payout_number", "text", "Number of the payout."),
        _c("item_date", "date", "Ledger date, or local day of the event."),
        _c("amount_minor", "minor", "Signed; the items of a line sum to it.", required=True),
    ),
)

CLEARING = Frame(
    "clearing",
    "one row per item of the clearing account at a date",
    "vippsrecon.closing.prove_clearing_account",
    (
        _c("at_date", "date", "The day at whose end the account is itemised.", required=True),
        _LEDGER_ID,
        MSN,
        CURRENCY,
        _c(
            "item",
            "text",
            "ledger_balance: not paid out yet. payout: ordered, not booked from the bank yet. blocked: "
            "vouchers of a closed month, which are not written. unexplained: what is left of the "
            "account's balance.",
            required=True,
            one_of=("ledger_balance", "payout", "blocked", "unexplained"),
        ),
        _c("payout_number", "text", "Number of the payout."),
        _c("item_date", "date", "The ledger date of the payout, or of the latest entry."),
        _c(
            "amount_minor",
            "minor",
            "Signed; the items sum to the balance of the clearing account.",
            required=True,
        ),
        _c(
            "account_minor",
            "minor",
            "Balance of the clearing account, repeated on each item.",
            required=True,
        ),
        _c(
            "opening_minor",
            "minor",
            "What the ledger held before the first entry of the data; the account is this and the "
            "clearing lines of the vouchers.",
            required=True,
        ),
    ),
)

REFUND_STAGES = ("promised", "made", "on_ledger", "deducted")

REFUND_AGEING = Frame(
    "refund_ageing",
    "one row per refund made, and one per order whose refund is promised and not made in full",
    "vippsrecon.closing.age_refunds",
    (
        MSN,
        _c("reference", "text", "Reference of the payment.", required=True),
        _c("order_number", "text", "The order number shown in the shop."),
        CURRENCY,
        _c("amount_minor", "minor", "The refunded amount.", required=True, at_least=0),
        _c(
            "stage",
            "text",
            "promised: recorded in the shop. made: done at Vipps MobilePay. on_ledger: on the funds "
            "ledger. deducted: taken from a payout.",
            required=True,
            one_of=REFUND_STAGES,
        ),
        _c("promised_date", "date", "Day of the shop's refund, where the export has it."),
        _c("made_date", "date", "Local day of the REFUNDED event."),
        _c("ledger_date", "date", "Ledger date of the refund."),
        _c("deducted_date", "date", "Ledger date of the payout that it was taken from."),
        _c("payout_number", "text", "Number of that payout."),
        _c("psp_reference", "text", "The pspReference of the refund."),
        _c(
            "age_days",
            "count",
            "Days from the stage's own date to the cut-off; empty where it has none.",
            at_least=0,
        ),
        _c("overdue", "boolean", "Whether the next stage is later than usual.", required=True),
        _c("next_step", "text", "What to do, in one sentence; empty where nothing is to be done."),
    ),
)

VAT_TIE_OUT = Frame(
    "vat_tie_out",
    "one row per sales unit, currency and VAT rate",
    "vippsrecon.closing.tie_out_vat",
    (
        MSN,
        CURRENCY,
        _c(
            "rate_basis_points",
            "count",
            "The VAT rate of the orders in hundredths of a percent, found from total and VAT; empty "
            "where an order has several rates or none that the country knows.",
            at_least=0,
        ),
        _c("orders", "count", "Number of orders.", required=True, at_least=0),
        _c("gross_minor", "minor", "Sum of order totals.", required=True),
        _c("vat_minor", "minor", "Sum of the VAT that the shop states.", required=True),
        _c(
            "captured_minor",
            "minor",
            "Captured minus refunded money of these orders in the period.",
            required=True,
        ),
        _c(
            "captured_vat_minor",
            "minor",
            "The same share of the shop's VAT, rounded half to even for each order.",
            required=True,
        ),
        _c(
            "expected_vat_minor",
            "minor",
            "The VAT of captured_minor at the rate; empty where there is no one rate.",
        ),
        _c(
            "difference_minor",
            "minor",
            "captured_vat_minor minus expected_vat_minor; within the rounding bound where all is well.",
        ),
        _c(
            "rounding_bound_minor",
            "minor",
            "The largest difference that rounding explains: two minor units for each order.",
            at_least=0,
        ),
        _c(
            "orders_without_vat",
            "count",
            "Orders whose VAT the export does not state; they are in no other figure.",
            required=True,
            at_least=0,
        ),
    ),
)

PERIOD_SIDES = ("orders", "events", "ledger_entries", "payouts", "bank_lines")

PERIOD_FACTS = Frame(
    "period_facts",
    "one row per fact of a period",
    "vippsrecon.closing.list_period_facts; the store keeps them when the period is closed",
    (
        _c("side", "text", "Where the fact is from.", required=True, one_of=PERIOD_SIDES),
        _c("fact_key", "text", "Identifies the fact in every run.", required=True),
        _c("msn", "text", "The sales unit; empty for a bank line."),
        _c("reference", "text", "Reference, or number of the payout."),
        CURRENCY,
        _c("day", "day", "The local or accounting day.", required=True),
        _c("amount_minor", "minor", "The amount, signed as in its frame.", required=True),
        _c("detail", "text", "Order status, name of the event, type of the entry.", required=True),
    ),
)

RESTATEMENT = Frame(
    "restatement",
    "one row per fact of a closed period that is different now",
    "vippsrecon.closing.compare_with_closed_period",
    (
        _c("period", "text", "The closed month, such as 2026-10.", required=True),
        _c("side", "text", "Where the fact is from.", required=True, one_of=PERIOD_SIDES),
        _c("fact_key", "text", "Identifies the fact in every run.", required=True),
        _c("msn", "text", "The sales unit; empty for a bank line."),
        _c("reference", "text", "Reference, or number of the payout."),
        CURRENCY,
        _c(
            "change",
            "text",
            "added, removed, amount or detail.",
            required=True,
            one_of=("added", "removed", "amount", "detail"),
        ),
        _c("before_minor", "minor", "The amount when the period was closed; empty: not there."),
        _c("after_minor", "minor", "The amount now; empty: not there."),
        _c(
            "difference_minor",
            "minor",
            "Now minus then; an amount that is not there counts as 0.",
            required=True,
        ),
        _c("before_detail", "text", "The detail when the period was closed."),
        _c("after_detail", "text", "The detail now."),
        _c("cause", "text", "What changed, in one sentence.", required=True),
    ),
)
