"""The examples of the how-to run as printed."""

from __future__ import annotations

import re

from tests.sources.settlement.conftest import as_portal_csv, one_day


def test_example_of_the_documentation_runs_as_printed(root, tmp_path, monkeypatch):
    """Its vouchers balance, and after the payout the clearing account is zero."""
    page = (root / "docs/how-to/close-period.md").read_text(encoding="utf-8")
    (tmp_path / "settlement.csv").write_text(as_portal_csv(one_day()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)

    assert names["vouchers"]["amount_minor"].sum() == 0
    assert (
        (tmp_path / "vouchers.csv").read_bytes().startswith(b"GBAT10;1;20261001;90;10;2026;1580;")
    )
    balance = names["pack"].lines.row(0, named=True)
    assert (balance["line"], balance["amount_minor"], balance["proof"]) == (
        "ledger_balance",
        0,
        "proven",
    )
    assert names["clearing"].is_empty()
