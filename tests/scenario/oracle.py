"""Find what is wrong between payments, ledgers, payouts and bank, by the simplest rules.

Reads the files of a month with the standard library only, and shares no code with the comparison. A
finding has the columns of truth.csv that follow from the data.
"""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import NamedTuple

from vippsrecon.scenario import FEE_TERMS

from .conftest import Written

DAY_OF_EXPORT, FIRST_FEE_NOT_OVERDUE = timedelta(days=35), timedelta(days=25)
"""Days after the first of the month."""

PAYERS = {"Vipps Mobilepay As", "MobilePay A/S", "Vipps A/S"}
KNOWN_TYPES = {
    "capture",
    "refund",
    "fees-retained",
    "payout-scheduled",
    "payout-aborted",
    "retained-disputed-capture",
    "returned-disputed-capture",
    "correction",
    "capture-fee",
}


class Found(NamedTuple):
    """One difference, as truth.csv has it."""

    leg: str
    bucket: str
    kind: str
    reference: str = ""
    payout_number: str = ""
    expected: str = ""
    actual: str = ""
    at_risk: int = 0


class BankEntry(NamedTuple):
    """One entry of the bank statement."""

    account: str
    text: str
    amount: int
    booked: bool
    payer: str


def find_day(month: Written, after: timedelta) -> str:
    """Return a day as text, so long after the first of the month."""
    (clock,) = (line["clock"] for line in month.others if "clock" in line)
    return (date.fromisoformat(clock[:10]) - DAY_OF_EXPORT + after).isoformat()


def read_planted(month: Written) -> list[Found]:
    """Return what truth.csv says of the ledgers, the payouts and the bank."""
    return sorted(
        Found(
            row["leg"],
            row["bucket"],
            row["kind"],
            row["reference"],
            row["payout_number"],
            row["expected_minor"],
            row["actual_minor"],
            int(row["at_risk_minor"]),
        )
        for row in month.truth
        if row["leg"] != "order_payment"
    )


def find_in_ledgers(month: Written) -> list[Found]:
    """Compare events with ledger entries, fees with the contract, and every balance with the next."""
    topics = {topic: entries for (_, topic), entries in month.entries.items()}
    return [
        *_find_operations(month, topics["funds"]),
        *_find_fees(month, topics),
        *_find_disputes(topics["funds"]),
        *_find_other_entries(topics),
    ]


def _find_operations(month, funds):
    events = {
        event["pspReference"]: event
        for log in month.events.values()
        for event in log
        if event["success"] and event["name"] in {"CAPTURED", "REFUNDED"}
    }
    entries = {e["pspReference"]: e for e in funds if e["entryType"] in {"capture", "refund"}}
    leg = "payment_ledger"
    last_closed = find_day(month, DAY_OF_EXPORT - timedelta(days=1))
    for psp in events.keys() | entries.keys():
        event, entry = events.get(psp), entries.get(psp)
        if event is None:
            amount, reference = entry["amount"], entry["reference"]
            yield Found(
                leg,
                "discrepancy",
                "ledger_without_event",
                reference,
                actual=str(amount),
                at_risk=abs(amount),
            )
            continue
        is_capture = event["name"] == "CAPTURED"
        expected = event["amount"]["value"] * (1 if is_capture else -1)
        reference = event["reference"]
        if entry is None and event["timestamp"] >= last_closed:
            yield Found(leg, "timing", "timing_not_on_ledger", reference)
        elif entry is None:
            kind = f"{'capture' if is_capture else 'refund'}_not_on_ledger"
            yield Found(
                leg, "discrepancy", kind, reference, expected=str(expected), at_risk=abs(expected)
            )
        elif entry["amount"] != expected:
            yield Found(
                leg,
                "discrepancy",
                "ledger_amount_difference",
                reference,
                "",
                str(expected),
                str(entry["amount"]),
                abs(entry["amount"] - expected),
            )


def _find_fees(month, topics):
    charged = Counter()
    for entry in topics["fees"]:
        if entry["entryType"] == "capture-fee":
            charged[entry["pspReference"]] += entry["amount"]
    not_overdue = find_day(month, FIRST_FEE_NOT_OVERDUE)
    terms = {(row.currency, row.payment_method): row for row in FEE_TERMS}
    leg = "payment_ledger"
    for entry in topics["funds"]:
        if entry["entryType"] != "capture":
            continue
        psp, reference = entry["pspReference"], entry["reference"]
        method = month.payments[reference]["paymentMethod"]["type"]
        row = terms[entry["currency"], method]
        share = Decimal(entry["amount"]) * Decimal(row.percent) / 100
        expected = -int(share.quantize(Decimal(1), ROUND_HALF_UP)) - row.fixed_minor
        if psp not in charged and entry["ledgerDate"] >= not_overdue:
            yield Found(leg, "timing", "timing_fee_late", reference)
        elif psp not in charged:
            yield Found(leg, "discrepancy", "fee_missing", reference, expected=str(expected))
        elif charged[psp] != expected:
            yield Found(
                leg,
                "discrepancy",
                "fee_variance",
                reference,
                "",
                str(expected),
                str(charged[psp]),
                expected - charged[psp],
            )


def _find_disputes(funds):
    cycles = defaultdict(list)
    for entry in funds:
        if entry["entryType"] == "retained-disputed-capture":
            cycles[entry["reference"]].append(entry["amount"])
        elif entry["entryType"] == "returned-disputed-capture":
            cycles[entry["reference"]][-1] += entry["amount"]
    for reference, held in cycles.items():
        for amount in held:
            kind = "dispute_retained" if amount else "dispute_returned"
            yield Found(
                "payment_ledger", "discrepancy", kind, reference, "", "0", str(amount), -amount
            )


def _find_other_entries(topics):
    leg = "payment_ledger"
    for entries in topics.values():
        balance = 0
        for entry in entries:
            amount, before = entry["amount"], entry["balanceBefore"]
            assert entry["balanceAfter"] == before + amount
            if before != balance:
                yield Found(
                    leg,
                    "discrepancy",
                    "balance_chain_break",
                    "",
                    "",
                    str(balance),
                    str(before),
                    abs(before - balance),
                )
            balance = entry["balanceAfter"]
            if entry["entryType"] == "correction" or entry["entryType"] not in KNOWN_TYPES:
                is_known = entry["entryType"] in KNOWN_TYPES
                kind = "manual_correction" if is_known else "unknown_entry_type"
                yield Found(leg, "discrepancy", kind, "", "", "0", str(amount), abs(amount))


def list_payouts(month: Written) -> dict[str, dict[str, object]]:
    """Return the payout entries by number."""
    return {
        entry["pspReference"].split("-")[1]: entry
        for (_, topic), entries in month.entries.items()
        if topic == "funds"
        for entry in entries
        if entry["entryType"] == "payout-scheduled"
    }


def find_in_payouts(month: Written) -> list[Found]:
    """Look for aborted payouts, missing numbers, negative balances and another account."""
    (funds,) = (entries for (_, topic), entries in month.entries.items() if topic == "funds")
    leg, payouts = "ledger_payout", list_payouts(month)
    found = [
        Found(
            leg,
            "discrepancy",
            "payout_aborted",
            "",
            entry["pspReference"].split("-")[1],
            str(entry["amount"]),
            "0",
        )
        for entry in funds
        if entry["entryType"] == "payout-aborted"
    ]
    for first, second in pairwise(sorted(map(int, payouts))):
        found += [
            Found(leg, "discrepancy", "payout_number_gap", "", str(number))
            for number in range(first + 1, second)
        ]
    last_closed = find_day(month, DAY_OF_EXPORT - timedelta(days=1))
    found += _find_negative_balances([e for e in funds if e["ledgerDate"] <= last_closed])
    accounts = read_accounts(month)
    numbers = sorted(accounts, key=int)
    found += [
        Found(
            leg,
            "discrepancy",
            "payout_account_changed",
            "",
            number,
            str(-payouts[number]["amount"]),
            str(-payouts[number]["amount"]),
        )
        for earlier, number in pairwise(numbers)
        if accounts[earlier] != accounts[number]
    ]
    return found


def _find_negative_balances(funds):
    """Find the payouts that an earlier day below zero was deducted from."""
    closing = {entry["ledgerDate"]: entry for entry in funds}
    lowest = 0
    for entry in closing.values():
        if entry["entryType"] != "payout-scheduled":
            lowest = min(lowest, entry["balanceAfter"])
        elif lowest:
            number = entry["pspReference"].split("-")[1]
            yield Found(
                "ledger_payout",
                "discrepancy",
                "negative_balance_carried",
                "",
                number,
                "0",
                str(lowest),
            )
            lowest = 0
    if funds[-1]["balanceAfter"] < 0:
        numbers = [e["pspReference"] for e in funds if e["entryType"] == "payout-scheduled"]
        number = str(int(numbers[-1].split("-")[1]) + 1) if numbers else ""
        balance = funds[-1]["balanceAfter"]
        yield Found(
            "ledger_payout",
            "discrepancy",
            "negative_balance_carried",
            "",
            number,
            "0",
            str(balance),
            -balance,
        )


def read_accounts(month: Written) -> dict[str, str]:
    """Return the account of each payout that arrived by itself, as the bank statement has it."""
    numbers = {entry["reference"]: number for number, entry in list_payouts(month).items()}
    return {
        numbers[entry.text]: entry.account
        for entry in read_bank(month)
        if entry.booked and entry.text in numbers
    }


def find_in_bank(month: Written) -> list[Found]:
    """Compare the payouts with the bank statement by their texts, then by sums of two."""
    aborted = {
        entry["pspReference"]
        for entries in month.entries.values()
        for entry in entries
        if entry["entryType"] == "payout-aborted"
    }
    credited, unnamed = Counter(), []
    payouts = {
        number: entry
        for number, entry in list_payouts(month).items()
        if entry["pspReference"] not in aborted
    }
    texts = {entry["reference"] for entry in payouts.values()}
    for entry in read_bank(month):
        if entry.booked and entry.text in texts:
            credited[entry.text] += entry.amount
        elif entry.booked and entry.payer in PAYERS:
            unnamed.append(entry.amount)
    leg, missing = "payout_bank", {}
    found = []
    for number, entry in payouts.items():
        amount, actual = -entry["amount"], credited.get(entry["reference"])
        if actual is None:
            missing[number] = entry
        elif actual != amount:
            found.append(
                Found(
                    leg,
                    "discrepancy",
                    "payout_amount_difference",
                    "",
                    number,
                    str(amount),
                    str(actual),
                    amount - actual,
                )
            )
    for first, second in pairwise(sorted(missing)):
        total = -missing[first]["amount"] - missing[second]["amount"]
        if total in unnamed:
            unnamed.remove(total)
            found.append(Found(leg, "discrepancy", "bank_credit_unexplained", actual=str(total)))
            for number in (first, second):
                amount = str(-missing.pop(number)["amount"])
                found.append(Found(leg, "discrepancy", "payout_not_in_bank", "", number, amount))
            break
    last_arrived = max(e["ledgerDate"] for e in payouts.values() if e["reference"] in credited)
    for number, entry in missing.items():
        amount = -entry["amount"]
        if entry["ledgerDate"] > last_arrived:
            found.append(Found(leg, "timing", "timing_payout_in_transit", "", number))
        else:
            found.append(
                Found(
                    leg,
                    "discrepancy",
                    "payout_not_in_bank",
                    "",
                    number,
                    str(amount),
                    at_risk=amount,
                )
            )
    return found + [
        Found(leg, "discrepancy", "bank_credit_unexplained", "", "", "", str(amount), amount)
        for amount in unnamed
    ]


def read_bank(month: Written) -> list[BankEntry]:
    """Return the entries of all accounts; check each opening, entries and closing."""
    root = ET.parse(month.folder / "bank.xml").getroot()
    space = {"c": root.tag[1:].split("}")[0]}
    entries = []
    for statement in root.iterfind(".//c:Stmt", space):
        account = "".join(statement.find("c:Acct/c:Id", space).itertext())[:18]
        opening, closing = (
            _read_amount(balance, space) for balance in statement.iterfind("c:Bal", space)
        )
        own = [_read_entry(entry, account, space) for entry in statement.iterfind("c:Ntry", space)]
        assert opening + sum(entry.amount for entry in own if entry.booked) == closing
        entries += own
    return entries


def _read_entry(entry, account, space):
    about = entry.find(".//c:RmtInf", space)
    payer = entry.find(".//c:Dbtr//c:Nm", space)
    return BankEntry(
        account,
        "".join(entry.find(".//c:Ref", space).itertext())
        if entry.find(".//c:Ref", space) is not None
        else "".join(about.itertext()),
        _read_amount(entry, space),
        entry.find("c:Sts/c:Cd", space).text == "BOOK",
        payer.text if payer is not None else "",
    )


def _read_amount(element, space):
    amount = int(Decimal(element.find("c:Amt", space).text) * 100)
    return amount if element.find("c:CdtDbtInd", space).text == "CRDT" else -amount


def read_settlement(month: Written) -> list[dict[str, str]]:
    """Return the rows of the settlement report."""
    with (month.folder / "settlement.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
