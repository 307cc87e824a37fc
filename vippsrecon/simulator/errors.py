"""The one error the simulator raises at its callers: what they gave it cannot be used."""

from __future__ import annotations


class SimulatorInputError(ValueError):
    """A state line, a fault table or a setting is not what it has to be.

    The message names the file and the line where there is one, and says in one sentence what
    was expected, so that it can be shown as it is.
    """

    def __init__(self, sentence: str, *, file: str | None = None, line: int | None = None) -> None:
        self.sentence = sentence
        self.file = file
        self.line = line
        where = f"{file or 'state'} line {line}: " if line is not None else f"{file}: " * bool(file)
        super().__init__(where + sentence)


class ConnectionCut(ConnectionResetError):  # noqa: N818  (it is an event of the network, no error)
    """The simulated network went away in the middle of a request.

    Only seen where there is no socket to cut, that is when the app is called in process.
    """
