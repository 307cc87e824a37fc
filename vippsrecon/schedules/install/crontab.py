"""Keep one marked line in the user's crontab; all other lines stay byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.errors import OutputError
from vippsrecon.schedules.install.change import Change, describe_failure, run_program
from vippsrecon.schedules.unix import format_cron_line

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job

NO_CRONTAB = b"no crontab for"
"""What crontab prints for a user without one. Sources: cron 3.0 of Debian, cronie, the BSDs."""


def plan_installation(job: Job) -> Change | None:
    """Return the change that adds or replaces the line of a job; None if it is there already.

    Raises:
        OutputError: The crontab cannot be read.
    """
    line = f"{format_cron_line(job)}{_mark(job.name)}"
    return _plan(job.name, line)


def plan_removal(name: str) -> Change | None:
    """Return the change that deletes the line of a job; None if there is none.

    Raises:
        OutputError: The crontab cannot be read.
    """
    return _plan(name, None)


def _plan(name: str, line: str | None) -> Change | None:
    before = _read_crontab()
    wanted = [] if line is None else [line.encode()]
    mark = _mark(name).encode()
    lines = before.splitlines(keepends=True)
    own = [old.rstrip(b"\r\n") for old in lines if _is_marked(old, mark)]
    if own == wanted:
        return None
    after = b"".join(old for old in lines if not _is_marked(old, mark))
    if after and not after.endswith(b"\n"):
        after += b"\n"
    after += b"".join(new + b"\n" for new in wanted)

    def make() -> tuple[str, ...]:
        done = run_program(["crontab", "-"], after)
        if done.returncode:
            raise OutputError(f"crontab refused the change: {describe_failure(done)}")
        if _read_crontab() != after:
            raise OutputError("The crontab is not what was written. Look at it with crontab -l.")
        return (_describe(len(own), len(wanted), len(lines) - len(own)),)

    return Change(
        (
            *(f"- {old.decode('utf-8', 'replace')}" for old in own),
            *(f"+ {new.decode()}" for new in wanted),
        ),
        make,
    )


def _describe(deleted: int, added: int, others: int) -> str:
    verb = "replaced" if deleted and added else "added" if added else "removed"
    kept = "no other line is in it" if not others else f"the {others} other lines are unchanged"
    kept = "the other line is unchanged" if others == 1 else kept
    return f"The job was {verb} in your crontab; {kept}."


def _mark(name: str) -> str:
    # To the shell that cron starts, it is a comment.
    return f" # vippsrecon schedule {name}"


def _is_marked(line: bytes, mark: bytes) -> bool:
    return line.rstrip().endswith(mark) and not line.lstrip().startswith(b"#")


def _read_crontab() -> bytes:
    done = run_program(["crontab", "-l"])
    if done.returncode == 0:
        return done.stdout
    if NO_CRONTAB in done.stderr:
        return b""
    # An unread crontab must not be replaced by one line.
    raise OutputError(f"Your crontab could not be read: {describe_failure(done)}")
