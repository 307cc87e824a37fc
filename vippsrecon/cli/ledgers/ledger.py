"""`ledger`: the entries of the ledgers in a period, their payouts, and the proof of completeness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.errors import print_warning
from vippsrecon.cli.preview import JsonOption
from vippsrecon.errors import printable


def ledger(
    first: Annotated[
        str, typer.Option("--from", metavar="DAY", help="First ledger date, such as 2026-10-01.")
    ],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last ledger date, included.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")],
    record: Annotated[
        bool | None,
        typer.Option(
            "--record/--no-record",
            help="Store closed dates in the workspace database, and do not request those it has. "
            "Default: in production.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Read the ledgers of a period, and prove that no entry is missing.

    Writes ledger_entries.parquet, payouts.parquet and ledger.json. Exit codes: 0 the ledgers are
    complete, 2 they are not, or a date is still open.

    \b
    Example:
      vippsrecon ledger --from 2026-10-01 --to 2026-10-31 --out october-ledger
    """
    from vippsrecon.api import Client
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.dates import parse_day
    from vippsrecon.errors import OutputError
    from vippsrecon.fetching.ledgers import fetch_ledger_frames
    from vippsrecon.fetching.ledgers.result import format_counts
    from vippsrecon.money import format_count
    from vippsrecon.texts import use_language

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file. Name a folder for the ledger with --out.")
    first_day, last_day = parse_day(first, "--from"), parse_day(last, "--to")
    settings = load_settings()
    with Client(settings) as client, use_language(settings.language):
        fetched = fetch_ledger_frames(
            client,
            first_day,
            last_day,
            out=out,
            record=record,
            progress=output.should_show_progress(json),
        )
        sentences = fetched.describe()
    if json:
        print(
            output.format_json(
                {
                    "verdict": fetched.verdict,
                    "complete": fetched.complete,
                    "sentences": sentences,
                    "completeness": output.convert_rows_to_json(fetched.completeness),
                    "counts": dict(format_counts(fetched)),
                    "out": str(out),
                }
            )
        )
    else:
        entries = format_count(len(fetched.entries), "entry", "entries")
        payouts = format_count(len(fetched.payouts), "payout")
        print(f"{entries} and {payouts} in {printable(str(out))}")
        if fetched.facts.dates_stored:
            stored = format_count(fetched.facts.dates_stored, "closed date")
            print(f"{stored} were stored by an earlier run and not requested again")
        print("\n".join(sentences))
    if not fetched.complete:
        print_warning("INCOMPLETE: it is not proven that every entry of the period was read.")
        raise typer.Exit(2)
