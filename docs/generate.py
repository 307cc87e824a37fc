"""Write the pages that are generated from the code: codes, frames, commands, reference.

    python docs/generate.py

A test compares each page with what this would write, so none can fall behind the code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from docs.code_pages import codes_page, list_code_pages  # noqa: E402
from docs.llms import llms_text  # noqa: E402
from docs.reference_page import MADE, reference_page  # noqa: E402

COMMANDS = (
    "demo",
    "scenario",
    "simulator",
    "init",
    "preview",
    "fetch",
    "ledger",
    "payout",
    "reconcile",
    "resolve",
    "close-period",
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


PAGES = {
    "codes.md": codes_page,
    **list_code_pages(),
    "frames.md": frames_page,
    "commands.md": commands_page,
    "reference.md": reference_page,
    "llms.txt": llms_text,
}

if __name__ == "__main__":
    DOCS.joinpath("codes").mkdir(exist_ok=True)
    for name, page in PAGES.items():
        DOCS.joinpath(name).write_text(page(), encoding="utf-8")
