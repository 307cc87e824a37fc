"""What a plan may say: verbs, reasons, amounts, times. Every plan read or written passes here.

A plan that was edited and given a fresh digest still meets these, so it cannot ask for more
than the payments allowed when they were seen.
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

if TYPE_CHECKING:
    from vippsrecon.bulk.plan.model import Plan, PlanRow, Source

PLAN_FORMAT = 1
"""Version of the file's form; a higher one is refused, never guessed at."""

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

_MSN_PATTERN = re.compile(r"[0-9]{4,10}")
_REFERENCE_PATTERN = re.compile(r"[a-zA-Z0-9-]{1,64}")
_SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


_CURRENCIES = tuple(DECIMALS)


_AMOUNT_FIELDS = ("amount_minor", *Aggregate._fields)


def check_plan(plan: Plan) -> None:
    """Refuse a plan that says what no plan may say.

    Raises:
        PlanError: Another version, verb or environment; no rows, or numbers with a gap; a
            payment twice; an amount that is nothing or more than the payment allowed when seen.
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
        raise PlanError("it holds no rows, so there is nothing to approve or carry out")
    _check_rows(plan)
    units = tuple(sorted({row.msn for row in plan.rows}))
    if plan.msns != units:
        raise PlanError(f"its sales units are not those of its rows ({', '.join(units)})")
    for currency, total in plan.totals.items():
        if total > LARGEST_MINOR:
            raise PlanError(f"the sum in {currency} has more than fifteen digits")


def refuse_format_version(version: object) -> None:
    """Refuse a plan of another format than ours.

    Raises:
        PlanError: Always; the sentence tells a newer one from one that never was.
    """
    if type(version) is int and version > PLAN_FORMAT:
        raise PlanError(
            f"it was made by a newer version of vippsrecon (plan format {version}, and this one "
            f"knows {PLAN_FORMAT}): update vippsrecon, or make the plan anew with this version"
        )
    raise PlanError(f"its plan format {version!r} is not known; make the plan anew")


def _check_source(source: Source) -> None:
    _check_choice("source.kind", source.kind, SOURCE_KINDS)
    made_here = source.kind == "python"
    _check_text("source.name", source.name, empty=made_here)
    _check_text("source.sha256", source.sha256, empty=made_here)
    if source.sha256 and _SHA256_PATTERN.fullmatch(source.sha256) is None:
        raise PlanError(f"source.sha256 {source.sha256!r} is no SHA-256")
    parse_plan_time(source.fetched_at)


def _check_rows(plan: Plan) -> None:
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(plan.rows, start=1):
        try:
            _check_row(row, number)
            _check_amount(row, plan.verb, plan.cancel_created)
        except PlanError as error:
            raise PlanError(f"row {number}: {error}") from None
        key = (row.msn, row.reference)
        if key in seen:
            raise PlanError(
                f"row {number}: payment {row.reference} of sales unit {row.msn} stands in the "
                "plan twice; a plan has one row per payment"
            )
        seen.add(key)


def _check_row(row: PlanRow, number: int) -> None:
    if type(row.row) is not int or row.row != number:
        raise PlanError(f"it is numbered {row.row!r}")
    _check_pattern("msn", row.msn, _MSN_PATTERN)
    _check_pattern("reference", row.reference, _REFERENCE_PATTERN)
    _check_choice("currency", row.currency, _CURRENCIES)
    _check_choice("reason", row.reason, REASONS)
    _check_text("note", row.note, empty=True)
    _check_text("document_ref", row.document_ref, empty=True)
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
    unpaid = verb == "cancel" and cancel_created and not any(row.aggregate)
    if row.amount_minor == 0 and not unpaid:
        raise PlanError("its amount is 0, so there is nothing to do")
    most = compute_allowed_amount(verb, row.aggregate)
    if row.amount_minor > most:
        raise PlanError(
            f"{format_amount(row.amount_minor, row.currency)} is more than the "
            f"{format_amount(most, row.currency)} its payment allowed when it was planned"
        )
    if verb == "cancel" and row.amount_minor != most:
        raise PlanError(
            "a cancel releases everything reserved, which is "
            f"{format_amount(most, row.currency)} and not {format_amount(row.amount_minor, row.currency)}"
        )


def _check_pattern(name: str, value: object, pattern: re.Pattern[str]) -> None:
    if type(value) is not str or pattern.fullmatch(value) is None:
        raise PlanError(f"{name} {str(value)[:80]!r} is not one Vipps MobilePay can have")


def _check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise PlanError(f"{name} {value!r} is not one of {', '.join(known)}")


def _check_text(name: str, value: object, *, empty: bool = False) -> None:
    if type(value) is not str:
        raise PlanError(f"{name} is no text")
    if not value and not empty:
        raise PlanError(f"{name} is empty")
    if len(value) > MAX_TEXT_LENGTH:
        raise PlanError(f"{name} is longer than {MAX_TEXT_LENGTH} characters")
    if UNPRINTABLE.search(value) is not None:
        raise PlanError(f"{name} holds a line break or another character that cannot be shown")


def _is_uuid4(text: object) -> bool:
    try:
        found = uuid.UUID(text) if type(text) is str else None
    except ValueError:
        return False
    return found is not None and str(found) == text and found.version == 4
