"""Read a large JSON file one entry at a time.

A value in memory takes up to forty times its size in the file, so a whole file of small values would
not fit. Only the list or the object at the top of the file is taken apart here; each entry of it is
decoded by itself, by Python's own decoder, and has a limit:

    [ {entry}, {entry}, … ]          read_list
    { "key": value, "key": … }       read_object, and after each key read_value, read_list or skip_value
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from vippsrecon.errors import SourceError
from vippsrecon.input_files import (
    JSON_TOO_DEEP,
    MAX_JSON_BYTES,
    NOT_JSON,
    build_json_decoder,
    check_input_file,
    describe_repeated_key,
)
from vippsrecon.money import group_thousands
from vippsrecon.sources.files.detect import FileFormat, detect_encoding

MAX_ENTRY_LENGTH = 4_000_000
"""Characters of one entry; an order of a shop has some 3,000."""

MAX_ENTRIES = 2_000_000
"""Entries of the list, or keys of the object, at the top of a file."""

_SPACE = re.compile(r"[ \t\r\n]*")


class JsonStream:
    """A JSON file, read from its beginning to its end.

    Args:
        file: The opened file.
        name: Its name, for error messages.
        decoder: Decodes an entry.
        max_length: Characters of the longest entry that is read.
    """

    def __init__(
        self,
        file: TextIO,
        name: str,
        decoder: json.JSONDecoder,
        *,
        max_length: int = MAX_ENTRY_LENGTH,
    ) -> None:
        self._file = file
        self._name = name
        self._decoder = decoder
        self._max_length = max_length
        self._text = ""
        self._place = 0
        self._at_end = False

    def peek(self) -> str:
        """Return the next character that is not white space, without reading it; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._place)
            self._place = space.end() if space else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if self._at_end:
                return ""
            self._read_on()

    def read_value(self) -> Any:
        """Read and decode the next value.

        Raises:
            SourceError: It is not JSON, is too long or nested too deeply, or has a key twice.
        """
        self.peek()
        while len(self._text) - self._place <= self._max_length and not self._at_end:
            self._read_on()
        try:
            value, end = self._decoder.raw_decode(self._text, self._place)
        except RecursionError:
            raise SourceError(JSON_TOO_DEEP, file=self._name) from None
        except SourceError:
            raise
        except ValueError:
            # Where the text in memory ends before the file does, the value may only be too long.
            problem = (
                NOT_JSON if self._at_end else f"it is not valid JSON, or {self._describe_limit()}"
            )
            raise SourceError(problem, file=self._name) from None
        if end - self._place > self._max_length:
            raise SourceError(self._describe_limit(), file=self._name)
        self._place = end
        return value

    def read_list(self) -> Iterator[Any]:
        """Read the next value, which is a list, and yield its entries.

        Raises:
            SourceError: As `read_value`, or it has too many entries.
        """
        self._take("[")
        if self._skip("]"):
            return
        for number in range(1, MAX_ENTRIES + 1):
            yield self.read_value()
            if self._skip("]"):
                return
            self._take(",")
            if number == MAX_ENTRIES:
                raise self._refuse_count()

    def read_object(self) -> Iterator[str]:
        """Read the next value, which is an object, and yield its keys.

        The caller reads or skips the value of a key before it asks for the next key.

        Raises:
            SourceError: As `read_value`, or it has too many keys, or one of them twice.
        """
        self._take("{")
        if self._skip("}"):
            return
        keys: set[str] = set()
        while True:
            key = self.read_value() if self.peek() == '"' else None
            self._take(":")
            if key in keys:
                raise SourceError(describe_repeated_key(key), file=self._name)
            keys.add(str(key))
            if len(keys) > MAX_ENTRIES:
                raise self._refuse_count()
            yield str(key)
            if self._skip("}"):
                return
            self._take(",")

    def skip_value(self) -> None:
        """Read the next value and forget it; a list may have any length."""
        if self.peek() == "[":
            for _ in self.read_list():
                pass
        else:
            self.read_value()

    def check_end(self) -> None:
        """Check that nothing follows.

        Raises:
            SourceError: Something does.
        """
        if self.peek():
            raise SourceError(NOT_JSON, file=self._name)

    def _read_on(self) -> None:
        more = self._file.read(self._max_length)
        self._text = self._text[self._place :] + more
        self._place = 0
        self._at_end = not more

    def _skip(self, character: str) -> bool:
        if self.peek() != character:
            return False
        self._place += 1
        return True

    def _take(self, character: str) -> None:
        if not self._skip(character):
            raise SourceError(NOT_JSON, file=self._name)

    def _describe_limit(self) -> str:
        return (
            f"an entry of it is longer than {group_thousands(self._max_length)} characters, which "
            "no order is"
        )

    def _refuse_count(self) -> SourceError:
        return SourceError(
            f"it holds too many values, more than {group_thousands(MAX_ENTRIES)}; export fewer days",
            file=self._name,
        )


@contextmanager
def open_json(
    path: Path,
    *,
    number: Callable[[str], Any] | None = None,
    keep: Callable[[str], bool] | None = None,
) -> Iterator[JsonStream]:
    """Open a JSON file of a shop.

    Args:
        path: The file.
        number: See `build_json_decoder`.
        keep: See `build_json_decoder`.

    Raises:
        SourceError: It cannot be opened, or is too large.
    """
    check_input_file(path, max_bytes=MAX_JSON_BYTES, advice="; export fewer days")
    with path.open(encoding=detect_encoding(path), newline="") as file:
        yield JsonStream(file, path.name, build_json_decoder(path.name, number=number, keep=keep))


def recognize_json(path: Path) -> FileFormat | None:
    """Recognise a plan; None for any other JSON, which may be orders.

    Raises:
        SourceError: It cannot be opened, or is not JSON.
    """
    lacking = {"digest", "rows"}
    with open_json(path) as stream:
        if stream.peek() != "{":
            return None
        for key in stream.read_object():
            if key == "orders":
                return None  # a plan has no such key, and the list may be long
            lacking.discard(key)
            stream.skip_value()
        stream.check_end()
    return None if lacking else FileFormat("plan", "plan")
