"""Test every example of the pages: commands, Python and settings, as a reader copies them.

By default each is parsed and checked; at night the commands run, each page in a folder of its own.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import click
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import vippsrecon
from tests.bulk.simulated_account import make_payment_line
from tests.example_pages import (
    CHECKED_ELSEWHERE,
    NOT_RUN,
    PYTHON_RUN_BY,
    SHELLS,
    explain_not_run,
    list_commands,
    list_example_pages,
    read_blocks,
)
from tests.sources.bank.conftest import document, entry, statement
from tests.test_tutorial import KEYS
from vippsrecon.bulk.limits import Limits
from vippsrecon.cli import app
from vippsrecon.config.load import ENVIRONMENT_VARIABLES, load_settings
from vippsrecon.config.notifications import load_notification_settings
from vippsrecon.schemas import OPEN_ITEMS
from vippsrecon.simulator import Simulator, serve
from vippsrecon.sources.bank.csv.profiles import read_bank_mapping
from vippsrecon.sources.orders.profiles import read_mapping
from vippsrecon.sources.plan_list.headings import load_vocabulary

ROOT = Path(__file__).parent.parent
PAGES = list_example_pages(ROOT)
EXPORTED = datetime(2026, 11, 5, 6, tzinfo=UTC)

INCOMPLETE = ("--from 2026-11-01", "vippsrecon ledger ")
"""The invented month ends in October: a run of November states that its days are missing. Its ledger
lacks a payout number, which `vippsrecon ledger` states."""


def list_page_commands(page):
    """Return every command of a page in order."""
    return [command for block in read_blocks(ROOT, page) for command in list_commands(block)]


def parse_command(command):
    """Parse a command of vippsrecon as the program does, without running it."""
    words = shlex.split(command)[1:]
    parsed = typer.main.get_command(app)
    context = parsed.make_context("vippsrecon", words)
    while isinstance(parsed, click.Group):
        name, parsed, rest = parsed.resolve_command(
            context, [*context.protected_args, *context.args]
        )
        context = parsed.make_context(name, rest, parent=context)


def test_every_language_is_known():
    """An example in another language would be tested by nothing."""
    used = {block.language for page in PAGES for block in read_blocks(ROOT, page)}

    assert used <= SHELLS | CHECKED_ELSEWHERE | {"python", "toml"}


@pytest.mark.parametrize("page", [page for page in PAGES if list_page_commands(page)])
def test_commands_are_valid(page):
    """A renamed option or a missing argument is found without running the command."""
    for command in list_page_commands(page):
        if command.startswith("vippsrecon ") and not command.endswith("…"):
            parse_command(command)
        else:
            assert explain_not_run(command), f"{command}: run it, or say why not in NOT_RUN"


def test_every_reason_is_used():
    """A reason without a command would hide the next command that begins so."""
    commands = [command for page in PAGES for command in list_page_commands(page)]

    assert [start for start in NOT_RUN if not any(re.match(start, c) for c in commands)] == []


def test_exported_variables_are_settings():
    """A variable with a wrong name is ignored without a message."""
    text = "\n".join(c for page in PAGES for c in list_page_commands(page) if "export" in c)

    assert set(re.findall(r"\b(VIPPS\w+)=", text)) <= set(ENVIRONMENT_VARIABLES.values())


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_compile_and_import(page):
    """A name that the package does not have stops the reader at the first line."""
    for block in read_blocks(ROOT, page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.ImportFrom) and node.module == "vippsrecon":
                    assert {name.name for name in node.names} <= set(vippsrecon.__all__)


PYTHON_RUN_HERE = {
    "docs/bank-statements.md",
    "docs/bulk-refunds.md",
    "docs/how-to/html-page.md",
    "docs/how-to/open-items.md",
    "docs/how-to/order-to-bank.md",
}


def test_every_python_example_has_a_test():
    """A page with Python is run below, or by the test that the table names."""
    used = {p for p in PAGES if any(b.language == "python" for b in read_blocks(ROOT, p))}

    assert used == PYTHON_RUN_HERE | set(PYTHON_RUN_BY)
    for test in PYTHON_RUN_BY.values():
        assert (ROOT / re.search(r"tests/\S+\.py", test)[0]).exists()


@pytest.mark.parametrize(
    ("page", "block"),
    [
        pytest.param(page, block, id=f"{page}:{block.line}")
        for page in PAGES
        for block in read_blocks(ROOT, page)
        if block.language == "toml"
    ],
)
def test_settings_and_mappings_are_read(page, block, tmp_path, monkeypatch):
    """Each is used exactly as the page shows it; an unknown key is refused."""
    for name in ("MAIL_PASSWORD", "RESULTS_WEBHOOK", "FAILURES_WEBHOOK"):
        monkeypatch.setenv(name, "https://hooks.example.com/invented")
    file = tmp_path / "vippsrecon.toml"
    file.write_text(block.text, encoding="utf-8")

    if "[reasons]" in block.text:
        assert load_vocabulary(file)
    elif 'kind = "bank"' in block.text:
        assert read_bank_mapping(file)
    elif "[columns]" in block.text:
        assert read_mapping(file)
    elif "[mail]" in block.text:
        assert load_notification_settings(tmp_path)
    else:
        settings = load_settings(folder=tmp_path, offline=True)
        assert Limits.from_settings(settings.limits)


class ReadersFolder:
    """A folder as a reader of a page has it, and the simulator with the payments of the pages."""

    def __init__(self, folder, page):
        self.folder, self.page = folder, page

    def prepare(self):
        """Write the exports, and the list of refunds that the page shows."""
        orders = ROOT / "sample_data" / "plain" / "orders.csv"
        for name in ("orders.csv", "october.csv", "november.csv", "week2.csv"):
            shutil.copy(orders, self.folder / name)
            os.utime(self.folder / name, (EXPORTED.timestamp(), EXPORTED.timestamp()))
        for name in ("settlement.csv", "bank.xml"):
            shutil.copy(orders.with_name(name), self.folder / name)
        for block in read_blocks(ROOT, self.page):
            if block.text.startswith("reference,amount"):
                (self.folder / "refunds.csv").write_text(block.text, encoding="utf-8")
            if "[reasons]" in block.text:
                (self.folder / "own.toml").write_text(block.text, encoding="utf-8")

    def run(self, command):
        """Run a command as printed, with the number of the reader's own plan."""
        if "--plan ID" in command:
            plan = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))
            command = command.replace("ID", plan["plan_id"])
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        expected = {2} if any(part in command for part in INCOMPLETE) else {0, 1}
        assert result.exit_code in expected, f"{command}: {result.output}"
        if "--from-report" in command and (earlier := self.folder / "plan.before-1.json").exists():
            earlier.replace(self.folder / "plan.json")  # The page goes on with the list's plan.
        return result


@pytest.fixture
def simulator():
    """Serve the sample month anew for each page, with two payments for bulk-refunds.md."""
    state = ROOT / "sample_data" / "plain" / "simulator.jsonl"
    lines = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()]
    more = [
        make_payment_line("order-000001", authorized=25050, captured=25050),
        make_payment_line("order-000002", authorized=12179, captured=12179),
    ]
    with serve(Simulator([*lines, *more])) as url:
        yield url


@pytest.fixture
def readers_folder(simulator, tmp_path, monkeypatch):
    """Return a function that prepares a folder for a page, with the keys of the simulator set."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        **KEYS,
        "VIPPS_ENVIRONMENT": "simulator",
        "VIPPS_BASE_URL": simulator,
    }.items():
        monkeypatch.setenv(name, value)

    def prepare(page):
        folder = ReadersFolder(tmp_path, page)
        folder.prepare()
        if any(
            text in (ROOT / page).read_text(encoding="utf-8")
            for text in ("week1.xlsx", "--from-report")
        ):
            folder.run("vippsrecon reconcile --orders orders.csv --out report.xlsx")
            shutil.copy(tmp_path / "report.xlsx", tmp_path / "week1.xlsx")
        return folder

    return prepare


RUN = [
    page
    for page in PAGES
    if page != "docs/tutorial.md"
    and any(c.startswith("vippsrecon") and not explain_not_run(c) for c in list_page_commands(page))
]


@pytest.mark.ci
@pytest.mark.parametrize("page", RUN)
def test_commands_run_as_printed(page, readers_folder):
    """The commands of a page are run in order; the tutorial has a test of its own."""
    folder = readers_folder(page)
    for command in list_page_commands(page):
        if not explain_not_run(command):
            folder.run(command)


@pytest.mark.ci
def test_python_of_the_html_page_runs(readers_folder, tmp_path):
    """It writes the workbook and the page."""
    readers_folder("docs/how-to/html-page.md")
    for block in read_blocks(ROOT, "docs/how-to/html-page.md"):
        if block.language == "python":
            exec(block.text, {})

    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "report.xlsx").stat().st_size > 10_000


@pytest.mark.ci
def test_python_of_bulk_refunds_runs(readers_folder):
    """In order, between plan and approval; tests/notebooks opens the refund desk."""
    folder = readers_folder("docs/bulk-refunds.md")
    settings = load_settings()
    with vippsrecon.Client(settings) as client:
        result = vippsrecon.reconcile_month(["orders.csv"], settings, client=client)
        names = {"reconciliation": result, "client": client, "settings": settings}
        planning, _desk, closing, carrying = (
            block.text
            for block in read_blocks(ROOT, "docs/bulk-refunds.md")
            if block.language == "python"
        )
        exec(planning, names)
        exec(closing, names)
        folder.run("vippsrecon plan refunds refunds.csv --out plan.json --as kari")
        folder.run("vippsrecon approve plan.json --as ola")
        names["plan"] = vippsrecon.read_plan("plan.json")
        exec(carrying, names)

    assert names["carried"].outcomes["outcome"].tolist() == ["done", "done"]


def test_python_of_the_bank_statements_runs(tmp_path, monkeypatch):
    """Two months of one account leave no gap between them."""
    monkeypatch.chdir(tmp_path)
    account = "<Othr><Id>86011117947</Id></Othr>"
    for month, days, balances in (
        ("october", ("2026-10-01", "2026-10-31"), ("0.00", "100.00")),
        ("november", ("2026-11-01", "2026-11-30"), ("100.00", "200.00")),
    ):
        entries = [entry(day=days[0], text=f"Vipps {month}")]
        opening, closing = balances
        text = document(
            statement(
                entries, account=account, opening=opening, closing=closing, days=days, name=month
            )
        )
        (tmp_path / f"{month}.xml").write_text(text, encoding="utf-8")
    (example,) = [
        block.text
        for block in read_blocks(ROOT, "docs/bank-statements.md")
        if block.language == "python"
    ]
    names = {}
    exec(example, names)

    assert names["bank"].lines["amount_minor"].sum() == 20_000


@pytest.mark.ci
def test_python_of_the_way_to_the_bank_runs(readers_folder, tmp_path):
    """The frames of a user find what the command finds in the same files."""
    folder = readers_folder("docs/how-to/order-to-bank.md")
    folder.run("vippsrecon fetch orders.csv --out fetched")
    (example,) = [
        block.text
        for block in read_blocks(ROOT, "docs/how-to/order-to-bank.md")
        if block.language == "python"
    ]
    names = {}
    exec(example, names)

    truth = pd.read_csv(ROOT / "sample_data" / "plain" / "truth.csv", dtype=str)
    expected = truth.query("leg == 'payout_bank' and bucket == 'discrepancy'")
    assert sorted(names["not_in_bank"]["kind"]) == sorted(expected["kind"])
    assert len(expected) > 0


def test_python_of_the_open_items_runs():
    """The example takes the waived items of a result."""
    (example,) = [
        block.text
        for block in read_blocks(ROOT, "docs/how-to/open-items.md")
        if block.language == "python"
    ]
    items = pd.DataFrame(columns=list(OPEN_ITEMS.names))
    exec(example, {"result": SimpleNamespace(open_items=items)})
