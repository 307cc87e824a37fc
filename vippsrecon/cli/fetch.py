"""`fetch`: payments and their event logs for every reference in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.errors import print_warning
from vippsrecon.cli.preview import JsonOption, MappingOption, ShopOption
from vippsrecon.errors import printable


def fetch(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="ORDERS|REFERENCES", help="An order export, or a list of references."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a fetch that stopped more than a day ago.")
    ] = False,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--earlier",
            metavar="DIR",
            help="An earlier complete fetch: read only the payments that can have changed since.",
        ),
    ] = None,
    shop: ShopOption = None,
    mapping: MappingOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch payments and their event logs for every reference in a file.

    Writes payments.parquet, events.parquet, failures.csv and fetch.json. If the fetch stops, the
    same command continues and does not fetch anything twice.

    \b
    Example:
      vippsrecon fetch orders.csv --out october
      vippsrecon fetch orders.csv --earlier october --out october-again
      vippsrecon reconcile --orders orders.csv --payments october --out report.xlsx
    """
    from vippsrecon.cli import output
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import OutputError
    from vippsrecon.money import format_count
    from vippsrecon.schemas.failure_effects import select_failures
    from vippsrecon.workflow.fetch_references import fetch_file

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file. Name a folder for the fetched data with --out.")
    settings = load_settings()
    result = fetch_file(
        source,
        settings,
        out=out,
        shop=shop,
        mapping=mapping,
        resume=resume,
        earlier=earlier,
        progress=output.should_show_progress(json),
    )
    fetched, rejects = result.fetched, result.rejects
    unanswered = select_failures(fetched.failures, "unanswered")
    not_sent = select_failures(fetched.failures, "not_sent")
    if json:
        print(
            output.format_json(
                {
                    "payments": len(fetched.payments),
                    "events": len(fetched.events),
                    "missing": len(unanswered),
                    "ledger_failed": result.ledger_failed,
                    "failures": output.convert_rows_to_json(fetched.failures),
                    "rejects": output.convert_rows_to_json(rejects),
                    "repeated": result.repeat_count,
                    "notes": list(result.notes),
                    "out": str(out),
                }
            )
        )
    else:
        for note in result.notes:
            print(note)
        unknown = len(select_failures(fetched.failures, "not_found"))
        payments, events = format_count(len(fetched.payments), "payment"), len(fetched.events)
        print(f"{payments}, {format_count(events, 'event')} in {printable(str(out))}")
        print(f"{format_count(unknown, 'reference')} unknown to Vipps MobilePay")
        if len(not_sent):
            were_not_sent = format_count(len(not_sent), "reference was", "references were")
            print(f"{were_not_sent} not sent: see {printable(str(out / 'failures.csv'))}")
        if result.repeat_count:
            print(
                f"{format_count(result.repeat_count, 'row')} repeated a reference, which was fetched once"
            )
        if len(rejects) and result.is_list:
            print("\n".join(output.format_rejects(output.convert_rows_to_json(rejects))))
        elif len(rejects):
            print(
                f"{format_count(len(rejects), 'row')} could not be read. "
                f"Run: vippsrecon preview {printable(str(source))}"
            )
    if len(unanswered):
        print_warning(
            f"INCOMPLETE: {format_count(len(unanswered), 'reference')} could not be read "
            f"({output.describe_most_common_reason(unanswered)}). See {out / 'failures.csv'} and run "
            "the command again."
        )
    if result.ledger_failed:
        print_warning(
            "INCOMPLETE: the funds ledger could not be read. Payments that no order mentions may be "
            "missing. Run the command again."
        )
    if len(unanswered) or result.ledger_failed:
        raise typer.Exit(2)
    raise typer.Exit(1 if len(rejects) or len(not_sent) else 0)
