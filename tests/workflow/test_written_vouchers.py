"""Vouchers keep their numbers over several runs of one workspace."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from tests.closing.ledger_months import october
from vippsrecon.closing import build_vouchers
from vippsrecon.config.settings import Settings
from vippsrecon.config.vouchers import Accounts, VoucherSettings
from vippsrecon.errors import ClosedPeriodError
from vippsrecon.store import close_period, open_store, reopen_period
from vippsrecon.workflow.history.written_vouchers import number_period, record_written

ACCOUNTS = VoucherSettings(NO=Accounts(sales="3000", corrections="3090"))


def test_a_voucher_is_written_once_and_reversed_if_it_changes(tmp_path):
    """Two runs write nothing twice; a late entry is blocked as soon as the month is closed."""
    settings = Settings("simulator", "", database_url=f"sqlite:///{tmp_path / 'w.db'}")
    month = october()

    def number():
        proposed = build_vouchers(**month.inputs, settings=ACCOUNTS)
        return number_period(settings, proposed, date(2026, 10, 1), date(2026, 11, 30))

    assert record_written(settings, number()) == 4
    assert set(number()["status"]) == {"unchanged"}
    assert record_written(settings, number()) == 0
    month.add(date(2026, 10, 31), "correction", -700)
    numbered = number()
    assert set(numbered["status"]) == {"unchanged", "reversal", "new"}
    with open_store(settings.database_url) as store:
        close_period(store, "simulator", "2026-10", person="Kari", sides=[], facts=[])
    with pytest.raises(ClosedPeriodError, match=r"was closed meanwhile\. No voucher"):
        record_written(settings, numbered)
    assert set(number()["status"]) == {"unchanged", "blocked"}
    with pytest.raises(ClosedPeriodError):
        record_written(settings, number())
    with open_store(settings.database_url) as store:
        reopen_period(store, "simulator", "2026-10", "Kari", "Late correction")
    again = number()
    written = set(again.filter(pl.col("status") != "unchanged")["voucher_number"])
    assert {name[-2:] for name in written} == {"-R", "-2"}
    assert record_written(settings, again) == 2
    assert set(number()["status"]) == {"unchanged"}
