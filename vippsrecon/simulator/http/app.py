"""The ASGI app: find the operation, inject faults, send the answer.

API requests are dispatched without a framework, because a bulk read makes a million of them; the
control endpoints under /_simulator are a Starlette app.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from vippsrecon.simulator.apis import access_token, epayment, report
from vippsrecon.simulator.apis.error_responses import (
    DomainRefusal,
    SimulatedResponse,
    build_domain_problem,
    build_gateway_response,
    build_json_response,
)
from vippsrecon.simulator.clock import format_http_date
from vippsrecon.simulator.errors import ConnectionCut
from vippsrecon.simulator.faults import Fault
from vippsrecon.simulator.world import IncomingRequest, World

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CUT_STATE_KEY = "vippsrecon.simulator.cut"
"""Key in the server's state of the function that cuts a connection: `(at_once: bool) -> None`."""

_MAX_BODY_BYTES = 1 << 20
_LATENCY_CHECK_SECONDS = 0.05
_SLOW_PIECES = 8
_SLOW_SECONDS = 2.0
_HTML_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>Please wait.</body></html>"
)
_ANSWER_BY_OPERATION: dict[str, Callable[[World, IncomingRequest], SimulatedResponse]] = {
    "ledgers": report.answer_report_request,
    "dates": report.answer_report_request,
    "feed": report.answer_report_request,
}


def find_operation(  # noqa: PLR0911  (one per operation)
    method: str, path: str
) -> tuple[str, dict[str, str]] | None:
    """Return the operation of a method and path, with the values in the path; None if unknown.

    >>> find_operation("POST", "/epayment/v1/payments/order-0001/capture")
    ('capture', {'reference': 'order-0001'})
    """
    match [method, *path.split("/")[1:]]:
        case ["GET", "epayment", "v1", "payments", reference]:
            return "getPayment", {"reference": reference}
        case ["GET", "epayment", "v1", "payments", reference, "events"]:
            return "getPaymentEventLog", {"reference": reference}
        case [
            "POST",
            "epayment",
            "v1",
            "payments",
            reference,
            "capture" | "refund" | "cancel" as verb,
        ]:
            return verb, {"reference": reference}
        case ["POST", "epayment", "v1", "payments"]:
            return "createPayment", {}
        case ["POST", "epayment", "v1", "test", "payments", reference, "approve"]:
            return "forceApprove", {"reference": reference}
        case ["POST", "accesstoken", "get"]:
            return "accessToken", {}
        case ["POST", "miami", "v1", "token"]:
            return "accessToken", {"specialised": "yes"}
        case ["GET", "settlement", "v1", "ledgers"]:
            return "ledgers", {}
        case ["GET", "report", "v2", "ledgers", ledger_id, topic, "dates", date]:
            return "dates", {"ledger_id": ledger_id, "topic": topic, "date": date}
        case ["GET", "report", "v2", "ledgers", ledger_id, topic, "feed"]:
            return "feed", {"ledger_id": ledger_id, "topic": topic}
    return None


class SimulatorApp:
    """Serves the simulated APIs and the control endpoints as an ASGI app."""

    def __init__(self, world: World, control: AsgiApp) -> None:
        self.world = world
        self.control = control
        self.connection_error: Callable[[str], Exception] = ConnectionCut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request or a lifespan message."""
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
        elif scope["type"] != "http":
            raise NotImplementedError(f"the simulator does not support {scope['type']}")
        elif scope["path"].startswith("/_simulator/"):
            await self.control(scope, receive, self._add_date_header(send))
        else:
            await self._handle_request(scope, receive, send)

    def _add_date_header(self, send: Send) -> Send:
        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_http_date(self.world.clock.now()).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        return send_with_date

    async def _handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        world = self.world
        body = await _read_body(receive)
        if body is None:
            return
        matched = find_operation(scope["method"], scope["path"])
        request = IncomingRequest(
            operation=matched[0] if matched else "",
            path=scope["path"],
            args=matched[1] if matched else {},
            headers={k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]},
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
            body=body,
        )
        with world.lock:
            world.requests[request.operation] += 1
            drawn = world.faults.draw(request.operation)
            world.fault_counts.update(fault.kind for fault in drawn)
            latency = world.settings.latency_ms
        latency += sum(fault.value for fault in drawn if fault.kind == "latency_ms")
        fault = next((fault for fault in drawn if fault.kind != "latency_ms"), None)
        if fault is not None and fault.kind == "drop_before":
            await self._cut_connection(scope, at_once=True)
            return
        answer = await self._execute(request, fault, latency / 1000)
        if fault is not None and fault.kind == "drop_after":
            await self._cut_connection(scope, at_once=True)
            return
        await self._send(scope, send, answer, fault)

    async def _execute(
        self, request: IncomingRequest, fault: Fault | None, seconds: float
    ) -> SimulatedResponse:
        """Execute the request, with half of the latency before it and half after.

        During this time the payment is locked against other modifications, as in reality: a
        capture repeated while the first is under way is answered "locked". The latency ends early
        when other faults are set.
        """
        replacements = self.world.faults.replacements
        busy, lock = self.world.locked_payments, (request.msn, request.reference)
        modifies = request.operation in epayment.MODIFICATION_OPERATIONS
        if modifies and lock in busy:
            return epayment.answer_locked(request)
        if modifies:
            busy.add(lock)
        try:
            await self._wait(seconds / 2, replacements)
            now = self.world.clock.now()
            if fault is not None and fault.kind == "status" and not fault.after:
                return _answer_status_fault(request, fault, now)
            answer = self.answer(request)
            if fault is not None and fault.kind == "status":
                answer = _answer_status_fault(request, fault, now)
        finally:
            busy.discard(lock) if modifies else None
        await self._wait(seconds / 2, replacements)
        return answer

    async def _wait(self, seconds: float, replacements: int) -> None:
        """Wait; no longer once the faults have been replaced more than `replacements` times."""
        until = time.monotonic() + seconds
        while self.world.faults.replacements == replacements:
            left = until - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(left, _LATENCY_CHECK_SECONDS))

    def answer(self, request: IncomingRequest) -> SimulatedResponse:
        """Answer one request without a socket and without waiting."""
        with self.world.lock:
            if not request.operation:
                if request.path.startswith("/report/v1/"):
                    return report.answer_removed_version(request)
                return build_gateway_response(404, "Resource not found")
            if request.operation == "accessToken":
                kind = (
                    access_token.answer_specialised_token
                    if "specialised" in request.args
                    else access_token.answer_standard_token
                )
                return kind(self.world, request)
            return _ANSWER_BY_OPERATION.get(request.operation, epayment.answer_epayment_request)(
                self.world, request
            )

    async def _send(
        self, scope: Scope, send: Send, answer: SimulatedResponse, fault: Fault | None
    ) -> None:
        kind = fault.kind if fault is not None else ""
        body, content_type = answer.body, answer.content_type
        if kind == "html_body":
            body, content_type = _HTML_PAGE, "text/html; charset=utf-8"
        headers = [
            (b"date", format_http_date(self.world.clock.now()).encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        if body:
            headers.append((b"content-type", content_type.encode()))
        headers += [(k.lower().encode(), v.encode()) for k, v in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if kind == "truncate" and body:
            half = body[: len(body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await self._cut_connection(scope, at_once=False)
            return
        if kind == "slow_body" and fault is not None:
            seconds = _SLOW_SECONDS if fault.value is True else float(fault.value)
            for piece in _split_body(body):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(seconds / _SLOW_PIECES)
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _cut_connection(self, scope: Scope, *, at_once: bool) -> None:
        """Cut the connection: close the socket, or raise an exception if there is none."""
        cut = scope.get("state", {}).get(CUT_STATE_KEY)
        if cut is None:
            raise self.connection_error("the simulator cut the connection")
        cut(at_once)
        # The server notices the cut in the next iteration of the event loop. If this function
        # returned earlier, the server would report the missing answer as an error of the app.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def _split_body(body: bytes) -> Iterable[bytes]:
    size = max(1, -(-len(body) // _SLOW_PIECES))
    return (body[at : at + size] for at in range(0, len(body), size))


def _answer_status_fault(
    request: IncomingRequest, fault: Fault, now: datetime
) -> SimulatedResponse:
    """Answer with the configured HTTP status, in the form of the layer that sends it."""
    if fault.value == 500:
        if request.operation in ("ledgers", "dates", "feed"):
            context = f"00000000-0000-4000-8000-{int(now.timestamp()):012d}"
            body = {"errorCode": 10001, "errorMessage": "Unknown error", "contextId": context}
            return build_json_response(500, body)
        return build_domain_problem(DomainRefusal(3010), request.path.removeprefix("/epayment"))
    header = fault.retry_after_header(now)
    messages = {429: "Rate limit is exceeded.", 502: "Bad gateway", 503: "Service unavailable"}
    return build_gateway_response(
        fault.value, messages[fault.value], {"Retry-After": header} if header else None
    )


async def _read_body(receive: Receive) -> bytes | None:
    """Read the body; return None if the client disconnected before it was complete.

    An incomplete request must not be executed: a cancel without its body would still cancel, and
    a refund would be refused permanently under its key.
    """
    body = b""
    while len(body) <= _MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "lifespan.startup.complete"})
