"""Test the sizes of modules and folders, and that imports go one way, file by file.

The import contracts in pyproject.toml compare whole packages.
"""

from __future__ import annotations

import ast
import importlib
from collections import Counter
from graphlib import TopologicalSorter

import grimp
import pytest

MAX_LINES = 360
MAX_FILES = 12

TABLES: set[str] = set()
"""Tables, which may be longer."""

UPWARD = "vippsrecon.display.views"
"""The one module that imports upward: it finds the HTML and the frames of an object."""

BY_NAME = {"vippsrecon/__init__.py"}
"""The table of public names, whose modules are loaded when first used."""


@pytest.fixture(scope="module")
def imports():
    """Return each module's imports; those inside functions and for type checks count too."""
    graph = grimp.build_graph("vippsrecon", cache_dir=None)
    return {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}


def test_no_cycle_of_files(imports):
    """A file that is part of a cycle cannot be read, tested or moved alone."""
    order = TopologicalSorter(
        {name: set() if name == UPWARD else imports[name] for name in imports}
    )

    order.prepare()  # Raises CycleError, which names the files of a cycle.


def test_only_display_imports_upward(imports):
    """Its imports are the ones the contracts declare; a further one must be declared too."""
    below = ("vippsrecon.spreadsheet", "vippsrecon.texts")
    upward = {name for name in imports[UPWARD] if not name.startswith(below)}

    assert upward == {
        "vippsrecon.bulk.outcomes.frame",
        "vippsrecon.bulk.outcomes.html",
        "vippsrecon.bulk.plan.views",
        "vippsrecon.report.html.tiles",
    }


def test_no_import_through_a_string(root):
    """An import that is a string is in no contract, and no tool finds it."""
    dynamic = set()
    for path in (root / "vippsrecon").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "import_module" not in text and "__import__" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            name = getattr(node, "attr", None) or getattr(node, "id", None)
            if name in ("import_module", "__import__"):
                dynamic.add(path.relative_to(root).as_posix())

    assert dynamic == BY_NAME


def test_modules_and_folders_have_one_subject(root):
    """A longer module or a fuller folder has a second subject: give it a place of its own."""
    folders = Counter()
    long_modules = set()
    for path in (root / "vippsrecon").rglob("*.py"):
        folders[path.parent.relative_to(root).as_posix()] += path.name != "__init__.py"
        if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES:
            long_modules.add(path.relative_to(root).as_posix())

    assert long_modules <= TABLES
    assert {folder for folder, count in folders.items() if count > MAX_FILES} == set()


def test_every_module_can_be_imported(root):
    """Warnings are errors here, also one that a library gives for a module that no test uses."""
    for path in (root / "vippsrecon").rglob("*.py"):
        if path.stem != "__main__":  # runs the command
            parts = path.relative_to(root).with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))
