"""Test that `payments="report.data"` repeats a run with its ledger, payouts and bank lines."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.sources.settlement.test_older_forms import SECTIONED
from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Settings
from vippsrecon.errors import InputError, OutputError
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.reconciliation import Reconciliation
from vippsrecon.report import write_workbook
from vippsrecon.scenario import SHOPS, write_month
from vippsrecon.schemas import FRAMES
from vippsrecon.workflow.inputs.money_files import MoneyFiles, MoneyPaths, read_money_files
from vippsrecon.workflow.inputs.stored_money import FRAME_FILES, MONEY_FILE
from vippsrecon.workflow.reconcile_month import reconcile_month

OCTOBER = {"first": "2026-10-01", "last": "2026-10-31"}
FACTS = "money_facts.json"


def list_months() -> list:
    """Return shop and currency of every month; most of them for the nightly run."""
    return [
        pytest.param(
            shop,
            currency,
            marks=pytest.mark.ci if currency == "NOK" or shop == "plain" else pytest.mark.nightly,
        )
        for shop in SHOPS
        for currency in ("NOK", "DKK", "EUR")
    ]


class StoredMonth:
    """An invented month that was reconciled once, with everything it wrote."""

    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        self.data = folder / "report.data"
        self.settings = load_settings(
            offline=True,
            folder=folder,
            msn="123456",
            database_url=f"sqlite:///{(folder / 'runs.db').as_posix()}",
            **settings,
        )

    def run(self, **arguments) -> Reconciliation:
        """Reconcile the month's orders."""
        options = OCTOBER | {"settings": self.settings} | arguments
        return reconcile_month([self.folder / "orders.csv"], **options)

    def run_with_files(self, **arguments) -> Reconciliation:
        """Reconcile with settlement file and statement, and store the run."""
        files = {"settlement": [self.folder / "settlement.csv"], "bank": [self.folder / "bank.xml"]}
        return self.run(**files, keep=self.data, **arguments)

    def repeat(self, **arguments) -> Reconciliation:
        """Repeat the stored run."""
        return self.run(payments=self.data, **arguments)

    def read_money(self, settings: Settings | None = None, **paths) -> MoneyFiles:
        """Read what is stored of money, and these files."""
        return read_money_files(MoneyPaths(stored=self.data, **paths), settings or self.settings)

    def copy(self, folder: Path) -> StoredMonth:
        """Return a copy that a test may change."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return StoredMonth(folder)


@pytest.fixture(scope="module")
def month(tmp_path_factory) -> StoredMonth:
    """Store a month whose payments are those of the settlement file; no test writes to it."""
    stored = StoredMonth(tmp_path_factory.mktemp("stored"))
    write_month(stored.folder, payments=200, seed=7)
    return stored


@pytest.fixture(scope="module")
def first_run(month) -> Reconciliation:
    """Return the run that stored the month."""
    return month.run_with_files()


@pytest.fixture
def copied(month, first_run, tmp_path) -> StoredMonth:
    """Return a copy of the stored month."""
    return month.copy(tmp_path / "copy")


def assert_same_result(one: Reconciliation, other: Reconciliation) -> None:
    """Assert that every frame, the manifest and the notices are identical."""
    for name in (frame.name for frame in FRAMES):
        if hasattr(one, name):
            assert one.polars_frame(name).equals(other.polars_frame(name)), name
    assert one.manifest == other.manifest
    assert one.notices == other.notices


def test_repeated_run_has_the_same_frames_and_workbook(month, first_run, tmp_path):
    """The help promises exactly the same result, without naming a file again."""
    repeated = month.repeat(keep=month.data)
    assert_same_result(first_run, repeated)
    legs = set(repeated.polars_frame("discrepancies")["leg"])
    assert legs == {"order_payment", "payment_ledger", "ledger_payout", "payout_bank"}
    files = (
        write_workbook(result, tmp_path / f"{name}.xlsx").read_bytes()
        for name, result in (("one", first_run), ("two", repeated))
    )
    assert len(set(files)) == 1
    # What the repetition wrote is what it read.
    again = month.read_money().list_arguments()
    assert again["ledger_entries"].equals(first_run.polars_frame("ledger_entries"))
    assert again["bank_lines"].equals(first_run.polars_frame("bank_lines"))


@pytest.mark.parametrize(("shop", "currency"), list_months())
def test_every_shop_and_currency_is_repeated(tmp_path, shop: str, currency: str):
    """Payments over HTTP and ledger from files, then everything from what was stored."""
    unit = f'[[sales_unit]]\nmsn = "123456"\ncurrency = "{currency}"\n'
    (tmp_path / "vippsrecon.toml").write_text(unit, encoding="utf-8")
    month = StoredMonth(tmp_path)
    write_month(tmp_path, payments=250, seed=3, shop=shop, currency=currency)
    with serve_scenario(tmp_path) as served:
        settings = replace(served, units=month.settings.units)
        first = month.run_with_files(settings=settings)
    assert_same_result(first, month.repeat(settings=settings))
    without_keys = month.run_with_files()
    assert_same_result(without_keys, month.repeat())


@pytest.mark.ci
def test_ledger_folder_is_repeated(tmp_path):
    """The entries of the Report API, with its open dates and its environment."""
    from vippsrecon.api import Client
    from vippsrecon.fetching import fetch_ledger

    month = StoredMonth(tmp_path)
    write_month(tmp_path, payments=200, seed=7)
    with serve_scenario(tmp_path) as settings, Client(settings) as client:
        fetch_ledger(client, date(2026, 10, 1), date(2026, 10, 31), out=tmp_path / "ledger")
        first = month.run(settings=settings, ledger=tmp_path / "ledger", keep=month.data)
    assert_same_result(first, month.repeat(settings=settings))


def test_cut_off_of_another_day_needs_no_file(month, first_run):
    """The auditor asks for the twentieth, and the files are with somebody else."""
    lines = month.repeat(cutoff="2026-10-20").polars_frame("cut_off")
    assert set(lines["cut_off_date"]) == {date(2026, 10, 20)}
    assert not lines.filter(pl.col("line") == "in_transit")["amount_minor"].has_nulls()


def test_other_days_are_checked_against_what_was_read(month, first_run):
    """What the files do not cover is found for the days of the repeated run."""
    days = (date(2026, 9, 1), date(2026, 10, 31))
    money = read_money_files(MoneyPaths(stored=month.data), month.settings, period=days)
    assert any("do not cover" in gap.clause for gap in money.gaps)


def test_longer_statement_is_read_with_the_stored_ledger(month, first_run, tmp_path):
    """The statement of November has the payouts that were in transit; the cover says what was used."""
    november = tmp_path / "november.xml"
    november.write_bytes((month.folder / "bank.xml").read_bytes() + b"\n")
    money = month.read_money(bank=[november])
    assert money.ledger is not None
    assert money.list_arguments()["bank_lines"]["source_file"].unique().to_list() == [
        "november.xml"
    ]
    notices = " ".join(money.notices)
    assert (
        "The ledger is the one that report.data holds of the run before (settlement.csv)" in notices
    )
    assert "other bank statements of the run before" in notices


def test_given_ledger_is_used_and_stored_lines_are_not(month, first_run, tmp_path):
    """A line whose text was dropped may be a payout of the other ledger, so it proves nothing."""
    other = shutil.copy2(month.folder / "settlement.csv", tmp_path / "new.csv")
    money = month.read_money(settlement=[other])
    notices = " ".join(money.notices)
    assert money.bank is None
    assert "give the bank statements too" in notices
    assert "holds another ledger" not in notices
    other.write_bytes(other.read_bytes() + b"\n")
    assert "holds another ledger" in " ".join(month.read_money(settlement=[other]).notices)


def test_same_files_given_again_say_nothing(month, first_run):
    """A schedule may name the files each time; its report must not change."""
    files = {"settlement": [month.folder / "settlement.csv"], "bank": [month.folder / "bank.xml"]}
    given, stored = month.read_money(**files), month.read_money()
    assert (given.notices, given.inputs) == (stored.notices, stored.inputs)
    assert given.describe() == stored.describe()


def test_changed_fee_contract_is_used_and_said(month, first_run):
    """Settings are read each time; a difference that they make must not look like one of the files."""
    contract = FeeContract(percent="9", currency="NOK")
    money = month.read_money(settings=replace(month.settings, fee_contracts=(contract,)))
    assert any("fee contracts" in sentence for sentence in money.notices)


@pytest.mark.parametrize("name", [*FRAME_FILES, FACTS])
def test_changed_or_missing_file_is_refused_by_name(copied, name: str):
    """Half of the money would look like a ledger without the rest."""
    path = copied.data / name
    path.write_bytes(path.read_bytes() + b" ")
    if name != "payout_matches.parquet":  # not read: the matches are made again
        with pytest.raises(InputError, match=rf"{name}: it is damaged, or was changed"):
            copied.read_money()
    path.unlink()
    with pytest.raises(InputError, match=f"holds no {name}"):
        copied.read_money()
    # The advice of the sentence.
    assert copied.read_money(settlement=[copied.folder / "settlement.csv"]).ledger is not None


def test_missing_hashes_are_refused(copied):
    """Without them nobody knows whether the files are of one run."""
    (copied.data / MONEY_FILE).unlink()
    with pytest.raises(InputError, match=r"holds money_facts\.json and no money\.json"):
        copied.read_money()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda facts: facts | {"version": 9}, "another version of vippsrecon"),
        (lambda facts: facts | {"bank": []}, "money_facts.json is damaged"),
        (
            lambda facts: facts | {"ledger": facts["ledger"] | {"days": {"1": ["x", "y"]}}},
            "damaged",
        ),
        (lambda facts: facts | {"ledger": facts["ledger"] | {"environment": "test"}}, "damaged"),
        (lambda facts: facts | {"rejects": 10**30}, "damaged"),
        (lambda facts: facts | {"ledger": facts["ledger"] | {"coverage": {"a": {}}}}, "damaged"),
        (lambda _: [], "another version of vippsrecon"),
    ],
)
def test_facts_that_no_run_writes_are_one_sentence(copied, change, words: str):
    """Also where somebody wrote the hash anew."""
    path = copied.data / FACTS
    path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), encoding="utf-8")
    record_hash(copied.data, FACTS)
    with pytest.raises(InputError, match=words):
        copied.read_money()


def record_hash(folder: Path, name: str) -> None:
    """Write the SHA-256 of a changed file into `money.json`."""
    from vippsrecon.sources.files.detect import compute_file_sha256

    hashes = json.loads((folder / MONEY_FILE).read_text("utf-8"))
    hashes["sha256"][name] = compute_file_sha256(folder / name)
    (folder / MONEY_FILE).write_text(json.dumps(hashes), encoding="utf-8")


def test_payments_of_another_run_are_refused(copied):
    """A ledger beside payments that it was never compared with repeats nothing."""
    path = copied.data / FACTS
    facts = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(facts | {"payments": {"payments.parquet": "0"}}), encoding="utf-8")
    record_hash(copied.data, FACTS)
    with pytest.raises(InputError, match="does not hold the payments"):
        copied.read_money()


@pytest.mark.ci
def test_run_without_money_removes_that_of_the_run_before(copied):
    """The folder would otherwise repeat a run that was never made."""
    with serve_scenario(copied.folder) as settings:
        result = copied.run(settings=settings, keep=copied.data)
    assert result.polars_frame("ledger_entries").is_empty()
    assert not [name for name in (*FRAME_FILES, FACTS, MONEY_FILE) if (copied.data / name).exists()]


def test_text_of_a_customer_is_in_no_frame_and_no_file(month, first_run):
    """The text of a line that is not of Vipps MobilePay may name a person."""
    texts = set(first_run.polars_frame("bank_lines")["text"])
    assert "" in texts
    assert all("vipps" in text.lower() or "utb" in text.lower() for text in texts - {""})


def test_folder_of_a_ledger_is_not_replaced(month, tmp_path):
    """Its entries are those of the Report API, and a run must not write over them."""
    (tmp_path / "ledger.json").write_text("{}", encoding="utf-8")
    with pytest.raises(OutputError, match="is a folder of vippsrecon ledger"):
        month.run(keep=tmp_path)


def test_file_that_was_short_is_short_in_the_repeated_run(tmp_path):
    """A repetition must not give the verdict that the first run could not give."""
    orders, settlement = tmp_path / "orders.csv", tmp_path / "sections.csv"
    orders.write_text(
        "msn,reference,currency,total,status,ordered_at\n"
        "123456,order-1,NOK,100.00,fulfilled,2021-04-08T09:00:00Z\n",
        encoding="utf-8",
    )
    sections = SECTIONED.format(net="245.50", unit="123456", id="2000001")
    settlement.write_text(sections.replace(",245.50,3", ",245.50,5"), encoding="utf-8")
    data = tmp_path / "report.data"
    settings = load_settings(offline=True, folder=tmp_path, msn="123456")
    first = reconcile_month(orders, settlement=[settlement], keep=data, settings=settings)
    repeated = reconcile_month(orders, payments=data, settings=settings)
    for result in (first, repeated):
        assert any("sections.csv states more transactions" in notice for notice in result.notices)
