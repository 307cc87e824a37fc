"""Test what the README promises: its commands exist, before line 40, and print what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest
import typer
from typer.testing import CliRunner

from vippsrecon.cli import app
from vippsrecon.simulator import Simulator, serve

FIRST = "pip install -e . && vippsrecon demo"
TESTS = 'pip install -e ".[dev]" && pytest'


@pytest.fixture(scope="module")
def readme(root):
    """Return the text of the README."""
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [FIRST, TESTS], ids=["demo", "tests"])
def test_both_commands_are_before_line_40(readme, command):
    """A new user reads only the first screen."""
    lines = readme.splitlines()
    where = next(n for n, line in enumerate(lines, start=1) if command in line)

    assert where < 40


def test_ci_runs_the_readme_s_own_test_command(root):
    """All users copy this command, so CI must run it too."""
    text = (root / ".ci" / "run").read_text(encoding="utf-8")

    assert 'pip install -qq -e ".[dev]" && pytest' in text


def test_every_command_mentioned_exists(root, readme):
    """A page must not name a command that does not exist: it costs the reader hours."""
    known = set(typer.main.get_command(app).commands)
    pages = [readme, *(p.read_text(encoding="utf-8") for p in (root / "docs").rglob("*.md"))]
    named = {name for page in pages for name in re.findall(r"^\s*vippsrecon ([a-z-]+)", page, re.M)}

    assert named <= known
    assert {"preview", "check", "reconcile"} <= named


def test_every_link_leads_somewhere(root):
    """If a page moves, the links to it must be changed too."""
    for page in [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_demo_prints_what_the_readme_shows(root, readme, tmp_path, monkeypatch):
    """A new user compares this output first with their own screen; git ignores what it leaves."""
    monkeypatch.chdir(tmp_path)
    block = readme.split(f"$ {FIRST}\n", 1)[1].split("```", 1)[0].strip().splitlines()
    result = CliRunner().invoke(app, ["demo"])

    assert result.exit_code == 0, result.output
    printed_lines = result.stdout.splitlines()
    for line in block:
        if line.strip() not in {"", "…"}:
            assert line in printed_lines
    if shutil.which("git"):
        shutil.copy(root / ".gitignore", tmp_path)
        subprocess.run(["git", "init", "-q"], check=True)
        status = ["git", "status", "--porcelain"]
        left = subprocess.run(status, check=True, capture_output=True, text=True).stdout
        assert left == "?? .gitignore\n"


def test_python_example_runs_unchanged(root, readme, tmp_path, monkeypatch, capsys):
    """Users copy this example first. It failed once because it passed a text instead of a path."""
    block = readme.split("```python\n", 1)[1].split("```", 1)[0]
    month = root / "sample_data" / "plain"
    shutil.copy(month / "orders.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
    monkeypatch.setenv("VIPPS_MSN", "123456")
    for name in ("client-id", "client-secret", "subscription-key"):
        kind = name.removesuffix("-id").removesuffix("-key").removeprefix("client-")
        variable = f"VIPPS_{name.replace('-', '_').upper()}"
        monkeypatch.setenv(variable, f"scenario-{kind}-123456")
    with serve(Simulator.from_file(month / "simulator.jsonl")) as base_url:
        monkeypatch.setenv("VIPPS_BASE_URL", base_url)
        exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})

    assert "discrepancies" in capsys.readouterr().out
    assert (tmp_path / "report.xlsx").stat().st_size > 0
    assert (tmp_path / "report.data" / "payments.parquet").exists()


def test_every_public_name_in_python_examples_is_public(root, readme):
    """`from vippsrecon import …` in a page must work exactly as shown."""
    import vippsrecon

    pages = [readme, *(p.read_text(encoding="utf-8") for p in (root / "docs").rglob("*.md"))]
    named = {
        name.strip()
        for page in pages
        for in_brackets, on_line in re.findall(
            r"^from vippsrecon import (?:\(([^)]*)\)|(.+))$", page, re.M
        )
        for name in (in_brackets or on_line).split(",")
        if name.strip()
    }

    assert named
    assert named <= set(vippsrecon.__all__)


def test_readme_example_of_three_refunds_runs(root, readme, tmp_path, monkeypatch):
    """The commands that move money are run exactly as shown, against the simulator."""
    part = readme.split("## Refund three orders", 1)[1].split("\n## ", 1)[0]
    listed, commands = (
        part.split(f"```{kind}\n", 1)[1].split("```", 1)[0] for kind in ("text", "bash")
    )
    (tmp_path / "refunds.csv").write_text(listed, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    state = root / "sample_data" / "plain" / "simulator.jsonl"
    simulator = Simulator.from_file(state)
    (keys,) = [line["sales_unit"] for line in simulator.state() if "sales_unit" in line][:1]
    with serve(simulator) as url:
        settings = {
            "VIPPS_ENVIRONMENT": "simulator",
            "VIPPS_BASE_URL": url,
            "VIPPS_MSN": keys["msn"],
            "VIPPS_CLIENT_ID": keys["client_id"],
            "VIPPS_CLIENT_SECRET": keys["client_secret"],
            "VIPPS_SUBSCRIPTION_KEY": keys["subscription_key"],
        }
        for line in commands.strip().splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "vippsrecon"
            result = CliRunner().invoke(app, arguments, env=settings)
            assert result.exit_code == 0, f"{line}: {result.stderr}"
        effects = simulator.requests()["payments"][keys["msn"]]

    references = [row.split(",")[0] for row in listed.strip().splitlines()[1:]]
    assert {name: effects[name]["refund"]["count"] for name in references} == dict.fromkeys(
        references, 1
    )
    assert sum(effects[name]["refund"]["sum"] for name in references) == 72658
    assert (tmp_path / "outcomes.xlsx").exists()
