"""A task for the Task Scheduler of Windows, as XML."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vippsrecon.schedules.job import DAY_OF_MONTH, HOUR, MINUTE

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"


def format_windows_task(job: Job) -> str:
    """Return a task, in ASCII so that its encoding does not matter.

    A start that was missed is made up for; two runs never overlap.
    Source: Microsoft, Task Scheduler Schema ([MS-TSCH] section 2.5).
    """
    task = ET.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    _add(task, "RegistrationInfo/Description", "Reconcile orders with Vipps MobilePay")
    trigger = ET.SubElement(ET.SubElement(task, "Triggers"), "CalendarTrigger")
    _add(trigger, "StartBoundary", f"{job.next_day.isoformat()}T{HOUR:02}:{MINUTE:02}:00")
    if job.monthly:
        schedule = ET.SubElement(trigger, "ScheduleByMonth")
        _add(schedule, "DaysOfMonth/Day", str(DAY_OF_MONTH))
        months = ET.SubElement(schedule, "Months")
        for name in MONTHS:
            ET.SubElement(months, name)
    else:
        _add(trigger, "ScheduleByDay/DaysInterval", "1")
    settings = ET.SubElement(task, "Settings")
    for name, value in (
        ("MultipleInstancesPolicy", "IgnoreNew"),
        ("DisallowStartIfOnBatteries", "false"),
        ("StartWhenAvailable", "true"),
        ("RunOnlyIfNetworkAvailable", "true"),
        ("ExecutionTimeLimit", "PT4H"),
    ):
        _add(settings, name, value)
    program, *first_arguments = job.program
    action = ET.SubElement(ET.SubElement(task, "Actions"), "Exec")
    _add(action, "Command", program)
    _add(action, "Arguments", subprocess.list2cmdline([*first_arguments, *job.arguments]))
    _add(action, "WorkingDirectory", job.folder)
    ET.indent(task)
    comment = f'<!-- To install it: schtasks /Create /TN "{job.name}" /XML {job.name}.xml -->'
    return f'<?xml version="1.0"?>\n{comment}\n{ET.tostring(task, encoding="us-ascii").decode()}'


def _add(parent: ET.Element, path: str, text: str) -> None:
    """Add an element, and those on the way to it."""
    for name in path.split("/"):
        parent = ET.SubElement(parent, name)
    parent.text = text
