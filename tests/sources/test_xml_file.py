"""Test that XML is opened within bounds: no document types, no entities, no endless files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vippsrecon import preview
from vippsrecon.errors import SourceError
from vippsrecon.sources.bank import read_bank_files
from vippsrecon.sources.files import xml_file
from vippsrecon.sources.files.xml_file import Wanted, read_outline, read_xml

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
START = f'<Document xmlns="{NAMESPACE}"><BkToCstmrStmt><Stmt><Id>1</Id>'
ENTRY = '<Ntry><Amt Ccy="NOK">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd>{}</Ntry>'
END = "</Stmt></BkToCstmrStmt></Document>"

LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>{START}<Id>&a9;</Id>{END}',
    "file read": f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>{START}<Id>&f;</Id>{END}',
    "call": f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{START}{END}',
    "parameter entity": f'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>{START}{END}',
    "empty document type": f"<!DOCTYPE Document>{START}{END}",
    "entity without declaration": f"{START}<Id>&secret;</Id>{END}",
    "deep, unknown elements": f"{START}{'<x>' * 100_000}{END}",
    "deep, known elements": START * 1000,
    "long text": f"{START}<Id>{'x' * 3_000_000}</Id>{END}",
    "text in many pieces": f"{START}<Id>{'x&amp;' * 700_000}</Id>{END}",
    "long name": f"{START}<{'x' * 3_000_000}/>{END}",
    "long attribute": f'{START}<Ntry><Amt Ccy="{"x" * 3_000_000}">1</Amt></Ntry>{END}',
    "long comment": f"{START}<!--{'x' * 3_000_000}-->{END}",
    "many names": START + "".join(f"<a{n}/>" for n in range(20_000)) + END,
    "not closed": f"{START}<![CDATA[{'x' * 100}",
    "second root": f"{START}{END}{START}{END}",
    "text after the end": f"{START}{END}x",
    "prefix without a namespace": f"{START}<y:Ntry/>{END}",
}


@pytest.fixture
def write(tmp_path: Path):
    """Write a file and return its path."""

    def to_file(content: str | bytes, name: str = "bank.xml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_at_once(write, name: str):
    """Nothing is expanded, opened or called, and memory and time stay small."""
    path = write(f'<?xml version="1.0"?>{HOSTILE[name]}')
    start = time.process_time()
    with pytest.raises(SourceError):
        read_bank_files([path])
    with pytest.raises(SourceError):
        preview(path)
    assert time.process_time() - start < 5


def test_document_type_is_refused_in_every_encoding(write):
    """A search for its bytes would miss it in UTF-16; the parser does not."""
    content = f'<?xml version="1.0" encoding="UTF-16"?>{HOSTILE["billion laughs"]}'
    with pytest.raises(SourceError, match="document type"):
        read_bank_files([write(content.encode("utf-16"))])


def test_number_of_elements_is_bounded(write, monkeypatch: pytest.MonkeyPatch):
    """A file below 512 MB may still hold a hundred million empty elements."""
    monkeypatch.setattr(xml_file, "MAX_ELEMENTS", 1000)
    with pytest.raises(SourceError, match="more than 1 000 elements"):
        read_bank_files([write(f"<?xml version='1.0'?>{START}{'<x/>' * 30_000}{END}")])


def test_text_is_that_of_the_element_itself(write):
    """An element within an amount must not shorten it; a comment and CDATA belong to the text."""
    found = []
    path = write("<r><a> 1<x>9</x>0<!-- 7 -->0<![CDATA[0]]> </a><b/><c><a>2</a></c></r>")
    read_xml(path, {"r/a": Wanted(end=found.append), "r/b": Wanted(end=found.append)})
    assert found == ["1000", ""]


def test_attributes_come_before_the_text(write):
    """The currency of an amount is an attribute of it."""
    found = []
    path = write('<r xmlns:p="urn:p"><a Ccy="NOK">1</a><p:a>2</p:a></r>')
    read_xml(path, {"r/a": Wanted(lambda a: found.append(dict(a)), found.append)})
    assert found == [{"Ccy": "NOK"}, "1", {}, "2"]


def test_outline_reads_no_further_than_it_must(write):
    """A preview of a large or damaged file still says what the file is."""
    outline = read_outline(write(f"<?xml version='1.0'?>{START}<"))
    assert outline == (NAMESPACE, "Document", "BkToCstmrStmt")
    assert read_outline(write("<r/>")) == ("", "r", "")


@pytest.mark.parametrize(
    "start", ["<?xml version='1.0'?>", "", "\n  ", "\ufeff", "<!-- a bank -->"]
)
def test_xml_is_recognised_by_its_content(write, start: str):
    """The name of a download says little."""
    content = f"{START}{ENTRY.format('1', '<BookgDt><Dt>2026-10-05</Dt></BookgDt>')}{END}"
    (entry,) = preview(write(start + content, "download.txt"))["files"]
    assert (entry["kind"], entry["format"], entry["rows"]) == ("bank", "camt.053", 1)
