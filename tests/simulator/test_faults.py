"""Faults over a real socket, and in this process where no socket is needed."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.waiting import wait_until
from vippsrecon.simulator import Simulator, SimulatorInputError, read_faults, serve
from vippsrecon.simulator.http.server import serve_app

CAPTURE = "/epayment/v1/payments/order-0001/capture"
BODY = {"modificationAmount": {"currency": "NOK", "value": 100}}


class Socket:
    """A shop whose calls use a socket."""

    def __init__(self, simulator, client):
        self.simulator = simulator
        self.client = client
        token_headers = {"client_id": "a", "client_secret": "b", "Ocp-Apim-Subscription-Key": "k"}
        token = self.client.post("/accesstoken/get", headers=token_headers).json()["access_token"]
        self.token_headers = {
            "Authorization": f"Bearer {token}",
            "Ocp-Apim-Subscription-Key": "k",
            "Merchant-Serial-Number": "123456",
        }

    def capture(self, value=100, key="k"):
        """Capture an amount."""
        body = {"modificationAmount": {"currency": "NOK", "value": value}}
        return self.client.post(
            CAPTURE, headers=self.token_headers | {"Idempotency-Key": key}, json=body
        )

    def total(self, name):
        """Return one of the four totals of the payment."""
        answer = self.client.get("/epayment/v1/payments/order-0001", headers=self.token_headers)
        return answer.json()["aggregate"][f"{name}Amount"]["value"]


@pytest.fixture(params=["socket", "in process"])
def connection(request, shop, line):
    """Return a shop with one payment, in this process and over a socket."""
    if request.param == "in process":
        yield shop(line.payment())
        return
    simulator = Simulator([{"clock": "2026-01-31T12:00:00Z"}, line.payment()])
    with serve(simulator) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield Socket(simulator, client)


def once(**fault):
    """Return a fault that hits every capture."""
    return [{"operations": ["capture"], "share": 1} | fault]


def test_connection_cut_before_the_request_does_nothing(connection):
    """The client cannot know that; it only sees that the network failed."""
    connection.simulator.set_faults(once(drop_before=True))
    with pytest.raises(httpx.TransportError):
        connection.capture(100, key="k")
    connection.simulator.set_faults([])

    assert connection.total("captured") == 0


def test_connection_cut_after_the_request_is_carried_out(connection):
    """The answer is lost, and a repeated call with the same key gets it."""
    connection.simulator.set_faults(once(drop_after=True))
    with pytest.raises(httpx.TransportError):
        connection.capture(100, key="k")
    connection.simulator.set_faults([])

    assert connection.total("captured") == 100
    assert connection.capture(100, key="k").status_code == 200
    assert connection.total("captured") == 100


def test_a_truncated_answer_was_carried_out(connection):
    """The connection ends after half of the body."""
    connection.simulator.set_faults(once(truncate=True))
    with pytest.raises(httpx.TransportError):
        connection.capture(100, key="k")

    assert connection.total("captured") == 100


def test_html_answer_was_carried_out(connection):
    """The status is 200, and the body cannot be read."""
    connection.simulator.set_faults(once(html_body=True))
    answer = connection.capture(100, key="k")

    assert answer.status_code == 200
    assert answer.text.startswith("<!DOCTYPE html>")
    assert connection.total("captured") == 100


def test_slow_body_arrives_complete(connection):
    """It arrives complete, in parts."""
    connection.simulator.set_faults(once(slow_body=0.2))
    begin = time.monotonic()
    answer = connection.capture(100, key="k")

    assert answer.json()["aggregate"]["capturedAmount"]["value"] == 100
    assert time.monotonic() - begin >= 0.15


def test_latency_is_added(connection):
    """Only the named operation is slower."""
    connection.simulator.set_faults(once(latency_ms=150))
    begin = time.monotonic()
    connection.capture(100, key="k")

    assert time.monotonic() - begin >= 0.14


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_injected_status_prevents_the_operation(connection, status):
    """With `after`, the operation is carried out first."""
    connection.simulator.set_faults(once(status=status))
    assert connection.capture(100, key="k").status_code == status
    assert connection.total("captured") == 0
    connection.simulator.set_faults(once(status=status, after=True))

    assert connection.capture(100, key="k2").status_code == status
    assert connection.total("captured") == 100


def test_retry_after_is_sent_in_every_form(shop, line):
    """Seconds, a date, or no header."""
    merchant = shop(line.payment())
    headers = []
    for retry_after in ({"retry_after": 7}, {"retry_after": "date:30"}, {}):
        merchant.simulator.set_faults(once(status=429, **retry_after))
        headers.append(merchant.capture(100).headers.get("retry-after"))
    wait = parsedate_to_datetime(headers[1]) - merchant.simulator.now()

    assert headers[0] == "7"
    assert 25 <= wait.total_seconds() <= 31
    assert headers[2] is None


def test_fault_applies_only_to_its_operation(shop, line):
    """A fault applies only to the operation it names."""
    merchant = shop(line.payment(), faults=[{"operations": ["refund"], "share": 1, "status": 500}])

    assert merchant.capture(100).status_code == 200
    assert merchant.simulator.requests()["faults"] == {}


def test_the_same_seed_gives_the_same_faults(shop, line):
    """A random share of calls fails, and the same seed gives the same share."""
    faults = [{"operations": ["getPayment"], "share": 0.3, "status": 503}]

    def run(seed):
        merchant = shop(line.payment(), faults=faults, seed=seed)
        return [merchant.payment().status_code for _ in range(40)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 0 < run(1).count(503) < 40


def test_every_answer_has_the_simulators_date(connection):
    """All dates come from the simulator's clock; the server adds none."""
    answer = connection.capture(100)

    assert answer.headers.get_list("date") == [answer.headers["date"]]
    assert parsedate_to_datetime(answer.headers["date"]).year == 2026
    assert (
        abs(parsedate_to_datetime(answer.headers["date"]) - connection.simulator.now()).seconds < 60
    )


def test_faults_are_read_from_toml(tmp_path):
    """The command line reads the same file."""
    path = tmp_path / "faults.toml"
    path.write_text('[[faults]]\noperations = ["capture"]\nshare = 0.5\ndrop_after = true\n')
    faults = read_faults(path)

    assert faults == [{"operations": ["capture"], "share": 0.5, "drop_after": True}]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[[faults]", "cannot be read as TOML", id="no TOML"),
        pytest.param("faults = 3", "written as", id="no tables"),
        pytest.param(
            "\n[[faults]]\nshare = 1", "line 2: a fault has exactly one of", id="no fault"
        ),
        pytest.param("[[faults]]\nshare = 2\nstatus = 500", "'share'", id="share above one"),
        pytest.param("[[faults]]\nstatus = 418", "'status'", id="a teapot"),
        pytest.param("[[faults]]\nstatus = 500\nwhen = 1", "no field when", id="unknown field"),
        pytest.param('[[faults]]\noperations = ["pay"]\nstatus = 500', "'operations'", id="op"),
        pytest.param("[[faults]]\ndrop_after = false", "'drop_after'", id="off is not a fault"),
        pytest.param("[[faults]]\nlatency_ms = -1", "'latency_ms'", id="back in time"),
        pytest.param("[[faults]]\nslow_body = false", "'slow_body'", id="not slow"),
        pytest.param("[[faults]]\ntruncate = true\nretry_after = 1", "'retry_after'", id="retry"),
        pytest.param("[[faults]]\nstatus = 429\nretry_after = 1.5", "'retry_after'", id="half"),
        pytest.param("[[faults]]\ntruncate = true\nafter = true", "'after'", id="after what"),
        pytest.param("[[fault]]\nstatus = 429", "'fault', which is not read", id="misspelt table"),
        pytest.param("seed = 5\n[[faults]]\nstatus = 429", "'seed'", id="unknown key"),
        pytest.param("[[faults]]\nstatus = 429\nstatus = 500", "TOML", id="a key twice"),
        pytest.param(
            '[[faults]]\nstatus = 429\nretry_after = "date:soon"', "'date:soon'", id="no seconds"
        ),
    ],
)
def test_invalid_fault_file_error_names_file_and_line(tmp_path, text, sentence):
    """The error names file and line, and what is allowed."""
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(SimulatorInputError, match=r"faults\.toml") as caught:
        read_faults(path)

    assert sentence in str(caught.value)


def test_missing_fault_file_is_reported(tmp_path):
    """The error is a sentence, not a traceback."""
    with pytest.raises(SimulatorInputError, match="cannot be read"):
        read_faults(tmp_path / "none.toml")


@pytest.mark.parametrize("sent", [b"", b'{"modificationAmount":'], ids=["no body", "half"])
def test_incomplete_request_is_not_carried_out(line, sent):
    """After a client was killed while sending, nothing is done and its key is unused."""
    simulator = Simulator([{"clock": "2026-01-31T12:00:00Z"}, line.payment()])
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    async def app(scope, receive, send):
        begun.release()
        await simulator.app(scope, receive, send)
        ended.release()

    with serve_app(app, 0) as url, httpx.Client(base_url=url, trust_env=False) as client:
        connection = Socket(simulator, client)
        # The connection has requested its token.
        assert begun.acquire(timeout=30)
        assert ended.acquire(timeout=30)
        for verb in ("capture", "cancel"):
            head = [f"POST /epayment/v1/payments/order-0001/{verb} HTTP/1.1", "Host: 127.0.0.1"]
            head += [f"{name}: {value}" for name, value in connection.token_headers.items()]
            head += ["Content-Type: application/json", "Idempotency-Key: k", "Content-Length: 62"]
            address = ("127.0.0.1", int(url.rpartition(":")[2]))
            with socket.create_connection(address) as raw_socket:
                raw_socket.sendall("\r\n".join([*head, "", ""]).encode() + sent)
                assert begun.acquire(timeout=30)
            assert ended.acquire(timeout=30)

        assert simulator.requests()["payments"] == {}
        assert connection.capture(100, key="k").status_code == 200


def test_replacing_faults_ends_a_latency(line):
    """A test can delay a request and continue it later."""
    simulator = Simulator([{"clock": "2026-01-31T12:00:00Z"}, line.payment()])
    with serve(simulator) as url, httpx.Client(base_url=url, trust_env=False) as client:
        connection = Socket(simulator, client)
        simulator.set_faults(once(latency_ms=600_000))
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(connection.capture(100, key="k")))
        waiting.start()
        wait_until(lambda: simulator.requests()["requests"].get("capture"))
        assert connection.total("captured") == 0
        simulator.set_faults([])
        waiting.join(timeout=60)

        assert [answer.status_code for answer in answers] == [200]
        assert connection.total("captured") == 100
