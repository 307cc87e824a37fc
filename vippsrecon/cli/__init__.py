"""The commands: parse the arguments, call one function, print its result."""

from __future__ import annotations

from typing import Annotated

import typer

from vippsrecon.cli.bulk.approve import approve
from vippsrecon.cli.bulk.carry_out import carry_out
from vippsrecon.cli.bulk.journal import app as journal
from vippsrecon.cli.bulk.plan import plan
from vippsrecon.cli.check import check
from vippsrecon.cli.demo import demo, scenario, simulator
from vippsrecon.cli.errors import ErrorReportingGroup, MultiFileCommand
from vippsrecon.cli.fetch import fetch
from vippsrecon.cli.init import init
from vippsrecon.cli.ledgers.ledger import ledger
from vippsrecon.cli.ledgers.payout import payout
from vippsrecon.cli.notebooks import lab, notebooks
from vippsrecon.cli.preview import preview
from vippsrecon.cli.reconcile import reconcile
from vippsrecon.cli.resolve import resolve
from vippsrecon.cli.runs.close_period import close_period
from vippsrecon.cli.schedules.heartbeat import heartbeat
from vippsrecon.cli.schedules.notify import notify
from vippsrecon.cli.schedules.schedule import schedule
from vippsrecon.version import __version__

app = typer.Typer(
    cls=ErrorReportingGroup,
    name="vippsrecon",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(version: bool) -> None:
    if version:
        print(f"vippsrecon {__version__}")
        raise typer.Exit


@app.callback()
def vippsrecon(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    log_level: Annotated[
        str,
        typer.Option(
            envvar="VIPPSRECON_LOG_LEVEL",
            metavar="LEVEL",
            help="Write a log to standard error: DEBUG, INFO, WARNING. Never contains a key.",
        ),
    ] = "",
) -> None:
    """Reconcile a shop's orders with Vipps MobilePay, to the øre.

    \b
    Start here, without keys:   vippsrecon demo
    With your own keys:         vippsrecon init
    What is this file?          vippsrecon preview orders.csv
    The month:                  vippsrecon reconcile --orders orders.csv --out report.xlsx

    Exit codes: 0 clean; 1 finished, something needs checking; 2 could not finish.
    """
    from vippsrecon.cli.errors import configure_logging

    configure_logging(log_level)


app.command()(demo)
app.command()(scenario)
app.command()(simulator)
app.command()(init)
app.command()(preview)
app.command()(fetch)
app.command()(ledger)
app.command(cls=MultiFileCommand)(payout)
app.command(cls=MultiFileCommand)(reconcile)
app.command()(resolve)
app.command()(close_period)
app.command()(notify)
app.command()(schedule)
app.command()(heartbeat)
app.command()(plan)
app.command()(approve)
app.command()(carry_out)
app.add_typer(journal, name="journal")
app.command()(check)
app.command()(notebooks)
app.command()(lab)


def main() -> None:
    """Run the command line. This is the program's only entry point."""
    import sys

    from vippsrecon.cli.errors import FAILURE_EXIT_CODE, prepare_output, stop_printing

    prepare_output()
    try:
        app()
    except OSError:  # a usage error that cannot be printed
        sys.exit(FAILURE_EXIT_CODE)
    finally:
        # What is printed last may still be waiting in memory: a full disk or a reader that is
        # gone is noticed here, and is not a success.
        try:
            sys.stderr.flush()
        except OSError:
            stop_printing(sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            stop_printing()
            sys.exit(FAILURE_EXIT_CODE)
