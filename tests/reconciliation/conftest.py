"""Reconcile the examples of a module together, once."""

from __future__ import annotations

import pytest

from tests.reconciliation.example_batch import reconcile_examples


@pytest.fixture(scope="module")
def reconciled(request):
    """Return a function from a `case` of this module's tests to its result.

    The cases of all tests that use this fixture are reconciled in few calls.
    """
    cases = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.path == request.path and "reconciled" in item.fixturenames
    ]
    results = reconcile_examples(cases)
    return lambda case: results[cases.index(case)]
