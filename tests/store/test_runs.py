"""Runs keep the first day of a discrepancy, and an order as its newest export states it."""

from __future__ import annotations

from datetime import date

from vippsrecon.store import (
    ComparedOrder,
    Run,
    read_compared_orders,
    read_first_seen_dates,
    read_unsettled_orders,
    record_run,
)

OCTOBER = Run("one", "test", date(2026, 10, 1), date(2026, 10, 31), "2026-11-05T08:00:00Z", "clean")
NOVEMBER = Run("two", "test", None, None, "2026-12-05T08:00:00Z", "clean")
ORDER = ComparedOrder(
    "123456", "order-0001", "p-1", 20_000, "timing", False, [{"total_minor": 1000}]
)


def test_first_run_of_a_discrepancy_is_kept(store):
    """A later run or a repeated run does not change the first date. Environments are separate."""
    record_run(store, OCTOBER, {"a": date(2026, 11, 5)}, [], {})
    record_run(store, NOVEMBER, {"a": date(2026, 12, 5), "b": date(2026, 12, 5)}, [], {})
    record_run(store, OCTOBER, {"a": date(2026, 11, 5)}, [], {})

    expected = {"a": date(2026, 11, 5), "b": date(2026, 12, 5)}
    assert read_first_seen_dates(store, "test") == expected
    assert read_first_seen_dates(store, "production") == {}


def test_an_order_is_found_by_its_reference(store):
    """The order is as its own export states it; of 1,200 keys, only the requested ones are read."""
    others = [ORDER._replace(reference=f"other-{n:04}") for n in range(1200)]
    record_run(store, OCTOBER, {}, [ORDER, *others], {})

    keys = {("123456", f"other-{n:04}") for n in range(1100)} | {("999999", "order-0001")}
    assert len(read_compared_orders(store, "test", keys)) == 1100
    assert read_compared_orders(store, "test", {("123456", "order-0001")}) == [ORDER]
    assert not read_compared_orders(store, "production", {("123456", "order-0001")})


def test_a_later_run_settles_an_order_and_an_earlier_one_does_not_unsettle_it(store):
    """An order that November settled stays settled if October's run is repeated later."""
    record_run(store, OCTOBER, {}, [ORDER], {})
    assert read_unsettled_orders(store, "test", ["123456"], 20_000) == [ORDER]
    assert not read_unsettled_orders(store, "test", ["123456"], 19_999)
    assert not read_unsettled_orders(store, "test", ["654321"], 20_000)

    record_run(store, NOVEMBER, {}, [], {("123456", "order-0001"): True})
    record_run(store, OCTOBER, {}, [ORDER], {})

    assert not read_unsettled_orders(store, "test", ["123456"], 20_000)
    [settled] = read_compared_orders(store, "test", {("123456", "order-0001")})
    assert settled == ORDER._replace(settled=True)
