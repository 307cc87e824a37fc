"""A plan file is read only if every byte is unchanged and the plan breaks no rule."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plans import MSN, make_plan, make_plan_row
from vippsrecon.bulk.plan.file import compute_digest, format_plan_file, read_plan, write_plan
from vippsrecon.bulk.plan.model import PlanRow, compute_idempotency_key
from vippsrecon.bulk.plan.rules import PLAN_FORMAT, check_plan
from vippsrecon.errors import OutputError, PlanError

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)


@st.composite
def plans(draw):
    """Draw plans of one to five refunds, with any text in notes."""
    rows = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        captured = draw(st.integers(1, 10**9))
        refunded = draw(st.integers(0, captured - 1))
        rows.append(
            make_plan_row(
                number,
                msn=draw(st.sampled_from(["123456", "654321"])),
                currency=draw(st.sampled_from(["NOK", "EUR"])),
                amount_minor=draw(st.integers(1, captured - refunded)),
                note=draw(TEXT),
                document_ref=draw(TEXT),
                authorized_minor=captured,
                captured_minor=captured,
                refunded_minor=refunded,
                duplicate=draw(st.booleans()),
            )
        )
    return make_plan(*rows, plan_id=str(draw(st.uuids(version=4))))


@given(plans())
def test_plan_file_round_trip_changes_nothing(tmp_path_factory, plan):
    """Every field is the same after reading, whatever text the notes contain."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    write_plan(plan, path)
    assert read_plan(path) == plan


@given(plans(), st.data())
def test_plan_file_with_one_changed_byte_is_refused(tmp_path_factory, plan, data):
    """An approval covers every byte, so the smallest edit is rejected."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan_bytes = format_plan_file(plan).encode()
    place = data.draw(st.integers(0, len(plan_bytes) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != plan_bytes[place]))
    path.write_bytes(plan_bytes[:place] + bytes([byte]) + plan_bytes[place + 1 :])
    with pytest.raises(PlanError, match=r"plan\.json"):
        read_plan(path)


@given(plans(), st.data())
def test_plan_file_with_one_byte_more_or_less_is_refused(tmp_path_factory, plan, data):
    """Spaces and line ends count too.

    The file that is carried out must be the file that people compared.
    """
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan_bytes = format_plan_file(plan).encode()
    place = data.draw(st.integers(0, len(plan_bytes)))
    more = data.draw(st.sampled_from([b" ", b"\n", b"0", b'"', b"\xef\xbb\xbf"]))
    path.write_bytes(plan_bytes[:place] + more + plan_bytes[place:])
    with pytest.raises(PlanError):
        read_plan(path)
    path.write_bytes(
        plan_bytes[:place] + plan_bytes[place + 1 :] if place < len(plan_bytes) else plan_bytes[:-1]
    )
    with pytest.raises(PlanError):
        read_plan(path)


OTHERS = {
    "plan_id": str(uuid.UUID(int=8, version=4)),
    "verb": "capture",
    "environment": "test",
    "host": "127.0.0.1:8801",
    "planner": "ola",
    "made_at": "2026-01-31T12:00:01Z",
    "expires_at": "2026-02-03T12:00:01Z",
    "cancel_created": True,
    "msns": ("654321",),
    "format": 2,
}
ROW_OTHERS = {
    "row": 2,
    "msn": "654321",
    "reference": "order-000002",
    "order_number": None,
    "currency": "EUR",
    "amount_minor": 25_001,
    "reason": "other",
    "note": "x",
    "document_ref": "x",
    "vat_minor": 0,
    "discrepancy_id": "x",
    "authorized_minor": 100_001,
    "captured_minor": 100_001,
    "refunded_minor": 1,
    "cancelled_minor": 1,
    "duplicate": True,
}


@pytest.mark.parametrize("field", sorted(OTHERS))
def test_the_digest_covers_every_field(field):
    """A field outside the digest would not be approved."""
    plan = make_plan()
    assert compute_digest(replace(plan, **{field: OTHERS[field]})) != compute_digest(plan)


@pytest.mark.parametrize("field", PlanRow._fields)
def test_the_digest_covers_every_field_of_a_row(field):
    """The note, the document number and the payment's totals are covered too."""
    changed = make_plan_row()._replace(**{field: ROW_OTHERS[field]})
    assert compute_digest(make_plan(changed)) != compute_digest(make_plan(make_plan_row()))


@pytest.mark.parametrize("field", ["kind", "name", "sha256", "fetched_at"])
def test_digest_covers_the_source(field):
    """The digest covers the source of the plan."""
    plan = make_plan()
    assert compute_digest(
        replace(plan, source=plan.source._replace(**{field: "x"}))
    ) != compute_digest(plan)


def test_the_digest_covers_the_order_of_rows():
    """A plan with swapped rows has another digest."""
    first, second = make_plan_row(1), make_plan_row(2)
    assert compute_digest(make_plan(first, second)) != compute_digest(make_plan(second, first))


@given(plans())
def test_an_auditor_computes_the_digest_with_python_alone(plan):
    """The standard JSON library gives the digest that the documentation describes."""
    content = json.loads(format_plan_file(plan))
    claimed = content.pop("digest")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == claimed == compute_digest(plan)


def _edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('"amount_minor":25000', '"amount_minor":26000', "totals", id="amount"),
        pytest.param('"count": 1', '"count": 2', "2 rows", id="count"),
        pytest.param('"NOK": 25000', '"NOK": 26000', "totals", id="totals"),
        pytest.param('"kari"', '"ola"', "digest", id="planner"),
        pytest.param('"note":""', '"note":"","extra":1', "'extra'", id="unknown field of a row"),
        pytest.param('"planner"', '"plotter"', "'plotter'", id="unknown field"),
        pytest.param('"note":"",', "", "'note'", id="a field gone"),
        pytest.param(
            '"verb": "refund"', '"verb": "refund", "verb": "refund"', "spacing", id="twice"
        ),
        pytest.param(
            f'"format": {PLAN_FORMAT}', f'"format": {PLAN_FORMAT + 1}', "newer version", id="newer"
        ),
        pytest.param(f'"format": {PLAN_FORMAT}', '"format": "old"', "not known", id="no format"),
        pytest.param('"msns": [', '"msns": [1,', "digest", id="a number for a sales unit"),
        pytest.param('"amount_minor":25000', '"amount_minor":250.0', "no amount", id="a float"),
        pytest.param('"currency":"NOK"', '"currency":["NOK"]', "no currency", id="a list"),
        pytest.param('"rows": [', '"rows": {', "not valid JSON", id="broken"),
    ],
)
def test_a_plan_edited_by_hand_is_refused(tmp_path, old, new, message):
    """The message names the file and the problem."""
    path = write_plan(make_plan(), tmp_path / "plan.json")
    _edited(path, old, new)
    with pytest.raises(PlanError, match=message) as met:
        read_plan(path)
    assert str(met.value).startswith("plan.json: ")


def _twice():
    row = make_plan_row(1)
    return make_plan(row, row._replace(row=2))


CANCEL = {"verb": "cancel"}


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        pytest.param(make_plan(make_plan_row(amount_minor=0)), "nothing to do", id="zero"),
        pytest.param(make_plan(make_plan_row(amount_minor=-1)), "from 0 up", id="negative"),
        pytest.param(make_plan(make_plan_row(amount_minor=True)), "whole number", id="a truth"),
        pytest.param(
            make_plan(make_plan_row(amount_minor=100_001)), "more than the 1 000.00", id="excess"
        ),
        pytest.param(
            make_plan(make_plan_row(refunded_minor=75_001)), "249.99", id="more than is left"
        ),
        pytest.param(
            make_plan(make_plan_row(), verb="capture"), "0.00 NOK", id="nothing to capture"
        ),
        pytest.param(
            make_plan(make_plan_row(captured_minor=60_000), **CANCEL),
            "releases everything",
            id="half",
        ),
        pytest.param(
            make_plan(make_plan_row(amount_minor=0), **CANCEL),
            "nothing to do",
            id="nothing reserved",
        ),
        pytest.param(
            make_plan(
                make_plan_row(amount_minor=0, authorized_minor=0, captured_minor=0), **CANCEL
            ),
            "nothing to do",
            id="not approved and not allowed",
        ),
        pytest.param(make_plan(make_plan_row(currency="JPY")), "'JPY'", id="currency"),
        pytest.param(make_plan(make_plan_row(reason="because")), "'because'", id="reason"),
        pytest.param(make_plan(make_plan_row(reference="a/../b")), "a/../b", id="reference"),
        pytest.param(make_plan(make_plan_row(msn="12"), msns=("12",)), "'12'", id="sales unit"),
        pytest.param(make_plan(make_plan_row(note="a\nb")), "line break", id="line break"),
        pytest.param(make_plan(make_plan_row(note="x" * 501)), "longer", id="long note"),
        pytest.param(
            make_plan(make_plan_row(vat_minor=25_001)), "vat_minor", id="more VAT than amount"
        ),
        pytest.param(make_plan(make_plan_row(2)), "numbered 2", id="a gap"),
        pytest.param(_twice(), "twice", id="a payment twice"),
        pytest.param(make_plan(msns=("654321",)), "sales units", id="other sales units"),
        pytest.param(make_plan(verb="charge"), "'charge'", id="verb"),
        pytest.param(make_plan(environment="prod"), "'prod'", id="environment"),
        pytest.param(make_plan(planner=""), "planner is empty", id="nobody"),
        pytest.param(make_plan(plan_id="1"), "UUID", id="no id"),
        pytest.param(make_plan(format=2), "newer", id="newer"),
        pytest.param(make_plan(format=True), "not known", id="a truth for a format"),
        pytest.param(make_plan(made_at="2026-02-30T00:00:00Z"), "not a time", id="no such day"),
        pytest.param(make_plan(made_at="2026-02-02T24:00:00Z"), "not a time", id="24 o'clock"),
        pytest.param(make_plan(expires_at="2026-01-31T12:00:00Z"), "expires", id="no life"),
        pytest.param(replace(make_plan(), rows=(), msns=()), "no rows", id="empty"),
    ],
)
def test_plan_that_breaks_a_rule_is_rejected(tmp_path, plan, message):
    """The plan is rejected in Python, when written, and when read with a correct digest."""
    with pytest.raises(PlanError, match=message):
        check_plan(plan)
    with pytest.raises(PlanError, match=message):
        write_plan(plan, tmp_path / "plan.json")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PlanError):
        _forged(plan, tmp_path / "plan.json")
    assert read_plan(_forged(make_plan(), tmp_path / "plan.json")) == make_plan()


def _forged(plan, path):
    """Write a plan without checks, with a correct digest, and read it."""
    path.write_text(format_plan_file(plan))
    read_plan(path)
    return path


def test_plan_may_allow_cancelling_unpaid_payments():
    """Cancelling an unpaid payment is the only operation without an amount."""
    row = make_plan_row(amount_minor=0, authorized_minor=0, captured_minor=0)
    check_plan(make_plan(row, verb="cancel", cancel_created=True))


def test_idempotency_keys_never_change():
    """A restart, another machine or another version must compute the same key."""
    plan = make_plan()
    key = compute_idempotency_key(plan.plan_id, plan.verb, plan.rows[0])
    assert key == "7f01880f-25f6-555b-b854-5f5efd4e9b2e"
    assert len(key) == 36


@pytest.mark.parametrize(
    "changed",
    [{"row": 2}, {"msn": "654321"}, {"reference": "order-x"}, {"amount_minor": 1}],
    ids=lambda changed: next(iter(changed)),
)
def test_different_operations_have_different_keys(changed):
    """If two operations shared a key, the second would be lost."""
    row = make_plan_row()
    assert compute_idempotency_key(
        "p", "refund", row._replace(**changed)
    ) != compute_idempotency_key("p", "refund", row)
    assert compute_idempotency_key("p", "cancel", row) != compute_idempotency_key(
        "p", "refund", row
    )
    assert compute_idempotency_key("q", "refund", row) != compute_idempotency_key(
        "p", "refund", row
    )


def test_earlier_plan_file_is_kept_under_another_name(tmp_path):
    """A partly carried out plan is needed to continue it."""
    path = tmp_path / "plan.json"
    first, second = make_plan(), make_plan(planner="ola")
    write_plan(first, path)
    write_plan(second, path)
    write_plan(first, path)
    assert read_plan(path) == first
    assert read_plan(tmp_path / "plan.before-1.json") == first
    assert read_plan(tmp_path / "plan.before-2.json") == second
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("place", ["report.xlsx", "folder", "nowhere/plan.json"])
def test_file_that_is_not_a_plan_is_not_overwritten(tmp_path, place):
    """A report named by mistake is not overwritten."""
    (tmp_path / "report.xlsx").write_bytes(b"PK somebody's work")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError):
        write_plan(make_plan(), tmp_path / place)
    assert (tmp_path / "report.xlsx").read_bytes() == b"PK somebody's work"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"null", b"\xff\xfe", b"msn,reference\n1,2\n", b'{"plan_id":1,"format":1}'],
    ids=["empty", "list", "object", "null", "utf-16", "csv", "nearly"],
)
def test_file_that_is_not_a_plan_is_refused(tmp_path, content):
    """The error is a sentence, not a traceback."""
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=r"^plan\.json: "):
        read_plan(path)


@pytest.mark.parametrize("value", [b"1", b"[]", b'{"a":1}'], ids=["numbers", "lists", "objects"])
def test_plan_of_very_many_small_values_is_refused(tmp_path, value):
    """Read as a whole, 40 MB of such values would need more than 1 GB of memory."""
    path = tmp_path / "plan.json"
    path.write_bytes(b'{"plan_id":1,"format":1,"rows":[' + (value + b",") * 4_000_000 + b"1]}")
    with pytest.raises(PlanError, match=r"^plan\.json: it holds more than the 4 000 000 values"):
        read_plan(path)


def test_plan_that_could_not_be_read_back_is_not_written(tmp_path, monkeypatch):
    """Whoever made it would only learn that when it is approved."""
    monkeypatch.setattr("vippsrecon.bulk.plan.file.MAX_PLAN_VALUES", 100)
    rows = [make_plan_row(number) for number in range(1, 10)]
    with pytest.raises(PlanError, match="make several smaller plans"):
        write_plan(make_plan(*rows), tmp_path / "plan.json")
    assert not list(tmp_path.iterdir())


def test_missing_plan_file_is_named(tmp_path):
    """The message names the file that does not exist."""
    with pytest.raises(PlanError, match=r"plan\.json: there is no such file"):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.nightly)])
def test_large_plan_is_read_in_seconds(tmp_path, count):
    """A restart after a crash must not take long because of the plan's size."""
    rows = tuple(make_plan_row(number) for number in range(1, count + 1))
    path = write_plan(make_plan(*rows), tmp_path / "plan.json")
    began = time.process_time()
    plan = read_plan(path)
    used = time.process_time() - began
    assert plan.count == count
    assert used < 20
    print(f"read in {used:.2f} s")
    assert re.fullmatch("[0-9a-f]{64}", compute_digest(plan))
    assert plan.msns == (MSN,)
