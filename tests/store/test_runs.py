"""Runs keep the first day of a discrepancy, and an order as its newest export states it."""

from __future__ import annotations

from datetime import date

from vippsrecon.store import (
    ComparedOrder,
    Run,
    keep_first_dates,
    keep_latest_orders,
    read_compared_orders,
    read_first_seen_dates,
    read_unsettled_orders,
    record_run,
)

OCTOBER = Run("one", "test", date(2026, 10, 1), date(2026, 10, 31), "2026-11-05T08:00:00Z", "clean")
NOVEMBER = Run("two", "test", None, None, "2026-12-05T08:00:00Z", "clean")
ORDER = ComparedOrder(
    "123456",
    "order-0001",
    "p-1",
    20_000,
    "timing",
    False,
    [{"total_minor": 1000}],
    OCTOBER.as_of,
)
SETTLED = ORDER._replace(settled=True, as_of=NOVEMBER.as_of)


def test_first_run_of_a_discrepancy_is_kept(store):
    """A later run or a repeated run does not change the first date. Environments are separate."""
    record_run(store, OCTOBER, {"a": date(2026, 11, 5)}, [])
    record_run(store, NOVEMBER, {"a": date(2026, 12, 5), "b": date(2026, 12, 5)}, [])
    record_run(store, OCTOBER, {"a": date(2026, 11, 5)}, [])

    expected = {"a": date(2026, 11, 5), "b": date(2026, 12, 5)}
    assert read_first_seen_dates(store, "test") == expected
    assert read_first_seen_dates(store, "production") == {}


def test_an_order_is_found_by_its_reference(store):
    """The order is as its own export states it; of 1,200 keys, only the requested ones are read."""
    others = [ORDER._replace(reference=f"other-{n:04}") for n in range(1200)]
    record_run(store, OCTOBER, {}, [ORDER, *others])

    keys = {("123456", f"other-{n:04}") for n in range(1100)} | {("999999", "order-0001")}
    assert len(read_compared_orders(store, "test", keys)) == 1100
    assert read_compared_orders(store, "test", {("123456", "order-0001")}) == [ORDER]
    assert not read_compared_orders(store, "production", {("123456", "order-0001")})


def test_a_later_run_settles_an_order_and_an_earlier_one_does_not_unsettle_it(store):
    """An order that November settled stays settled if October's run is repeated later."""
    record_run(store, OCTOBER, {}, [ORDER])
    assert read_unsettled_orders(store, "test", ["123456"], 20_000) == [ORDER]
    assert not read_unsettled_orders(store, "test", ["123456"], 19_999)
    assert not read_unsettled_orders(store, "test", ["654321"], 20_000)

    record_run(store, NOVEMBER, {}, [SETTLED])
    record_run(store, OCTOBER, {}, [ORDER])

    assert not read_unsettled_orders(store, "test", ["123456"], 20_000)
    [settled] = read_compared_orders(store, "test", {("123456", "order-0001")})
    assert settled == SETTLED


def test_the_earliest_first_day_is_kept_whichever_run_is_recorded_first(store):
    """A month may be repeated, or read from its folder, after a later month was recorded."""
    record_run(store, NOVEMBER, {"a": date(2026, 12, 5)}, [])
    record_run(store, OCTOBER, {"a": date(2026, 11, 5)}, [])

    assert read_first_seen_dates(store, "test") == {"a": date(2026, 11, 5)}


def test_merging_in_memory_follows_the_rule_of_the_database(store):
    """Whatever the order, the latest run and the earliest day win, as they do in the database."""
    changed = ORDER._replace(bucket="matched")
    cases = [[ORDER, SETTLED], [SETTLED, ORDER], [ORDER, changed], [SETTLED, ORDER, changed]]
    for number, case in enumerate(cases):
        orders = [order._replace(reference=f"order-{number}") for order in case]
        [merged] = keep_latest_orders(orders).values()
        for order in orders:
            record_run(store, OCTOBER, {}, [order])
        assert read_compared_orders(store, "test", {merged.key}) == [merged]
        assert merged == [SETTLED, SETTLED, changed, SETTLED][number]._replace(
            reference=f"order-{number}"
        )
    early, late = {"a": date(2026, 11, 5)}, {"a": date(2026, 12, 5), "b": date(2026, 12, 6)}
    assert keep_first_dates(early, late) == keep_first_dates(late, early) == late | early
