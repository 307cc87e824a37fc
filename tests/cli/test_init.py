"""`init`: three questions in a real terminal, what is written, and what is never overwritten."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib

import pytest

from tests.cli.assertions import assert_one_sentence_error
from tests.cli.conftest import KEYS
from vippsrecon.cli import questions
from vippsrecon.config.load import load_settings

SECRETS = [KEYS["VIPPS_CLIENT_SECRET"], KEYS["VIPPS_SUBSCRIPTION_KEY"]]
PORTAL_TEXT = f"""\
Client ID
{KEYS["VIPPS_CLIENT_ID"]}

Client secret
{KEYS["VIPPS_CLIENT_SECRET"]}

Vipps-Subscription-Key (primary)
{KEYS["VIPPS_SUBSCRIPTION_KEY"]}

Merchant serial number (MSN): {KEYS["VIPPS_MSN"]}
"""


@pytest.fixture
def folder(folder, monkeypatch):
    """Return an empty working folder, without a keyring."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    return folder


@pytest.fixture
def simulator_options(base_url):
    """Return the options of a user whose Vipps MobilePay is the simulator."""
    return ("--environment", "simulator", "--base-url", base_url)


@pytest.fixture
def open_terminal(folder):
    """Return a function that starts `init` in a pseudo-terminal."""
    pytest.importorskip("termios", reason="Windows has no pseudo-terminals")
    from tests.cli.terminal import Terminal

    opened = []

    def start(*arguments, **variables):
        environment = {**os.environ, **variables, "PYTHONWARNINGS": "error"}
        opened.append(Terminal(["init", *arguments], folder, environment))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def assert_nothing_was_written(folder):
    """Assert that the working folder is empty."""
    assert list(folder.iterdir()) == []


@pytest.mark.ci
def test_three_answers_lead_to_a_previewed_export(open_terminal, base_url, orders, folder):
    """A new user answers three questions; the keys are never on the screen."""
    (folder / ".git").mkdir()
    terminal = open_terminal(VIPPS_BASE_URL=base_url)
    terminal.wait_for("1. Which environment")
    terminal.wait_for("> ")
    terminal.type("simulator, no\n")
    terminal.wait_for("2. Paste the keys")
    terminal.wait_for("> ")
    assert not terminal.shows_typing()
    terminal.type(f"{PORTAL_TEXT}\n")
    terminal.wait_for("3. Where is an order export")
    terminal.wait_for("> ")
    assert terminal.shows_typing()
    terminal.type("'orders.csv'\n")
    code = terminal.finish()

    assert code == 0, terminal.screen
    assert "wrote vippsrecon.toml: simulator, sales unit 123456, market NO" in terminal.screen
    assert "All is ready." in terminal.screen
    assert "orders, plain: " in terminal.screen
    assert terminal.screen.splitlines()[-1].startswith("Next: vippsrecon reconcile --orders")
    assert not [secret for secret in SECRETS if secret in terminal.screen]
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text() == ".env\n"
    settings = load_settings(folder=folder)
    assert settings.units[0].market == "NO"
    assert settings.keys_of("123456").client_secret.get_secret_value() == SECRETS[0]


@pytest.mark.ci
def test_answers_that_cannot_be_used_are_asked_again(open_terminal, simulator_options, orders):
    """A typing mistake costs one line, not a new start."""
    terminal = open_terminal(*simulator_options[2:])
    for answer, problem in (("prod\n", "'prod' is neither"), ("NO\n", "Name the environment")):
        terminal.wait_for("> ")
        terminal.type(answer)
        terminal.wait_for(problem)
    terminal.wait_for("> ")
    terminal.type("simulator\n")
    terminal.wait_for("2. Paste")
    terminal.wait_for("> ")
    terminal.type("MSN 123456\n\n\n")
    terminal.wait_for("not complete: no client ID and no client secret")
    terminal.wait_for("> ")
    terminal.type(f"{PORTAL_TEXT}\n")
    terminal.wait_for("3. Where is")
    terminal.wait_for("> ")
    terminal.type("october.csv\n")
    terminal.wait_for("october.csv: there is no such file")
    terminal.wait_for("> ")
    terminal.type("\n")

    assert terminal.finish() == 0, terminal.screen
    assert "Next: vippsrecon preview orders.csv" in terminal.screen


@pytest.mark.ci
def test_what_was_pasted_after_the_keys_is_not_shown(open_terminal, simulator_options):
    """The portal shows a second subscription key below; the next question must not get it."""
    terminal = open_terminal(*simulator_options)
    terminal.wait_for("> ")
    terminal.type(f"{PORTAL_TEXT}\nSecondary key\nsecond-subscription-5f1c\n")
    terminal.wait_for("3. Where is")
    terminal.wait_for("> ")
    terminal.type("\n")

    assert terminal.finish() == 0, terminal.screen
    assert "second-subscription" not in terminal.screen


@pytest.mark.ci
def test_a_question_that_is_interrupted_writes_nothing(open_terminal, folder):
    """The terminal shows typing again after Ctrl-C, and after it was closed with Ctrl-D."""
    terminal = open_terminal("--environment", "test")
    terminal.wait_for("> ")
    terminal.type("\x03")
    assert terminal.finish() == 2
    assert terminal.shows_typing()
    assert "Stopped before its end" in terminal.screen
    assert "Traceback" not in terminal.screen
    ended = open_terminal()
    ended.wait_for("> ")
    ended.type("\x04")
    assert ended.finish() == 2
    assert "The question was not answered; nothing was written." in ended.screen
    assert_nothing_was_written(folder)


def test_keys_from_standard_input(run, simulator_options, orders, folder):
    """A script gives the keys where `ps` does not show them; the market follows the currency."""
    lines = orders.read_text().splitlines()
    header = lines[0].split(",").index("currency")
    kept = [line for line in lines[1:] if line.split(",")[header] == "NOK"]
    orders.write_text("\n".join([lines[0], *kept]) + "\n")
    result = run("init", *simulator_options, "--export", "orders.csv", input=PORTAL_TEXT)

    assert result.exit_code in (0, 1), result.output
    assert "All is ready." in result.stdout
    assert "market NO" in result.stdout
    content = tomllib.loads((folder / "vippsrecon.toml").read_text())
    assert content["environment"] == "simulator"
    assert content["sales_unit"] == [{"msn": "123456", "market": "NO"}]
    assert not [s for s in SECRETS if s in result.output or s in str(content)]


def test_settings_that_the_simulator_prints_are_enough(run, base_url, folder):
    """They may be pasted as they are."""
    printed = " ".join(f"{name}={value}" for name, value in KEYS.items())
    text = f"export VIPPS_ENVIRONMENT=simulator VIPPS_BASE_URL={base_url}\nexport {printed}\n"

    assert run("init", input=text).exit_code == 0
    assert load_settings(folder=folder).base_url == base_url


def test_keys_from_variables(run, keys, folder):
    """Nothing is asked or read where the environment has all of it."""
    result = run("init", "--market", "no", input="not read")

    assert result.exit_code == 0, result.output
    assert KEYS["VIPPS_CLIENT_SECRET"] in (folder / ".env").read_text()
    assert 'market = "NO"' in (folder / "vippsrecon.toml").read_text()


@pytest.mark.parametrize("name", ["vippsrecon.toml", ".env"])
@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_existing_settings_are_never_overwritten(run, simulator_options, folder, name, kind):
    """They may hold keys that exist nowhere else; nothing else is written either."""
    path = folder / name
    {
        "file": lambda: path.write_text("mine"),
        "folder": path.mkdir,
        "link to nothing": lambda: path.symlink_to("nothing"),
    }[kind]()

    assert_one_sentence_error(
        run("init", *simulator_options, input=PORTAL_TEXT),
        f"{name} exists in this folder and is never overwritten",
        "run: vippsrecon check",
    )
    assert list(folder.iterdir()) == [path]
    assert kind != "file" or path.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "text", "problem"),
    [
        pytest.param(["--environment", "live"], PORTAL_TEXT, "is 'live'", id="environment"),
        pytest.param(["--msn", "12"], PORTAL_TEXT, "given twice", id="two numbers"),
        pytest.param(["--environment", "test", "--market", "UK"], PORTAL_TEXT, "is 'UK'", id="market"),
        pytest.param(["--environment", "simulator"], PORTAL_TEXT, "VIPPS_BASE_URL", id="no address"),
        pytest.param([], PORTAL_TEXT, "add --environment", id="no environment"),
        pytest.param(["--environment", "test"], "", "no client ID and no client", id="no keys"),
        pytest.param(["--environment", "test"], "x" * 70_000, "more than 64 kB", id="a long text"),
        pytest.param(["--environment", "test"], PORTAL_TEXT + "MSN 654321", "two different values",
                     id="two sales units"),
        pytest.param(["--environment", "test", "--export", "none.csv"], PORTAL_TEXT,
                     "none.csv: there is no such file", id="no export"),
        pytest.param(["--environment", "test"], PORTAL_TEXT.replace("scenario-secret", "scenario secret"),
                     "contains a character that no key contains", id="a space in a key"),
    ],
)  # fmt: skip
def test_unusable_answers_write_nothing(run, folder, arguments, text, problem):
    """One sentence, exit code 2, an empty folder, and no key in the message."""
    result = run("init", *arguments, input=text)

    assert_one_sentence_error(result, problem)
    assert not [secret for secret in SECRETS if secret in result.output]
    assert_nothing_was_written(folder)


def test_variable_that_contradicts_an_option_is_refused(run, monkeypatch, folder):
    """The variable would count in every later command: the settings would not be those written."""
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "production")
    result = run("init", "--environment", "test", input=PORTAL_TEXT)

    assert_one_sentence_error(
        result, "environment is given twice", "--environment", "the variable VIPPS_ENVIRONMENT"
    )
    assert_nothing_was_written(folder)


def test_refused_keys_say_what_to_do(run, simulator_options, orders, folder):
    """The files stay, so that one key can be corrected; the export is previewed all the same."""
    text = PORTAL_TEXT.replace(SECRETS[0], "marked-wrong-secret-2a40")
    result = run("init", *simulator_options, "--export", "orders.csv", input=text)

    assert_one_sentence_error(
        result,
        "401",
        "check client id, client secret",
        "correct them there and run vippsrecon check",
    )
    assert "orders, plain: " in result.stdout
    assert "Next:" not in result.stdout
    assert "marked-wrong-secret" not in result.output
    assert (folder / ".env").exists()


def test_piped_keys_end_where_their_limit_is():
    """The keys of a sales unit are a few hundred characters."""
    assert len(PORTAL_TEXT) * 10 < questions.MAX_PIPED_BYTES


def test_a_full_disk_leaves_no_half_settings(folder, simulator_options):
    """Settings without keys, or keys without settings, would stop the next try."""
    pytest.importorskip("resource", reason="Windows has no limit on the size of files")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        f"sys.argv[1:] = {['init', *simulator_options]!r};"
        "from vippsrecon.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=PORTAL_TEXT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "so no settings were written" in done.stderr
    assert "Traceback" not in done.stderr
    assert_nothing_was_written(folder)
