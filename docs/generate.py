"""Write the pages that are generated from the code: codes.md, frames.md, commands.md.

    python docs/generate.py

A test compares each page with what this would write, so none can fall behind the code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py; change the code, then run it. -->"

COMMANDS = (
    "demo",
    "scenario",
    "simulator",
    "init",
    "preview",
    "fetch",
    "reconcile",
    "resolve",
    "notify",
    "schedule",
    "heartbeat",
    "plan",
    "approve",
    "carry-out",
    "journal",
    "journal settle",
    "check",
    "notebooks",
    "lab",
)


def codes_page() -> str:
    """Every code: what it means, what causes it, what to do next."""
    from vippsrecon.reconciliation.codes import CODES
    from vippsrecon.reconciliation.sentences import list_code_texts

    lines = [
        "# Codes",
        "",
        MADE,
        "",
        "Each pair of order and payment is asked four questions, and each question gives at most "
        "one code: the first that applies. So the totals add up, and no amount is counted twice. Amounts "
        "in a report are never part of these sentences; they have columns of their own.",
        "",
        "`expected_minor` is the order's amount, `actual_minor` Vipps MobilePay's, and "
        "`difference_minor` is always actual minus expected. `at_risk_minor` is the money that "
        "may be lost or owed.",
        "",
        "## Discrepancies",
        "",
        "| code | flag | cause | next step |",
        "|---|---|---|---|",
    ]
    for text in list_code_texts("en"):
        flag = f"`{text.flag}`" if text.flag else ""
        lines.append(f"| `{text.kind}` | {flag} | {text.cause} | {text.next_step} |")
    lines += [
        "",
        "If a code is listed with a flag, that sentence is used for rows with the flag.",
        "",
        "## Not discrepancies",
        "",
        '*Timing* kinds are "not here yet"; they become discrepancies when overdue. *Ignored* '
        "kinds do not concern Vipps MobilePay. Both are counted and summed, never hidden.",
        "",
        "| kind | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{code.name}` | {code.meaning} |" for code in CODES if code.meaning]
    return "\n".join(lines) + "\n"


def frames_page() -> str:
    """Every frame: grain, source, columns."""
    from vippsrecon.schemas import FRAMES

    lines = [
        "# Frames",
        "",
        MADE,
        "",
        "Frames are pandas frames with Arrow types. The key of a payment is `(msn, reference)`: "
        "a reference is unique within one sales unit only. Amounts (`…_minor`) are whole minor "
        "units of the row's `currency`; `…_at` is a UTC time, `…_date` a day, `…_day` the same "
        "day as days since 1970-01-01 in the sales unit's own zone.",
    ]
    for frame in FRAMES:
        lines += [
            "",
            f"## {frame.name}",
            "",
            f"Grain: {frame.grain}. Source: {frame.source}.",
            "",
            "| column | kind | may be empty | meaning |",
            "|---|---|---|---|",
        ]
        for column in frame.columns:
            about = column.about
            if column.one_of:
                about += " One of " + ", ".join(f"`{value}`" for value in column.one_of) + "."
            lines.append(
                f"| `{column.name}` | {column.kind} | {'yes' if column.nullable else 'no'} "
                f"| {about} |"
            )
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command, as its own --help prints it."""
    lines = [
        "# Commands",
        "",
        MADE,
        "",
        "Exit codes, of every command but `demo`: **0** clean (discrepancies of severity *info* alone are "
        "clean); **1** finished, and discrepancies or rejected rows exist; **2** could not "
        "finish: bad input, keys, network, or data that is not complete. `demo` exits with 0 if it "
        "found every planted discrepancy and no other.",
    ]
    commands = ["", *COMMANDS]
    for command, shown in zip(commands, _list_help_texts(commands), strict=True):
        name = f"vippsrecon {command}".rstrip()
        lines += ["", f"## {name}", "", "```text", shown, "```"]
    return "\n".join(lines) + "\n"


_PRINT_HELP = """
import contextlib, sys
from vippsrecon.cli import main

for command in sys.argv[1:]:
    sys.argv[1:] = [*command.split(), "--help"]
    with contextlib.suppress(SystemExit):
        main()
    print(chr(12))
"""
"""Print the help of each command, with a form feed after it."""


def _list_help_texts(commands: list[str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_HELP, *commands],
        env={**os.environ, "COLUMNS": "90", "TERMINAL_WIDTH": "90"},
        capture_output=True,
        text=True,
        check=True,
    )
    *texts, _ = done.stdout.replace("Usage: -c", "Usage: vippsrecon").split("\f\n")
    return [text.rstrip() for text in texts]


PAGES = {"codes.md": codes_page, "frames.md": frames_page, "commands.md": commands_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        DOCS.joinpath(name).write_text(page(), encoding="utf-8")
