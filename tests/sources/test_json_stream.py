"""Test that JSON is read one entry at a time: the same values as ever, in little memory."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.conftest import Writer
from tests.sources.test_woocommerce_rest import make_rest_order
from vippsrecon import preview
from vippsrecon.errors import SourceError
from vippsrecon.input_files import build_json_decoder
from vippsrecon.sources import read_orders
from vippsrecon.sources.files.json_stream import JsonStream

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
SHAPES = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
PIECES = st.sampled_from([*'[]{}:,"\\ 01-.eEa\n\t', "null", "NaN", '"a":', '"\\ud800"'])
LONG = 10**6
LONG_TEXTS = '"' + "x" * 997 + '",'
"""A thousand characters that are decoded at once, for entries of millions of characters."""


def read_stream(text: str, max_length: int = LONG) -> Any:
    """Read a text through the stream and put what it yields together again."""
    decoder = build_json_decoder("orders.json")
    stream = JsonStream(io.StringIO(text), "orders.json", decoder, max_length=max_length)
    if stream.peek() == "[":
        value: Any = list(stream.read_list())
    elif stream.peek() == "{":
        value = {key: stream.read_value() for key in stream.read_object()}
    else:
        value = stream.read_value()
    stream.check_end()
    return value


def outcome(read: Any) -> Any:
    """Return what a reader returns, as JSON tells it apart, or that it refuses the text."""
    try:
        return repr(read())
    except (SourceError, ValueError):
        return "refused"


@given(VALUES, SHAPES, st.integers(1, 60))
def test_stream_reads_the_same_values_as_json(value: Any, shape: dict[str, Any], max_length: int):
    """Wherever a block of the file ends, no value is cut, lost or read twice."""
    text = json.dumps(value, **shape)
    longest = max((len(json.dumps(part, **shape)) for part in split(value)), default=0)
    if longest <= max_length // 2:
        assert read_stream(text, max_length) == value
    else:
        assert outcome(lambda: read_stream(text, max_length)) in ("refused", repr(value))


def split(value: Any) -> list[Any]:
    """Return the parts that the stream decodes each by itself."""
    if isinstance(value, list):
        return value
    return [*value, *value.values()] if isinstance(value, dict) else [value]


@given(st.lists(PIECES, max_size=12).map("".join), st.integers(1, 8))
def test_stream_refuses_the_same_texts_as_json(text: str, max_length: int):
    """A text that is no JSON is refused, however little of it is in memory."""
    whole = outcome(lambda: build_json_decoder("orders.json").decode(text))

    assert outcome(lambda: read_stream(text)) == whole
    assert outcome(lambda: read_stream(text, max_length)) in ("refused", whole)


def test_entry_is_limited_to_the_character():
    """An entry as long as the limit is read; one character more is refused."""
    assert read_stream('["12345678","a"]', 10) == ["12345678", "a"]
    for text in ('["123456789"]', '["a","123456789","a"]', '{"a":"123456789"}'):
        with pytest.raises(SourceError, match="longer than 10 characters"):
            read_stream(text, 10)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"orders": [make_rest_order()]}, id="only"),
        pytest.param({"page": {"of": [1]}, "orders": [make_rest_order()], "n": 1}, id="among others"),
    ],
)  # fmt: skip
def test_orders_in_an_object_are_read(write: Writer, content: object):
    """Some programs that save the API's answers wrap the list."""
    path = write(json.dumps(content).encode("utf-8-sig"), "orders.json")
    assert preview(path)["files"][0]["rows"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"orders": [], "orders": []}', "'orders' occurs twice", id="list twice"),
        pytest.param('{"id": 1, "id": 2}', "'id' occurs twice", id="key twice"),
        pytest.param('[{"id": 1}] x', "not valid JSON", id="text behind"),
        pytest.param('[{"id": 1},]', "not valid JSON", id="comma behind"),
        pytest.param('[{"id": 1}', "cut off", id="cut off between orders"),
        pytest.param('[{"id": NaN}]', "not valid JSON", id="NaN"),
        pytest.param('{"orders": []}', "no list of orders", id="no order"),
        pytest.param("{}", "not hold orders", id="nothing"),
        pytest.param('[{"id":"' + "x" * 4_000_000 + '"}]', "longer than 4 000 000", id="long order"),
        pytest.param('[{"id":[' + LONG_TEXTS * 10_000, "not valid JSON, or", id="endless order"),
        pytest.param('[{"id":' + "[" * 200_000, "nested too deeply", id="deep order"),
        pytest.param('{"a":' * 200_000, "nested too deeply", id="deep object"),
        pytest.param('{"digest": 1, "rows": [1]}', "plan", id="plan"),
    ],
)  # fmt: skip
def test_unusable_json_is_refused(write: Writer, text: str, message: str):
    """One sentence that names the file, also where the fault is behind the orders."""
    with pytest.raises(SourceError, match=rf"^orders\.json: .*{message}"):
        read_orders(write(text, "orders.json"), default_msn="123456")


def test_list_of_too_many_entries_is_refused(write: Writer, monkeypatch: pytest.MonkeyPatch):
    """Two bytes of such a file could need a hundred bytes of memory.

    The list of numbers below has more entries than the real limit.
    """
    monkeypatch.setattr("vippsrecon.sources.files.json_stream.MAX_ENTRIES", 1000)
    with pytest.raises(SourceError, match="too many values, more than 1 000;"):
        read_orders(write("[" + "1," * 1000 + "1]", "orders.json"))


def test_object_of_too_many_keys_is_refused(write: Writer, monkeypatch: pytest.MonkeyPatch):
    """All its keys are in memory, because none may occur twice."""
    monkeypatch.setattr("vippsrecon.sources.files.json_stream.MAX_ENTRIES", 1000)
    keys = ",".join(f'"k{number}":1' for number in range(1001))
    with pytest.raises(SourceError, match="too many values, more than 1 000"):
        read_orders(write("{" + keys + "}", "orders.json"))


KINDS = {
    "orders": json.dumps(make_rest_order(line_items=[{"name": "x" * 300, "sku": "y"}] * 4)),
    "plain orders": json.dumps(make_rest_order(billing=None)),
    "objects": '{"a":1}',
    "numbers": "1",
}


def measure_preview(path: Path) -> tuple[int, str]:
    """Return by how many MB reading a file raises the memory of a process, and why it is refused."""
    program = (
        "import sys; from vippsrecon import preview; from vippsrecon.errors import SourceError\n"
        "from pathlib import Path\n"
        "def peak():\n"  # not ru_maxrss, which counts the memory of the starting process too
        "    status = Path('/proc/self/status').read_text()\n"
        "    return int(status.partition('VmHWM:')[2].split()[0]) // 1024\n"
        "small, large = sys.argv[1:]\n"
        "preview(small); before = peak()\n"
        "problem = ''\n"
        "try: preview(large)\n"
        "except SourceError as error: problem = str(error)\n"
        "print(peak() - before, problem)\n"
    )
    small = path.with_name("small.json")
    small.write_text(json.dumps([make_rest_order()]))
    run = [sys.executable, "-c", program, small, path]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    memory, _, problem = line.partition(" ")
    return int(memory), problem


def write_list(path: Path, entry: str, size: int) -> Path:
    """Write a list of as many equal entries as the size holds; each order has its own id."""
    with path.open("w") as file:
        file.write("[" + entry)
        count = size // (len(entry) + 1)
        if "727" not in entry:
            file.write(("," + entry) * count)
            count = 0
        for number in range(count):
            file.write(
                "," + entry.replace('"id": 727', f'"id": {number}').replace("-727", f"-{number:07}")
            )
        file.write("]")
    return path


@pytest.mark.ci
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_large_json_needs_little_memory(tmp_path: Path, kind: str):
    """Read as a whole, 5 MB of such values need up to 200 MB."""
    path = write_list(tmp_path / "orders.json", KINDS[kind], 5_000_000)
    memory, problem = measure_preview(path)
    assert memory < 60
    assert ("too many values, more than 2 000 000;" in problem) == (kind == "numbers")


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_json_of_100_mb_stays_below_1_gb(tmp_path: Path, kind: str):
    """The largest export that a shop of this size saves."""
    path = write_list(tmp_path / "orders.json", KINDS[kind], 100_000_000)
    assert measure_preview(path)[0] < 800
