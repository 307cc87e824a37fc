"""Test `schedule --install` and `--remove`: the own job only, twice without harm, and said plainly.

The programs of the schedulers are small scripts here, which keep what they get in files. The real
crontab and cron are used in `test_cron.py`.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.assertions import assert_one_sentence_error
from tests.cli.terminal import Terminal
from vippsrecon.cli import app

GIVEN = ("--orders", "exports", "--into", "reports")
MONTHLY = ("--period", "last-month")
CRONTAB = """
import pathlib, sys
stored = pathlib.Path(__file__).with_name("stored")
if sys.argv[1] == "-l":
    if not stored.exists():
        sys.exit("no crontab for reconcile")
    sys.stdout.buffer.write(stored.read_bytes())
elif sys.argv[1] == "-":
    stored.write_bytes(sys.stdin.buffer.read())
"""
RECORDER = """
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
for argument in sys.argv[1:]:
    if argument.endswith(".xml"):
        (folder / "task.xml").write_bytes(pathlib.Path(argument).read_bytes())
refused = folder / "refused"
if refused.exists() and refused.read_text() in sys.argv:
    sys.exit("Failed to connect to bus: No medium found")
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a folder that is the search path; `crontab` is in it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    write_program(folder, "crontab", CRONTAB)
    return folder


def write_program(folder, name, text):
    """Write a program in Python."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


@pytest.fixture
def schedule(tmp_path, programs, monkeypatch):
    """Return a function that runs `schedule` in a folder with a percent sign in its name."""
    folder = tmp_path / "50% of A"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def schedule(*arguments, given=GIVEN):
        now = datetime(2026, 11, 5, 12, tzinfo=UTC)
        after = ("--", *given) if given else ()
        return CliRunner().invoke(app, ["schedule", *arguments, *after], obj=lambda: now)

    return schedule


OTHER_LINES = (
    b"MAILTO=owner@example.com\n"
    b"# vippsrecon schedule vippsrecon\n"
    b"0 1 * * * backup # vippsrecon schedule other\n"
    b"\xe6\xf8\xe5 \xff\n"
    b"0 2 * * * echo without an end"
)


def test_cron_gets_one_line_and_keeps_all_others(schedule, programs):
    """Even lines that are not text, and the last one without a line break."""
    stored = programs / "stored"
    stored.write_bytes(OTHER_LINES)
    done = schedule(*MONTHLY, "--for", "cron", "--install", "--yes")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "The job was added in your crontab; the 5 other lines are unchanged." in done.stdout
    assert stored.read_bytes().startswith(OTHER_LINES + b"\n30 6 5 * * cd ")
    [line] = stored.read_bytes().removeprefix(OTHER_LINES + b"\n").splitlines()
    assert line.endswith(b"--catch-up >> vippsrecon.log # vippsrecon schedule vippsrecon")
    assert b"50\\% of A" in line

    before = stored.read_bytes()
    again = schedule(*MONTHLY, "--for", "cron", "--install", "--yes")
    assert (again.exit_code, stored.read_bytes()) == (0, before)
    assert "Nothing changed" in again.stdout

    daily = schedule("--period", "yesterday", "--for", "cron", "--install", "--yes")
    assert "The job was replaced" in daily.stdout
    assert daily.stdout.count("\n- 30 6 5 ") + daily.stdout.startswith("- 30 6 5 ") == 1
    assert stored.read_bytes().count(b"# vippsrecon schedule vippsrecon\n") == 2
    assert b"\n30 6 * * * cd " in stored.read_bytes()

    removed = schedule("--for", "cron", "--remove", "--yes", given=())
    assert "The job was removed" in removed.stdout
    assert stored.read_bytes() == OTHER_LINES + b"\n"
    assert "There is no job" in schedule("--for", "cron", "--remove", given=()).stdout


def test_jobs_with_names_are_apart(schedule, programs):
    """Two shops of one account have a job each."""
    for name in ("oslo", "bergen"):
        schedule(*MONTHLY, "--for", "cron", "--install", "--yes", "--name", name)
    schedule("--for", "cron", "--remove", "--yes", "--name", "oslo", given=())
    [line] = (programs / "stored").read_text().splitlines()
    assert line.endswith(">> bergen.log # vippsrecon schedule bergen")


def test_a_crontab_that_cannot_be_read_is_not_replaced(schedule, programs):
    """Its lines would be lost."""
    write_program(programs, "crontab", 'import sys; sys.exit("You are not allowed to use this")')
    for arguments in ((*MONTHLY, "--install"), ("--remove",)):
        given = GIVEN if "--install" in arguments else ()
        done = schedule("--for", "cron", *arguments, "--yes", given=given)
        assert_one_sentence_error(done, "could not be read", "not allowed")


def test_a_crontab_that_is_not_written_is_told(schedule, programs):
    """The job would never run."""
    write_program(programs, "crontab", 'import sys; sys.exit("-l" not in sys.argv and "disk full")')
    done = schedule(*MONTHLY, "--for", "cron", "--install", "--yes")
    assert_one_sentence_error(done, "crontab refused the change: disk full")
    write_program(programs, "crontab", "import sys; sys.stdin.read() if '-' in sys.argv else 0")
    done = schedule(*MONTHLY, "--for", "cron", "--install", "--yes")
    assert_one_sentence_error(done, "not what was written")


@pytest.mark.parametrize("scheduler", ["cron", "systemd", "windows"])
def test_nothing_changes_without_a_yes(schedule, programs, tmp_path, scheduler):
    """No person can be asked in a script."""
    write_program(programs, "schtasks", RECORDER)
    done = schedule(*MONTHLY, "--for", scheduler, "--install")
    assert_one_sentence_error(done, "nothing was changed", "--yes")
    assert "+ " in done.stdout
    assert not (programs / "stored").exists()
    assert not (programs / "calls").exists()
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("scheduler", ["cron", "systemd", "windows"])
def test_a_missing_scheduler_is_named(schedule, programs, scheduler):
    """Not every computer has each of them."""
    (programs / "crontab").unlink()
    program = {"cron": "crontab", "systemd": "systemctl", "windows": "schtasks"}[scheduler]
    done = schedule(*MONTHLY, "--for", scheduler, "--install", "--yes")
    assert_one_sentence_error(done, f"no program {program} on this computer")


def read_calls(programs):
    """Return the calls of a program, as it recorded them."""
    path = programs / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_systemd_gets_units_of_the_user(schedule, programs, tmp_path):
    """The user's own manager needs no root, and knows no other account."""
    write_program(programs, "systemctl", RECORDER)
    units = tmp_path / "config" / "systemd" / "user"
    done = schedule(*MONTHLY, "--for", "systemd", "--install", "--yes")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "The timer vippsrecon.timer is enabled and started." in done.stdout
    assert "loginctl enable-linger" in done.stdout
    service = (units / "vippsrecon.service").read_text()
    assert "User=" not in service
    assert "network-online" not in service
    assert "\nSuccessExitStatus=1\n" in service
    assert "Persistent=true" in (units / "vippsrecon.timer").read_text()
    assert read_calls(programs) == [
        '["--user", "daemon-reload"]',
        '["--user", "enable", "--now", "vippsrecon.timer"]',
    ]

    again = schedule(*MONTHLY, "--for", "systemd", "--install", "--yes")
    assert "Nothing changed" in again.stdout
    daily = schedule("--period", "yesterday", "--for", "systemd", "--install", "--yes")
    assert daily.exit_code == 0
    assert "OnCalendar=*-*-* " in (units / "vippsrecon.timer").read_text()
    assert sorted(path.name for path in units.iterdir()) == [
        "vippsrecon.service",
        "vippsrecon.timer",
    ]

    removed = schedule("--for", "systemd", "--remove", "--yes", given=())
    assert removed.exit_code == 0
    assert list(units.iterdir()) == []
    assert '["--user", "disable", "--now", "vippsrecon.timer"]' in read_calls(programs)
    assert "There is no job" in schedule("--for", "systemd", "--remove", given=()).stdout


def test_systemd_that_does_not_answer_leaves_commands_to_run(schedule, programs, tmp_path):
    """In a container or over sudo there is no manager of the user; the files are there then."""
    write_program(programs, "systemctl", RECORDER)
    (programs / "refused").write_text("daemon-reload")
    done = schedule(*MONTHLY, "--for", "systemd", "--install", "--yes")
    assert_one_sentence_error(
        done, "wrote ", "No medium found", "systemctl --user enable --now vippsrecon.timer"
    )
    assert (tmp_path / "config/systemd/user/vippsrecon.service").is_file()
    (programs / "refused").write_text("is-enabled")
    assert schedule(*MONTHLY, "--for", "systemd", "--install", "--yes").exit_code == 0


def test_a_unit_of_another_program_is_left_alone(schedule, programs, tmp_path):
    """Somebody wrote it by hand."""
    write_program(programs, "systemctl", RECORDER)
    units = tmp_path / "config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "vippsrecon.timer").write_bytes(b"[Timer]\n\xff")
    for arguments in ((*MONTHLY, "--install"), ("--remove",)):
        given = GIVEN if "--install" in arguments else ()
        done = schedule("--for", "systemd", *arguments, "--yes", given=given)
        assert_one_sentence_error(done, "vippsrecon.timer", "--name")
    assert (units / "vippsrecon.timer").read_bytes() == b"[Timer]\n\xff"
    assert read_calls(programs) == []


def test_windows_gets_a_task(schedule, programs):
    """The program of Windows replaces a task of the same name."""
    write_program(programs, "schtasks", RECORDER)
    done = schedule(*MONTHLY, "--for", "windows", "--install", "--yes")
    assert (done.exit_code, done.stderr) == (0, "")
    [call] = read_calls(programs)
    assert call.startswith('["/Create", "/TN", "vippsrecon", "/XML", ')
    assert call.endswith('"/F"]')
    assert b"--into reports --period last-month --catch-up" in (programs / "task.xml").read_bytes()

    removed = schedule("--for", "windows", "--remove", "--yes", given=())
    assert removed.exit_code == 0
    assert read_calls(programs)[1:] == [
        '["/Query", "/TN", "vippsrecon"]',
        '["/Delete", "/TN", "vippsrecon", "/F"]',
    ]
    (programs / "refused").write_text("/Query")
    assert "There is no job" in schedule("--for", "windows", "--remove", given=()).stdout
    (programs / "refused").write_text("/Create")
    done = schedule(*MONTHLY, "--for", "windows", "--install", "--yes")
    assert_one_sentence_error(done, "schtasks refused the change")


@pytest.mark.parametrize(
    ("arguments", "given", "texts"),
    [
        (("--for", "github", *MONTHLY, "--install"), GIVEN, ("workflow", "commit")),
        (("--for", "github", "--remove"), (), ("workflow", "commit")),
        (("--for", "cron", *MONTHLY, "--yes"), GIVEN, ("--yes needs --install",)),
        (("--for", "cron", *MONTHLY, "--install", "--remove"), GIVEN, ("contradicts",)),
        (("--for", "cron", "--remove", *MONTHLY), (), ("--remove needs only",)),
        (("--for", "cron", "--remove"), GIVEN, ("--remove needs only",)),
        (("--for", "cron", "--install"), GIVEN, ("--period is missing",)),
        (("--for", "cron", *MONTHLY, "--install"), (), ("After --",)),
        (("--for", "cron", *MONTHLY, "--install", "--name", "a b"), GIVEN, ("--name", "a b")),
        (("--for", "cron", "--remove", "--name", "../x"), (), ("--name", "../x")),
        (("--install", *MONTHLY), GIVEN, ("--for",)),
    ],
)
def test_wrong_arguments_change_nothing(schedule, programs, arguments, given, texts):
    """A mistake gives one sentence."""
    assert_one_sentence_error(schedule(*arguments, given=given), *texts)
    assert not (programs / "stored").exists()


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminal")
@pytest.mark.parametrize(("answer", "installed"), [("y", True), ("n", False), ("", False)])
def test_a_person_is_asked(schedule, programs, answer, installed):
    """Only a yes changes anything, and the line is shown before."""
    arguments = ["schedule", *MONTHLY, "--for", "cron", "--install", "--", *GIVEN]
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with closing(Terminal(arguments, Path.cwd(), environment)) as terminal:
        terminal.wait_for("+ 30 6 5 * * cd ")
        terminal.wait_for("Make this change? [y/N] ")
        terminal.type(f"{answer}\n")
        terminal.wait_for("added in your crontab" if installed else "Nothing was changed.")
    assert (programs / "stored").exists() is installed
