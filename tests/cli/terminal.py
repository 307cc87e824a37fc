"""A person at a terminal: start a command there, wait for a question, type an answer."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

MAX_WAIT_SECONDS = 120
"""A machine with other work needs half a minute to start a command."""


_RUN = """
import fcntl, signal, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches this process
# A shell starts tests in the background with Ctrl-C switched off, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from vippsrecon.cli import main

main()
"""


class Terminal:
    """A command whose input and output are a pseudo-terminal; close it after use.

    Args:
        arguments: The command's arguments.
        folder: Its working folder.
        environment: All of its environment variables.
    """

    def __init__(self, arguments, folder, environment):
        import pty

        self._terminal, inner = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(inner)
        self.screen = ""
        self._seen = 0

    def wait_for(self, text: str) -> None:
        """Read the screen until the text is on it, after all that was waited for before."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while (place := self.screen.find(text, self._seen)) < 0:
            assert self._read(deadline), f"{text!r} was not shown:\n{self.screen}"
        self._seen = place + len(text)

    def type(self, text: str) -> None:
        """Type a text, as fast as a paste."""
        os.write(self._terminal, text.encode())

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while self._read(deadline):
            pass
        return self._process.wait(MAX_WAIT_SECONDS)

    def shows_typing(self) -> bool:
        """Return whether the terminal shows what is typed."""
        import termios

        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def close(self) -> None:
        """End the command if it is still running."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def _read(self, deadline: float) -> bool:
        readable, _, _ = select.select(
            [self._terminal], [], [], max(0, deadline - time.monotonic())
        )
        if not readable:
            return False
        try:
            content = os.read(self._terminal, 65536)
        except OSError:  # Linux reports the end of a pseudo-terminal as an error.
            return False
        self.screen += content.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(content)
