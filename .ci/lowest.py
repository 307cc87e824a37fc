"""Print a constraints file that holds every direct dependency at its lower bound.

    python .ci/lowest.py spark > lowest.txt && pip install -e ".[dev,spark]" -c lowest.txt

Reads the run-time dependencies and the extras named; what only develops (pytest, ruff) stays
at its newest.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

BOUND = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*>=\s*([0-9][^,; ]*)")


def lowest(project: dict[str, object], extras: list[str]) -> list[str]:
    """Return `name==lower` for each dependency that has a lower bound."""
    optional = project.get("optional-dependencies", {})
    wanted = [*project["dependencies"], *(line for extra in extras for line in optional[extra])]
    found = (BOUND.match(line) for line in wanted)
    return sorted({f"{match[1]}=={match[2]}" for match in found if match})


if __name__ == "__main__":
    text = Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8")
    sys.stdout.write("\n".join(lowest(tomllib.loads(text)["project"], sys.argv[1:])) + "\n")
