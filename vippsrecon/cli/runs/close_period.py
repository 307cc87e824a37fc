"""`close-period`: close a month, list what is different afterwards, or reopen it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.cli.period import read_clock
from vippsrecon.cli.preview import JsonOption

if TYPE_CHECKING:
    from vippsrecon.workflow.history.period_lock import PeriodState

ROWS_PRINTED = 20


def close_period(
    context: typer.Context,
    period: Annotated[
        str, typer.Option("--period", metavar="MONTH", help="The month, such as 2026-10.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="What the month consists of: the .data folder beside its report, or the folder that "
            "vippsrecon ledger wrote. May be given several times.",
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who closes or reopens it.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; required to reopen.")
    ] = None,
    reopen: Annotated[
        bool, typer.Option("--reopen", help="Reopen the month. Needs --by and --reason.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Close a month, so that no voucher is written into it and every later change is listed.

    The first time, the workspace database records what the month consists of. The same command
    again compares: it lists each order, event, ledger entry, payout and bank line that is
    different, and changes nothing. Moves no money. A month that is not over, an incomplete run
    and a folder without anything of the month are refused.

    Exit code 1: the month is closed and something is different now.

    \b
    Example:
      vippsrecon close-period --period 2026-10 --data report.data --by "Kari Nordmann"
      vippsrecon close-period --period 2026-10 --data report.data
      vippsrecon close-period --period 2026-10 --reopen --by "Kari Nordmann" --reason "Late correction"
    """
    from vippsrecon.bulk.people import normalize_person_name
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.dates import parse_named_period
    from vippsrecon.errors import InputError
    from vippsrecon.workflow.history.closing_checks import refuse_unready_month
    from vippsrecon.workflow.history.period_lock import (
        read_period,
        record_closing,
        record_reopening,
    )

    try:
        month = parse_named_period(period)
    except InputError:
        raise InputError(f"--period: {period[:40]!r} is not a month, such as 2026-10.") from None
    if not month.is_month:
        raise InputError(f"--period: {period} is a day. Only a month is closed, such as 2026-10.")
    settings = load_settings(offline=True)
    if reopen:
        if data:
            raise InputError("--reopen takes no --data: it changes nothing but the lock.")
        if not by or not reason:
            raise InputError("--reopen needs --by and --reason: who reopens the month, and why.")
        record_reopening(settings, month.name, normalize_person_name(by), reason)
        print(f"{month.name} is open again.")
        return
    if not data:
        raise InputError("Name the month's folders with --data, such as --data report.data.")
    state = read_period(settings, month, data)
    if state.closed is None:
        if not by:
            raise InputError("A month is closed with a name: --by NAME.")
        today = read_clock(context).date()
        refuse_unready_month(settings, month, data, state.facts, today=today)
        record_closing(settings, state, normalize_person_name(by), reason or "")
    if json:
        print(output.format_json(_build_json(state)))
    else:
        print("\n".join(_format_lines(state)))
    raise typer.Exit(1 if state.restatement.height or state.not_compared else 0)


def _build_json(state: PeriodState) -> dict[str, Any]:
    return {
        "period": state.period,
        "closed_before": state.closed is not None,
        "closed_by": state.closed and state.closed.person,
        "closed_at": state.closed and state.closed.changed_at,
        "facts": state.facts.height,
        "sides": list(state.sides),
        "not_compared": list(state.not_compared),
        "restatement": state.restatement.to_dicts(),
    }


def _format_lines(state: PeriodState) -> list[str]:
    from vippsrecon.errors import printable
    from vippsrecon.money import format_count
    from vippsrecon.texts import format_money

    counts = format_count(state.facts.height, "fact")
    if state.closed is None:
        return [f"{state.period} is closed with {counts}: {', '.join(state.sides)}."]
    lines = [f"{state.period} was closed by {state.closed.person} at {state.closed.changed_at}."]
    if state.not_compared:
        lines.append(f"Not compared, because --data has none: {', '.join(state.not_compared)}.")
    if not state.restatement.height:
        return [*lines, f"Nothing is different in what was compared ({counts})."]
    lines.append(f"{format_count(state.restatement.height, 'difference')}. Nothing was changed:")
    for row in state.restatement.head(ROWS_PRINTED).iter_rows(named=True):
        amounts = " → ".join(
            "-" if row[name] is None else format_money(row[name], row["currency"])
            for name in ("before_minor", "after_minor")
        )
        lines.append(f"  {printable(row['reference'] or '-')}  {amounts}  {row['cause']}")
    more = state.restatement.height - ROWS_PRINTED
    return [*lines, f"  and {more} more: --json lists all"] if more > 0 else lines
