"""Test a month that is closed with all that a run read, and run again with something different."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from tests.sources.bank.conftest import ACCOUNT, document, entry, statement
from tests.sources.settlement.conftest import as_portal_csv, one_day, portal_row
from tests.workflow.test_offline_month import HEAD, order
from vippsrecon.config.load import load_settings
from vippsrecon.dates import parse_named_period
from vippsrecon.report.figures import get_figures
from vippsrecon.workflow.history.period_lock import (
    list_period_changes,
    read_period,
    record_closing,
)
from vippsrecon.workflow.reconcile_month import reconcile_month

OCTOBER = parse_named_period("2026-10", "--period")
RENT = "Husleie fra Kari Nordmann"


@pytest.fixture
def run_month(tmp_path):
    """Return `run_month(further settlement rows)`, which reconciles October and keeps its data."""
    settings = load_settings(
        offline=True, folder=tmp_path, database_url=f"sqlite:///{tmp_path / 'runs.db'}"
    )
    bank = document(
        statement(
            [
                entry("244.00", day="2026-10-06", text="Utb. 2000001 Vippsnr 123456"),
                entry("900.00", day="2026-10-07", text=RENT, reference="rent"),
            ],
            days=("2026-10-01", "2026-10-31"),
            opening="0.00",
            closing="1144.00",
            account=f"<Othr><Id>{ACCOUNT}</Id></Othr>",
        )
    )
    (tmp_path / "bank.xml").write_text(bank, encoding="utf-8")
    lines = [HEAD, order("order-0001")]
    (tmp_path / "orders.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(*further):
        quiet = ("2026-10-10", "2026-10-17", "2026-10-24", "2026-10-30")
        rows = [
            portal_row("Belastning", "10.00", f"{10 * n}.00", psp=day, reference=day, day=day)
            for n, day in enumerate(quiet, start=1)
        ]
        rows = [*one_day(), *rows, *further]
        (tmp_path / "settlement.csv").write_text(as_portal_csv(rows), encoding="utf-8")
        result = reconcile_month(
            [tmp_path / "orders.csv"],
            settings,
            settlement=[tmp_path / "settlement.csv"],
            bank=[tmp_path / "bank.xml"],
            exported_at=datetime(2026, 11, 2, tzinfo=UTC),
            first=OCTOBER.first,
            last=OCTOBER.last,
            keep=tmp_path / "report.data",
        )
        assert result.complete, result.manifest["incomplete_because"]
        return result, read_period(settings, OCTOBER, [tmp_path / "report.data"])

    run.settings = settings
    return run


def test_all_sides_are_kept_and_other_texts_of_the_bank_are_not(run_month, tmp_path):
    """A bank account has lines of people who have nothing to do with this.

    The result has them neither, so that a repeated run has the same frames.
    """
    result, state = run_month()

    assert state.sides == ("bank_lines", "ledger_entries", "payouts")
    [line] = state.facts.filter(pl.col("side") == "bank_lines").to_dicts()
    assert (line["reference"], line["amount_minor"]) == ("2000001", 24400)
    kept = pl.read_parquet(tmp_path / "report.data" / "bank_lines.parquet")
    assert kept["text"].to_list() == ["Utb. 2000001 Vippsnr 123456", ""]
    assert result.polars_frame("bank_lines")["text"].to_list() == kept["text"].to_list()


def test_run_of_a_closed_month_says_what_changed(run_month):
    """The closing stays as it is, and a change afterwards is never absorbed."""
    _, state = run_month()
    record_closing(run_month.settings, state, "Kari")
    same, _ = run_month()
    late = portal_row("Korreksjon", "-7.00", "33.00", psp="late-1", day="2026-10-31")
    changed, _ = run_month(late)

    assert "2026-10 was closed by Kari. Nothing is different since." in same.notices
    assert same.restatement.empty
    assert any("Differences from its closing: 1." in notice for notice in changed.notices)
    [row] = changed.polars_frame("restatement").to_dicts()
    assert (row["side"], row["change"], row["after_minor"]) == ("ledger_entries", "added", -700)
    assert any(
        row["cause"] in notice and "−7.00" in notice.replace("-", "−") for notice in changed.notices
    )


def test_month_closed_without_keys_stays_closed_when_there_are_keys(run_month):
    """The files of a run without keys are those of real payments; those of a simulator are not."""
    _, state = run_month()
    record_closing(run_month.settings, state, "Kari")

    for environment, closed in (("production", ["2026-10"]), ("simulator", [])):
        settings = replace(run_month.settings, environment=environment)
        assert [change.period for change in list_period_changes(settings)] == closed


def test_month_that_is_open_has_no_restatement(run_month):
    """Nothing is said of a closing that was not made."""
    result, _ = run_month()

    assert result.restatement.empty
    assert not any("closed by" in notice for notice in result.notices)


def test_run_proves_the_clearing_account_at_the_end_of_its_period(run_month):
    """The payout of 1 October arrived on the 6th; the four captures after it are not paid out."""
    result, _ = run_month()

    clearing = result.polars_frame("clearing")
    assert clearing.select("item", "amount_minor", "account_minor").rows() == [
        ("ledger_balance", 4000, 4000)
    ]
    assert any("40.00 NOK, itemised in full" in text for text in get_figures(result).ledgers)


def test_rows_of_one_order_are_one_fact(tmp_path, make_inputs):
    """Of two rows with one reference the closing records one; the other is not added afterwards."""
    from tests.workflow.conftest import order as order_row
    from tests.workflow.conftest import payment

    lines = [order_row("order-0001", number) for number in ("#1", "#2")]
    paid = [payment("order-0001", captured=1000)]
    database = f"sqlite:///{tmp_path / 'runs.db'}"
    orders, settings, client, _ = make_inputs(lines, paid, database_url=database)

    def run():
        days = {"first": OCTOBER.first, "last": OCTOBER.last}
        keep = tmp_path / "report.data"
        return reconcile_month([orders], settings, client=client, keep=keep, **days)

    first = run()
    assert first.polars_frame("orders").height == 2
    state = read_period(settings, OCTOBER, [tmp_path / "report.data"])
    assert "orders" in state.sides
    record_closing(settings, state, "Kari")
    assert "2026-10 was closed by Kari. Nothing is different since." in run().notices
