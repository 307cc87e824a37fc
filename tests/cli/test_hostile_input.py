"""Any typed text and any file content gives an exit code, and never a traceback.

The commands run in this process, which takes milliseconds each. Cases that need their own process
(pipes, encodings, full disks) run in one.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.recorded_hashes import record_hashes_again
from vippsrecon.cli import app
from vippsrecon.scenario import write_month
from vippsrecon.simulator import Simulator, serve

pytestmark = pytest.mark.ci

HEAD = "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"
ROW = "123456,order-1001,1001,NOK,500.00,0,fulfilled,2026-10-02T10:00:00Z,2026-10-03T10:00:00Z\n"

TIMES = [
    "2199-12-31", "1970-01-01", "9999-12-31", "9999-12-31T23:59:59-14:00", "0001-01-01", "0001-01-01T00:00:00+14:00",
    "2026-10-31T10:00:00+99:00", "2026-10-31T10:00:00+23:59", "2026-10-31T10:00:00.1234567",
    "2026-02-30", "1969-12-31", "2262-04-12T00:00:00Z", "20261031", "2026-W44-6", "", " ", "\x00",
    "+", "-", "９９９９-12-31", "2026-10-31T24:00:00", "2026-10-25T02:30:00",
]  # fmt: skip
TEXTS = [
    "", " ", "\x00", "\x1b[2J", "\u202e", "\u200b", "\ud800", "'", '"', "-", "--", "%s", "{0}",
    "/dev/zero", "/", ".", "..", "a" * 300, "a/" * 3000, "nul", "😀", "http://", "sqlite:///",
    "1e999", "-1", "NaN", "9" * 400,
]  # fmt: skip
CONTENTS = {
    "empty": b"",
    "nothing but a mark": b"\xef\xbb\xbf",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "deep TOML": b"a = " + b"[" * 200_000,
    "dotted TOML": b"a" + b".a" * 50_000 + b" = 1",
    "a long number": b'{"counts": ' + b"1" * 10_000 + b', "version": 1}',
    "a key twice": b'{"counts": {}, "version": 1, "version": 1}',
    "NaN": b'{"counts": {"payments": NaN}, "version": 1}',
    "a list": b"[]",
    "half a surrogate": b'{"as_of": "\\ud800", "environment": "\\ud800"}',
    "another alphabet": "подпис".encode("utf-16"),
    "a quote": b'reference,reason,who\n"order',
    "zeros": bytes(1000),
    "random": random.Random(8).randbytes(3000),
    "lines": b"\r\r\n\n\x85\x0b\x0c",
    "a heading": HEAD.encode(),
    "a wide row": HEAD.encode() + ROW.encode().rstrip() + b"," * 5000,
    "years": (HEAD + ROW.replace("2026", "9999") + ROW.replace("2026", "0001")).encode(),
    "offsets": (HEAD + ROW.replace("Z,2026", "+99:00,2026")).encode(),
    "amounts": (HEAD + ROW.replace("500.00", "9" * 40)).encode(),
    "a currency": (HEAD + ROW.replace("NOK", "XXX")).encode(),
    "large sums": (HEAD + "".join(ROW.replace("500.00", "9" * 13).replace("1001", str(n))
                                  for n in range(1001, 3001))).encode(),
    "a zip": b"PK\x03\x04" + bytes(200),
    "an archive's end": b"PK\x05\x06" + b"\xff" * 18,
    "parquet": b"PAR1" + b"\xff" * 40 + b"PAR1",
}  # fmt: skip


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """Return a month of a few payments: what is wrong here is never the payments."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder, payments=20, seed=7)
    return folder


@pytest.fixture(scope="module")
def base_url(month):
    """Serve that month without faults, and yield the address."""
    with serve(Simulator.from_file(month / "simulator.jsonl")) as url:
        yield url


@pytest.fixture(params=["some", pytest.param("all", marks=pytest.mark.nightly)])
def choose(request):
    """Return a function that chooses the values a test tries; the nightly run tries all."""

    def choose(values, number, share):
        return values if request.param == "all" else values[number % share :: share]

    return choose


@pytest.fixture
def check(folder, keys):
    """Return a function that runs a command and checks what every command promises."""
    keys.setenv("VIPPS_MSN", "123456")
    (folder / "vippsrecon.toml").write_text("retry_seconds = 0.2\n")

    def check(*arguments: object, codes=(1, 2)):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        shown = result.output.encode("utf-8", "backslashreplace").decode()
        assert "Traceback" not in shown, (arguments, shown)
        assert "fault in vippsrecon" not in shown, (arguments, shown)
        assert result.exit_code in codes, (arguments, result.exit_code, shown)
        assert isinstance(result.exception, SystemExit | None), (arguments, result.exception)
        assert not {"\x1b", "\u202e"} & set(result.output), (arguments, shown)
        return result

    return check


@pytest.fixture(scope="module")
def fetched(month, base_url, tmp_path_factory):
    """Fetch the month once for all tests in this file."""
    out = tmp_path_factory.mktemp("fetched") / "october"
    environment = {
        "VIPPS_ENVIRONMENT": "simulator",
        "VIPPS_BASE_URL": base_url,
        "VIPPS_CLIENT_ID": "scenario-client-123456",
        "VIPPS_CLIENT_SECRET": "scenario-secret-123456",
        "VIPPS_SUBSCRIPTION_KEY": "scenario-subscription-123456",
        "VIPPS_MSN": "123456",
    }
    result = CliRunner().invoke(
        app, ["fetch", str(month / "orders.csv"), "--out", str(out)], env=environment
    )
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def october(fetched, folder):
    """Return a copy of the fetch that a test may damage."""
    import shutil

    return Path(shutil.copytree(fetched, folder / "october"))


TIME_OPTIONS = ["--as-of", "--exported-at", "--from", "--to"]


@pytest.mark.parametrize("option", TIME_OPTIONS)
def test_any_as_of_text_gives_an_exit_code(check, choose, orders, october, option):
    """Years with a typing error, and time offsets that no place has."""
    for time in ["9999-12-31", *choose(TIMES, TIME_OPTIONS.index(option), 6)]:
        check("reconcile", "--orders", orders, "--out", "r.xlsx", "--payments", "october",
              option, time, codes=(0, 1, 2))  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last"),
    [("0001-01-01", "9999-12-31"), ("9999-12-31", "9999-12-31"), ("9999-01-01", None),
     (None, "0001-01-01"), ("2026-10-01", "9999-12-31")],
)  # fmt: skip
def test_any_period_gives_an_exit_code(check, orders, first, last):
    """The ledger is read for every day of the period, so extreme periods must not break it."""
    period = [*(["--from", first] if first else []), *(["--to", last] if last else [])]
    check("reconcile", "--orders", orders, "--out", "r.xlsx", *period, codes=(0, 1, 2))


COMMANDS = [
    ("preview", "{}"),
    ("preview", "orders.csv", "--shop", "{}"),
    ("preview", "orders.csv", "--mapping", "{}"),
    ("fetch", "{}", "--out", "o"),
    ("fetch", "orders.csv", "--out", "o", "--shop", "{}"),
    ("reconcile", "--orders", "{}", "--out", "r.xlsx"),
    ("reconcile", "--orders", "orders.csv", "--out", "{}", "--payments", "nowhere"),
    ("reconcile", "--orders", "orders.csv", "--out", "r.xlsx", "--payments", "{}"),
    ("reconcile", "--orders", "orders.csv", "--out", "r.xlsx", "--references", "{}"),
    ("reconcile", "--orders", "orders.csv", "--out", "r.xlsx", "--earlier", "{}"),
    (
        "reconcile",
        "--orders",
        "orders.csv",
        "--into",
        "{}",
        "--period",
        "2026-10",
        "--payments",
        "nowhere",
    ),
    (
        "reconcile",
        "--orders",
        "orders.csv",
        "--into",
        "r",
        "--period",
        "{}",
        "--payments",
        "nowhere",
    ),
    ("ledger", "--from", "{}", "--to", "2026-10-31", "--out", "o"),
    ("ledger", "--from", "2026-10-31", "--to", "{}", "--out", "o"),
    ("payout", "{}", "--settlement", "orders.csv"),
    ("payout", "2000001", "--settlement", "{}"),
    ("payout", "2000001", "--ledger", "{}"),
    ("reconcile", "--orders", "orders.csv", "--settlement", "{}", "--out", "r.xlsx"),
    ("reconcile", "--orders", "orders.csv", "--bank", "{}", "--out", "r.xlsx"),
    ("reconcile", "--orders", "orders.csv", "--cutoff", "{}", "--out", "r.xlsx"),
    ("plan", "refunds", "{}", "--out", "p.json"),
    ("plan", "refunds", "--from-report", "{}", "--out", "p.json"),
    ("plan", "refunds", "list.csv", "--out", "{}"),
    ("plan", "refunds", "list.csv", "--out", "p.json", "--mapping", "{}"),
    ("plan", "refunds", "list.csv", "--out", "p.json", "--as", "{}"),
    ("plan", "refunds", "list.csv", "--out", "p.json", "--duplicate", "{}"),
    ("plan", "refunds", "list.csv", "--out", "p.json", "--workbook", "{}"),
    ("plan", "{}", "list.csv", "--out", "p.json"),
    ("approve", "{}"),
    ("carry-out", "{}"),
    ("carry-out", "{}", "--live", "--confirm", "1 NOK"),
    ("carry-out", "plan.json", "--live", "--confirm", "{}"),
    ("carry-out", "plan.json", "--in-flight", "{}"),
    ("carry-out", "plan.json", "--out", "{}"),
    ("journal", "--plan", "{}"),
    ("journal", "--verify", "--plan", "{}", "--head", "{}"),
    ("journal", "--out", "{}"),
    ("journal", "settle", "{}"),
    ("journal", "settle", "plan.json", "--row", "{}", "--as", "done", "--because", "seen"),
    ("journal", "settle", "plan.json", "--row", "1", "--as", "{}", "--because", "seen"),
    ("journal", "settle", "plan.json", "--row", "1", "--as", "done", "--because", "{}"),
    (
        "journal",
        "settle",
        "plan.json",
        "--row",
        "1",
        "--as",
        "done",
        "--because",
        "x",
        "--by",
        "{}",
    ),
    ("approve", "plan.json", "--as", "{}"),
    ("schedule", "--for", "{}", "--period", "{}"),
    ("schedule", "--for", "github", "--remove", "--name", "{}"),
    (
        "schedule",
        "--for",
        "cron",
        "--period",
        "last-month",
        "--name",
        "{}",
        "--",
        "--orders",
        "a.csv",
        "--into",
        "{}",
    ),
    ("scenario", "/dev/null/{}"),
    ("notebooks", "/dev/null/{}"),
    ("lab", "/dev/null/{}"),
    ("scenario", "month", "--seed", "{}x"),
    ("scenario", "month", "--payments", "-{}"),
    ("demo", "--payments", "0{}x"),
    ("simulator", "--state", "{}"),
    ("simulator", "--state", "state.jsonl", "--faults", "{}"),
    ("simulator", "--state", "state.jsonl", "--port", "7{}7777777"),
    ("--log-level", "{}", "preview", "list.csv"),
    ("{}",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_any_argument_text_gives_an_exit_code(check, choose, orders, folder, command):
    """Each argument of each command gets texts that nobody should type."""
    (folder / "list.csv").write_text("reference,amount,currency\norder-1001,5.00,NOK\n")
    for text in choose(TEXTS, COMMANDS.index(command), 7):
        check(*(part.replace("{}", text) for part in command), codes=(0, 1, 2))


INIT_OPTIONS = {
    "--environment": "VIPPS_ENVIRONMENT", "--msn": "VIPPS_MSN", "--base-url": "VIPPS_BASE_URL",
    "--market": "VIPPS_MARKET", "--export": "VIPPS_EXPORT",
}  # fmt: skip


@pytest.mark.parametrize("option", INIT_OPTIONS)
def test_any_first_setting_gives_an_exit_code(check, choose, keys, folder, option):
    """Each option of `init` gets texts that nobody should type, in a folder without settings."""
    keys.delenv(INIT_OPTIONS[option], raising=False)
    for text in choose(TEXTS, list(INIT_OPTIONS).index(option), 4):
        for name in ("vippsrecon.toml", ".env"):
            (folder / name).unlink(missing_ok=True)
        check("init", option, text, codes=(0, 1, 2))


@pytest.mark.parametrize("name", CONTENTS)
def test_any_pasted_text_gives_an_exit_code(keys, folder, name):
    """What is pasted as keys may be anything that was copied last."""
    for variable in ("VIPPS_CLIENT_ID", "VIPPS_CLIENT_SECRET", "VIPPS_SUBSCRIPTION_KEY"):
        keys.delenv(variable)
    result = CliRunner().invoke(app, ["init"], input=CONTENTS[name])

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "fault in vippsrecon" not in result.output
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", CONTENTS)
def test_any_file_content_gives_an_exit_code(check, choose, orders, folder, name):
    """Each file that a command reads gets content that it should not have."""
    for suffix in (".csv", ".json", ".xlsx", ".toml", ".txt"):
        (folder / f"x{suffix}").write_bytes(CONTENTS[name])
    (folder / "list.csv").write_text("reference,amount,currency\norder-1001,5.00,NOK\n")
    tables = ("x.csv", "x.json", "x.xlsx", "x.txt")
    for file in choose(tables, list(CONTENTS).index(name), 4):
        check("preview", file, codes=(0, 1, 2))
        check("plan", "refunds", file, "--out", "p.json")
        check("reconcile", "--orders", file, "--out", "r.xlsx", codes=(0, 1, 2))
        check("reconcile", "--orders", orders, "--references", file, "--out", "r.xlsx",
              "--payments", "nowhere")  # fmt: skip
    (folder / "bad.jsonl").write_text("{not json\n")
    in_folder = ("--out", "r.xlsx", "--period", "2026-10")
    commands = [
        (("reconcile", "--orders", ".", *in_folder), (0, 1, 2)),
        (("plan", "refunds", "--from-report", "x.xlsx", "--out", "p.json"), (1, 2)),
        (("preview", orders, "--mapping", "x.toml"), (1, 2)),
        (("plan", "refunds", "list.csv", "--mapping", "x.toml", "--out", "p.json"), (1, 2)),
        (("approve", "x.json"), (1, 2)),
        (("carry-out", "x.json"), (1, 2)),
        (("journal", "settle", "x.json"), (1, 2)),
        (("simulator", "--state", "bad.jsonl", "--faults", "x.toml"), (2,)),
    ]
    for command, codes in choose(commands, list(CONTENTS).index(name), 3):
        check(*command, codes=codes)
    if CONTENTS[name].strip(b"\xef\xbb\xbf"):  # an empty state would be served
        check("simulator", "--state", "x.txt", codes=(2,))


@pytest.mark.parametrize("name", CONTENTS)
def test_any_settings_file_gives_an_exit_code(check, choose, orders, october, folder, name):
    """These files are read although the user does not name them."""
    content = CONTENTS[name]
    (folder / "vippsrecon.toml").write_bytes(content)
    check("preview", orders, codes=(0, 1, 2))
    (folder / "vippsrecon.toml").write_text('ignore_file = "ignore.csv"\n')
    for file in choose(["ignore.csv"], list(CONTENTS).index(name), 3):
        (folder / file).write_bytes(content)
        check("reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx",
              codes=(0, 1, 2))  # fmt: skip
    (folder / "vippsrecon.toml").unlink()
    (folder / ".env").write_bytes(content)
    check("preview", orders, codes=(0, 1, 2))
    (folder / ".env").unlink()
    (folder / "vippsrecon.db").write_bytes(content)
    check("journal", codes=(0, 1, 2))
    check("check", codes=(0, 1, 2))


@pytest.mark.parametrize("name", CONTENTS)
def test_any_fetch_folder_gives_an_exit_code(check, choose, orders, october, name):
    """A folder of fetched payments may come from another person by mail."""
    files = ("fetch.json", "payments.parquet", "month.json", "events.parquet", "failures.csv")
    for file in choose(files, list(CONTENTS).index(name), 5):
        before = (october / file).read_bytes() if (october / file).exists() else None
        (october / file).write_bytes(CONTENTS[name])
        check("reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx",
              codes=(0, 1, 2))  # fmt: skip
        if file == "fetch.json":
            check("fetch", orders, "--out", "october", codes=(0, 1, 2))
        if before is None:
            (october / file).unlink()
        else:
            (october / file).write_bytes(before)


@pytest.mark.parametrize("name", CONTENTS)
def test_any_folder_of_an_earlier_run_is_refused(check, orders, folder, name):
    """Such a folder may come from another person by mail as well."""
    (folder / "earlier").mkdir()
    for file in ("compared_orders.parquet", "first_seen.parquet"):
        (folder / "earlier" / file).write_bytes(CONTENTS[name])
    result = check("reconcile", "--orders", orders, "--earlier", "earlier", "--out", "r.xlsx",
                   codes=(2,))  # fmt: skip
    assert "earlier: compared_orders.parquet" in result.stderr


@pytest.mark.parametrize("name", CONTENTS)
def test_any_manifest_gives_an_exit_code(check, orders, october, folder, name):
    """It decides whether a period is run again, so one that cannot be read is neither yes nor no."""
    place = folder / "reports" / "2026-10"
    place.mkdir(parents=True)
    (place / "manifest.json").write_bytes(CONTENTS[name])
    options = ("--payments", "october", "--into", "reports", "--period", "2026-10")
    for more in ((), ("--catch-up",)):
        result = check("reconcile", "--orders", orders, *options, *more, codes=(2,))
        assert "manifest.json" in result.stderr
    assert (place / "manifest.json").read_bytes() == CONTENTS[name]


def test_month_json_with_other_types_is_refused(check, orders, october):
    """`"ledger_read": "no"` would count as yes, and the report would say that it was read."""
    path = october / "month.json"
    good = {"as_of": "2026-11-05T08:00:28Z", "environment": "simulator", "ledger_read": True,
            "notes": []}  # fmt: skip
    command = ("reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx")
    before = path.read_bytes() if path.exists() else None
    path.write_text(json.dumps(good))
    check(*command, codes=(0, 1))
    for change in (
        {"ledger_read": "no"}, {"notes": [{"a": 1}]}, {"notes": "abc"}, {"environment": None},
        {"environment": "live"}, {"clock_problem": [1]}, {"ledger_failed": 0}, {"as_of": 5},
        {"as_of": "9999-12-31T23:59:59-14:00"},
    ):  # fmt: skip
        path.write_text(json.dumps(good | change))
        assert "month.json: cannot be read" in check(*command, codes=(2,)).stderr
    path.unlink() if before is None else path.write_bytes(before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "link to nothing"])
def test_pipes_and_devices_are_not_read(check, orders, october, folder, kind):
    """If the command read from a pipe, it would wait forever."""
    make = {
        "pipe": os.mkfifo,
        "directory": Path.mkdir,
        "device": lambda path: path.symlink_to("/dev/zero"),
        "link to nothing": lambda path: path.symlink_to("nothing"),
    }[kind]
    for name in ("x.csv", "x.json", "x.toml", "x.xlsx"):
        make(folder / name)
    (folder / "list.csv").write_text("reference,amount,currency\norder-1001,5.00,NOK\n")
    commands = [
        ("preview", "x.csv"),
        ("preview", orders, "--mapping", "x.toml"),
        ("fetch", "x.csv", "--out", "o"),
        ("reconcile", "--orders", "x.json", "--out", "r.xlsx"),
        ("reconcile", "--orders", orders, "--references", "x.csv", "--out", "r.xlsx"),
        ("reconcile", "--orders", orders, "--out", "x.xlsx"),
        ("plan", "refunds", "x.csv", "--out", "p.json"),
        ("plan", "refunds", "--from-report", "x.xlsx", "--out", "p.json"),
        ("plan", "refunds", "list.csv", "--mapping", "x.toml", "--out", "p.json"),
        ("approve", "x.json"),
        ("carry-out", "x.json"),
        ("journal", "settle", "x.json"),
        ("simulator", "--state", "x.json"),
        ("simulator", "--state", orders, "--faults", "x.toml"),
    ]
    for command in commands:
        name = next(part for part in map(str, command) if part.startswith("x."))
        assert name in check(*command, codes=(2,)).stderr
    for name in ("fetch.json", "month.json", "payments.parquet", "failures.csv"):
        saved_bytes = (october / name).read_bytes()
        (october / name).unlink()
        make(october / name)
        result = check("reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx",
                     codes=(2,))  # fmt: skip
        assert name in result.stderr
        (october / name).rmdir() if kind == "directory" else (october / name).unlink()
        (october / name).write_bytes(saved_bytes)
    for name in ("vippsrecon.db", "vippsrecon.toml"):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        assert name in check("journal", codes=(2,)).stderr


@pytest.mark.parametrize("columns", ["currency", "captured_minor", "amount_minor"])
def test_fetch_folder_with_impossible_values_is_refused(check, orders, october, columns):
    """A file in our own format may contain values that no service returns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(october / "payments.parquet")
    place = table.schema.get_field_index(columns)
    wrong = {"currency": "XXX"}.get(columns, 10**15)
    field = table.schema.field(place)
    table = table.set_column(place, field, pa.array([wrong] * len(table), field.type))
    pq.write_table(table, october / "payments.parquet")
    record_hashes_again(october)
    result = check("reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx",
                 codes=(2,))  # fmt: skip
    assert "payments.parquet" in result.stderr
    assert columns in result.stderr


def test_sums_beyond_64_bits_are_refused(check, folder, october):
    """In 64 bits, the sum of ten thousand such orders would be negative."""
    rows = (ROW.replace("500.00", "9" * 13).replace("1001", str(n)) for n in range(10_000, 20_001))
    (folder / "orders.csv").write_text(HEAD + "".join(rows))
    for command in (("preview", "orders.csv"), ("reconcile", "--orders", "orders.csv", "--out",
                    "r.xlsx", "--payments", "october")):  # fmt: skip
        assert "orders.csv: its amounts add up to more" in check(*command, codes=(2,)).stderr


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("value", ["proxy.example:8080", "socks5://x", "http://", "://", "%"])
def test_any_proxy_setting_gives_an_exit_code(check, orders, monkeypatch, name, value):
    """Users often forget the scheme of the proxy address."""
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "test")
    monkeypatch.delenv("VIPPS_BASE_URL")
    monkeypatch.setenv(name, value)
    result = check("check", codes=(2,))
    assert "PROXY" in result.stderr


VARIABLES = [
    "VIPPS_ENVIRONMENT", "VIPPS_BASE_URL", "VIPPS_CLIENT_ID", "VIPPS_CLIENT_SECRET",
    "VIPPS_SUBSCRIPTION_KEY", "VIPPS_MSN", "VIPPSRECON_DATABASE_URL", "VIPPSRECON_LOG_LEVEL",
]  # fmt: skip


@pytest.mark.parametrize("name", VARIABLES)
def test_any_environment_variable_gives_an_exit_code(check, choose, orders, keys, name):
    """Users type the values of settings too."""
    for text in choose(TEXTS, VARIABLES.index(name), 3):
        if "\x00" in text or "\ud800" in text:
            continue  # no process can have such a variable
        keys.setenv(name, text)
        check("check", codes=(0, 1, 2))
        check("journal", codes=(0, 1, 2))


@pytest.mark.parametrize(
    "name",
    [
        "Kari\u200bNordmann",
        "Kari\u202e",
        "Ka\u00adri",
        "\ufeff",
        "Kari\u3164",
        "Kari\u2800",
        "Kari\U000e0100",
    ],
)
def test_lookalike_name_is_refused(check, folder, name):
    """Above a limit, two people are needed.

    With invisible characters, two names look like one, or one person uses two names.
    """
    (folder / "list.csv").write_text("reference,amount,currency\norder-1001,5.00,NOK\n")
    result = check("plan", "refunds", "list.csv", "--out", "p.json", "--as", name, codes=(2,))
    assert "not a valid name" in result.stderr


def test_a_file_name_is_printed_escaped(check, orders, folder):
    """A terminal executes a sequence from ESC to a letter as a command."""
    name = "a\x1b[31m\u202ecsv.csv"
    (folder / name).write_bytes(orders.read_bytes())
    assert "a\\x1b[31m\\u202ecsv.csv" in check("preview", name, codes=(0,)).stdout
    shown = check("preview", name, "--json", codes=(0,)).stdout
    assert json.loads(shown)["files"][0]["path"] == name
    (folder / name).write_bytes(b"")
    assert "a\\x1b[31m\\u202ecsv.csv" in check("preview", name, codes=(2,)).stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_name_that_is_not_text_gives_one_sentence(ready):
    """Old archives contain names in other encodings. Python reads them; libraries cannot write them."""
    name = os.fsdecode(b"caf\xe9")
    (ready.folder / "refs.csv").write_text("reference\norder-000001\n")
    assert ready.run("journal", "--backup", f"{name}.db").exit_code == 0
    done = ready.run("fetch", "refs.csv", "--out", name)
    assert done.exit_code == 2
    assert "caf\\udce9" in done.stderr
    assert "not valid text" in done.stderr
    assert "Traceback" not in done.stderr


def test_path_of_a_backup_is_printed_escaped(ready):
    """A terminal executes a sequence from ESC to a letter as a command."""
    done = ready.run("journal", "--backup", "a\x1b[31m.db")
    assert (done.exit_code, done.stdout) == (0, "wrote a\\x1b[31m.db\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o027])
def test_files_follow_the_umask_and_payments_are_private(make_refund_folder, mask):
    """A plan may be shared with the approver, but customers' payments stay private."""
    before = os.umask(mask)
    try:
        refund_folder = make_refund_folder(3)
        refund_folder.plan("1000.00", "250.00", "0.50")
        refund_folder.approve()
        refund_folder.run("carry-out", "plan.json", "--out", "outcomes.xlsx")
        (refund_folder.folder / "refs.csv").write_text("reference\norder-000001\n")
        assert refund_folder.run("fetch", "refs.csv", "--out", "october.data").exit_code == 0
    finally:
        os.umask(before)

    def mode(name: str) -> int:
        return stat.S_IMODE((refund_folder.folder / name).stat().st_mode)

    assert [mode(name) for name in ("plan.json", "outcomes.xlsx")] == [0o666 & ~mask] * 2
    assert mode("vippsrecon.db") == 0o600
    assert mode("october.data") == 0o700
    assert {
        mode(f"october.data/{path.name}")
        for path in (refund_folder.folder / "october.data").iterdir()
    } == {0o600}
    result = refund_folder.run("check")
    assert "open to this account only: vippsrecon.db, october.data" in result.stdout
    (refund_folder.folder / "vippsrecon.db").chmod(0o644)
    refund_folder.folder.chmod(0o755)
    result = refund_folder.run("check", "--json")
    [warning] = [text for text in json.loads(result.stdout)["warnings"] if "other accounts" in text]
    assert "chmod 600" in warning


def run_process(*arguments: object, **settings):
    """Run the command in its own process."""
    command = [sys.executable, "-m", "vippsrecon", *map(str, arguments)]
    return subprocess.run(command, check=False, stderr=subprocess.PIPE, **settings)


def run_process_limited(limit: int, *command: str):
    """Run the command in its own process, whose files cannot be larger than `limit` bytes."""
    import resource

    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # Python would write cut-off bytecode of the package, and every later command would fail.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = run_process(*command, stdout=subprocess.PIPE, preexec_fn=limit_files, env=environment)
    return done.returncode, done.stderr.decode()


def run_here_limited(limit: int, *command: str):
    """Run the command in this process, whose files cannot be larger than `limit` bytes meanwhile."""
    import resource

    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        done = CliRunner().invoke(app, command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
        sys.dont_write_bytecode = bytecode
    assert isinstance(done.exception, SystemExit | None), done.exception
    return done.exit_code, done.output


def test_ascii_terminal_gives_no_traceback(orders, folder):
    """The output is ASCII only: `PYTHONIOENCODING=ascii`, or a service without a locale."""
    (folder / "bestillinger-æøå.csv").write_bytes(orders.read_bytes())
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for more in ([], ["--json"]):
        result = run_process(
            "preview", "bestillinger-æøå.csv", *more, stdout=subprocess.PIPE, env=environment
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout.isascii()
        if more:
            assert json.loads(result.stdout)["files"][0]["path"] == "bestillinger-æøå.csv"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize(
    ("limit", "run_limited"),
    [(1_000, run_here_limited), (4_000, run_process_limited), (9_000, run_here_limited)],
    ids=["1000 bytes", "4000 bytes, its own process", "9000 bytes"],
)
@pytest.mark.parametrize(
    "command",
    [
        ("carry-out", "plan.json", "--out", "outcomes.xlsx"),
        ("journal", "--out", "journal.xlsx"),
        ("plan", "refunds", "refunds.csv", "--out", "p.json", "--workbook", "p.xlsx"),
    ],
    ids=" ".join,
)
def test_disk_that_fills_up_during_a_workbook_is_reported(ready, command, limit, run_limited):
    """A limit on the file size simulates a full disk: the system refuses the write."""
    code, shown = run_limited(limit, *command)
    assert "Traceback" not in shown, shown
    assert "Exception ignored" not in shown, shown
    written = [path.name for path in ready.folder.iterdir() if path.suffix == ".xlsx"]
    assert (code == 2) != bool(written), (code, written, shown)
    assert [path.name for path in ready.folder.iterdir() if path.name.startswith(".")] == []


def test_the_default_sales_unit_has_one_meaning(check, orders, folder, keys):
    """With two sales units, `fetch` must use VIPPS_MSN.

    An earlier version reported it as missing although it was set.
    """
    (folder / "vippsrecon.toml").write_text(
        '[[sales_unit]]\nmsn = "123456"\nmarket = "NO"\n[[sales_unit]]\nmsn = "654321"\n'
    )
    reference = next(
        line.split(",")[1] for line in itertools.islice(orders.read_text().splitlines(), 1, None)
    )
    (folder / "list.csv").write_text(f"reference\n{reference}\n")
    assert "1 payment" in check("fetch", "list.csv", "--out", "o", codes=(0,)).stdout
    keys.delenv("VIPPS_MSN")
    assert "set VIPPS_MSN" in check("fetch", "list.csv", "--out", "o", codes=(2,)).stderr
