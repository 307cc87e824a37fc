"""The pages with examples, what they need to run, and what cannot run here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.doc_blocks import Block, list_blocks

SHELLS = {"console", "bash", "sh", "bat"}
CHECKED_ELSEWHERE = {"", "text", "csv", "cron", "ini"}
"""Data and unit files; tests/test_docs.py reads those that a program reads."""

NOT_RUN = {
    r"pip install": "installs packages; .ci/run does it in new environments",
    r"python -m venv": "the same",
    r"source ": "the same",
    r"pytest$": "runs these tests",
    r"python docs/build\.py": "needs Zensical; a step of .ci/run",
    r"python -m http\.server": "serves until it is stopped",
    r"python -m tests\.(crash|replay|benchmarks)\.?": "takes long; .ci/run has a short run of each",
    r"papermill ": "needs real keys; tests/test_docs.py compares its parameters with the notebook",
    r"export VIPPS_": "the values are those of the reader; the names are compared with the settings",
    r"schtasks|@echo|cd /d": "needs Windows",
    r"mkdir|cp|cd ": "tests/test_tutorial.py does the same",
    r"code=|exit ": "lines of month.sh, which tests/test_docs.py runs",
    r"vippsrecon init$": "asks questions; tests/cli/test_init.py",
    r"vippsrecon simulator": "serves until it is stopped; tests/simulator",
    r"vippsrecon schedule .*--(install|remove)": "changes the schedules of this computer; tests/schedules",
    r"vippsrecon close-period": "needs a month's folder; tests/cli/test_close_period.py",
    r"vippsrecon notify": "needs a mail server; tests/notification",
    r"vippsrecon heartbeat": "depends on today's date; tests/cli/test_heartbeat.py",
    r"vippsrecon journal .*--head": "needs the head of the reader's run; tests/cli/test_journal.py",
    r"vippsrecon journal settle .*--row": "needs a row of unknown outcome; tests/cli/test_journal.py",
    r"vippsrecon reconcile .*--period last-month": "depends on today's date; tests/cli/test_period.py",
    r"vippsrecon reconcile .*--notify": "needs a mail server; tests/notification",
    r"vippsrecon reconcile .*…$": "the end is left out",
}
"""Beginnings of commands that no test runs as printed, and why. All are parsed all the same."""

PYTHON_RUN_BY = {
    "README.md": "tests/test_readme.py",
    "docs/how-to/close-period.md": "tests/closing/test_documentation.py",
    "docs/how-to/pandas.md": "tests/notebooks/test_frames.py",
    "docs/how-to/ledger.md": "tests/cli/test_ledger_command.py",
    "docs/how-to/orchestrators.md": "tests/test_docs.py",
    "docs/how-to/spark.md": "tests/reconciliation/test_planted_month.py, where Spark is installed",
    "docs/how-to/test-payment.md": "tests/test_docs.py",
    "docs/order-exports.md": "tests/sources/test_order_frames.py",
    "docs/payouts-and-bank.md": "tests/reconciliation/ledger_payouts/test_explain.py",
    "docs/settlement-files.md": "tests/sources/settlement/test_portal.py",
}
"""Pages whose Python examples another test runs."""


def list_example_pages(root: Path) -> list[str]:
    """Return the pages that people write; commands.md and the pages of codes are generated."""
    pages = [root / "README.md", root / "CONTRIBUTING.md", root / "sample_data" / "README.md"]
    pages += [page for page in sorted((root / "docs").rglob("*.md")) if page.parent.name != "codes"]
    return [page.relative_to(root).as_posix() for page in pages if page.name != "commands.md"]


def read_blocks(root: Path, page: str) -> list[Block]:
    """Return the examples of a page."""
    return list(list_blocks((root / page).read_text(encoding="utf-8")))


def list_commands(block: Block) -> Iterator[str]:
    """Return the commands of an example, without comments; of a script with `#!` none."""
    text = re.sub(r"\\\n\s*", "", block.text)
    if block.language not in SHELLS or text.startswith("#!"):
        return
    lines = text.splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        words = shlex.split(line, comments=True, posix=block.language != "bat")
        if words:
            yield from (part.strip() for part in re.split(r"&&|\|\|", re.sub(r"\s+# .*", "", line)))


def explain_not_run(command: str) -> str | None:
    """Return why a command is not run as printed, or None."""
    return next((reason for start, reason in NOT_RUN.items() if re.match(start, command)), None)
