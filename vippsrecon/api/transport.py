"""Send one HTTP request and return status, headers and body.

The connection pool of httpx becomes slow with many requests in flight, so the connections are
aiohttp's behind the transport interface of httpx (see docs/benchmarks.md). `httpx.Client.send` with
its cookies, redirects and auth flows is not used: redirects are never followed.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from vippsrecon.errors import ConfigurationError, NoAnswerError, NotConnectedError

CONNECT_SECONDS = 10.0
LARGEST_BODY = 64 * 1024 * 1024

_LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
_AIOHTTP_CONNECT_ERRORS = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    # The proxy refused to connect: no request has left this computer's network.
    aiohttp.ClientHttpProxyError,
)
_HTTPX_CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_TRANSPORT_ERRORS = (httpx.RequestError, aiohttp.ClientError, OSError, EOFError, ValueError)
_EXTENSIONS: dict[str, Any] = {"timeout": {"connect": CONNECT_SECONDS}}


HeaderTypes: TypeAlias = httpx.Headers | Mapping[str, str] | None


class HttpResponse(NamedTuple):
    """One HTTP answer, read completely."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        # The body may hold an access token or the names of customers.
        return f"HttpResponse(status={self.status})"


class SecretHeaders(httpx.Headers):
    """Headers that hold secrets: the repr, which tracebacks may show, hides them."""

    def __init__(self, headers: HeaderTypes = None) -> None:
        # Given, because httpx would otherwise detect the encoding for every request.
        super().__init__(headers, encoding="ascii")

    def __repr__(self) -> str:
        return "<headers, not shown>"


def open_transport(base_url: str, in_flight: int) -> httpx.AsyncBaseTransport:
    """Return the transport for one host, with as many connections as requests in flight.

    Proxy variables apply as usual, but never to loopback addresses.
    """
    certificates = _load_certificates(
        os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", "")
    )
    transport = AiohttpTransport(verify=certificates, proxy=_find_proxy(base_url))

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, limit_per_host=0, keepalive_timeout=60.0, ssl=transport.ssl_context
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )

    transport.client = session
    return transport


@functools.cache
def _load_certificates(file: str, folder: str) -> ssl.SSLContext:
    """Load the trusted certificates once: it takes 25 ms, which every client would pay again.

    The arguments are the variables from which httpx takes another file or folder.
    """
    return httpx.create_ssl_context()


async def send_request(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    seconds: float,
    *,
    reference: str = "",
) -> HttpResponse:
    """Send a request once and read the complete answer.

    Raises:
        NotConnectedError: No connection was made, so the request had no effect.
        NoAnswerError: The connection broke or `seconds` passed; the outcome is unknown.
    """
    request.extensions = _EXTENSIONS
    try:
        async with asyncio.timeout(seconds):
            response = await transport.handle_async_request(request)
            response.headers.encoding = "iso-8859-1"
            try:
                body = await _read_body(response)
            finally:
                await response.aclose()
    except TimeoutError as error:
        if _is_not_connected(error):
            raise _build_not_connected_error(request, reference) from None
        message = f"no answer from {request.url.host} within {seconds:.0f} s"
        raise NoAnswerError(message, reference=reference) from None
    except _UnreadableBodyError as error:
        message = f"the answer of {request.url.host} cannot be read: {error}"
        raise NoAnswerError(message, reference=reference) from None
    except _TRANSPORT_ERRORS as error:
        if _is_not_connected(error):
            raise _build_not_connected_error(request, reference, _find_cause(error)) from None
        message = f"the connection to {request.url.host} broke ({type(error).__name__})"
        raise NoAnswerError(message, reference=reference) from None
    return HttpResponse(response.status_code, response.headers, body)


class _UnreadableBodyError(Exception):
    """The body is too large, or is encoded in a way that was not requested."""


async def _read_body(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    # Not aread(): it decodes every part, without a limit on the decoded size.
    async for part in cast(httpx.AsyncByteStream, response.stream):
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            raise _UnreadableBodyError("it is too large")
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    encodings = response.headers.get("content-encoding", "").replace(",", " ").lower().split()
    for encoding in reversed(encodings):
        body = _decompress(body, encoding)
    return body


def _decompress(body: bytes, encoding: str) -> bytes:
    """Decompress a body that a proxy compressed although no compression was requested."""
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _UnreadableBodyError(f"it is encoded as {encoding[:20]!r}")
    # 32: gzip or zlib, whichever the first bytes say.
    decoder = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        unpacked = decoder.decompress(body, LARGEST_BODY + 1)
    except zlib.error:
        raise _UnreadableBodyError(f"it is not {encoding}") from None
    if len(unpacked) > LARGEST_BODY:
        raise _UnreadableBodyError("it is too large")
    if not decoder.eof:
        raise _UnreadableBodyError("it is cut off")
    return unpacked


def _find_cause(error: BaseException) -> BaseException | None:
    return error.__cause__ if isinstance(error, httpx.RequestError) else error


def _is_not_connected(error: BaseException) -> bool:
    # httpx-aiohttp reports a connection lost after sending as ConnectTimeout too. A refund that
    # was made would then count as never sent, so the class of aiohttp's own error decides.
    cause = _find_cause(error)
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, _AIOHTTP_CONNECT_ERRORS)
    return isinstance(error, _HTTPX_CONNECT_ERRORS)


def _build_not_connected_error(
    request: httpx.Request, reference: str, cause: BaseException | None = None
) -> NotConnectedError:
    host, port = request.url.host, request.url.port
    where = f"{host}:{port}" if port else host
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        fault = getattr(cause.certificate_error, "verify_message", "") or "it cannot be checked"
        error = NotConnectedError(
            f"the certificate of {where} is not trusted ({fault}), so nothing was sent. A program "
            "that reads the traffic (a company's proxy, a virus scanner) or a wrong clock may be "
            "the cause: ask who runs this network",
            reference=reference,
        )
        error.permanent = True
        return error
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return NotConnectedError(
            f"the proxy answered {cause.status} and did not connect to {where}",
            reference=reference,
        )
    return NotConnectedError(f"could not connect to {where}", reference=reference)


def _find_proxy(base_url: str) -> httpx.Proxy | None:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host in _LOOPBACK_HOSTS or proxy_bypass(host):
        return None
    url = getproxies().get(parts.scheme) or getproxies().get("all")
    if not url:
        return None
    try:
        if urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname:
            return httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        pass
    # The value is not shown, because it may hold a password.
    raise ConfigurationError(
        f"{parts.scheme.upper()}_PROXY (or ALL_PROXY) cannot be used: write it with its scheme, "
        "such as http://proxy.example:8080, or unset it"
    )
