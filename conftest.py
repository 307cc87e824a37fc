"""Let pytest run where pytest-xdist is missing or turned off, and pass over what has no test."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Accept the options of pytest-xdist in pyproject.toml without it: one process then."""
    if not pluginmanager.hasplugin("xdist"):
        for option in ("--numprocesses", "--dist"):
            parser.addoption(option, help="needs pytest-xdist; ignored without it")
        parser.addoption("--no-loadscope-reorder", action="store_true", help="the same")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Pass over a module without tests or examples: each test process would import it."""
    name = collection_path.name
    if not name.endswith(".py") or name.startswith(("test_", "conftest")) or "_test.py" in name:
        return None
    return None if b">>>" in collection_path.read_bytes() else True
