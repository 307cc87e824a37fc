"""Opening a database: migrations, refused places, and errors."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from tests.postgres import DATABASE, PASSWORD, free_port
from tests.store.plans_and_drafts import PLAN, make_draft, open_test_store, register_approved_plan
from vippsrecon.errors import StoreError
from vippsrecon.store import (
    acquire,
    commit_entries,
    database_exists,
    open_store,
    read_entries,
    verify_journal,
)
from vippsrecon.store.database.migrate import load_migrations
from vippsrecon.store.database.tables import METADATA
from vippsrecon.store.database.transactions import write_transaction
from vippsrecon.store.database.url import refuse_shared_folder


def test_tables_and_migrations_agree(store):
    """`tables.py` and the migrations agree in names, order, keys and nullability."""
    schema = inspect(store._engine)
    for table in METADATA.sorted_tables:
        columns = schema.get_columns(table.name)
        assert [(c["name"], c["nullable"]) for c in columns] == [
            (column.name, column.nullable) for column in table.columns
        ]
        keys = schema.get_pk_constraint(table.name)["constrained_columns"]
        assert set(keys) == {column.name for column in table.primary_key}
    assert set(schema.get_table_names()) == set(METADATA.tables)


def test_reopening_changes_nothing(store_url):
    """Migrations are applied once, and written entries stay."""
    with open_test_store(store_url) as store:
        register_approved_plan(store)
        before = list(read_entries(store, PLAN))
    with open_test_store(store_url) as store:
        assert list(read_entries(store, PLAN)) == before
        with store._engine.connect() as connection:
            versions = connection.execute(text("SELECT version FROM migrations")).scalars().all()
    assert versions == [migration.version for migration in load_migrations()]


def test_many_processes_open_a_new_database(store_url):
    """One of them makes the tables; the others wait for it."""
    start, failed = threading.Barrier(6), []

    def run():
        start.wait()
        try:
            open_test_store(store_url, wait_seconds=20).close()
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_newer_database_is_refused(store_url):
    """An old program does not know the new tables, so it changes nothing."""
    with open_test_store(store_url) as store, store._engine.begin() as connection:
        connection.execute(text("INSERT INTO migrations VALUES (99, '0099_later.sql', 'now')"))
    with pytest.raises(StoreError, match=r"newer vippsrecon \(version 99, .* pip install -U"):
        open_test_store(store_url)


def test_sqlite_confirms_only_what_is_on_disk(tmp_path):
    """The claim of docs/reliability.md needs a commit to be on the disk when it returns."""
    url = f"sqlite:///{tmp_path / 'workspace.db'}"
    with open_test_store(url) as store, store._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000}


def test_postgresql_confirms_only_what_is_on_disk(postgres):
    """This holds even if the server is set not to wait for its disk."""
    url = postgres.database() + "%20-csynchronous_commit%3Doff"
    with open_test_store(url) as store, store._engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "5s"
        standstill = text("SHOW idle_in_transaction_session_timeout")
        assert connection.execute(standstill).scalar() == "15s"


def test_looking_for_a_database_creates_none(tmp_path):
    """A dry run looks for a database and creates no file."""
    url = f"sqlite:///{tmp_path / 'workspace.db'}"
    assert not database_exists(url)
    with pytest.raises(StoreError, match="there is no workspace database"):
        open_store(url, create=False)
    assert list(tmp_path.iterdir()) == []
    open_test_store(url).close()
    assert database_exists(url)
    open_test_store(url, create=False).close()


def test_relative_path_is_fixed_when_opened(tmp_path, monkeypatch):
    """A program that changes its folder later does not begin a second journal."""
    monkeypatch.chdir(tmp_path)
    with open_store("sqlite:///workspace.db") as store:
        register_approved_plan(store)
        store._engine.dispose()
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert verify_journal(store, PLAN).ok
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db"] == ["workspace.db"]


PLACES = {
    "OneDrive - Acme AS/regnskap": "OneDrive",
    "Dropbox (Acme)": "Dropbox",
    "Library/CloudStorage/GoogleDrive-ola": "cloud storage",
    "Google Drive": "Google Drive",
    "Library/Mobile Documents/x": "iCloud",
    "iCloudDrive": "iCloud",
    "Nextcloud": "Nextcloud",
}


@pytest.mark.parametrize(("folder", "service"), PLACES.items(), ids=PLACES)
def test_a_synchronised_folder_is_refused(tmp_path, folder, service):
    """Such a folder is copied during writes, and comes back older on another machine."""
    place = tmp_path / folder
    place.mkdir(parents=True)
    with pytest.raises(StoreError, match=rf"in a folder of .*{service}.*or use PostgreSQL"):
        open_store(f"sqlite:///{place / 'workspace.db'}")
    assert list(place.iterdir()) == []


def test_a_link_into_a_synchronised_folder_is_refused_too(tmp_path):
    """The file is where the link leads."""
    (tmp_path / "Dropbox").mkdir()
    (tmp_path / "local").symlink_to(tmp_path / "Dropbox")
    with pytest.raises(StoreError, match="Dropbox"):
        open_store(f"sqlite:///{tmp_path / 'local' / 'workspace.db'}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks the drive")
@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("smb3", True),
        ("9p", True),
        ("fuse.sshfs", True),
        ("ext4", False),
        ("fuseblk", False),
        ("overlay", False),
    ],
)
def test_a_network_drive_is_refused(tmp_path, kind, refused):
    """The mount nearest to the file decides; a later mount at the same place hides the earlier."""
    share = tmp_path / "the share"
    share.mkdir()
    mounts = tmp_path / "mounts"
    point = str(share).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/sda / ext4 rw 0 0\nold {point} nfs rw 0 0\nnew {point} {kind} rw 0 0\n"
    )
    if refused:
        with pytest.raises(StoreError, match=r"network drive, .* or use PostgreSQL"):
            refuse_shared_folder(share / "workspace.db", mounts)
    else:
        refuse_shared_folder(share / "workspace.db", mounts)
    refuse_shared_folder(tmp_path / "workspace.db", mounts)


def test_files_that_are_not_a_workspace_database_are_refused(tmp_path):
    """A folder, a link to itself, a missing folder, another program's database, a text file, a truncated file."""
    with pytest.raises(StoreError, match="is a folder"):
        open_store(f"sqlite:///{tmp_path}")
    loop = tmp_path / "loop.db"
    loop.symlink_to(loop)
    with pytest.raises(StoreError, match=r"loop\.db is not an ordinary file"):
        open_store(f"sqlite:///{loop}")
    with pytest.raises(StoreError, match=r"does not exist: create .*missing"):
        open_store(f"sqlite:///{tmp_path / 'missing' / 'workspace.db'}")
    foreign_file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(foreign_file)) as connection:
        connection.execute("CREATE TABLE photos (id)")
    before = foreign_file.read_bytes()
    with pytest.raises(StoreError, match=r"other tables \(photos\)"):
        open_store(f"sqlite:///{foreign_file}")
    assert foreign_file.read_bytes() == before
    (tmp_path / "text.db").write_text("reference,amount\n" * 100)
    with pytest.raises(StoreError, match="is not a database"):
        open_store(f"sqlite:///{tmp_path / 'text.db'}")


def test_damaged_file_is_reported(tmp_path):
    """Damage after the first page is noticed when that page is read."""
    path = tmp_path / "workspace.db"
    with open_test_store(f"sqlite:///{path}") as store:
        register_approved_plan(store)
        carrier = acquire(store, PLAN, holder="ola", host="here", pid=1, started="")
        commit_entries(store, carrier, [make_draft("intended", row) for row in range(1, 500)])
    file_bytes = path.read_bytes()
    path.write_bytes(
        file_bytes[: len(file_bytes) // 3] + b"\xff" * (len(file_bytes) - len(file_bytes) // 3)
    )
    damaged = pytest.raises(StoreError, match="is damaged: put it aside and restore")
    with damaged, open_test_store(f"sqlite:///{path}") as store:
        verify_journal(store, PLAN)


@contextmanager
def unprivileged():
    """Return a user for whom permissions count; root may write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def a_folder_of_ones_own():
    """Return a folder that this user can reach; pytest's own is not reachable."""
    folder = Path(tempfile.mkdtemp(prefix="vippsrecon-store-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are other there")
def test_read_only_file_refuses_entries(a_folder_of_ones_own):
    """The error is a sentence, and nothing is written in part."""
    path = a_folder_of_ones_own / "workspace.db"
    with open_test_store(f"sqlite:///{path}") as store:
        register_approved_plan(store)
    path.chmod(0o444)
    a_folder_of_ones_own.chmod(0o555)
    with (
        unprivileged(),
        pytest.raises(StoreError, match=r"is read-only|cannot be opened"),
        open_test_store(f"sqlite:///{path}") as store,
    ):
        register_approved_plan(store, "another")
    a_folder_of_ones_own.chmod(0o755)
    path.chmod(0o644)
    with open_test_store(f"sqlite:///{path}") as store:
        assert verify_journal(store, PLAN).rows == 2


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are other there")
def test_folder_without_permission_is_refused(a_folder_of_ones_own):
    """A new database cannot be created there."""
    a_folder_of_ones_own.chmod(0o555)
    with unprivileged(), pytest.raises(StoreError, match="cannot be opened: check that its folder"):
        open_store(f"sqlite:///{a_folder_of_ones_own / 'workspace.db'}")


def test_locked_file_is_reported_after_a_wait(tmp_path):
    """A database tool or a stopped process has a transaction open."""
    path = tmp_path / "workspace.db"
    with open_test_store(f"sqlite:///{path}", wait_seconds=0.3) as store:
        register_approved_plan(store)
        with closing(sqlite3.connect(path, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="is locked by another process: wait until"):
                acquire(store, PLAN, holder="ola", host="here", pid=1)
            assert verify_journal(store, PLAN).ok, "readers are not kept out"
            tool.execute("ROLLBACK")
        assert acquire(store, PLAN, holder="ola", host="here", pid=1).epoch == 1


def test_locked_postgresql_is_reported_after_a_wait(postgres):
    """The lock is held by another session."""
    url = postgres.database()
    with open_test_store(url, wait_seconds=0.3) as store, open_test_store(url) as other:
        register_approved_plan(store)
        with (
            write_transaction(other),
            pytest.raises(StoreError, match="is locked by another process"),
        ):
            acquire(store, PLAN, holder="ola", host="here", pid=1)


def test_read_only_server_is_reported(postgres):
    """A standby server only allows reads; the error asks for the primary server."""
    url = postgres.database()
    with open_test_store(url) as store:
        register_approved_plan(store)
    with open_test_store(url + "%20-cdefault_transaction_read_only%3Don") as store:
        assert verify_journal(store, PLAN).ok
        with pytest.raises(StoreError, match="is read-only"):
            acquire(store, PLAN, holder="ola", host="here", pid=1)


SHOWN = r"database postgresql://carrier:\*\*\*@127\.0\.0\.1:\d+/\w+ "


def test_unreachable_server_is_reported(postgres):
    """The server is down at the start, and the error is a sentence."""
    with pytest.raises(StoreError, match=SHOWN + "cannot be reached: check that the server runs"):
        open_store(postgres.url(DATABASE, port=free_port()))


def test_server_refusal_says_what_to_check(postgres):
    """A wrong password and a missing database: each error says what to check."""
    with pytest.raises(StoreError, match=SHOWN + "refused the user name or password"):
        open_store(postgres.url(DATABASE, password="wr0ng-w0rd"))
    with pytest.raises(StoreError, match=SHOWN + "does not exist on that server"):
        open_store(postgres.url("nowhere"))


def test_port_without_postgresql_is_reported(postgres):
    """The port answers, but not as PostgreSQL does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            client, _ = listener.accept()
            client.recv(1024)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            client.close()

        other = threading.Thread(target=answer)
        other.start()
        with pytest.raises(StoreError, match=SHOWN):
            open_store(postgres.url(DATABASE, port=listener.getsockname()[1]))
        other.join()


def test_missing_permission_to_create_tables_is_named(postgres):
    """The error names the missing permission."""
    postgres.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'", DATABASE)
    postgres.sql("CREATE SCHEMA closed", DATABASE)
    postgres.sql("GRANT USAGE ON SCHEMA closed TO guest", DATABASE)
    url = f"postgresql://guest:guest@127.0.0.1:{postgres.port}/{DATABASE}"
    with pytest.raises(StoreError, match="refused permission: let this user create"):
        open_store(url + "?options=-csearch_path%3Dclosed")


def test_missing_psycopg_names_the_extra_to_install(tmp_path):
    """Without psycopg, the error says what to install."""
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('No module named psycopg')")
    code = "import sys; from vippsrecon.store import open_store; open_store(sys.argv[1])"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", code, "postgresql://u:s3cret@h/d"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pip install 'vippsrecon[postgres]'" in run.stderr
    assert "s3cret" not in run.stderr


BAD_URLS = {
    "an @ in the password": "postgresql://ola:p@SECRET@host/db",
    "an invalid port": "postgresql://ola:SECRET@host:SECRET/db",
    "another database": "mysql://ola:SECRET@host/db",
    "no URL": "SECRET",
    "empty": "",
    "in memory": "sqlite://",
    "named in memory": "sqlite:///:memory:",
    "with options": "sqlite:///workspace.db?mode=SECRET",
    "as a file URI": "sqlite:///file:workspace.db?uri=true&x=SECRET",
    "password as an option": "postgresql://ola@127.0.0.1:1/db?password=SECRET&bad=SECRET",
    "an unknown driver": "postgresql+SECRET://ola:SECRET@127.0.0.1:1/db",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS)
def test_invalid_url_is_not_quoted(url, caplog):
    """A mistake in a URL may move its password to any part of it."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "SECRET" not in str(caught.value) + caplog.text
    assert len(str(caught.value).split()) > 5


@given(st.text("abc:/@%?#&= øß\\'\"", min_size=1, max_size=12))
def test_no_password_is_ever_in_a_message(password):
    """No message has the password, escaped or not, wherever a wrong URL puts it."""
    secret = f"S3CRET{password}S3CRET"
    with pytest.raises(StoreError) as caught:
        open_store(f"postgresql://ola:{secret}@127.0.0.1:1/db", wait_seconds=1)
    assert "S3CRET" not in f"{caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None


def test_an_open_store_shows_no_password(postgres, caplog):
    """Its repr, its errors and SQLAlchemy's most detailed log do not have it."""
    caplog.set_level(logging.DEBUG)
    url = postgres.database()
    with open_test_store(url) as store:
        register_approved_plan(store)
        carrier = acquire(store, PLAN, holder="ola", host="here", pid=1)
        with pytest.raises(StoreError, match=r"returned an error: .* NUL") as caught:
            commit_entries(store, carrier, [make_draft("intended", 1, reference="a\0b")])
        shown = f"{store} {store!r} {store.url_masked} {caught.value} {caplog.text}"
    assert PASSWORD not in shown
    assert PASSWORD.split("/")[0] not in shown
