"""Secrets and phone numbers appear in no log, message, repr or traceback."""

from __future__ import annotations

import asyncio
import logging
import traceback

import httpx
import pytest
from stamina.instrumentation import get_on_retry_hooks

from tests.api.conftest import MSN, SECRETS, http, payment_body
from vippsrecon import errors
from vippsrecon.api.auth import Credentials

PHONE = "4791234567"
ECHO = b"your key %s and token %s were looked at" % (
    SECRETS["subscription_key"].encode(),
    SECRETS["token"].encode(),
)


def shows_a_secret(text: str) -> list[str]:
    """Return the secrets that a text contains."""
    return [name for name, value in {**SECRETS, "phone": PHONE}.items() if value in text]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(http(payment_body()), id="answered"),
        pytest.param(http(ECHO, 400), id="a gateway that echoes"),
        pytest.param(http(ECHO, 200), id="unreadable"),
        pytest.param((b"",), id="cut"),
        pytest.param((b"HTTP/1.1 garbage\r\n\r\n",), id="not HTTP"),
        pytest.param(http(b"", 401), id="refused"),
    ],
)
def test_debug_log_contains_no_secret(connected, caplog, capfd, no_waiting, act):
    """Logs are stored for years and read by many people."""
    log_texts = []
    with caplog.at_level(logging.DEBUG):
        client, _ = connected(act)
        client.run(_debug())
        for call in (
            lambda: client.payment("order-001"),
            lambda: client.refund("order-001", 250, "NOK", idempotency_key="key-1"),
            lambda: client.force_approve("order-001", phone_number=PHONE),
        ):
            try:
                log_texts.append(repr(call()))
            except errors.VippsReconError as error:
                log_texts += [str(error), repr(error)]
                # The caller's own argument is in the caller's frame, and in no frame below it.
                log_texts += [
                    line.replace(f"'phone_number': \"'{PHONE}'\"", "") for line in traced(error)
                ]
        log_texts += [
            repr(client),
            repr(client.core),
            repr(client.settings),
            str(vars(client.core)),
        ]
    printed = capfd.readouterr()

    lines = [
        *caplog.text.splitlines(),
        *printed.out.splitlines(),
        *printed.err.splitlines(),
        *log_texts,
    ]

    assert caplog.records
    assert [line for line in lines if shows_a_secret(line)] == []


async def _debug() -> None:
    """Enable asyncio's debug log, which shows every slow callback with its arguments."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    logging.getLogger("vippsrecon").debug("looked at")


def traced(error: BaseException) -> list[str]:
    """Return the variables of every frame except the test's own, as rich and pytest print them."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    return [f"{f.name}: {f.locals}" for f in frames if f.filename != __file__]


def test_a_refused_token_shows_no_keys(opened):
    """This call carries all three keys, and it is the one that fails on the first day."""
    client, server = opened(payment_body())
    echo = f"{SECRETS['client_secret']} {SECRETS['subscription_key']}"
    server.token_answers = [httpx.Response(401, json={"error": echo, "error_description": echo})]
    with pytest.raises(errors.UnauthorizedError) as caught:
        client.payment("order-001")

    assert "[secret]" in str(caught.value)
    assert shows_a_secret("\n".join([str(caught.value), *traced(caught.value)])) == []


def test_a_token_that_cannot_be_read_shows_no_keys(opened, no_waiting):
    """The same holds for an answer that was cut off."""
    client, server = opened(payment_body())
    half = f'{{"access_token":"{SECRETS["token"]}-'
    server.token_answers = [httpx.Response(200, text=half) for _ in range(9)]
    with pytest.raises(errors.UnreadableAnswerError) as caught:
        client.payment("order-001")

    assert shows_a_secret(str(caught.value)) == []


def test_headers_and_access_have_no_repr(settings):
    """Both contain all keys."""

    async def never(access, patient):
        raise AssertionError

    access = Credentials(settings().keys_of(MSN), MSN, "127.0.0.1", never)
    _, headers = access.token_request()

    assert shows_a_secret(repr(access) + repr(headers) + repr(access.keys)) == []


def test_stamina_logs_nothing_of_its_own():
    """Its hook would log the arguments of the calls it repeats."""
    assert get_on_retry_hooks() == ()
