"""Test how references are counted that a spreadsheet damaged, from the command line."""

from __future__ import annotations

import csv

import pytest


@pytest.fixture
def damage(orders):
    """Return a function that damages references of the export, and returns the damaged texts."""

    def damage(*changes):
        with orders.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        plain = [row for row in rows if row["reference"].isascii() and "-" in row["reference"]]
        chosen = [row for row in plain if row["status"] == "fulfilled"][: len(changes)]
        for row, change in zip(chosen, changes, strict=True):
            row["reference"] = change(row["reference"])
        with orders.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return [row["reference"] for row in chosen]

    return damage


@pytest.mark.ci
def test_repaired_reference_does_not_count_as_not_sent(run, keys, orders, read_json, damage):
    """Its payment was read, so nothing is missing that a person could look for."""
    before = read_json(run("reconcile", "--orders", orders, "--out", "before.xlsx", "--json"))
    *repaired, hopeless = damage(
        lambda reference: reference.replace("-", "\u2011"),
        lambda reference: reference[:5] + "\u200b" + reference[5:],
        lambda reference: "??",
    )
    after = read_json(run("reconcile", "--orders", orders, "--out", "after.xlsx", "--json"))
    mangled = [
        sum(row["kind"] == "reference_mangled" for row in output["discrepancies"])
        for output in (before, after)
    ]
    codes = {row["reference"]: row["kind"] for row in after["discrepancies"]}

    assert mangled[1] == mangled[0] + len(repaired)
    assert codes[hopeless] == "missing_in_vipps"
    assert [output["references"]["not_sent"] for output in (before, after)] == [0, 1]


@pytest.mark.ci
def test_fetch_names_only_references_that_could_not_be_requested(run, keys, orders, damage, folder):
    """The sentence sends the user to a file of failures, to look for what is wrong."""
    before = run("fetch", orders, "--out", "before")
    damage(lambda reference: reference.replace("-", "\u2011"))
    after = run("fetch", orders, "--out", "after")

    assert "not sent" not in before.stdout
    assert "not sent" not in after.stdout
    assert after.exit_code == before.exit_code
