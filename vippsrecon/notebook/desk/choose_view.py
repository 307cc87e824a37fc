"""The first step of the desk: filters, one line for each discrepancy, and the sum of what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from vippsrecon.display.amounts import AmountFormat
from vippsrecon.errors import InputError
from vippsrecon.notebook.desk import texts
from vippsrecon.notebook.desk.choice import (
    Filters,
    Finding,
    check_amount,
    filter_findings,
    format_typed,
    sum_amounts,
)
from vippsrecon.schemas import SEVERITIES
from vippsrecon.texts import keep_language, list_section, say

ROWS_ON_A_PAGE = 15


class ChooseView:
    """Filters and rows. The choice stays when a filter hides a chosen row.

    Args:
        findings: The discrepancies, worst first.
        verb: The operation of the desk.

    Attributes:
        box: The widgets.
        findings: The discrepancies, worst first.
        chosen: Ids of the chosen discrepancies, in the order in which they were chosen.
    """

    def __init__(self, findings: Sequence[Finding], verb: str = "refund") -> None:
        self._verb = verb
        self.findings = tuple(findings)
        self._findings = {finding.discrepancy_id: finding for finding in findings}
        self._typed: dict[str, str] = {}
        self._first = 0
        self._amount_format = AmountFormat({finding.currency for finding in findings})
        self.chosen: dict[str, None] = {}
        found = list(self._findings.values())
        kinds = sorted({finding.kind for finding in found})
        severities = [name for name in SEVERITIES if name in {each.severity for each in found}]
        msns = sorted({finding.msn for finding in found})
        self.code = _make_dropdown(say("table.code"), say("desk.all_codes"), kinds)
        self.severity = _make_dropdown(
            say("table.severity"),
            say("desk.all_severities"),
            severities,
            list_section("severities"),
        )
        self.sales_unit = _make_dropdown(say("desk.sales_unit"), say("desk.all_sales_units"), msns)
        self.search = widgets.Text(
            description=say("desk.search"), placeholder=say("desk.search_hint")
        )
        self.show_others = widgets.Checkbox(
            description=say(f"desk.{verb}.show_others"), indent=False
        )
        for control in (self.code, self.severity, self.sales_unit, self.search, self.show_others):
            control.observe(keep_language(lambda _: self._show_page(0)), "value")
        self.choose_shown = make_button(say("desk.choose_shown"), self._choose_shown)
        self.choose_none = make_button(say("desk.choose_none"), self.forget_choice)
        self.earlier = make_button(
            say("desk.earlier_page"), lambda: self._show_page(self._first - ROWS_ON_A_PAGE)
        )
        self.later = make_button(
            say("desk.later_page"), lambda: self._show_page(self._first + ROWS_ON_A_PAGE)
        )
        self._count = widgets.HTML()
        self._sum = widgets.HTML()
        self.rows = widgets.VBox()
        self.box = widgets.VBox(
            [
                make_line(self.code, self.severity, self.sales_unit, self.search),
                make_line(self.show_others),
                make_line(self._count, self.earlier, self.later, self.choose_shown,
                           self.choose_none),
                self.rows,
                self._sum,
            ]
        )  # fmt: skip
        self._show_page(0)

    def read_amounts(self) -> tuple[dict[str, int], int]:
        """Return chosen discrepancy id to amount, and how many amounts cannot be used."""
        amounts, wrong = {}, 0
        for key in self.chosen:
            try:
                amounts[key] = check_amount(self._get_typed(key), self._findings[key], self._verb)
            except InputError:
                wrong += 1
        return amounts, wrong

    def _find(self) -> list[Finding]:
        filters = Filters(
            self.code.value,
            self.severity.value,
            self.sales_unit.value,
            self.search.value,
            proposals_only=not self.show_others.value,
        )
        return filter_findings(self._findings.values(), filters)

    def _show_page(self, first: int) -> None:
        found = self._find()
        self._first = first = max(0, min(first, len(found) - 1) // ROWS_ON_A_PAGE * ROWS_ON_A_PAGE)
        page = found[first : first + ROWS_ON_A_PAGE]
        if page:
            text = texts.describe_found(len(found), first + 1, first + len(page))
        else:
            text = say("desk.nothing_found")
        self._count.value = f'<div role="status">{escape(text)}</div>'
        self.earlier.disabled = first == 0
        self.later.disabled = first + len(page) >= len(found)
        earlier_rows = self.rows.children
        self.rows.children = [self._make_row(finding) for finding in page]
        for row in earlier_rows:
            for child in row.children:
                child.close()
            row.close()
        self._show_sum()

    def _make_row(self, finding: Finding) -> Any:
        key, order = finding.discrepancy_id, finding.order_number or finding.reference
        box = widgets.Checkbox(
            value=key in self.chosen,
            description=say(f"desk.{self._verb}.choice_name", order=order, kind=finding.kind),
            indent=False,
            disabled=finding.proposed_minor is None,
        )
        details = widgets.HTML(self._describe(finding))
        details.add_class("vr-desk-details")
        row = widgets.HBox([box, details])
        row.add_class("vr-desk-row")
        if finding.proposed_minor is None:
            return row
        names = {"order": order, "kind": finding.kind, "currency": finding.currency}
        name = say(f"desk.{self._verb}.amount_name", **names)
        amount = widgets.Text(
            value=self._get_typed(key),
            description=name,
            tooltip=name,
            disabled=self._verb == "cancel",  # which releases all that is reserved
        )
        amount.add_class("vr-desk-amount")
        problem = widgets.HTML()
        problem.add_class("vr-desk-problem")

        def choose(change: dict[str, Any]) -> None:
            if change["new"]:
                self.chosen[key] = None
            else:
                self.chosen.pop(key, None)
            show_problem()

        def type_amount(change: dict[str, Any]) -> None:
            self._typed[key] = change["new"]
            show_problem()

        def show_problem() -> None:
            problem.value = self._explain(finding) if key in self.chosen else ""
            self._show_sum()

        box.observe(keep_language(choose), "value")
        amount.observe(keep_language(type_amount), "value")
        problem.value = self._explain(finding) if key in self.chosen else ""
        row.children = [box, details, amount, problem]
        return row

    def _describe(self, finding: Finding) -> str:
        facts = (
            finding.msn,
            finding.reference,
            say(f"desk.{self._verb}.no_proposal")
            if finding.proposed_minor is None
            else self._amount_format.format(finding.proposed_minor, finding.currency),
        )
        shown = " · ".join(escape(fact) for fact in facts if fact)
        severity = escape(say(f"severities.{finding.severity}"))
        return (
            f'<span class="vr-label vr-{finding.severity}">{severity}</span> '
            f"{shown}"
            f'<div class="vr-small">{escape(finding.next_step)}</div>'
        )

    def _explain(self, finding: Finding) -> str:
        try:
            check_amount(self._get_typed(finding.discrepancy_id), finding, self._verb)
        except InputError as error:
            return f'<div class="vr-notice" role="alert">{escape(str(error))}</div>'
        return ""

    def _get_typed(self, key: str) -> str:
        finding = self._findings[key]
        return self._typed.get(key, format_typed(finding.proposed_minor or 0, finding.currency))

    def _show_sum(self) -> None:
        amounts, wrong = self.read_amounts()
        sums = sum_amounts(self._findings.values(), amounts)
        text = self._amount_format.localize(
            texts.describe_choice(len(self.chosen), sums, wrong, self._verb)
        )
        self._sum.value = f'<div class="vr-title" role="status">{escape(text)}</div>'

    def _choose_shown(self) -> None:
        self.chosen |= dict.fromkeys(
            finding.discrepancy_id for finding in self._find() if finding.proposed_minor is not None
        )
        self._show_page(self._first)

    def forget_choice(self) -> None:
        """Choose no row."""
        self.chosen.clear()
        self._show_page(self._first)


def make_button(text: str, action: Callable[[], None], *, primary: bool = False) -> Any:
    """Make a button with a text, which is also its name for a screen reader.

    Its action runs in the language that is current now.
    """
    button = widgets.Button(
        description=text,
        tooltip=text,
        button_style="primary" if primary else "",
        layout=widgets.Layout(width="auto"),
    )
    button.on_click(keep_language(lambda _: action()))
    return button


def _make_dropdown(
    name: str, every: str, values: Sequence[str], words: Mapping[str, str] | None = None
) -> Any:
    """Make a list of values to choose from, shown by their words if they have them."""
    shown = [((words or {}).get(value, value), value) for value in values]
    return widgets.Dropdown(description=name, options=[(every, ""), *shown])


def make_line(*controls: Any) -> Any:
    """Put controls side by side; they wrap where the panel is narrow."""
    line = widgets.HBox(list(controls))
    line.add_class("vr-desk-line")
    return line
