"""Attribute a bank line to a sales unit: a bank knows accounts, not sales units."""

from __future__ import annotations

from vippsrecon.reconciliation.payouts_bank.accounts import may_be_one_account
from vippsrecon.reconciliation.payouts_bank.matching import Matching


def find_unit(matching: Matching, place: int) -> str:
    """Return the sales unit of a bank line; "" where no payout is in its currency.

    It is that of the payouts it pays or names, else one that its text names, else the first of those
    whose payouts go to its account, else the first of its currency.
    """
    line = matching.lines[place]
    own: list[int] = [*matching.payouts_by_line.get(place, ()), *matching.named.get(place, ())]
    if own:
        return min([matching.payouts[payout].msn for payout in own])
    rows = [payout for payout in matching.payouts if payout.currency == line.currency]
    units = {payout.msn for payout in rows}
    named = units & set(line.text.numbers)
    to_account = {
        payout.msn
        for payout in rows
        if payout.account and line.account and may_be_one_account(payout.account, line.account)
    }
    return sorted(named or to_account or units or {""})[0]
