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


@pytest.fixture(scope="session")
def spark():
    """Return one local Spark session."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.default.parallelism", "2")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    yield session
    session.stop()
