"""What every command shares: errors as one sentence, options with several files, the log."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from vippsrecon.errors import VippsReconError, printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILURE_EXIT_CODE = 2

_PERMISSION_DENIED = (
    "Permission denied. Close the file if it is open in Excel, or check that you may write to "
    "this folder."
)
RESUMABLE_COMMANDS = ("fetch", "reconcile", "carry-out")
MULTI_FILE_OPTIONS = ("--orders", "--references", "--earlier", "--settlement", "--bank")
"""Options of `reconcile` that take one path or several, as a shell expands `*.csv`."""


class ErrorReportingGroup(TyperGroup):
    """Turns any error that stops a command into one sentence on standard error and exit code 2."""

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Read the arguments. `--help` and `--version` print here, which can fail too."""
        try:
            return super().make_context(*args, **settings)
        except OSError as error:
            stop_printing()
            print_error(format_error(error))
        raise typer.Exit(FAILURE_EXIT_CODE)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Its errors are caught here and nowhere else."""
        try:
            return super().invoke(ctx)
        except (VippsReconError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                stop_printing()
            print_error(format_error(error))
        except KeyboardInterrupt as stop:
            print_error(_describe_interrupt(ctx.invoked_subcommand, stop))
        except MemoryError:
            print_error("Not enough memory. Run it again with fewer orders at a time.")
        except BaseException as error:  # a Polars panic is not an Exception
            if sentence := _format_usage_error(error):
                print_error(sentence)
                raise typer.Exit(FAILURE_EXIT_CODE) from None
            # Typer ends a command with exceptions of its own, which carry an exit code.
            if hasattr(error, "exit_code") or isinstance(error, (typer.Abort, SystemExit)):
                raise
            print_failure(error)
        raise typer.Exit(FAILURE_EXIT_CODE)


def _describe_interrupt(command: str | None, stop: KeyboardInterrupt) -> str:
    """Say what Ctrl-C left behind: only some commands save their progress."""
    notes = getattr(stop, "__notes__", ())
    if notes:
        return f"Stopped. Progress is saved, but {'; '.join(notes)}."
    if command in RESUMABLE_COMMANDS:
        return "Stopped. Progress is saved; run the same command again to continue."
    return "Stopped before its end; run the same command again to continue."


class MultiFileCommand(TyperCommand):
    """Lets several files follow one option: `--orders a.csv b.csv` is `--orders a.csv --orders b.csv`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each file that follows it."""
        return super().parse_args(ctx, repeat_options(args, MULTI_FILE_OPTIONS))


def repeat_options(args: Sequence[str], names: Sequence[str]) -> list[str]:
    """Repeat each of these options before every value that follows it.

    >>> repeat_options(["--orders", "a.csv", "b.csv", "--out", "r.xlsx"], ("--orders",))
    ['--orders', 'a.csv', '--orders', 'b.csv', '--out', 'r.xlsx']
    """
    repeated: list[str] = []
    current, values = "", 0
    for argument in args:
        if argument.startswith("-"):
            current, values = (argument if argument in names else ""), 0
        elif current:
            if values:
                repeated.append(current)
            values += 1
        repeated.append(argument)
    return repeated


def configure_logging(level: str) -> None:
    """Write the log to standard error from this level up; without a level, warnings only."""
    handler = logging.StreamHandler(sys.stderr)
    if not level:
        handler.setFormatter(_PrintableFormatter("warning: %(message)s"))
        logging.basicConfig(level="WARNING", handlers=[handler])
        return
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise typer.BadParameter(f"{level!r} is not a log level. Use DEBUG, INFO or WARNING.")
    handler.setFormatter(_PrintableFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=number, handlers=[handler])


class _PrintableFormatter(logging.Formatter):
    """Writes each message as `printable` text: it may hold the name of a file."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        record.message = printable(record.message)
        return super().formatMessage(record)


def print_failure(error: BaseException, before: str = "") -> None:
    """Print why work stopped: one sentence, or what a fault in this package is reported with.

    Args:
        error: What stopped it.
        before: What the sentence begins with, such as the period that could not be reconciled.
    """
    if not isinstance(error, (VippsReconError, OSError)) and not _format_name_error(error):
        traceback.print_exception(error, file=sys.stderr)
    print_error(before + describe_failure(error))


def describe_failure(error: BaseException) -> str:
    """Return why work stopped, in one sentence."""
    if isinstance(error, (VippsReconError, OSError)):
        return format_error(error)
    return _format_name_error(error) or (
        "This is a fault in vippsrecon, not in your data. Please report it with the lines above."
    )


def print_error(sentence: str) -> None:
    """Print a sentence on standard error."""
    _print_to_stderr(f"vippsrecon: {sentence}")


def print_warning(sentence: str) -> None:
    """Print a warning on standard error, without the program's name before it."""
    _print_to_stderr(sentence)


def _print_to_stderr(sentence: str) -> None:
    # If standard error is closed or its disk is full, the exit code still reports the error.
    try:
        print(printable_line(sentence), file=sys.stderr, flush=True)
    except OSError:
        stop_printing(sys.stderr)


def stop_printing(stream: TextIO | None = None) -> None:
    """Print nothing more to standard output (or `stream`), whose reader is gone or whose disk is full.

    Otherwise Python tries to print the rest when it ends, and fails once more.
    """
    stream = stream or sys.stdout
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def prepare_output() -> None:
    """Make sure that printing cannot fail because of the terminal.

    A stream that was closed before the start discards what is printed: Python has none for it, and
    the next file that is opened would take its place. A character that the terminal's encoding
    lacks is printed as an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def format_error(error: VippsReconError | OSError) -> str:
    """Return the error as one sentence, with the notes that were added to it."""
    message = _describe_os_error(error) if isinstance(error, OSError) else str(error)
    return "; ".join([message, *getattr(error, "__notes__", ())])


def _format_usage_error(error: BaseException) -> str:
    """Return a usage error as one sentence, in place of Typer's usage lines; "" for any other."""
    # Recognised by its attributes: Typer may contain its own copy of the click classes.
    message, context = getattr(error, "format_message", None), getattr(error, "ctx", None)
    if message is None or context is None:
        return ""
    sentence = message().replace("Value error, ", "")  # the text of a library
    without_option = "unexpected extra argument" in sentence or "'--orders'" in sentence
    if context.info_name == "reconcile" and without_option:
        sentence = f"{sentence.removesuffix('.')}. Write the order exports after --orders: reconcile --orders orders.csv"
    return f"{sentence} (see {context.command_path} --help)"


def _format_name_error(error: BaseException) -> str:
    """Return a sentence for a name whose bytes are not text, such as one from an old archive.

    Python reads such a name, but no library can write it. "" for any other error.
    """
    if not isinstance(error, UnicodeEncodeError) or "\n" in error.object:
        return ""
    return (
        f"{printable(error.object[:300])}: this name contains a byte that is not valid text. "
        "Rename the file or folder."
    )


def _describe_os_error(error: OSError) -> str:
    """Describe an error of the operating system in words an accountant knows.

    >>> _describe_os_error(OSError(28, "No space left on device", "/dev/full"))
    '/dev/full: the disk is full; free some space and run it again'
    """
    import errno

    if isinstance(error, BrokenPipeError):
        return "The program that read the output has ended, so it is not complete."
    prefix = f"{error.filename}: " if error.filename else ""
    messages = {
        errno.ENOSPC: "the disk is full; free some space and run it again",
        errno.EDQUOT: "your share of the disk is full; free some space and run it again",
        errno.EFBIG: "the file may not grow this large here; free some space and run it again",
        errno.EACCES: _PERMISSION_DENIED,
        errno.EPERM: _PERMISSION_DENIED,
        errno.EROFS: "this disk is read-only; name another place with --out",
        errno.EEXIST: "this is a file, but a folder is needed; name another",
        errno.ENOENT: "there is no such file or folder",
        errno.EISDIR: "this is a folder, but a file is needed",
        errno.ENOTDIR: "part of this path is a file, not a folder",
        errno.EADDRINUSE: "this port is in use; name another with --port",
    }
    return prefix + messages.get(error.errno or 0, error.strerror or str(error))
