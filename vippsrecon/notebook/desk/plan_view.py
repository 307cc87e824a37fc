"""What the desk shows of a plan on its way: the steps, the approval that is missing, messages."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.display.html import HtmlView
from vippsrecon.notebook.desk import texts
from vippsrecon.texts import list_section, say

_CURRENT = ' aria-current="step"'


def render_steps(current: str, verb: str) -> str:
    """Return the title and the steps; the current one is marked, also for a screen reader."""
    label = escape(say(f"desk.{verb}.steps_label"))
    steps = "".join(
        f'<li class="vr-desk-step"{_CURRENT * (step == current)}>{place} {escape(name)}</li>'
        for place, (step, name) in enumerate(list_section("desk.steps").items(), start=1)
    )
    view = HtmlView()
    view.add_title(say(f"desk.{verb}.title"))
    return (
        f"{view.render()}<style>{_read_stylesheet()}</style>"
        f'<ol class="vr-desk-steps" aria-label="{label}">{steps}</ol>'
    )


def render_message(text: str, details: Sequence[str] = (), *, is_error: bool) -> str:
    """Return a sentence that a screen reader reads at once, with a list below it; "" for none."""
    if not text:
        return ""
    role, tone = ("alert", "high") if is_error else ("status", "info")
    items = "".join(f"<li>{_localize(item)}</li>" for item in details)
    below = f'<ul class="vr-list">{items}</ul>' if items else ""
    return f'<div class="vr-banner vr-{tone}" role="{role}">{_localize(text)}{below}</div>'


def render_heading(text: str) -> str:
    """Return the heading of a part of the desk."""
    return f'<h4 class="vr-desk-heading">{escape(text)}</h4>'


def render_notice(text: str) -> str:
    """Return a sentence that must not be missed."""
    return f'<div class="vr-notice">{escape(text)}</div>'


def render_approval(plan: Plan, plan_file: Path, folder: Path, database: str) -> str:
    """Return what the other person needs: the command, the digest and the sums to compare.

    Args:
        plan: The plan.
        plan_file: Its file.
        folder: The folder with the settings.
        database: The workspace database, without a password.
    """
    view = HtmlView(plan.totals)
    view.add_sentence(say("desk.approval_rule"))
    command = "\n".join(format_commands(plan_file, folder))
    shown = f'<pre class="vr-desk-command"><code>{escape(command)}</code></pre>'
    facts = HtmlView(plan.totals)
    facts.add_sentence(say("desk.approval_check"))
    facts.add_code(say("plan.digest"), compute_digest(plan))
    facts.add_sentence(f"{texts.describe_plan(plan)}. {say('desk.database', url=database)}")
    return view.render() + shown + facts.render()


def format_commands(plan_file: Path, folder: Path) -> tuple[str, str]:
    """Return the two commands that the other person runs."""
    name = say("desk.no_name")
    return f"cd {_quote(folder)}", f'vippsrecon approve {_quote(plan_file)} --as "{name}"'


def _quote(path: Path) -> str:
    """Return a path as a shell takes it; no path on Windows contains a quotation mark."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))


def _localize(text: str) -> str:
    return escape(HtmlView().amounts.localize(text))


@cache
def _read_stylesheet() -> str:
    return files("vippsrecon.notebook.desk").joinpath("desk.css").read_text(encoding="utf-8")
