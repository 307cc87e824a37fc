"""`payout`: the entries that make up a payout, or what is left of it and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vippsrecon.cli.ledgers.options import LedgerOption, SettlementOption
from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vippsrecon.reconciliation.ledger_payouts.explain import PayoutExplanation
    from vippsrecon.workflow.inputs.ledger_source import LedgerSource

MAX_ENTRIES_LISTED = 50

_PARTS = {
    "carried": "balance of the payout before",
    "captures": "captures",
    "refunds": "refunds",
    "fees_retained": "fees retained",
    "disputes_retained": "retained for disputes",
    "disputes_returned": "returned after disputes",
    "corrections": "corrections",
    "top_ups": "paid in by the merchant",
    "credit_notes": "credit notes",
    "unknown_types": "entries of unknown types",
    "payouts_returned": "aborted payouts that came back",
    "other_payouts": "other payouts of these days",
    "kept_back": "balance kept back",
}

_REASONS = {
    "entries_before": "the entries begin after the days of this payout; read the ledger from an earlier "
    "day on",
    "balance_chain_break": "the balance of the ledger does not run on, so entries are missing; read the "
    "ledger again",
    "entries_missing": "the transactions of the file do not add up to it; download the file again",
}


def payout(
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="Number of the payout, such as 2000001.")
    ],
    ledger: LedgerOption = None,
    settlement: SettlementOption = None,
    ledger_id: Annotated[
        str | None,
        typer.Option(
            "--ledger-id", metavar="ID", help="The ledger, if several have a payout of this number."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a payout is made of: captures, refunds, fees and other entries, to the øre.

    Exit codes: 0 the entries explain it, 1 something is left, 2 it cannot be shown.

    \b
    Example:
      vippsrecon payout 2000001 --settlement settlement.csv
      vippsrecon payout 2000001 --ledger october-ledger --json
    """
    from vippsrecon.cli import output
    from vippsrecon.errors import InputError
    from vippsrecon.reconciliation.ledger_payouts.explain import explain_payout

    if not number.strip():
        raise InputError("Name the number of the payout, such as 2000001.")
    source = _read_source(ledger, settlement or [])
    chosen = ledger_id or _find_ledger(source, number)
    explanation = explain_payout(source.entries, source.payouts, chosen, number)
    is_aborted = _is_aborted(source, chosen, number)
    if json:
        fields = explanation._asdict() | {"status": "aborted" if is_aborted else "scheduled"}
        rows = {name: output.convert_rows_to_json(fields[name]) for name in ("parts", "entries")}
        print(output.format_json(fields | rows))
    else:
        print("\n".join(_format_explanation(explanation, is_aborted=is_aborted)))
    raise typer.Exit(int(explanation.left_minor != 0))


def _read_source(ledger: Path | None, settlement: list[Path]) -> LedgerSource:
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import InputError
    from vippsrecon.workflow.inputs.money_files import MoneyPaths, read_money_files

    if ledger is None and not settlement:
        raise InputError(
            "Name the entries of the payout: --ledger, the folder that vippsrecon ledger wrote, or "
            "--settlement, the settlement files."
        )
    files = read_money_files(MoneyPaths(ledger, settlement), load_settings(offline=True))
    assert files.ledger is not None, "refused above"
    return files.ledger


def _find_ledger(source: LedgerSource, number: str) -> str:
    """Return the ledger that has a payout of this number; the only one there is, if none has."""
    import polars as pl

    from vippsrecon.errors import InputError

    own = source.payouts.filter(pl.col("payout_number") == number)
    found = sorted(set(own["ledger_id"])) or sorted(set(source.entries["ledger_id"]))
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise InputError(f"There is no payout {number}: the files have no entry.")
    have = "have a payout" if own.height else "were read, and none has a payout"
    raise InputError(
        f"Several ledgers {have} {number}: {', '.join(found)}. Name one with --ledger-id."
    )


def _is_aborted(source: LedgerSource, ledger_id: str, number: str) -> bool:
    rows = source.payouts.filter(ledger_id=ledger_id, payout_number=number, status="aborted")
    return not rows.is_empty()


def _format_explanation(explanation: PayoutExplanation, *, is_aborted: bool) -> Iterator[str]:
    from vippsrecon.money import format_count
    from vippsrecon.texts import format_money

    def money(minor: int) -> str:
        return format_money(minor, explanation.currency)

    days = f"{explanation.first_date} to {explanation.last_date}"
    yield (
        f"Payout {explanation.payout_number} of ledger {explanation.ledger_id}, sales unit "
        f"{explanation.msn}: {money(explanation.paid_minor)}, accounting days {days}"
    )
    if is_aborted:
        yield "It was aborted: the money did not arrive with it. It is in a later payout, or still owed."
    parts = [
        (_PARTS.get(part, part), rows, money(amount))
        for part, rows, amount in explanation.parts.iter_rows()
    ]
    names = max((len(name) for name, _, _ in parts), default=0)
    amounts = max((len(amount) for _, _, amount in parts), default=0)
    for name, rows, amount in parts:
        yield f"  {name:<{names}}  {rows:>6}  {amount:>{amounts}}"
    if explanation.left_minor:
        reason = _REASONS.get(explanation.reason, explanation.reason)
        yield f"Not explained: {money(explanation.left_minor)}: {reason}."
    else:
        yield "Explained: the parts add up to the payout."
    yield ""
    for row in explanation.entries.head(MAX_ENTRIES_LISTED).iter_rows(named=True):
        yield _format_entry(row, money(row["amount_minor"]))
    more = explanation.entries.height - MAX_ENTRIES_LISTED
    if more > 0:
        yield f"  and {format_count(more, 'more entry', 'more entries')}; --json lists them"


def _format_entry(row: dict[str, object], amount: str) -> str:
    from vippsrecon.errors import printable

    reference = printable(str(row["reference"] or row["psp_reference"] or ""))
    return f"  {row['ledger_date']}  {row['topic']:<5}  {row['entry_type']:<26}  {amount:>16}  {reference}"
