"""`fetch` and `reconcile`: the main job."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vippsrecon.cli.preview import JsonOption, MappingOption, ShopOption

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

TIME_EXAMPLE = (
    "2026-10-31T18:00:00+01:00 (without offset: in the sales unit's zone; a day: its end)"
)


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
    from vippsrecon.config.settings import load_settings
    from vippsrecon.errors import OutputError
    from vippsrecon.money import format_count
    from vippsrecon.workflow.reconcile_month import fetch_file

    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: name a folder to keep the fetch in")
    settings = load_settings()
    found = fetch_file(
        source,
        settings,
        out=out,
        shop=shop,
        mapping=mapping,
        resume=resume,
        progress=_should_show_progress(json),
    )
    fetched, rejects = found.fetched, found.rejects
    holes = output.select_unanswered(fetched.failures)
    unsent = fetched.failures[fetched.failures["operation"].eq("not_sent")]
    if json:
        print(
            output.format_json(
                {
                    "payments": len(fetched.payments),
                    "events": len(fetched.events),
                    "missing": len(holes),
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
        print(f"{format_count(unknown, 'reference')} Vipps MobilePay does not know")
        if len(unsent):
            was = format_count(len(unsent), "reference was", "references were")
            print(f"{was} not sent: see {out / 'failures.csv'}")
        if found.repeat_count:
            print(
                f"{format_count(found.repeat_count, 'row')} named a reference again: asked for once"
            )
        if len(rejects) and found.is_list:
            print("\n".join(output.format_rejects(output.convert_rows_to_json(rejects))))
        elif len(rejects):
            print(
                f"{format_count(len(rejects), 'row')} could not be read: vippsrecon preview {source}"
            )
    if len(holes):
        _print_warning(
            f"MISSING: {format_count(len(holes), 'reference')} could not be read "
            f"({output.describe_most_common_reason(holes)}); see {out / 'failures.csv'}, and run it again"
        )
    if found.ledger_failed:
        _print_warning(
            "MISSING: what only the funds ledger knows, which could not be read; run it again"
        )
    if len(holes) or found.ledger_failed:
        raise typer.Exit(2)
    raise typer.Exit(1 if len(rejects) or len(unsent) else 0)


def reconcile(
    orders: Annotated[
        list[Path], typer.Option("--orders", metavar="FILE...", help="The shop's order exports.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.xlsx", help="The workbook to write.")],
    shop: ShopOption = None,
    mapping: MappingOption = None,
    payments: Annotated[
        Path | None,
        typer.Option("--payments", metavar="DIR", help="What fetch left; no call is made."),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option("--references", metavar="FILE...", help="Further references to ask for."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First local day, 2026-10-01.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last local day, included.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help=f"Compare as of {TIME_EXAMPLE}.")
    ] = None,
    exported_at: Annotated[
        str | None,
        typer.Option("--exported-at", metavar="TIME", help="When the exports were taken."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare order exports with Vipps MobilePay and write the report.

    Without --payments, payments are fetched now and kept in report.data/ beside the report;
    --payments report.data repeats the run to the byte.

    \b
    Example:
      vippsrecon reconcile --orders orders.csv --from 2026-10-01 --to 2026-10-31 --out report.xlsx
      vippsrecon reconcile --orders shop1.csv shop2.csv --payments october --out report.xlsx --json
    """
    from vippsrecon.cli import output
    from vippsrecon.config.settings import load_settings
    from vippsrecon.money import format_count
    from vippsrecon.report import write_workbook
    from vippsrecon.report.terminal import format_summary
    from vippsrecon.workflow.reconcile_month import choose_time_zone, reconcile_month

    settings = load_settings(offline=payments is not None)
    zone = choose_time_zone(settings)
    ignored = [settings.ignore_file] if settings.ignore_file else []
    given = [*orders, *(references or ()), *([mapping] if mapping else []), *ignored]
    _refuse_overwriting(out, given)
    _refuse_unwritable(out)
    result = reconcile_month(
        orders,
        settings,
        shop=shop,
        mapping=mapping,
        payments=payments,
        references=references or (),
        first=first,
        last=last,
        as_of=_parse_time_option(as_of, "--as-of", zone),
        exported_at=_parse_time_option(exported_at, "--exported-at", zone),
        keep=None if payments else out.with_suffix(".data"),
        progress=_should_show_progress(json),
    )
    report = write_workbook(result, out)
    if json:
        print(output.format_json(output.build_reconciliation_json(result, str(report))))
    else:
        print(format_summary(result, report))
    holes = output.select_unanswered(result.failures)
    if len(holes):
        _print_warning(
            f"MISSING: {format_count(len(holes), 'reference')} could not be read "
            f"({output.describe_most_common_reason(holes)}): there is no verdict"
        )
    elif not result.complete:
        _print_warning(
            "MISSING: what only the funds ledger knows, which could not be read; run it again"
        )
    raise typer.Exit(result.exit_code)


def _refuse_overwriting(out: Path, inputs: list[Path]) -> None:
    """Refuse a report that would replace what it is made from, or anything but a workbook."""
    from vippsrecon.errors import OutputError

    same = [
        file
        for file in inputs
        if file.resolve() == out.resolve()
        or (file.exists() and out.exists() and file.samefile(out))
    ]
    if same:
        raise OutputError(f"{out} is one of the files read: name another workbook with --out")
    if out.suffix.lower() != ".xlsx":
        raise OutputError(f"{out} is no name of a workbook: name one that ends in .xlsx")


def _refuse_unwritable(out: Path) -> None:
    """Find out before minutes of fetching whether the report can be written."""
    from vippsrecon.errors import OutputError

    if out.is_dir():
        raise OutputError(f"{out} is a folder: name the workbook, such as {out / 'report.xlsx'}")
    if not out.parent.is_dir():
        raise OutputError(f"there is no folder {out.parent} to write {out.name} to")
    if out.exists() and not out.is_file():
        raise OutputError(f"{out} is not a file: name the workbook, such as report.xlsx")
    existed = out.exists()
    with out.open("ab"):
        pass
    if not existed:
        out.unlink()


def _should_show_progress(json: bool) -> bool:
    return not json and sys.stderr.isatty()


def _print_warning(line: str) -> None:
    print(line, file=sys.stderr)


def _parse_time_option(text: str | None, option: str, zone: ZoneInfo) -> datetime | None:
    from vippsrecon.errors import InputError

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option}: {text!r} is not a time such as {TIME_EXAMPLE}") from None
    if len(text) == len("2026-10-31"):
        moment += timedelta(days=1, seconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
