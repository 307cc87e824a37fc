"""Clients whose calls are answered in this process, or by a socket that misbehaves on purpose."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import orjson
import pytest
import stamina

from tests.payments import make_event, make_payment
from vippsrecon.api import Client
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Settings

MSN = "123456"
SECRETS = {
    "client_secret": "MARK-client-secret-9f2c",
    "subscription_key": "MARK-subscription-key-77aa",
    "token": "MARK-token-51d0",
}


def payment_body(reference: str = "order-001", **changed: object) -> dict[str, object]:
    """Return an answer to GET payment: 1000 authorized, 250 captured."""
    psp_reference = "37c34d8c-2649-448e-864b-060d5d93e4c4"
    payment = make_payment(
        reference, 1000, psp_reference=psp_reference, authorized=1000, captured=250
    )
    return payment | changed


def event_body(reference: str = "order-001", **changed: object) -> dict[str, object]:
    """Return one line of an event log: 250 captured."""
    at = "2026-03-27T10:52:07.748Z"
    event = make_event(reference, "CAPTURED", 250, at, psp_reference="2018200034", key="cap-1")
    return event | changed


def entry_body(**changed: object) -> dict[str, object]:
    """Return one ledger entry: 250 captured."""
    return {
        "pspReference": "2018200034",
        "time": "2026-01-31T10:00:00.000000Z",
        "ledgerDate": "2026-01-31",
        "entryType": "capture",
        "reference": "order-001",
        "currency": "NOK",
        "recipientHandle": "api:123456",
        "amount": 250,
        "balanceBefore": 0,
        "balanceAfter": 250,
        **changed,
    }


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Return settings for a simulator that does not run, with secrets that a search would find."""

    def make(**changed: object) -> Settings:
        defaults = {
            "environment": "simulator",
            "base_url": "http://127.0.0.1:9",
            "client_id": "client-id",
            "client_secret": SECRETS["client_secret"],
            "subscription_key": SECRETS["subscription_key"],
            "msn": MSN,
        }
        return load_settings(folder=tmp_path, **(defaults | changed))

    return make


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Make the waits between attempts zero, and allow eight attempts at most."""
    with stamina.set_testing(True, attempts=8):
        yield


class FakeServer:
    """Answer calls in this process: token requests at once, others with the next of `answers`.

    The last answer is used for all further calls. Every request is recorded.
    """

    def __init__(self, answers: list[object], token_seconds: object = "3600") -> None:
        self.answers = answers
        self.token_seconds = token_seconds
        self.token_answers: list[httpx.Response] = []
        self.tokens = 0
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path in ("/accesstoken/get", "/miami/v1/token"):
            self.tokens += 1
            self.token_request = request
            if self.token_answers:
                return self.token_answers.pop(0)
            bearer = f"{SECRETS['token']}-{self.tokens}"
            return httpx.Response(
                200, json={"access_token": bearer, "expires_in": self.token_seconds}
            )
        self.requests.append(request)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            # A new one each time: a response is read once.
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return httpx.Response(200, json=answer)


@pytest.fixture
def opened(settings) -> Iterator[Callable[..., tuple[Client, FakeServer]]]:
    """Return `opened(*answers) -> (client, server)`."""
    with contextlib.ExitStack() as stack:

        def make(*answers: object, token_seconds: object = "3600", **changed: object):
            server = FakeServer(list(answers), token_seconds)
            client = Client(settings(**changed), transport=httpx.MockTransport(server))
            return stack.enter_context(client), server

        yield make


class Wire(threading.Thread):
    """A server that follows a script: one act per request, and the last act for all further ones.

    An act is bytes to write, or bytes in a tuple to write before cutting the connection.
    """

    def __init__(self, acts: list[bytes | tuple[bytes]]) -> None:
        super().__init__(daemon=True)
        self.acts = acts
        self.received: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Accept connections until closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := _receive_request(connection):
                if b"/accesstoken/get" in request:
                    token = SECRETS["token"].encode()
                    connection.sendall(http(b'{"access_token":"%s","expires_in":"3600"}' % token))
                    continue
                self.received.append(request)
                act = self.acts[0] if len(self.acts) == 1 else self.acts.pop(0)
                if isinstance(act, tuple):
                    connection.sendall(act[0])
                    return
                connection.sendall(act)


def http(body: bytes | object, status: int = 200, extra: str = "") -> bytes:
    """Return an HTTP answer as bytes."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    head = f"HTTP/1.1 {status} Status\r\n{extra}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _receive_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    body_length = int(length[1]) if length else 0
    while len(body) < body_length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def connected(settings) -> Iterator[Callable[..., tuple[Client, Wire]]]:
    """Return `connected(*acts) -> (client, wire)`, which uses a real socket."""
    with contextlib.ExitStack() as stack:

        def make(*acts: bytes | tuple[bytes], **changed: object):
            wire = Wire(list(acts))
            wire.start()
            stack.callback(wire.close)
            client = Client(settings(base_url=wire.base_url, **changed))
            return stack.enter_context(client), wire

        yield make
