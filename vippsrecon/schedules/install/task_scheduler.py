"""Give a task to the Task Scheduler of Windows with its own program, schtasks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.errors import OutputError
from vippsrecon.schedules.install.change import Change, describe_failure, run_program
from vippsrecon.schedules.windows import format_windows_task

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job


def plan_installation(job: Job) -> Change:
    """Return the change that adds or replaces the task of a job.

    Sources: Microsoft, "schtasks create" (`/XML`, `/F` replaces a task of the same name).
    """
    task = format_windows_task(job)

    def make() -> tuple[str, ...]:
        with tempfile.TemporaryDirectory(prefix="vippsrecon-") as folder:
            path = Path(folder) / f"{job.name}.xml"
            path.write_text(task, encoding="ascii")
            _run_schtasks("/Create", "/TN", job.name, "/XML", str(path), "/F")
        return (f"The task {job.name} is in the Task Scheduler.",)

    return Change(tuple(f"+ {line}" for line in task.splitlines()), make)


def plan_removal(name: str) -> Change | None:
    """Return the change that deletes the task of a job; None if there is none.

    Source: Microsoft, "schtasks query" and "schtasks delete".
    """
    if run_program(["schtasks", "/Query", "/TN", name]).returncode:
        return None

    def make() -> tuple[str, ...]:
        _run_schtasks("/Delete", "/TN", name, "/F")
        return (f"The task {name} was removed from the Task Scheduler.",)

    return Change((f"- {name}",), make)


def _run_schtasks(*arguments: str) -> None:
    done = run_program(["schtasks", *arguments])
    if done.returncode:
        raise OutputError(f"schtasks refused the change: {describe_failure(done)}")
