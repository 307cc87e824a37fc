"""The whole month: reproducible files, every planted kind, bounded memory, clear refusals."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections import Counter

import pytest

from tests.loaded_modules import list_loaded_modules
from vippsrecon.scenario import EARLIER_FILE, EXPORTED_AT, SHOPS, choose_sales_units, write_month

FILES = ("bank.xml", "orders.csv", "settlement.csv", "simulator.jsonl", "truth.csv")

EVERYWHERE = {
    "aggregate_mismatch",
    "authorization_expiring",
    "authorization_lost",
    "cancelled_but_captured",
    "captured_not_fulfilled",
    "duplicate_capture",
    "duplicate_order_row",
    "fulfilled_not_captured",
    "missing_in_orders",
    "missing_in_vipps",
    "not_paid",
    "over_captured",
    "payment_not_recorded",
    "reference_mangled",
    "refund_missing_at_vipps",
    "remainder_open",
}
WITH_REFUNDS = {
    "refund_exceeds_capture",
    "refund_failed",
    "refund_missing_in_shop",
    "under_captured",
}
"""What only an export with the amounts refunded can show."""
KINDS = {
    "plain": EVERYWHERE | WITH_REFUNDS | {"currency_mismatch", "duplicate_payment", "paid_twice"},
    "shopify": EVERYWHERE | WITH_REFUNDS | {"currency_mismatch"},
    "woocommerce": EVERYWHERE
    | WITH_REFUNDS
    | {"currency_mismatch", "duplicate_payment", "paid_twice"},
    "magento": EVERYWHERE | WITH_REFUNDS | {"paid_twice"},
    "shopware": EVERYWHERE | {"currency_mismatch", "paid_twice", "rounding_difference"},
}
BESIDE_EVERYWHERE = {
    ("ignored", "abandoned_checkout"),
    ("ignored", "nothing_to_pay"),
    ("ignored", "other_payment_method"),
    ("timing", "timing_awaiting_fulfilment"),
    ("timing", "timing_awaiting_payment"),
    ("timing", "timing_outside_export"),
    ("blind_spot", ""),
}
AROUND_THE_EXPORT = {("timing", "timing_after_cut"), ("timing", "timing_refund_not_recorded")}
BESIDE = {
    "plain": AROUND_THE_EXPORT
    | {("timing", "timing_capture_pending"), ("timing", "timing_refund_pending")},
    "shopify": AROUND_THE_EXPORT | {("timing", "timing_capture_pending")},
    "woocommerce": AROUND_THE_EXPORT
    | {
        ("timing", "timing_capture_pending"),
        ("ignored", "outside_period"),
        ("ignored", "superseded_row"),
    },
    "magento": AROUND_THE_EXPORT,
    "shopware": set(),
}


def read_state(folder):
    """Return the lines of the simulator's state."""
    text = (folder / "simulator.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def read_files(folder):
    """Return all files of a month."""
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("shop", sorted(SHOPS))
def test_the_same_arguments_give_the_same_bytes(shop, tmp_path):
    """A demo, a bug report and a benchmark must be able to name a month by its arguments."""
    for name in ("one", "two"):
        write_month(tmp_path / name, payments=300, seed=3, shop=shop)
    assert read_files(tmp_path / "one") == read_files(tmp_path / "two")


def test_another_seed_gives_another_month(tmp_path):
    """Otherwise the seed would not be used."""
    for seed in (1, 2):
        write_month(tmp_path / str(seed), payments=50, seed=seed)
    first_month, two = read_files(tmp_path / "1"), read_files(tmp_path / "2")
    assert all(first_month[name] != two[name] for name in FILES)


@pytest.mark.parametrize("folder", ["plain", "shopify"])
def test_sample_data_can_be_generated_again(folder, root, tmp_path):
    """The committed month is generated again and compared byte by byte."""
    write_month(tmp_path, payments=200, shop=folder)
    committed = read_files(root / "sample_data" / folder)
    changed = [name for name, data in read_files(tmp_path).items() if data != committed[name]]

    assert changed == [], "make them again with the commands in sample_data/README.md"


@pytest.mark.parametrize("size", [200, 2000])
@pytest.mark.parametrize("shop", sorted(SHOPS))
def test_every_kind_that_fits_the_shop_is_planted(shop, size, tmp_path):
    """The demo cannot test a kind that is never planted."""
    write_month(tmp_path, payments=size, shop=shop)
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as file:
        counts = Counter(
            (row["bucket"], row["kind"])
            for row in csv.DictReader(file)
            if row["leg"] == "order_payment"
        )
    planted = {kind for bucket, kind in counts if bucket == "discrepancy"}
    assert planted == KINDS[shop]
    beside = {pair for pair in counts if pair[0] != "discrepancy"}
    assert beside == BESIDE_EVERYWHERE | BESIDE[shop]
    if size == 2000:
        most = max(count for (bucket, _), count in counts.items() if bucket == "discrepancy")
        assert most <= size // 100


def test_an_earlier_export_shows_the_same_orders_as_they_were(tmp_path):
    """One day's orders are in two exports: what was sent or refunded later is only in the newer."""
    write_month(tmp_path, payments=2000, shop="woocommerce")
    older, newer = (
        {row["Order Number"]: row for row in read_rows(tmp_path / name)}
        for name in (EARLIER_FILE, "orders.csv")
    )
    superseded = {row["order_number"] for row in truth_of(tmp_path, "superseded_row")}

    assert (tmp_path / EARLIER_FILE).stat().st_mtime < EXPORTED_AT
    assert set(older) == superseded
    assert len(superseded) > 20
    assert all(row["Transaction Id"] == newer[key]["Transaction Id"] for key, row in older.items())
    assert any(row["Order Status"] == "processing" for row in older.values())
    assert not any(
        row["Order Status"] == "processing" for key, row in newer.items() if key in older
    )
    assert all(row["Order Date"].startswith("2026-10-12") for row in older.values())


def test_the_next_month_is_outside_the_period(tmp_path):
    """Orders of 1 November are in October's export of one shop."""
    write_month(tmp_path, payments=2000, shop="woocommerce")
    outside = {row["order_number"] for row in truth_of(tmp_path, "outside_period")}
    orders = read_rows(tmp_path / "orders.csv")

    assert len(outside) == 10
    later = {row["Order Number"] for row in orders if row["Order Date"] >= "2026-11-01"}
    assert later == outside


def read_rows(path):
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truth_of(folder, kind):
    """Return the planted rows of one kind."""
    return [row for row in read_rows(folder / "truth.csv") if row["kind"] == kind]


@pytest.mark.parametrize("payments", [1, 2, 10, 199, 200, 777])
def test_month_has_the_requested_number_of_payments(payments, tmp_path):
    """Benchmarks and the progress bar need the exact number."""
    write_month(tmp_path, payments=payments)
    assert sum("payment" in line for line in read_state(tmp_path)) == payments


@pytest.mark.parametrize("currency", ["NOK", "DKK", "EUR"])
@pytest.mark.parametrize("shop", sorted(SHOPS))
def test_every_shop_sells_in_every_currency(shop, currency, tmp_path):
    """Each market has its own deadlines, time zone, names and payout texts."""
    write_month(tmp_path, payments=200, shop=shop, currency=currency)
    lines = read_state(tmp_path)
    used = {line["payment"]["amount"]["currency"] for line in lines if "payment" in line}
    assert used == {currency}
    units = [line["sales_unit"] for line in lines if "sales_unit" in line]
    assert [unit["market"] for unit in units] == [choose_sales_units(currency)[0].market]


def test_several_sales_units_in_several_currencies(tmp_path):
    """A Nordic group has one sales unit per country and one export."""
    currencies = ("NOK", "DKK", "EUR")
    write_month(tmp_path, payments=600, sales_units=4, currencies=currencies)
    expected = {unit.msn: unit.currency for unit in choose_sales_units("NOK", 4, currencies)}
    assert list(expected.values()) == ["NOK", "DKK", "EUR", "NOK"]
    payments = {}
    for line in read_state(tmp_path):
        if "payment" in line:
            payments[line["msn"]] = line["payment"]["amount"]["currency"]
    assert payments == expected
    with (tmp_path / "orders.csv").open(encoding="utf-8", newline="") as file:
        assert {row["msn"] for row in csv.DictReader(file)} == set(expected)


def test_export_file_time_is_the_export_time(tmp_path):
    """Where nothing else states the export's time, the reader takes the file's time."""
    write_month(tmp_path, payments=5)
    assert (tmp_path / "orders.csv").stat().st_mtime == EXPORTED_AT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shop": "prestashop"}, "prestashop"),
        ({"currency": "SEK"}, "SEK"),
        ({"payments": 0}, "must be at least 1"),
        ({"shop": "shopify", "sales_units": 2}, "one sales unit"),
        ({"shop": "woocommerce", "currencies": ("NOK", "DKK")}, "one sales unit"),
    ],
    ids=["shop", "currency", "payments", "units", "currencies"],
)
def test_month_that_cannot_be_reconciled_is_refused(arguments, message, tmp_path):
    """A month that cannot be reconciled would look like a fault of the comparison."""
    with pytest.raises(ValueError, match=message):
        write_month(tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("few", "many"),
    [(1_000, 3_000), pytest.param(2_000, 10_000, marks=pytest.mark.nightly)],
)
def test_memory_does_not_grow_with_the_month(tmp_path, few, many):
    """A million payments are written as they are generated."""
    peaks = []
    for payments in (few, many):
        tracemalloc.start()
        write_month(tmp_path / str(payments), payments=payments)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    growth = (peaks[1] - peaks[0]) / (many - few)
    # Bytes a payment: 60 MB for a million.
    assert growth < 60


def test_scenario_imports_nothing_of_the_package():
    """A shared decoder would share its mistakes."""
    before = list_loaded_modules("import vippsrecon")
    loaded = list_loaded_modules("import vippsrecon.scenario") - before
    assert "vippsrecon.scenario.month" in loaded
    own_modules = {name for name in loaded if name.startswith("vippsrecon.")}
    assert all(name.startswith("vippsrecon.scenario") for name in own_modules)
    assert not {"pandas", "polars", "numpy", "httpx"} & loaded
