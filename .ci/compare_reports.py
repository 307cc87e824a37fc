"""Compare what two checkouts answer for the same months: every figure, code, flag and order.

    python .ci/compare_reports.py OTHER_CHECKOUT [--shop plain] [--payments 2000]

For each shop: an invented month is written and served by this checkout, fetched once, and
compared by both. `reconcile --json` and every cell of the workbook must be equal; columns that
hold sentences (cause, next_step and texts of the cover) are left out. Exits 1 on a difference.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
SHOPS = ("plain", "shopify", "woocommerce", "magento")
SENTENCES = {
    "cause",
    "next_step",
    "reason",
    "detail",
    "title",
    "what_happened",
    "meaning",
    "notices",
}
DATA_SHEETS = ("Discrepancies", "Matched", "Timing", "Payments", "Events", "Orders")


def run(checkout: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one command of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "vippsrecon", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def read_msn(state: Path) -> str:
    """Return the sales unit of the first payment in a simulator state file."""
    with state.open(encoding="utf-8") as lines:
        return next(str(row["msn"]) for row in map(json.loads, lines) if "msn" in row)


def without_sentences(value: Any) -> Any:
    """Return JSON without the texts that may be worded differently, and without the path."""
    if isinstance(value, dict):
        return {
            key: without_sentences(part)
            for key, part in value.items()
            if key not in SENTENCES and key != "report"
        }
    if isinstance(value, list):
        return [without_sentences(part) for part in value]
    return value


def read_cells(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each sheet; sentence columns and sheets of prose without their texts."""
    import openpyxl

    sheets = {}
    for sheet in openpyxl.load_workbook(path, data_only=True):
        rows = [tuple(cell.value for cell in row) for row in sheet.iter_rows()]
        if sheet.title in DATA_SHEETS:
            start = next((n for n, row in enumerate(rows) if row.count(None) < len(row) / 2), 0)
            drop = {
                n
                for n, name in enumerate(rows[start])
                if str(name).lower().replace(" ", "_") in SENTENCES
            }
            # What is above the headings describes the sheet in words.
            rows = [tuple(v for n, v in enumerate(row) if n not in drop) for row in rows[start:]]
        else:
            rows = [tuple(None if isinstance(v, str) else v for v in row) for row in rows]
        sheets[sheet.title] = rows
    return sheets


def compare(shop: str, other: Path, payments: int) -> list[str]:
    """Return one line for each difference between the two checkouts for a shop's month."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        differences = []
        demo = run(
            HERE,
            "demo", "--shop", shop, "--payments", str(payments), "--seed", "7",
            "--out", str(folder / "here"),
            cwd=folder,
        )  # fmt: skip
        if demo.returncode:
            return [f"{shop}: the demo exits {demo.returncode}: {demo.stderr[-300:]}"]
        data = str(folder / "here" / "report.data")
        state = folder / "here" / "scenario" / "simulator.jsonl"
        # Magento's export has neither sales unit nor currency.
        (folder / "vippsrecon.toml").write_text(
            f'[[sales_unit]]\nmsn = "{read_msn(state)}"\ncurrency = "NOK"\n', encoding="utf-8"
        )
        orders = [str(path) for path in sorted((folder / "here" / "scenario").glob("orders*"))]
        answers = [
            run(
                tree,
                "reconcile", "--orders", *orders, "--shop", shop, "--payments", data,
                "--out", str(folder / f"{label}.xlsx"), "--json",
                cwd=folder,
            )
            for label, tree in (("here", HERE), ("there", other))
        ]  # fmt: skip
        cells = [read_cells(folder / f"{label}.xlsx") for label in ("here", "there")]
        if list(cells[0]) != list(cells[1]):
            differences.append(f"{shop}: sheets {list(cells[0])} and {list(cells[1])}")
        for title, rows in cells[0].items():
            other_rows = cells[1].get(title, [])
            pairs = zip(rows, other_rows, strict=False)
            first = next((n for n, (mine, yours) in enumerate(pairs, 1) if mine != yours), None)
            if len(rows) != len(other_rows) or first:
                differences.append(
                    f"{shop}: sheet {title} differs ({len(rows)} rows here, {len(other_rows)} there, "
                    f"first in row {first})"
                )
        if answers[0].returncode != answers[1].returncode:
            differences.append(f"{shop}: reconcile exits {[a.returncode for a in answers]}")
        try:
            bodies = [without_sentences(json.loads(answer.stdout)) for answer in answers]
        except ValueError:
            return [*differences, f"{shop}: no JSON: {[a.stderr[-300:] for a in answers]}"]
        differences += [
            f"{shop}: --json differs in {key}"
            for key in sorted({*bodies[0], *bodies[1]})
            if bodies[0].get(key) != bodies[1].get(key)
        ]
        rows = len(bodies[0].get("discrepancies", []))
        sys.stdout.write(f"{shop}: {rows} discrepancies, {len(differences)} differences\n")
        return differences


def main() -> int:
    """Compare every shop and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--shop", action="append", choices=SHOPS)
    parser.add_argument("--payments", type=int, default=2000)
    arguments = parser.parse_args()
    differences = [
        line
        for shop in arguments.shop or SHOPS
        for line in compare(shop, arguments.other.resolve(), arguments.payments)
    ]
    sys.stdout.write(("\n".join(differences) or "equal") + "\n")
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
