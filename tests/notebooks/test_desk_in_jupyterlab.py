"""Refunds, captures and cancels at the desk of notebook 04, in a real JupyterLab and a real browser.

It takes a minute, several on a busy machine, so it is not in the default run; `test_refund_desk.py` operates the
same panel by default, without a browser.
"""

from __future__ import annotations

import re

import pytest

from tests.chromium import needs_browser
from tests.display.browser import LEAST_CONTRAST
from tests.notebooks.desk_in_browser import PICTURED, THEMES, run_desk

pytest.importorskip("jupyterlab", reason="JupyterLab comes with the extra `dev`")
pytestmark = [needs_browser, pytest.mark.ci]

STEPS = ("choose", "approval", "send", "outcomes", "capture", "cancel")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Return the folder of the pictures."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def seen(root, tmp_path_factory, pictures):
    """Return what was seen on the way from the filter to the outcomes."""
    return run_desk(root / "notebooks", tmp_path_factory.mktemp("desk"), pictures)


def read_minor(text):
    """Return an amount as the desk shows it, in minor units."""
    return int(re.sub(r"\D", "", text))


def test_three_refunds_are_made_once(seen):
    """Another person approves in a process of their own; the simulator counts what was made."""
    assert "3 rows chosen" in seen["choice"]
    assert "3 of 3 refunds would be sent" in seen["checked"]
    assert "1,50" in seen["checked"]
    assert "Checking refunds: 100%" in seen["bars"].replace("\u2007", " ")
    assert seen["early"], "nothing can be carried out before the approval"
    assert seen["approved"].returncode == 0, seen["approved"].stderr
    assert "approved by Ola Hansen" in seen["approved"].stdout
    digest = re.search(r"[0-9a-f]{64}", seen["checked"])[0]
    assert f"digest  {digest}" in seen["approved"].stdout
    assert "Approved by Ola Hansen" in seen["approval"]
    assert seen["before"] == seen["still"] == {}

    assert "Done: 3 refunds" in seen["outcomes"]
    assert len(seen["after"]) == 3
    assert {count for count, _ in seen["after"].values()} == {1}
    first, second, _ = seen["chosen"]
    expected = [read_minor(first["amount"]), read_minor(second["amount"]), 150]
    assert sorted(sum for _, sum in seen["after"].values()) == sorted(expected)
    orders = {row["name"].removeprefix("Refund ").split(":")[0] for row in seen["chosen"]}
    assert all(any(order in reference for reference in seen["after"]) for order in orders)


@pytest.mark.parametrize("verb", ["capture", "cancel"])
def test_captures_and_cancels_are_made_once(seen, verb):
    """The same steps after the operation was changed at the desk, without opening it again."""
    made = seen[verb]
    assert "2 rows chosen" in made["choice"]
    assert f"2 of 2 {verb}s would be sent" in made["checked"]
    assert made["approved"].returncode == 0, made["approved"].stderr
    assert "approved by Ola Hansen" in made["approved"].stdout
    assert made["before"] == made["unsent"] == {}

    assert f"Done: 2 {verb}s" in made["outcomes"]
    assert sorted(made["after"].values()) == sorted(
        (1, read_minor(row["amount"])) for row in made["chosen"]
    )


def test_every_step_is_legible_in_every_theme(seen):
    """Texts, buttons, and what is written in fields."""
    faint = {
        place: [text for text in texts if text["contrast"] < LEAST_CONTRAST]
        for place, texts in seen["measured"].items()
    }

    assert {place: texts for place, texts in faint.items() if texts} == {}
    assert set(faint) == {(step, theme) for step in STEPS for theme in THEMES}
    assert all(len(texts) > 15 for texts in seen["measured"].values())


def test_every_control_has_a_name_for_a_screen_reader(seen):
    """As the browser's accessibility tree has it."""
    assert seen["unnamed"] == {step: [] for step in STEPS}


def test_pictures_are_small(seen, pictures):
    """The documentation shows them; each stays below 150 kB."""
    sizes = {path.name: path.stat().st_size for path in pictures.iterdir()}
    names = {f"refund-desk-{step}-{theme}.png" for step in PICTURED for theme in ("light", "dark")}

    assert sizes.keys() == names
    assert {name for name, size in sizes.items() if size >= 150_000} == set()
