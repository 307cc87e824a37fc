"""Test what `schedule` prints: each scheduler's own program reads it, where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime

import pytest
import yaml
from lxml import etree
from typer.testing import CliRunner

from tests.cli.assertions import assert_one_sentence_error
from vippsrecon.cli import app
from vippsrecon.errors import InputError
from vippsrecon.schedules.github import format_github_workflow
from vippsrecon.schedules.job import build_job
from vippsrecon.schedules.unix import format_cron, format_systemd, format_units
from vippsrecon.schedules.windows import NAMESPACE, format_windows_task

OUT = "report-{period}.xlsx"
ARGUMENTS = ("--orders", "it's 100% $HOME.csv", 'a "b".csv', "--out", OUT)
"""Names with characters that a shell, cron, systemd or XML reads in another way."""


@pytest.fixture
def folder(tmp_path):
    """Return a working folder whose name has such characters too."""
    folder = tmp_path / "50% of <A> & B"
    folder.mkdir()
    return folder


@pytest.fixture
def program(tmp_path):
    """Return a program that prints its arguments as JSON, and exits with the code in a file."""
    path = tmp_path / "vippsrecon"
    path.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\nprint(json.dumps(sys.argv[1:]))\n"
        f"sys.exit(int(pathlib.Path({str(tmp_path / 'code')!r}).read_text()))\n"
    )
    path.chmod(0o755)
    (tmp_path / "code").write_text("1")
    return path


@pytest.fixture
def make_job(folder, program):
    """Return a function that makes a job in this folder."""

    def make(period="last-month", arguments=ARGUMENTS, today=date(2026, 11, 5)):
        return build_job(
            arguments,
            period,
            program=(str(program),),
            folder=str(folder),
            user="reconcile",
            today=today,
            output=OUT,
        )

    return make


@pytest.mark.parametrize(
    ("period", "today", "next_day"),
    [
        ("last-month", date(2026, 11, 4), date(2026, 11, 5)),
        ("last-month", date(2026, 11, 5), date(2026, 12, 5)),
        ("last-month", date(2026, 12, 31), date(2027, 1, 5)),
        ("yesterday", date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_the_first_day_is_in_the_future(make_job, period, today, next_day):
    """Windows would make up at once for a start in the past."""
    assert make_job(period, today=today).next_day == next_day


@pytest.mark.parametrize(
    ("period", "fields"), [("last-month", "30 6 5 * *"), ("yesterday", "30 6 * * *")]
)
def test_the_cron_line_runs_as_cron_runs_it(make_job, folder, period, fields):
    """In a shell with little in its environment; only standard error is left to be mailed."""
    line = format_cron(make_job(period)).splitlines()[-1]
    assert line.startswith(f"{fields} ")
    command = line.removeprefix(f"{fields} ")
    # crontab(5): an unescaped percent sign ends the command.
    assert not re.search(r"(?<!\\)%", command)
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("\\%", "%")],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert json.loads((folder / "vippsrecon.log").read_text()) == [
        *("reconcile", *ARGUMENTS, "--period", period)
    ]


def split_units(text):
    """Return the unit files by name."""
    parts = re.split(r"^# /etc/systemd/system/(\S+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("period", ["last-month", "yesterday"])
@pytest.mark.parametrize("manager", ["--system", "--user"])
def test_systemd_accepts_the_units(make_job, tmp_path, monkeypatch, period, manager):
    """Discrepancies are a success, a missed start is made up for, and systemd reads every line."""
    job = make_job(period)
    own = manager == "--user"
    units = format_units(job, own=True) if own else split_units(format_systemd(job))
    assert "SuccessExitStatus=1\n" in units["vippsrecon.service"]
    assert "Persistent=true\n" in units["vippsrecon.timer"]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    calendar = re.search("OnCalendar=(.+)", units["vippsrecon.timer"])[1]
    for command in (
        ["systemd-analyze", "calendar", calendar],
        ["systemd-analyze", manager, "verify", "--man=no", *(tmp_path / name for name in units)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        own_lines = [line for line in done.stderr.splitlines() if "vippsrecon" in line]
        assert own_lines == [], done.stderr
        assert "Failed to parse" not in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_would_name_a_mistake(make_job, tmp_path):
    """The test above relies on it."""
    units = split_units(format_systemd(make_job()))
    service = tmp_path / "vippsrecon.service"
    service.write_text(units["vippsrecon.service"].replace("SuccessExitStatus=1", "Success=1"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", service],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "vippsrecon.service" in done.stderr
    assert "Success" in done.stderr


def test_systemd_reads_the_words_as_they_were_given(make_job, program):
    """systemd.syntax(7): within double quotes, `%%` is a percent sign, `$$` a dollar sign."""
    text = split_units(format_systemd(make_job()))["vippsrecon.service"]
    line = re.search("^ExecStart=(.+)$", text, re.MULTILINE)[1]
    words = [
        re.sub(r"\\(.)", r"\1", word).replace("%%", "%").replace("$$", "$")
        for word in re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    ]
    assert words == [str(program), "reconcile", *ARGUMENTS, "--period", "last-month"]


@pytest.fixture(scope="module")
def task_schema(root):
    """Return the schema of tasks, condensed from Microsoft's documentation."""
    return etree.XMLSchema(file=str(root / "tests" / "data" / "windows" / "task.xsd"))


@pytest.mark.parametrize("period", ["last-month", "yesterday"])
def test_the_windows_task_follows_the_schema(make_job, folder, program, task_schema, period):
    """Windows refuses a task with an element that it does not know, or at the wrong place."""
    text = format_windows_task(make_job(period))
    assert text.isascii()
    task = ET.fromstring(text)
    assert (task.tag, task.attrib) == (f"{{{NAMESPACE}}}Task", {"version": "1.2"})
    task_schema.assertValid(etree.fromstring(text.encode()))
    names = {"t": NAMESPACE}
    start = task.findtext(".//t:StartBoundary", namespaces=names)
    assert start == ("2026-12-05" if period == "last-month" else "2026-11-06") + "T06:30:00"
    assert task.findtext(".//t:Command", namespaces=names) == str(program)
    assert task.findtext(".//t:WorkingDirectory", namespaces=names) == str(folder)
    assert task.findtext(".//t:Arguments", namespaces=names) == (
        'reconcile --orders "it\'s 100% $HOME.csv" "a \\"b\\".csv" '
        f"--out report-{{period}}.xlsx --period {period}"
    )


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("<StartWhenAvailable>true", "<StartWhenAvailable>maybe"),
        ("IgnoreNew", "Ignore"),
        ("<Day>5</Day>", "<Day>32</Day>"),
        ("T06:30:00", "T6:30"),
        ("PT4H", "4h"),
        ("<Months>", "<Months><Januar/>"),
        ("</Settings>", "<Unknown/></Settings>"),
    ],
)
def test_the_schema_refuses_a_mistake(make_job, task_schema, given, wrong):
    """The test above relies on it."""
    text = format_windows_task(make_job())
    assert given in text
    assert not task_schema.validate(etree.fromstring(text.replace(given, wrong).encode()))


@pytest.mark.parametrize(
    ("code", "failed", "warned"), [(0, False, False), (1, False, True), (2, True, False)]
)
def test_the_github_workflow_fails_at_exit_code_2_only(
    make_job, program, tmp_path, folder, code, failed, warned
):
    """The step's script is run as GitHub runs it: bash, which stops at the first error."""
    workflow = yaml.safe_load(format_github_workflow(make_job()))
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True]["schedule"] == [{"cron": "30 6 5 * *"}]
    assert workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["reconcile"]["steps"]
    step = next(step for step in steps if step.get("name") == "Reconcile")
    assert step["env"]["VIPPS_CLIENT_SECRET"] == "${{ secrets.VIPPS_CLIENT_SECRET }}"
    assert steps[-1]["with"]["path"] == "report-*.xlsx"

    (tmp_path / "code").write_text(str(code))
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={"PATH": f"{program.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    arguments, *others = done.stdout.splitlines()
    assert json.loads(arguments) == ["reconcile", *ARGUMENTS, "--period", "last-month"]
    assert bool(done.returncode) is failed
    assert bool(others) is warned


def test_a_workflow_that_notifies_says_which_secrets_are_missing(make_job):
    """The names are the reader's own, so they cannot be printed."""
    text = format_github_workflow(make_job(arguments=("--orders", "exports", "--notify")))

    assert "# Add each variable that [mail] or [webhook] in vippsrecon.toml names" in text
    assert yaml.safe_load(text)


def test_an_expression_of_github_is_refused(make_job):
    """GitHub would carry it out before the shell sees the quotes."""
    with pytest.raises(InputError, match="GitHub would carry out"):
        format_github_workflow(make_job(arguments=("--orders", "${{ secrets.A }}.csv")))


@pytest.mark.parametrize("text", ["a\nb.csv", "a\x1b.csv", "a\u202eb.csv"])
def test_a_line_break_is_refused(make_job, text):
    """In a crontab or a unit it would begin another line."""
    with pytest.raises(InputError, match="cannot be written into a schedule"):
        make_job(arguments=("--orders", text))


@pytest.fixture
def schedule(folder, monkeypatch):
    """Return a function that runs `schedule` in the working folder."""
    monkeypatch.chdir(folder)

    def schedule(*arguments, given=("--orders", "a.csv", "b.csv", "--out", OUT)):
        now = datetime(2026, 11, 5, 12, tzinfo=UTC)
        return CliRunner().invoke(app, ["schedule", *arguments, "--", *given], obj=lambda: now)

    return schedule


@pytest.mark.parametrize(
    ("scheduler", "text"),
    [
        ("cron", "30 6 5 * * cd "),
        ("systemd", "OnCalendar=*-*-05 06:30:00"),
        ("windows", "<StartBoundary>2026-12-05T06:30:00</StartBoundary>"),
        ("github", '- cron: "30 6 5 * *"'),
    ],
)
def test_the_command_prints_and_installs_nothing(schedule, folder, scheduler, text):
    """A person looks at it first."""
    done = schedule("--period", "last-month", "--for", scheduler)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert text in done.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("given", [(), ("--catch-up",)])
def test_a_job_with_folders_catches_up(schedule, given):
    """Cron starts nothing later, so the next run makes up for a missed month."""
    done = schedule(
        *("--period", "last-month", "--for", "cron"),
        given=("--orders", "exports", "--into", "reports", *given),
    )
    assert (done.exit_code, done.stderr) == (0, "")
    line = done.stdout.splitlines()[-1]
    assert line.count("--catch-up") == 1
    assert "--into reports" in line


def test_a_report_that_every_run_replaces_gives_a_warning(schedule):
    """People look for October and find November."""
    done = schedule(
        *("--period", "last-month", "--for", "cron"), given=("--orders", "a.csv", "--out", "r.xlsx")
    )
    assert done.exit_code == 0
    assert "Each run replaces the report" in done.stderr


@pytest.mark.parametrize(
    ("period", "given", "texts"),
    [
        ("2026-10", ("--orders", "a.csv", "--out", OUT), ("not a period that repeats",)),
        ("last-month", ("--orders", "a.csv"), ("--out", "--into")),
        ("last-month", ("--orders", "a.csv", "--out", OUT, "--into", "r"), ("--into contradicts",)),
        ("last-month", ("--orders", "a.csv", "--out", OUT, "--again"), ("--again needs --into",)),
        ("last-month", (), ("After --",)),
        ("last-month", ("--out", OUT), ("--orders",)),
        ("last-month", ("--orders", "a.csv", "--out", OUT, "--bogus"), ("--bogus",)),
        (
            "last-month",
            ("--orders", "a.csv", "--out", OUT, "--from", "2026-10-01"),
            ("--from", "Omit it"),
        ),
        ("last-month", ("--orders", "a.csv", "--out", OUT, "--period", "x"), ("Omit it",)),
    ],
)
def test_wrong_arguments_are_refused_now(schedule, period, given, texts):
    """Otherwise the mistake shows at the first run, next month, to nobody."""
    assert_one_sentence_error(schedule("--period", period, "--for", "cron", given=given), *texts)


@pytest.mark.parametrize(
    ("environment", "named"),
    [("test", "test"), ("production", "production"), ("simulator", "production")],
)
def test_the_github_workflow_names_the_environment_of_the_settings(make_job, environment, named):
    """Test keys are refused in production. The simulator runs on no other computer."""
    workflow = yaml.safe_load(format_github_workflow(make_job(), environment))

    steps = workflow["jobs"]["reconcile"]["steps"]
    step = next(step for step in steps if step.get("name") == "Reconcile")
    assert step["env"]["VIPPS_ENVIRONMENT"] == named
