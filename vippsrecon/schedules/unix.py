"""A line for cron; a service and a timer for systemd."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vippsrecon.schedules.job import DAY_OF_MONTH, HOUR, MINUTE

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job

UNIT_NAME = "vippsrecon"


def format_cron(job: Job) -> str:
    """Return the lines of a crontab. Standard output goes to a log; cron mails standard error.

    Source: crontab(5): an unescaped percent sign ends the command, also within quotes.
    """
    command = (
        f"cd {shlex.quote(job.folder)} && {shlex.join([*job.program, *job.arguments])} "
        f">> {UNIT_NAME}.log"
    )
    return "\n".join(
        [
            "# Add these lines with crontab -e, with your own address.",
            "# Exit code 1 (discrepancies) and 2 (could not finish) print a line that cron mails.",
            "MAILTO=finance@example.com",
            f"{job.cron_fields} {command.replace('%', chr(92) + '%')}",
        ]
    )


def format_systemd(job: Job) -> str:
    """Return a service and a timer, each after a line with its name.

    Exit code 1, discrepancies, is a success of the service. A start that was missed is made up for.
    Sources: systemd.service(5), systemd.timer(5), systemd.syntax(7).
    """
    every = "month" if job.monthly else "day"
    day = f"{DAY_OF_MONTH:02}" if job.monthly else "*"
    command = " ".join(map(_quote_word, [*job.program, *job.arguments]))
    service = [
        f"# /etc/systemd/system/{UNIT_NAME}.service",
        "[Unit]",
        f"Description=Reconcile with Vipps MobilePay, every {every}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={_escape_specifiers(job.user)}",
        f"WorkingDirectory={_escape_specifiers(job.folder)}",
        f"ExecStart={command}",
        "SuccessExitStatus=1",
        "NoNewPrivileges=true",
        "PrivateTmp=true",
    ]
    timer = [
        f"# /etc/systemd/system/{UNIT_NAME}.timer",
        "[Unit]",
        f"Description=Reconcile every {every}",
        "",
        "[Timer]",
        f"OnCalendar=*-*-{day} {HOUR:02}:{MINUTE:02}:00",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    start = f"# Then: systemctl daemon-reload && systemctl enable --now {UNIT_NAME}.timer"
    return "\n".join([*service, "", *timer, "", start])


def _quote_word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_escape_specifiers(escaped)}"'


def _escape_specifiers(text: str) -> str:
    return text.replace("%", "%%")
