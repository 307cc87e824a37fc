"""The transport over real sockets that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import tracemalloc
import zlib

import httpx
import pytest

from tests.api.conftest import http, payment_body
from vippsrecon import errors
from vippsrecon.api import AsyncClient, Client
from vippsrecon.api.transport import open_transport

CUT = (b"",)
IN_FLIGHT = 256


def test_a_lost_answer_is_repeated_with_the_same_bytes(connected, no_waiting):
    """The refund may have been made, so only the same key and body may be sent again."""
    client, wire = connected(CUT, http(b"", 503), http(payment_body()))
    client.refund("order-001", 250, "NOK", idempotency_key="key-1")
    first, *others = wire.received

    assert len(others) == 2
    assert b"idempotency-key: key-1\r\n" in first
    assert first.endswith(b'{"modificationAmount":{"currency":"NOK","value":250}}')
    assert others == [first, first]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(CUT, id="cut before the answer"),
        pytest.param((http(payment_body())[:30],), id="cut in the head"),
        pytest.param((http(payment_body())[:-20],), id="cut in the body"),
        pytest.param((b"garbage\r\n\r\n",), id="not HTTP"),
    ],
)
def test_a_broken_connection_leaves_the_outcome_unknown(connected, act):
    """Calling it "not connected" would allow the same refund a second time."""
    client, _ = connected(act)
    with pytest.raises(errors.NoAnswerError) as caught:
        client.refund("order-001", 250, "NOK", idempotency_key="key-1", retry=False)

    assert type(caught.value) is errors.NoAnswerError


def test_a_closed_port_is_not_connected(settings):
    """Nobody received the request, so nothing was done."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        Client(settings(base_url=f"http://127.0.0.1:{port}")) as client,
        pytest.raises(errors.NotConnectedError, match=rf"could not connect to 127\.0\.0\.1:{port}"),
    ):
        client.payment("order-001", retry=False)


def test_without_a_token_nothing_was_sent(settings):
    """Whatever the token service does, the refund was not made, and the error says so."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(settings(base_url=url, retry_seconds=0.1)) as client,
            pytest.raises(errors.NotConnectedError, match="no access token could be fetched"),
        ):
            client.refund("order-001", 250, "NOK", idempotency_key="key-1", retry=False)


def test_silent_connection_times_out(connected, monkeypatch):
    """A silent connection must not block one of a limited number of requests permanently."""
    client, _ = connected(b"")
    client.check_keys()  # only the payment's answer has little time
    monkeypatch.setattr("vippsrecon.api.session.ATTEMPT_SECONDS", 0.1)
    with pytest.raises(errors.NoAnswerError, match=r"no answer from .* within"):
        client.payment("order-001", retry=False)


def test_slow_body_times_out(connected, monkeypatch):
    """Each byte arrives within the read timeout; the limit is on the whole body."""
    client, _ = connected(http(payment_body())[:-5])
    client.check_keys()
    monkeypatch.setattr("vippsrecon.api.session.ATTEMPT_SECONDS", 0.1)
    with pytest.raises(errors.NoAnswerError, match=r"no answer from .* within"):
        client.payment("order-001", retry=False)


def test_a_redirect_is_not_followed(connected):
    """The token would be sent to the redirect's host."""
    client, wire = connected(http(b"", 302, "Location: http://127.0.0.1:1/elsewhere\r\n"))
    with pytest.raises(errors.ApiError, match=r"not followed"):
        client.payment("order-001")

    assert len(wire.received) == 1


def test_connections_are_reused(connected):
    """A new handshake for each call would cost more than the call."""
    client, wire = connected(http(payment_body()))
    for _ in range(10):
        client.payment("order-001")

    assert wire.connections == 1


def test_compressed_body_is_decoded(connected):
    """The client does not request it, but a gateway may send it."""
    import orjson

    packed = gzip.compress(orjson.dumps(payment_body()))
    client, _ = connected(http(packed, extra="Content-Encoding: gzip\r\n"))

    assert client.payment("order-001").captured_minor == 250


def test_body_that_cannot_be_decoded_is_unreadable(connected):
    """Whatever a gateway sends, the error is one of vippsrecon's."""
    client, _ = connected(http(b"not gzip", extra="Content-Encoding: gzip\r\n"))
    with pytest.raises(errors.NoAnswerError):
        client.payment("order-001", retry=False)


def test_endless_body_is_cut_off(connected, monkeypatch):
    """A gigabyte of HTML must not use up the memory."""
    monkeypatch.setattr("vippsrecon.api.transport.LARGEST_BODY", 100)
    client, _ = connected(http(payment_body()))
    with pytest.raises(errors.NoAnswerError):
        client.payment("order-001", retry=False)


def test_proxy_is_not_used_for_loopback(connected, monkeypatch):
    """The simulator runs on this machine; an office proxy would receive its keys."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    client, _ = connected(http(payment_body()))

    assert client.payment("order-001").reference == "order-001"


def test_a_proxy_is_used_for_vipps(monkeypatch):
    """Many offices have no other connection."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    proxy = open_transport("https://api.vipps.no", 1).proxy
    assert str(proxy.url) == "http://127.0.0.1:3128"
    monkeypatch.setenv("no_proxy", "api.vipps.no")

    assert open_transport("https://api.vipps.no", 1).proxy is None


def test_many_requests_run_at_the_same_time(settings):
    """By default aiohttp allows a hundred connections."""
    waiting = 0
    all_are_waiting = asyncio.Event()

    async def answer(reader, writer):
        nonlocal waiting
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"accesstoken" in head:
                writer.write(http({"access_token": "t", "expires_in": "3600"}))
                continue
            waiting += 1
            if waiting == IN_FLIGHT:
                all_are_waiting.set()
            await asyncio.wait_for(all_are_waiting.wait(), 30)
            reference = head.split(b" ")[1].decode().rpartition("/")[2]
            writer.write(http(payment_body(reference)))

    async def accept(reader, writer):
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def story():
        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncClient(settings(base_url=url)) as client:
            await asyncio.gather(*(client.payment(f"order-{n:04}") for n in range(IN_FLIGHT)))
        server.close()
        await asyncio.sleep(0)

    asyncio.run(story())

    assert waiting == IN_FLIGHT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
@pytest.mark.parametrize("status", [200, 400, 503])
def test_too_large_compressed_body_is_refused(connected, monkeypatch, encoding, status):
    """A hundred bytes may unpack to a gigabyte, also in an error or in a token."""
    monkeypatch.setattr("vippsrecon.api.transport.LARGEST_BODY", 1_000_000)
    packed = b" " * 20_000_000
    for _ in encoding.split(","):
        packed = gzip.compress(packed) if "gzip" in encoding else zlib.compress(packed)
    client, _ = connected(http(packed, status, extra=f"Content-Encoding: {encoding}\r\n"))
    tracemalloc.start()
    with pytest.raises(errors.NoAnswerError, match="too large"):
        client.payment("order-001", retry=False)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


def test_too_large_compressed_token_is_refused(settings, monkeypatch):
    """The limit also applies to the first answer, which is the token."""
    monkeypatch.setattr("vippsrecon.api.transport.LARGEST_BODY", 1_000_000)
    packed = gzip.compress(b" " * 20_000_000)

    async def answer(request):
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Packed(packed))

    with (
        Client(settings(), transport=httpx.MockTransport(answer)) as client,
        pytest.raises(errors.NotConnectedError, match=r"no access token.*too large"),
    ):
        client.payment("order-001", retry=False)


class Packed(httpx.AsyncByteStream):
    """A body that is sent without changes."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self):
        yield self.body


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (gzip.compress(b"{}")[:-9], "gzip", "cut off"),
        (b"{}", "br", "'br'"),
        (b"{}", "zstd", "'zstd'"),
    ],
    ids=["cut off", "br", "zstd"],
)
def test_unrequested_encoding_is_unreadable(connected, body, encoding, message):
    """The request states that the answer must not be encoded in another way."""
    client, _ = connected(http(body, extra=f"Content-Encoding: {encoding}\r\n"))
    with pytest.raises(errors.NoAnswerError, match=message):
        client.payment("order-001", retry=False)


@pytest.mark.parametrize(
    "proxy", ["proxy.example:8080", "127.0.0.1", "socks5://127.0.0.1:1", "http://", "http://[::1"]
)
def test_invalid_proxy_setting_is_named(monkeypatch, proxy):
    """The scheme is often missing.

    The error must not show the value, which may contain a password.
    """
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(errors.ConfigurationError, match=r"HTTPS_PROXY.* http://") as caught:
        open_transport("https://apitest.vipps.no", 1)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no program to make a certificate")
def test_untrusted_certificate_is_named_in_the_error(settings, tmp_path, monkeypatch):
    """After "could not connect" people would check their network.

    Trying again does not help either.
    """
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1", "-days", "2",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        attempts = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    accepted, address = listener.accept()
                    attempts.append(address)
                    with contextlib.suppress(OSError), accepted:
                        context.wrap_socket(accepted, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        with (
            Client(settings(base_url=f"https://127.0.0.1:{port}", retry_seconds=60.0)) as client,
            pytest.raises(errors.NotConnectedError, match=r"certificate of 127.* is not trusted"),
        ):
            client.payment("order-001")
        assert len(attempts) == 1
        # A company may name its own certificates. A later client of the same process reads them.
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with (
            Client(settings(base_url=f"https://127.0.0.1:{port}", retry_seconds=0.1)) as client,
            pytest.raises(errors.VippsReconError) as caught,
        ):
            client.payment("order-001")
        assert "certificate" not in str(caught.value)  # the server ends the connection later
        listener.shutdown(socket.SHUT_RDWR)


def test_waiting_for_a_dead_service_prints_one_notice(settings, monkeypatch, caplog):
    """Otherwise a person waits for minutes and sees nothing. There is one message for all calls."""
    monkeypatch.setattr("vippsrecon.api.retries.SILENCE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(settings(base_url=url, retry_seconds=1.0)) as client:
            for _ in range(2):
                with pytest.raises(errors.NotConnectedError):
                    client.payment("order-001")
    [notice] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert notice.startswith(
        "Vipps MobilePay cannot be read (no answer yet). It will be tried for "
    )
    assert " s; Ctrl-C stops" in notice


def test_answering_service_prints_no_notice(settings, monkeypatch, caplog):
    """One slow call among fast ones does not mean that the service is down."""
    monkeypatch.setattr("vippsrecon.api.retries.SILENCE_SECONDS", 0.05)

    async def answer(request):
        if "token" in request.url.path:
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        reference = request.url.path.rpartition("/")[2]
        if reference == "slow-00001":
            # Answered before the loop looks at its timers again, however slow the machine is.
            await client.payment("order-001")
            await asyncio.sleep(0.2)
        return httpx.Response(200, json=payment_body(reference))

    async def ask():
        nonlocal client
        async with AsyncClient(settings(), transport=httpx.MockTransport(answer)) as client:
            await client.check_keys()
            await client.payment("slow-00001")

    client = None
    asyncio.run(ask())
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
