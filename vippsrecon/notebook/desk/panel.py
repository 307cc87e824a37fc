"""The panel of the desk, step by step.

    choose ──► approve ──► send ──► outcomes
       ▲          │          │          │
       └──────────┴──────────┴──────────┘   "Choose again": the plan stays in its file

A button of an earlier step does nothing: a second click that arrives late must not start anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.people import detect_account, is_same_person
from vippsrecon.bulk.plan.make import NothingToPlanError
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.bulk.verbs import VERBS
from vippsrecon.errors import PlanError, VippsReconError
from vippsrecon.notebook.desk import texts
from vippsrecon.notebook.desk.case import Case, is_finished
from vippsrecon.notebook.desk.choice import list_findings, replace_amounts
from vippsrecon.notebook.desk.choose_view import ChooseView, make_button, make_line
from vippsrecon.notebook.desk.plan_view import (
    render_approval,
    render_heading,
    render_message,
    render_notice,
    render_steps,
)
from vippsrecon.reconciliation import Reconciliation
from vippsrecon.texts import keep_language, say, use_language

SECONDS_BETWEEN_LOOKS = 2.0
"""How often the desk looks for the approval while it waits for it."""

MAX_REFUSED_SHOWN = 20


class RefundDesk:
    """The panel. `refund_desk` makes it; a notebook shows it as the value of a cell.

    Args:
        case: Makes and carries out plans.
        reconciliation: Whose discrepancies can be planned; None: only continue an earlier plan.
        folder: The folder with the settings, in which the other person runs the command.
        language: Of everything it shows.

    Attributes:
        run: The result of the last live run, or of what the journal has of it; None before.
        step: The present step: choose, check, approve, send or outcomes.
    """

    def __init__(
        self, case: Case, reconciliation: Reconciliation | None, folder: Path, language: str
    ) -> None:
        self._case = case
        self._reconciliation = reconciliation
        self._folder = folder
        self._choices: dict[str, ChooseView] = {}
        self._watch: asyncio.Task[None] | None = None
        self.run: RunResult | None = None
        self.step = "choose"
        with use_language(language):
            self._make_controls()
            self._show("choose")
            self._find_earlier_plan()

    def _make_controls(self) -> None:
        """Make everything that is shown; a click is answered in the language of this moment."""
        self.choice = self._make_choice()
        self.operation = widgets.Dropdown(
            description=say("desk.operation"),
            options=[(say(f"desk.{verb}.name"), verb) for verb in VERBS],
            value=self._case.verb,
        )
        self.operation.observe(keep_language(self._choose_operation), "value")
        self.make_plan = make_button(say("desk.make_plan"), self._make_plan, primary=True)
        self.open_plan = make_button(say("desk.open_plan"), self._open_plan)
        self.look = make_button(say("desk.look_again"), self._look_for_approval, primary=True)
        self.send = make_button(say("desk.carry_out"), self._send, primary=True)
        self.back = make_button(say("desk.back"), self._go_back)
        self.again = make_button(say("desk.continue"), self._continue, primary=True)
        self.choose_again = make_button(say("desk.choose_again"), self._go_back)
        self.confirm: dict[str, Any] = {}
        self._steps = widgets.HTML()
        self._message = widgets.HTML()
        self._plan = widgets.HTML()
        self._checked = widgets.HTML()
        self._approval = widgets.HTML()
        self._sums = widgets.VBox()
        self._sums.add_class("vr-desk-sums")
        self._body = widgets.VBox()
        self._output = widgets.Output()
        self.panel = widgets.VBox([self._steps, self._message, self._output, self._body])
        self.panel.add_class("vippsrecon")
        self.panel.add_class("vippsrecon-desk")

    def _make_choice(self) -> ChooseView:
        """Return what can be chosen for the current operation; an earlier choice is kept."""
        verb, result = self._case.verb, self._reconciliation
        if verb not in self._choices:
            findings = [] if result is None else list_findings(result, verb)
            self._choices[verb] = ChooseView(findings, verb)
        return self._choices[verb]

    def _choose_operation(self, change: dict[str, Any]) -> None:
        """Show the proposals of another operation. A plan that is on the desk keeps its own."""
        self._case.verb = change["new"]
        self.choice = self._make_choice()
        if self.step == "choose":
            self._show("choose")
            self._say("")

    @property
    def plan(self) -> Plan | None:
        """The plan on the desk; None before one is made or opened."""
        return self._case.plan

    @property
    def message(self) -> str:
        """The HTML of the last message; "" if there is none."""
        return str(self._message.value)

    def __repr__(self) -> str:
        plan = "no plan" if self.plan is None else repr(self.plan)
        return f"<RefundDesk, step {self.step!r}, {plan}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.panel._repr_mimebundle_(**options)

    def close(self) -> None:
        """Stop looking for the approval, and remove the panel."""
        self._stop_watching()
        self.panel.close()

    def _find_earlier_plan(self) -> None:
        """Show the plan in the file: what was begun is continued first, other plans are offered."""
        try:
            plan = self._case.read_file()
            if plan is None:
                self._say("" if self._reconciliation else say("desk.no_result"))
            elif self._case.was_begun(plan):
                self._case.plan = plan
                self._show_standing()
            else:
                self._body.children = [make_line(self.open_plan), *self._body.children]
                self._say(texts.explain_earlier_plan(plan, self._case.plan_file.name))
        except VippsReconError as error:
            self._say(say("desk.unusable_file", error=str(error)), is_error=True)

    def _make_plan(self) -> None:
        if self.step != "choose" or self._reconciliation is None:
            return
        amounts, wrong = self.choice.read_amounts()
        if wrong or not amounts:
            self._say(texts.explain_choice(wrong, self._case.verb), is_error=True)
            return
        source = replace_amounts(self._reconciliation, self.choice.findings, amounts)

        def plan_and_check() -> None:
            self._case.make_plan(source, list(amounts))
            self._check()

        self._work(self.make_plan, say("desk.checking"), plan_and_check)

    def _open_plan(self) -> None:
        if self.step != "choose":
            return

        def read_and_check() -> None:
            self._case.plan = self._case.read_file()
            if self._case.plan is None:
                raise PlanError(say("desk.other_file", name=self._case.plan_file.name))
            self._check()

        self._work(self.open_plan, say("desk.checking"), read_and_check)

    def _check(self) -> None:
        """Show the plan and the dry run, then wait for the approval."""
        self._show("check")
        plan = self._case.get_plan()
        self._plan.value = render_heading(say("desk.plan_title")) + plan._repr_html_()
        run = self._case.dry_run()
        self._checked.value = render_heading(say("desk.dry_run_title")) + run._repr_html_()
        self._show("approve")
        self._say("")

    def _show_standing(self) -> None:
        """Show a begun plan as the journal has it: its outcomes, or what is still open."""
        plan, self.run = self._case.get_plan(), self._case.read_standing()
        self._plan.value = render_heading(say("desk.plan_title")) + plan._repr_html_()
        self._checked.value = (
            render_heading(say("desk.standing_title"))
            + render_notice(say("desk.begun"))
            + self.run._repr_html_()
        )
        self._show("outcomes" if is_finished(self.run) else "approve")

    def _look_for_approval(self) -> None:
        if self.step != "approve":
            return
        try:
            approval = self._case.find_approval()
        except PlanError as error:
            reason = str(error).removesuffix(" Nothing was sent")
            self._say(say("desk.waiting", reason=reason))
            return
        except VippsReconError as error:
            self._say(str(error), is_error=True)
            return
        self._stop_watching()
        self._show("send")
        sentence = texts.describe_approval(approval)
        if is_same_person(approval.approver, self._case.get_plan().planner):
            sentence += " " + say("desk.own_approval")
        elif approval.os_account == detect_account():
            sentence += " " + say("desk.same_account")
        self._say(sentence)

    def _send(self) -> None:
        if self.step != "send":
            return
        totals = self._case.get_plan().totals
        for currency, minor in totals.items():
            if not self.confirm[currency].value.strip():
                self._say(texts.explain_missing_sum(minor, currency), is_error=True)
                return
        confirmed = [field.value for field in self.confirm.values()]

        def send() -> None:
            self.run = self._case.send(confirmed)
            self._checked.value = self.run._repr_html_()
            self._show("outcomes")
            self._say("")

        self._work(self.send, say("desk.sending"), send)

    def _continue(self) -> None:
        """After a run that left rows open: look for the approval again, then send again."""
        if self.step == "outcomes":
            self._show("approve")
            self._look_for_approval()

    def _go_back(self) -> None:
        if self.step in ("check", "approve", "send", "outcomes"):
            self._stop_watching()
            if self.step == "outcomes" and self._case.get_plan().verb in self._choices:
                self._choices[self._case.get_plan().verb].forget_choice()
            self._case.plan = None
            self._show("choose")
            self._say("")

    def _work(self, button: Any, doing: str, work: Callable[[], None]) -> None:
        """Do something that takes long; its bar is below the message, an error is a sentence."""
        button.disabled = True
        self._say(doing)
        self._output.outputs = ()
        try:
            with self._output:
                self._try(work)
        finally:
            button.disabled = False

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except VippsReconError as error:
            if self.step == "check":  # there is a plan, but it could not be checked
                self._case.plan = None
                self._show("choose")
            refused = error.refused if isinstance(error, NothingToPlanError) else ()
            details = [reject.describe() for reject in refused][:MAX_REFUSED_SHOWN]
            self._say(f"{str(error).rstrip('.')}.", details, is_error=True)
        except KeyboardInterrupt:
            self._say(say("desk.interrupted"), is_error=True)

    def _say(self, text: str, details: Sequence[str] = (), *, is_error: bool = False) -> None:
        self._message.value = render_message(text, details, is_error=is_error)

    def _show(self, step: str) -> None:
        self.step = step
        verb = self._case.verb if self.plan is None else self.plan.verb
        self._steps.value = render_steps(step, verb)
        parts: list[Any] = [self._plan, self._checked]
        if step == "choose":
            choice = [make_line(self.operation), self.choice.box, make_line(self.make_plan)]
            parts = choice if self._reconciliation else []
        elif step == "approve":
            plan = self._case.get_plan()
            self._approval.value = render_heading(say("desk.approval_title")) + render_approval(
                plan, self._case.plan_file.resolve(), self._folder, self._case.store.url_masked
            )
            parts += [self._approval, make_line(self.look, self.back)]
            self._start_watching()
        elif step == "send":
            self._make_fields()
            parts += [self._sums, make_line(self.send, self.back)]
        elif step == "outcomes":
            unfinished = self.run is not None and not is_finished(self.run)
            buttons = [self.again, self.choose_again] if unfinished else [self.choose_again]
            parts = [self._checked, make_line(*(buttons if self._reconciliation else buttons[:-1]))]
        self._body.children = parts

    def _make_fields(self) -> None:
        self.confirm = {
            currency: widgets.Text(description=texts.name_sum(minor, currency))
            for currency, minor in self._case.get_plan().totals.items()
        }
        rule = widgets.HTML(
            render_heading(say("desk.send_title")) + render_notice(say("desk.send_rule"))
        )
        self._sums.children = [rule, *self.confirm.values()]

    def _start_watching(self) -> None:
        """Look for the approval again and again, if the kernel has a loop for it."""
        self._stop_watching()
        try:
            self._watch = asyncio.get_running_loop().create_task(self._watch_for_approval())
        except RuntimeError:
            self._watch = None

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _watch_for_approval(self) -> None:
        while self.step == "approve":
            self._look_for_approval()
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
