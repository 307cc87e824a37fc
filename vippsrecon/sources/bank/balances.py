"""Check that a statement foots: opening balance, booked lines and closing balance."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from vippsrecon.errors import SourceError
from vippsrecon.money import LARGEST_SUM, format_amount, format_count
from vippsrecon.sources.bank.statement import ParsedFile, Statement


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
            notes.append(
                f"{describe_statement(statement)}: its reversals state the direction of the payment "
                "that they take back, as its balances show. Their amounts are turned round."
            )
            continue
        checked.append(statement)
        if unexplained:
            notes.append(_describe_difference(statement))
    silent = [statement for statement in checked if statement.unexplained_minor is None]
    if silent:
        notes.append(
            f"{format_count(len(silent), 'statement states', 'statements state')} no opening or no "
            "closing balance, so it is not proven that all lines are there."
        )
    return replace(file, lines=lines, statements=tuple(checked), notes=tuple(notes))


def _describe_difference(statement: Statement) -> str:
    opening, closing = statement.opening_minor or 0, statement.closing_minor or 0
    reached = format_amount(opening + statement.moved_minor, statement.currency)
    return (
        f"{describe_statement(statement)} does not add up: its opening balance "
        f"{format_amount(opening, statement.currency)} and its lines give {reached}, and its closing "
        f"balance is {format_amount(closing, statement.currency)}. Lines are missing, repeated or "
        "rejected; download it again."
    )


def describe_statement(statement: Statement) -> str:
    """Return a statement's name for a sentence, with its account and last day."""
    parts = [f"Statement {statement.identification or statement.number}"]
    if statement.account:
        parts.append(f"of account {statement.account}")
    if statement.last_date:
        parts.append(f"to {statement.last_date.isoformat()}")
    return " ".join(parts)
