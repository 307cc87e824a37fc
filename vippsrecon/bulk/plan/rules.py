"""The rules for a plan's content. Every plan is checked when it is made, written and read.

The rules also hold for a plan that was edited and given a new digest, so no plan can move more
than its payments allowed when they were read.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from vippsrecon.bulk.aggregate import Aggregate, compute_allowed_amount
from vippsrecon.bulk.people import MAX_TEXT_LENGTH, UNPRINTABLE
from vippsrecon.bulk.times import parse_plan_time
from vippsrecon.bulk.verbs import VERBS
from vippsrecon.config.settings import ENVIRONMENTS
from vippsrecon.errors import PlanError
from vippsrecon.money import DECIMALS, LARGEST_MINOR, format_amount
from vippsrecon.vipps_rules import MSN_PATTERN, REFERENCE_PATTERN

if TYPE_CHECKING:
    from vippsrecon.bulk.plan.model import Plan, PlanRow, Source

PLAN_FORMAT = 1
"""Version of the file format. A file with a higher version is rejected."""

REASONS = (
    "return",
    "cancellation",
    "price_correction",
    "duplicate",
    "goodwill",
    "not_delivered",
    "excess_capture",
    "release",
    "other",
)

SOURCE_KINDS = ("report", "list", "python")

_MSN_PATTERN = re.compile(MSN_PATTERN)
_REFERENCE_PATTERN = re.compile(REFERENCE_PATTERN)
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


_CURRENCIES = tuple(DECIMALS)


_AMOUNT_FIELDS = ("amount_minor", *Aggregate._fields)


def check_plan(plan: Plan) -> None:
    """Reject a plan that breaks a rule.

    Raises:
        PlanError: The version, verb or environment is not known; there are no rows, or their
            numbers have a gap; a payment occurs twice; an amount is 0, or is more than the
            payment allowed when it was read.
    """
    if plan.format != PLAN_FORMAT or type(plan.format) is not int:
        refuse_format_version(plan.format)
    if not _is_uuid4(plan.plan_id):
        raise PlanError(f"plan_id {plan.plan_id!r} is not a random UUID")
    _check_choice("verb", plan.verb, VERBS)
    _check_choice("environment", plan.environment, ENVIRONMENTS)
    _check_text("host", plan.host)
    _check_text("planner", plan.planner)
    if type(plan.cancel_created) is not bool:
        raise PlanError("cancel_created is neither true nor false")
    if parse_plan_time(plan.made_at) >= parse_plan_time(plan.expires_at):
        raise PlanError(f"it expires at {plan.expires_at}, before it was made")
    _check_source(plan.source)
    if not plan.rows:
        raise PlanError("it has no rows, so there is nothing to approve or carry out")
    _check_rows(plan)
    msns = tuple(sorted({row.msn for row in plan.rows}))
    if plan.msns != msns:
        raise PlanError(f"its sales units are not those of its rows ({', '.join(msns)})")
    for currency, total in plan.totals.items():
        if total > LARGEST_MINOR:
            raise PlanError(f"the sum in {currency} has more than fifteen digits")


def refuse_format_version(version: object) -> None:
    """Reject a plan whose format this version does not know.

    Raises:
        PlanError: Always; the message differs for a newer format and for one that never existed.
    """
    if type(version) is int and version > PLAN_FORMAT:
        raise PlanError(
            f"it was made by a newer version of vippsrecon (plan format {version}; this version "
            f"reads {PLAN_FORMAT}). Update vippsrecon, or make a new plan with this version"
        )
    raise PlanError(f"its plan format {version!r} is not known. Make a new plan")


def _check_source(source: Source) -> None:
    _check_choice("source.kind", source.kind, SOURCE_KINDS)
    has_no_file = source.kind == "python"
    _check_text("source.name", source.name, allow_empty=has_no_file)
    _check_text("source.sha256", source.sha256, allow_empty=has_no_file)
    if source.sha256 and _SHA256_PATTERN.fullmatch(source.sha256) is None:
        raise PlanError(f"source.sha256 {source.sha256!r} is not a SHA-256")
    parse_plan_time(source.fetched_at)


def _check_rows(plan: Plan) -> None:
    earlier_keys: set[tuple[str, str]] = set()
    for number, row in enumerate(plan.rows, start=1):
        try:
            _check_row(row, number)
            _check_amount(row, plan.verb, plan.cancel_created)
        except PlanError as error:
            raise PlanError(f"row {number}: {error}") from None
        key = (row.msn, row.reference)
        if key in earlier_keys:
            raise PlanError(
                f"row {number}: payment {row.reference} of sales unit {row.msn} occurs in the "
                "plan twice; a plan has one row per payment"
            )
        earlier_keys.add(key)


def _check_row(row: PlanRow, number: int) -> None:
    if type(row.row) is not int or row.row != number:
        raise PlanError(f"it is numbered {row.row!r}")
    _check_pattern("msn", row.msn, _MSN_PATTERN)
    _check_pattern("reference", row.reference, _REFERENCE_PATTERN)
    _check_choice("currency", row.currency, _CURRENCIES)
    _check_choice("reason", row.reason, REASONS)
    _check_text("note", row.note, allow_empty=True)
    _check_text("document_ref", row.document_ref, allow_empty=True)
    if row.order_number is not None:
        _check_text("order_number", row.order_number)
    if row.discrepancy_id is not None:
        _check_text("discrepancy_id", row.discrepancy_id)
    if type(row.duplicate) is not bool:
        raise PlanError("duplicate is neither true nor false")
    for name in _AMOUNT_FIELDS:
        value = getattr(row, name)
        if type(value) is not int or not 0 <= value <= LARGEST_MINOR:
            raise PlanError(f"{name} {value!r} is not a whole number of minor units from 0 up")
    vat = row.vat_minor
    if vat is not None and (type(vat) is not int or not 0 <= vat <= row.amount_minor):
        raise PlanError(f"vat_minor {vat!r} is not between 0 and the amount")


def _check_amount(row: PlanRow, verb: str, cancel_created: bool) -> None:
    is_unapproved = verb == "cancel" and cancel_created and not any(row.aggregate)
    if row.amount_minor == 0 and not is_unapproved:
        raise PlanError("its amount is 0, so there is nothing to do")
    allowed_minor = compute_allowed_amount(verb, row.aggregate)
    if row.amount_minor > allowed_minor:
        raise PlanError(
            f"{format_amount(row.amount_minor, row.currency)} is more than the "
            f"{format_amount(allowed_minor, row.currency)} its payment allowed when it was planned"
        )
    if verb == "cancel" and row.amount_minor != allowed_minor:
        raise PlanError(
            "a cancel releases everything that is reserved, which is "
            f"{format_amount(allowed_minor, row.currency)} and not {format_amount(row.amount_minor, row.currency)}"
        )


def _check_pattern(name: str, value: object, pattern: re.Pattern[str]) -> None:
    if type(value) is not str or pattern.fullmatch(value) is None:
        raise PlanError(f"{name} {str(value)[:80]!r} is not valid at Vipps MobilePay")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise PlanError(f"{name} {value!r} is not one of {', '.join(choices)}")


def _check_text(name: str, value: object, *, allow_empty: bool = False) -> None:
    if type(value) is not str:
        raise PlanError(f"{name} is not a text")
    if not value and not allow_empty:
        raise PlanError(f"{name} is empty")
    if len(value) > MAX_TEXT_LENGTH:
        raise PlanError(f"{name} is longer than {MAX_TEXT_LENGTH} characters")
    if UNPRINTABLE.search(value) is not None:
        raise PlanError(
            f"{name} contains a line break or another character that cannot be displayed"
        )


def _is_uuid4(text: object) -> bool:
    try:
        parsed = uuid.UUID(text) if type(text) is str else None
    except ValueError:
        return False
    return parsed is not None and str(parsed) == text and parsed.version == 4
