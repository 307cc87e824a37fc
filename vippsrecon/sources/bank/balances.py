"""Check that a statement foots: opening balance, booked lines and closing balance."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from vippsrecon.errors import SourceError
from vippsrecon.money import LARGEST_SUM
from vippsrecon.sources.bank.statement import ParsedFile, Statement
from vippsrecon.texts import format_spaced_money, say, say_number


def sum_moved(lines: pl.DataFrame, file: str) -> int:
    """Return the sum of the lines' amounts.

    Raises:
        SourceError: It has more than eighteen digits.
    """
    amounts = lines["amount_minor"]
    # As floats, because a sum of whole numbers would wrap before it can be compared.
    if float(amounts.abs().cast(pl.Float64).sum()) > LARGEST_SUM:
        raise SourceError(
            "its amounts add up to more than eighteen digits, which cannot be right; check them",
            file=file,
        )
    return int(amounts.sum())


def check_balances(file: ParsedFile) -> ParsedFile:
    """Check each statement's balances, and turn reversals round where only that makes it foot.

    Returns:
        The file, with notes on statements that do not foot or state no balances.
    """
    lines = file.lines
    notes = list(file.notes)
    checked = []
    for statement in file.statements:
        own = (pl.col("statement") == statement.number) & (pl.col("currency") == statement.currency)
        reversed_minor = int(lines.filter(own & pl.col("reversal"))["amount_minor"].sum())
        unexplained = statement.unexplained_minor
        if unexplained and unexplained == -2 * reversed_minor:
            turned = pl.when(own & pl.col("reversal")).then(-pl.col("amount_minor"))
            lines = lines.with_columns(amount_minor=turned.otherwise("amount_minor"))
            moved = statement.moved_minor - 2 * reversed_minor
            checked.append(statement._replace(moved_minor=moved))
            named = describe_statement(statement)
            notes.append(_capitalize(say("bank_notes.reversals_turned", statement=named)))
            continue
        checked.append(statement)
        if unexplained:
            notes.append(_describe_difference(statement))
    silent = [statement for statement in checked if statement.unexplained_minor is None]
    if silent:
        notes.append(say_number("bank_notes.no_balances", len(silent)))
    return replace(file, lines=lines, statements=tuple(checked), notes=tuple(notes))


def _describe_difference(statement: Statement) -> str:
    opening, closing = statement.opening_minor or 0, statement.closing_minor or 0
    amounts = {
        "opening": opening,
        "reached": opening + statement.moved_minor,
        "closing": closing,
    }
    facts = {
        name: format_spaced_money(minor, statement.currency) for name, minor in amounts.items()
    }
    named = describe_statement(statement)
    return _capitalize(say("bank_notes.not_adding_up", statement=named, **facts))


def describe_statement(statement: Statement) -> str:
    """Return a statement's name for a sentence, with its account and last day."""
    name = say("bank_notes.statement", name=statement.identification or str(statement.number))
    if statement.account:
        facts = {"statement": name, "account": statement.account}
        name = say("bank_notes.statement_of_account", **facts)
    if statement.last_date:
        day = statement.last_date.isoformat()
        name = say("bank_notes.statement_to", statement=name, day=day)
    return name


def _capitalize(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
