"""Databases that fail during a write: written entries stay, and missing ones are reported."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.postgres import DATABASE, CutWire, binaries, running
from tests.store.plans_and_drafts import (
    PLAN,
    make_draft,
    open_test_store,
    register_approved_plan,
    start_process,
)
from vippsrecon.errors import StoreError
from vippsrecon.store import (
    Entry,
    acquire,
    commit_entries,
    open_store,
    read_cap_usage,
    read_entries,
    read_head,
    release,
    renew,
    verify_journal,
)
from vippsrecon.store.database import transactions

HERE = {"holder": "ola", "host": "here", "pid": os.getpid()}
CAP = (("day:1", "NOK", 10**9),)

WRITES = """
import os, sys
from vippsrecon.store import acquire, commit_entries, open_store
from tests.store.plans_and_drafts import make_draft
url, plan, life = sys.argv[1:]
with open_store(url) as store:
    carrier = acquire(store, plan, holder="eva", host="here", pid=os.getpid())
    print("taken", flush=True)
    row = 1000 * int(life)
    while True:
        rows = range(row + 1, row + 33)
        caps = (("day:1", "NOK", 10**9),)
        made = commit_entries(store, carrier, [make_draft("intended", number, caps=caps) for number in rows])
        print(made[-1].seq, made[-1].hash, flush=True)
        commit_entries(store, carrier, [make_draft("done", number) for number in rows])
        row += 32
"""


@pytest.mark.ci
def test_writer_killed_during_commit_leaves_a_valid_chain(store_url):
    """Confirmed entries exist; an unconfirmed group exists whole or not at all."""
    drawn = random.Random(7)
    with open_test_store(store_url) as store:
        register_approved_plan(store)
        for life in range(3):
            with start_process(WRITES, store_url, PLAN, life) as writer:
                assert writer.stdout.readline() == "taken\n", writer.stderr.read()
                confirmed = writer.stdout.readline().split()
                time.sleep(drawn.uniform(0.0, 0.1))
                writer.send_signal(signal.SIGKILL)
                confirmed = [confirmed, *(line.split() for line in writer.stdout)]
                writer.wait()
            for seq, digest in (pair for pair in confirmed if len(pair) == 2):
                assert verify_journal(store, PLAN, (int(seq), digest)).ok
            verdict = verify_journal(store, PLAN)
            assert verdict.ok, verdict
            row_entries = [entry for entry in read_entries(store, PLAN) if entry.row]
            assert len(row_entries) % 32 == 0
            intended = sum(entry.kind == "intended" for entry in row_entries)
            assert read_cap_usage(store, "simulator", "day:1") == {"NOK": 100 * intended}
        assert acquire(store, PLAN, **HERE).epoch == 4


@pytest.fixture
def wire(postgres):
    """Return a connection that can be cut at a COMMIT, and a plan held through it."""
    direct = postgres.database()
    with CutWire(postgres.port) as cutting:
        through = direct.replace(f":{postgres.port}/", f":{cutting.port}/")
        with open_test_store(through) as store, open_test_store(direct) as beside:
            register_approved_plan(store)
            yield cutting, store, beside


def test_commit_with_a_lost_answer_is_found(wire):
    """The carrier looks for its entries, finds them, and continues."""
    cutting, store, beside = wire
    carrier = acquire(store, PLAN, **HERE)
    cutting.cut = "after"
    entries = commit_entries(
        store, carrier, [make_draft("intended", 1, caps=CAP), make_draft("intended", 2)]
    )
    assert cutting.cuts == 1
    assert list(read_entries(beside, PLAN))[-2:] == entries
    (then,) = commit_entries(store, carrier, [make_draft("done", 1)])
    assert then.seq == entries[-1].seq + 1
    assert verify_journal(beside, PLAN).ok


def test_commit_that_never_arrived_is_found_missing(wire):
    """The carrier finds no entries and sends nothing. The plan can continue."""
    cutting, store, beside = wire
    carrier = acquire(store, PLAN, **HERE)
    before = list(read_entries(beside, PLAN))
    cutting.cut = "before"
    with pytest.raises(StoreError, match="was lost before it had recorded the last entries"):
        commit_entries(store, carrier, [make_draft("intended", 1, caps=CAP)])
    assert cutting.cuts == 1
    assert list(read_entries(beside, PLAN)) == before
    assert read_cap_usage(beside, "simulator", "day:1") == {}
    assert isinstance(commit_entries(store, carrier, [make_draft("intended", 1)])[0], Entry)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_acquire_and_approve_are_verified_after_a_lost_answer(wire, cut):
    """Every function that appends an entry finds out whether it was written."""
    cutting, store, beside = wire
    cutting.cut = cut
    if cut == "after":
        assert acquire(store, PLAN, **HERE).epoch == 1
    else:
        with pytest.raises(StoreError, match="was lost before"):
            acquire(store, PLAN, **HERE)
    assert read_head(beside, PLAN)[0] == (3 if cut == "after" else 2)


def test_server_that_stays_away_leaves_the_entry_uncertain(wire, monkeypatch):
    """Nobody can know, so the sentence says which entry is uncertain."""
    cutting, store, beside = wire
    monkeypatch.setattr(transactions, "COMMIT_CHECK_SECONDS", 0.2)
    carrier = acquire(store, PLAN, **HERE)
    cutting.cut = "after"
    cutting.closed_after_cut = True
    with pytest.raises(StoreError, match=r"recorded entry 4 of plan .* not known whether"):
        commit_entries(store, carrier, [make_draft("intended", 1)])
    assert read_head(beside, PLAN)[0] == 4


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_session_ended_between_groups_is_replaced(store, store_url):
    """An administrator or a network ends idle sessions. The next group is written."""
    carrier = acquire(store, PLAN, **HERE)
    with open_test_store(store_url) as other, other._engine.begin() as administrator:
        administrator.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'vippsrecon' AND pid <> pg_backend_pid()"
            )
        )
    assert isinstance(commit_entries(store, carrier, [make_draft("intended", 1)])[0], Entry)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_session_ended_within_a_group_rolls_it_back(store, store_url):
    """The server rolls the group back, so none of it exists."""
    carrier = acquire(store, PLAN, **HERE)
    end = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'")

    def ended_half_way(other):
        with transactions.write_transaction(store) as connection:
            connection.execute(text("UPDATE carriers SET holder = 'nobody'"))
            with other._engine.begin() as administrator:
                administrator.execute(end)
            connection.execute(text("UPDATE carriers SET holder = 'somebody'"))

    with (
        open_test_store(store_url) as other,
        pytest.raises(StoreError, match="shut down by its admin"),
    ):
        ended_half_way(other)
    renew(store, carrier)


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL's programs are not installed")
def test_carrier_continues_after_a_server_restart():
    """While it is away each error is a sentence. When it is back, the same carrier continues."""
    with running() as server, open_store(server.url(DATABASE), wait_seconds=5) as store:
        register_approved_plan(store)
        carrier = acquire(store, PLAN, **HERE)
        (first,) = commit_entries(store, carrier, [make_draft("intended", 1)])
        server.stop()
        for text in (
            lambda: commit_entries(store, carrier, [make_draft("done", 1)]),
            lambda: renew(store, carrier),
            lambda: release(store, carrier),
            lambda: list(read_entries(store, PLAN)),
            lambda: acquire(store, PLAN, **HERE),
        ):
            with pytest.raises(StoreError, match=r"cannot be reached|was lost|was shut down"):
                text()
        server.start()
        assert read_head(store, PLAN) == (first.seq, first.hash)
        commit_entries(store, carrier, [make_draft("done", 1)])
        assert verify_journal(store, PLAN).ok


def test_full_disk_writes_nothing_in_part(tmp_path):
    """SQLite's own limit simulates a full disk. With free space the same carrier continues."""
    with open_test_store(f"sqlite:///{tmp_path / 'workspace.db'}") as store:
        register_approved_plan(store)
        carrier = acquire(store, PLAN, **HERE)
        commit_entries(store, carrier, [make_draft("intended", 1, caps=CAP)])
        before = list(read_entries(store, PLAN))
        limited(store, "(SELECT page_count FROM pragma_page_count) + 4")
        group = [make_draft("intended", row, caps=CAP) for row in range(2, 300)]
        with pytest.raises(StoreError, match="the disk is full: free some space"):
            commit_entries(store, carrier, group)
        assert list(read_entries(store, PLAN)) == before
        assert read_cap_usage(store, "simulator", "day:1") == {"NOK": 100}
        limited(store, "1000000")
        assert len(commit_entries(store, carrier, group)) == 298
        assert verify_journal(store, PLAN).ok


def limited(store, pages):
    """Limit the file to this many pages, for the store's open connection."""
    with store._engine.connect() as connection:
        count = connection.exec_driver_sql(f"SELECT {pages}").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")


def test_deleted_database_is_not_replaced_by_an_empty_one(tmp_path):
    """A deleted database is noticed when it is opened again, not replaced by an empty one."""
    path = tmp_path / "workspace.db"
    with open_test_store(f"sqlite:///{path}") as store:
        register_approved_plan(store)
    path.unlink()
    with pytest.raises(StoreError, match="there is no workspace database"):
        open_test_store(f"sqlite:///{path}", create=False)


def test_any_thread_may_use_the_store(store):
    """The carrier writes from one thread and reads from another."""
    with ThreadPoolExecutor(1) as writer:
        carrier = writer.submit(acquire, store, PLAN, **HERE).result()
        entries = writer.submit(
            commit_entries, store, carrier, [make_draft("intended", 1)]
        ).result()
    assert threading.current_thread() is threading.main_thread()
    assert list(read_entries(store, PLAN))[-1:] == entries


def test_readers_do_not_wait_for_writers(store, carrier):
    """`vippsrecon journal` shows a running plan."""
    with transactions.write_transaction(store) as connection:
        connection.execute(text("UPDATE carriers SET holder = 'later'"))
        assert len(list(read_entries(store, PLAN))) == 3


def test_an_interrupted_write_is_undone(store, carrier):
    """After Ctrl-C during a group, none of the group exists."""

    def interrupted():
        with transactions.write_transaction(store) as connection:
            connection.execute(text("UPDATE carriers SET epoch = 99"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    renew(store, carrier)


def test_sqlite_can_tell_when_a_backup_is_consistent(tmp_path):
    """The documented backup, SQLite's own copy of an open database, verifies."""
    path = tmp_path / "workspace.db"
    with open_test_store(f"sqlite:///{path}") as store:
        register_approved_plan(store)
        carrier = acquire(store, PLAN, **HERE)
        commit_entries(store, carrier, [make_draft("intended", row) for row in range(1, 100)])
        with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "copy.db") as target:
            source.backup(target)
        source.close()
        target.close()
    with open_test_store(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert verify_journal(copy, PLAN).rows == 102
