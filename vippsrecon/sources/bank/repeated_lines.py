"""Count each line of an account once, whatever number of rows and files show it.

- In one file, rows equal in everything, the bank's reference included, are duplicates, unless the
  balances prove that both were booked. Without a reference they are two payments.
- Several files are divided into layers of statements that follow one another. What two layers show of
  one day is the same money: as many lines as the layer with most of them.
- A provisional line is replaced by the booked line of the same account and amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from vippsrecon.sources.bank.statement import LINE_COLUMNS, ParsedFile, Statement
from vippsrecon.sources.reject_frames import make_rejects
from vippsrecon.texts import say, say_number

_BookedLine = tuple[date, str | None, str]
"""Day, the bank's reference, file."""

DAYS_TO_BE_BOOKED = 14
"""A provisional line is booked within so many days. Card payments take up to a week."""

_MONEY = ["account_key", "currency", "booked_date", "amount_minor"]


def drop_duplicates(file: ParsedFile) -> ParsedFile:
    """Reject rows that repeat another row and its reference; note rows that may be double payments.

    Where a statement's balances foot with both rows, both were booked, and both stay.
    """
    equal = ["statement", "currency", "booked_date", "value_date", "amount_minor", "text"]
    equal += ["account", "bank_reference"]
    lines = file.lines.sort("source_row").with_columns(copy=pl.int_range(pl.len()).over(equal))
    has_reference = pl.col("bank_reference").is_not_null()
    footing = [
        statement.number for statement in file.statements if statement.unexplained_minor == 0
    ]
    is_proven = pl.col("statement").is_in(footing)
    repeated = lines.filter((pl.col("copy") > 0) & has_reference & ~is_proven)
    unsure = lines.filter((pl.col("copy") > 0) & ~has_reference).height
    proven = lines.filter((pl.col("copy") > 0) & has_reference & is_proven).height
    notes = list(file.notes)
    if unsure:
        notes.append(say_number("bank_notes.equal_rows", unsure))
    if proven:
        notes.append(say_number("bank_notes.proven_repeats", proven))
    dropped = repeated.group_by("statement", "currency").agg(pl.col("amount_minor").sum())
    sums = {(number, currency): amount for number, currency, amount in dropped.iter_rows()}
    statements = tuple(
        statement._replace(
            moved_minor=statement.moved_minor - sums.get((statement.number, statement.currency), 0)
        )
        for statement in file.statements
    )
    rejects = make_rejects(
        [
            (file.name, row, None, reference, say("reasons.duplicate_line"))
            for row, reference in repeated.select("source_row", "bank_reference").iter_rows()
        ]
    )
    kept = lines.join(repeated.select("source_row"), on="source_row", how="anti")
    return replace(
        file,
        lines=kept.drop("copy"),
        statements=statements,
        rejects=pl.concat([file.rejects, rejects]),
        notes=tuple(notes),
    )


def merge_files(files: Sequence[ParsedFile]) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return the booked lines of all files, each once, the provisional ones left over, and notes."""
    keys = _assign_account_keys(files)
    lines = pl.concat(
        file.lines.with_columns(
            file_order=pl.lit(order, pl.Int64),
            account_key=pl.coalesce("account", pl.lit(keys[file.name])),
        )
        for order, file in enumerate(files)
    )
    layers = _assign_layers(
        [
            (statement, statement.account or keys[file.name])
            for file in files
            for statement in file.statements
        ]
    )
    lines = lines.join(layers, on=["source_file", "statement", "currency"], how="left")
    merged = _merge_layers(lines)
    notes = []
    if merged.height < lines.height:
        notes.append(say_number("bank_notes.in_several_files", lines.height - merged.height))
    provisional = pl.concat(
        file.provisional.with_columns(account_key=pl.coalesce("account", pl.lit(keys[file.name])))
        for file in files
    )
    open_lines, replaced = _match_provisional(provisional, merged)
    if replaced:
        notes.append(say_number("bank_notes.booked_later", replaced))
    if open_lines.height:
        notes.append(say_number("bank_notes.provisional", open_lines.height))
    columns = list(LINE_COLUMNS)
    order = ["source_file", "source_row"]
    return merged.select(columns).sort(order), open_lines.select(columns).sort(order), notes


def _assign_account_keys(files: Sequence[ParsedFile]) -> dict[str, str]:
    """Return what stands for the account of each file that names none.

    Two such files are of one account if at least half of the lines that the smaller one has on
    their common days are in both.
    """
    unnamed = [
        file for file in files if file.lines["account"].null_count() or not file.lines.height
    ]
    keys: dict[str, str] = {file.name: f"? {file.name}" for file in files}
    for position, file in enumerate(unnamed):
        for earlier in unnamed[:position]:
            if _are_of_one_account(earlier.lines, file.lines):
                keys[file.name] = keys[earlier.name]
                break
    return keys


def _are_of_one_account(first: pl.DataFrame, second: pl.DataFrame) -> bool:
    days = set(first["booked_date"]) & set(second["booked_date"])
    if not days:
        return True
    columns = ["currency", "booked_date", "amount_minor", "text"]
    common_days = pl.col("booked_date").is_in(sorted(days))
    one, other = first.filter(common_days), second.filter(common_days)
    shared = one.select(columns).unique().join(other.select(columns).unique(), on=columns).height
    return 2 * shared >= min(one.height, other.height)


def _assign_layers(statements: Sequence[tuple[Statement, str]]) -> pl.DataFrame:
    """Return the layer of each statement: in one layer, each statement follows the one before."""
    dated = sorted(
        statements,
        key=lambda entry: (
            entry[1],
            entry[0].currency,
            entry[0].first_date.toordinal() if entry[0].first_date else 0,
            entry[0].last_date.toordinal() if entry[0].last_date else 0,
            entry[0].sequence or 0,
        ),
    )
    tops: list[tuple[str, Statement]] = []
    rows = []
    for statement, key in dated:
        layer = next(
            (
                number
                for number, (account, top) in enumerate(tops)
                if account == key
                and top.currency == statement.currency
                and _follows(top, statement)
            ),
            None,
        )
        if layer is None:
            layer = len(tops)
            tops.append((key, statement))
        else:
            tops[layer] = (key, statement)
        rows.append((statement.source_file, statement.number, statement.currency, layer))
    schema = {"source_file": pl.String, "statement": pl.Int64, "currency": pl.String}
    return pl.DataFrame(rows, schema=schema | {"layer": pl.Int64}, orient="row")


def _follows(earlier: Statement, later: Statement) -> bool:
    if earlier.last_date is None or later.first_date is None:
        return True
    if earlier.last_date < later.first_date:
        return True
    if earlier.last_date > later.first_date:
        return False
    if earlier.identification == later.identification and earlier.identification is not None:
        return False
    is_chained = earlier.closing_minor is not None and earlier.closing_minor == later.opening_minor
    return is_chained or (
        earlier.source_file == later.source_file and earlier.number != later.number
    )


def _merge_layers(lines: pl.DataFrame) -> pl.DataFrame:
    if lines["layer"].n_unique() <= 1:
        return lines
    # Of the copies of a line, the one in the file that was given last.
    lines = lines.sort("file_order", "source_row", descending=[True, False])
    most = lines.group_by(*_MONEY, "layer").len("rows").group_by(_MONEY).agg(pl.col("rows").max())
    has_reference = pl.col("bank_reference").is_not_null()
    named = _keep_once(lines.filter(has_reference), [*_MONEY, "bank_reference"])
    unnamed = _keep_once(lines.filter(~has_reference), [*_MONEY, "text"])
    # A bank completes a text later, and its CSV may lack the reference that its camt.053 has: then
    # no layer has more rows, and the texts of the newer file stay.
    kept = pl.concat([named, unnamed]).join(most, on=_MONEY, how="left")
    position = pl.int_range(pl.len()).over(_MONEY)
    return kept.filter(has_reference | (position < pl.col("rows"))).drop("rows")


def _keep_once(lines: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Keep of each key as many lines as the layer with most of them."""
    ranked = lines.with_columns(ordinal=pl.int_range(pl.len()).over([*key, "layer"]))
    once = ranked.unique([*key, "ordinal"], keep="first", maintain_order=True)
    return once.drop("ordinal")


def _match_provisional(provisional: pl.DataFrame, booked: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the provisional lines that no booked line replaces, each once, and how many are replaced."""
    if provisional.is_empty():
        return provisional, 0
    rows: dict[tuple[str, str, int], list[_BookedLine]] = {}
    columns = ["booked_date", "bank_reference", "source_file"]
    money = ["account_key", "currency", "amount_minor"]
    wanted = booked.join(provisional.select(money).unique(), on=money, how="semi")
    for account, currency, amount, *about in wanted.select(*money, *columns).iter_rows():
        rows.setdefault((account, currency, amount), []).append((about[0], about[1], about[2]))
    remaining = []
    replaced = 0
    for number, line in enumerate(provisional.iter_rows(named=True)):
        candidates = rows.get((line["account_key"], line["currency"], line["amount_minor"]), [])
        match = next((row for row in candidates if _replaces(row, line)), None)
        if match is None:
            remaining.append(number)
        else:
            candidates.remove(match)
            replaced += 1
    kept = provisional[remaining]
    shown = ["account_key", "currency", "amount_minor", "booked_date", "text", "bank_reference"]
    return _drop_copies_of_other_files(kept, shown), replaced


def _replaces(booked: _BookedLine, provisional: dict[str, Any]) -> bool:
    day, reference, file = booked
    expected = provisional["booked_date"]
    own_reference = provisional["bank_reference"]
    if own_reference is not None and reference is not None:
        return bool(own_reference == reference)
    if expected is None:
        # Without a day, the line of the same file is another payment: this one is not booked yet.
        return bool(file != provisional["source_file"])
    return bool(0 <= (day - expected).days <= DAYS_TO_BE_BOOKED)


def _drop_copies_of_other_files(lines: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    ranked = lines.with_columns(ordinal=pl.int_range(pl.len()).over([*key, "source_file"]))
    return ranked.unique([*key, "ordinal"], keep="last", maintain_order=True).drop("ordinal")
