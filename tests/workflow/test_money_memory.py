"""A month knows from the months before to which account payouts went, and what is in dispute."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.sources.settlement.conftest import as_portal_csv, portal_row
from tests.workflow.test_offline_month import HEAD, order
from vippsrecon.config.load import load_settings
from vippsrecon.store import PayoutAccount
from vippsrecon.workflow.history.money_memory import choose_known_accounts
from vippsrecon.workflow.reconcile_month import reconcile_month

OLD, NEW = "NO93 8601 1117 947", "NO92 0539 0100 033"
DISPUTED = ("123456", "order-0001")


def make_rows(month: str, number: str, account: str, *further, captured: str = "100.00"):
    """Return a month's rows: one capture, further rows, and the payout of the rest."""
    day = f"2026-{month}-02"
    rows = [
        portal_row(
            "Belastning", captured, captured, psp=f"c{month}", day=day, time=f"{day} 12:00:00"
        )
    ]
    balance = float(captured)
    for kind, amount in further:
        balance += float(amount)
        rows.append(
            portal_row(
                kind, amount, f"{balance:.2f}", psp=f"c{month}", day=day, time=f"{day} 13:00:00"
            )
        )
    payout = portal_row(
        "Utbetaling planlagt", f"{-balance:.2f}", "0.00", psp=f"302321-{number}", reference="",
        day=day, time=f"{day} 23:00:00", payout=(number, account, f"2026-{month}-06"),
    )  # fmt: skip
    return [*rows, payout]


@pytest.fixture
def run_month(tmp_path):
    """Return `run_month("10", rows, total)`, which reconciles a month in one workspace."""
    settings = load_settings(
        offline=True, folder=tmp_path, database_url=f"sqlite:///{tmp_path / 'runs.db'}"
    )

    def run(month: str, rows, total: str = "100.00", **given):
        folder = tmp_path / month
        folder.mkdir(exist_ok=True)
        days = (f"2026-{month}-01T10:00:00Z", f"2026-{month}-01T12:00:00Z")
        lines = [HEAD, order("order-0001", total=total, days=days)]
        (folder / "orders.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "settlement.csv").write_text(as_portal_csv(rows), encoding="utf-8")
        return reconcile_month(
            [folder / "orders.csv"],
            settings,
            settlement=[folder / "settlement.csv"],
            exported_at=datetime(2026, int(month), 20, tzinfo=UTC),
            **{"record": True, "keep": folder / "report.data"} | given,
        ).polars_frame("discrepancies")

    return run


def list_changed(rows: pl.DataFrame) -> list[str]:
    """Return the numbers of the payouts to another account."""
    return rows.filter(pl.col("kind") == "payout_account_changed")["payout_number"].to_list()


@pytest.mark.ci
def test_changed_account_is_found_between_two_months(run_month):
    """Each month alone has one account only; the earlier month again is no change."""
    october, november = make_rows("10", "2000001", OLD), make_rows("11", "2000002", NEW)

    assert list_changed(run_month("10", october)) == []
    assert list_changed(run_month("11", november)) == ["2000002"]
    assert list_changed(run_month("12", make_rows("12", "2000003", NEW))) == []
    assert list_changed(run_month("10", october)) == []


def test_a_run_that_records_nothing_knows_no_account(run_month):
    """Without the workspace database, each month is on its own."""
    run_month("10", make_rows("10", "2000001", OLD), record=False)

    assert list_changed(run_month("11", make_rows("11", "2000002", NEW), record=False)) == []


@pytest.mark.parametrize("returned", [False, True], ids=["retained", "returned"])
def test_payment_retained_in_an_earlier_month_is_not_refunded(run_month, returned):
    """November's ledger does not show the retention of October, and may show its return."""
    retained = [("Retained disputed capture", "-60.00")]
    run_month("10", make_rows("10", "2000001", OLD, *retained))
    rows = make_rows("11", "2000002", OLD, captured="150.00")
    if returned:
        back = portal_row(
            "Returned disputed capture", "60.00", "60.00", psp="c10", day="2026-11-05",
            time="2026-11-05 12:00:00",
        )  # fmt: skip
        rows = [*rows, back]
    found = run_month("11", rows, total="120.00")
    [row] = found.filter(pl.col("kind") == "over_captured").to_dicts()

    assert (row["proposal"], row["flags"]) == (("refund", "") if returned else (None, "disputed"))


def test_only_accounts_before_the_first_payout_are_known():
    """A month that is run again does not see the account of a later month."""
    seen = [
        PayoutAccount("1", date(2026, 10, 31), OLD),
        PayoutAccount("1", date(2026, 9, 30), "older"),
        PayoutAccount("1", date(2026, 11, 30), NEW),
        PayoutAccount("2", date(2026, 10, 31), "other"),
    ]
    payouts = pl.DataFrame(
        {"ledger_id": ["1", "1"], "ledger_date": [date(2026, 11, 2), date(2026, 11, 9)]}
    )

    assert choose_known_accounts(seen, payouts) == {"1": OLD}
    assert choose_known_accounts(seen, None) == {}
