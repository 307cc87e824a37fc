"""The `make_account` fixture: plans are carried out over a real socket and with a real database file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.bulk.simulated_account import CLOCK, SimulatedAccount, make_payment_line
from tests.simulator_settings import load_simulator_settings
from vippsrecon.api import Client
from vippsrecon.simulator import Simulator, serve
from vippsrecon.store import open_store


@pytest.fixture
def make_account(tmp_path) -> Iterator[Callable[..., SimulatedAccount]]:
    """Return `make_account(count, captured=…, limits=…, **settings)`.

    It makes `count` payments, from `order-000001` on. `limits` is the text under [limits] in
    vippsrecon.toml.
    """
    with contextlib.ExitStack() as stack:

        def make(
            count: int = 3, *, captured: int = 100_000, limits: str = "", **changed: Any
        ) -> SimulatedAccount:
            (tmp_path / "vippsrecon.toml").write_text(f"[limits]\n{limits}\n", encoding="utf-8")
            lines = [
                make_payment_line(f"order-{n:06d}", captured=captured) for n in range(1, count + 1)
            ]
            # Waits are short here, so a test sends more in a minute than Vipps MobilePay accepts.
            busy = {"settings": {"writes_per_minute": None, "reads_per_minute": None}}
            simulator = Simulator([{"clock": CLOCK}, busy, *lines])
            url = stack.enter_context(serve(simulator))
            options = {"base_url": url, "retry_seconds": 5} | changed
            client = stack.enter_context(Client(load_simulator_settings(tmp_path, **options)))
            store = stack.enter_context(open_store(f"sqlite:///{tmp_path / 'work.db'}"))
            return SimulatedAccount(simulator, client, store, tmp_path)

        yield make
