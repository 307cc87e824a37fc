"""Real databases for the store's tests: a SQLite file, and a PostgreSQL server of our own."""

from __future__ import annotations

import os

import pytest

from tests.store.plans_and_drafts import PLAN, register_approved_plan
from vippsrecon.store import acquire, open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'workspace.db'}"
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def store(store_url):
    """Return an open database with one registered and approved plan."""
    with open_store(store_url, wait_seconds=5) as store:
        register_approved_plan(store)
        yield store


@pytest.fixture
def carrier(store):
    """Return this process as the carrier of that plan."""
    return acquire(store, PLAN, holder="ola", host="here", pid=os.getpid())
