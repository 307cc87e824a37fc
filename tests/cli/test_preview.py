"""Test `preview` of several exports that show the same orders."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

import pandas as pd
import pytest

import vippsrecon
from tests.texts.english import list_english_phrases
from vippsrecon.schemas import EVENTS, PAYMENTS
from vippsrecon.texts import LANGUAGES

HEADINGS = "msn,reference,order_number,currency,total,refunded,status,ordered_at\n"
OCTOBER = HEADINGS + (
    "123456,ord-000001,1001,NOK,100.00,0,open,2026-10-01T10:00:00Z\n"
    "123456,ord-000002,1002,NOK,200.00,0,open,2026-10-30T10:00:00Z\n"
    "123456,ord-000003,1003,NOK,50.00,0,fulfilled,2026-10-31T10:00:00Z\n"
)
NOVEMBER = HEADINGS + (
    "123456,ord-000002,1002,NOK,200.00,20.00,fulfilled,2026-10-30T10:00:00Z\n"
    "123456,ord-000003,1003,NOK,50.00,0,fulfilled,2026-10-31T10:00:00Z\n"
    "123456,ord-000004,1004,NOK,400.00,0,open,2026-11-02T10:00:00Z\n"
)


@pytest.fixture
def exports(folder):
    """Return two exports, of which the second shows two orders of the first again."""
    paths = [folder / "october" / "orders.csv", folder / "november" / "orders.csv"]
    for path, content, month in zip(paths, (OCTOBER, NOVEMBER), (11, 12), strict=True):
        path.parent.mkdir()
        path.write_text(content)
        exported = datetime(2026, month, 1, tzinfo=UTC).timestamp()
        os.utime(path, (exported, exported))
    return paths


@pytest.mark.parametrize("newest_first", [False, True])
def test_preview_counts_an_order_in_two_exports_once(run, exports, read_json, newest_first):
    """The sums of all files must be those of the orders that a run would compare."""
    arguments = exports[::-1] if newest_first else exports
    files = {
        file["path"]: file for file in read_json(run("preview", *arguments, "--json"))["files"]
    }
    october, november = (files[str(path)] for path in exports)

    assert october["totals"] == {"NOK": {"orders": 1, "total_minor": 10000, "refunded_minor": 0}}
    assert november["totals"] == {
        "NOK": {"orders": 3, "total_minor": 65000, "refunded_minor": 2000}
    }
    assert (october["rows"], november["rows"]) == (3, 3)
    assert october["notes"][-1] == (
        "Rows of orders that a newer export shows too: 2 (250.00 NOK). They are not compared and "
        "not in the sums."
    )
    assert not any("newer export" in note for note in november["notes"])
    assert "newer export shows too: 2" in run("preview", *arguments).stdout


def test_preview_of_one_export_counts_all_its_rows(run, exports, read_json):
    """Without the newer export, the older one is all that is known."""
    (october,) = read_json(run("preview", exports[0], "--json"))["files"]

    assert october["totals"]["NOK"]["total_minor"] == 35000


def test_preview_counts_what_reconcile_compares(exports):
    """The preview uses the rule of the run itself."""
    files = vippsrecon.preview(exports)["files"]
    previewed = sum(file["totals"]["NOK"]["total_minor"] for file in files)
    exports[0].rename(october := exports[0].with_name("october.csv"))
    orders = vippsrecon.read_orders([october, exports[1]]).orders
    buckets = vippsrecon.reconcile(
        orders, PAYMENTS.empty(), EVENTS.empty(), as_of=datetime(2026, 12, 2, tzinfo=UTC)
    ).buckets
    keys = pd.Series([f"{row.source_file}:{row.source_row}" for row in orders.itertuples()])
    replaced = buckets.loc[buckets["kind"] == "superseded_row", "row_key"]

    assert previewed == orders.loc[~keys.isin(set(replaced)), "total_minor"].sum()


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_preview_has_no_english_phrase(run, folder, language):
    """Chosen on the command line, or in vippsrecon.toml."""
    path = folder / "orders.csv"
    path.write_text(OCTOBER + "123456,ord-000009,1009,NOK,-1.00,0,open,2026-10-01T10:00:00Z\n")
    chosen = run("preview", path, "--language", language)
    (folder / "vippsrecon.toml").write_text(f'language = "{language}"\n')
    from_file = run("preview", path)
    phrases = list_english_phrases(language)

    assert chosen.exit_code == from_file.exit_code == 1
    assert chosen.stdout == from_file.stdout
    assert [phrase for phrase in phrases if phrase in chosen.stdout] == []
    assert re.search(r"\b(note|row|could|is)\b", chosen.stdout) is None
