"""A gateway between program and simulator whose error answers repeat what they know of a customer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.privacy.markers import EMAIL, PHONES, SECRETS

_KEPT_HEADERS = ("content-type", "date", "retry-after")
_MARK = SECRETS["token"]


@contextmanager
def serve_echoing_errors(base_url: str) -> Iterator[str]:
    """Pass all requests on to `base_url`, and put planted texts into every error answer.

    Access tokens are marked on their way to the program.
    """
    target = urlsplit(base_url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            connection = HTTPConnection(target, timeout=30)
            headers = dict(self.headers)
            headers["authorization"] = headers.get("authorization", "").replace(_MARK, "")
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= 400:
                content = _echo(content, self.headers.get("authorization", ""))
            elif self.path == "/accesstoken/get":
                content = _mark_token(content)
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() in _KEPT_HEADERS:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _echo(content: bytes, authorization: str) -> bytes:
    problem = json.loads(content)
    secrets = (SECRETS["client secret"], SECRETS["subscription key"], authorization)
    known = f"{'; '.join(secrets)}; {EMAIL}; {', '.join(PHONES)}"
    details = problem.get("extraDetails") or []
    problem["title"] = f"{problem.get('title', '')} {PHONES[6]}"
    problem["detail"] = f"Looked at {known}"
    problem["extraDetails"] = [*details, {"name": f"customer.{PHONES[5]}", "reason": known}]
    return json.dumps(problem).encode()


def _mark_token(content: bytes) -> bytes:
    answer = json.loads(content)
    return json.dumps(answer | {"access_token": _MARK + answer["access_token"]}).encode()
