"""Let pytest run with one process more than cores, and where pytest-xdist is missing."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Accept the options of pytest-xdist in pyproject.toml without it: one process then."""
    if not pluginmanager.hasplugin("xdist"):
        for option in ("--numprocesses", "--dist"):
            parser.addoption(option, help="needs pytest-xdist; ignored without it")
        parser.addoption("--no-loadscope-reorder", action="store_true", help="the same")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return the processes for `--numprocesses=auto`: a third of a test's time is waiting."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # pytest-xdist reads it
    return (os.cpu_count() or 1) + 1
