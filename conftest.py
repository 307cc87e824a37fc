"""Let pytest run where pytest-xdist is missing or turned off."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Accept the options of pytest-xdist in pyproject.toml without it: one process then."""
    if not pluginmanager.hasplugin("xdist"):
        for option in ("--numprocesses", "--dist"):
            parser.addoption(option, help="needs pytest-xdist; ignored without it")
        parser.addoption("--no-loadscope-reorder", action="store_true", help="the same")
