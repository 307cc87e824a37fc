"""A month with every planted discrepancy gives the same on every engine, and all of it is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.doc_blocks import list_blocks
from tests.reconciliation.spark_frames import spark_is_missing
from vippsrecon.demo import LEGS, score_result
from vippsrecon.fetching.part_files import EVENTS_FILE, FAILURES_FILE, PAYMENTS_FILE
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.reconciliation import reconcile
from vippsrecon.scenario import write_month
from vippsrecon.schemas import (
    BANK_LINES,
    EVENTS,
    FAILURES,
    LEDGER_ENTRIES,
    ORDERS,
    PAYMENTS,
    PAYOUTS,
)
from vippsrecon.workflow.reconcile_month import reconcile_month

FRAMES = (ORDERS, PAYMENTS, EVENTS, FAILURES, LEDGER_ENTRIES, PAYOUTS, BANK_LINES)
RESULTS = ("discrepancies", "buckets", "summary", "bridge", "groups", "payout_matches")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "spark.md"


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """Return the folder of a month, its result from files, and its settings."""
    folder = tmp_path_factory.mktemp("planted")
    write_month(folder, payments=200, seed=7, shop="plain")
    with serve_scenario(folder) as settings:
        result = reconcile_month(
            [folder / "orders.csv"],
            settings,
            settlement=[folder / "settlement.csv"],
            bank=[folder / "bank.xml"],
            keep=folder / "october",
        )
    return folder, result, settings


def records(result):
    """Return every result frame as rows, so that engines can be compared."""
    collected = result.collect()
    return {name: getattr(collected, name).to_dict("records") for name in RESULTS}


def compare(month, engine):
    """Reconcile the month's frames on an engine."""
    _, result, settings = month
    frames = {frame.name: result.polars_frame(frame.name) for frame in FRAMES}
    return reconcile(
        **{name: engine(rows) for name, rows in frames.items()},
        units=settings.units,
        rules=settings.rules,
        contracts=settings.fee_contracts,
    )


def is_exact(month, result):
    """Return whether all that was planted is found, to the minor unit, and nothing else."""
    return score_result(result, month[0] / "truth.csv", legs=LEGS).exact


def on_duckdb(rows):
    """Return a Polars frame as a relation."""
    return duckdb.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))


@pytest.mark.ci
@pytest.mark.parametrize(
    "engine",
    [pl.DataFrame.to_arrow, on_duckdb],
    ids=["arrow", "duckdb"],
)
def test_engines_of_one_machine_find_all(month, engine):
    """Every leg and code goes through every engine."""
    result = compare(month, engine)

    assert is_exact(month, result)
    assert records(result) == records(compare(month, lambda rows: rows))


def write_inputs(month, folder):
    """Write the files that the page on Spark begins with."""
    source, result, settings = month
    (folder / "october").mkdir()
    (folder / "october-ledger").mkdir()
    for name in (PAYMENTS_FILE, EVENTS_FILE, FAILURES_FILE):
        shutil.copy(source / "october" / name, folder / "october" / name)
    shutil.copy(source / "bank.xml", folder / "bank.xml")
    result.polars_frame("orders").write_parquet(folder / "orders.parquet")
    for name in ("ledger_entries", "payouts"):
        rows = result.polars_frame(name)
        rows.write_parquet(folder / "october-ledger" / f"{name}.parquet")
    tables = [f'[[sales_unit]]\nmsn = "{unit.msn}"\n' for unit in settings.units]
    tables += [
        f'[[fee_contract]]\npercent = "{terms.percent}"\ncurrency = "{terms.currency}"\n'
        f'fixed_minor = {terms.fixed_minor}\npayment_method = "{terms.payment_method}"\n'
        for terms in settings.fee_contracts
    ]
    (folder / "vippsrecon.toml").write_text("\n".join(tables), encoding="utf-8")


@pytest.mark.spark
@pytest.mark.nightly
@pytest.mark.skipif(bool(spark_is_missing()), reason=spark_is_missing() or "-")
@pytest.mark.filterwarnings("default")
def test_partitioned_files_on_spark_agree_with_polars(month, spark, tmp_path, monkeypatch):
    """The page's own code reads a month that is partitioned by sales unit and day."""
    write_inputs(month, tmp_path)
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8").replace("/shared", str(tmp_path))
    names = {}
    for block in list_blocks(page):
        if block.language == "python":
            exec(block.text, names)
    result = names["result"]

    assert len(list((tmp_path / "month" / "events").glob("msn=*/day=*"))) > 20
    assert type(result.buckets).__module__.startswith("pyspark")
    assert is_exact(month, result.collect())
    assert records(result) == records(compare(month, lambda rows: rows))
    assert (tmp_path / "report.xlsx").stat().st_size > 0
