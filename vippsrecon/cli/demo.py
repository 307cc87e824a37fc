"""`demo`, `scenario`, `simulator`: practise without keys and without money."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.cli.preview import JsonOption, LanguageOption
from vippsrecon.errors import printable


class DemoShop(StrEnum):
    """The order export formats an invented month can be written in."""

    shopify = "shopify"
    woocommerce = "woocommerce"
    magento = "magento"
    shopware = "shopware"
    plain = "plain"


_KEY_NAMES = ("client_id", "client_secret", "subscription_key")


class DemoCurrency(StrEnum):
    """The currencies an invented month can use."""

    NOK = "NOK"
    DKK = "DKK"
    EUR = "EUR"


class DemoMonth(StrEnum):
    """The months that can be invented."""

    october_2026 = "2026-10"
    january_2027 = "2027-01"


PaymentsOption = Annotated[
    int,
    typer.Option(min=1, max=1_000_000, help="Number of payments in the month."),
]
SeedOption = Annotated[int, typer.Option(help="A different number gives a different month.")]


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the report and its data.")
    ] = Path(),
    payments: PaymentsOption = 2000,
    seed: SeedOption = 7,
    shop: Annotated[
        DemoShop, typer.Option(help="The shop the order export comes from.")
    ] = DemoShop.plain,
    language: LanguageOption = None,
    json: JsonOption = False,
) -> None:
    """Reconcile an invented month and compare the result with the truth.

    Writes the month, starts the simulator on this computer, fetches over HTTP, reconciles and
    writes report.xlsx and the same as one page, report.html. Exit code 0 when exactly the planted discrepancies were found.

    \b
    Example:
      vippsrecon demo
      vippsrecon demo --language nb
      vippsrecon demo --out practice --payments 20000 --shop shopify
    """
    from vippsrecon.cli import output
    from vippsrecon.demo import run_demo
    from vippsrecon.report.terminal import format_other_files, format_summary

    result = run_demo(
        out,
        payments=payments,
        seed=seed,
        shop=shop.value,
        language=language.value if language else None,
        progress=not json,
    )
    if json:
        print(
            output.format_json(
                {
                    **output.build_reconciliation_json(result.reconciliation, str(result.report)),
                    "page": str(result.page),
                    "score": result.score.as_dict(),
                    "seconds": result.seconds,
                }
            )
        )
    else:
        print(format_summary(result.reconciliation, result.report))
        print(format_other_files(result.reconciliation, page=result.page))
        print("\n".join(result.score.lines()))
    raise typer.Exit(0 if result.score.exact else 1)


def scenario(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.")],
    payments: PaymentsOption = 2000,
    seed: SeedOption = 7,
    shop: Annotated[
        DemoShop, typer.Option(help="The shop the order export comes from.")
    ] = DemoShop.plain,
    currency: Annotated[
        list[DemoCurrency] | None,
        typer.Option(help="Currency of the month, default NOK. Several: one sales unit each."),
    ] = None,
    sales_units: Annotated[
        int,
        typer.Option(
            min=1, help="Number of sales units. Only plain and Magento exports can tell them apart."
        ),
    ] = 1,
    month: Annotated[
        DemoMonth, typer.Option(help="In January 2027 MobilePay takes the name Vipps.")
    ] = DemoMonth.october_2026,
) -> None:
    """Write an invented month: the order export, Vipps MobilePay's side, and the truth.

    Writes orders.csv, simulator.jsonl, bank.xml, settlement.csv and truth.csv. The same
    arguments write exactly the same files.

    \b
    Example:
      vippsrecon scenario month --payments 500 --shop woocommerce
      vippsrecon scenario nordic --currency NOK --currency DKK --currency EUR
      vippsrecon scenario renamed --currency DKK --month 2027-01
      vippsrecon simulator --state month/simulator.jsonl
    """
    from vippsrecon.errors import InputError
    from vippsrecon.scenario import JANUARY_2027, OCTOBER_2026, write_month

    currencies = [choice.value for choice in currency or [DemoCurrency.NOK]]
    try:
        write_month(
            directory,
            payments=payments,
            seed=seed,
            shop=shop.value,
            sales_units=sales_units,
            currencies=currencies,
            month=JANUARY_2027 if month is DemoMonth.january_2027 else OCTOBER_2026,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    print(
        f"wrote {printable(str(directory))}: {', '.join(sorted(p.name for p in directory.iterdir()))}"
    )


def simulator(
    state: Annotated[
        Path, typer.Option("--state", metavar="FILE.jsonl", help="The payments it starts with.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
    latency_ms: Annotated[int, typer.Option(min=0, help="Milliseconds added to every answer.")] = 0,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE.toml", help="Faults to inject.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which answers are faulty.")] = 0,
) -> None:
    """Serve the Access Token, ePayment and Report APIs on 127.0.0.1 until stopped.

    Prints the settings that connect to it: copy the lines into another terminal, or paste them as
    the keys that `vippsrecon init` asks for.

    \b
    Example:
      vippsrecon simulator --state month/simulator.jsonl --port 8123
    """
    from vippsrecon.errors import InputError
    from vippsrecon.input_files import check_input_file
    from vippsrecon.simulator import Simulator, read_faults, run

    for file in filter(None, (state, faults)):
        check_input_file(file)
    try:
        served = Simulator.from_file(
            state,
            seed=seed,
            latency_ms=latency_ms,
            faults=read_faults(faults) if faults else (),
        )
    except ValueError as error:
        # The simulator is independent of the package and does not use its error classes.
        raise InputError(str(error)) from error
    units = _read_invented_units(state)
    run(served, port=port, started=lambda base_url: _print_connection_settings(base_url, units))


def _read_invented_units(state: Path) -> list[dict[str, str]]:
    """Return the sales units whose keys were invented by `scenario`.

    Any other keys in a state file may be real ones, so they are never printed.
    """
    import orjson

    units = []
    with state.open(encoding="utf-8") as records:
        for record in records:
            unit = orjson.loads(record).get("sales_unit") if '"sales_unit"' in record else None
            if unit and str(unit.get("client_secret")) == f"scenario-secret-{unit['msn']}":
                units.append(unit)
    return units


def _print_connection_settings(base_url: str, units: list[dict[str, str]]) -> None:
    print(f"export VIPPS_ENVIRONMENT=simulator VIPPS_BASE_URL={base_url}")
    several = len(units) > 1
    for unit in units:
        suffix = f"_{unit['msn']}" if several else ""
        variables = [f"VIPPS_{key.upper()}{suffix}={unit[key]}" for key in _KEY_NAMES]
        print(" ".join(["export", *([] if several else [f"VIPPS_MSN={unit['msn']}"]), *variables]))
    sys.stdout.flush()
    if several:
        print("Several sales units. Add this to vippsrecon.toml:", file=sys.stderr)
        print(
            "\n".join(line for unit in units for line in _format_sales_unit_toml(unit)),
            file=sys.stderr,
        )
    print("serving until stopped (Ctrl-C)", file=sys.stderr)


def _format_sales_unit_toml(unit: dict[str, str]) -> list[str]:
    """Return a sales unit's lines for vippsrecon.toml, with the variables that contain its keys."""
    market = [f'market = "{unit["market"]}"'] if unit.get("market") else []
    keys = [f'{key}_from = "VIPPS_{key.upper()}_{unit["msn"]}"' for key in _KEY_NAMES]
    return ["[[sales_unit]]", f'msn = "{unit["msn"]}"', *market, *keys]
