"""Compare the model with the package: both judge the same situations, many in one run.

`FEATURES` lists the parts of the rules for which model and package must agree. A situation that
uses a part that is switched off is still judged by both and counted, but a difference is not a
failure.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.reconciliation.draw_situations import Drawing
from tests.reconciliation.oracle import opinion
from tests.reconciliation.oracle_data import ModelInput, Opinion
from tests.reconciliation.oracle_severity import severities
from tests.reconciliation.situations import ALL_UNITS, Situation, make_input, number_of
from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.result import Reconciliation, build_frame
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS

FEATURES = {
    "as_of_before_export": True,
    "attempt_unsettled": True,
    "attempt_unsure": True,
    "attempt_waived": True,
    "attempts": True,
    "attempts_in_detail": True,
    "attempts_later": True,
    "by_hand": True,
    "by_hand_later": True,
    "by_hand_recent": True,
    "combined_mixed": True,
    "combined_with_cancelled": True,
    "dates_without_time": True,
    "event_twice": True,
    "gap": True,
    "gap_of_orphan": True,
    "later_events": True,
    "lonely": True,
    "mangled": True,
    "method_unsure": True,
    "named_by_attempt": True,
    "orphan": True,
    "other_tender": True,
    "other_tender_with_attempts": True,
    "overlap": True,
    "overlap_guessed": True,
    "overlap_of_attempts": True,
    "overlap_same_age": True,
    "paid_no": True,
    "refunds_unknown": True,
    "rest_refunded": True,
    "several_given_back": True,
    "several_in_a_cell": True,
    "shared": True,
    "shop_authorization": True,
    "shop_later": True,
    "strange": True,
    "unread_sibling": True,
}


FLAGGED = {"matched", "timing", "discrepancy"}
"""Buckets of rows that were compared; the flags of others are about no comparison."""


class SideResult(NamedTuple):
    """The result of one side for one situation: its findings, and the place of each row."""

    findings: Counter[tuple[Any, ...]]
    places: dict[tuple[str, str], tuple[str, str, str]]


class Difference(NamedTuple):
    """A situation for which model and package give different results."""

    situation: Situation
    model: SideResult
    package: SideResult

    def __str__(self) -> str:
        lines = [f"situation {self.situation.number} {sorted(self.situation.features)}"]
        for name in ("orders", "payments", "events", "failures"):
            rows = getattr(self.situation, name)
            lines += [f"  {name}: {format_row(row)}" for row in rows]
        if self.situation.waived or self.situation.unsettled:
            lines.append(f"  waived {self.situation.waived} unsettled {self.situation.unsettled}")
        for name, in_model, in_package in (
            ("model", self.model, self.package),
            ("package", self.package, self.model),
        ):
            only = [(k, v) for k, v in in_model.places.items() if in_package.places.get(k) != v]
            lines.append(
                f"  only the {name} says {list(in_model.findings - in_package.findings)} {only}"
            )
        return "\n".join(lines)


def format_row(row: dict[str, Any]) -> str:
    """Return a row in one line, without empty values and values that are the same in every row."""
    quiet = {"psp_reference", "payment_method", "discovered_by", "source_row", "event_day"}
    return " ".join(
        f"{name}={value:%Y-%m-%dT%H:%M}" if hasattr(value, "hour") else f"{name}={value}"
        for name, value in row.items()
        if name not in quiet and not name.endswith("_day") and value not in (None, False, "")
    )


def run(model_input: ModelInput, **given: Any) -> Reconciliation:
    """Reconcile the input of the model with the package."""
    events = build_frame(model_input.events, EVENTS) if model_input.has_log else None
    return reconcile(
        build_frame(model_input.orders, ORDERS),
        build_frame(model_input.payments, PAYMENTS),
        events,
        build_frame(model_input.failures, FAILURES),
        units=tuple(
            SalesUnit(
                msn,
                market=unit.market,
                capture="at_once" if unit.at_once else "on_fulfilment",
                late_capture=unit.late_capture,
            )
            for msn, unit in ALL_UNITS.items()
        ),
        rules=Rules(tolerance_minor=model_input.settings.tolerance),
        as_of=model_input.as_of,
        waived=model_input.waived,
        unsettled=model_input.unsettled,
        first=model_input.first,
        last=model_input.last,
        **given,
    )


def plain(value: Any) -> Any:
    """Return a frame's value as a plain Python value; None for an empty one."""
    return value if isinstance(value, int | str) else None


def by_package(model_input: ModelInput, result: Reconciliation) -> dict[int, SideResult]:
    """Return the package's findings and places, by situation."""
    results: dict[int, SideResult] = defaultdict(lambda: SideResult(Counter(), {}))
    for row in result.discrepancies.to_dict("records"):
        number = number_of(plain(row["reference"]), plain(row["order_number"]))
        results[number].findings[
            row["question"],
            row["kind"],
            plain(row["expected_minor"]),
            plain(row["actual_minor"]),
            row["at_risk_minor"],
            plain(row["proposal"]),
            plain(row["proposal_minor"]),
            row["severity"],
            row["flags"],
            row["currency"],
            row["difference_minor"],
            *(plain(row[name]) for name in ("msn", "reference", "order_number")),
        ] += 1
    numbers = numbers_of_rows(model_input)
    for row in result.buckets.to_dict("records"):
        key = row["side"], row["row_key"]
        flags = row["flags"] if row["bucket"] in FLAGGED else ""
        results[numbers[key]].places[key] = row["bucket"], row["kind"] or "", flags
    return results


def by_model(model_input: ModelInput, judged: Opinion) -> dict[int, SideResult]:
    """Return the model's findings and places, by situation."""
    results: dict[int, SideResult] = defaultdict(lambda: SideResult(Counter(), {}))
    for finding, severity in zip(judged.findings, severities(judged.findings), strict=True):
        number = number_of(finding.reference, finding.order_number)
        results[number].findings[
            finding.question,
            finding.kind,
            finding.expected,
            finding.actual,
            finding.at_risk,
            finding.verb,
            finding.minor,
            severity,
            " ".join(sorted(finding.flags)),
            finding.currency,
            finding.difference,
            finding.msn,
            finding.reference,
            finding.order_number,
        ] += 1
    numbers = numbers_of_rows(model_input)
    for key, place in judged.places.items():
        flags = place.flags if place.bucket in FLAGGED else frozenset()
        results[numbers[key]].places[key] = place.bucket, place.kind, " ".join(sorted(flags))
    return results


def numbers_of_rows(model_input: ModelInput) -> dict[tuple[str, str], int]:
    """Return the number of the situation of each input row."""
    numbers = {
        ("orders", f"{row['source_file']}:{row['source_row']}"): number_of(
            row["reference"], row["order_number"]
        )
        for row in model_input.orders
    }
    for row in model_input.payments:
        key = "payments", f"{row['msn']}:{row['reference']}"
        numbers[key] = number_of(row["reference"], None)
    return numbers


def differences(situations: list[Situation], **given: Any) -> list[Difference]:
    """Return the situations for which model and package give different results."""
    model_input = make_input(situations, **given)
    model_results, package_results = (
        by_model(model_input, opinion(model_input)),
        by_package(model_input, run(model_input)),
    )
    if model_input.first or model_input.last:
        # If a row outside the period is ignored for two reasons, the rules do not define which one
        # is shown. Nor do they define the period of an attempt that never held money.
        for result in [*model_results.values(), *package_results.values()]:
            for key, (bucket, kind, _) in result.places.items():
                if bucket == "ignored" or kind == "superseded_attempt":
                    result.places[key] = "ignored", "", ""
    return [
        Difference(situation, model_results[situation.number], package_results[situation.number])
        for situation in situations
        if model_results[situation.number] != package_results[situation.number]
    ]


def asserted(difference: Difference) -> bool:
    """Return whether agreement is asserted for all features that a difference's situation uses."""
    return all(FEATURES[feature] for feature in difference.situation.features)


def draw(seed: int, count: int) -> Iterator[Situation]:
    """Draw situations at random from a seed."""
    drawing = Drawing(random.Random(seed))
    for number in range(count):
        yield drawing.situation(number)


def main(arguments: list[str]) -> int:
    """Compare the requested number of situations, in blocks; return 1 if there is a difference."""
    count = int(arguments[0]) if arguments else 300_000
    seed = int(arguments[arguments.index("--seed") + 1]) if "--seed" in arguments else 1
    block, wrong, open_ones = 3000, 0, 0
    for number in range(0, count, block):
        for difference in differences(list(draw(seed * 1_000_003 + number, block))):
            if asserted(difference):
                wrong += 1
                print(f"block {number}: {difference}\n", flush=True)
            else:
                open_ones += 1
        if (number // block + 1) % 10 == 0:
            print(f"{number + block} situations, {wrong} differences", file=sys.stderr, flush=True)
    print(f"{count} situations: {wrong} differences, {open_ones} where agreement is not asserted")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
