"""Write llms.txt: what a language model should read, and where.

Source: https://llmstxt.org
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from os.path import relpath
from pathlib import Path

ROOT = Path(__file__).parent.parent

SUMMARY = (
    "vippsrecon is a Python package and a command for merchants paid through Vipps MobilePay. It "
    "compares a shop's order export with the payments, writes a workbook of every discrepancy, and "
    "carries out approved refunds, cancels and captures."
)


def llms_text() -> str:
    """Every page in the order of the navigation, with its title and first sentence."""
    config = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8"))
    lines = ["# vippsrecon", "", f"> {SUMMARY}", ""]
    lines += [
        "Amounts are whole minor units (øre, cents) with their currency. Nothing moves money without a "
        "plan, an approval and `--live`. Exit codes: 0 clean, 1 finished with findings, 2 could not finish.",
    ]
    optional: list[str] = []
    for section in config["project"]["nav"]:
        ((title, entries),) = section.items()
        lines += ["", f"## {title}", ""]
        for entry in entries:
            if isinstance(entry, str):
                lines.append(_link(entry))
            else:
                optional += [_link(page) for pages in entry.values() for page in pages]
    lines += ["", "## Optional", "", *optional]
    return "\n".join(lines) + "\n"


def _link(page: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    assert title, f"{page} has no title"
    link = relpath(page, "docs")
    return f"- [{title[1]}]({link}): {_read_index().get(link) or _first_sentence(text)}"


@cache
def _read_index() -> dict[str, str]:
    """Return what index.md says about the pages that have a row of their own."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| \[[^]]+\]\(([^)]+)\) \|$", index, re.MULTILINE)
    return {link: f"to {purpose}." for purpose, link in rows}


def _first_sentence(text: str) -> str:
    paragraphs = (block.strip() for block in text.split("\n\n"))
    prose = next(block for block in paragraphs if not re.match(r"#|<!--|!\[|\||```", block))
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)|[*`]", lambda m: m[1] or "", " ".join(prose.split()))
    sentence = re.match(r".+?[.:](?=\s|$)", plain)
    return (sentence[0] if sentence else plain).rstrip(".:") + "."
