"""A line for cron; a service and a timer for systemd."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vippsrecon.schedules.job import DAY_OF_MONTH, HOUR, MINUTE

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job

UNIT_MARK = "# Written by vippsrecon schedule."
"""The first words of a unit that this program wrote, and may replace."""


def format_cron(job: Job) -> str:
    """Return the lines of a crontab. Standard output goes to a log; cron mails standard error."""
    return "\n".join(
        [
            "# Add these lines with crontab -e, with your own address.",
            "# Exit code 1 (discrepancies) and 2 (could not finish) print a line that cron mails.",
            "MAILTO=finance@example.com",
            format_cron_line(job),
        ]
    )


def format_cron_line(job: Job) -> str:
    """Return the line of a crontab that runs a job.

    Source: crontab(5): an unescaped percent sign ends the command, also within quotes.
    """
    command = (
        f"cd {shlex.quote(job.folder)} && {shlex.join([*job.program, *job.arguments])} "
        f">> {job.name}.log"
    )
    return f"{job.cron_fields} {command.replace('%', chr(92) + '%')}"


def format_systemd(job: Job) -> str:
    """Return a service and a timer, each after a line with its name."""
    units = [
        f"# /etc/systemd/system/{name}\n{text}"
        for name, text in format_units(job, own=False).items()
    ]
    start = f"# Then: systemctl daemon-reload && systemctl enable --now {job.name}.timer"
    return "\n".join([*units, start])


def format_units(job: Job, *, own: bool) -> dict[str, str]:
    """Return a service and a timer, by the names of their files.

    Exit code 1, discrepancies, is a success of the service. A start that was missed is made up for.
    Sources: systemd.service(5), systemd.timer(5), systemd.syntax(7).

    Args:
        job: What is run, and when.
        own: For the user's own manager, which knows neither other accounts nor the network.
    """
    every = "month" if job.monthly else "day"
    day = f"{DAY_OF_MONTH:02}" if job.monthly else "*"
    command = " ".join(map(_quote_word, [*job.program, *job.arguments]))
    network = ["Wants=network-online.target", "After=network-online.target"]
    service = [
        f"{UNIT_MARK} schedule --install replaces it.",
        "[Unit]",
        f"Description=Reconcile with Vipps MobilePay, every {every}",
        *([] if own else network),
        "",
        "[Service]",
        "Type=oneshot",
        *([] if own else [f"User={_escape_specifiers(job.user)}"]),
        f"WorkingDirectory={_escape_specifiers(job.folder)}",
        f"ExecStart={command}",
        "# Exit code 1: the run finished and found discrepancies, which its last line in the journal",
        "# states. 2 and above: it could not finish, and the unit fails (OnFailure= starts another).",
        "SuccessExitStatus=1",
        "NoNewPrivileges=true",
        "PrivateTmp=true",
        "",
    ]
    timer = [
        f"{UNIT_MARK} schedule --install replaces it.",
        "[Unit]",
        f"Description=Reconcile every {every}",
        "",
        "[Timer]",
        f"OnCalendar=*-*-{day} {HOUR:02}:{MINUTE:02}:00",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ]
    return {f"{job.name}.service": "\n".join(service), f"{job.name}.timer": "\n".join(timer)}


def _quote_word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_escape_specifiers(escaped)}"'


def _escape_specifiers(text: str) -> str:
    return text.replace("%", "%%")
