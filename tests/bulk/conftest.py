"""The `world` fixture: plans are carried out over a real socket and with a real database file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.bulk.simulated_account import CLOCK, MSN, World, line
from vippsrecon.api import Client
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import SalesUnit
from vippsrecon.simulator import Simulator, serve
from vippsrecon.store import open_store


@pytest.fixture
def world(tmp_path) -> Iterator[Callable[..., World]]:
    """Return `world(count, captured=…, limits=…, **settings)`.

    It makes `count` payments, from `order-000001` on. `limits` is the text under [limits] in
    vippsrecon.toml.
    """
    with contextlib.ExitStack() as stack:

        def make(
            count: int = 3, *, captured: int = 100_000, limits: str = "", **changed: Any
        ) -> World:
            (tmp_path / "vippsrecon.toml").write_text(f"[limits]\n{limits}\n", encoding="utf-8")
            lines = [line(f"order-{n:06d}", captured=captured) for n in range(1, count + 1)]
            # Waits are short here, so a test sends more in a minute than Vipps MobilePay accepts.
            busy = {"settings": {"writes_per_minute": None, "reads_per_minute": None}}
            simulator = Simulator([{"clock": CLOCK}, busy, *lines])
            url = stack.enter_context(serve(simulator))
            given = {
                "environment": "simulator",
                "base_url": url,
                "client_id": "client-id",
                "client_secret": "client-secret",
                "subscription_key": "subscription-key",
                "msn": MSN,
                "units": (SalesUnit(MSN, market="NO"),),
                "retry_seconds": 5,
            }
            client = stack.enter_context(
                Client(load_settings(folder=tmp_path, **(given | changed)))
            )
            store = stack.enter_context(open_store(f"sqlite:///{tmp_path / 'work.db'}"))
            return World(simulator, client, store, tmp_path)

        yield make
