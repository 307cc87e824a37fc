"""Define the frames of money on its way to the bank. Import from `vippsrecon.schemas`."""

from __future__ import annotations

from vippsrecon.schemas.frame import CURRENCY, MSN, Frame
from vippsrecon.schemas.frame import define_column as _c

_SOURCE_FILE = _c(
    "source_file", "text", "Name of the input file; empty where the entry came from the API."
)
_SOURCE_ROW = _c("source_row", "count", "Line of the file or row of the sheet, from 1.", at_least=1)

_LEDGER_ID = _c(
    "ledger_id",
    "text",
    "ID of the ledger at Vipps MobilePay; where a file does not state it, the sales unit's number.",
    required=True,
)

LEDGER_ENTRIES = Frame(
    "ledger_entries",
    "one row per entry of a ledger",
    "the Report API, or a settlement file read by vippsrecon.sources.settlement",
    (
        _LEDGER_ID,
        MSN,
        _c(
            "topic",
            "text",
            "funds: what is paid out. fees: the fee of each capture, and its retention.",
            required=True,
            one_of=("funds", "fees"),
        ),
        _c(
            "psp_reference",
            "text",
            "The pspReference of the operation; equal to the one of the payment's event. Empty for "
            "an entry that a file does not have a row of its own for.",
        ),
        _c("reference", "text", "The merchant's id of the payment; of a payout, its bank text."),
        _c(
            "entry_type",
            "text",
            "capture, refund, fees-retained, payout-scheduled, capture-fee, …, or a type that Vipps "
            "MobilePay adds later.",
            required=True,
        ),
        _c("entry_at", "moment", "When the entry was made; empty where the file has only a day."),
        _c(
            "ledger_date",
            "date",
            "The accounting day; not always the calendar day of entry_at.",
            required=True,
        ),
        CURRENCY,
        _c(
            "amount_minor",
            "minor",
            "Signed: a capture is positive; a refund, a retained fee and a payout are negative.",
            required=True,
        ),
        _c("balance_before_minor", "minor", "Balance of the ledger before the entry."),
        _c("balance_after_minor", "minor", "Balance of the ledger after the entry."),
        _SOURCE_FILE,
        _SOURCE_ROW,
    ),
)

LEDGER_COMPLETENESS = Frame(
    "ledger_completeness",
    "one row per ledger and topic of a period",
    "vippsrecon.ledger.completeness",
    (
        _LEDGER_ID,
        MSN,
        _c("topic", "text", "funds or fees.", required=True, one_of=("funds", "fees")),
        CURRENCY,
        _c(
            "verdict",
            "text",
            "complete: no entry is missing. incomplete: the balance does not run on, or a payout number "
            "is missing. open_dates: entries may still be added. not_proven: an entry states no balance.",
            required=True,
            one_of=("complete", "incomplete", "open_dates", "not_proven"),
        ),
        _c("first_date", "date", "First ledger date that was read.", required=True),
        _c("last_date", "date", "Last ledger date that was read.", required=True),
        _c("entries", "count", "Number of entries.", required=True, at_least=0),
        _c("opening_balance_minor", "minor", "Balance before the first entry."),
        _c("closing_balance_minor", "minor", "Balance after the last entry."),
        _c(
            "entries_without_balance",
            "count",
            "Entries that state no balance, so that a missing one would not be noticed.",
            required=True,
            at_least=0,
        ),
        _c("broken_entry", "count", "The first entry that does not fit, from 1.", at_least=1),
        _c("broken_date", "date", "Ledger date of that entry."),
        _c("expected_balance_minor", "minor", "The balance that should be there."),
        _c("actual_balance_minor", "minor", "The balance that the entry states."),
        _c("payouts", "count", "Payouts scheduled.", required=True, at_least=0),
        _c("first_payout_number", "text", "Number of the first payout."),
        _c("last_payout_number", "text", "Number of the last payout."),
        _c("missing_payouts", "text", "Numbers between these two that no payout has."),
        _c("open_dates", "count", "Dates that are not closed.", required=True, at_least=0),
        _c("first_open_date", "date", "The first of them."),
        _c("last_open_date", "date", "The last of them."),
    ),
)

PAYOUTS = Frame(
    "payouts",
    "one row per payout",
    "payout entries of ledgers, or a settlement file read by vippsrecon.sources.settlement",
    (
        _LEDGER_ID,
        MSN,
        _c(
            "payout_number",
            "text",
            "Number of the payout, counted within its ledger; the settlement ID of older files.",
            required=True,
        ),
        _c("ledger_date", "date", "The last accounting day of the payout.", required=True),
        CURRENCY,
        _c(
            "amount_minor",
            "minor",
            "The amount sent to the bank; negative where money is owed to Vipps MobilePay.",
            required=True,
        ),
        _c("expected_bank_date", "date", "The planned day in the bank, where the file has it."),
        _c(
            "status",
            "text",
            "scheduled: ordered, not yet known to have arrived. aborted: not sent.",
            required=True,
            one_of=("scheduled", "aborted"),
        ),
        _c("account", "text", "The bank account it is sent to, as IBAN where that is known."),
        _c("bank_text", "text", "The text that the bank statement is expected to have."),
        _SOURCE_FILE,
        _SOURCE_ROW,
    ),
)

BANK_LINES = Frame(
    "bank_lines",
    "one row per booked line of a bank account",
    "a bank statement, read by vippsrecon.sources.bank",
    (
        _c(
            "account",
            "text",
            "The bank account, as IBAN where it can be written as one; empty where the file does not "
            "name it.",
        ),
        _c("booked_date", "date", "The day the bank booked it.", required=True),
        _c("value_date", "date", "The day from which it bears interest."),
        CURRENCY,
        _c(
            "amount_minor",
            "minor",
            "Signed: money into the account is positive.",
            required=True,
        ),
        _c(
            "text",
            "text",
            "Everything the bank wrote about it. The payer's name only if it is Vipps MobilePay.",
            required=True,
        ),
        _c("bank_reference", "text", "The bank's own reference of the line."),
        _c("source_file", "text", "Name of the file.", required=True),
        _c(
            "source_row",
            "count",
            "Line of the file or row of the sheet; of camt.053, the number of the entry in the file, "
            "from 1.",
            required=True,
            at_least=1,
        ),
    ),
)

PAYOUT_MATCHES = Frame(
    "payout_matches",
    "one row per payout and bank line that belong together",
    "vippsrecon.reconciliation",
    (
        _LEDGER_ID,
        MSN,
        _c("payout_number", "text", "Number of the payout within its ledger.", required=True),
        CURRENCY,
        _c("source_file", "text", "Name of the bank statement.", required=True),
        _c("source_row", "count", "The line's row in it, from 1.", required=True, at_least=1),
        _c("amount_minor", "minor", "The amount of the bank line.", required=True),
        _c(
            "matched_by",
            "text",
            "What they have in common: the payout's text; amount and day; or a set of lines or payouts "
            "with the same sum.",
            required=True,
            one_of=("reference", "amount_and_day", "set_proposed"),
        ),
        _c(
            "proposed",
            "boolean",
            "Whether a person must confirm it: nothing is settled by a proposal.",
            required=True,
        ),
    ),
)
