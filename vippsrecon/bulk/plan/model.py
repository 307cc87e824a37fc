"""A plan: which payments to refund, capture or cancel, and by how much. It moves nothing.

A plan is one JSON file that people read, compare and sign off. Its digest is the SHA-256 of
everything it says, so an approval of the digest is an approval of every row. A file is taken
byte for byte as it was written, or refused.
"""

from __future__ import annotations

import codecs
import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from vippsrecon.bulk.plan.rules import (
    PLAN_FORMAT,
    REASONS,
    VERBS,
    Aggregate,
    check_plan,
    compute_allowed_amount,
    format_plan_time,
    parse_plan_time,
    refuse_format_version,
)
from vippsrecon.errors import PlanError, VippsReconError
from vippsrecon.money import format_amount, format_count
from vippsrecon.output_files import atomic_file

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.sources.rejects import Reject

__all__ = [
    "PLAN_FORMAT",
    "REASONS",
    "VERBS",
    "Aggregate",
    "Plan",
    "PlanRow",
    "Source",
    "check_plan",
    "compute_allowed_amount",
    "compute_digest",
    "compute_idempotency_key",
    "format_plan_file",
    "format_plan_time",
    "parse_plan_time",
    "read_plan",
    "write_plan",
]

KEY_NAMESPACE = uuid.UUID("6f1c2d3e-5b7a-5c46-9d0e-2a8b1f4e7c90")
"""Namespace of the idempotency keys. Another one would make every operation a new one."""

MAX_PLAN_FILE_BYTES = 512 * 1024 * 1024


class Source(NamedTuple):
    """What a plan was made from.

    Attributes:
        kind: "report", "list" or "python".
        name: Name of the file, without its folder; "" for one made in Python.
        sha256: Of the file's bytes; "" for one made in Python.
        fetched_at: When the aggregates in the rows were read from Vipps MobilePay, the earliest.
    """

    kind: str
    name: str
    sha256: str
    fetched_at: str


class PlanRow(NamedTuple):
    """One operation on one payment, and the payment as it was seen when planned.

    Attributes:
        row: Its number, from 1, without a gap.
        msn, reference: The payment.
        order_number: The number the shop shows, where known.
        currency: Of every amount in the row.
        amount_minor: What is refunded, captured or released, in minor units. 0 only for the
            cancel of a payment nobody has paid yet.
        reason: One of `REASONS`.
        note, document_ref: What the planner wrote, such as a credit note's number.
        vat_minor: VAT within the amount, where known.
        discrepancy_id: The discrepancies it settles, joined by one space; None from a list.
        authorized_minor, captured_minor, refunded_minor, cancelled_minor: The aggregate seen.
            A payment whose aggregate is another when carried out is refused.
        duplicate: The planner insists on a second operation that looks like an earlier one.
    """

    row: int
    msn: str
    reference: str
    order_number: str | None
    currency: str
    amount_minor: int
    reason: str
    note: str
    document_ref: str
    vat_minor: int | None
    discrepancy_id: str | None
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    cancelled_minor: int
    duplicate: bool


@dataclass(frozen=True)
class Plan:
    """What is to be done with which payments, all with one verb. Changing one makes another.

    Attributes:
        format: `PLAN_FORMAT` of the version that made it.
        plan_id: A random UUID.
        verb: "refund", "cancel" or "capture".
        environment: Where it may be carried out: "test", "production" or "simulator".
        host: The API host of that environment.
        msns: The sales units of the rows, sorted.
        planner: Who made it, as they named themselves or the machine named them.
        made_at, expires_at: Such as 2026-01-31T23:00:00Z. Afterwards no row is begun.
        source: What it was made from.
        cancel_created: Payments nobody has paid yet may be cancelled too.
        rows: One operation per payment.
        refused: What was asked for and is not in the plan, and why. Not part of the file.
        notes: What else the planner should know. Not part of the file.
    """

    format: int
    plan_id: str
    verb: str
    environment: str
    host: str
    msns: tuple[str, ...]
    planner: str
    made_at: str
    expires_at: str
    source: Source
    cancel_created: bool
    rows: tuple[PlanRow, ...]
    refused: tuple[Reject, ...] = field(default=(), compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def totals(self) -> dict[str, int]:
        """Currency to the sum of its rows in minor units. Currencies are never added."""
        return _sum_by_currency(self.rows)

    def __repr__(self) -> str:
        """Say in one line what it is; its rows are in `to_frame()`."""
        return f"<Plan {self.plan_id}: {self.short_description}, {self.environment}>"

    @property
    def short_description(self) -> str:
        """Number of rows and sum per currency, for a sentence."""
        try:
            sums = [format_amount(total, currency) for currency, total in self.totals.items()]
        except VippsReconError as error:  # one that was made by hand and is not checked yet
            sums = [str(error)]
        return ", ".join([format_count(self.count, self.verb), *sums])

    def summary(self) -> pd.DataFrame:
        """Return rows and sums by sales unit, currency and reason."""
        frame: pd.DataFrame = import_module("vippsrecon.bulk.plan.views").build_plan_summary(self)
        return frame

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a frame."""
        frame: pd.DataFrame = import_module("vippsrecon.bulk.plan.views").build_plan_frame(self)
        return frame

    def rejects(self) -> pd.DataFrame:
        """Return what was refused as a frame of `schemas.REJECTS`."""
        frame: pd.DataFrame = import_module("vippsrecon.bulk.plan.views").build_plan_rejects(self)
        return frame

    def _repr_html_(self) -> str:
        # Looked up by name: pandas has no business where money is moved.
        return str(import_module("vippsrecon.bulk.plan.views").render_plan_html(self))


def compute_digest(plan: Plan) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical JSON of the whole plan.

    Canonical: UTF-8, keys sorted, no spaces, integers only, rows in order; the digest itself
    is left out. What an auditor needs to compute it anew: read the file as JSON, take out
    `digest`, and hash `json.dumps(…, sort_keys=True, separators=(",", ":"),
    ensure_ascii=False)` in UTF-8.
    """
    try:
        return _hash_content(_build_content(plan))
    except (TypeError, ValueError) as error:
        raise PlanError(f"the plan holds what no plan file can: {error}") from None


def _hash_content(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def compute_idempotency_key(plan_id: str, verb: str, row: PlanRow) -> str:
    """Return the idempotency key of a row: the same for the same operation, for ever.

    36 characters, within the 50 Vipps MobilePay takes. Source:
    https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/#idempotency-key
    """
    said = f"{plan_id}|{row.row}|{row.msn}|{row.reference}|{verb}|{row.amount_minor}"
    return str(uuid.uuid5(KEY_NAMESPACE, said))


def format_plan_file(plan: Plan) -> str:
    """Return the plan as its file holds it: one line a row, so that two can be compared."""
    said = _build_content(plan)
    rows = said.pop("rows")
    head = orjson.dumps(
        {"digest": compute_digest(plan)} | said, option=orjson.OPT_INDENT_2
    ).decode()
    lines = ",\n".join("    " + orjson.dumps(row).decode() for row in rows)
    return f'{head[: -len("}") - 1]},\n  "rows": [\n{lines}\n  ]\n}}\n'


def write_plan(plan: Plan, path: str | Path) -> Path:
    """Write a plan's file, whole or not at all; an earlier plan there is kept beside it.

    Raises:
        PlanError: The plan is not one that could be read back.
        OutputError: The place cannot be written, or holds a file that is not a plan.
    """
    check_plan(plan)
    path = Path(path)
    with atomic_file(path, "plan", marked=b'"plan_id"') as made:
        made.write_bytes(format_plan_file(plan).encode())
    return path


def read_plan(path: str | Path) -> Plan:
    """Read a plan's file, refusing one that differs in one byte from what was written.

    Raises:
        PlanError: It cannot be read, was made by a newer version, was changed, or says what no
            plan may say; the sentence names file and place.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_PLAN_FILE_BYTES:
            raise PlanError(f"{path.name} is larger than 512 MB, which no plan is")
        content = path.read_bytes()
    except OSError as error:
        raise PlanError(f"{path.name} cannot be read: {error.strerror or error}") from None
    try:
        plan, claimed = _decode_plan(content)
        if claimed != compute_digest(plan):
            raise PlanError(
                "it was changed after it was made: its digest does not fit what it says. Make a "
                "new plan; plans are not edited"
            )
        check_plan(plan)
        if format_plan_file(plan).encode() != content:
            raise PlanError(
                "it was changed after it was made, if only in its spacing. Take the file as it "
                "was written, or make a new plan"
            )
    except PlanError as error:
        raise PlanError(f"{path.name}: {error}") from None
    return plan


_PLAN_FIELDS = tuple(one.name for one in fields(Plan) if one.compare)
_FILE_FIELDS = frozenset({*_PLAN_FIELDS, "digest", "totals", "count"})
_ROW_FIELDS = frozenset(PlanRow._fields)
_SOURCE_FIELDS = frozenset(Source._fields)


def _build_content(plan: Plan) -> dict[str, Any]:
    """Return everything the file says but the digest."""
    said = {name: getattr(plan, name) for name in _PLAN_FIELDS if name != "rows"}
    said["source"] = plan.source._asdict()
    said["count"] = plan.count
    said["totals"] = plan.totals
    said["rows"] = [row._asdict() for row in plan.rows]
    return said


def _decode_plan(content: bytes) -> tuple[Plan, object]:
    """Return the plan a file's bytes say, and the digest they claim."""
    if content.startswith(codecs.BOM_UTF8):
        raise PlanError("an editor saved it anew. Take the file as it was written")
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise PlanError("it is not a plan: it is no JSON, or it is cut off") from None
    if not isinstance(said, dict) or "plan_id" not in said or "format" not in said:
        raise PlanError("it is not a plan; make one with vippsrecon plan")
    if said["format"] != PLAN_FORMAT:
        refuse_format_version(said["format"])
    _check_fields("it", said, _FILE_FIELDS)
    _check_fields("source", said["source"], _SOURCE_FIELDS)
    if not isinstance(said["rows"], list) or not isinstance(said["msns"], list):
        raise PlanError("its rows or sales units are no list")
    rows = []
    for number, row in enumerate(said["rows"], start=1):
        _check_fields(f"row {number}", row, _ROW_FIELDS)
        rows.append(PlanRow(**row))
    plan = Plan(
        **{name: said[name] for name in _PLAN_FIELDS if name not in ("rows", "source", "msns")},
        source=Source(**said["source"]),
        msns=tuple(said["msns"]),
        rows=tuple(rows),
    )
    if said["count"] != plan.count:
        raise PlanError(
            f"it says it has {said['count']} rows and has {plan.count}: it was changed after it "
            "was made, or cut"
        )
    if said["totals"] != _sum_by_currency(rows):
        raise PlanError("its totals are not the sums of its rows: it was changed after it was made")
    return plan, said["digest"]


def _sum_by_currency(rows: Iterable[PlanRow]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        if type(row.amount_minor) is not int or type(row.currency) is not str:
            raise PlanError(f"row {row.row}: it has no amount in minor units, or no currency")
        totals[row.currency] = totals.get(row.currency, 0) + row.amount_minor
    return dict(sorted(totals.items()))


def _check_fields(what: str, said: object, known: frozenset[str]) -> None:
    if not isinstance(said, dict):
        raise PlanError(f"{what} is not an object")
    if said.keys() == known:
        return
    unknown = sorted(said.keys() - known)
    if unknown:
        raise PlanError(f"{what} has the field {unknown[0]!r}, which no plan has")
    raise PlanError(f"{what} lacks the field {sorted(known - said.keys())[0]!r}")
