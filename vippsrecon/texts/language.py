"""The language in which texts are looked up: of a result, of a call, or of the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from vippsrecon.errors import InputError

LANGUAGES = ("en", "nb", "da", "sv", "fi")
"""English, Norwegian bokmål, Danish, Swedish, Finnish."""

_chosen: ContextVar[str | None] = ContextVar("language", default=None)
_default = [LANGUAGES[0]]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def check_language(language: str) -> str:
    """Return the language if there is a catalogue of it.

    Raises:
        InputError: There is none.
    """
    if language not in LANGUAGES:
        raise InputError(
            f"the language {language!r} is not one of {', '.join(LANGUAGES)} (English, Norwegian "
            "bokmål, Danish, Swedish, Finnish)"
        )
    return language


def get_language() -> str:
    """Return the language in which texts are looked up now."""
    return _chosen.get() or _default[0]


def set_language(language: str) -> None:
    """Set the language of what has no language of its own, such as a preview shown in a notebook.

    A comparison, and what is made of it, is in the language that was given to it; what was fetched is
    in the language of the settings, if they name one.

    Args:
        language: en, nb, da, sv or fi.

    Raises:
        InputError: There is no catalogue of the language.
    """
    _default[0] = check_language(language)


@contextmanager
def use_language(language: str | None) -> Iterator[str]:
    """Look texts up in this language inside the block; None: in the current one.

    Raises:
        InputError: There is no catalogue of the language.

    >>> with use_language("nb"):
    ...     get_language()
    'nb'
    """
    token = _chosen.set(get_language() if language is None else check_language(language))
    try:
        yield get_language()
    finally:
        _chosen.reset(token)


def in_language_of_result(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function look texts up in the language of its first argument, such as a `Reconciliation`.

    If that is None, as for a plan that was read from a file, the language is the current one.
    """

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        result: Any = args[0] if args else kwargs["reconciliation"]
        with use_language(result.language):
            return function(*args, **kwargs)

    return run


def in_language_of_run(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function look texts up in its argument `language`, else in that of its `settings`."""

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        arguments = signature(function).bind(*args, **kwargs).arguments
        with use_language(arguments.get("language") or arguments["settings"].language):
            return function(*args, **kwargs)

    return run


def in_chosen_language(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function look texts up in the language that is its argument `language`."""

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        language: Any = kwargs.get("language")
        with use_language(language):
            return function(*args, **kwargs)

    return run


def keep_language(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function look texts up in the language that is current now, whenever it is called.

    >>> with use_language("nb"):
    ...     ask = keep_language(get_language)
    >>> ask()
    'nb'
    """
    language = get_language()

    @wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with use_language(language):
            return function(*args, **kwargs)

    return run
