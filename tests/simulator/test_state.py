"""Saving and loading state, the control endpoints, and the server as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import orjson
import pytest

import vippsrecon
from tests.loaded_modules import list_loaded_modules
from tests.waiting import wait_until
from vippsrecon.simulator import Simulator, SimulatorInputError, serve

PACKAGE = Path(vippsrecon.__file__).parent


def lines_of(simulator):
    """Return all lines but the clock's, which changes."""
    return [line for line in simulator.state() if "clock" not in line]


def make_state(line):
    """Return one line of each kind."""
    return [
        {"clock": "2026-01-31T12:00:00Z"},
        {"settings": {"key_lifetime_seconds": 60}},
        {"sales_unit": line.unit | {"name": "kept as it is"}},
        line.ledger(),
        line.payment(),
        line.payment("order-0003", captured=1000, refunded=100),
        line.entry(),
        line.entry(2, topic="fees"),
    ]


def test_state_round_trip_changes_nothing(line):
    """The lines are equal."""
    first = Simulator(make_state(line))
    second = Simulator(first.state())

    assert lines_of(first) == lines_of(second) == make_state(line)[1:]


def test_lines_may_be_objects_text_or_bytes(line):
    """The simulator accepts all three."""
    lines = make_state(line)
    text = [orjson.dumps(state_line).decode() for state_line in lines]

    assert lines_of(Simulator(text)) == lines_of(
        Simulator(state_line.encode() for state_line in text)
    )


def test_state_file_is_read_line_by_line_when_needed(tmp_path, line):
    """Lines stay in the file until they are changed."""
    path = tmp_path / "state.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, make_state(line))) + b"\n\n")
    simulator = Simulator.from_file(path)

    assert lines_of(simulator) == lines_of(Simulator(make_state(line)))


def test_shortened_state_file_is_reported(tmp_path, line):
    """An error is better than half a payment."""
    path = tmp_path / "state.jsonl"
    path.write_bytes(orjson.dumps(line.payment()))
    simulator = Simulator.from_file(path)
    path.write_bytes(b"")
    with pytest.raises(SimulatorInputError, match="was cut"):
        list(simulator.state())


def test_many_payments_load_quickly(tmp_path, line):
    """The file has twenty thousand payments."""
    state_line = orjson.dumps(line.payment("order-XXXXX"))
    path = tmp_path / "state.jsonl"
    path.write_bytes(b"\n".join(state_line.replace(b"XXXXX", b"%05d" % n) for n in range(20_000)))
    begin = time.process_time()
    simulator = Simulator.from_file(path)

    assert time.process_time() - begin < 2
    assert sum(1 for _ in simulator.state()) == 20_001


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        pytest.param(b"{", "not valid JSON", id="no JSON"),
        pytest.param(b"[]", "JSON object", id="no object"),
        pytest.param(b"{}", "holds one of", id="nothing"),
        pytest.param(b'{"payment":{},"events":[]}', "'msn'", id="no msn"),
        pytest.param(b'{"msn":"1","payment":{}}', "'events'", id="no events"),
        pytest.param(b'{"msn":"1","payment":{},"events":[]}', "'reference'", id="no reference"),
        pytest.param(b'{"clock":"noon"}', "'clock'", id="no time"),
        pytest.param(b'{"clock":5}', "'clock'", id="a number"),
        pytest.param(b'{"settings":{"colour":1}}', "no setting 'colour'", id="unknown setting"),
        pytest.param(b'{"settings":{"report_page_size":0}}', "report_page_size", id="no page"),
        pytest.param(b'{"settings":[]}', "'settings'", id="settings are a list"),
        pytest.param(b'{"settings":{"refusals":[{"code":1}]}}', "known code", id="unknown code"),
        pytest.param(b'{"sales_unit":{"msn":"1"}}', "needs client_id", id="no keys"),
        pytest.param(b'{"sales_unit":{"market":"IS"}}', "market 'IS'", id="no such market"),
        pytest.param(b'{"sales_unit":{"msn":123456}}', "'msn'", id="msn is a number"),
        pytest.param(b'{"sales_unit":{"refunds":"no"}}', "'refunds'", id="no boolean"),
        pytest.param(b'{"sales_unit":{"ledgers":"1"}}', "'ledgers'", id="no list"),
        pytest.param(b'{"sales_unit":{"msn":"1","late_captur":true}}', "'late_captur'", id="typo"),
        pytest.param(b'{"clock":"2026-01-31T12:00:00Z","setings":{}}', "setings", id="two kinds"),
        pytest.param(
            b'{"clock":"2026-01-31T12:00:00Z","clock":"2026-02-28T12:00:00Z"}',
            "the key 'clock' occurs twice",
            id="a key twice",
        ),
        pytest.param(
            b'{"msn":"1","events":[],"payment":{"amount":{"value":1,"value":2}}}',
            "the key 'value' occurs twice",
            id="an amount twice",
        ),
        pytest.param(b'{"ledger":{}}', "'ledgerId'", id="ledger without id"),
        pytest.param(b'{"entry":{"amount":1}}', "'ledgerId' and 'topic'", id="whose entry"),
        pytest.param(
            b'{"ledgerId":"1","topic":"funds","entry":{"amount":1.5}}', "'amount'", id="half an øre"
        ),
        pytest.param(
            b'{"ledgerId":"1","topic":"funds","entry":{"amount":1}}', "'ledgerDate'", id="no date"
        ),
    ],
)
def test_invalid_line_error_names_file_and_line(tmp_path, line, bad, sentence):
    """The error names file and line, and what is allowed."""
    path = tmp_path / "state.jsonl"
    path.write_bytes(orjson.dumps(line.payment()) + b"\n" + bad + b"\n")
    with pytest.raises(SimulatorInputError, match=r"state\.jsonl line 2: ") as caught:
        Simulator.from_file(path)

    assert sentence in str(caught.value)
    assert caught.value.line == 2


@pytest.mark.parametrize("kind", ["payment", "ledger", "sales_unit"])
def test_duplicate_state_line_is_refused(line, kind):
    """It is unclear which of the two is right."""
    state_line = {"sales_unit": line.unit} if kind == "sales_unit" else getattr(line, kind)()
    with pytest.raises(SimulatorInputError, match=r"line 2: .* twice"):
        Simulator([state_line, state_line])


def test_missing_state_file_is_reported(tmp_path):
    """The error names the file."""
    with pytest.raises(SimulatorInputError, match=r"none\.jsonl"):
        Simulator.from_file(tmp_path / "none.jsonl")


@pytest.mark.parametrize("broken", ["amount", "currency", "events", "state", "offset"])
def test_impossible_payment_is_refused(line, broken):
    """The totals that the simulator calculates with must be possible."""
    state_line = line.payment()
    if broken == "amount":
        state_line["payment"]["aggregate"]["capturedAmount"]["value"] = True
    elif broken == "currency":
        del state_line["payment"]["amount"]["currency"]
    elif broken == "events":
        del state_line["events"][0]["timestamp"]
    elif broken == "offset":
        state_line["events"][0]["timestamp"] = "2026-10-02T10:00:00+00:60"
    else:
        del state_line["payment"]["state"]
    with pytest.raises(SimulatorInputError, match="order-0001"):
        Simulator([state_line])


def test_control_endpoints_work_over_a_socket(line):
    """State, clock, settings, faults and requests, over a socket."""
    simulator = Simulator(make_state(line))
    with serve(simulator) as url, httpx.Client(base_url=url, trust_env=False) as client:
        state = client.get("/_simulator/state")
        assert [orjson.loads(text_line) for text_line in state.text.splitlines()][1:] == make_state(
            line
        )[1:]
        before = simulator.now()
        client.post("/_simulator/clock", json={"advance_seconds": 3600})
        assert (simulator.now() - before).total_seconds() >= 3600
        changed = client.post("/_simulator/settings", json={"event_log_lag_ms": 5})
        assert changed.json() == {"key_lifetime_seconds": 60, "event_log_lag_ms": 5}
        fault = {"operations": ["ledgers"], "share": 1, "status": 503}
        assert client.post("/_simulator/faults", json={"faults": [fault]}).json() == {"faults": 1}
        assert client.get("/settlement/v1/ledgers").status_code == 503
        counted = client.get("/_simulator/requests").json()
        assert counted["requests"]["ledgers"] == 1
        assert counted["faults"] == {"status": 1}
        assert counted == simulator.requests()
        assert len(state.headers.get_list("date")) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("clock", {"advance_seconds": "a day"}, id="no number"),
        pytest.param("clock", {"advance_seconds": -1}, id="backwards"),
        pytest.param("settings", {"colour": 1}, id="unknown setting"),
        pytest.param("settings", [], id="no object"),
        pytest.param("faults", {"faults": [{"status": 418}]}, id="a teapot"),
        pytest.param("faults", {}, id="no faults"),
        pytest.param("payer", {"msn": "1", "reference": "x", "action": "approve"}, id="nobody"),
    ],
)
def test_invalid_control_request_is_refused(shop, path, body):
    """Nothing is changed."""
    answer = shop().request("POST", f"/_simulator/{path}", json=body)

    assert answer.status_code in (400, 409)


def test_only_loopback_is_served(line):
    """The URL shows it, and the port is free again afterwards."""
    with serve(Simulator()) as url:
        port = int(url.rpartition(":")[2])
        assert url.startswith("http://127.0.0.1:")
    with serve(Simulator(), port=port) as again:
        assert again == url


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT], ids=lambda sig: sig.name)
def test_server_stops_quickly(sig):
    """It stops quickly and without an error, even with a client connected."""
    code = (
        "from vippsrecon.simulator import Simulator, run\n"
        "run(Simulator(), port=0, started=lambda url: print(url, flush=True))\n"
    )
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        url = process.stdout.readline().decode().strip()
        with httpx.Client(base_url=url, trust_env=False) as client:

            def it_answers():
                with contextlib.suppress(httpx.ConnectError):
                    return client.get("/_simulator/requests").status_code == 200

            wait_until(it_answers)
            process.send_signal(sig)
            _, complaint = process.communicate(timeout=60)

        assert complaint == b""
        assert process.returncode == 0


def test_simulator_import_loads_no_other_part():
    """It imports no frames, no HTTP client, no server and no other part of the package."""
    loaded = list_loaded_modules(
        "import sys, types, pathlib\n"
        # vippsrecon itself imports more; here only the simulator is imported.
        "package = types.ModuleType('vippsrecon')\n"
        f"package.__path__ = [{os.fspath(PACKAGE)!r}]\n"
        "sys.modules['vippsrecon'] = package\n"
        "import vippsrecon.simulator\n"
    )

    assert not loaded & {"pandas", "polars", "httpx", "uvicorn", "starlette", "pydantic"}
    own_modules = {name for name in loaded if name.startswith("vippsrecon.")}
    assert {name for name in own_modules if not name.startswith("vippsrecon.simulator")} == set()
