"""A month to work on: what it asks for, and what it leaves behind."""

from __future__ import annotations

import pytest

from vippsrecon.errors import InputError
from vippsrecon.notebook.session import open_month


def test_a_real_month_needs_an_export():
    """Said before keys are looked for."""
    with pytest.raises(InputError, match="needs your order export"):
        open_month("production")


def test_a_month_closes_what_it_opened():
    """A notebook that ends must leave no server and no folder behind."""
    with open_month(payments=30) as month:
        folder = month.order_files[0].parent
        assert month.client.payment is not None
        assert folder.exists()

    assert not folder.exists()
