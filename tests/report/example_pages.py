"""Make results whose page is hard to get right, and read a page as text and tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import polars as pl

from tests.report.example_results import Month, make_month
from vippsrecon.reconciliation.result import Reconciliation

EVIL_TEXTS = (
    "<script>window.ran = 1</script>",
    '"onerror="window.ran=1" x="',
    "' onmouseover='window.ran=1' '",
    "<img src=x onerror=window.ran=1>",
    "</style><style>*{display:none}",
    "</script></title></svg></table><iframe src='https://example.com'></iframe>",
    "{{ 7 * 7 }}{% raw %}",
    "1002\u202egnp.exe\u2066\u200b",
    "\x00\x1b[2J\ud800",
    "&lt;b&gt;javascript:window.ran=1",
)
"""Texts from outside that must be shown and do nothing."""

VOID_TAGS = {"meta", "br", "input", "rect", "line"}


def make_evil_month() -> Reconciliation:
    """Return a result with hostile texts in every place where a text from outside is shown."""
    month = Month()
    for number, evil in enumerate(text.encode("utf-8", "replace").decode() for text in EVIL_TEXTS):
        for bucket, kind in (
            ("discrepancy", "under_captured"),
            ("timing", "timing_awaiting_fulfilment"),
        ):
            more = {"cause": evil, "next_step": evil, "flags": evil} if kind[0] == "u" else {}
            month.pair(
                f"{evil}{number}{bucket}", 12_345, 5_000, kind=kind, bucket=bucket,
                order_number=evil, msn=f"{evil}", **more,
            )  # fmt: skip
        month.rejects.append(
            {"source_file": evil, "source_row": number + 1, "column": evil, "value": evil,
             "reason": evil}
        )  # fmt: skip
        month.failures.append(
            {"msn": "123456", "reference": evil, "operation": "getPayment", "status": 500,
             "title": evil, "detail": evil}
        )  # fmt: skip
    result = month.reconciliation(notices=EVIL_TEXTS)
    settings = {"owners": list(EVIL_TEXTS), EVIL_TEXTS[0]: EVIL_TEXTS[1]}
    inputs = dict.fromkeys(EVIL_TEXTS, EVIL_TEXTS[3])
    changes = {"settings": settings, "inputs": inputs, "notes": EVIL_TEXTS}
    return result.with_changes(manifest={**result.manifest, **changes})


def make_large_month(rows: int) -> Reconciliation:
    """Return a result with this many discrepancies, worst first, and long texts in it."""
    month = make_month(40, flood=0)
    month.rejects.append(
        {"source_file": "orders.csv", "source_row": 9, "column": "Total", "value": "9" * 1_000_000,
         "reason": "is too long"}
    )  # fmt: skip
    result = month.reconciliation()
    few = result.polars_frame("discrepancies")
    many = pl.concat([few] * (rows // few.height + 1)).head(rows)
    number = pl.int_range(pl.len()).cast(pl.String)
    many = many.with_columns(
        discrepancy_id=number, reference=pl.format("order-{}", number.str.zfill(6))
    )
    totals = many.group_by("currency", "kind").agg(
        pl.len().cast(pl.Int64).alias("rows"), pl.col("difference_minor", "at_risk_minor").sum()
    )
    summary = (
        result.polars_frame("summary")
        .drop("rows", "difference_minor", "at_risk_minor")
        .join(totals, on=["currency", "kind"], how="left")
        .select(result.polars_frame("summary").columns)
    )
    return result.with_changes(discrepancies=many, summary=summary)


class Page(HTMLParser):
    """A page as a browser reads it: its tags and attributes, its text, and its tables.

    Attributes:
        tables: Attributes of each table, and the texts of its cells, row by row.
        attributes: (tag, name, value) of every attribute.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.tables: list[tuple[dict[str, Any], list[list[str]]]] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "table":
            self.tables.append((dict(attrs), []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag without contents."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Check that the innermost open tag is closed."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect text, without the texts that only a pointer shows."""
        if {"style", "script", "svg"} & set(self._open):
            return
        self.text += data
        if {"td", "th"} & set(self._open):
            self.tables[-1][1][-1][-1] += data

    def find_tables(self, css_class: str, **data: str) -> list[list[list[str]]]:
        """Return the rows of each table of a class, and with these values of data attributes."""
        return [
            rows
            for attributes, rows in self.tables
            if css_class in attributes.get("class", "").split()
            and all(attributes.get(f"data-{name}") == value for name, value in data.items())
        ]


def read_tiles(html: str) -> dict[str, dict[str, str]]:
    """Return the main figures of each currency, by name, as the page shows them."""
    blocks = re.findall(r"<h3>([A-Z]{3})</h3>\s*<dl(.*?)</dl>", html, re.DOTALL)
    return {
        currency: {
            name: re.sub(r"<[^>]*>", "", value)
            for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", block)
        }
        for currency, block in blocks
    }


def read_minor(text: str) -> int:
    """Return an amount that a page shows, in minor units.

    >>> read_minor("-1 234,50 kr"), read_minor("1.234,50 kr.")
    (-123450, 123450)
    """
    return int(re.sub(r"\D*$|[^\d-]", "", text))
