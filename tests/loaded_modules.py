"""Find out which modules a piece of code loads, in a new Python process."""

from __future__ import annotations

import subprocess
import sys


def list_loaded_modules(code: str) -> set[str]:
    """Run Python code in a new process, and return the names of the modules that are loaded then.

    What the code prints is ignored.
    """
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint()\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.splitlines()[-1].split())
