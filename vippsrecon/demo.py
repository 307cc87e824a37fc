"""The demo: invent a month on this computer, reconcile it, and score the result.

scenario ──► orders.csv, settlement.csv, bank.xml ─► reconcile ──► report.xlsx
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
from vippsrecon.output_files import PAGE_SUFFIX
from vippsrecon.report import write_html, write_workbook
from vippsrecon.scenario import EARLIER_FILE, PERIOD, SHOPS, write_month
from vippsrecon.workflow.reconcile_month import reconcile_month

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

from vippsrecon.reconciliation import Reconciliation

SCENARIO_FOLDER = "scenario"
"""Folder of the invented month, beside the report."""

FIRST_LEG = "order_payment"
"""What every run compares; the others need ledgers and bank statements."""

LEGS = (FIRST_LEG, "payment_ledger", "ledger_payout", "payout_bank")
"""What the demo compares."""


class Finding(NamedTuple):
    """One discrepancy, planted or found: code, payment, amounts in minor units, and the proposal.

    `payout_number` is the key instead of the reference where a payout is wrong.
    """

    kind: str
    msn: str
    reference: str
    order_number: str
    expected_minor: int | None
    actual_minor: int | None
    at_risk_minor: int
    proposal: str = ""
    proposal_minor: int | None = None
    payout_number: str = ""


@dataclass(frozen=True)
class Score:
    """The discrepancies found, compared with those planted.

    Attributes:
        planted: Number planted, by code.
        right: Number found exactly: same code, same payment, same amounts.
        missed: Planted but not found.
        invented: Found but not planted, or found with other amounts.
        misplaced: What else is not as planted: pairs that are only waiting, ignored orders.
    """

    planted: Counter[str]
    right: Counter[str]
    missed: tuple[Finding, ...]
    invented: tuple[Finding, ...]
    misplaced: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether exactly what was planted was found, with equal amounts."""
        return not self.missed and not self.invented and not self.misplaced

    @property
    def precision(self) -> float:
        """Share of the found discrepancies that are right; 1 if none was found."""
        finding_count = self.right.total() + len(self.invented)
        return self.right.total() / finding_count if finding_count else 1.0

    @property
    def recall(self) -> float:
        """Share of the planted discrepancies that were found; 1 if none was planted."""
        return self.right.total() / self.planted.total() if self.planted else 1.0

    def by_code(self) -> list[dict[str, Any]]:
        """Return the numbers planted, found and right, by code."""
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
            "misplaced": list(self.misplaced),
        }

    def lines(self) -> list[str]:
        """Return the score as lines of text."""
        if self.exact and not self.planted:
            return ["this month is too small to contain a planted discrepancy, and none was found"]
        if self.exact:
            return [
                f"found all {group_thousands(self.planted.total())} planted discrepancies "
                f"of {len(self.planted)} kinds, and nothing else"
            ]
        lines = [
            f"found {group_thousands(self.right.total())} of {group_thousands(self.planted.total())} planted "
            f"discrepancies, and {group_thousands(len(self.invented))} that were not planted"
        ]
        for label, findings in (("missed", self.missed), ("invented", self.invented)):
            lines += [f"  {label}: {_format_finding(finding)}" for finding in findings[:20]]
        return [*lines, *(f"  {text}" for text in self.misplaced[:20])]


class DemoResult(NamedTuple):
    """The result of a demo: reconciliation, paths of report and page, score, duration in seconds."""

    reconciliation: Reconciliation
    report: Path
    score: Score
    seconds: float
    page: Path


def run_demo(
    out: Path,
    *,
    payments: int = 2000,
    seed: int = 7,
    shop: str = "plain",
    language: str | None = None,
    progress: bool = False,
) -> DemoResult:
    """Invent a month, fetch it over HTTP, reconcile it, write the report and score the result.

    Args:
        out: Folder for report.xlsx, report.html, report.data/ and scenario/.
        payments: Number of payments in the month.
        seed: The same seed and arguments make the same month.
        shop: The shop of the order export. Its profile is recognised from the file, as in real use.
        language: Of the report: en, nb, da, sv or fi; None: English.
        progress: Show a progress bar in a terminal or a notebook.

    Raises:
        InputError: `out` contains a report.xlsx that no demo wrote; it is not overwritten.
    """
    started = time.monotonic()
    report, month = out / "report.xlsx", out / SCENARIO_FOLDER
    if report.exists() and not (month / "truth.csv").exists():
        raise InputError(
            f"{report} already exists and was not written by a demo. Name another folder with --out."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_month(month, payments=payments, seed=seed, shop=shop)
    exports = [month / name for name in ("orders.csv", EARLIER_FILE) if (month / name).exists()]
    goes_on = "next_month" in SHOPS[shop].export_features
    first, last = PERIOD if goes_on else (None, None)
    with serve_scenario(month) as settings:
        result = reconcile_month(
            exports,
            settings,
            first=first,
            last=last,
            settlement=[month / "settlement.csv"],
            bank=[month / "bank.xml"],
            cutoff=PERIOD[1],
            keep=out / "report.data",
            language=language,
            progress=progress,
        )
    write_workbook(result, report)
    page = write_html(result, report.with_suffix(PAGE_SUFFIX), workbook=report)
    score = score_result(result, month / "truth.csv", legs=LEGS)
    return DemoResult(result, report, score, round(time.monotonic() - started, 1), page)


def score_result(
    result: Reconciliation, truth: Path, *, legs: Collection[str] = (FIRST_LEG,)
) -> Score:
    """Compare what was found with what was planted, including amounts and proposals.

    Args:
        result: What was found.
        truth: The scenario's truth.csv.
        legs: What the run compared. What is planted elsewhere is not expected. Which leg found a
            discrepancy is not compared: a changed account is seen in a file or at the bank.
    """
    planted = Counter(_read_planted(truth, legs))
    findings = Counter(_list_findings(result))
    right = planted & findings
    return Score(
        _count_by_kind(planted),
        _count_by_kind(right),
        tuple(sorted((planted - findings).elements(), key=str)),
        tuple(sorted((findings - planted).elements(), key=str)),
        _list_misplaced(result, truth),
    )


def _list_misplaced(result: Reconciliation, truth: Path) -> tuple[str, ...]:
    """Return the differences of timing rows, payment by payment, and of ignored orders, by code.

    Only those of orders and payments.
    """
    planted: Counter[str] = Counter()
    with truth.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["leg"] != FIRST_LEG:
                continue
            if row["bucket"] == "timing":
                planted[f"{row['kind']} {row['msn']}:{row['reference']}"] += 1
            elif row["bucket"] == "ignored":
                planted[f"{row['kind']}, one order"] += 1
    findings: Counter[str] = Counter()
    rows = result.polars_frame("buckets").select("side", "row_key", "bucket", "kind")
    for side, key, bucket, kind in rows.iter_rows():
        if bucket == "timing" and side == "payments":
            findings[f"{kind} {key}"] += 1
        elif bucket == "ignored" and side == "orders":
            findings[f"{kind}, one order"] += 1
    missing, surplus = (
        sorted((planted - findings).elements()),
        sorted((findings - planted).elements()),
    )
    return (
        *(f"planted and not found: {text}" for text in missing),
        *(f"found and not planted: {text}" for text in surplus),
    )


def _read_planted(truth: Path, legs: Collection[str]) -> Iterator[Finding]:
    with truth.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["bucket"] == "discrepancy" and row["leg"] in legs:
                yield Finding(
                    row["kind"],
                    row["msn"],
                    row["reference"],
                    row["order_number"],
                    _parse_minor(row["expected_minor"]),
                    _parse_minor(row["actual_minor"]),
                    int(row["at_risk_minor"]),
                    row["proposal"],
                    _parse_minor(row["proposed_minor"]),
                    row["payout_number"],
                )


def _list_findings(result: Reconciliation) -> Iterator[Finding]:
    for row in result.polars_frame("discrepancies").select(Finding._fields).iter_rows():
        finding = Finding(*row)
        yield finding._replace(
            reference=finding.reference or "",
            order_number=finding.order_number or "",
            proposal=finding.proposal or "",
            payout_number=finding.payout_number or "",
        )


def _parse_minor(text: str) -> int | None:
    return int(text) if text else None


def _count_by_kind(findings: Counter[Finding]) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for finding, count in findings.items():
        kinds[finding.kind] += count
    return kinds


def _format_finding(finding: Finding) -> str:
    return (
        f"{finding.kind} {_format_key(finding)}: expected "
        f"{finding.expected_minor}, actual {finding.actual_minor}, at risk {finding.at_risk_minor}, "
        f"proposed {finding.proposal or 'nothing'} {finding.proposal_minor or ''}".rstrip()
    )


def _format_key(finding: Finding) -> str:
    return finding.reference or finding.order_number or finding.payout_number or finding.msn
