"""The workspace database keeps the status of a discrepancy, and who works on it."""

from __future__ import annotations

from datetime import date

import pytest

from vippsrecon.store import (
    ItemDecision,
    OpenItem,
    Run,
    keep_latest_items,
    read_item_decisions,
    read_open_items,
    record_item_decisions,
    record_run,
)

OCTOBER = Run("one", "test", None, None, "2026-11-05T08:00:00Z", "discrepancies")
NOVEMBER = Run("two", "test", None, None, "2026-12-05T08:00:00Z", "clean")
ITEM = OpenItem(
    "under_captured:123456:order-1",
    "open",
    "under_captured",
    "123456",
    "order-1",
    None,
    "NOK",
    500,
    date(2026, 11, 5),
    date(2026, 11, 5),
    OCTOBER.as_of,
    None,
    None,
    None,
    None,
    OCTOBER.as_of,
)
WAIVED = ITEM._replace(
    status="waived",
    status_at=NOVEMBER.as_of,
    who="Kari",
    why="Dispute",
    until_date=date(2026, 12, 31),
    as_of=NOVEMBER.as_of,
)


def test_the_latest_run_decides(store):
    """An early run that is repeated later changes nothing. Environments are separate."""
    record_run(store, OCTOBER, {}, [], [ITEM])
    record_run(store, NOVEMBER, {}, [], [WAIVED])
    record_run(store, OCTOBER, {}, [], [ITEM])

    assert read_open_items(store, "test") == [WAIVED]
    assert read_open_items(store, "production") == []


@pytest.mark.parametrize("places", [([ITEM], [WAIVED]), ([WAIVED], [ITEM])], ids=str)
def test_merging_in_memory_follows_the_rule_of_the_database(places):
    """Folders of earlier runs are given in any order."""
    earlier = WAIVED._replace(first_seen_date=date(2026, 10, 1))

    assert keep_latest_items(*places) == {ITEM.discrepancy_id: WAIVED}
    [merged] = keep_latest_items(*places, [earlier._replace(as_of="2026-10-01T00:00:00Z")]).values()
    assert merged == WAIVED._replace(first_seen_date=date(2026, 10, 1))


def test_the_latest_report_says_who_works_on_an_item(store):
    """Reading an older report again does not undo what a newer one says."""
    newer = ItemDecision(ITEM.discrepancy_id, True, "Kari", "asked", NOVEMBER.as_of)
    older = newer._replace(in_progress=False, owner="", note="", as_of=OCTOBER.as_of)
    record_item_decisions(store, "test", [newer])
    record_item_decisions(store, "test", [older])

    assert read_item_decisions(store, "test") == {ITEM.discrepancy_id: newer}
    assert read_item_decisions(store, "production") == {}
