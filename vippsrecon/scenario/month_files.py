"""Hold the files of a month, open for writing row by row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import orjson

from vippsrecon.scenario import settlement_report
from vippsrecon.scenario.calendar import ScenarioMonth
from vippsrecon.scenario.models import Truth
from vippsrecon.scenario.other_exports import name_earlier_file
from vippsrecon.scenario.sales_units import ScenarioSalesUnit
from vippsrecon.scenario.shops import Shop

TRUTH_COLUMNS = (
    "bucket",
    "kind",
    "msn",
    "reference",
    "order_number",
    "currency",
    "leg",
    "payout_number",
    "expected_minor",
    "actual_minor",
    "difference_minor",
    "at_risk_minor",
    "flags",
    "proposal",
    "proposed_minor",
)


class MonthFiles:
    """Holds the five output files, open for writing."""

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        shop: Shop,
        units: Sequence[ScenarioSalesUnit],
        month: ScenarioMonth,
    ) -> None:
        def text(name: str) -> TextIO:
            path = folder / name
            return stack.enter_context(path.open("w", encoding="utf-8", newline=""))

        def export(name: str) -> Any:
            writer = csv.writer(
                text(name),
                delimiter=shop.delimiter,
                lineterminator="\n",
                quoting=csv.QUOTE_ALL if shop.quote_all else csv.QUOTE_MINIMAL,
            )
            writer.writerow(shop.header)
            return writer

        self.state: BinaryIO = stack.enter_context((folder / "simulator.jsonl").open("wb"))
        self.bank = text("bank.xml")
        self.orders = export("orders.csv")
        self._earlier_file = name_earlier_file(month)
        (folder / self._earlier_file).unlink(missing_ok=True)
        self._export = export
        self.settlement = csv.writer(text("settlement.csv"), lineterminator="\n")
        self.truth = csv.writer(text("truth.csv"), lineterminator="\n")
        self.settlement.writerow(settlement_report.build_settlement_header(units))
        self.truth.writerow(TRUTH_COLUMNS)

    def write_earlier_rows(self, rows: list[list[str]]) -> None:
        """Write the export of an earlier time."""
        self._export(self._earlier_file).writerows(rows)

    def write_truth(self, truth: Truth) -> None:
        """Write an expected result."""
        self.truth.writerow(_format_truth_row(truth))

    def line(self, record: dict[str, Any]) -> None:
        """Write one line of the simulator's state."""
        self.state.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))


def _format_truth_row(truth: Truth) -> list[str | int]:
    difference = (truth.actual or 0) - (truth.expected or 0)
    return [
        truth.bucket,
        truth.kind,
        truth.unit.msn,
        truth.reference,
        truth.order_number,
        truth.currency,
        truth.leg,
        truth.payout_number,
        "" if truth.expected is None else truth.expected,
        "" if truth.actual is None else truth.actual,
        difference if truth.bucket == "discrepancy" else 0,
        truth.at_risk,
        truth.flags,
        truth.proposal,
        "" if truth.proposed is None else truth.proposed,
    ]
