"""A sentence about a wrong file or option names the way out."""

from __future__ import annotations

import pytest

PLAIN = "reference;currency;total;ordered_at\nord-000001;EUR;{};{}\n"


@pytest.mark.parametrize(
    ("name", "content", "command", "advice"),
    [
        pytest.param("f.csv", "%PDF-1.4", "preview f.csv", "this is a PDF", id="PDF"),
        pytest.param("f.pdf", "%PDF-1.4", "plan refunds f.pdf --out p", "this is a PDF", id="plan"),
        pytest.param(
            "s.jsonl", '{"clock": 1}\n', "preview s.jsonl", "simulator --state s.jsonl", id="state"
        ),
        pytest.param(
            "refunds.csv", "reference\n", "approve refunds.csv", "with vippsrecon plan", id="list"
        ),
        pytest.param(
            "m.toml", "date = []", "preview fi.csv --mapping m.toml", "did you mean dates", id="key"
        ),
        pytest.param(
            "m.toml",
            '[columns]\nreference = ["reference"]',
            "preview fi.csv --mapping m.toml",
            "add extends = 'plain'",
            id="without extends",
        ),
        pytest.param(
            "m.toml",
            'extends = "plain"\namounts = {decimal = ","}',
            "preview fi.csv --mapping m.toml",
            "row 2: total has spaces between its digits; if they separate thousands, set groups",
            id="groups",
        ),
        pytest.param(
            "m.toml",
            'extends = "plain"\namounts = {decimal = ",", groups = " "}',
            "preview fi.csv --mapping m.toml",
            "with the key dates in a --mapping",
            id="dates",
        ),
        pytest.param(
            "x.csv",
            "",
            "preview fi.csv",
            "extends = 'plain' (or the shop's name) and, below [amounts], decimal = ','",
            id="mapping",
        ),
        pytest.param("x.csv", "", "reconcile orders.csv", "after --orders", id="no option"),
        pytest.param(
            "x.csv", "", "plan refund x.csv --out p", "plan': 'refund' is not one of", id="verb"
        ),
    ],
)
def test_sentence_names_the_way_out(run, folder, name, content, command, advice):
    """A newcomer follows the sentence, so it must lead somewhere."""
    (folder / "fi.csv").write_text(PLAIN.format("1 353,37", "5.10.2026"), encoding="utf-8")
    (folder / name).write_text(content, encoding="utf-8")

    done = run(*command.split())

    assert done.exit_code in {1, 2}
    assert advice.replace("plan': ", "") in done.output
    assert "Value error" not in done.output


@pytest.mark.parametrize(
    ("days", "advice"),
    [
        (["--from", "2026-11-01", "--to", "2026-10-01"], "Exchange --from and --to"),
        (["--from", "01.10.2026"], "--from"),
        (["--to", "31.10.2026"], "--to"),
    ],
    ids=["exchanged", "from", "to"],
)
def test_wrong_day_names_its_option(run, keys, orders, days, advice):
    """Two options take a day, and the sentence must say which one is wrong."""
    done = run("reconcile", "--orders", "orders.csv", "--out", "r.xlsx", *days)

    assert done.exit_code == 2
    assert advice in done.stderr


@pytest.mark.ci
def test_report_is_recognised(run, keys, orders):
    """A report is not a list: what to do with it is another option."""
    assert run("reconcile", "--orders", "orders.csv", "--out", "r.xlsx").exit_code == 1

    for command in (["preview", "r.xlsx"], ["plan", "refunds", "r.xlsx", "--out", "p.json"]):
        done = run(*command)
        assert done.exit_code == 2
        assert "--from-report r.xlsx" in done.stderr
