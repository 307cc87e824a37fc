"""Write a service and a timer of the user's own systemd manager, and start the timer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.errors import OutputError
from vippsrecon.output_files import atomic_file
from vippsrecon.schedules.install.change import Change, describe_failure, run_program
from vippsrecon.schedules.unix import UNIT_MARK, format_units

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job


def plan_installation(job: Job) -> Change | None:
    """Return the change that writes the units of a job and starts its timer.

    None if both files are there as they would be written and the timer is enabled.

    Raises:
        OutputError: A file of this name is not of this program.
    """
    units = {find_unit_folder() / name: text for name, text in format_units(job, own=True).items()}
    _refuse_other_units(units)
    timer = f"{job.name}.timer"
    changed = {
        path: text
        for path, text in units.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    if not changed and _is_enabled(timer):
        return None

    def make() -> tuple[str, ...]:
        find_unit_folder().mkdir(parents=True, exist_ok=True)
        for path, text in changed.items():
            path.unlink(missing_ok=True)
            with atomic_file(path, "unit of systemd") as temporary:
                temporary.write_text(text, encoding="utf-8")
        written = tuple(f"wrote {path}" for path in changed)
        _run_systemctl(["daemon-reload"], ["enable", "--now", timer], done=written)
        return (
            *written,
            f"The timer {timer} is enabled and started.",
            "It runs while you are logged in. To run it always: loginctl enable-linger",
        )

    lines = [line for path, text in changed.items() for line in (f"+ {path}", *_indent(text))]
    return Change((*lines, f"+ systemctl --user enable --now {timer}"), make)


def plan_removal(name: str) -> Change | None:
    """Return the change that stops the timer of a job and deletes its units; None without any.

    Raises:
        OutputError: A file of this name is not of this program.
    """
    timer = f"{name}.timer"
    paths = [find_unit_folder() / unit for unit in (f"{name}.service", timer)]
    there = [path for path in paths if path.exists()]
    _refuse_other_units(there)
    if not there:
        return None

    def make() -> tuple[str, ...]:
        # First the timer: a deleted unit that still runs could no longer be named.
        _run_systemctl(["disable", "--now", timer], done=())
        for path in there:
            path.unlink(missing_ok=True)
        deleted = tuple(f"deleted {path}" for path in there)
        _run_systemctl(["daemon-reload"], done=deleted)
        return (f"The timer {timer} is stopped.", *deleted)

    return Change(
        (f"- systemctl --user disable --now {timer}", *(f"- {path}" for path in there)), make
    )


def find_unit_folder() -> Path:
    """Return the folder of the user's own units. Source: systemd.unit(5)."""
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "systemd" / "user"


def _refuse_other_units(paths: dict[Path, str] | list[Path]) -> None:
    for path in paths:
        if path.exists() and UNIT_MARK not in path.read_text(encoding="utf-8", errors="replace"):
            raise OutputError(
                f"{path} was not written by vippsrecon schedule. Choose another name with --name."
            )


def _is_enabled(timer: str) -> bool:
    try:
        done = run_program(["systemctl", "--user", "is-enabled", timer])
    except OutputError:
        return False
    return done.returncode == 0


def _run_systemctl(*commands: list[str], done: tuple[str, ...]) -> None:
    """Run commands of the user's manager; name those that are left to do if it does not answer."""
    for number, command in enumerate(commands):
        left = " && ".join(" ".join(["systemctl --user", *each]) for each in commands[number:])
        before = f"{'; '.join(done)}. " if done else ""
        try:
            result = run_program(["systemctl", "--user", *command])
        except OutputError as error:
            raise OutputError(
                f"{before}The timer is not changed: {error} Then run: {left}"
            ) from None
        if result.returncode:
            raise OutputError(
                f"{before}The timer is not changed: {describe_failure(result)}. As this user, logged "
                f"in, run: {left}"
            )


def _indent(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
