"""Fixtures of the notebook tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def notebooks(root):
    """Return the folder of notebooks."""
    return root / "notebooks"
