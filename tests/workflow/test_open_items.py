"""Test what becomes of a discrepancy over several runs: open, in progress, waived, closed, reopened."""

from __future__ import annotations

import shutil
from datetime import date

import polars as pl
import pytest

from tests.payments import MSN
from tests.workflow.test_saved_runs import STATE, payment, run
from vippsrecon import schemas
from vippsrecon.store import ItemDecision, open_store, read_open_items
from vippsrecon.workflow.decisions.ignore_file import Waiver
from vippsrecon.workflow.history.open_items import JudgingRun, build_open_items, judge_items

PAIR = (MSN, "order-1")
ID = f"under_captured:{MSN}:order-1"
FIRST = JudgingRun("run-1", "2026-11-05T08:00:00Z", date(2026, 11, 5), complete=True)
SECOND = JudgingRun("run-2", "2026-12-05T08:00:00Z", date(2026, 12, 5), complete=True)
THIRD = JudgingRun("run-3", "2027-01-05T08:00:00Z", date(2027, 1, 5), complete=True)
WAIVER = Waiver(MSN, "order-1", "Dispute", "Kari", date(2026, 12, 31))


def report(*ids, at_risk=500):
    """Return `schemas.DISCREPANCIES` with these discrepancies."""
    rows = [
        {
            "discrepancy_id": discrepancy_id,
            "leg": "order_payment",
            "question": "captured",
            "kind": discrepancy_id.split(":")[0],
            "severity": "medium",
            "msn": MSN,
            "reference": discrepancy_id.split(":")[2],
            "currency": "NOK",
            "difference_minor": -500,
            "at_risk_minor": at_risk,
            "flags": "",
            "first_seen_date": date(2026, 11, 5),
            "cause": "",
            "next_step": "",
        }
        for discrepancy_id in ids
    ]
    return pl.DataFrame(rows, schema=schemas.polars_schema(schemas.DISCREPANCIES))


def judge(known, ids, judging, *, compared=(ID,), waivers=(), decisions=()):
    """Judge the items of one run after those of another."""
    return judge_items(
        known,
        report(*ids),
        compared=set(compared),
        waivers={(waiver.msn, waiver.reference): waiver for waiver in waivers},
        decisions={decision.discrepancy_id: decision for decision in decisions},
        run=judging,
    )


@pytest.fixture
def opened():
    """Return the item as the first run left it."""
    return judge({}, [ID], FIRST)


def test_an_item_keeps_its_first_day_and_gets_a_last_one(opened):
    """The status counts from the run that gave it, the last day from the latest report of it."""
    item = judge(opened, [ID], SECOND)[ID]

    assert (item.status, item.status_at) == ("open", FIRST.as_of)
    assert (item.first_seen_date, item.last_seen_date) == (date(2026, 11, 5), SECOND.today)


def test_a_complete_run_that_compares_the_pair_closes_the_item(opened):
    """The item names the run that closed it; the next run lists it no longer."""
    closed = judge(opened, [], SECOND)

    assert (closed[ID].status, closed[ID].closed_by) == ("closed_by_evidence", "run-2")
    assert build_open_items(closed.values(), [], {}, SECOND).height == 1
    later = judge(closed, [], THIRD)
    assert later == closed
    assert build_open_items(later.values(), [], {}, THIRD).is_empty()


@pytest.mark.parametrize(
    ("judging", "compared"),
    [
        pytest.param(SECOND._replace(complete=False), [ID], id="incomplete run"),
        pytest.param(SECOND, ["under_captured:1:order-2"], id="sides not compared"),
    ],
)
def test_what_proves_nothing_closes_nothing(opened, judging, compared):
    """An incomplete run may not have read it; a pair outside the run may still be wrong."""
    assert judge(opened, [], judging, compared=compared) == opened


def test_a_closed_item_that_comes_back_is_reopened(opened):
    """It stays reopened until somebody works on it, or a run closes it again."""
    reopened = judge(judge(opened, [], SECOND), [ID], THIRD)

    assert (reopened[ID].status, reopened[ID].closed_by) == ("reopened", None)
    assert reopened[ID].first_seen_date == date(2026, 11, 5)
    assert judge(reopened, [ID], THIRD) == reopened


def test_a_waived_item_is_not_closed_and_opens_when_the_waiver_ends(opened):
    """Its pair is not judged meanwhile. Who, why and until when come from the ignore file."""
    waived = judge(opened, [], SECOND, waivers=[WAIVER])
    item = waived[ID]

    assert (item.status, item.who, item.why) == ("waived", "Kari", "Dispute")
    assert (item.until_date, item.at_risk_minor) == (date(2026, 12, 31), 500)
    still_there = judge(waived, [ID], THIRD)[ID]
    assert (still_there.status, still_there.who, still_there.until_date) == ("open", None, None)
    assert judge(waived, [], THIRD, compared=[])[ID].status == "open"
    assert judge(waived, [], THIRD)[ID].status == "closed_by_evidence"


def test_somebody_works_on_an_item(opened):
    """The decision of a report sets the status, an empty one of a later report ends it."""
    decision = ItemDecision(ID, in_progress=True, owner="Kari", note="asked", as_of=FIRST.as_of)
    working = judge(opened, [ID], SECOND, decisions=[decision])
    assert (working[ID].status, working[ID].who, working[ID].why) == (
        "in_progress",
        "Kari",
        "asked",
    )
    assert working[ID].status_at == SECOND.as_of

    assert judge(working, [ID], THIRD, decisions=[decision])[ID].status == "in_progress"
    ended = decision._replace(in_progress=False, as_of=SECOND.as_of)
    assert judge(working, [ID], THIRD, decisions=[ended])[ID].status == "open"


def test_an_old_decision_does_not_count_for_what_came_back(opened):
    """It was made before the item was closed."""
    decision = ItemDecision(ID, in_progress=True, owner="Kari", note="", as_of=FIRST.as_of)
    closed = judge(opened, [], SECOND)

    assert judge(closed, [ID], THIRD, decisions=[decision])[ID].status == "reopened"


def test_a_repeated_run_leaves_the_items_as_they_are(opened):
    """Also an early run that is repeated after a later one has closed the item."""
    decision = ItemDecision(ID, in_progress=True, owner="", note="", as_of=FIRST.as_of)
    for ids, options in (([ID], {}), ([], {}), ([], {"waivers": [WAIVER]})):
        once = judge(opened, ids, SECOND, decisions=[decision], **options)
        assert judge(once, ids, SECOND, decisions=[decision], **options) == once
    closed = judge(opened, [], SECOND)
    assert judge(closed, [ID], FIRST) == opened


def test_a_waived_payment_without_an_item_is_listed():
    """A test order is waived before any run reports it: its amount is unknown, not zero."""
    rows = [{"msn": MSN, "reference": "order-1", "order_number": "1", "currency": "NOK"}]
    frame = build_open_items([], rows, {PAIR: WAIVER}, SECOND)

    [row] = frame.iter_rows(named=True)
    assert (row["discrepancy_id"], row["kind"]) == (f"waived:{MSN}:order-1", "waived")
    assert (row["at_risk_minor"], row["age_days"], row["who"]) == (None, None, "Kari")


AS_ORDERED = payment("order-late", "2026-10-30", (1000, "2026-11-03"))
WRONG = f"over_captured:{MSN}:order-wrong"
LATE = f"over_captured:{MSN}:order-late"


def describe(result):
    """Return ID, status and the day of the first run of each open item."""
    return result.polars_frame("open_items").select("discrepancy_id", "status", "age_days").rows()


@pytest.mark.ci
@pytest.mark.parametrize("record", [True, False], ids=["database", "folders"])
def test_items_carry_over_between_months(tmp_path, record):
    """November reports one more; December finds one corrected.

    The workspace database and the folders of `--earlier` give the same.
    """

    def month(name, state=None):
        folders = [] if record else sorted(tmp_path.glob("*.data"))
        state = state or STATE[name]
        return run(tmp_path, name, state=state, record=record, earlier=folders)

    assert describe(month("october")) == [(WRONG, "open", 0)]
    assert describe(month("november")) == [(WRONG, "open", 30), (LATE, "open", 0)]
    corrected = [*STATE["december"][:1], AS_ORDERED, *STATE["december"][2:]]
    december = month("december", corrected)
    assert describe(december) == [(WRONG, "open", 61), (LATE, "closed_by_evidence", 31)]
    [closed] = (
        december.polars_frame("open_items").filter(status="closed_by_evidence").rows(named=True)
    )
    assert closed["closed_by"] == december.manifest["run_id"]


def test_the_database_keeps_what_a_run_found(tmp_path):
    """A run that is repeated from its files changes nothing in it, and gives the same items."""
    run(tmp_path, "october", record=True)
    november = run(tmp_path, "november", record=True)
    with open_store(f"sqlite:///{tmp_path / 'vippsrecon.db'}", create=False) as store:
        before = read_open_items(store, "simulator")
        assert {item.discrepancy_id for item in before} == {WRONG, LATE}
    folder = tmp_path / "november.data"
    shutil.copytree(folder, tmp_path / "kept.data")
    again = run(tmp_path, "november", record=True, payments=tmp_path / "kept.data")

    assert describe(again) == describe(november)
    with open_store(f"sqlite:///{tmp_path / 'vippsrecon.db'}", create=False) as store:
        assert read_open_items(store, "simulator") == before


@pytest.mark.ci
def test_folders_of_an_older_version_have_no_items(tmp_path):
    """They are accepted; the first day of a discrepancy is still known."""
    run(tmp_path, "october")
    for name in ("open_items.parquet", "sha256.json"):
        (tmp_path / "october.data" / name).unlink()
    result = run(tmp_path, "november", earlier=[tmp_path / "october.data"])

    assert (WRONG, "open", 30) in describe(result)


def test_a_waived_payment_leaves_the_totals_and_is_listed(tmp_path):
    """November's ignore file lists the payment that October reported."""
    october = run(tmp_path, "october", record=True)
    assert october.exit_code == 1
    (tmp_path / "ignore.csv").write_text(
        "reference,reason,who,until\norder-wrong,Agreed with the customer,Kari,2026-12-31\n",
        encoding="utf-8",
    )
    (tmp_path / "vippsrecon.toml").write_text('ignore_file = "ignore.csv"\n', encoding="utf-8")
    as_ordered = [STATE["november"][0], AS_ORDERED, *STATE["november"][2:]]
    result = run(tmp_path, "november", record=True, state=as_ordered)

    assert result.polars_frame("discrepancies").is_empty()
    [row] = result.polars_frame("open_items").rows(named=True)
    assert (row["discrepancy_id"], row["status"]) == (WRONG, "waived")
    assert (row["who"], row["why"]) == ("Kari", "Agreed with the customer")
    assert row["at_risk_minor"] == 200
