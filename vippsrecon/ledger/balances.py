"""Read the balances of the funds ledgers, which a plan shows next to its refund totals.

Best effort: if the Report API cannot be read (it exists in production only, and some keys have no
access), no balance is shown and no error is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.api.client import Client
from vippsrecon.api.models import Ledger
from vippsrecon.bank_days import find_accounting_day
from vippsrecon.config.settings import Settings
from vippsrecon.errors import VippsReconError

DAYS_BACK = 7
"""The balance of a ledger without an entry for so many days is not shown."""

BALANCE_TIMEOUT_SECONDS = 5.0


class Balance(NamedTuple):
    """The balance of one ledger after its last entry, in minor units."""

    ledger_id: str
    msns: tuple[str, ...]
    currency: str
    balance_minor: int
    ledger_date: str


def fetch_balances(client: Client, msns: Sequence[str]) -> tuple[Balance, ...]:
    """Return the balance of each ledger that settles for these sales units, if readable.

    Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
    """
    if client.settings.environment == "test":
        return ()
    try:
        balances = client.run(
            asyncio.wait_for(
                _fetch_all_balances(client.core, client.settings, msns), BALANCE_TIMEOUT_SECONDS
            )
        )
    except (VippsReconError, TimeoutError):
        return ()
    return tuple(balances)


async def _fetch_all_balances(
    core: AsyncClient, settings: Settings, msns: Sequence[str]
) -> list[Balance]:
    ledgers: dict[str, tuple[Ledger, str]] = {}
    for msn in msns:
        for ledger in await core.ledgers(msn):
            ledgers.setdefault(ledger.ledger_id, (ledger, msn))
    balances = [
        await _fetch_ledger_balance(core, settings, ledger, msn) for ledger, msn in ledgers.values()
    ]
    return [balance for balance in balances if balance is not None]


async def _fetch_ledger_balance(
    core: AsyncClient, settings: Settings, ledger: Ledger, msn: str
) -> Balance | None:
    unit = settings.unit(msn)
    day = find_accounting_day(core.now(), unit.zone, unit.cut_off)
    for days_back in range(DAYS_BACK):
        date = day - timedelta(days=days_back)
        entries = (await core.ledger_date(ledger.ledger_id, "funds", date, msn)).entries
        with_balance = [entry for entry in entries if entry.balance_after_minor is not None]
        if with_balance:
            last = with_balance[-1]
            assert last.balance_after_minor is not None
            minor = last.balance_after_minor
            return Balance(ledger.ledger_id, ledger.msns, ledger.currency, minor, str(date))
    return None
