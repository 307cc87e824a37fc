"""What the ePayment API answers.

Source: https://developer.vippsmobilepay.com/api/epayment/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson

from vippsrecon.simulator import payer, payments
from vippsrecon.simulator.apis import create_payment
from vippsrecon.simulator.apis.error_responses import (
    PROBLEM_JSON,
    Answer,
    InvalidFields,
    Refusal,
    Refused,
    domain_problem,
    field_problem,
    gateway,
    json_answer,
    problem,
)
from vippsrecon.simulator.apis.fields import MSN, PHONE, REFERENCE, amount, unknown_fields
from vippsrecon.simulator.clock import parse_time
from vippsrecon.simulator.idempotency import fingerprint, in_event_log
from vippsrecon.simulator.payments import Payment
from vippsrecon.simulator.world import Request, World

READS = ("getPayment", "getPaymentEventLog")
MODIFICATIONS = ("capture", "refund", "cancel")
_KEY_NEEDED = ("createPayment", "capture", "refund")
_MAX_KEY = 50
_SYSTEM_HEADERS = (
    "vipps-system-name",
    "vipps-system-version",
    "vipps-system-plugin-name",
    "vipps-system-plugin-version",
)
_MAX_SYSTEM = 30

Act = Callable[[World, Request, str, Any, datetime], Answer]


def answer(world: World, request: Request) -> Answer:  # noqa: PLR0911  (one per operation)
    """Answer one request: gateway first, then the headers, then the operation."""
    instance = request.path.removeprefix("/epayment")
    now = world.clock.now()
    try:
        msn = world.keys.sales_unit(request.headers, now)
        _check_rate(world, request, now)
        _check_headers(request)
        if request.operation == "createPayment":
            return _once(world, request, msn, _parsed(request), now, act=_create)
        reference = request.reference
        if not REFERENCE.fullmatch(reference) and not world.payments.has(msn, reference):
            raise InvalidFields([("reference", f"Has to match {REFERENCE.pattern}.")])
        if request.operation in READS:
            return _read(world, request, msn, now)
        if request.operation == "forceApprove":
            return _force_approve(world, request, msn, now)
        return _once(world, request, msn, _parsed(request), now, act=_modify)
    except Refused as refused:
        return refused.answer
    except InvalidFields as invalid:
        return field_problem(invalid, instance)
    except Refusal as refusal:
        return domain_problem(refusal, instance)


def locked(request: Request) -> Answer:
    """Answer while another modification of the same payment is on its way."""
    return domain_problem(Refusal(6160), request.path.removeprefix("/epayment"))


def _check_rate(world: World, request: Request, now: datetime) -> None:
    """Count the call: reads by reference and subscription key, writes by reference and MSN.

    A payment created without its `reference` spelled right shares one bucket with all the
    others like it, as in reality.
    """
    operation = request.operation
    if operation == "forceApprove":
        return
    if operation in READS:
        who, limit = request.headers["ocp-apim-subscription-key"], world.settings.reads_per_minute
    else:
        who, limit = request.msn, world.settings.writes_per_minute
    reference = request.reference
    if operation == "createPayment":
        body = _parsed(request)
        reference = str(body.get("reference", "")) if isinstance(body, dict) else ""
    seconds = world.limits.wait((operation, who, reference), limit, now)
    if seconds:
        message = f"Rate limit is exceeded. Try again in {seconds} seconds."
        raise Refused(gateway(429, message, {"Retry-After": str(seconds)}))


def _check_headers(request: Request) -> None:
    bad: list[tuple[str, str]] = []
    if not MSN.fullmatch(request.msn):
        bad.append(("Merchant-Serial-Number", f"Has to match {MSN.pattern}."))
    bad += [
        (name.title(), f"Has to have at most {_MAX_SYSTEM} characters.")
        for name in _SYSTEM_HEADERS
        if len(request.headers.get(name, "")) > _MAX_SYSTEM
    ]
    key = request.headers.get("idempotency-key", "")
    if request.operation in _KEY_NEEDED and not key:
        bad.append(("Idempotency-Key", "Is required."))
    if len(key) > _MAX_KEY:
        bad.append(("Idempotency-Key", f"Has to have at most {_MAX_KEY} characters."))
    if bad:
        raise InvalidFields(bad)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and media_type != "application/json":
        instance = request.path.removeprefix("/epayment")
        detail = "The body has to be application/json."
        raise Refused(problem(415, "Unsupported Media Type", detail, instance, None))


_NO_JSON = object()


def _parsed(request: Request) -> Any:
    """Return the JSON of the body, None for an empty one."""
    if not request.body.strip():
        return None
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return _NO_JSON


def _once(
    world: World, request: Request, msn: str, body: Any, now: datetime, *, act: Act
) -> Answer:
    """Carry a write out once per idempotency key: a known key gets its first answer again."""
    instance = request.path.removeprefix("/epayment")
    operation, key = request.operation, request.headers.get("idempotency-key", "")
    plain = request.body.decode("utf-8", "replace") if body is _NO_JSON else body
    mark = fingerprint(request.reference, plain)
    lifetime = world.settings.key_lifetime_seconds
    if key:
        known = world.memory.recall(msn, key, operation, mark, now=now, lifetime=lifetime)
        if known is not None:
            return known
    try:
        if body is _NO_JSON:
            raise InvalidFields([("$", "The body is not valid JSON.")])
        done = act(world, request, msn, body, now)
    except InvalidFields as invalid:
        done = field_problem(invalid, instance)
    except Refusal as refusal:
        done = domain_problem(refusal, instance)
    if key:
        world.memory.remember(msn, key, operation, mark, done, now=now)
    return done


def _read(world: World, request: Request, msn: str, now: datetime) -> Answer:
    payment = world.payment(msn, request.reference, now)
    if payment is None:
        raise Refusal(5090)
    code = world.settings.refusal(request.operation, msn, request.reference)
    if code is not None:
        raise Refusal(code)
    if request.operation == "getPayment":
        return json_answer(200, payment.payment)
    lag = timedelta(milliseconds=world.settings.event_log_lag_ms)
    shown = [e for e in payment.events if not lag or parse_time(e["timestamp"]) <= now - lag]
    return json_answer(200, shown)


def _create(world: World, request: Request, msn: str, body: Any, now: datetime) -> Answer:
    unit = world.keys.unit(msn)
    create_payment.check(body, request.body, unit, now)
    if world.payments.has(msn, body["reference"]):
        raise Refusal(4150)
    code = world.settings.refusal("createPayment", msn, body["reference"])
    if code is not None:
        raise Refusal(code)
    payment = create_payment.create(msn, body, now, request.headers["idempotency-key"])
    world.payments.put(payment)
    created = {"reference": payment.reference}
    if "redirectUrl" in payment.payment:
        created = {"redirectUrl": payment.payment["redirectUrl"], **created}
    return json_answer(201, created)


def _modify(world: World, request: Request, msn: str, body: Any, now: datetime) -> Answer:
    """Capture, refund or cancel."""
    operation = request.operation
    if operation == "cancel":
        transaction_only = _cancel_body(body)
        value, currency = 0, ""
    else:
        if not isinstance(body, dict) or body.get("modificationAmount") is None:
            raise Refusal(4140, "modificationAmount is required.")
        unknown_fields(body, ("modificationAmount",))
        value, currency = amount(body["modificationAmount"], "modificationAmount")
        transaction_only = False
    payment = world.payment(msn, request.reference, now)
    if payment is None:
        raise Refusal(5090)
    key, unit = request.headers.get("idempotency-key", ""), world.keys.unit(msn)
    lifetime = world.settings.key_lifetime_seconds
    logged = in_event_log(payment, key, operation, now=now, lifetime=lifetime) if key else None
    if logged is not None:
        return _answer_again(payment, logged, operation, value)
    code = world.settings.refusal(operation, msn, request.reference)
    if code is not None:
        raise Refusal(code)
    try:
        if operation == "capture":
            psp = payments.capture(payment, value, currency, unit=unit, now=now, key=key)
            _book(world, payment, "capture", value, psp, now=now)
        elif operation == "refund":
            magic = world.settings.magic_amounts
            psp = payments.refund(
                payment, value, currency, unit=unit, now=now, key=key, magic=magic
            )
            _book(world, payment, "refund", -value, psp, now=now)
        else:
            _, value = payments.cancel(
                payment, transaction_only=transaction_only, unit=unit, now=now
            )
    except Refusal as refusal:
        if refusal.recorded:
            world.payments.put(payment)
        raise
    world.payments.put(payment)
    world.took_effect(payment, operation, value)
    return _modified(payment)


def _book(
    world: World, payment: Payment, kind: str, value: int, psp: str, *, now: datetime
) -> None:
    world.ledgers.book_operation(
        payment.msn, kind, value, psp_reference=psp, reference=payment.reference, now=now
    )


def _answer_again(payment: Payment, logged: dict[str, Any], operation: str, value: int) -> Answer:
    if logged["amount"]["value"] != value:
        raise Refusal(4010 if operation == "capture" else 4150)
    if not logged.get("success", True):
        raise Refusal(6200 if operation == "capture" else 6210)
    return _modified(payment)


def _modified(payment: Payment) -> Answer:
    shown = {
        name: payment.payment[name]
        for name in ("amount", "state", "aggregate", "pspReference", "reference")
        if name in payment.payment
    }
    # Declared so in the OpenAPI document: a client that tells success by media type is wrong.
    return json_answer(200, shown, content_type=PROBLEM_JSON)


def _cancel_body(body: Any) -> bool:
    """Read the optional body of a cancel: nothing, `{}`, or the object."""
    if body is None:
        return False
    if not isinstance(body, dict):
        raise InvalidFields([("$", "Has to be an object.")])
    unknown_fields(body, ("cancelTransactionOnly",))
    only = body.get("cancelTransactionOnly", False)
    if not isinstance(only, bool):
        raise InvalidFields([("cancelTransactionOnly", "Has to be true or false.")])
    return only


def _force_approve(world: World, request: Request, msn: str, now: datetime) -> Answer:
    """Approve without an app, on test-like hosts only; Express cannot be approved so.

    Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/features/force-approve/
    """
    if not world.settings.force_approve:
        raise Refusal(10020)
    body = _parsed(request)
    if not isinstance(body, dict):
        raise InvalidFields([("$", "Has to be an object with customer or token.")])
    unknown_fields(body, ("customer", "token"))
    payment = world.payment(msn, request.reference, now)
    if payment is None:
        raise Refusal(5090)
    customer, token = body.get("customer"), body.get("token")
    if customer is not None:
        phone = customer.get("phoneNumber") if isinstance(customer, dict) else None
        if not isinstance(phone, str) or not re.fullmatch(PHONE, phone):
            raise Refusal(4070)
    elif token is None:
        raise Refusal(4140, "customer or token is required.")
    code = world.settings.refusal("forceApprove", msn, request.reference)
    if code is not None:
        raise Refusal(code)
    if payment.simulated.get("shipping") is not None:
        raise Refusal(10060)
    if token is not None and payment.state == "CREATED" and token != payment.simulated.get("token"):
        raise Refusal(10010, "The token is not this payment's.")
    approve(world, payment, now)
    return Answer(200, b"")


def approve(world: World, payment: Payment, now: datetime, option: str | None = None) -> None:
    """Let the payer approve, and keep whatever came of it."""
    try:
        payer.approve(payment, now, magic=world.settings.magic_amounts, option=option)
    except Refusal as refusal:
        if refusal.recorded:
            world.payments.put(payment)
        raise
    world.payments.put(payment)
