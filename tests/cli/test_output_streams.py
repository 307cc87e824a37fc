"""Nothing can be printed, or not to the end: the exit code still states what happened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.refund_folder import SUM

pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(
        not Path("/dev/full").exists(), reason="this system has no device that is always full"
    ),
]

PREVIEW = ("preview", "orders.csv")
MISSING_FILE = ("preview", "missing.csv")
UNKNOWN_OPTION = ("--unknown",)
LIVE_RUN = ("carry-out", "plan.json", "--live", "--confirm", SUM, "--out", "outcomes.xlsx")


def run_with(standard_output: str, standard_error: str, *arguments: str):
    """Run the command in its own process, with these streams: read, full, gone or closed."""
    reader, gone = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("wb") as full:
        streams = {"read": subprocess.PIPE, "full": full, "gone": gone, "closed": None}

        def close_streams():
            for name, number in ((standard_output, 1), (standard_error, 2)):
                if name == "closed":
                    os.close(number)

        done = subprocess.run(
            [sys.executable, "-m", "vippsrecon", *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=streams[standard_output],
            stderr=streams[standard_error],
            preexec_fn=close_streams,
        )
    os.close(gone)
    shown = (done.stderr or b"").decode()
    assert "Traceback" not in shown, shown
    assert "Exception ignored" not in shown, shown
    return done.returncode


@pytest.mark.parametrize(
    ("standard_output", "arguments"),
    [("full", PREVIEW), ("gone", PREVIEW), ("full", ("--help",)), ("gone", ("--version",))],
    ids=str,
)
def test_incomplete_output_gives_exit_code_2(orders, standard_output, arguments):
    """`| head` ends before the output does, or `> file` fills the disk: this is not a success."""
    assert run_with(standard_output, "read", *arguments) == 2


@pytest.mark.parametrize(("arguments", "code"), [(PREVIEW, 0), (MISSING_FILE, 2)], ids=str)
def test_closed_output_discards_what_is_printed(orders, arguments, code):
    """A service or a scheduler may start the command without standard output."""
    assert run_with("closed", "read", *arguments) == code


@pytest.mark.parametrize(
    ("standard_error", "arguments"),
    [("full", MISSING_FILE), ("gone", UNKNOWN_OPTION), ("closed", MISSING_FILE)],
    ids=str,
)
def test_unprinted_error_gives_exit_code_2(orders, standard_error, arguments):
    """Exit code 1 would mean that the command finished."""
    assert run_with("read", standard_error, *arguments) == 2


def test_outcomes_are_written_although_the_reader_is_gone(ready):
    """The money has moved, so the workbook must exist even if nothing can be printed."""
    assert run_with("full", "read", *LIVE_RUN, "--json") == 2
    assert (ready.folder / "outcomes.xlsx").exists()
