"""`check` reports the state of the workspace database, and changes nothing in it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from tests.cli.refund_folder import SUM
from tests.texts.english import list_english_phrases
from vippsrecon.texts import LANGUAGES


def test_check_without_a_database_creates_none(run, keys, folder, read_json):
    """Before the first approval there is no database.

    This is not a problem, and none is created.
    """
    result = run("check")

    assert result.exit_code == 0
    assert (
        "database: sqlite:///vippsrecon.db, not created yet: vippsrecon reconcile or"
        in result.stdout
    )
    assert "workspace database (database_url) = sqlite:///vippsrecon.db  (default)" in result.stdout
    assert result.stdout.splitlines()[-1] == "All is ready."
    assert list(folder.iterdir()) == []
    assert read_json(run("check", "--json"))["database"] == {
        "url_masked": "sqlite:///vippsrecon.db",
        "exists": False,
        "version": 0,
        "newest": 6,
        "plans": 0,
        "unsettled": 0,
    }


def test_check_reports_plans_and_open_rows(ready, read_json):
    """The user must learn about rows that nobody has settled."""
    ready.simulator.set_settings(event_log_lag_ms=600_000)
    ready.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    (ready.folder / "vippsrecon.toml").write_text("[limits]\nsettle_for = 1\n", encoding="utf-8")
    ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)
    ready.simulator.set_faults([])
    before = ready.run("journal", "--verify").stdout

    result = ready.run("check")

    assert result.exit_code == 0
    assert "database: sqlite:///vippsrecon.db, version 6: 1 plan, 3 unsettled rows" in result.stdout
    database = read_json(ready.run("check", "--json"))["database"]
    assert (database["exists"], database["plans"], database["unsettled"]) == (True, 1, 3)
    assert ready.run("journal", "--verify").stdout == before


def test_database_of_a_newer_version_is_a_problem(ready):
    """A newer version on another machine has changed the database."""
    with closing(sqlite3.connect(ready.folder / "vippsrecon.db")) as database, database:
        database.execute("INSERT INTO migrations VALUES (99, 'later', '2030-01-01')")

    result = ready.run("check")

    assert result.exit_code == 2
    assert "database: the workspace database" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Fix: the workspace database")
    assert "made by a newer vippsrecon" in result.stderr


def test_locked_database_is_a_problem(ready, monkeypatch, read_json):
    """A `carry-out` would wait for the lock, so the user should know before."""
    monkeypatch.setattr("vippsrecon.store.database.inspect.INSPECT_WAIT_SECONDS", 0.2)
    with closing(sqlite3.connect(ready.folder / "vippsrecon.db", isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")

        result = ready.run("check")
        problem = read_json(ready.run("check", "--json"))["database"]["problem"]

    assert result.exit_code == 2
    assert "locked" in problem
    assert problem in result.stdout
    assert problem in result.stderr


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("sqlite:///gone/work.db", "folder of the workspace database", id="no folder"),
        pytest.param("mysql://localhost/vipps", "another kind of database", id="another kind"),
    ],
)
def test_unreachable_database_is_a_problem(run, keys, folder, url, message):
    """Each error says what to do, and the result for the keys is still shown."""
    result = run("check", env={"VIPPSRECON_DATABASE_URL": url})

    assert result.exit_code == 2
    assert message in result.stderr
    assert "access token received" in result.stdout


def test_unreachable_server_is_a_problem(run, keys, folder):
    """The error names the server, but not its password."""
    pytest.importorskip("psycopg")
    url = "postgresql://ola:hush-hush@127.0.0.1:9/vipps"

    result = run("check", env={"VIPPSRECON_DATABASE_URL": url})

    assert result.exit_code == 2
    assert "ola:***@127.0.0.1:9" in result.stderr
    assert "hush-hush" not in result.output


def test_key_and_database_problems_are_both_shown(run, keys, folder):
    """Both problems are shown at once, so that one run is enough."""
    keys.setenv("VIPPS_CLIENT_SECRET", "wrong")
    result = run("check", env={"VIPPSRECON_DATABASE_URL": "sqlite:///gone/work.db"})

    assert result.exit_code == 2
    assert "folder of the workspace database does not exist" in result.stdout
    assert "the keys of sales unit 123456 were not accepted" in result.stderr


@pytest.mark.parametrize("limit", ["per_day = { XXX = 5 }", "row_limit = 0.001", "per_run = nan"])
def test_invalid_limit_is_a_problem(run, keys, folder, limit):
    """`approve` would refuse it, so `check` must not say that all is ready."""
    (folder / "vippsrecon.toml").write_text(f"[limits]\n{limit}\n")

    result = run("check")

    assert result.exit_code == 2
    name = limit.partition(" ")[0]
    assert f"limits: vippsrecon.toml [limits]: {name}" in result.stdout
    assert f"Fix: vippsrecon.toml [limits]: {name}" in result.stdout
    assert f"vippsrecon: vippsrecon.toml [limits]: {name}" in result.stderr


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_check_has_no_english_phrase(run, keys, folder, read_json, language):
    """Chosen on the command line, or in vippsrecon.toml; keys and names of settings stay."""
    unit = '[[sales_unit]]\nmsn = "123456"\nmarket = "FI"\ncapture = "at_once"\n'
    (folder / "vippsrecon.toml").write_text(f'language = "{language}"\n{unit}')
    from_file = run("check").stdout
    (folder / "vippsrecon.toml").write_text(unit)
    chosen = run("check", "--language", language).stdout
    phrases = list_english_phrases(language)

    assert [phrase for phrase in phrases if phrase in chosen] == []
    assert re.search(r"\b(not|from|sales unit|ready|time zone)\b", chosen) is None
    assert f"(language) = {language}  (" in from_file
    assert from_file.splitlines()[-5:] == chosen.splitlines()[-5:]
    settings = read_json(run("check", "--json", "--language", language))["settings"]
    assert {"not set", "set (not shown)"} <= {entry["value"] for entry in settings}
