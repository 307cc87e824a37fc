"""Check what bank statements cover: their days, their accounts, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from vippsrecon.reconciliation.result import format_period
from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.bank.coverage import LONGEST_WEEKEND_DAYS, find_gaps
from vippsrecon.texts import format_money, say
from vippsrecon.workflow.coverage import Gap

if TYPE_CHECKING:
    import polars as pl

    from vippsrecon.sources.bank import BankFiles, Statement

_SHORTEST_ACCOUNT = 7
"""A number of fewer digits would be part of many accounts."""


def check_statements(
    stated: BankFiles[pl.DataFrame],
    payouts: pl.DataFrame | None,
    period: tuple[date | None, date | None],
) -> Iterator[Gap | str]:
    """Yield why the run is incomplete, and what has to be checked.

    Args:
        stated: The statements, as read.
        payouts: `schemas.PAYOUTS`, whose accounts are expected; None if they are not known.
        period: First and last day that is reconciled; None: no limit.
    """
    yield from _check_balances(stated.statements)
    yield from _check_gaps(stated.statements)
    yield from _check_days(stated.days, period)
    if payouts is not None:
        accounts = payouts["account"]
        yield from _check_accounts(
            stated.statements,
            accounts.drop_nulls().unique(),
            are_all_known=accounts.null_count() == 0,
        )


def format_days(first: date | None, last: date | None) -> str:
    """Return first and last day in words; one day alone where both are the same.

    >>> format_days(date(2026, 10, 1), date(2026, 10, 1))
    '2026-10-01'
    """
    if first == last:
        return str(first)
    return format_period([None if day is None else day.isoformat() for day in (first, last)])


def _check_balances(statements: Sequence[Statement]) -> Iterator[Gap | str]:
    for statement in statements:
        unexplained = statement.unexplained_minor
        if unexplained:
            opening, closing = statement.opening_minor or 0, statement.closing_minor or 0
            currency = statement.currency
            sentence = say(
                "money_files.not_adding_up_explained",
                file=statement.source_file,
                account=_name_account(statement.account),
                opening=format_money(opening, currency),
                reached=format_money(opening + statement.moved_minor, currency),
                closing=format_money(closing, currency),
            )
            yield Gap(say("money_files.not_adding_up"), sentence)
    silent = sum(statement.unexplained_minor is None for statement in statements)
    if silent:
        yield say("money_files.no_balances", count=silent)


def _check_gaps(statements: Sequence[Statement]) -> Iterator[Gap | str]:
    for gap in find_gaps(statements):
        values = {
            "account": _name_account(gap.earlier.account),
            "earlier": str(gap.earlier.last_date),
            "later": str(gap.later.first_date),
        }
        if gap.is_proven:
            yield Gap(
                say("money_files.statement_gap", **values),
                say("money_files.statement_gap_explained", **values),
            )
        else:
            yield say("money_files.quiet_days", **values)


def _check_days(
    days: Mapping[str, tuple[date, date]], period: tuple[date | None, date | None]
) -> Iterator[Gap | str]:
    if not days:
        return
    first, last = min(first for first, _ in days.values()), max(last for _, last in days.values())
    start, end = period
    covered = format_days(first, last)
    if (start is not None and last < start) or (
        end is not None and first > end + timedelta(days=LONGEST_WEEKEND_DAYS)
    ):
        yield Gap(
            say("money_files.statement_month"),
            say(
                "money_files.statement_month_explained",
                covered=covered,
                period=format_days(start, end),
            ),
        )
        return
    # An opening balance is often dated the day before, and a month may begin on a holiday.
    if start is not None and first > start + timedelta(days=LONGEST_WEEKEND_DAYS):
        yield Gap(
            say("money_files.statements_begin_late", day=first),
            say("money_files.statements_begin_late_explained", day=first, start=start),
        )
    if end is not None and last < end:
        yield say("money_files.statements_end_early", day=last)


def _check_accounts(
    statements: Sequence[Statement], expected: Iterable[str], *, are_all_known: bool
) -> Iterator[Gap | str]:
    accounts = sorted({account for text in expected if (account := normalize_account(text))})
    if not accounts:
        return
    files: dict[str, set[str]] = {}
    for statement in statements:
        if statement.account:
            files.setdefault(statement.account, set()).add(statement.source_file)
    for account, names in sorted(files.items()):
        # The Report API states only the account of today; earlier payouts went to this one, perhaps.
        if are_all_known and not any(is_same_account(account, one) for one in accounts):
            names_text = ", ".join(sorted(names))
            yield say("money_files.other_account", account=account, files=names_text)
    if not all(statement.account for statement in statements):
        return  # A statement that names no account may be of any of them.
    for account in accounts:
        if not any(is_same_account(account, one) for one in files):
            yield Gap(
                say("money_files.no_statement", account=account),
                say("money_files.no_statement_explained", account=account),
            )


def is_same_account(one: str, other: str) -> bool:
    """Return whether two texts are one account: an IBAN ends in the number that it was made of.

    >>> is_same_account("NO9386011117947", "86011117947"), is_same_account("1117947", "86011117948")
    (True, False)
    """
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) >= _SHORTEST_ACCOUNT and long.endswith(short))


def _name_account(account: str | None) -> str:
    return account or say("money_files.unnamed_account")
