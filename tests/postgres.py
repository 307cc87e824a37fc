"""Run a real PostgreSQL for tests: Debian's binaries, and a new cluster in a temporary folder.

    from tests.postgres import binaries, running, CutWire

The fixture `postgres` in tests/conftest.py uses it, and so does every test that kills a server. PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

PASSWORD = "s3cret/æ@:word"
"""With every character that has to be escaped in a URL. Never to be seen in a message."""

USER = "carrier"
DATABASE = "postgres"

COMMIT = b"COMMIT\0"
"""How a COMMIT ends on the wire. READ COMMITTED, which every BEGIN says, does not."""


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None if there is none."""
    folders = [Path(path).parent for path in [shutil.which("initdb")] if path]
    folders += sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
    )
    return folders[-1] if folders else None


class Postgres:
    """A server that a test can start, kill and start again.

    Attributes:
        port: The port on 127.0.0.1.
        folder: The server's folder; the data is in `data`.
    """

    def __init__(self, folder: Path, programs: Path, *, sync: bool) -> None:
        self.folder = folder
        self.programs = programs
        self.port = free_port()
        self._sync = "on" if sync else "off"
        self._server: subprocess.Popen[bytes] | None = None
        self._count = 0

    def create(self) -> None:
        """Create the cluster, with one user who has a password."""
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD, encoding="utf-8")
        password_file.chmod(0o644)
        self._run(
            "initdb",
            f"--pgdata={self.folder / 'data'}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": self._sync,
            "full_page_writes": self._sync,
            "shared_buffers": "32MB",
            "max_connections": 40,
        }
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*_as_user(), *command], stdout=log, stderr=log, cwd=self.folder
            )
        for _ in range(600):
            if self._server.poll() is not None:
                break
            if self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False) == 0:
                return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """Stop the server at once, as a power cut does: no checkpoint, no message to clients."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)  # "immediate shutdown"
            self._server.wait(30)
            self._server = None

    def database(self) -> str:
        """Create an empty workspace and return its URL.

        The workspace is a schema, because a schema has a hundredth of the files of a database.
        """
        self._count += 1
        schema = f"workspace_{self._count}"
        self.sql(f"CREATE SCHEMA {schema}", DATABASE)
        return self.url(DATABASE) + f"?options=-csearch_path%3D{schema}"

    def url(self, name: str, *, password: str = PASSWORD, port: int | None = None) -> str:
        """Return the URL of one of the server's databases."""
        escaped = quote(password, safe="")
        return f"postgresql://{USER}:{escaped}@127.0.0.1:{port or self.port}/{name}"

    def sql(self, statement: str, database: str) -> None:
        """Execute one statement outside a transaction, as the server's superuser."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        ) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        return subprocess.run(
            [*_as_user(), str(self.programs / program), *arguments],
            check=check,
            capture_output=True,
            cwd=self.folder,
        ).returncode


@contextmanager
def running(*, sync: bool = False) -> Iterator[Postgres]:
    """Run a server until the block ends. The caller has checked that `binaries` finds one.

    Args:
        sync: Write to the disk as in production; this is for measurements. Without it, the data
            of a killed server still survives, as long as the machine runs.
    """
    programs = binaries()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="vippsrecon-postgres-"))
    try:
        if os.geteuid() == 0:
            account = _account()
            os.chown(folder, account.pw_uid, account.pw_gid)
        server = Postgres(folder, programs, sync=sync)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class CutWire:
    """Forward connections to the server; if `cut` is set, close one at its next COMMIT.

    With `cut="before"`, the server never receives the COMMIT and rolls back. With `cut="after"`,
    it commits, but its answer is lost. With `closed_after_cut`, every new connection is closed
    after the cut.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut: str | None = None
        self.cuts = 0
        self.closed_after_cut = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._pairs: list[threading.Thread] = []
        self._thread.start()

    def __enter__(self) -> CutWire:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        for pair in self._pairs:
            pair.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                client, _ = self._listener.accept()
                if self.closed_after_cut and self.cuts:
                    client.close()
                    continue
                pair = threading.Thread(target=self._relay, args=(client,), daemon=True)
                self._pairs.append(pair)
                pair.start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            other = {client: server, server: client}
            while not self._closing.is_set():
                for side in select.select([client, server], [], [], 0.05)[0]:
                    with suppress(OSError):
                        data = side.recv(65536)
                        if side is client and COMMIT in data and self.cut:
                            self._commit(server, data)
                            return
                        if data:
                            other[side].sendall(data)
                            continue
                    return

    def _commit(self, server: socket.socket, data: bytes) -> None:
        cut, self.cut = self.cut, None
        self.cuts += 1
        if cut == "after":
            server.sendall(data)
            server.recv(65536)  # the answer, which the client will never see


def free_port() -> int:
    """Return a port that is free on loopback now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _account() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _as_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    account = _account()
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--",
    ]
