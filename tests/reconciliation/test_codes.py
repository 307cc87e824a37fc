"""The table of codes is complete: no property of a code has a default value."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.loaded_modules import list_loaded_modules
from vippsrecon.config.load import load_settings
from vippsrecon.reconciliation.codes import CODES, DISCREPANCY_KINDS, MANUAL_FLAGS, get_code
from vippsrecon.reconciliation.ledger_payouts import KINDS as LEDGER_PAYOUT_KINDS
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS
from vippsrecon.reconciliation.payments_ledger.checks import QUESTIONS as LEDGER_QUESTIONS
from vippsrecon.reconciliation.payouts_bank import KINDS as PAYOUT_BANK_KINDS
from vippsrecon.reconciliation.results.flags import FLAGS
from vippsrecon.reconciliation.sentences import list_code_texts
from vippsrecon.scenario import SHOPS, write_month
from vippsrecon.schemas import BUCKETS, DISCREPANCIES, SEVERITIES
from vippsrecon.schemas.results import LEGS
from vippsrecon.texts import say

ENGLISH_TEXTS = list_code_texts("en")
WHOLE_TOTALS_CAUSE = say("sentences.whole_total.cause")
CHECKS = tuple(
    dict.fromkeys(
        [
            *(
                check.__name__
                for questions in (QUESTIONS, LEDGER_QUESTIONS)
                for checks in questions.values()
                for check in checks
            ),
            *LEDGER_PAYOUT_KINDS,
            *PAYOUT_BANK_KINDS,
        ]
    )
)
DISCREPANCY_CODES = tuple(code for code in CODES if code.bucket == "discrepancy")

WITHOUT_SCENARIO_CASE: dict[str, str] = {}
"""Discrepancies that no scenario case plants yet, and why. A new code does not belong here."""

CASES_BY_LEG = {
    "order_payment": "test_worked_cases.py",
    "payment_ledger": "test_payments_ledger.py",
    "ledger_payout": "ledger_payouts/test_ledger_payouts.py",
    "payout_bank": "payouts_bank/test_matching.py",
}
"""The file with the worked cases of each leg."""

NEVER_SHOWN = {"cancelled_unpaid", "not_checked"}
"""Codes that no report shows: their pairs have an empty code in the buckets matched and not_checked."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Return the codes in the smallest month that has every case, over all shops."""
    codes = set()
    for shop in SHOPS:
        folder = tmp_path_factory.mktemp(shop)
        write_month(folder, payments=200, shop=shop)
        with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
            codes |= {(row["bucket"], row["kind"]) for row in csv.DictReader(file)}
    return codes


def get_allowed(frame, column):
    """Return the values that are allowed in a column of a frame."""
    return next(each.one_of for each in frame.columns if each.name == column)


def test_every_check_has_one_row_and_every_row_a_check():
    """A check without a row would have no severity; a row without a check would never be found."""
    names = [code.name for code in CODES]

    assert len(names) == len(set(names))
    assert set(names) == set(CHECKS)


def test_discrepancies_are_in_the_order_of_the_checks():
    """The bridge's lines come in this order."""
    assert [name for name in CHECKS if get_code(name).bucket == "discrepancy"] == list(
        DISCREPANCY_KINDS
    )


def test_an_unknown_code_raises():
    """With a default, a code would have a severity, title or reason that nobody chose."""
    with pytest.raises(KeyError, match="under_capturd"):
        get_code("under_capturd")


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_each_row_is_complete(code):
    """The row has all that a report, a plan or the codes page needs about the code."""
    is_discrepancy = code.bucket == "discrepancy"

    assert code.bucket in get_allowed(BUCKETS, "bucket")
    assert code.leg in LEGS
    assert code.title
    assert (code.severity in SEVERITIES) if is_discrepancy else not code.severity
    assert bool(code.likely_cause) is is_discrepancy
    assert bool(code.meaning) is (not is_discrepancy and code.name not in NEVER_SHOWN)
    # The bridge finds timing codes by this prefix.
    assert code.name.startswith("timing_") is (code.bucket == "timing")


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_each_proposal_is_complete(code):
    """A plan row needs an operation and a reason; codes without a proposal have no plan fields."""
    assert code.proposes in {"", *get_allowed(DISCREPANCIES, "proposal")}
    assert bool(code.plan_reason) is bool(code.proposes)
    if not code.proposes:
        assert not code.too_little_moved
        assert not code.shop_is_right
    else:
        assert code.bucket == "discrepancy"
        # A further payment needs no amounts of the order: it is released because it is one too many.
        assert code.amounts_compared or code.proposes == "cancel"


def test_every_sentence_has_a_code_and_every_discrepancy_a_sentence():
    """The sentence without a flag is used for every row that no flag changes."""
    assert {text.kind for text in ENGLISH_TEXTS} == set(DISCREPANCY_KINDS), "see the catalogues"
    assert sorted(text.kind for text in ENGLISH_TEXTS if not text.flag) == sorted(DISCREPANCY_KINDS)


def test_every_setting_that_a_sentence_names_is_allowed(tmp_path):
    """A reader copies the setting into vippsrecon.toml, where an unknown name stops every command."""
    sentences = {text.next_step for text in ENGLISH_TEXTS} | {code.likely_cause for code in CODES}
    tables = {sentence: re.search(r"under \[(\w+)\]", sentence) for sentence in sentences}
    named = [
        (table[1], name)
        for sentence, table in tables.items()
        if table
        for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", sentence)
    ]
    file = tmp_path / "vippsrecon.toml"

    for table, name in named:
        file.write_text(f"[{table}]\n{name} = 1\n", encoding="utf-8")
        assert getattr(load_settings(file=file, offline=True).rules, name) == 1
    assert {name for _, name in named} == {"tolerance_minor", "rounding_cap_minor"}
    for setting in {text for each in sentences for text in re.findall(r'\w+ = "\w+"', each)}:
        file.write_text(f'[[sales_unit]]\nmsn = "123456"\n{setting}\n', encoding="utf-8")
        assert load_settings(file=file, offline=True).units


@pytest.mark.parametrize("code", DISCREPANCY_CODES, ids=lambda code: code.name)
def test_every_discrepancy_has_a_worked_case(code):
    """For every code one example with amounts shows the correct result."""
    file = CASES_BY_LEG[code.leg]
    cases = (Path(__file__).parent / file).read_text(encoding="utf-8")
    forms = (f'"discrepancy {code.name} ', f'"{code.name}:', f'"{code.name}"')
    has_case = any(form in cases for form in forms)

    assert has_case, f"add a case of {code.name} to {file}"


def test_every_discrepancy_has_a_scenario_case(planted):
    """The demo cannot show a code that is in no month; the list above names the missing ones."""
    codes = {kind for bucket, kind in planted if bucket == "discrepancy"}

    assert codes | set(WITHOUT_SCENARIO_CASE) == set(DISCREPANCY_KINDS), "see scenario/cases"
    assert codes.isdisjoint(WITHOUT_SCENARIO_CASE)


def test_the_scenario_counts_each_code_in_its_bucket(planted):
    """The scenario shares no code with the package, so its code names and buckets could differ."""
    assert {
        (bucket, kind) for bucket, kind in planted if kind and get_code(kind).bucket != bucket
    } == set()


def test_every_flag_that_stops_a_proposal_has_a_condition():
    """Proposals and plans use one list of flags; a flag that nothing sets would stop nothing."""
    assert set(MANUAL_FLAGS) <= set(FLAGS)


def test_the_table_loads_no_frame_library():
    """Commands that move money load this table, and they must start quickly."""
    loaded = list_loaded_modules("import vippsrecon.reconciliation.codes")

    assert not loaded & {"narwhals", "pandas", "polars", "pyarrow", "pandera"}


def test_each_cause_belongs_to_one_code():
    """Groups are made by cause; only missing decimals are a cause of several codes."""
    kinds = defaultdict(set)
    for text in ENGLISH_TEXTS:
        kinds[text.cause].add(text.kind)

    assert [cause for cause, names in kinds.items() if len(names) > 1] == [WHOLE_TOTALS_CAUSE]
