"""Detect whether the process that holds a plan lock still runs.

A process id alone proves nothing: ids are reused after a restart and in every container. So a
process is identified by the machine's boot id, its process id namespace and its start time, which
Linux provides. On other systems the process cannot be identified, and the lease decides.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC_FOLDER = Path("/proc")
_DEAD_STATES = ("Z", "X")
"""A zombie has ended; only its parent has not collected it yet. Source: proc(5)"""


def identify_process(pid: int | None = None) -> str:
    """Return a text that identifies a running process uniquely; "" if the system does not allow it.

    Args:
        pid: The process; None: this one.

    >>> identify_process() == identify_process(os.getpid())
    True
    >>> identify_process(2**22 + 1)
    ''
    """
    state_and_start = _read_state_and_start(pid or os.getpid())
    if state_and_start is None or state_and_start[0] in _DEAD_STATES:
        return ""
    try:
        boot = (_PROC_FOLDER / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC_FOLDER / "self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{boot}/{namespace}/{state_and_start[1]}"


def has_process_ended(pid: int, started: str) -> bool:
    """Return whether a process has certainly ended; False also if that is not known.

    Args:
        pid: Its id.
        started: What `identify_process` returned in that process.
    """
    place, _, start = started.rpartition("/")
    this_host, _, _ = identify_process().rpartition("/")
    if not place or place != this_host:
        return False  # same host name, but another machine, container or boot
    state_and_start = _read_state_and_start(pid)
    if state_and_start is None:
        return not _process_exists(pid)
    return state_and_start[0] in _DEAD_STATES or state_and_start[1] != start


def _read_state_and_start(pid: int) -> tuple[str, str] | None:
    try:
        stat = (_PROC_FOLDER / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold spaces and brackets.
    fields = stat[stat.rindex(")") + 2 :].split()
    return fields[0], fields[19]  # proc(5): fields 3 and 22


def _process_exists(pid: int) -> bool:
    """Return whether the process exists; /proc may hide those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
