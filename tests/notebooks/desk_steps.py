"""Operate the refund desk as a person does: find rows, type amounts, confirm sums."""

from __future__ import annotations

import re

from vippsrecon.money import to_major

STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def list_rows(desk):
    """Return the widgets of the rows on this page: box, details, amount, problem."""
    return [row.children for row in desk.choice.rows.children]


def choose(desk, finding, amount=None):
    """Find a discrepancy by its order, choose it, and type another amount."""
    desk.choice.search.value = f"{finding.order_number} {finding.kind}"
    ((box, _, field, problem),) = list_rows(desk)
    box.value = True
    if amount is not None:
        field.value = amount
    desk.choice.search.value = ""
    return problem.value


def confirm_and_send(desk):
    """Type the plan's sums and carry out."""
    for currency, minor in desk.plan.totals.items():
        desk.confirm[currency].value = f"{to_major(minor, currency)} {currency}"
    desk.send.click()


def list_shown(desk):
    """Return the text of everything that the desk shows, without its styles."""
    parts = []

    def collect(widget):
        value = getattr(widget, "value", "")
        parts.append(STYLE.sub("", value) if isinstance(value, str) else "")
        for child in getattr(widget, "children", ()):
            collect(child)

    collect(desk.panel)
    return re.sub(r"<[^>]+>", " ", "\n".join(parts))


def list_names(desk):
    """Return the names of the buttons and fields that the desk shows."""
    names = []

    def collect(widget):
        names.append(getattr(widget, "description", ""))
        for child in getattr(widget, "children", ()):
            collect(child)

    collect(desk.panel)
    return names
