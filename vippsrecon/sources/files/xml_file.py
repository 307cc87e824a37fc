"""Open XML files: the one place that does, as a stream, within fixed bounds.

A reader names the elements that it wants by their paths; all others are passed over. Only what it
keeps is ever in memory. A document type is refused, since it is what defines entities, and no real
statement or settlement file has one. No external resource is ever opened.

The parser is expat of the standard library: its callbacks see each element before it is stored, so
that depth, number and length are checked as the file is read. A parser that builds trees was tried
(lxml): it is as fast, but cannot be stopped within an entry.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from vippsrecon.errors import SourceError
from vippsrecon.input_files import check_input_file
from vippsrecon.money import group_thousands

MAX_DEPTH = 64
"""Nested elements. A bank statement has 12."""

MAX_ELEMENTS = 50_000_000
"""Elements of a file. An entry of a bank statement has about 35."""

MAX_NAMES = 10_000
"""Different elements of a parent, in sum. The bank statement's schema has some 500 names."""

MAX_TEXT_LENGTH = 1024 * 1024
"""Characters of one element, and bytes of one tag."""

_BLOCK_BYTES = 64 * 1024
_SEPARATOR = "}"

StartCallback = Callable[[Mapping[str, str]], None]
EndCallback = Callable[[str], None]


class Wanted(NamedTuple):
    """What to call for an element: at its start with its attributes, at its end with its text."""

    start: StartCallback | None = None
    end: EndCallback | None = None


class XmlOutline(NamedTuple):
    """The first elements of a file.

    Attributes:
        namespace: Namespace of the root; "" without one.
        root: Name of the root, without its namespace.
        child: Name of its first child; "" without one.
    """

    namespace: str
    root: str
    child: str


def read_xml(path: Path, wanted: Mapping[str, Wanted]) -> None:
    """Read a file and call back for each wanted element, in the order of the file.

    Args:
        path: The file.
        wanted: Path of an element, such as `Document/BkToCstmrStmt/Stmt/Ntry`, to its callbacks.
            Names are without namespaces. The text is that of the element itself, without blanks
            around it.

    Raises:
        SourceError: It is not well-formed, has a document type, or exceeds a bound.
    """
    _Stream(path, _build_tree(wanted)).read()


def read_outline(path: Path) -> XmlOutline:
    """Read the names of a file's first two elements.

    Raises:
        SourceError: As `read_xml`, for the beginning of the file.
    """
    found: list[str] = []

    def note(name: str, _attributes: Mapping[str, str]) -> None:
        found.append(name)
        if len(found) == 2:
            raise _EnoughError

    def close(_name: str) -> None:
        raise _EnoughError

    stream = _Stream(path, _Node())
    stream.parser.StartElementHandler = note
    stream.parser.EndElementHandler = close
    with contextlib.suppress(_EnoughError):
        stream.read()
    namespace, _, root = found[0].rpartition(_SEPARATOR)
    return XmlOutline(namespace, root, _strip_namespace(found[1]) if len(found) > 1 else "")


class _EnoughError(Exception):
    """The beginning of a file is read; ends its parser."""


class _Node:
    """A wanted element, or one that leads to wanted elements.

    Attributes:
        names: Names of its wanted children, without namespace, to their nodes.
        children: The same by the name that the parser gives, filled as the file is read; None for
            an element that is not wanted.
        start, end: What to call.
    """

    __slots__ = ("children", "end", "names", "start")

    def __init__(self) -> None:
        self.names: dict[str, _Node] = {}
        self.children: dict[str, _Node | None] = {}
        self.start: StartCallback | None = None
        self.end: EndCallback | None = None


def _build_tree(wanted: Mapping[str, Wanted]) -> _Node:
    root = _Node()
    for path, callbacks in wanted.items():
        node = root
        for name in path.split("/"):
            node = node.names.setdefault(name, _Node())
        node.start, node.end = callbacks
    return root


def _strip_namespace(name: str) -> str:
    return name.rpartition(_SEPARATOR)[2]


class _Stream:
    """One pass over a file."""

    def __init__(self, path: Path, root: _Node) -> None:
        check_input_file(path)
        self._path = path
        self._root = root
        self._texts: list[str] = []
        self._names = self._tags = 0
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.buffer_text = True
        self.parser.buffer_size = _BLOCK_BYTES
        self.parser.StartDoctypeDeclHandler = self._refuse_document_type
        self.parser.EntityDeclHandler = self._refuse_document_type
        self._set_handlers()

    def read(self) -> None:
        """Feed the file to the parser, block by block, and check the bounds after each."""
        fed = 0
        try:
            with self._path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    self.parser.Parse(block, False)
                    fed += len(block)
                    self._check_bounds(block, fed)
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            reason = expat.errors.messages.get(error.code, "")
            if error.code in _CUT_OFF:
                raise self._refuse("the file is cut off; download it again") from None
            raise SourceError(
                f"this is not well-formed XML ({reason or 'unknown fault'}); download it again, and "
                "do not edit it",
                file=self._path.name,
                row=error.lineno,
            ) from None
        except SourceError:
            raise
        except (ValueError, LookupError):
            # An encoding that Python does not know, or that has several bytes a character.
            raise self._refuse(
                "the encoding that its first line names is not supported; save it as UTF-8"
            ) from None

    def _set_handlers(self) -> None:
        # Local variables and few calls: this runs twice for each element of a file.
        parser = self.parser
        texts = self._texts
        add_text = texts.append
        node = self._root
        parents: list[_Node] = []
        skipped = 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal node, skipped
            if skipped:
                skipped += 1
                if skipped > MAX_DEPTH:
                    raise self._refuse(f"its elements are nested more than {MAX_DEPTH} deep")
                return
            try:
                child = node.children[name]
            except KeyError:
                child = self._find_child(node, name)
            if child is None:
                skipped = 1
                parser.CharacterDataHandler = None
                return
            parents.append(node)
            node = child
            if texts:
                texts.clear()
            if child.start is not None:
                child.start(attributes)

        def end(_name: str) -> None:
            nonlocal node, skipped
            if skipped:
                skipped -= 1
                if not skipped:
                    parser.CharacterDataHandler = add_text
                return
            if node.end is not None:
                node.end((texts[0] if len(texts) == 1 else "".join(texts)).strip())
            if texts:
                texts.clear()
            node = parents.pop()

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = add_text

    def _find_child(self, node: _Node, name: str) -> _Node | None:
        """Return the node of an element that its parent has for the first time."""
        self._names += 1
        if self._names > MAX_NAMES:
            raise self._refuse("it has more kinds of elements than a bank or Vipps MobilePay uses")
        child = node.children[name] = node.names.get(_strip_namespace(name))
        return child

    def _check_bounds(self, block: bytes, fed: int) -> None:
        # A cheap count from above: each element has at least one such mark in any encoding.
        self._tags += block.count(b"<")
        if self._tags > 2 * MAX_ELEMENTS:
            raise self._refuse(
                f"it has more than {group_thousands(MAX_ELEMENTS)} elements; export fewer days"
            )
        is_long = len(self._texts) > 1 and sum(map(len, self._texts)) > MAX_TEXT_LENGTH
        # What the parser holds back is one tag, comment or instruction that has not ended.
        if is_long or fed - self.parser.CurrentByteIndex > MAX_TEXT_LENGTH + 2 * _BLOCK_BYTES:
            raise self._refuse("a text or a tag in it is larger than 1 MB")

    def _refuse_document_type(self, *_declaration: object) -> None:
        raise self._refuse(
            "it declares a document type (DOCTYPE), which no bank and no settlement file does, so "
            "it is not opened"
        )

    def _refuse(self, problem: str) -> SourceError:
        return SourceError(problem, file=self._path.name)


_CUT_OFF = {
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
}
