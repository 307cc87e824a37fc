"""Make files as shops write them; each test lists the cells that it is about."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import openpyxl
import pytest

SHOPIFY = [
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at",
    "Accepts Marketing", "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Created at",
    "Lineitem quantity", "Lineitem name", "Lineitem price", "Billing Name", "Billing Phone",
    "Cancelled at", "Payment Method", "Payment Reference", "Refunded Amount", "Vendor",
    "Outstanding Balance", "Id", "Risk Level", "Phone", "Payment ID", "Payment References",
]  # fmt: skip

Cells = Mapping[str, str]
Writer = Callable[..., Path]


def as_csv(headings: Sequence[str], rows: Sequence[Cells], delimiter: str = ",") -> str:
    """Return rows as a shop's CSV; a heading without a cell gets an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([row.get(heading, "") for heading in headings] for row in rows)
    return out.getvalue()


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write text or bytes to a file and return its path."""

    def to_file(content: str | bytes, name: str = "orders.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


@pytest.fixture
def write_xlsx(tmp_path: Path) -> Writer:
    """Write rows of values to a workbook and return its path."""

    def to_file(rows: Sequence[Sequence[object]], name: str = "orders.xlsx") -> Path:
        workbook = openpyxl.Workbook()
        for row in rows:
            workbook.active.append(list(row))
        workbook.save(tmp_path / name)
        return tmp_path / name

    return to_file
