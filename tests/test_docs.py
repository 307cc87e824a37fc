"""Test that the pages agree with the code, and that their examples work."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys

import pytest

from docs.code_pages import EXAMPLES, code_page, list_documented_codes
from docs.generate import COMMANDS, PAGES, commands_page
from docs.payout_examples import PAYOUT_EXAMPLES


@pytest.fixture(scope="module")
def schedule(root):
    """Return the text of the how-to about the scheduled report."""
    return (root / "docs" / "how-to" / "scheduled-report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def orchestrators(root):
    """Return the text of the how-to about Airflow, Dagster and Prefect."""
    return (root / "docs" / "how-to" / "orchestrators.md").read_text(encoding="utf-8")


def blocks(page, language):
    """Return the fenced code examples in one language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("name", [name for name in PAGES if name != "commands.md"])
def test_generated_pages_are_current(root, name):
    """Run `python docs/generate.py` when this fails."""
    assert (root / "docs" / name).read_text(encoding="utf-8") == PAGES[name]()


def test_each_code_has_one_page(root):
    """A page of a code that was renamed would stay in the navigation."""
    pages = {page.relative_to(root / "docs").as_posix() for page in (root / "docs/codes").iterdir()}

    assert pages == {name for name in PAGES if name.startswith("codes/")}
    examples = {*EXAMPLES, *PAYOUT_EXAMPLES}
    assert set(list_documented_codes()) == examples, "docs/code_examples.py"


@pytest.mark.parametrize("code", [*EXAMPLES, *PAYOUT_EXAMPLES])
def test_example_of_a_code_has_that_code(code):
    """The page states what `reconcile` returned, so it must be an example of its own code."""
    result = code_page(code).split("In the report", 1)[1]

    assert f"| `{code}` |" in result


def test_the_commands_page_has_every_option(root):
    """The layout of the help text depends on Typer's version, so only the options are compared."""
    page = (root / "docs" / "commands.md").read_text(encoding="utf-8")
    for section, now in zip(
        page.split("\n## ")[1:], commands_page().split("\n## ")[1:], strict=True
    ):
        options = set(re.findall(r"--[a-z-]+", now))

        assert options == set(re.findall(r"--[a-z-]+", section)), section.splitlines()[0]


def test_every_command_has_a_section():
    """A command that the page leaves out cannot be found without installing the package."""
    import typer

    from vippsrecon.cli import app

    documented = {command.split()[0] for command in COMMANDS}

    assert documented == set(typer.main.get_command(app).commands)


def test_every_shop_is_documented(root):
    """A user finds a shop in the table of exports and in --help; CONTRIBUTING says how to add one."""
    from vippsrecon.sources.orders.profiles import load_builtin_profiles

    shops = [name for name, profile in load_builtin_profiles().items() if not profile.refused]
    exports = (root / "docs" / "order-exports.md").read_text(encoding="utf-8")
    commands = (root / "docs" / "commands.md").read_text(encoding="utf-8")

    assert [name for name in shops if f"| `{name}` |" not in exports] == [], (
        "add a row to the table of docs/order-exports.md"
    )
    assert [
        name for name in shops if not re.search(rf"(?<![\w-]){name}(?![\w-])", commands)
    ] == [], "run python docs/generate.py"


def test_every_code_is_explained(root):
    """If no page explains a code of the report, users have to ask support."""
    from vippsrecon.reconciliation import DISCREPANCY_KINDS, IGNORED_KINDS, TIMING_KINDS

    page = (root / "docs" / "codes.md").read_text(encoding="utf-8")

    assert [
        kind
        for kind in (*DISCREPANCY_KINDS, *IGNORED_KINDS, *TIMING_KINDS)
        if f"`{kind}`" not in page
    ] == []


def test_settings_page_names_every_variable(root):
    """A user cannot find a setting that the page does not name."""
    from vippsrecon.config.load import ENVIRONMENT_VARIABLES

    page = (root / "docs" / "settings.md").read_text(encoding="utf-8")

    assert [name for name in ENVIRONMENT_VARIABLES.values() if name not in page] == []


def test_settings_example_is_read(root, tmp_path):
    """The example is used exactly as the page shows it."""
    from vippsrecon.config.load import load_settings

    page = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    (tmp_path / "vippsrecon.toml").write_text(blocks(page, "toml")[0], encoding="utf-8")
    settings = load_settings(folder=tmp_path, offline=True)

    assert settings.units[0].msn == "123456"
    assert settings.units[0].stores == ("Nettbutikk",)
    assert settings.rules.delivery_grace_days == 3


def test_notification_example_is_read(root, tmp_path, monkeypatch):
    """The example of [mail] and [webhook] is used exactly as the page shows it."""
    from vippsrecon.config.notifications import load_notification_settings

    page = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    example = next(block for block in blocks(page, "toml") if "[mail]" in block)
    (tmp_path / "vippsrecon.toml").write_text(example, encoding="utf-8")
    monkeypatch.setenv("MAIL_PASSWORD", "invented")
    for name in ("RESULTS_WEBHOOK", "FAILURES_WEBHOOK"):
        monkeypatch.setenv(name, f"https://hooks.example.com/{name}")
    settings = load_notification_settings(tmp_path)

    assert settings.mail.list_receivers(failed=True) == ("it@example.com",)
    assert "RESULTS" in settings.webhook.choose_url(failed=False).get_secret_value()


def test_cron_line_is_valid(schedule):
    """The line has five fields within their limits, then a command."""
    line = next(block for block in blocks(schedule, "cron")[0].splitlines() if block[0].isdigit())
    minute, hour, day, month, weekday, command = line.split(None, 5)

    assert 0 <= int(minute) < 60
    assert 0 <= int(hour) < 24
    assert 1 <= int(day) <= 28, "a day every month has"
    assert (month, weekday) == ("*", "*")
    assert command.startswith("/srv/reconcile/month.sh")


@pytest.mark.parametrize("arguments", [(), ("2026-10",)], ids=["scheduled", "missed month"])
def test_shell_script_calls_reconcile_for_a_period(schedule, tmp_path, arguments):
    """Without an argument the script reconciles the last month; a missed month is named."""
    script = next(block for block in blocks(schedule, "bash") if block.startswith("#!/bin/sh"))
    (tmp_path / "month.sh").write_text(script)
    program = tmp_path / "venv" / "bin" / "vippsrecon"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    program.chmod(0o755)
    result = subprocess.run(
        ["sh", tmp_path / "month.sh", *arguments],
        env={"PATH": "/usr/bin:/bin"},  # all that cron gives
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1, "the exit code of reconcile is the script's own"
    assert result.stdout == (
        f"reconcile --orders orders.csv --period {(*arguments, 'last-month')[0]} "
        "--out report-{period}.xlsx\n"
    )


def units(schedule):
    """Return the unit files of the how-to, by name."""
    unit_files = blocks(schedule, "ini")
    return {text.split("\n", 1)[0].removeprefix("# "): text for text in unit_files}


def test_systemd_units_accept_discrepancies_and_missed_starts(schedule):
    """Discrepancies must count as success, and the timer must run a missed start later."""
    service, timer = (configparser.ConfigParser(interpolation=None) for _ in range(2))
    service.optionxform = timer.optionxform = str
    service.read_string(units(schedule)["vippsrecon.service"])
    timer.read_string(units(schedule)["vippsrecon.timer"])

    assert service["Service"]["SuccessExitStatus"] == "1"
    assert timer["Timer"]["Persistent"] == "true"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_accepts_the_units(schedule, tmp_path):
    """If systemd is installed, its own parser checks the files."""
    for name, text in units(schedule).items():
        (tmp_path / name).write_text(text)
    calendar = re.search("OnCalendar=(.+)", units(schedule)["vippsrecon.timer"])[1]

    for command in (
        ["systemd-analyze", "calendar", calendar],
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
    ):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Failed to parse" not in result.stderr
        assert "Unknown" not in result.stderr


@pytest.mark.parametrize(
    ("code", "result"), [(0, "False"), (1, "True"), (2, "RuntimeError: No export."), (-9, "Error")]
)
def test_orchestrator_recipe_maps_exit_codes(orchestrators, tmp_path, code, result):
    """Exit code 1 is a success with discrepancies; 2, or a killed program, is an exception."""
    recipe = next(block for block in blocks(orchestrators, "python") if "def reconcile(" in block)
    program = tmp_path / "bin" / "vippsrecon"
    program.parent.mkdir()
    stop = f"exit {code}" if code >= 0 else "kill -9 $$"
    program.write_text(f'#!/bin/sh\necho "No export." >&2\necho "$@" > arguments\n{stop}\n')
    program.chmod(0o755)
    call = f"{recipe}\nprint(reconcile('2026-10', {str(tmp_path)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", call],
        env={"PATH": f"{program.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is (code in (0, 1))
    assert result in (done.stdout + done.stderr).splitlines()[-1]
    assert (tmp_path / "arguments").read_text() == (
        "reconcile --orders exports --period 2026-10 --into reports\n"
    )


@pytest.mark.parametrize("orchestrator", ["airflow", "dagster", "prefect"])
def test_each_orchestrator_has_an_example(orchestrators, orchestrator):
    """The orchestrators are not installed here, so that only the language is checked."""
    [example] = [
        block for block in blocks(orchestrators, "python") if f"from {orchestrator}" in block
    ]
    compile(example, orchestrator, "exec")
    assert "from monthly_report import reconcile" in example


def test_schedules_are_written_as_the_page_shows(schedule, tmp_path, monkeypatch):
    """Each command that writes a schedule is run; --install would change this computer."""
    import shlex

    from typer.testing import CliRunner

    from vippsrecon.cli import app

    monkeypatch.chdir(tmp_path)
    commands = [
        shlex.split(line)[1:]
        for block in blocks(schedule, "console")
        for line in block.splitlines()
        if line.startswith("vippsrecon schedule") and "--remove" not in line
    ]
    assert len(commands) == 6
    for command in commands:
        done = CliRunner().invoke(app, [part for part in command if part != "--install"])
        assert (done.exit_code, done.stderr) == (0, ""), command
        assert "--catch-up" in done.stdout


def test_papermill_parameters_exist_in_the_notebook(schedule, root):
    """A `-p` with a name that no cell has would be ignored without a message."""
    line = next(block for block in blocks(schedule, "bash") if "papermill notebooks/" in block)
    path = re.search(r"notebooks/\S+\.ipynb", line)[0]
    cells = json.loads((root / path).read_text(encoding="utf-8"))["cells"]
    parameters = next(c["source"] for c in cells if "parameters" in c["metadata"].get("tags", ()))

    for name in re.findall(r"-p (\w+)", line):
        assert re.search(rf"^{name} =", "".join(parameters), re.M)


def test_no_page_refers_to_unavailable_files(root):
    """A page must not refer to folders or machines that a new user does not have."""
    for page in [root / "README.md", *(root / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")

        assert "../shared" not in text
        assert "/wo" + "rk/" not in text
        assert "/opt/" not in text


@pytest.mark.parametrize("name", ["pyproject.toml", ".ci/run", "README.md", "CONTRIBUTING.md"])
def test_no_file_names_a_registry(root, name):
    """The user's own settings decide where packages come from."""
    text = (root / name).read_text(encoding="utf-8")

    assert not re.search(r"index-url|find-links|pypi\.org|pythonhosted", text)


def test_where_do_i_find_table_names_existing_files(root):
    """If the page names a file that was moved, a new user does not trust the rest of the page."""
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    answers = re.findall(r"^\| [^|]+ \| `(vippsrecon/[^`]+)` \| `(\w+)` \|$", page, re.MULTILINE)

    assert len(answers) >= 20
    for path, name in answers:
        defined = rf"^\s*(?:async def |def |class )?{name}\b\s*[][(:=]"
        text = (root / path).read_text(encoding="utf-8")

        assert re.search(defined, text, re.MULTILINE), f"{path} does not define {name}"


@pytest.mark.ci
def test_the_test_payment_runs_as_printed(root):
    """A developer copies this example first, so it must run and print what the page shows."""
    page = (root / "docs" / "how-to" / "test-payment.md").read_text(encoding="utf-8")
    (example,) = blocks(page, "python")

    result = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert f"`{result.stdout.strip()}`" in page
