"""A month opened in a notebook: what it needs, and what it removes when it closes."""

from __future__ import annotations

import pytest

from vippsrecon.errors import InputError
from vippsrecon.notebook.session import open_month


def test_real_month_requires_an_export():
    """The error comes before the keys are read."""
    with pytest.raises(InputError, match="needs your order export"):
        open_month("production")


def test_month_closes_its_server_and_folder():
    """When a notebook ends, no server and no folder may remain."""
    with open_month(payments=30) as month:
        folder = month.order_files[0].parent
        assert month.client.payment is not None
        assert folder.exists()

    assert not folder.exists()
