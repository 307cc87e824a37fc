"""Open the files the program reads: ordinary files only, size first, JSON and TOML in bounds.

Every input goes through `check_input_file`: exports, lists, mappings, settings, plans, and what a
fetch stored. Reading a pipe or a device would never end, and a settings file that is a link to a
missing file would silently have no effect. So all of these are refused, and the message names the
file.
"""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vippsrecon.errors import SourceError

MAX_INPUT_FILE_BYTES = 512 * 1024 * 1024
MAX_JSON_BYTES = 128 * 1024 * 1024
MAX_SMALL_FILE_BYTES = 4 * 1024 * 1024
"""Settings, mappings and the facts of a fetch are written by hand or hold a few lines."""

MAX_TOML_DOTS = 200
"""Dots in one line of a TOML file: each may nest a table in another."""

JSON_TOO_DEEP = "it is nested too deeply"
NOT_JSON = "it is not valid JSON; is the file cut off?"


def check_input_file(
    path: Path, *, max_bytes: int = MAX_INPUT_FILE_BYTES, advice: str = ""
) -> os.stat_result:
    """Check that a file can be opened safely, and return what the system says of it.

    Args:
        path: The file. A link is followed.
        max_bytes: The largest size that is read.
        advice: What to do where the file is larger.

    Raises:
        SourceError: It is missing, not an ordinary file, too large, or may not be opened.
    """
    name = path.name or str(path)
    try:
        about = path.stat()
        _check_kind(about, name)
        if about.st_size > max_bytes:
            largest = f"{max_bytes // 1024**2} MB"
            raise SourceError(f"the file is larger than {largest}{advice}", file=name)
        with path.open("rb"):
            return about
    except FileNotFoundError:
        if path.is_symlink():
            raise SourceError(
                "this is a link to a file that does not exist; remove it or make the file",
                file=name,
            ) from None
        raise SourceError("there is no such file", file=name) from None
    except SourceError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise SourceError(f"the file cannot be opened ({reason})", file=name) from None


def is_present(path: Path) -> bool:
    """Return whether anything has this name, even a link to a file that does not exist."""
    return os.path.lexists(path)


def read_input_bytes(
    path: Path, *, max_bytes: int = MAX_INPUT_FILE_BYTES, advice: str = ""
) -> bytes:
    """Read a whole file after `check_input_file`.

    Raises:
        SourceError: As `check_input_file`, or the file grew while it was read.
    """
    check_input_file(path, max_bytes=max_bytes, advice=advice)
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", file=path.name) from None
    if len(content) > max_bytes:
        raise SourceError(f"the file is larger than {max_bytes // 1024**2} MB", file=path.name)
    return content


def read_small_text(path: Path) -> str:
    """Read a small UTF-8 text file, with or without a byte order mark.

    Raises:
        SourceError: As `read_input_bytes`, or it is not UTF-8 text.
    """
    try:
        return read_input_bytes(path, max_bytes=MAX_SMALL_FILE_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError("the file is not UTF-8 text; save it as UTF-8", file=path.name) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        SourceError: As `read_small_text`, or it is not TOML.
    """
    text = read_small_text(path)
    # Its reader needs a minute for a key of ten thousand parts.
    if any(line.count(".") > MAX_TOML_DOTS for line in text.splitlines()):
        raise SourceError(JSON_TOO_DEEP, file=path.name)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SourceError(JSON_TOO_DEEP, file=path.name) from None
    except ValueError as error:
        raise SourceError(f"it is not TOML: {error}", file=path.name) from None


def read_small_json(path: Path) -> Any:
    """Read a small JSON file.

    Raises:
        SourceError: As `read_small_text`, or as `parse_json`.
    """
    return parse_json(read_small_text(path), path.name)


def parse_json(text: str, name: str) -> Any:
    """Parse a small JSON text. A key given twice is refused: it is not clear which value is meant.

    Args:
        text: The content of a file.
        name: Name of the file, for the error message.

    Raises:
        SourceError: It is not JSON, is nested too deeply, or an object has a key twice.

    >>> parse_json('{"total": 5, "total": 6}', "orders.json")
    Traceback (most recent call last):
    vippsrecon.errors.SourceError: orders.json: the key 'total' occurs twice in one object; it is not clear which value is meant
    """
    try:
        return build_json_decoder(name).decode(text)
    except RecursionError:
        raise SourceError(JSON_TOO_DEEP, file=name) from None
    except SourceError:
        raise
    except ValueError:
        raise SourceError(NOT_JSON, file=name) from None


def build_json_decoder(
    name: str,
    *,
    number: Callable[[str], Any] | None = None,
    keep: Callable[[str], bool] | None = None,
) -> json.JSONDecoder:
    """Build a decoder that refuses repeated keys, NaN and Infinity.

    Args:
        name: Name of the file, for the error message.
        number: Makes a value of the text of a number; None: int and float.
        keep: Returns whether the value of a key is kept; None keeps all.
    """

    def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
            raise SourceError(describe_repeated_key(key), file=name)
        return fields if keep is None else {k: v for k, v in pairs if keep(k)}

    return json.JSONDecoder(
        object_pairs_hook=build_object,
        parse_constant=_refuse_constant,
        parse_int=number,
        parse_float=number,
    )


def describe_repeated_key(key: str) -> str:
    """Return the sentence about a key that an object has twice."""
    return f"the key {key[:80]!r} occurs twice in one object; it is not clear which value is meant"


def _check_kind(about: os.stat_result, name: str) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise SourceError("this is a directory; name the file in it", file=name)
    if not stat.S_ISREG(about.st_mode):
        raise SourceError(
            "this is not an ordinary file, but a pipe or a device; save it as a file and name that",
            file=name,
        )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
