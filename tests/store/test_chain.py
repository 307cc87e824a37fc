"""The chain of hashes: its laws, and every kind of tampering it shows."""

from __future__ import annotations

import hashlib
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.hypothesis_sizes import draw_examples
from tests.store.plans_and_drafts import (
    OTHER,
    PLAN,
    change_as_owner,
    make_draft,
    register_approved_plan,
)
from vippsrecon.errors import PlanError
from vippsrecon.store import Draft, commit_entries, read_entries, read_head, verify_journal
from vippsrecon.store.journal.entry import NO_HASH, Entry, compute_entry_hash, link_entry

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
DETAIL = st.dictionaries(TEXT, st.none() | st.integers(-(2**53), 2**53) | TEXT | st.lists(TEXT))
DRAFTS = st.builds(
    Draft,
    kind=st.sampled_from(["intended", "done", "unknown", "ended"]),
    row=st.none() | st.integers(1, 10**6),
    msn=st.none() | TEXT,
    reference=st.none() | TEXT,
    currency=st.none() | TEXT,
    amount_minor=st.none() | st.integers(0, 10**15),
    idempotency_key=st.none() | TEXT,
    detail=DETAIL,
)


def chain(drafts):
    """Link drafts into a chain."""
    entries, place = [], (0, NO_HASH)
    for draft in drafts:
        entries.append(
            link_entry(
                draft,
                plan_id="p",
                head=place,
                epoch=1,
                environment="test",
                verb="refund",
                at="t",
            )
        )
        place = entries[-1].seq, entries[-1].hash
    return entries


@given(st.lists(DRAFTS, max_size=8))
def test_python_alone_computes_the_same_hashes(drafts):
    """An auditor can check a chain with the standard library alone."""
    for entry in chain(drafts):
        fields = {k: v for k, v in entry._asdict().items() if k not in ("hash", "previous_hash")}
        plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        expected = hashlib.sha256(f"{entry.previous_hash}\n{plain}".encode()).hexdigest()
        assert entry.hash == expected


@given(DRAFTS, st.sampled_from([name for name in Entry._fields if name != "hash"]), st.data())
@draw_examples(80)
def test_every_column_is_in_the_hash(change, column, data):
    """Otherwise a column could be changed without changing the hash."""
    (entry,) = chain([change])
    old = getattr(entry, column)
    kind = st.integers(0, 10**6) if isinstance(old, int) else TEXT
    new = data.draw((kind | st.none()).filter(lambda value: value != old))
    if column == "previous_hash":
        new = new or "another"
    assert compute_entry_hash(entry._replace(**{column: new})) != entry.hash


def filled(store, carrier):
    """Write ten entries of the plan."""
    commit_entries(store, carrier, [make_draft("intended", row) for row in (1, 2, 3)])
    commit_entries(
        store,
        carrier,
        [make_draft("done", 1, why="ø"), make_draft("refused", 2), make_draft("unknown", 3)],
    )
    commit_entries(store, carrier, [Draft("ended", detail={"counts": {"done": 1}})])
    return list(read_entries(store, PLAN))


def test_unchanged_chain_is_valid(store, carrier):
    """The normal case; a run prints the head for this comparison."""
    entries = filled(store, carrier)
    verdict = verify_journal(store, PLAN)
    assert verdict.ok
    assert (verdict.rows, verdict.last_hash) == read_head(store, PLAN) == (10, entries[-1].hash)
    assert verdict.first_hash == entries[0].hash
    assert entries[0].previous_hash == NO_HASH
    assert [entry.kind for entry in entries[:3]] == ["seen", "approved", "carrier"]
    assert verify_journal(store, PLAN, read_head(store, PLAN)).ok
    assert verify_journal(store, PLAN, (5, entries[4].hash)).ok, (
        "the head of an earlier run holds too"
    )


CHANGES = {
    "at": "2026-01-31T10:00:00.001Z",
    "kind": "refused",
    "epoch": 2,
    "row": 99,
    "environment": "production",
    "verb": "capture",
    "msn": "654321",
    "reference": "order-2 ",
    "currency": "DKK",
    "amount_minor": 101,
    "idempotency_key": None,
    "detail": "{}",
    "previous_hash": "0" * 64,
    "hash": "0" * 64,
}


@pytest.mark.parametrize("column", CHANGES)
def test_changed_column_is_found_at_its_entry(store, carrier, column):
    """A change of one value is found at exactly that entry."""
    filled(store, carrier)
    with change_as_owner(store) as run:
        run(f"UPDATE journal SET {column} = :new WHERE seq = 7", new=CHANGES[column])
    verdict = verify_journal(store, PLAN)
    assert not verdict.ok
    assert (verdict.at_seq, verdict.rows) == (7, 6)
    assert verdict.fault.startswith("entry 7 was changed")


def test_every_column_but_the_key_is_tested():
    """The list above is complete; the tests below change plan and position."""
    assert set(CHANGES) == set(Entry._fields) - {"plan_id", "seq"}


def test_rehashed_entry_is_found_at_the_next_entry(store, carrier):
    """A new hash for one entry does not fit the next entry."""
    entries = filled(store, carrier)
    forged = entries[6]._replace(amount_minor=1)
    with change_as_owner(store) as run:
        run(
            "UPDATE journal SET amount_minor = 1, hash = :hash WHERE seq = 7",
            hash=compute_entry_hash(forged),
        )
    verdict = verify_journal(store, PLAN)
    assert (verdict.ok, verdict.at_seq) == (False, 8)
    assert "does not follow entry 7" in verdict.fault


def rewritten(run, entries, start):
    """Write every entry from `start` on again, so that the chain is valid in itself."""
    previous = entries[start - 2].hash
    for entry in entries[start - 1 :]:
        changed = entry._replace(at="2020-01-01T00:00:00.000Z", previous_hash=previous)
        changed = changed._replace(hash=compute_entry_hash(changed))
        run(
            "UPDATE journal SET at = :at, previous_hash = :previous, hash = :hash WHERE seq = :seq",
            at=changed.at,
            previous=previous,
            hash=changed.hash,
            seq=changed.seq,
        )
        previous = changed.hash


def test_rewritten_chain_is_found_only_with_a_saved_head(store, carrier):
    """The documents state this limit of the journal, and it is true in both directions."""
    entries = filled(store, carrier)
    with change_as_owner(store) as run:
        rewritten(run, entries, 5)
    assert verify_journal(store, PLAN).ok
    verdict = verify_journal(store, PLAN, (10, entries[9].hash))
    assert (verdict.ok, verdict.at_seq) == (False, 10)
    assert "another hash than the saved head" in verdict.fault


def test_removed_last_entries_are_found_only_with_a_saved_head(store, carrier):
    """Without a printed head, a shorter chain is valid."""
    entries = filled(store, carrier)
    with change_as_owner(store) as run:
        run("DELETE FROM journal WHERE seq > 8")
    assert verify_journal(store, PLAN).ok
    verdict = verify_journal(store, PLAN, (10, entries[9].hash))
    assert (verdict.ok, verdict.rows, verdict.at_seq) == (False, 8, 9)
    assert "its tail was cut off" in verdict.fault


@pytest.mark.parametrize("seq", [1, 2, 9])
def test_a_missing_entry_is_named(store, carrier, seq):
    """An entry is removed from the middle, or the first one."""
    filled(store, carrier)
    with change_as_owner(store) as run:
        run("DELETE FROM journal WHERE seq = :seq", seq=seq)
    verdict = verify_journal(store, PLAN)
    assert (verdict.ok, verdict.at_seq) == (False, seq)
    assert verdict.fault.startswith(f"entry {seq} is missing")


def test_swapped_entries_are_found(store, carrier):
    """Two entries exchange their positions, with their hashes."""
    filled(store, carrier)
    with change_as_owner(store) as run:
        for old, new in ((5, 99), (6, 5), (99, 6)):
            run("UPDATE journal SET seq = :new WHERE seq = :old", old=old, new=new)
    verdict = verify_journal(store, PLAN)
    assert (verdict.ok, verdict.at_seq) == (False, 5)


def test_an_entry_replayed_at_the_end_is_found(store, carrier):
    """A copied entry with a new number would make an operation look as if done twice."""
    entries = filled(store, carrier)
    with change_as_owner(store) as run:
        copy = entries[3]._replace(seq=11, row=9)
        columns = ", ".join(Entry._fields)
        values = ", ".join(f":{name}" for name in Entry._fields)
        run(f"INSERT INTO journal ({columns}) VALUES ({values})", **copy._asdict())
    verdict = verify_journal(store, PLAN)
    assert (verdict.ok, verdict.at_seq) == (False, 11)


def test_entry_moved_to_another_plan_is_found(store, carrier):
    """Each plan has its chain, so one chain has a gap and the other a foreign entry."""
    filled(store, carrier)
    register_approved_plan(store, OTHER)
    with change_as_owner(store) as run:
        run("UPDATE journal SET plan_id = :other, seq = 3 WHERE plan_id = :plan AND seq = 6",
            other=OTHER, plan=PLAN)  # fmt: skip
    assert verify_journal(store, PLAN).at_seq == 6
    assert verify_journal(store, OTHER).at_seq == 3


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_bytes_in_a_text_column_are_reported(store, carrier):
    """SQLite accepts bytes in a text column; the error must name the row."""
    filled(store, carrier)
    with change_as_owner(store) as run:
        run("UPDATE journal SET detail = x'ff00' WHERE seq = 4")
    assert verify_journal(store, PLAN).at_seq == 4


def test_unknown_plan_has_no_chain(store):
    """A mistyped plan id is a fault in `verify_journal` and an error in `read_head`."""
    assert verify_journal(store, OTHER).fault == f"plan {OTHER} has no entries here"
    with pytest.raises(PlanError, match="approve it first"):
        read_head(store, OTHER)


@pytest.mark.parametrize("statement", ["UPDATE journal SET row = 1", "DELETE FROM journal"])
def test_database_refuses_update_and_delete(store, statement):
    """A careless statement in a database tool cannot change the journal."""
    with store._engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(statement))
    assert verify_journal(store, PLAN).ok


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_database_refuses_truncate(store):
    """TRUNCATE is neither UPDATE nor DELETE. SQLite does not have it."""
    with store._engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text("TRUNCATE journal"))


def test_long_chains_are_read_in_pages(store, carrier):
    """More entries than a page has come in order, each once, from any start."""
    for first in range(1, 5001, 1000):
        commit_entries(
            store, carrier, [make_draft("skipped", row) for row in range(first, first + 1000)]
        )
    read = list(read_entries(store, PLAN))
    assert [entry.seq for entry in read] == list(range(1, 5004))
    assert [entry.seq for entry in read_entries(store, PLAN, after=5001)] == [5002, 5003]
    assert verify_journal(store, PLAN).ok


def test_details_are_returned_unchanged(store, carrier):
    """Both databases return all alphabets, nulls and nested lists unchanged."""
    detail = {"why": "øre ✓ \u0000 \n", "before": [1, 2, 3, 4], "after": None, "b": {"a": True}}
    (entry,) = commit_entries(store, carrier, [make_draft("intended", 1)._replace(detail=detail)])
    assert entry.parse_detail() == detail
    assert list(read_entries(store, PLAN))[-1] == entry
    assert orjson.loads(entry.detail) == detail
