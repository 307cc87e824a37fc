"""Write a plan to its JSON file, read it back, and compute the digest that an approval names.

    Plan ──► content ──► digest (SHA-256 of the canonical JSON)
                 │          │
                 └──────────┴──► plan.json, one line per row

A file is accepted only if every byte is as it was written. A plan that was edited, even in its
spacing, is rejected: the approval is of the digest, and people must be able to compare files.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from vippsrecon.bulk.plan.model import Plan, PlanRow, Source, sum_by_currency
from vippsrecon.bulk.plan.rules import PLAN_FORMAT, check_plan, refuse_format_version
from vippsrecon.errors import PlanError, SourceError
from vippsrecon.input_files import MAX_JSON_BYTES, read_input_bytes
from vippsrecon.money import group_thousands
from vippsrecon.output_files import atomic_file

MAX_PLAN_VALUES = 4_000_000
"""Values of a plan file: each takes up to 250 bytes of memory, however short it is in the file.

A row has 17, so this is some 230,000 rows.
"""

_PLAN_FIELDS = tuple(plan_field.name for plan_field in fields(Plan) if plan_field.compare)
_FILE_FIELDS = frozenset({*_PLAN_FIELDS, "digest", "totals", "count"})
_ROW_FIELDS = frozenset(PlanRow._fields)
_SOURCE_FIELDS = frozenset(Source._fields)


def compute_digest(plan: Plan) -> str:
    """Compute the SHA-256, in hexadecimal, of the canonical JSON of the whole plan.

    Canonical: UTF-8, keys sorted, no spaces, integers only, rows in order, without the digest
    itself. An auditor can compute it independently: read the file as JSON, remove `digest`, and
    hash `json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` in UTF-8.

    Raises:
        PlanError: The plan holds a value that no plan file can hold.
    """
    try:
        return _hash_content(_build_content(plan))
    except (TypeError, ValueError) as error:
        raise PlanError(f"the plan holds a value that a plan file cannot: {error}") from None


def format_plan_file(plan: Plan) -> str:
    """Return the text of the plan's file: one line per row, so that two files can be compared."""
    content = _build_content(plan)
    rows = content.pop("rows")
    head = orjson.dumps(
        {"digest": compute_digest(plan)} | content, option=orjson.OPT_INDENT_2
    ).decode()
    lines = ",\n".join("    " + orjson.dumps(row).decode() for row in rows)
    return f'{head[: -len("}") - 1]},\n  "rows": [\n{lines}\n  ]\n}}\n'


def write_plan(plan: Plan, path: str | Path) -> Path:
    """Write a plan to its file, completely or not at all, and keep an earlier plan beside it.

    Raises:
        PlanError: The plan breaks a rule or is too large, so it could not be read back.
        OutputError: The file cannot be written, or the path holds a file that is not a plan.
    """
    check_plan(plan)
    content = format_plan_file(plan).encode()
    _check_size(content)
    path = Path(path)
    with atomic_file(path, "plan", marked=b'"plan_id"') as temporary_path:
        temporary_path.write_bytes(content)
    return path


def read_plan(path: str | Path) -> Plan:
    """Read a plan from its file, and reject a file that differs in one byte from what was written.

    Raises:
        PlanError: The file cannot be read, was made by a newer version, was changed, or breaks a
            rule for plans; the sentence names the file and the place in it.
    """
    path = Path(path)
    try:
        content = read_input_bytes(path, max_bytes=MAX_JSON_BYTES, advice="; it is not a plan")
    except SourceError as error:
        raise PlanError(str(error)) from None
    try:
        plan, claimed_digest = _decode_plan(content)
        if claimed_digest != compute_digest(plan):
            raise PlanError(
                "it was changed after it was made: its digest does not match its content. Make a "
                "new plan; do not edit plans"
            )
        check_plan(plan)
        # A correct digest does not cover spacing and key order, so compare the bytes as well.
        if format_plan_file(plan).encode() != content:
            raise PlanError(
                "it was changed after it was made, if only in its spacing. Use the original file, "
                "or make a new plan"
            )
    except PlanError as error:
        raise PlanError(f"{path.name}: {error}") from None
    return plan


def _hash_content(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _build_content(plan: Plan) -> dict[str, Any]:
    """Return everything the file holds except the digest."""
    content = {name: getattr(plan, name) for name in _PLAN_FIELDS if name != "rows"}
    content["source"] = plan.source._asdict()
    content["count"] = plan.count
    content["totals"] = plan.totals
    content["rows"] = [row._asdict() for row in plan.rows]
    return content


def _check_size(content: bytes) -> None:
    if (
        len(content) > MAX_JSON_BYTES
        or content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_PLAN_VALUES
    ):
        raise PlanError(
            f"it holds more than the {group_thousands(MAX_PLAN_VALUES)} values of a plan; make "
            "several smaller plans"
        )


def _decode_plan(content: bytes) -> tuple[Plan, object]:
    """Return the plan in a file's bytes, and the digest that the file claims."""
    if content.startswith(codecs.BOM_UTF8):
        raise PlanError(
            "it was saved again by an editor (it starts with a byte-order mark). Use the original "
            "file, or make a new plan"
        )
    _check_size(content)
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise PlanError(
            "it is not a plan: it is not valid JSON, or it is cut off. Make a plan from a list with vippsrecon plan"
        ) from None
    if not isinstance(document, dict) or "plan_id" not in document or "format" not in document:
        raise PlanError("it is not a plan. Make one with: vippsrecon plan")
    if document["format"] != PLAN_FORMAT:
        refuse_format_version(document["format"])
    _check_fields("the plan", document, _FILE_FIELDS)
    _check_fields("source", document["source"], _SOURCE_FIELDS)
    if not isinstance(document["rows"], list) or not isinstance(document["msns"], list):
        raise PlanError("its rows or its sales units are not a list")
    rows = []
    for number, row in enumerate(document["rows"], start=1):
        _check_fields(f"row {number}", row, _ROW_FIELDS)
        rows.append(PlanRow(**row))
    plan = Plan(
        **{name: document[name] for name in _PLAN_FIELDS if name not in ("rows", "source", "msns")},
        source=Source(**document["source"]),
        msns=tuple(document["msns"]),
        rows=tuple(rows),
    )
    if document["count"] != plan.count:
        raise PlanError(
            f"it states {document['count']} rows and has {plan.count}: it was changed after it was "
            "made, or it is cut off"
        )
    if document["totals"] != sum_by_currency(rows):
        raise PlanError("its totals are not the sums of its rows: it was changed after it was made")
    return plan, document["digest"]


def _check_fields(place: str, value: object, field_names: frozenset[str]) -> None:
    if not isinstance(value, dict):
        raise PlanError(f"{place} is not an object")
    if value.keys() == field_names:
        return
    unknown = sorted(value.keys() - field_names)
    if unknown:
        raise PlanError(f"{place} has the field {unknown[0]!r}, which is not a field of plans")
    raise PlanError(f"{place} lacks the field {sorted(field_names - value.keys())[0]!r}")
