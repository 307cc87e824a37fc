"""Print a constraints file that holds every direct dependency at its lower bound.

    python .ci/lowest.py spark docs > lowest.txt && pip install -e ".[dev,spark,docs]" -c lowest.txt

Reads the run-time dependencies and the named extras. Development tools (pytest, ruff) keep their
newest version.
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
    requirements = [*project["dependencies"], *(r for extra in extras for r in optional[extra])]
    matches = (BOUND.match(requirement) for requirement in requirements)
    return sorted({f"{match[1]}=={match[2]}" for match in matches if match})


if __name__ == "__main__":
    text = Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8")
    sys.stdout.write("\n".join(lowest(tomllib.loads(text)["project"], sys.argv[1:])) + "\n")
