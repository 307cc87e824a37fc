"""Fixtures: a report, a working folder, a mail server and a channel on this computer."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.notification.mail_server import MailServer, run_mail_server
from tests.report.example_results import make_month
from vippsrecon.report import write_workbook

PASSWORD = "MARK-mail-password-77c1"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return a file with a key and a certificate for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("no program to make a certificate")
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    key, certificate = path.with_name("key.pem"), path.with_name("certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1", "-days", "2",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(key.read_text() + certificate.read_text())
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty working folder, without a keyring."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "keyring", None)
    return tmp_path


@pytest.fixture(scope="session")
def month():
    """Return a reconciliation with more than ten discrepancies."""
    return make_month().reconciliation()


@pytest.fixture(scope="session")
def written(month, tmp_path_factory):
    """Write its report once; no test changes this file."""
    return write_workbook(month, tmp_path_factory.mktemp("written") / "report.xlsx")


@pytest.fixture
def report(written, folder):
    """Copy its report into the working folder."""
    return shutil.copy2(written, folder / "report.xlsx")


@pytest.fixture
def start_mail_server(certificate, monkeypatch):
    """Return a function that starts a mail server, whose certificate this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with contextlib.ExitStack() as stack:

        def start(**settings):
            server = MailServer(certificate=certificate, **settings)
            return stack.enter_context(run_mail_server(server))

        yield start


@pytest.fixture
def write_mail_settings(folder, monkeypatch):
    """Return a function that writes `[mail]` for a server, with further lines."""

    def write(server, *lines, host="127.0.0.1", login=False):
        if login:
            monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
            lines = (*lines, 'user = "vippsrecon"', 'password_from = "MAIL_PASSWORD"')
        known = {
            "host": host,
            "port": server.port,
            "security": server.security,
            "sender": "vippsrecon@example.com",
            "results_to": ["finance@example.com", "owner@example.com"],
            "failures_to": ["it@example.com"],
        }
        given = {line.partition(" =")[0] for line in lines}
        text = [f"{key} = {json.dumps(value)}" for key, value in known.items() if key not in given]
        (folder / "vippsrecon.toml").write_text("\n".join(["[mail]", *text, *lines]))

    return write


class Channel:
    """A receiver of webhooks: what was posted to which path."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict]] = []
        self.status = 200
        self.url = ""


@pytest.fixture
def channel():
    """Serve a receiver of webhooks on this computer."""
    channel = Channel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            channel.posts.append((self.path, json.loads(body)))
            self.send_response(channel.status)
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        channel.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield channel
        server.shutdown()
        thread.join()
