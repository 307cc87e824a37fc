"""Whether the process that took a plan still runs, where that can be told.

A process id alone proves nothing: it is used again, after a restart of the machine and in
every container. So a process is named by its machine's boot, its process id namespace and the
moment it started, as Linux tells them. Elsewhere nothing is told and the lease decides.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def started_of(pid: int | None = None) -> str:
    """Return what names a running process for good; "" where that cannot be told.

    Args:
        pid: The process; None: this one.

    >>> started_of() == started_of(os.getpid())
    True
    >>> started_of(2**22 + 1)
    ''
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").readlink().name
        stat = (_PROC / str(pid or os.getpid()) / "stat").read_text()
    except OSError:
        return ""
    # The second field is the program's name in brackets and may hold spaces and brackets.
    fields = stat[stat.rindex(")") + 2 :].split()
    state, started = fields[0], fields[19]  # proc(5): fields 3 and 22
    if state in ("Z", "X"):
        return ""  # dead, and only not yet asked for by its parent
    return f"{boot}/{namespace}/{started}"


def is_gone(pid: int, started: str) -> bool:
    """Whether a process is known to have ended. False also where it cannot be told.

    Args:
        pid: Its id.
        started: What `started_of` said in it.
    """
    place = started.rpartition("/")[0]
    here = started_of().rpartition("/")[0]
    if not place or place != here:
        return False  # another machine of that name, another container, or before a restart
    return started_of(pid) != started
