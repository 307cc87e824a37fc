"""Open a month in a notebook: an invented one served on this computer, or your own."""

from __future__ import annotations

import atexit
import json
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from vippsrecon.api import Client
from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Keys, SalesUnit, Settings
from vippsrecon.errors import InputError
from vippsrecon.scenario import FEE_TERMS, write_month
from vippsrecon.simulator import Simulator, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


@dataclass
class Month:
    """A month to work on in a notebook: files, settings, an open client.

    Attributes:
        source: simulator, test or production.
        order_files: The shop's exports.
        settings: Environment, sales units, tolerances.
        client: An open client, until `close` is called.
        folder: The folder with the settings: commands that run there work on the same month.
    """

    source: str
    order_files: tuple[Path, ...]
    settings: Settings
    client: Client
    folder: Path
    _exit_stack: ExitStack = field(repr=False)

    def __repr__(self) -> str:
        names = ", ".join(path.name for path in self.order_files)
        return f"Month({self.source}: {names})"

    def close(self) -> None:
        """Close the client, stop the simulator and delete the invented month."""
        atexit.unregister(self.close)
        self._exit_stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_month(
    source: str = "simulator",
    *order_files: Path | str,
    payments: int = 2000,
    seed: int = 7,
    shop: str = "plain",
) -> Month:
    """Open a month to work on: an invented one or your own.

    Args:
        source: "simulator" makes an invented month and starts the simulator in this process;
            "test" and "production" take keys from the environment and `order_files`.
        order_files: Your exports; not used for the simulator, which writes its own.
        payments: Number of payments in the invented month.
        seed: A different seed gives a different invented month.
        shop: The shop the invented export comes from.

    Raises:
        ConfigurationError: The keys are missing, or `source` is not one of the three.
        InputError: No order file was given for a real month.
    """
    if source != "simulator":
        if not order_files:
            raise InputError(f"source {source!r} needs your order export: set ORDERS to its path")
        settings = load_settings(environment=source)
        files = tuple(Path(file) for file in order_files)
        folder = Path.cwd()
    with ExitStack() as stack:
        if source == "simulator":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            write_month(folder, payments=payments, seed=seed, shop=shop)
            settings = stack.enter_context(serve_scenario(folder))
            _write_settings_files(folder, settings)
            files = (folder / "orders.csv",)
        client = stack.enter_context(Client(settings))
        # Where the last cell is not run, the month ends with the kernel.
        month = Month(source, files, settings, client, folder, stack.pop_all())
        atexit.register(month.close)
        return month


@contextmanager
def serve_scenario(month: Path) -> Iterator[Settings]:
    """Serve an invented month with the simulator on loopback; yield settings that connect to it."""
    state = month / "simulator.jsonl"
    with serve(Simulator.from_file(state)) as base_url:
        yield _build_demo_settings(state, base_url)


def _write_settings_files(folder: Path, settings: Settings) -> None:
    """Write the settings of an invented month, so that commands find it: its keys open nothing."""
    variables = {
        "VIPPS_ENVIRONMENT": settings.environment,
        "VIPPS_BASE_URL": settings.base_url,
        "VIPPSRECON_DATABASE_URL": settings.database_url,
    }
    tables = []
    for unit in settings.units:
        keys = settings.keys[unit.msn]
        key = keys.subscription_key.get_secret_value() if keys.subscription_key else ""
        values = {
            "client_id": keys.client_id,
            "client_secret": keys.client_secret.get_secret_value(),
            "subscription_key": key,
        }
        names = {name: f"INVENTED_{unit.msn}_{name.upper()}" for name in values}
        variables |= {names[name]: value for name, value in values.items()}
        lines = [f'{name}_from = "{variable}"' for name, variable in names.items()]
        market = [f'market = "{unit.market}"'] if unit.market else []
        tables.append("\n".join(["[[sales_unit]]", f'msn = "{unit.msn}"', *market, *lines, ""]))
    tables += [
        "\n".join(
            [
                "[[fee_contract]]",
                f'percent = "{terms.percent}"',
                f'currency = "{terms.currency}"',
                f"fixed_minor = {terms.fixed_minor}",
                f'payment_method = "{terms.payment_method}"',
                "",
            ]
        )
        for terms in FEE_TERMS
    ]
    dotenv = "".join(f"{name}={value}\n" for name, value in variables.items())
    (folder / ".env").write_text(dotenv, encoding="utf-8")
    (folder / "vippsrecon.toml").write_text("\n".join(tables), encoding="utf-8")


def _build_demo_settings(state: Path, base_url: str) -> Settings:
    """Build settings with the keys of a state file's sales units.

    The user's own keys and files are not read, so that an invented month is the same everywhere.
    """
    with state.open(encoding="utf-8") as lines:
        units = [
            record["sales_unit"] for line in lines if "sales_unit" in (record := json.loads(line))
        ]
    return Settings(
        environment="simulator",
        base_url=base_url,
        default_msn=units[0]["msn"] if len(units) == 1 else None,
        units=tuple(SalesUnit(unit["msn"], market=unit.get("market")) for unit in units),
        keys={
            unit["msn"]: Keys(
                unit["client_id"],
                SecretStr(unit["client_secret"]),
                SecretStr(unit["subscription_key"]),
            )
            for unit in units
        },
        fee_contracts=tuple(
            FeeContract(
                percent=Decimal(terms.percent),
                currency=terms.currency,
                fixed_minor=terms.fixed_minor,
                payment_method=terms.payment_method,
            )
            for terms in FEE_TERMS
        ),
        # Each month gets its own journal: all months have the same references, so a refund in one
        # month must not count in the next.
        database_url=f"sqlite:///{(state.parent.resolve() / 'practice.db').as_posix()}",
    )
