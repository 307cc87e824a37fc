"""The workspace database keeps closed periods, their facts and written vouchers."""

from __future__ import annotations

from datetime import date

import pytest

from vippsrecon.errors import ClosedPeriodError, InputError
from vippsrecon.store import (
    close_period,
    read_closed_periods,
    read_period_changes,
    read_period_facts,
    read_vouchers,
    record_vouchers,
    reopen_period,
)

FACT = {
    **{"side": "payouts", "fact_key": "302321:2000001", "msn": "123456", "reference": "2000001"},
    **{"currency": "NOK", "day": 20756, "amount_minor": 138600, "detail": "scheduled"},
}
LINE = {
    **{"voucher_number": "VM-1", "line": 1, "voucher_date": date(2026, 10, 30), "kind": "day"},
    **{"ledger_id": "302321", "msn": "123456", "currency": "NOK", "role": "sales"},
    **{"account": "3000", "amount_minor": -500, "vat_code": None, "text": "VM-1 sales"},
    **{"payout_number": None, "reverses": None, "entries": 1, "facts": "abc", "status": "new"},
}


def test_a_closed_month_is_closed_once(store):
    """The second closing changes nothing; environments are separate."""
    close_period(store, "test", "2026-10", person="Kari", sides=["payouts"], facts=[FACT])

    with pytest.raises(ClosedPeriodError, match=r"2026-10 was closed by Kari.*--reopen"):
        close_period(store, "test", "2026-10", person="Ola", sides=["payouts"], facts=[])
    assert read_period_facts(store, "test", "2026-10") == [FACT]
    assert list(read_closed_periods(store, "test")) == ["2026-10"]
    assert read_closed_periods(store, "production") == {}


def test_reopening_needs_a_name_and_a_reason(store):
    """Both are kept, and the month can be closed again with other facts."""
    with pytest.raises(InputError, match="2026-10 is not closed"):
        reopen_period(store, "test", "2026-10", "Kari", "Late correction")
    close_period(store, "test", "2026-10", person="Kari", sides=["payouts"], facts=[FACT])
    with pytest.raises(InputError, match="a name and a reason"):
        reopen_period(store, "test", "2026-10", "Kari", " ")
    reopen_period(store, "test", "2026-10", "Kari", "Late correction")
    assert read_closed_periods(store, "test") == {}
    close_period(
        store,
        "test",
        "2026-10",
        person="Ola",
        sides=["events", "payouts"],
        facts=[FACT | {"day": 1}],
    )

    changes = read_period_changes(store, "test")
    assert [(c.seq, c.action, c.person, c.reason) for c in changes] == [
        (1, "closed", "Kari", ""),
        (2, "reopened", "Kari", "Late correction"),
        (3, "closed", "Ola", ""),
    ]
    assert changes[-1].sides == ("events", "payouts")
    assert read_period_facts(store, "test", "2026-10")[0]["day"] == 1


def test_no_voucher_is_recorded_in_a_closed_month(store):
    """All or nothing: the one in November is not recorded either."""
    record_vouchers(store, "test", [LINE])
    record_vouchers(store, "test", [LINE])
    close_period(store, "test", "2026-10", person="Kari", sides=[], facts=[])
    november = LINE | {"voucher_number": "VM-3", "voucher_date": date(2026, 11, 1)}

    with pytest.raises(ClosedPeriodError, match="2026-10"):
        record_vouchers(store, "test", [november, LINE | {"voucher_number": "VM-2"}])
    written = read_vouchers(store, "test")
    assert [(line["voucher_number"], line["voucher_date"]) for line in written] == [
        ("VM-1", "2026-10-30")
    ]
