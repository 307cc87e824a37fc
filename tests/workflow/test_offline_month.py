"""Test the month without keys: orders, settlement files and statements, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from tests.sources.settlement.conftest import as_portal_csv, portal_row
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import InputError
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.scenario import write_month
from vippsrecon.schemas import ORDERS, to_polars
from vippsrecon.sources.settlement import read_settlement_files
from vippsrecon.workflow.inputs.payments_from_files import derive_payments
from vippsrecon.workflow.reconcile_month import reconcile_month

HEAD = "msn,reference,order_number,currency,total,refunded,status,paid,ordered_at,fulfilled_at"
DAYS = ("2026-10-01T10:00:00Z", "2026-10-01T12:00:00Z")
NEEDS_RESERVATION = {
    *("authorization_lost", "authorization_expiring", "fulfilled_not_captured", "not_paid"),
    *("payment_not_recorded", "remainder_open", "refund_failed", "aggregate_mismatch"),
    *("missing_in_vipps", "refund_missing_at_vipps", "refund_exceeds_capture"),
}
"""Codes that need more than captures and refunds, or that stand for one that does."""


def order(
    reference: str, status: str = "fulfilled", total: str = "10.00", days: tuple = DAYS, **changes
) -> str:
    """Return an order line; it is paid and not refunded unless said."""
    refunded, paid = changes.get("refunded", "0.00"), changes.get("paid", "yes")
    return (
        f"123456,{reference},{reference},NOK,{total},{refunded},{status},{paid},{days[0]},{days[1]}"
    )


def entry(kind: str, amount: str, reference: str, day: str = "2026-10-02", psp: str = "") -> list:
    """Return a row of the settlement file; balances are not about this."""
    own = psp or f"{kind}-{reference}-{amount}"
    return portal_row(
        kind, amount, amount, psp=own, reference=reference, day=day, time=f"{day} 12:00:00"
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Return settings without environment and keys."""
    folder = tmp_path_factory.mktemp("offline")
    return load_settings(
        offline=True, folder=folder, database_url=f"sqlite:///{folder / 'runs.db'}"
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory, settings):
    """Reconcile orders of every kind with one settlement file."""
    folder = tmp_path_factory.mktemp("files")
    early = ("2026-09-20T10:00:00Z", "2026-09-21T10:00:00Z")
    late = ("2026-10-09T10:00:00Z", "2026-10-10T20:00:00Z")
    lines = [
        order("agrees-01"),
        order("less-0001"),
        order("refunded1", refunded="4.00"),
        order("sent-0001"),
        order("open-0001", "open"),
        order("unpaid-01", "open", paid="no"),
        order("parted-01", "partial"),
        order("early-001", days=early),
        order("just-sent", days=late),
        order("cancelled", "cancelled"),
    ]
    rows = [
        entry("Belastning", "10.00", "opening-1", "2026-10-01"),
        entry("Refundering", "-10.00", "opening-1", "2026-10-01"),
        entry("Belastning", "10.00", "agrees-01"),
        entry("Belastning", "6.00", "less-0001"),
        entry("Belastning", "10.00", "refunded1"),
        entry("Refundering", "-4.00", "refunded1"),
        entry("Belastning", "4.00", "parted-01"),
        entry("Refundering", "-3.00", "older-001"),
        entry("Belastning", "7.00", "unknown-1", "2026-10-10"),
    ]
    (folder / "orders.csv").write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    (folder / "settlement.csv").write_text(as_portal_csv(rows), encoding="utf-8")
    exported_at = datetime(2026, 10, 12, tzinfo=UTC)
    return reconcile_month(
        [folder / "orders.csv"],
        settings,
        settlement=[folder / "settlement.csv"],
        exported_at=exported_at,
        record=True,
    )


def find_bucket(result, side: str, key: str) -> tuple[str, str | None]:
    """Return bucket and code of an order or payment."""
    rows = result.polars_frame("buckets").filter(pl.col("side") == side)
    if side == "orders":
        orders = result.polars_frame("orders")
        row = orders.filter(pl.col("reference") == key)["source_row"][0]
        key = f"orders.csv:{row}"
    else:
        key = f"123456:{key}"
    return rows.filter(pl.col("row_key") == key).select("bucket", "kind").row(0)


@pytest.mark.parametrize(
    ("reference", "bucket", "kind"),
    [
        ("agrees-01", "matched", ""),
        ("refunded1", "matched", ""),
        ("cancelled", "matched", ""),
        ("less-0001", "discrepancy", "under_captured"),
        ("sent-0001", "discrepancy", "missing_in_vipps"),
        ("unpaid-01", "ignored", "abandoned_checkout"),
        ("open-0001", "not_checked", ""),
        ("parted-01", "not_checked", ""),
        ("early-001", "not_checked", ""),
        ("just-sent", "not_checked", ""),
    ],
)
def test_order_is_judged_by_what_the_files_show(result, reference: str, bucket: str, kind):
    """What a file cannot show, such as a reservation, is not checked: neither right nor wrong."""
    found = find_bucket(result, "orders", reference)
    assert found == (bucket, kind)


def test_payment_without_an_order_is_judged_by_its_capture(result):
    """One was captured before the files begin, so its order may be in an earlier export."""
    assert find_bucket(result, "payments", "older-001") == ("timing", "timing_outside_export")
    assert find_bucket(result, "payments", "unknown-1") == ("discrepancy", "missing_in_orders")


def test_cover_says_what_is_not_known(result):
    """The verdict stands on less than that of a fetch, and the first page says so."""
    notices = " ".join(result.notices)
    assert "No keys were used" in notices
    assert "4 orders are not captured in full" in notices
    assert "Of 1 payment the settlement files show only a refund" in notices
    assert result.manifest["environment"] == "files"
    assert (result.complete, result.manifest["counts"]["holes"]) == (True, 0)


def test_cut_off_is_the_end_of_the_files(result):
    """Later captures are not in the files, and so are not missing."""
    assert result.manifest["as_of"] == "2026-10-10T21:59:59Z"


def test_list_of_references_is_refused(tmp_path, settings):
    """Without keys nothing is requested, so the list would have no effect."""
    (tmp_path / "orders.csv").write_text(f"{HEAD}\n{order('agrees-01')}\n", encoding="utf-8")
    (tmp_path / "list.csv").write_text("msn,reference\n123456,agrees-02\n", encoding="utf-8")
    rows = as_portal_csv([entry("Belastning", "10.00", "agrees-01")])
    (tmp_path / "settlement.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(InputError, match="--references names payments to request"):
        reconcile_month(
            [tmp_path / "orders.csv"],
            settings,
            settlement=[tmp_path / "settlement.csv"],
            references=[tmp_path / "list.csv"],
        )


@pytest.mark.ci
def test_offline_month_finds_what_the_api_finds_in_captured_money(tmp_path, settings):
    """Of the same month, both find the same; what needs a reservation is at most not checked.

    Left out are payments whose ledger is planted to differ from their events.
    """
    write_month(tmp_path, payments=200, seed=4)
    arguments = {"first": "2026-10-01", "last": "2026-10-31"}
    orders = [tmp_path / "orders.csv"]
    files = reconcile_month(orders, settings, settlement=[tmp_path / "settlement.csv"], **arguments)
    with serve_scenario(tmp_path) as simulator:
        api = reconcile_month(orders, simulator, **arguments)
    truth = pl.read_csv(tmp_path / "truth.csv", infer_schema=False)
    on_ledger = set(truth.filter(pl.col("leg") == "payment_ledger")["reference"])
    found = {
        name: {
            (row["reference"], row["kind"], row["expected_minor"], row["actual_minor"])
            for row in run.polars_frame("discrepancies").iter_rows(named=True)
            if row["leg"] == "order_payment"
            and row["kind"] not in NEEDS_RESERVATION
            and row["reference"] not in on_ledger
        }
        for name, run in (("files", files), ("api", api))
    }
    only_reserved = {row for row in found["api"] if row[1] == "duplicate_payment" and row[3] == 0}
    outside_export = {row for row in found["files"] - found["api"] if row[1] == "missing_in_orders"}
    assert found["files"] - outside_export == found["api"] - only_reserved
    assert len(found["api"]) > 15


def test_month_end_papers_are_added(result, settings):
    """Vouchers of the ledger balance; what only the payments know is not compared."""
    vouchers = result.polars_frame("vouchers")
    sums = vouchers.group_by("voucher_number").agg(pl.col("amount_minor").sum())
    assert vouchers.height > 0
    assert set(sums["amount_minor"]) == {0}
    assert result.polars_frame("cut_off").is_empty()  # no period, and no day was given


def test_cut_off_is_of_the_day_that_is_given(tmp_path, settings):
    """Reservations are not in the files: unknown, not zero."""
    (tmp_path / "orders.csv").write_text(f"{HEAD}\n{order('agrees-01')}\n", encoding="utf-8")
    rows = as_portal_csv([entry("Belastning", "10.00", "agrees-01")])
    (tmp_path / "settlement.csv").write_text(rows, encoding="utf-8")
    files = {"settlement": [tmp_path / "settlement.csv"], "cutoff": "2026-10-05"}
    result = reconcile_month([tmp_path / "orders.csv"], settings, **files)
    lines = result.polars_frame("cut_off")
    proofs = dict(lines.select("line", "proof").rows())
    assert set(lines["cut_off_date"]) == {date(2026, 10, 5)}
    assert proofs["reservations"] == proofs["in_transit"] == "not_compared"
    with pytest.raises(InputError, match="--cutoff needs the ledger"):
        reconcile_month([tmp_path / "orders.csv"], settings, cutoff="2026-10-05")


def test_ledger_of_two_currencies_has_vouchers_and_a_notice(tmp_path, settings):
    """Their numbers would be the same, so they are not compared with written ones; the run goes on."""
    (tmp_path / "orders.csv").write_text(f"{HEAD}\n{order('agrees-01')}\n", encoding="utf-8")
    rows = [entry("Belastning", "10.00", "agrees-01"), entry("Belastning", "5.00", "other-001")]
    rows[1][11] = "EUR"
    (tmp_path / "settlement.csv").write_text(as_portal_csv(rows), encoding="utf-8")
    result = reconcile_month(
        [tmp_path / "orders.csv"], settings, settlement=[tmp_path / "settlement.csv"]
    )
    assert any("several currencies: EUR, NOK" in notice for notice in result.notices)
    assert any("vouchers are not compared" in notice for notice in result.notices)
    assert set(result.polars_frame("vouchers")["currency"]) == {"EUR", "NOK"}


@pytest.mark.parametrize(("ends_at", "hour"), [("00:00", 22), ("04:00", 2)])
def test_file_with_days_only_is_dated_by_the_accounting_day(tmp_path, ends_at: str, hour: int):
    """A day ends at the time of its sales unit, in UTC one or two hours earlier than in Oslo."""
    rows = [portal_row("Belastning", "10.00", "10.00", day="2026-10-02", time="")]
    (tmp_path / "settlement.csv").write_text(as_portal_csv(rows), encoding="utf-8")
    settings = load_settings(
        offline=True,
        folder=tmp_path,
        units=(SalesUnit("123456", market="NO", day_ends_at=ends_at),),
    )
    entries = read_settlement_files([tmp_path / "settlement.csv"]).entries
    orders = to_polars(None, ORDERS)
    fetched, facts = derive_payments(entries, orders, settings)
    ends = datetime(2026, 10, 2 + (hour < 12), hour, tzinfo=UTC) - timedelta(seconds=1)

    captured = fetched.events.filter(pl.col("name") == "CAPTURED")
    assert captured["event_at"].to_list() == [ends]
    assert facts.as_of == ends
