"""Months written once for all tests, and read with the standard library only."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vippsrecon.scenario import SHOPS, write_month

REFERENCE = {
    "plain": "reference",
    "shopify": "Payment Reference",
    "woocommerce": "Transaction Id",
    "magento": "ID",
    "shopware": "id",
}
"""The column of each shop's export that holds the payment reference."""


class Written(NamedTuple):
    """A month's files as Python values."""

    folder: Path
    shop: str
    orders: list[dict[str, str]]
    payments: dict[str, dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    entries: dict[tuple[str, str], list[dict[str, Any]]]
    truth: list[dict[str, str]]
    others: list[dict[str, Any]]


def read(folder: Path, shop: str) -> Written:
    """Read a month: payments by reference, ledger entries by ledger and topic."""

    def rows(name):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            delimiter = SHOPS[shop].delimiter if name == "orders.csv" else ","
            return list(csv.DictReader(file, delimiter=delimiter))

    payments, events, entries, others = {}, {}, defaultdict(list), []
    with (folder / "simulator.jsonl").open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if "payment" in line:
                reference = line["payment"]["reference"]
                assert reference not in payments
                payments[reference], events[reference] = line["payment"], line["events"]
            elif "entry" in line:
                entries[line["ledgerId"], line["topic"]].append(line["entry"])
            else:
                others.append(line)
    return Written(
        folder, shop, rows("orders.csv"), payments, events, entries, rows("truth.csv"), others
    )


@pytest.fixture(scope="session", params=sorted(SHOPS))
def month(request, tmp_path_factory):
    """Return a month of 2,000 payments, for each shop in turn."""
    folder = tmp_path_factory.mktemp(request.param)
    write_month(folder, shop=request.param)
    return read(folder, request.param)
