"""Let pytest run where pytest-xdist is missing or turned off."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Accept pyproject's `--numprocesses=auto` without pytest-xdist: one process then."""
    if not pluginmanager.hasplugin("xdist"):
        parser.addoption("--numprocesses", help="needs pytest-xdist; ignored without it")
