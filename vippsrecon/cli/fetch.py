"""`fetch`: payments and their event logs for every reference in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.errors import print_warning
from vippsrecon.cli.preview import JsonOption, MappingOption, ShopOption


def fetch(
    source: Annotated[
        Path,
        typer.Argument(metavar="ORDERS|REFERENCES", help="An order export, or references."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a fetch that stopped over a day ago.")
    ] = False,
    shop: ShopOption = None,
    mapping: MappingOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch payments and their event logs for every reference in a file.

    Leaves payments.parquet, events.parquet, failures.csv and fetch.json. Stopped and started
    again, it asks for nothing it has.

    \b
    Example:
      vippsrecon fetch orders.csv --out october
      vippsrecon reconcile --orders orders.csv --payments october --out report.xlsx
    """
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import OutputError
    from vippsrecon.money import format_count
    from vippsrecon.workflow.fetch_references import fetch_file

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file. Name a folder for the fetched data with --out.")
    settings = load_settings()
    found = fetch_file(
        source,
        settings,
        out=out,
        shop=shop,
        mapping=mapping,
        resume=resume,
        progress=output.should_show_progress(json),
    )
    fetched, rejects = found.fetched, found.rejects
    unanswered = output.select_unanswered(fetched.failures)
    unsent = fetched.failures[fetched.failures["operation"].eq("not_sent")]
    if json:
        print(
            output.format_json(
                {
                    "payments": len(fetched.payments),
                    "events": len(fetched.events),
                    "missing": len(unanswered),
                    "ledger_failed": found.ledger_failed,
                    "failures": output.convert_rows_to_json(fetched.failures),
                    "rejects": output.convert_rows_to_json(rejects),
                    "repeated": found.repeat_count,
                    "notes": list(found.notes),
                    "out": str(out),
                }
            )
        )
    else:
        for note in found.notes:
            print(note)
        unknown = int(fetched.failures["status"].fillna(0).eq(404).sum())
        payments, events = format_count(len(fetched.payments), "payment"), len(fetched.events)
        print(f"{payments}, {format_count(events, 'event')} in {out}")
        print(f"{format_count(unknown, 'reference')} unknown to Vipps MobilePay")
        if len(unsent):
            was = format_count(len(unsent), "reference was", "references were")
            print(f"{was} not sent: see {out / 'failures.csv'}")
        if found.repeat_count:
            print(
                f"{format_count(found.repeat_count, 'row')} repeated a reference, which was fetched once"
            )
        if len(rejects) and found.is_list:
            print("\n".join(output.format_rejects(output.convert_rows_to_json(rejects))))
        elif len(rejects):
            print(
                f"{format_count(len(rejects), 'row')} could not be read. "
                f"Run: vippsrecon preview {source}"
            )
    if len(unanswered):
        print_warning(
            f"INCOMPLETE: {format_count(len(unanswered), 'reference')} could not be read "
            f"({output.describe_most_common_reason(unanswered)}). See {out / 'failures.csv'} and run "
            "the command again."
        )
    if found.ledger_failed:
        print_warning(
            "INCOMPLETE: the funds ledger could not be read. Payments that no order mentions may be "
            "missing. Run the command again."
        )
    if len(unanswered) or found.ledger_failed:
        raise typer.Exit(2)
    raise typer.Exit(1 if len(rejects) or len(unsent) else 0)
