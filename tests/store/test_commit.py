"""Group commits: caps, payments in flight, and groups that are written whole or not at all."""

from __future__ import annotations

import os
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.hypothesis_sizes import draw_examples
from tests.store.plans_and_drafts import (
    AT,
    OTHER,
    PLAN,
    make_draft,
    open_test_store,
    register_approved_plan,
    start_process,
)
from vippsrecon.errors import StoreError
from vippsrecon.store import (
    Attempt,
    CapExceeded,
    Draft,
    Entry,
    PaymentBusy,
    PaymentChanged,
    acquire,
    commit_entries,
    list_plans,
    read_attempts,
    read_cap_usage,
    read_entries,
    read_intentions,
    read_last_entries,
    read_row_states,
    sum_planner_totals,
    verify_journal,
)

CAP = (("day:1", "NOK", 250),)
PAYMENT = ("123456", "order-1")


def in_flight(store):
    """Return payment to the row that has it in flight."""
    with store._engine.connect() as connection:
        rows = connection.execute(text("SELECT reference, plan_id, row FROM in_flight")).all()
    return {row[0]: (row[1], row[2]) for row in rows}


def reserved_sum(store):
    """Return what all rows together reserve of each cap."""
    with store._engine.connect() as connection:
        return {
            scope: int(total)
            for scope, total in connection.execute(
                text("SELECT scope, sum(amount_minor) FROM reserved GROUP BY scope")
            )
        }


@pytest.fixture
def rival(store):
    """Return another plan's carrier in the same database."""
    register_approved_plan(store, OTHER)
    return acquire(store, OTHER, holder="eva", host="there", pid=1, started="")


def test_group_is_answered_in_its_order(store, carrier):
    """There is one answer per draft, and entries are linked in the group's order."""
    entries = commit_entries(
        store, carrier, [make_draft("intended", 2), Draft("ended"), make_draft("intended", 1)]
    )
    assert [(entry.kind, entry.row, entry.seq) for entry in entries] == [
        ("intended", 2, 4),
        ("ended", None, 5),
        ("intended", 1, 6),
    ]
    assert list(read_entries(store, PLAN))[3:] == entries
    assert commit_entries(store, carrier, []) == []


def test_draft_over_the_cap_does_not_affect_its_group(store, carrier):
    """It is not written and reserves nothing; the others of its group are written."""
    group = [make_draft("intended", row, caps=CAP) for row in (1, 2, 3)]
    first, second, third = commit_entries(store, carrier, group)
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert third == CapExceeded("day:1", 250, 200, "NOK")
    assert (
        read_cap_usage(store, "simulator", "day:1")
        == {"NOK": 200}
        == {"NOK": reserved_sum(store)["day:1"]}
    )
    assert "order-3" not in in_flight(store)
    assert verify_journal(store, PLAN).rows == 5


@pytest.mark.parametrize(
    ("kind", "detail", "left"),
    [
        ("done", {}, 100),
        ("already_done", {}, 100),
        ("unknown", {}, 100),
        ("refused", {}, 0),
        ("skipped", {}, 0),
        ("settled", {"outcome": "done"}, 100),
        ("settled", {"outcome": "refused"}, 0),
    ],
    ids=str,
)
def test_refused_row_releases_its_caps(store, carrier, kind, detail, left):
    """Money that moved or may have moved stays counted; the rest is free again."""
    commit_entries(store, carrier, [make_draft("intended", 1, caps=CAP)])
    commit_entries(store, carrier, [make_draft(kind, 1, **detail)])
    assert read_cap_usage(store, "simulator", "day:1") == {"NOK": left}
    assert reserved_sum(store).get("day:1", 0) == left
    assert in_flight(store) == ({"order-1": (PLAN, 1)} if kind == "unknown" else {})


def test_repeated_row_is_counted_once(store, carrier):
    """A repeated row reserves only what it has not reserved yet."""
    commit_entries(store, carrier, [make_draft("intended", 1, caps=CAP)])
    commit_entries(store, carrier, [make_draft("intended", 1, caps=CAP)])
    assert read_cap_usage(store, "simulator", "day:1") == {"NOK": 100}
    commit_entries(store, carrier, [make_draft("skipped", 1), make_draft("intended", 1, caps=CAP)])
    assert read_cap_usage(store, "simulator", "day:1") == {"NOK": 100}
    later = (("day:2", "NOK", 100),)
    commit_entries(store, carrier, [make_draft("intended", 1, caps=later)])
    assert read_cap_usage(store, "simulator", "day:2") == {"NOK": 100}
    commit_entries(store, carrier, [make_draft("refused", 1)])
    assert reserved_sum(store) == {}


def test_money_without_a_cap_counts_against_a_later_cap(store, carrier):
    """Money moved without a cap counts against a cap that is set later."""
    commit_entries(store, carrier, [make_draft("intended", 1, caps=(("day:1", "NOK", None),))])
    (refused,) = commit_entries(
        store, carrier, [make_draft("intended", 2, caps=(("day:1", "NOK", 150),))]
    )
    assert refused == CapExceeded("day:1", 150, 100, "NOK")


def test_payment_in_flight_belongs_to_one_plan(store, carrier, rival):
    """The error names the row of the other plan that must be finished first."""
    (mine,) = commit_entries(store, carrier, [make_draft("intended", 1)])
    taken = PaymentBusy(PLAN, 1, mine.at)
    other_draft = make_draft("intended", 7, reference="order-1", caps=CAP)
    assert commit_entries(store, rival, [other_draft]) == [taken]
    assert read_cap_usage(store, "simulator", "day:1") == {}
    commit_entries(store, carrier, [make_draft("unknown", 1)])
    assert commit_entries(store, rival, [other_draft]) == [taken]
    commit_entries(store, carrier, [make_draft("done", 1)])
    assert isinstance(commit_entries(store, rival, [other_draft])[0], Entry)
    assert in_flight(store) == {"order-1": (OTHER, 7)}


def test_payment_in_flight_blocks_rows_of_its_own_plan(store, carrier):
    """A payment has one operation under way at a time."""
    first, second = commit_entries(
        store, carrier, [make_draft("intended", 1), make_draft("intended", 2, reference="order-1")]
    )
    assert second == PaymentBusy(PLAN, 1, first.at)
    freed, again = commit_entries(
        store, carrier, [make_draft("done", 1), make_draft("intended", 2, reference="order-1")]
    )
    assert (freed.kind, again.kind) == ("done", "intended")
    assert in_flight(store) == {"order-1": (PLAN, 2)}


def test_the_same_reference_of_another_sales_unit_is_another_payment(store, carrier, rival):
    """References are unique within a sales unit only."""
    commit_entries(store, carrier, [make_draft("intended", 1)])
    crossed = make_draft("intended", 2, known=0)._replace(msn="654321", reference="order-1")
    for entry in commit_entries(store, rival, [crossed, make_draft("intended", 3, known=0)]):
        assert isinstance(entry, Entry)
    attempts = read_attempts(store, "simulator", [("654321", "order-1"), ("123456", "order-3")])
    assert {
        payment: [attempt.row for attempt in payment_attempts]
        for payment, payment_attempts in attempts.items()
    } == {
        ("654321", "order-1"): [2],
        ("123456", "order-3"): [3],
    }


def test_outdated_check_of_a_payment_is_refused(store, carrier, rival):
    """`known` is the number of entries read; any entry written since makes it too small."""
    other_draft = make_draft("intended", 7, reference="order-1")
    commit_entries(store, rival, [other_draft])
    (attempt,) = read_attempts(store, "simulator", [PAYMENT], but=PLAN)[PAYMENT]
    commit_entries(store, rival, [make_draft("done", 7, reference="order-1")])
    assert commit_entries(
        store, carrier, [make_draft("intended", 1, known=attempt.entry_count)]
    ) == [PaymentChanged(2)]
    assert commit_entries(store, carrier, [make_draft("intended", 1, known=0)]) == [
        PaymentChanged(2)
    ]
    assert in_flight(store) == {}
    (now,) = read_attempts(store, "simulator", [PAYMENT], but=PLAN)[PAYMENT]
    (entry,) = commit_entries(store, carrier, [make_draft("intended", 1, known=now.entry_count)])
    assert entry.kind == "intended"
    (again,) = commit_entries(store, carrier, [make_draft("intended", 1, known=now.entry_count)])
    assert again.kind == "intended", "our own entries are not another plan's"


def test_attempts_list_every_row_about_a_payment(store, carrier, rival):
    """The check for duplicates needs the state of each row of every plan."""
    commit_entries(
        store, carrier, [make_draft("intended", 1, at=AT, discrepancy_id="refund_failed:1:order-1")]
    )
    commit_entries(store, carrier, [make_draft("unknown", 1)])
    commit_entries(store, rival, [make_draft("already_done", 7, reference="order-1", at=AT)])
    commit_entries(store, rival, [make_draft("refused", 8, reference="order-1", at=AT)])
    attempts = read_attempts(store, "simulator", [PAYMENT, ("123456", "order-9")])
    assert attempts == {
        PAYMENT: [
            Attempt(
                PLAN, 1, "refund", "NOK", 100, "refund_failed:1:order-1", AT, 2, "unknown"
            ),
            Attempt(OTHER, 7, "refund", "NOK", 100, None, AT, 1, "already_done"),
            Attempt(OTHER, 8, "refund", "NOK", 100, None, AT, 1, "refused"),
        ]
    }  # fmt: skip
    commit_entries(store, carrier, [make_draft("settled", 1, outcome="done")])
    assert read_attempts(store, "simulator", [PAYMENT])[PAYMENT][0].kind == "done"
    assert read_attempts(store, "test", [PAYMENT]) == {}


def test_row_states_have_last_entry_and_first_intention(store, carrier):
    """A restart needs the last entry of a row, and its first intention while it is open."""
    commit_entries(
        store, carrier, [make_draft("intended", row, before=[1, 1, 0, 0]) for row in (1, 2, 3, 4)]
    )
    commit_entries(
        store, carrier, [make_draft("skipped", 1), make_draft("done", 2, psp_reference=None)]
    )
    commit_entries(store, carrier, [make_draft("intended", 1), make_draft("unknown", 3)])
    commit_entries(
        store, carrier, [make_draft("verified", 2, psp_reference="psp-1"), make_draft("unknown", 4)]
    )
    commit_entries(store, carrier, [make_draft("settled", 4, outcome="refused"), Draft("ended")])
    states = read_row_states(store, PLAN)
    assert {row: state.outcome for row, state in states.items()} == {
        1: "intended",
        2: "done",
        3: "unknown",
        4: "refused",
    }
    assert states[1].intended.seq == 4, "the first one: the key is as old as that"
    assert states[3].intended.parse_detail() == {"before": [1, 1, 0, 0]}
    assert states[2].intended is None
    assert states[2].detail == {"psp_reference": "psp-1"}
    assert {row: entry.kind for row, entry in read_last_entries(store, PLAN).items()} == {
        1: "intended",
        2: "done",
        3: "unknown",
        4: "settled",
    }
    assert {row: entry.seq for row, entry in read_intentions(store, PLAN).items()} == {
        1: 4,
        2: 5,
        3: 6,
        4: 7,
    }


@pytest.mark.parametrize("second", ["done", "refused", "already_done"])
def test_row_has_one_final_entry(store, carrier, second):
    """The database itself refuses a second final entry."""
    commit_entries(store, carrier, [make_draft("intended", 1), make_draft("done", 1)])
    before = list(read_entries(store, PLAN))
    with pytest.raises(StoreError):
        commit_entries(store, carrier, [make_draft("intended", 2), make_draft(second, 1)])
    assert list(read_entries(store, PLAN)) == before
    assert in_flight(store) == {}, "the whole group is undone, what it reserved included"


BAD = {
    "a kind nobody knows": Draft("paid"),
    "a plan's own": Draft("seen"),
    "no payment": Draft("intended", 1),
    "no amount": Draft("done", 1, "123456", "order-1", "NOK"),
    "no key": make_draft("intended", 1)._replace(idempotency_key=None),
    "settled as what": make_draft("settled", 1),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_invalid_draft_raises_before_writing(store, carrier, bad):
    """A programming error is raised before anything is written."""
    with pytest.raises(ValueError, match=r"entry|names|has a key|settled"):
        commit_entries(store, carrier, [make_draft("intended", 5), bad])
    assert verify_journal(store, PLAN).rows == 3


def test_planner_sums_and_plan_states(store, carrier):
    """The sums of one planner in a day, and the state of every plan."""
    register_approved_plan(
        store, OTHER, totals={"NOK": 500, "DKK": 7}, at="2026-02-02T10:00:00.000Z"
    )
    assert sum_planner_totals(store, "kari".__eq__, "simulator", AT) == {"NOK": 1500, "DKK": 7}
    assert sum_planner_totals(store, "kari".__eq__, "simulator", "2026-02-01") == {
        "NOK": 500,
        "DKK": 7,
    }
    assert sum_planner_totals(store, "kari".__eq__, "simulator", AT, but=OTHER) == {"NOK": 1000}
    assert sum_planner_totals(store, "liv".__eq__, "simulator", AT) == {}
    assert sum_planner_totals(store, "kari".__eq__, "production", AT) == {}
    assert [
        (plan.plan_id, plan.planner, plan.entries, plan.holder) for plan in list_plans(store)
    ] == [
        (PLAN, "kari", 3, "ola"),
        (OTHER, "kari", 2, None),
    ]


ROWS = st.integers(1, 4)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["intended", "intended", "skipped", "unknown", "verified"]),
        ROWS,
        st.integers(0, 120),
    ),
    max_size=12,
)


@given(st.lists(STEPS, max_size=5))
@draw_examples(20)
def test_caps_equal_reservations_in_any_order(tmp_path_factory, groups):
    """Caps equal the sum of what rows reserve, and never exceed the limit."""
    folder = tmp_path_factory.mktemp("any")
    with open_test_store(f"sqlite:///{folder / 'workspace.db'}") as store:
        register_approved_plan(store)
        carrier = acquire(store, PLAN, holder="ola", host="here", pid=os.getpid())
        for group in groups:
            commit_entries(
                store,
                carrier,
                [
                    make_draft(kind, row, reference=f"order-{row % 2}", amount=amount, caps=CAP)
                    for kind, row, amount in group
                ],
            )
            used = read_cap_usage(store, "simulator", "day:1").get("NOK", 0)
            assert 0 <= used <= 250
            assert used == reserved_sum(store).get("day:1", 0)
        assert verify_journal(store, PLAN).ok


def test_caps_are_kept_by_several_threads(store_url):
    """Four plans use one cap at once: what fits is moved, and not an øre more."""
    names = [f"{number}{PLAN[1:]}" for number in range(4)]
    with open_test_store(store_url, wait_seconds=20) as store:
        for name in names:
            register_approved_plan(store, name)

        def run(name):
            carrier = acquire(store, name, holder=name, host="there", pid=1, started="")
            for row in range(10):
                commit_entries(
                    store,
                    carrier,
                    [
                        make_draft(
                            "intended",
                            row,
                            reference=f"{name}-{row}",
                            caps=(("day:1", "NOK", 1550),),
                        )
                    ],
                )

        threads = [Thread(target=run, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (
            read_cap_usage(store, "simulator", "day:1")
            == {"NOK": 1500}
            == {"NOK": reserved_sum(store)["day:1"]}
        )
        assert all(verify_journal(store, name).ok for name in names)


RIVAL = """
import os, sys
from vippsrecon.store import Entry, acquire, commit_entries, open_store
from tests.store.plans_and_drafts import make_draft
url, plan = sys.argv[1:]
with open_store(url) as store:
    carrier = acquire(store, plan, holder=plan, host="here", pid=os.getpid())
    print("ready", flush=True)
    sys.stdin.readline()
    for first in range(0, 200, 10):
        rows = range(first + 1, first + 11)
        group = [make_draft("intended", row, caps=(("day:1", "NOK", 15_000),)) for row in rows]
        answers = commit_entries(store, carrier, group)
        written = [row for row, answer in zip(rows, answers) if isinstance(answer, Entry)]
        print(*written, flush=True)
"""


def test_caps_are_kept_by_two_processes(store_url):
    """Two plans want the same 200 payments: each payment goes to one plan, within the cap."""
    with open_test_store(store_url) as store:
        register_approved_plan(store, PLAN)
        register_approved_plan(store, OTHER)
        both = [start_process(RIVAL, store_url, plan, stdin=-1) for plan in (PLAN, OTHER)]
        for rival in both:
            assert rival.stdout.readline() == "ready\n", rival.stderr.read()
        for rival in both:
            rival.stdin.write("go\n")
            rival.stdin.flush()
        rows_done = []
        for rival in both:
            output, complaints = rival.communicate(timeout=60)
            assert rival.returncode == 0, complaints
            rows_done += [int(row) for row in output.split()]
        assert len(rows_done) == len(set(rows_done)) == 150
        assert len(in_flight(store)) == 150
        assert read_cap_usage(store, "simulator", "day:1") == {"NOK": 15_000}
        assert verify_journal(store, PLAN).rows + verify_journal(store, OTHER).rows == 2 * 3 + 150
