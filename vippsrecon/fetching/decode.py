"""Answers as they landed become tables; what cannot be believed yet is told apart. Pure.

Nearly all answers are ordinary and decoded many at once. A batch with an unusual one goes the
careful way, answer by answer, which finds the one at fault and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import polars as pl

from vippsrecon.api import bulk_decode, responses
from vippsrecon.api.models import Reading
from vippsrecon.config.settings import MARKET_OF_CURRENCY, Settings
from vippsrecon.errors import ApiError, SchemaError, UnreadableAnswerError, VippsReconError
from vippsrecon.fetching import frames
from vippsrecon.fetching.frames import Failure, PaymentTables
from vippsrecon.fetching.worklist import KEY

TOTALS = {
    "authorized_minor": ("AUTHORIZED",),
    "captured_minor": ("CAPTURED",),
    "refunded_minor": ("REFUNDED",),
    "cancelled_minor": ("CANCELLED", "TERMINATED"),
}
"""Each total of a payment's aggregate, and the events whose successful amounts sum to it.
Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/ (event log)"""

Ways = Mapping[tuple[str, str], str]


class Decoded(NamedTuple):
    """What a batch of answers says.

    Attributes:
        tables: The payments that can be believed, and their events.
        disagreeing: Payments whose events do not sum to their aggregate, likewise with events.
        failures: One per payment whose answer cannot be understood.
    """

    tables: PaymentTables
    disagreeing: PaymentTables
    failures: list[Failure]


def decoded(bodies: Sequence[bulk_decode.Bodies], settings: Settings, ways: Ways) -> Decoded:
    """Decode answers, in their order, and compare each event log with its aggregate.

    Args:
        bodies: The answers, undecoded, with event logs or all without.
        settings: Says in which zone each sales unit counts its days.
        ways: (msn, reference) to how it came to be asked for.
    """
    tables, failures = _at_once(bodies, settings, ways), list[Failure]()
    if tables is None:
        tables = frames.concatenate_tables(_one_by_one(bodies, settings, ways, failures))
    if not bodies or bodies[0].events is None:
        return Decoded(tables, frames.concatenate_tables([]), failures)
    odd = disagreeing(tables)
    if not len(odd):
        return Decoded(tables, frames.concatenate_tables([]), failures)
    return Decoded(_only(tables, odd, "anti"), _only(tables, odd, "semi"), failures)


def disagreeing(tables: PaymentTables) -> pl.DataFrame:
    """Return (msn, reference) of the payments whose events do not sum to their aggregate."""
    log = pl.DataFrame(tables.events.select([*KEY, "name", "amount_minor", "success"]))
    sums = (
        log.filter("success")
        .group_by(KEY)
        .agg(
            (pl.col("amount_minor") * pl.col("name").is_in(names)).sum().alias(f"events_{total}")
            for total, names in TOTALS.items()
        )
    )
    totals = pl.DataFrame(tables.payments.select([*KEY, *TOTALS]))
    return (
        totals.join(sums, on=KEY, how="left")
        .filter(
            pl.any_horizontal(
                pl.col(total) != pl.col(f"events_{total}").fill_null(0) for total in TOTALS
            )
        )
        .select(KEY)
    )


def failure(wanted: tuple[str, str], operation: str, error: VippsReconError) -> Failure:
    """Return the row of `failures` that an error means."""
    msn, reference = wanted
    if not isinstance(error, ApiError):
        return Failure(msn, reference, operation, None, "no answer", str(error))
    said = [f"code {error.code}" if error.code else "", error.detail]
    return Failure(
        msn,
        reference,
        operation,
        error.status,
        error.title or "no reason given",
        ": ".join(part for part in said if part) or None,
        error.trace_id or None,
    )


def _at_once(
    bodies: Sequence[bulk_decode.Bodies], settings: Settings, ways: Ways
) -> PaymentTables | None:
    found = bulk_decode.decode(bodies)
    if found is None:
        return None
    units = (found.payments[name].to_pylist() for name in ("msn", "currency"))
    try:
        return frames.build_tables_from_columns(
            found.payments,
            found.events,
            owners=found.owners,
            fetched_at=[body.fetched_at for body in bodies],
            zones=_zones(dict(zip(*units, strict=True)), settings),
            discovered_by=[ways.get((body.msn, body.reference)) for body in bodies],
        )
    except SchemaError:
        return None


def _one_by_one(
    bodies: Sequence[bulk_decode.Bodies], settings: Settings, ways: Ways, failures: list[Failure]
) -> list[PaymentTables]:
    readings = []
    for body in bodies:
        operation = "getPayment"
        try:
            payment = responses.payment(200, body.payment, body.msn, body.reference)
            operation = "getPaymentEventLog"
            log = responses.events(200, body.events or b"[]", body.msn, body.reference)
        except UnreadableAnswerError as error:
            failures.append(failure((body.msn, body.reference), operation, error))
        else:
            readings.append(Reading(payment, log, body.fetched_at))
    return _fitting(readings, settings, ways, failures)


def _fitting(
    readings: Sequence[Reading], settings: Settings, ways: Ways, failures: list[Failure]
) -> list[PaymentTables]:
    """Return tables of the readings that fit their schemas; halve until the others are found."""
    if not readings:
        return []
    zones = _zones({one.payment.msn: one.payment.currency for one in readings}, settings)
    try:
        return [frames.build_tables(readings, zones, ways)]
    except SchemaError as error:
        if len(readings) == 1:
            operation = "getPayment" if error.frame == "payments" else "getPaymentEventLog"
            title = "an answer that cannot be understood"
            key = readings[0].payment[:2]
            failures.append(Failure(*key, operation, 200, title, str(error)))
            return []
    half = len(readings) // 2
    return [
        *_fitting(readings[:half], settings, ways, failures),
        *_fitting(readings[half:], settings, ways, failures),
    ]


def _zones(currencies: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return each unit's zone: its own, else that of the market its currency belongs to."""
    zones = {}
    for msn, currency in currencies.items():
        unit = settings.unit(msn)
        if unit.market is None and unit.timezone is None:
            unit = replace(unit, market=MARKET_OF_CURRENCY.get(currency))
        zones[msn] = unit.zone
    return zones


def _only(tables: PaymentTables, keys: pl.DataFrame, how: Literal["semi", "anti"]) -> PaymentTables:
    kept = (
        pl.DataFrame(table)
        .join(keys, on=KEY, how=how, maintain_order="left")
        .to_arrow(compat_level=pl.CompatLevel.oldest())
        .cast(table.schema)
        for table in tables
    )
    return PaymentTables(*kept)
