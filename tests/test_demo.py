"""Test that the demo finds all planted discrepancies, and no others, for each shop."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from vippsrecon import Client, fetch_ledger
from vippsrecon.demo import LEGS, Finding, Score, run_demo, score_result
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.scenario import write_month
from vippsrecon.sources.reviewed_report.read import read_reviewed_report
from vippsrecon.texts import list_texts_in
from vippsrecon.workflow.reconcile_month import reconcile_month


@pytest.mark.parametrize(
    "shop",
    [
        "plain",
        *(
            pytest.param(shop, marks=pytest.mark.ci)
            for shop in ("shopify", "woocommerce", "magento", "shopware")
        ),
    ],
)
def test_demo_finds_exactly_what_was_planted(tmp_path, shop):
    """The demo fails unless precision and recall are both 1, amounts included."""
    demo = run_demo(tmp_path, payments=200, seed=7, shop=shop)

    assert demo.score.lines() == [
        f"found all {demo.score.planted.total():,} planted discrepancies "
        f"of {len(demo.score.planted)} kinds, and nothing else"
    ]
    assert demo.score.exact
    assert demo.score.planted.total() > 0
    assert demo.report.stat().st_size > 0


@pytest.mark.ci
def test_demo_in_another_language(tmp_path):
    """Sentences, sheets and notices are in the language; what was planted is found all the same."""
    demo = run_demo(tmp_path, payments=200, language="nb")
    causes = set(demo.reconciliation.discrepancies["cause"])
    sentences = list_texts_in("sentences", "nb")

    assert demo.score.exact
    assert demo.reconciliation.language == "nb"
    assert causes <= set(sentences.values())
    assert any("sier ikke når den ble eksportert" in text for text in demo.reconciliation.notices)
    assert list_texts_in("sheets", "nb")["rejects"] in load_workbook(demo.report).sheetnames
    again = read_reviewed_report(demo.report)
    assert (again.language, len(again.rows)) == ("nb", len(demo.reconciliation.discrepancies))


@pytest.mark.ci
def test_score_includes_proposals_and_pending_pairs(tmp_path):
    """A wrong proposal moves money, and a pair that only waits is not a discrepancy."""
    demo = run_demo(tmp_path, payments=200)
    truth = tmp_path / "scenario" / "truth.csv"
    planted = truth.read_text(encoding="utf-8").splitlines(keepends=True)
    (waiting,) = [line for line in planted if line.startswith("timing,timing_refund_not_recorded")]
    (partly_refunded,) = [line for line in planted if ",changed_after_export,refund," in line]
    *unchanged_cells, proposed = partly_refunded.rstrip().split(",")
    assert demo.score.exact

    truth.write_text("".join(line for line in planted if line != waiting), encoding="utf-8")
    reference = waiting.split(",")[3]
    assert score_result(demo.reconciliation, truth, legs=LEGS).misplaced == (
        f"found and not planted: timing_refund_not_recorded 123456:{reference}",
    )

    changed = ",".join([*unchanged_cells, str(int(proposed) + 1)]) + "\n"
    truth.write_text("".join(planted).replace(partly_refunded, changed), encoding="utf-8")
    score = score_result(demo.reconciliation, truth, legs=LEGS)
    assert [finding.proposal_minor for finding in (*score.missed, *score.invented)] == [
        int(proposed) + 1,
        int(proposed),
    ]


FINDINGS = st.builds(
    Finding,
    kind=st.sampled_from(["under_captured", "not_paid"]),
    msn=st.just("123456"),
    reference=st.sampled_from(["order-1", "order-2", ""]),
    order_number=st.sampled_from(["1", "2"]),
    expected_minor=st.sampled_from([None, 100, 200]),
    actual_minor=st.sampled_from([None, 100]),
    at_risk_minor=st.sampled_from([0, 100]),
)


@given(planted=st.lists(FINDINGS, max_size=6), findings=st.lists(FINDINGS, max_size=6))
def test_score_is_exact_only_for_equal_findings(planted, findings):
    """A score that accepts small differences would hide the faults that it must show."""
    expected, actual = Counter(planted), Counter(findings)
    right = expected & actual
    score = Score(
        Counter(finding.kind for finding in planted),
        Counter(finding.kind for finding in right.elements()),
        tuple((expected - actual).elements()),
        tuple((actual - expected).elements()),
    )

    assert score.exact == (sorted(planted, key=str) == sorted(findings, key=str))
    assert (score.precision == 1.0 and score.recall == 1.0) == score.exact


def test_month_without_planted_discrepancies_is_stated():
    """The text "all 0 of 0 found" would look as if nothing had been checked."""
    score = Score(Counter(), Counter(), (), ())

    assert score.lines() == [
        "this month is too small to contain a planted discrepancy, and none was found"
    ]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("shop", "currency"), [("plain", "NOK"), ("shopify", "NOK"), ("plain", "EUR")]
)
def test_ledgers_of_the_report_api_give_the_same(tmp_path, shop, currency):
    """The demo compares with settlement files; what `vippsrecon ledger` reads finds the same."""
    month = tmp_path / "month"
    write_month(month, payments=300, seed=5, shop=shop, currency=currency)
    with serve_scenario(month) as settings:
        with Client(settings) as client:
            fetch_ledger(client, date(2026, 9, 25), date(2026, 11, 5), out=tmp_path / "ledger")
        result = reconcile_month(
            [month / "orders.csv"],
            settings,
            ledger=tmp_path / "ledger",
            bank=[month / "bank.xml"],
        )

    score = score_result(result, month / "truth.csv", legs=LEGS)
    assert score.exact, score.lines()
    assert score.planted.total() > 50
