"""Find which payouts the text of a bank line names.

A pair of payout number and sales unit is unique; a number alone is not, because each ledger counts from
about 2000001. So a number alone is believed only in a text of a payout, and where several payouts have
it, what is left of a cut sales unit and then the amount decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from vippsrecon.reconciliation.payouts_bank.accounts import may_be_one_account
from vippsrecon.reconciliation.payouts_bank.rows import (
    BankLine,
    PayoutRow,
    list_known_numbers,
)
from vippsrecon.reconciliation.payouts_bank.texts import LineText, parse_reference

_SHORTEST_OWN_TEXT = 8
_SHORTEST_CUT_UNIT = 2


class PayoutIndex:
    """Look up payouts by what a bank line's text may hold."""

    def __init__(self, payouts: Sequence[PayoutRow]) -> None:
        self._payouts = payouts
        self._by_number = list_known_numbers(payouts)
        self._units = {payout.msn for payout in payouts}
        self._by_digits: defaultdict[str, list[int]] = defaultdict(list)
        self._by_recipient: defaultdict[tuple[str, date], list[int]] = defaultdict(list)
        self._by_text: defaultdict[str, list[int]] = defaultdict(list)
        self._by_pair: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for position, payout in enumerate(payouts):
            self._by_pair[payout.number, payout.msn].append(position)
            reference = parse_reference(payout.bank_text) if payout.bank_text.isdigit() else None
            if reference is not None:
                self._by_digits[reference.digits].append(position)
            else:
                recipient = payout.msn.lstrip("0")
                self._by_recipient[recipient, payout.ledger_date].append(position)
                names_pair = payout.number in payout.bank_text and payout.msn in payout.bank_text
                if len(payout.bank_text) >= _SHORTEST_OWN_TEXT and not names_pair:
                    self._by_text[payout.bank_text].append(position)

    def find(self, line: BankLine) -> tuple[int, ...]:
        """Return the positions of the payouts that the line's text names, in its currency."""
        text = line.text
        found = self._find_by_reference(text) or self._find_by_pair(text)
        if not found:
            found = {
                position
                for own_text, positions in self._by_text.items()
                if own_text in text.plain
                for position in positions
            }
        if not found and text.may_be_payout:
            found = self._find_by_number(line)
        return tuple(
            sorted(place for place in found if self._payouts[place].currency == line.currency)
        )

    def _find_by_reference(self, text: LineText) -> set[int]:
        found: set[int] = set()
        for reference in text.references:
            exact = self._by_digits.get(reference.digits, [])
            found.update(exact or self._by_recipient.get((reference.recipient, reference.day), []))
        return found

    def _find_by_pair(self, text: LineText) -> set[int]:
        """Return the payouts whose number and sales unit stand side by side, else both anywhere.

        A credit of several payouts names them one after the other, and each number may be one of each
        sales unit.
        """
        found: set[int] = set()
        place = 0
        while place + 1 < len(text.numbers):
            first, second = text.numbers[place : place + 2]
            pair = self._by_pair.get((first, second)) or self._by_pair.get((second, first)) or []
            found.update(pair)
            place += 2 if pair else 1
        if found:
            return found
        return {
            position
            for number in text.numbers
            for position in self._by_number.get(number, ())
            if self._payouts[position].msn in text.numbers and self._payouts[position].msn != number
        }

    def _find_by_number(self, line: BankLine) -> set[int]:
        # A sales unit that is known and has no payout with this number contradicts the number.
        if any(number in self._units for number in line.text.numbers):
            return set()
        found = {
            position
            for number in line.text.numbers
            for position in self._by_number.get(number, ())
            if may_be_one_account(self._payouts[position].account, line.account)
        }
        cut = {
            position
            for position in found
            if any(
                self._payouts[position].msn.startswith(part)
                for part in line.text.plain.split()
                if part.isdigit() and len(part) >= _SHORTEST_CUT_UNIT
            )
        }
        return cut or found
