"""The client: tokens, headers, which calls are repeated and which are not."""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
import threading
import time
from datetime import UTC, date, datetime
from types import SimpleNamespace

import httpx
import orjson
import pytest
from pydantic import SecretStr

from tests.api.conftest import MSN, SECRETS, entry_body, event_body, payment_body
from vippsrecon import errors
from vippsrecon.api import AsyncClient
from vippsrecon.config.settings import Keys

BUSY = httpx.Response(503)
DOMAIN = {"title": "no", "extraDetails": [{"name": "ErrorCode", "reason": "6150"}]}


def test_a_payment_and_its_events_are_read(opened):
    """Every reading consists of these two calls."""
    client, _ = opened(payment_body(), [event_body()])

    assert client.payment("order-001").captured_minor == 250
    assert [event.name for event in client.events("order-001")] == ["CAPTURED"]


def test_every_call_has_identification_headers(opened):
    """Vipps MobilePay requires these headers on each call, at most thirty characters each."""
    client, server = opened(payment_body())
    client.payment("order-001")
    headers = server.requests[0].headers

    assert headers["authorization"] == f"Bearer {SECRETS['token']}-1"
    assert headers["merchant-serial-number"] == MSN
    assert headers["ocp-apim-subscription-key"] == SECRETS["subscription_key"]
    for name in ("name", "version", "plugin-name", "plugin-version"):
        assert 0 < len(headers[f"vipps-system-{name}"]) <= 30
        assert server.token_request.headers[f"vipps-system-{name}"]
    assert "idempotency-key" not in headers


def test_standard_token_request_sends_the_keys(opened):
    """An empty body with its length, and the three keys as headers."""
    client, server = opened(payment_body())
    client.check_keys()
    token_request = server.token_request

    assert (token_request.method, token_request.url.path, token_request.content) == (
        "POST",
        "/accesstoken/get",
        b"",
    )
    assert token_request.headers["content-length"] == "0"
    assert token_request.headers["client_id"] == "client-id"
    assert token_request.headers["client_secret"] == SECRETS["client_secret"]


def test_accounting_keys_request_the_specialized_token(opened):
    """With a subscription key or serial number as well, the service answers invalid_client."""
    accounting = {"accounting_client_id": "acc", "accounting_client_secret": "acc-secret"}
    client, server = opened({"cursor": "", "items": []}, token_seconds=900, **accounting)
    client.ledgers()
    token_request = server.token_request

    assert token_request.url.path == "/miami/v1/token"
    assert token_request.content == b"grant_type=client_credentials"
    assert token_request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(token_request.headers["authorization"].split()[1]) == b"acc:acc-secret"
    for request in (token_request, server.requests[0]):
        assert "ocp-apim-subscription-key" not in request.headers
        assert "merchant-serial-number" not in request.headers


def test_one_token_serves_many_calls(opened):
    """A token for each call would double the calls, and the API guide advises against it."""
    client, server = opened(payment_body())
    for _ in range(5):
        client.payment("order-001")

    assert server.tokens == 1


def test_a_token_is_renewed_before_it_expires(opened, monkeypatch):
    """It is renewed when ten per cent of its lifetime is left.

    Otherwise it could expire during a call.
    """
    client, server = opened(payment_body(), token_seconds="3600")
    client.payment("order-001")
    since = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: since + 3200)
    monkeypatch.setattr("vippsrecon.api.auth.time", clock)
    client.payment("order-001")
    assert server.tokens == 1
    clock.monotonic = lambda: since + 3300
    client.payment("order-001")

    assert server.tokens == 2


def test_fifty_callers_share_one_renewal(settings):
    """Fifty token requests at once could block the keys during a bulk read."""
    tokens = 0
    refused = set()

    async def server(request):
        nonlocal tokens
        if request.url.path == "/accesstoken/get":
            tokens += 1
            mine = tokens
            await asyncio.sleep(0.02)
            return httpx.Response(200, json={"access_token": f"t{mine}", "expires_in": "3600"})
        if request.headers["authorization"] == "Bearer t1":
            refused.add(request.url.path)
            while len(refused) < 50:  # no caller is refused before all have asked
                await asyncio.sleep(0.001)
            return httpx.Response(401)
        return httpx.Response(200, json=payment_body(request.url.path.rpartition("/")[2]))

    async def story():
        async with AsyncClient(settings(), transport=httpx.MockTransport(server)) as client:
            return await asyncio.gather(*(client.payment(f"order-{n:03}") for n in range(50)))

    payments = asyncio.run(story())

    assert len(payments) == len(refused) == 50
    assert tokens == 2


def test_failed_token_renewal_fails_all_waiting_callers(settings):
    """With wrong keys, a million references must cause one refused token, not a million."""
    tokens = 0

    async def server(request):
        nonlocal tokens
        tokens += 1
        await asyncio.sleep(0.01)
        return httpx.Response(401, json={"error": "unauthorized_client"})

    async def story():
        async with AsyncClient(settings(), transport=httpx.MockTransport(server)) as client:
            calls = (client.payment(f"order-{n:03}") for n in range(50))
            return await asyncio.gather(*calls, return_exceptions=True)

    failures = asyncio.run(story())

    assert {type(failure) for failure in failures} == {errors.UnauthorizedError}
    assert tokens == 1


def test_401_renews_the_token_only_once(opened):
    """Withdrawn keys stay withdrawn, so further attempts would not help."""
    client, server = opened(httpx.Response(401, json={"statusCode": 401, "message": "no"}))
    with pytest.raises(errors.UnauthorizedError):
        client.payment("order-001")

    assert (server.tokens, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("retry", [True, False], ids=["patient", "once"])
def test_write_refused_with_401_is_repeated_with_the_same_key(opened, retry):
    """A 401 proves that nothing was done, so repeating is safe even with retry=False."""
    client, server = opened(httpx.Response(401), payment_body())
    client.capture("order-001", 250, "NOK", idempotency_key="key-1", retry=retry)

    assert [request.headers["idempotency-key"] for request in server.requests] == ["key-1", "key-1"]


def test_wrong_keys_error_names_sales_unit_and_settings(opened):
    """A 401 alone does not help a merchant with three sales units and four keys each."""
    client, server = opened(payment_body())
    server.token_answers = [httpx.Response(401, json={"error": "unauthorized_client"})]

    with pytest.raises(errors.UnauthorizedError, match="sales unit 123456 were not accepted"):
        client.payment("order-001")


WRITES = {
    "create": lambda c, **k: c.create_payment({"reference": "order-001"}, **k),
    "capture": lambda c, **k: c.capture("order-001", 250, "NOK", **k),
    "refund": lambda c, **k: c.refund("order-001", 250, "NOK", **k),
    "cancel": lambda c, **k: c.cancel("order-001", **k),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(httpx.Response(503), id="down"),
        pytest.param(httpx.Response(423), id="locked"),
        pytest.param(httpx.Response(429, headers={"retry-after": "1"}), id="too often"),
        pytest.param(httpx.ReadTimeout("slow"), id="no answer"),
        pytest.param(httpx.ConnectError("refused"), id="no connection"),
        pytest.param(httpx.Response(200, content=b'{"amo'), id="truncated"),
        pytest.param(
            httpx.Response(400, json={"extraDetails": [{"name": "ErrorCode", "reason": "6160"}]}),
            id="6160",
        ),
    ],
)
def test_a_write_is_repeated_with_its_key_and_bytes(opened, no_waiting, write, failure):
    """Other bytes with the same key are a conflict, and another key would pay a second time."""
    client, server = opened(failure, failure, payment_body())
    write(client, idempotency_key="key-1")

    assert len(server.requests) == 3
    assert {request.headers["idempotency-key"] for request in server.requests} == {"key-1"}
    assert len({request.content for request in server.requests}) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 422, 302])
def test_refused_request_is_not_repeated(opened, no_waiting, status):
    """The API remembers a 4xx with its key; repeating only uses up the rate limit."""
    client, server = opened(httpx.Response(status, json=DOMAIN))
    with pytest.raises(errors.ApiError) as caught:
        client.refund("order-001", 250, "NOK", idempotency_key="key-1")

    assert len(server.requests) == 1
    assert caught.value.reference == "order-001"


@pytest.mark.parametrize("failure", [BUSY, httpx.ReadTimeout("slow"), httpx.ConnectError("no")])
def test_retry_false_sends_one_request(opened, no_waiting, failure):
    """Operations that move money look for a lost answer in the event log."""
    client, server = opened(failure)
    with pytest.raises((errors.ServiceError, errors.NoAnswerError)):
        client.refund("order-001", 250, "NOK", idempotency_key="key-1", retry=False)

    assert len(server.requests) == 1


def test_no_connection_and_no_answer_are_different_errors(opened):
    """Without a connection nothing was done; without an answer anything may have been done."""
    client, _ = opened(httpx.ConnectError("refused"), httpx.ReadError("cut"))

    with pytest.raises(errors.NotConnectedError):
        client.payment("order-001", retry=False)
    with pytest.raises(errors.NoAnswerError) as caught:
        client.payment("order-001", retry=False)
    assert not isinstance(caught.value, errors.NotConnectedError)
    assert caught.value.reference == "order-001"


def test_unreadable_answer_is_requested_three_times(opened, no_waiting):
    """A truncated answer is complete the next time; a permanent one means an API change."""
    client, server = opened(httpx.Response(200, text="<html>maintenance</html>"))
    with pytest.raises(errors.UnreadableAnswerError):
        client.payment("order-001")

    assert len(server.requests) == 3


CAPTURE = {"idempotency_key": "key-1", "retry": False}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda c: c.payment("order-001"), "order-001, reading the payment: Vipps", id="payment"
        ),
        pytest.param(
            lambda c: c.events("order-001"), "order-001, reading its event log: Vipps", id="events"
        ),
        pytest.param(
            lambda c: c.capture("order-001", 1, "NOK", **CAPTURE),
            "order-001, capture: Vipps",
            id="capture",
        ),
        pytest.param(
            lambda c: c.refund("order-001", 1, "NOK", **CAPTURE),
            "order-001, refund: Vipps",
            id="refund",
        ),
        pytest.param(
            lambda c: c.cancel("order-001", **CAPTURE), "order-001, cancel: Vipps", id="cancel"
        ),
        pytest.param(lambda c: c.ledgers(), "reading the ledgers: Vipps", id="ledgers"),
        pytest.param(
            lambda c: c.ledger_date("302321", "funds", date(2026, 1, 31)),
            "reading ledger date 2026-01-31: Vipps",
            id="ledger date",
        ),
    ],
)
@pytest.mark.parametrize("answer", [httpx.Response(403), httpx.Response(200, text="<html>")])
def test_error_names_the_call(opened, no_waiting, call, message, answer):
    """A run makes many kinds of calls, and the reader must know which one was refused."""
    client, _ = opened(answer)

    with pytest.raises(errors.ApiError) as caught:
        call(client)

    assert str(caught.value).startswith(message)
    assert str(caught.value).count("MobilePay answered") == 1


def test_force_approve_is_repeated_only_if_nothing_was_sent(opened, no_waiting):
    """It has no key, so after a lost answer the caller reads the payment."""
    client, server = opened(httpx.ConnectError("no"), httpx.Response(200))
    client.force_approve("order-001", phone_number="4791234567")
    assert len(server.requests) == 2

    client, server = opened(BUSY)
    with pytest.raises(errors.ServiceError):
        client.force_approve("order-001", token="abc")
    assert len(server.requests) == 1


def test_force_approve_is_refused_in_production(opened):
    """It exists for test environments; a real customer approves the payment."""
    client, server = opened(payment_body(), environment="production", base_url=None)
    with pytest.raises(errors.ConfigurationError, match="test hosts only"):
        client.force_approve("order-001", phone_number="4791234567")

    assert (server.tokens, server.requests) == (0, [])


def test_retry_seconds_limits_the_total_time(opened):
    """A call that may take a second gives up at once if the answer says to wait an hour."""
    client, server = opened(httpx.Response(429, headers={"retry-after": "3600"}), retry_seconds=1)
    with pytest.raises(errors.RateLimitedError) as caught:
        client.payment("order-001")

    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


def test_client_gives_up_on_a_dead_service(opened):
    """Without Retry-After the waits grow, and their sum stays within the setting."""
    client, server = opened(BUSY, retry_seconds=1)
    with pytest.raises(errors.ServiceError):
        client.payment("order-001")

    assert len(server.requests) == 2


def test_several_sales_units_each_have_their_keys(opened):
    """The API answers 401 if the keys belong to another serial number."""
    client, server = opened(payment_body())
    client.settings.keys["654321"] = Keys("other-id", SecretStr("other"), SecretStr("other-key"))
    client.payment("order-001")
    client.payment("order-001", "654321")
    first, second = (request.headers for request in server.requests)

    assert (first["merchant-serial-number"], second["merchant-serial-number"]) == (MSN, "654321")
    assert second["ocp-apim-subscription-key"] == "other-key"
    assert server.tokens == 2


def test_partner_keys_serve_any_linked_sales_unit(opened):
    """There is one set of keys, and the serial number on each call names the merchant."""
    client, server = opened(payment_body(), partner=True)
    payment = client.payment("order-001", "987654")

    assert server.requests[0].headers["merchant-serial-number"] == "987654"
    assert payment.msn == "987654"


def test_sales_unit_must_be_named_if_there_are_several(opened):
    """A guess could read another merchant's payment with the same reference."""
    client, _ = opened(payment_body(), msn=None)
    with pytest.raises(errors.InputError, match="Name one of them"):
        client.payment("order-001")


def test_server_time_is_the_date_of_the_last_answer(opened):
    """Deadlines are those of Vipps MobilePay, so they are measured by its clock."""
    dated = {"date": "Sat, 31 Jan 2026 23:00:00 GMT"}
    client, _ = opened(httpx.Response(200, headers=dated, json=payment_body()))
    before = client.now()
    assert abs((datetime.now(UTC) - before).total_seconds()) < 5
    assert client.clock_skew_seconds() == 0
    client.payment("order-001")

    assert client.now() == datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert client.clock_skew_seconds() == pytest.approx(
        (client.now() - datetime.now(UTC)).total_seconds(), abs=5
    )


def test_wait_until_final_follows_the_polling_guideline(opened, monkeypatch):
    """First a read after five seconds, then one every two seconds until the state is final."""
    waits = []

    async def no_sleep(seconds):
        waits.append(round(seconds))

    client, _ = opened(payment_body(state="CREATED"), payment_body(state="CREATED"), payment_body())
    monkeypatch.setattr(client.core, "_sleep", no_sleep)

    assert client.wait_until_final("order-001").state == "AUTHORIZED"
    assert waits == [5, 2, 2]


def test_wait_until_final_times_out(opened):
    """A payer who does nothing must not block a batch."""
    client, _ = opened(payment_body(state="CREATED"))

    assert client.wait_until_final("order-001", timeout_seconds=0.01).state == "CREATED"


def test_bulk_reading_has_payment_events_and_time(opened):
    """The time of fetching is the server's time, not the machine's."""
    dated = {"date": "Sat, 31 Jan 2026 23:00:00 GMT"}
    client, server = opened(
        httpx.Response(200, headers=dated, json=payment_body()), [event_body()], payment_body()
    )
    reading = client.read("order-001")

    assert (reading.payment.reference, len(reading.events)) == ("order-001", 1)
    assert reading.fetched_at == datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert client.read("order-001", events=False).events == []
    assert len(server.requests) == 3


def page(number, **changed):
    """Return one page of a ledger with one entry."""
    return {"items": [entry_body(pspReference=str(number))], "tryLater": False, **changed}


def test_ledger_date_is_read_to_its_last_page(opened):
    """A page that announces another one may be followed by an empty page."""
    client, server = opened(
        page(1, hasMore=True, cursor="a"),
        page(2, hasMore=True, cursor="b"),
        {"items": [], "hasMore": False, "tryLater": False},
    )
    day = client.ledger_date("302321", "funds", date(2026, 1, 31))

    assert [entry.psp_reference for entry in day.entries] == ["1", "2"]
    assert day.final
    assert [request.url.query for request in server.requests] == [b"", b"cursor=a", b"cursor=b"]


def test_an_open_ledger_date_is_not_final(opened):
    """Entries may still be added, so a total over them is not yet that of the day."""
    client, _ = opened(page(1, hasMore=True, tryLater=True, cursor="a"), page(2, tryLater=True))

    day = client.ledger_date("302321", "funds", date(2026, 1, 31))

    assert (len(day.entries), day.final) == (2, False)


@pytest.mark.parametrize("cursor", [None, "", "a"], ids=["none", "empty", "the same again"])
def test_endless_paging_is_stopped(opened, cursor):
    """Otherwise the client would read the same entries without end."""
    client, _ = opened(page(1, hasMore=True, cursor="a"), page(2, hasMore=True, cursor=cursor))
    with pytest.raises(errors.UnreadableAnswerError, match="without a new cursor"):
        client.ledger_date("302321", "funds", date(2026, 1, 31))


def test_feed_returns_its_cursor(opened):
    """The caller stores entries and cursor together."""
    client, _ = opened(page(1, cursor="next"), {"items": [], "tryLater": True})

    first = client.feed("302321", "funds")
    second = client.feed("302321", "funds", first.cursor)

    assert (len(first.entries), first.cursor, first.try_later) == (1, "next", False)
    assert (second.cursor, second.try_later) == ("next", True)


def test_ledgers_are_paged_and_filtered(opened):
    """A joint ledger settles several sales units; one of them is found by its handle."""
    ledger = {"ledgerId": "1", "currency": "NOK", "settlesForRecipientHandles": ["api:123456"]}
    client, server = opened({"items": [ledger], "cursor": "c"}, {"items": [ledger], "cursor": ""})

    assert len(client.ledgers(MSN)) == 2
    assert [request.url.query for request in server.requests] == [
        b"settlesForRecipientHandles=api%3A123456",
        b"cursor=c",
    ]


def test_the_client_works_inside_a_running_loop(opened):
    """Jupyter runs an event loop, in which `asyncio.run` is refused."""
    client, _ = opened(payment_body())

    async def cell():
        return client.payment("order-001")

    assert asyncio.run(cell()).reference == "order-001"


def test_the_client_serves_several_threads(opened):
    """Each thread waits for its own answer."""
    client, _ = opened(payment_body())
    payments = []
    threads = [
        threading.Thread(target=lambda: payments.append(client.payment("order-001")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(payments) == 8


def test_interrupted_coroutine_finishes_its_cleanup(opened):
    """After Ctrl-C a bulk read must still write what it has received."""
    client, _ = opened(payment_body())
    put_away = threading.Event()

    async def work():
        # Sent once the caller waits for this work.
        main = threading.main_thread().ident
        while sys._current_frames()[main].f_code.co_name != "wait":
            await asyncio.sleep(0.001)
        signal.pthread_kill(main, signal.SIGALRM)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            put_away.set()

    def interrupt(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            client.run(work())
    finally:
        signal.signal(signal.SIGALRM, previous)

    assert put_away.is_set()


def test_blocking_call_on_its_own_loop_is_refused(opened):
    """The call would wait for itself without end."""
    client, _ = opened(payment_body())

    async def within():
        client.payment("order-001")

    with pytest.raises(RuntimeError, match="await"):
        client.run(within())


def test_closing_twice_does_nothing(opened):
    """In notebooks a context manager and a call may both close the client."""
    client, _ = opened(payment_body())
    client.close()
    client.close()

    assert not client._thread.is_alive()


def test_request_body_is_sent_as_json(opened):
    """The content type is set, and the body is exactly the request's bytes."""
    client, server = opened({"reference": "order-001", "redirectUrl": "https://example.com"})
    request = {"reference": "order-001", "amount": {"currency": "NOK", "value": 100}}
    created = client.create_payment(request, idempotency_key="key-1")

    assert server.requests[0].headers["content-type"] == "application/json"
    assert orjson.loads(server.requests[0].content) == request
    assert created == (MSN, "order-001", "https://example.com")
