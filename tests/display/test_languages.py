"""Test notebook displays in other languages: no English in them, and amounts as the language writes them."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from dataclasses import replace

import pytest

from tests.display.example_displays import make_displays, make_fetched
from tests.plans import make_plan, make_plan_row
from tests.texts.english import list_english_phrases
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.open_rows.settle import SettleResult
from vippsrecon.bulk.outcomes.frame import build_outcomes
from vippsrecon.bulk.plan.file import read_plan, write_plan
from vippsrecon.bulk.verbs import VERBS
from vippsrecon.fetching.results import set_fetched_language
from vippsrecon.notebook.tables import search_frame
from vippsrecon.progress_bar import show_progress
from vippsrecon.sources.rejects import Reject
from vippsrecon.texts import list_texts_in, use_language

OUTCOMES = ("done", "already_done", "would_do", "skipped", "refused", "unknown")
NO_COMPARISON = {"preview", "order files", "fetched", "verdict"}
EARLIER = "2026-10-05T08:00:00.000Z"


def make_bulk_displays(verb, language):
    """Return a plan, and runs of it that ended in every way."""
    rows = [make_plan_row(n, duplicate=n == 1) for n in range(1, len(OUTCOMES) + 1)]
    refused = (Reject("list.csv", 7, "x", "y", "z"),)
    plan = make_plan(*rows, verb=verb, refused=refused, notes=("-",), language=language)
    results = tuple(RowResult(n, name, "-") for n, name in enumerate(OUTCOMES, start=1))
    done = tuple(RowResult(n, "done", "-") for n in range(1, len(OUTCOMES) + 1))
    moved = (done[0]._replace(flags="moved_beside"), *done[1:])
    one = make_plan(make_plan_row(), verb=verb, language=language)
    return {
        "plan": plan,
        "dry run": RunResult(plan, False, results),
        "run": RunResult(plan, True, results[:2], approver="Ola", head=(9, "a")),
        "finished run": RunResult(plan, True, moved, earlier=(EARLIER,)),
        "repeated run": RunResult(plan, True, done, earlier=(EARLIER,) * len(done)),
        "repeated run with a refusal": RunResult(
            plan, True, results, earlier=(EARLIER,) * len(done)
        ),
        "repeated run of one row": RunResult(one, True, done[:1], earlier=(EARLIER,)),
        "stopped run": RunResult(plan, True, results, stopped="-"),
        "settled": SettleResult(plan.plan_id, verb, plan.rows, results, (9, "a"), language),
        "nothing to settle": SettleResult(plan.plan_id, verb, (), (), (9, "a"), language),
    }


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("language", ["nb", "fi"])
def test_plans_and_runs_have_no_english_phrase(language, verb):
    """A controller who reads Finnish must not guess what would be sent."""
    phrases = list_english_phrases(language)
    words = list_texts_in("outcomes", "en").values()
    for name, shown in make_bulk_displays(verb, language).items():
        text = shown._repr_html_().partition("</style>")[2]
        assert [phrase for phrase in phrases if phrase in text] == [], name
        assert [word for word in words if f">{word}<" in text] == [], name


def test_plan_without_a_language_is_shown_in_the_current_one():
    """A plan that was read from a file does not say in which language its planner works."""
    plan = make_plan(make_plan_row())

    with use_language("nb"):
        assert "Ingen penger er flyttet" in plan._repr_html_()
    assert "No money has been moved" in plan._repr_html_()


def test_run_of_a_plan_from_a_file_is_in_the_language_of_the_settings():
    """The file has no language, and the person who carries it out has one."""
    run = RunResult(make_plan(make_plan_row()), False, (RowResult(1, "would_do", ""),))
    shown = replace(run, settings_language="da")._repr_html_()

    assert "Prøvekørsel: 1 af 1 refundering ville blive sendt. Intet blev sendt" in shown


@pytest.mark.parametrize("language", ["nb", "fi"])
def test_what_has_no_comparison_is_shown_in_the_chosen_language(language):
    """A reader of Norwegian who previews an export gets notes that can be forwarded."""
    phrases = list_english_phrases(language)
    with use_language(language):
        shown = {name: view for name, view in make_displays().items() if name in NO_COMPARISON}
        texts = {name: view._repr_html_().partition("</style>")[2] for name, view in shown.items()}
        texts["preview in a terminal"] = repr(shown["preview"])
        found = search_frame(shown["fetched"].events, columns=["reference"], rows=1)._repr_html_()
        texts["search"] = found.partition("</style>")[2].partition("<script>")[0]

    for name, text in texts.items():
        assert [phrase for phrase in phrases if phrase in text] == [], name
    assert set(shown) == NO_COMPARISON
    assert f'"search": "{list_texts_in("search_table", language)["search"]}"' in found


def test_what_was_fetched_is_shown_in_the_language_of_the_settings():
    """It stays the three frames that a program takes apart."""
    fetched = set_fetched_language(make_fetched(), "da")
    payments, _, _ = fetched

    assert "1 betaling og 3 hændelser læst" in fetched._repr_html_()
    assert len(payments) == 1


class Terminal(io.StringIO):
    """Where a bar is shown."""

    def isatty(self):
        """Return that this is a terminal."""
        return True


def test_a_progress_bar_is_in_the_language_of_its_task():
    """The bar is what one reads for minutes."""
    with (
        redirect_stderr(Terminal()) as terminal,
        show_progress("checking.refund", 3, "rows", language="da") as bar,
    ):
        bar.update(3)

    assert "Kontrollerer refunderinger: 100%" in terminal.getvalue()
    assert "3 af 3 rækker på" in terminal.getvalue()


def test_language_of_a_plan_is_not_in_its_file(tmp_path):
    """The digest that is approved must not depend on who looks at the plan."""
    plan = make_plan(make_plan_row())
    write_plan(replace(plan, language="fi"), tmp_path / "plan.json")

    read = read_plan(tmp_path / "plan.json")
    assert (read, read.language) == (plan, None)


def test_outcomes_frame_is_in_english():
    """Frames, and the workbook of outcomes, have the same words in every language."""
    run = RunResult(make_plan(make_plan_row(), language="nb"), True, (RowResult(1, "done", ""),))
    with use_language("nb"):
        frame = build_outcomes(run)

    assert frame["sentence"][0].startswith("Refunded ")
