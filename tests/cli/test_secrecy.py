"""No key is in any output, log, file or notebook, in any error and at any log level."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import typer

from vippsrecon.cli import app
from vippsrecon.simulator import Simulator, serve

pytestmark = pytest.mark.ci

MARKED = {
    "VIPPS_CLIENT_ID": "marked-client-id-5f1c",
    "VIPPS_CLIENT_SECRET": "marked-client-secret-9b7e",
    "VIPPS_SUBSCRIPTION_KEY": "marked-subscription-key-2a40",
}
MARKED_NOTIFICATIONS = {
    "MAIL_PASSWORD": "marked-mail-password-41d6",
    "WEBHOOK_URL": "http://127.0.0.1:9/marked-webhook-c05a",
}
SECRETS = [
    *(MARKED["VIPPS_CLIENT_SECRET"], MARKED["VIPPS_SUBSCRIPTION_KEY"]),
    *("marked-mail-password-41d6", "marked-webhook-c05a"),
]
SETTINGS = """
retry_seconds = 1
[mail]
host = "127.0.0.1"
port = 9
security = "none"
sender = "vippsrecon@example.com"
results_to = ["finance@example.com"]
user = "vippsrecon"
password_from = "MAIL_PASSWORD"
[webhook]
service = "slack"
results_url_from = "WEBHOOK_URL"
"""
"""Neither the mail server nor the channel is there, so that their errors are looked at."""


@pytest.fixture(scope="module")
def state(month, tmp_path_factory):
    """Write the month again, for a merchant whose keys are easy to find in any text."""
    lines = (month / "simulator.jsonl").read_text(encoding="utf-8").splitlines()
    units = [json.loads(line) for line in lines if '"sales_unit"' in line]
    for unit in units:
        unit["sales_unit"] |= {
            "client_id": MARKED["VIPPS_CLIENT_ID"],
            "client_secret": MARKED["VIPPS_CLIENT_SECRET"],
            "subscription_key": MARKED["VIPPS_SUBSCRIPTION_KEY"],
        }
    path = tmp_path_factory.mktemp("marked") / "simulator.jsonl"
    other_lines = [line for line in lines if '"sales_unit"' not in line]
    path.write_text("\n".join([*map(json.dumps, units), *other_lines]) + "\n", encoding="utf-8")
    return path


RUN_COMMANDS = """
import contextlib, json, sys
from vippsrecon.cli import main

for name, arguments in json.loads(sys.argv[1]).items():
    sys.argv[1:] = arguments
    with contextlib.suppress(SystemExit):
        main()
    for stream in (sys.stdout, sys.stderr):
        print(f"\\n--- end of {name} ---", file=stream, flush=True)
"""
"""Run commands one after the other in one process, and mark where each ends."""
COMMANDS = {
    "preview": ["preview", "orders.csv", "--json"],
    "check": ["check"],
    "fetch": ["fetch", "orders.csv", "--out", "fetched"],
    "ledger": ["ledger", "--from", "2026-10-01", "--to", "2026-10-03", "--out", "ledger"],
    "payout": ["payout", "2000001", "--ledger", "ledger"],
    "reconcile": ["reconcile", "--orders", "orders.csv", "--out", "report.xlsx", "--json"],
    "reconcile into folders": [
        *("reconcile", "--orders", "orders.csv", "--into", "reports", "--period", "2026-10"),
        *("--catch-up", "--again", "--json", "--notify"),
    ],
    "notify": ["notify", "report.xlsx"],
    "schedule": [
        *("schedule", "--period", "last-month", "--for", "cron"),
        *("--", "--orders", "orders.csv", "--out", "report.xlsx"),
    ],
    "heartbeat": ["heartbeat", "--within", "35"],
    "resolve": ["resolve", "report.xlsx", "--waivers", "ignore.csv", "--until", "never"],
    "close-period": [
        "close-period",
        "--period",
        "2026-10",
        "--data",
        "report.data",
        "--by",
        "Kari",
    ],
    "scenario": ["scenario", "made", "--payments", "20"],
    "demo": ["demo", "--out", "demo", "--payments", "50"],
    "plan": ["plan", "refunds", "refunds.csv", "--out", "plan.json", "--workbook", "plan.xlsx"],
    "approve": ["approve", "plan.json"],
    "carry-out": ["carry-out", "plan.json", "--out", "dry.xlsx"],
    "live": ["carry-out", "plan.json", "--live", "--confirm", "2.00 NOK", "--out", "outcomes.xlsx"],
    "journal": ["journal", "--verify", "--out", "journal.xlsx"],
    "notebooks": ["notebooks", "copies"],
}
WITHOUT_SERVICE = {
    *("preview", "notify", "schedule", "heartbeat", "resolve", "close-period", "scenario", "demo"),
    *("notebooks", "payout"),
}
"""Commands that make no request to the service whose answers are broken."""
FAULTS = {
    "none": [],
    "keys refused": [{"operations": ["accessToken"], "share": 1.0, "status": 500}],
    "broken answers": [
        {"operations": ["getPayment"], "share": 0.3, "html_body": True},
        {"operations": ["getPaymentEventLog"], "share": 0.3, "truncate": True},
        {"operations": ["getPayment"], "share": 0.2, "drop_after": True},
    ],
}


def read_texts(folder):
    """Return all that a run wrote: the bytes of every file, and of every part of a workbook."""
    import zipfile

    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield path / name, archive.read(name)


def test_every_command_is_tested():
    """All but `lab`, which starts JupyterLab. The simulator and `init` have their own tests below."""
    known = set(typer.main.get_command(app).commands)

    assert known - set(COMMANDS) == {"simulator", "init", "lab"}


@pytest.fixture
def refunds(state, folder):
    """Write a list of two refunds of one krone each, for the commands that move money."""
    lines = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    paid = [
        line["payment"]["reference"]
        for line in lines
        if "payment" in line
        and line["msn"] == "123456"
        and line["payment"]["aggregate"]["capturedAmount"] == line["payment"]["amount"]
        and line["payment"]["aggregate"]["refundedAmount"]["value"] == 0
        and line["payment"]["amount"]["currency"] == "NOK"
    ]
    rows = [f"{reference},1.00,NOK" for reference in paid[:2]]
    text = "\n".join(["reference,amount,currency", *rows])
    (folder / "refunds.csv").write_text(text, encoding="utf-8")


def run_each_alone(commands, folder, environment):
    """Run each command in its own process, and return stdout and stderr by name."""
    outputs = {}
    for name, arguments in commands.items():
        result = subprocess.run(
            [sys.executable, "-m", "vippsrecon", *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            check=False,
        )
        outputs[name] = result.stdout, result.stderr
    return outputs


def run_in_this_process(commands, folder, environment):
    """Run all commands in one process, since its start takes most of the time.

    Return the same as `run_each_alone`.
    """
    result = subprocess.run(
        [sys.executable, "-c", RUN_COMMANDS, json.dumps(commands)],
        env=environment,
        cwd=folder,
        capture_output=True,
        check=True,
    )
    outputs = {}
    left = (result.stdout, result.stderr)
    for name in commands:
        ends = [text.partition(f"\n--- end of {name} ---\n".encode()) for text in left]
        assert all(end for _, end, _ in ends), name
        outputs[name] = tuple(text for text, _, _ in ends)
        left = tuple(output for _, _, output in ends)
    return outputs


@pytest.mark.usefixtures("refunds")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "run_all", [run_in_this_process, pytest.param(run_each_alone, marks=pytest.mark.nightly)]
)
def test_no_command_prints_a_key(state, few_orders, folder, fault, run_all):
    """Every command runs at DEBUG outside this process, so that all log output is checked."""
    (folder / "vippsrecon.toml").write_text(SETTINGS)
    commands = COMMANDS
    if run_all is run_in_this_process and fault != "none":
        commands = {name: given for name, given in COMMANDS.items() if name not in WITHOUT_SERVICE}
    with serve(Simulator.from_file(state, faults=FAULTS[fault])) as base_url:
        environment = {
            **os.environ,
            **MARKED,
            **MARKED_NOTIFICATIONS,
            "VIPPS_ENVIRONMENT": "simulator",
            "VIPPS_BASE_URL": base_url,
            "VIPPS_MSN": "123456",
            "VIPPSRECON_LOG_LEVEL": "DEBUG",
        }
        outputs = run_all(commands, folder, environment)

    if fault == "none":
        assert b"Done: 2 refunds" in outputs["live"][0], outputs["live"]
        assert b"could not be reached" in outputs["notify"][1], outputs["notify"]
    for name in ("check", "fetch", "reconcile"):
        assert b"DEBUG" in outputs[name][1], (
            f"the log of {name} was off, so this test looked at nothing"
        )
    for secret in map(str.encode, SECRETS):
        for name, streams in outputs.items():
            assert secret not in b"".join(streams), name
        for path, content in read_texts(folder):
            assert secret not in content, path


def test_simulator_prints_no_key(state, folder):
    """Its state file contains the keys it accepts, but its output must not."""
    server = subprocess.Popen(
        [sys.executable, "-m", "vippsrecon", "--log-level", "DEBUG", "simulator", "--state", state],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    first = server.stdout.readline()
    while first and b"127.0.0.1" not in first:
        first += server.stdout.readline()
    server.terminate()
    outputs = first + server.communicate(timeout=30)[0]

    assert b"127.0.0.1" in outputs
    assert not [secret for secret in SECRETS if secret.encode() in outputs]


@pytest.mark.parametrize("fault", ["none", "keys refused"])
def test_init_shows_no_key_and_writes_them_to_one_file(state, orders, folder, fault):
    """It is the only command that writes keys to a file, which only this account can open."""
    text = "\n".join(f"{name}={value}" for name, value in {**MARKED, "VIPPS_MSN": "123456"}.items())
    with serve(Simulator.from_file(state, faults=FAULTS[fault])) as base_url:
        options = ["--environment", "simulator", "--base-url", base_url, "--export", "orders.csv"]
        result = subprocess.run(
            [sys.executable, "-m", "vippsrecon", "--log-level", "DEBUG", "init", *options],
            cwd=folder,
            env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            input=text.encode(),
            capture_output=True,
            check=False,
        )
    written = {
        path.name
        for path, content in read_texts(folder)
        for secret in SECRETS
        if secret.encode() in content
    }

    assert b"DEBUG" in result.stderr, "the log was off, so this test looked at nothing"
    assert b"wrote .env" in result.stdout
    assert not [secret for secret in SECRETS if secret.encode() in result.stdout + result.stderr]
    assert written == {".env"}
    if os.name != "nt":
        assert (folder / ".env").stat().st_mode & 0o777 == 0o600


def test_notebooks_contain_no_key(root):
    """Keys come from the environment, never from a cell."""
    for path in (root / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")

        assert "client_secret" not in text.lower().replace("vipps_client_secret", "")
        assert not [secret for secret in SECRETS if secret in text]
