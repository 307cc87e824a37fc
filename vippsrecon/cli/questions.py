"""Ask a person in the terminal: one line, or several lines that are not shown.

Questions go to standard error, so that standard output holds results only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vippsrecon.errors import ConfigurationError, InputError, VippsReconError, printable

MAX_TRIES = 3
MAX_PASTED_LINES = 200
MAX_PIPED_BYTES = 64 * 1024

_Answer = TypeVar("_Answer")


def is_interactive() -> bool:
    """Return whether a person can answer: standard input is a terminal."""
    return sys.stdin.isatty()


def ask(read: Callable[[], str], parse: Callable[[str], _Answer]) -> _Answer:
    """Ask until the answer is valid, at most three times.

    Args:
        read: Prints the question and reads the answer.
        parse: Returns the answer's value, or raises a `VippsReconError` that says what is wrong.

    Raises:
        VippsReconError: The third answer is not valid either.
    """
    for tries_left in reversed(range(MAX_TRIES)):
        answer = read()
        try:
            return parse(answer)
        except VippsReconError as error:
            if not tries_left:
                raise
            _print(f"{printable(str(error))}\n")
    raise AssertionError("the last try returns or raises")


def read_line(question: str) -> str:
    """Print a question and read one line.

    Raises:
        ConfigurationError: The terminal was closed.
    """
    _print(question)
    line = sys.stdin.buffer.readline()
    if not line:
        _print("\n")
        raise ConfigurationError("The question was not answered; nothing was written.")
    return line.decode("utf-8", "replace").strip()


def read_hidden_lines(question: str, is_complete: Callable[[str], bool]) -> str:
    """Print a question and read lines that are not shown, up to an empty line.

    The empty line ends the answer only where `is_complete` holds: a copied text has empty lines too.

    Two empty lines, or Ctrl-D, end the answer in any case. What was pasted after the end is
    discarded: it could be a key, and the next question would show it.
    """
    lines: list[str] = []
    with _hidden_input() as read:
        _print(question)  # After the terminal stopped showing what is typed: a paste is fast.
        while len(lines) < MAX_PASTED_LINES and (line := read()) is not None:
            text = "\n".join(lines)
            if not line.strip() and (is_complete(text) or (lines and not lines[-1].strip())):
                break
            lines.append(line)
    _print("\n")
    return "\n".join(lines)


def read_piped_text() -> str:
    """Read what another program wrote to standard input.

    Raises:
        InputError: It is more than 64 kB.
    """
    content = sys.stdin.buffer.read(MAX_PIPED_BYTES + 1)
    if len(content) > MAX_PIPED_BYTES:
        raise InputError("Standard input has more than 64 kB. It must contain the keys only.")
    return content.decode("utf-8", "replace")


@contextmanager
def _hidden_input() -> Iterator[Callable[[], str | None]]:
    """Yield a function that reads a line which the terminal does not show; None at the end."""
    try:
        import termios
    except ImportError:  # Windows
        import getpass

        yield lambda: getpass.getpass("")
        return

    def read() -> str | None:
        line = sys.stdin.buffer.readline()
        return line.decode("utf-8", "replace").rstrip("\r\n") if line else None

    terminal = sys.stdin.fileno()
    shown = termios.tcgetattr(terminal)
    hidden = termios.tcgetattr(terminal)
    hidden[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, hidden)
    try:
        yield read
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, shown)


def _print(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
