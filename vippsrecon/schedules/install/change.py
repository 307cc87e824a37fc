"""A change to the jobs of a scheduler: shown first, made when a person agrees."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vippsrecon.errors import OutputError, printable

TIMEOUT_SECONDS = 60.0


class Change(NamedTuple):
    """What would be changed, and how.

    Attributes:
        lines: What would be added, replaced or deleted, for the person who is asked.
        make: Makes the change, and returns what was done, in sentences.
    """

    lines: tuple[str, ...]
    make: Callable[[], tuple[str, ...]]


def run_program(
    command: Sequence[str], content: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of the scheduler, with its messages in English.

    Raises:
        OutputError: It is not installed, or does not end.
    """
    name = command[0]
    try:
        return subprocess.run(
            command,
            input=content,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise OutputError(
            f"There is no program {name} on this computer. Install it, or choose another scheduler "
            "with --for."
        ) from None
    except subprocess.TimeoutExpired:
        raise OutputError(f"{name} did not end. Try again.") from None


def describe_failure(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the first line that a program printed about its failure."""
    text = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    return printable(text.splitlines()[0][:300]) if text else f"exit code {done.returncode}"
