"""Errors that the simulator raises to its callers."""

from __future__ import annotations


class SimulatorInputError(ValueError):
    """A state line, a fault table or a setting is not valid.

    The message names the file and the line, if any, and states in one sentence what was
    expected, so that it can be shown to the user unchanged.
    """

    def __init__(self, sentence: str, *, file: str | None = None, line: int | None = None) -> None:
        self.sentence = sentence
        self.file = file
        self.line = line
        where = f"{file or 'state'} line {line}: " if line is not None else f"{file}: " * bool(file)
        super().__init__(where + sentence)


class ConnectionCut(ConnectionResetError):  # noqa: N818  (a network event, not an error)
    """The simulated network failed during a request.

    Raised only if the app is called in process, where there is no socket to cut.
    """
