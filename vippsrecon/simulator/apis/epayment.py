"""Answer the requests of the ePayment API.

Source: https://developer.vippsmobilepay.com/api/epayment/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson

from vippsrecon.simulator.apis import create_payment
from vippsrecon.simulator.apis.error_responses import (
    PROBLEM_JSON_TYPE,
    DomainRefusal,
    GatewayRefusal,
    InvalidFields,
    SimulatedResponse,
    build_domain_problem,
    build_field_problem,
    build_gateway_response,
    build_json_response,
    build_problem,
)
from vippsrecon.simulator.apis.fields import (
    MSN_PATTERN,
    PAYMENT_REFERENCE_PATTERN,
    PHONE_PATTERN,
    parse_amount,
    refuse_unknown_fields,
)
from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.payments import payer, state_machine
from vippsrecon.simulator.payments.idempotency import compute_fingerprint, find_event_with_key
from vippsrecon.simulator.payments.state_machine import SimulatedPayment
from vippsrecon.simulator.world import IncomingRequest, World

READ_OPERATIONS = ("getPayment", "getPaymentEventLog")
MODIFICATION_OPERATIONS = ("capture", "refund", "cancel")
_KEY_REQUIRED = ("createPayment", "capture", "refund")
_MAX_KEY_LENGTH = 50
_SYSTEM_HEADERS = (
    "vipps-system-name",
    "vipps-system-version",
    "vipps-system-plugin-name",
    "vipps-system-plugin-version",
)
_MAX_SYSTEM_HEADER_LENGTH = 30

WriteHandler = Callable[[World, IncomingRequest, str, Any, datetime], SimulatedResponse]


def answer_epayment_request(world: World, request: IncomingRequest) -> SimulatedResponse:  # noqa: PLR0911  (one per operation)
    """Answer one request: check the gateway rules and the headers, then execute it."""
    instance = request.path.removeprefix("/epayment")
    now = world.clock.now()
    try:
        msn = world.keys.authorize_epayment(request.headers, now)
        _check_rate_limit(world, request, now)
        _check_headers(request)
        if request.operation == "createPayment":
            return _answer_idempotently(
                world, request, msn, _parse_body(request), now, act=_answer_create
            )
        reference = request.reference
        if not PAYMENT_REFERENCE_PATTERN.fullmatch(reference) and not world.payments.has(
            msn, reference
        ):
            raise InvalidFields(
                [("reference", f"Has to match {PAYMENT_REFERENCE_PATTERN.pattern}.")]
            )
        if request.operation in READ_OPERATIONS:
            return _answer_read(world, request, msn, now)
        if request.operation == "forceApprove":
            return _answer_force_approve(world, request, msn, now)
        return _answer_idempotently(
            world, request, msn, _parse_body(request), now, act=_answer_modification
        )
    except GatewayRefusal as refused:
        return refused.answer
    except InvalidFields as invalid:
        return build_field_problem(invalid, instance)
    except DomainRefusal as refusal:
        return build_domain_problem(refusal, instance)


def answer_locked(request: IncomingRequest) -> SimulatedResponse:
    """Answer "locked" while another modification of the payment is in progress."""
    return build_domain_problem(DomainRefusal(6160), request.path.removeprefix("/epayment"))


def _check_rate_limit(world: World, request: IncomingRequest, now: datetime) -> None:
    # Requests that create a payment without a valid `reference` share one bucket, as in reality.
    operation = request.operation
    if operation == "forceApprove":
        return
    if operation in READ_OPERATIONS:
        caller = request.headers["ocp-apim-subscription-key"]
        limit = world.settings.reads_per_minute
    else:
        caller, limit = request.msn, world.settings.writes_per_minute
    reference = request.reference
    if operation == "createPayment":
        body = _parse_body(request)
        reference = str(body.get("reference", "")) if isinstance(body, dict) else ""
    seconds = world.limits.wait((operation, caller, reference), limit, now)
    if seconds:
        message = f"Rate limit is exceeded. Try again in {seconds} seconds."
        raise GatewayRefusal(build_gateway_response(429, message, {"Retry-After": str(seconds)}))


def _check_headers(request: IncomingRequest) -> None:
    bad: list[tuple[str, str]] = []
    if not MSN_PATTERN.fullmatch(request.msn):
        bad.append(("Merchant-Serial-Number", f"Has to match {MSN_PATTERN.pattern}."))
    bad += [
        (name.title(), f"Has to have at most {_MAX_SYSTEM_HEADER_LENGTH} characters.")
        for name in _SYSTEM_HEADERS
        if len(request.headers.get(name, "")) > _MAX_SYSTEM_HEADER_LENGTH
    ]
    key = request.headers.get("idempotency-key", "")
    if request.operation in _KEY_REQUIRED and not key:
        bad.append(("Idempotency-Key", "Is required."))
    if len(key) > _MAX_KEY_LENGTH:
        bad.append(("Idempotency-Key", f"Has to have at most {_MAX_KEY_LENGTH} characters."))
    if bad:
        raise InvalidFields(bad)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and media_type != "application/json":
        instance = request.path.removeprefix("/epayment")
        detail = "The body has to be application/json."
        raise GatewayRefusal(build_problem(415, "Unsupported Media Type", detail, instance, None))


_INVALID_JSON = object()


def _parse_body(request: IncomingRequest) -> Any:
    """Return the parsed JSON body, None for an empty body."""
    if not request.body.strip():
        return None
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return _INVALID_JSON


def _answer_idempotently(
    world: World, request: IncomingRequest, msn: str, body: Any, now: datetime, *, act: WriteHandler
) -> SimulatedResponse:
    """Execute a write once per idempotency key: a repeated key gets its first answer again."""
    instance = request.path.removeprefix("/epayment")
    operation, key = request.operation, request.headers.get("idempotency-key", "")
    content = request.body.decode("utf-8", "replace") if body is _INVALID_JSON else body
    fingerprint = compute_fingerprint(request.reference, content)
    lifetime = world.settings.key_lifetime_seconds
    if key:
        stored = world.idempotency_store.recall(
            msn, key, operation, fingerprint, now=now, lifetime=lifetime
        )
        if stored is not None:
            return stored
    try:
        if body is _INVALID_JSON:
            raise InvalidFields([("$", "The body is not valid JSON.")])
        answer = act(world, request, msn, body, now)
    except InvalidFields as invalid:
        answer = build_field_problem(invalid, instance)
    except DomainRefusal as refusal:
        answer = build_domain_problem(refusal, instance)
    if key:
        world.idempotency_store.remember(msn, key, operation, fingerprint, answer, now=now)
    return answer


def _answer_read(
    world: World, request: IncomingRequest, msn: str, now: datetime
) -> SimulatedResponse:
    payment = world.payment(msn, request.reference, now)
    if payment is None:
        raise DomainRefusal(5090)
    code = world.settings.refusal(request.operation, msn, request.reference)
    if code is not None:
        raise DomainRefusal(code)
    if request.operation == "getPayment":
        return build_json_response(200, payment.payment)
    lag = timedelta(milliseconds=world.settings.event_log_lag_ms)
    events = [e for e in payment.events if not lag or parse_time(e["timestamp"]) <= now - lag]
    return build_json_response(200, events)


def _answer_create(
    world: World, request: IncomingRequest, msn: str, body: Any, now: datetime
) -> SimulatedResponse:
    unit = world.keys.unit(msn)
    create_payment.check_create_request(body, request.body, unit, now)
    if world.payments.has(msn, body["reference"]):
        raise DomainRefusal(4150)
    code = world.settings.refusal("createPayment", msn, body["reference"])
    if code is not None:
        raise DomainRefusal(code)
    payment = create_payment.create_simulated_payment(
        msn, body, now, request.headers["idempotency-key"]
    )
    world.payments.put(payment)
    created = {"reference": payment.reference}
    if "redirectUrl" in payment.payment:
        created = {"redirectUrl": payment.payment["redirectUrl"], **created}
    return build_json_response(201, created)


def _answer_modification(
    world: World, request: IncomingRequest, msn: str, body: Any, now: datetime
) -> SimulatedResponse:
    """Capture, refund or cancel."""
    operation = request.operation
    if operation == "cancel":
        transaction_only = _parse_cancel_body(body)
        value, currency = 0, ""
    else:
        if not isinstance(body, dict) or body.get("modificationAmount") is None:
            raise DomainRefusal(4140, "modificationAmount is required.")
        refuse_unknown_fields(body, ("modificationAmount",))
        value, currency = parse_amount(body["modificationAmount"], "modificationAmount")
        transaction_only = False
    payment = world.payment(msn, request.reference, now)
    if payment is None:
        raise DomainRefusal(5090)
    key, unit = request.headers.get("idempotency-key", ""), world.keys.unit(msn)
    lifetime = world.settings.key_lifetime_seconds
    logged = (
        find_event_with_key(payment, key, operation, now=now, lifetime=lifetime) if key else None
    )
    if logged is not None:
        return _repeat_answer(payment, logged, operation, value)
    code = world.settings.refusal(operation, msn, request.reference)
    if code is not None:
        raise DomainRefusal(code)
    try:
        if operation == "capture":
            psp = state_machine.capture(payment, value, currency, unit=unit, now=now, key=key)
            _book_ledger_entry(world, payment, "capture", value, psp, now=now)
        elif operation == "refund":
            magic = world.settings.magic_amounts
            psp = state_machine.refund(
                payment, value, currency, unit=unit, now=now, key=key, magic=magic
            )
            _book_ledger_entry(world, payment, "refund", -value, psp, now=now)
        else:
            _, value = state_machine.cancel(
                payment, transaction_only=transaction_only, unit=unit, now=now
            )
    except DomainRefusal as refusal:
        if refusal.recorded:
            world.payments.put(payment)
        raise
    world.payments.put(payment)
    world.count_effect(payment, operation, value)
    return _build_modification_response(payment)


def _book_ledger_entry(
    world: World, payment: SimulatedPayment, kind: str, value: int, psp: str, *, now: datetime
) -> None:
    world.ledgers.book_operation(
        payment.msn, kind, value, psp_reference=psp, reference=payment.reference, now=now
    )


def _repeat_answer(
    payment: SimulatedPayment, logged: dict[str, Any], operation: str, value: int
) -> SimulatedResponse:
    if logged["amount"]["value"] != value:
        raise DomainRefusal(4010 if operation == "capture" else 4150)
    if not logged.get("success", True):
        raise DomainRefusal(6200 if operation == "capture" else 6210)
    return _build_modification_response(payment)


def _build_modification_response(payment: SimulatedPayment) -> SimulatedResponse:
    response = {
        name: payment.payment[name]
        for name in ("amount", "state", "aggregate", "pspReference", "reference")
        if name in payment.payment
    }
    # As in the OpenAPI document: a client must not detect success by the media type.
    return build_json_response(200, response, content_type=PROBLEM_JSON_TYPE)


def _parse_cancel_body(body: Any) -> bool:
    """Read the optional body of a cancel; return `cancelTransactionOnly`."""
    if body is None:
        return False
    if not isinstance(body, dict):
        raise InvalidFields([("$", "Has to be an object.")])
    refuse_unknown_fields(body, ("cancelTransactionOnly",))
    only = body.get("cancelTransactionOnly", False)
    if not isinstance(only, bool):
        raise InvalidFields([("cancelTransactionOnly", "Has to be true or false.")])
    return only


def _answer_force_approve(
    world: World, request: IncomingRequest, msn: str, now: datetime
) -> SimulatedResponse:
    """Approve without an app: only on test hosts, and not for Express payments.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/features/force-approve/
    """
    if not world.settings.force_approve:
        raise DomainRefusal(10020)
    body = _parse_body(request)
    if not isinstance(body, dict):
        raise InvalidFields([("$", "Has to be an object with customer or token.")])
    refuse_unknown_fields(body, ("customer", "token"))
    payment = world.payment(msn, request.reference, now)
    if payment is None:
        raise DomainRefusal(5090)
    customer, token = body.get("customer"), body.get("token")
    if customer is not None:
        phone = customer.get("phoneNumber") if isinstance(customer, dict) else None
        if not isinstance(phone, str) or not re.fullmatch(PHONE_PATTERN, phone):
            raise DomainRefusal(4070)
    elif token is None:
        raise DomainRefusal(4140, "customer or token is required.")
    code = world.settings.refusal("forceApprove", msn, request.reference)
    if code is not None:
        raise DomainRefusal(code)
    if payment.simulated.get("shipping") is not None:
        raise DomainRefusal(10060)
    if token is not None and payment.state == "CREATED" and token != payment.simulated.get("token"):
        raise DomainRefusal(10010, "The token is not this payment's.")
    approve_and_store(world, payment, now)
    return SimulatedResponse(200, b"")


def approve_and_store(
    world: World, payment: SimulatedPayment, now: datetime, option: str | None = None
) -> None:
    """Let the payer approve, and store the result."""
    try:
        payer.approve(payment, now, magic=world.settings.magic_amounts, option=option)
    except DomainRefusal as refusal:
        if refusal.recorded:
            world.payments.put(payment)
        raise
    world.payments.put(payment)
