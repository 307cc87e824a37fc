"""Whether the process that took a plan still runs, where that can be told.

A process id alone proves nothing: it is used again, after a restart of the machine and in
every container. So a process is named by its machine's boot, its process id namespace and the
moment it started, as Linux tells them. Elsewhere nothing is told and the lease decides.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC_FOLDER = Path("/proc")
_DEAD_STATES = ("Z", "X")
"""A zombie is dead, and only not yet asked for by its parent. Source: proc(5)"""


def identify_process(pid: int | None = None) -> str:
    """Return what names a running process for good; "" where that cannot be told.

    Args:
        pid: The process; None: this one.

    >>> identify_process() == identify_process(os.getpid())
    True
    >>> identify_process(2**22 + 1)
    ''
    """
    seen = _read_state_and_start(pid or os.getpid())
    if seen is None or seen[0] in _DEAD_STATES:
        return ""
    try:
        boot = (_PROC_FOLDER / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC_FOLDER / "self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{boot}/{namespace}/{seen[1]}"


def has_process_ended(pid: int, started: str) -> bool:
    """Whether a process is known to have ended. False also where it cannot be told.

    Args:
        pid: Its id.
        started: What `identify_process` said in it.
    """
    place, _, start = started.rpartition("/")
    here, _, _ = identify_process().rpartition("/")
    if not place or place != here:
        return False  # another machine of that name, another container, or before a restart
    seen = _read_state_and_start(pid)
    if seen is None:
        return not _process_exists(pid)
    return seen[0] in _DEAD_STATES or seen[1] != start


def _read_state_and_start(pid: int) -> tuple[str, str] | None:
    try:
        stat = (_PROC_FOLDER / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold spaces and brackets.
    fields = stat[stat.rindex(")") + 2 :].split()
    return fields[0], fields[19]  # proc(5): fields 3 and 22


def _process_exists(pid: int) -> bool:
    """Whether there is such a process, of another user perhaps, whom /proc may hide."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
