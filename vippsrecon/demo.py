"""The demo: an invented month on this machine, the main job done on it, and the score.

scenario ──► orders.csv ───────────────────────────► reconcile ──► report.xlsx
    │                                                   ▲               │
    ├──────► simulator.jsonl ──► simulator ──HTTP──► fetch              ▼
    └──────► truth.csv ────────────────────────────────────────────► score
"""

from __future__ import annotations

import csv
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.errors import InputError
from vippsrecon.money import group_thousands
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.report import write_workbook
from vippsrecon.scenario import write_month
from vippsrecon.workflow.reconcile_month import reconcile_month

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vippsrecon.reconciliation import Reconciliation

SCENARIO_FOLDER = "scenario"
"""Folder the invented month is written to, beside the report."""


class Finding(NamedTuple):
    """One discrepancy, planted or found: what it is, where, and by how much (minor units)."""

    kind: str
    msn: str
    reference: str
    order_number: str
    expected_minor: int | None
    actual_minor: int | None
    at_risk_minor: int


@dataclass(frozen=True)
class Score:
    """What was found against what was planted.

    Attributes:
        planted: Number planted, by code.
        right: Number found exactly: same code, same payment, same amounts.
        missed: Planted and not found.
        invented: Found and not planted, or found with other amounts.
    """

    planted: Counter[str]
    right: Counter[str]
    missed: tuple[Finding, ...]
    invented: tuple[Finding, ...]

    @property
    def exact(self) -> bool:
        """Whether all and only what was planted was found, amounts equal."""
        return not self.missed and not self.invented

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 1 where nothing was found."""
        found = self.right.total() + len(self.invented)
        return self.right.total() / found if found else 1.0

    @property
    def recall(self) -> float:
        """Share of what was planted that was found; 1 where nothing was planted."""
        return self.right.total() / self.planted.total() if self.planted else 1.0

    def by_code(self) -> list[dict[str, Any]]:
        """Return planted, found and right by code."""
        invented = Counter(finding.kind for finding in self.invented)
        return [
            {
                "kind": kind,
                "planted": self.planted[kind],
                "found": self.right[kind] + invented[kind],
                "right": self.right[kind],
            }
            for kind in sorted({*self.planted, *invented})
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the score as plain values."""
        return {
            "exact": self.exact,
            "precision": self.precision,
            "recall": self.recall,
            "by_code": self.by_code(),
            "missed": [finding._asdict() for finding in self.missed],
            "invented": [finding._asdict() for finding in self.invented],
        }

    def lines(self) -> list[str]:
        """Return the score for people."""
        if self.exact and not self.planted:
            return ["so small a month has no discrepancy planted, and none was found"]
        if self.exact:
            return [
                f"found all {group_thousands(self.planted.total())} planted discrepancies "
                f"of {len(self.planted)} kinds, and nothing else"
            ]
        said = [
            f"found {group_thousands(self.right.total())} of {group_thousands(self.planted.total())} planted "
            f"discrepancies, and {group_thousands(len(self.invented))} that were not planted"
        ]
        for what, findings in (("missed", self.missed), ("invented", self.invented)):
            said += [f"  {what}: {_format_finding(finding)}" for finding in findings[:20]]
        return said


class DemoResult(NamedTuple):
    """What a demo leaves: the result, where the report is, the score, how long it took."""

    reconciliation: Reconciliation
    report: Path
    score: Score
    seconds: float


def run_demo(
    out: Path,
    *,
    payments: int = 2000,
    seed: int = 7,
    shop: str = "plain",
    progress: bool = False,
) -> DemoResult:
    """Make a month, fetch it over HTTP, reconcile it, write the report, score the result.

    Args:
        out: Folder for report.xlsx, report.data/ and scenario/.
        payments: How many payments the month has.
        seed: The same arguments make the same month.
        shop: The order export's shop; its profile has to be recognised, as with a real file.
        progress: Show a bar where there is a terminal.

    Raises:
        InputError: `out` holds a report.xlsx that no demo left: it is not overwritten.
    """
    started = time.monotonic()
    report, month = out / "report.xlsx", out / SCENARIO_FOLDER
    if report.exists() and not (month / "truth.csv").exists():
        raise InputError(f"{report} is there already and not a demo's; name a folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    write_month(month, payments=payments, seed=seed, shop=shop)
    with serve_scenario(month) as settings:
        result = reconcile_month(
            [month / "orders.csv"], settings, keep=out / "report.data", progress=progress
        )
    write_workbook(result, report)
    score = score_result(result, month / "truth.csv")
    return DemoResult(result, report, score, round(time.monotonic() - started, 1))


def score_result(result: Reconciliation, truth: Path) -> Score:
    """Compare the discrepancies found with those a scenario planted, amounts included."""
    planted = Counter(_read_planted(truth))
    found = Counter(_list_found(result))
    right = planted & found
    return Score(
        _count_by_kind(planted),
        _count_by_kind(right),
        tuple(sorted((planted - found).elements(), key=str)),
        tuple(sorted((found - planted).elements(), key=str)),
    )


def _read_planted(truth: Path) -> Iterator[Finding]:
    with truth.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["bucket"] == "discrepancy":
                yield Finding(
                    row["kind"],
                    row["msn"],
                    row["reference"],
                    row["order_number"],
                    _parse_minor(row["expected_minor"]),
                    _parse_minor(row["actual_minor"]),
                    int(row["at_risk_minor"]),
                )


def _list_found(result: Reconciliation) -> Iterator[Finding]:
    for row in (
        result.discrepancies[list(Finding._fields)]
        .astype(object)
        .itertuples(index=False, name=None)
    ):
        kind, msn, reference, number, expected, actual, at_risk = row
        yield Finding(
            kind,
            msn,
            _to_text(reference),
            _to_text(number),
            _to_optional_int(expected),
            _to_optional_int(actual),
            int(at_risk),
        )


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _to_optional_int(value: Any) -> int | None:
    # NA is no int; what is one came from an Arrow column of whole numbers.
    return int(value) if isinstance(value, int) else None


def _parse_minor(text: str) -> int | None:
    return int(text) if text else None


def _count_by_kind(findings: Counter[Finding]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for finding, count in findings.items():
        kinds[finding.kind] += count
    return kinds


def _format_finding(finding: Finding) -> str:
    return (
        f"{finding.kind} {finding.reference or finding.order_number}: expected "
        f"{finding.expected_minor}, actual {finding.actual_minor}, at risk {finding.at_risk_minor}"
    )
