"""Turn raw answers into tables and separate payments whose events do not match. No input or output.

Nearly all batches are decoded at once. A batch with an unusual answer is decoded answer by answer,
which finds the invalid one and names what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import polars as pl

from vippsrecon.api import bulk_decode, responses
from vippsrecon.api.models import Reading
from vippsrecon.config.settings import Settings
from vippsrecon.errors import ApiError, SchemaError, UnreadableAnswerError, VippsReconError
from vippsrecon.fetching import frames
from vippsrecon.fetching.frames import Failure, PaymentTables
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.vipps_rules import EVENTS_OF_TOTAL, MARKET_OF_CURRENCY

DiscoveryByKey = Mapping[tuple[str, str], str]


class DecodedBatch(NamedTuple):
    """A decoded batch of answers.

    Attributes:
        tables: Payments whose events sum to their aggregate, and these events.
        disagreeing: Payments whose events do not sum to their aggregate, and these events.
        failures: One per payment with an unreadable answer.
    """

    tables: PaymentTables
    disagreeing: PaymentTables
    failures: list[Failure]


def decode_readings(
    bodies: Sequence[bulk_decode.RawReading], settings: Settings, discovered_by: DiscoveryByKey
) -> DecodedBatch:
    """Decode answers, in their order, and compare each event log with its aggregate.

    Args:
        bodies: The undecoded answers; all with event logs or all without.
        settings: Gives the time zone of each sales unit.
        discovered_by: (msn, reference) to where the reference came from.
    """
    tables, failures = _decode_all_at_once(bodies, settings, discovered_by), list[Failure]()
    if tables is None:
        tables = frames.concatenate_tables(
            _decode_one_by_one(bodies, settings, discovered_by, failures)
        )
    if not bodies or bodies[0].events is None:
        return DecodedBatch(tables, frames.concatenate_tables([]), failures)
    disagreeing_keys = find_disagreeing(tables)
    if not len(disagreeing_keys):
        return DecodedBatch(tables, frames.concatenate_tables([]), failures)
    return DecodedBatch(
        _filter_tables(tables, disagreeing_keys, "anti"),
        _filter_tables(tables, disagreeing_keys, "semi"),
        failures,
    )


def find_disagreeing(tables: PaymentTables) -> pl.DataFrame:
    """Return (msn, reference) of the payments whose events do not sum to their aggregate."""
    log = pl.DataFrame(tables.events.select([*PAYMENT_KEY, "name", "amount_minor", "success"]))
    sums = (
        log.filter("success")
        .group_by(PAYMENT_KEY)
        .agg(
            (pl.col("amount_minor") * pl.col("name").is_in(names)).sum().alias(f"events_{total}")
            for total, names in EVENTS_OF_TOTAL.items()
        )
    )
    totals = pl.DataFrame(tables.payments.select([*PAYMENT_KEY, *EVENTS_OF_TOTAL]))
    return (
        totals.join(sums, on=PAYMENT_KEY, how="left")
        .filter(
            pl.any_horizontal(
                pl.col(total) != pl.col(f"events_{total}").fill_null(0) for total in EVENTS_OF_TOTAL
            )
        )
        .select(PAYMENT_KEY)
    )


def build_failure(key: tuple[str, str], operation: str, error: VippsReconError) -> Failure:
    """Return an error as a row of `failures`."""
    msn, reference = key
    if not isinstance(error, ApiError):
        return Failure(msn, reference, operation, None, "no answer", str(error))
    details = [f"code {error.code}" if error.code else "", error.detail]
    return Failure(
        msn,
        reference,
        operation,
        error.status,
        error.title or "no reason given",
        ": ".join(part for part in details if part) or None,
        error.trace_id or None,
    )


def _decode_all_at_once(
    bodies: Sequence[bulk_decode.RawReading], settings: Settings, discovered_by: DiscoveryByKey
) -> PaymentTables | None:
    columns = bulk_decode.decode_batch(bodies)
    if columns is None:
        return None
    units = (columns.payments[name].to_pylist() for name in ("msn", "currency"))
    try:
        return frames.build_tables_from_columns(
            columns.payments,
            columns.events,
            owners=columns.owners,
            fetched_at=[body.fetched_at for body in bodies],
            zones=_find_zones(dict(zip(*units, strict=True)), settings),
            discovered_by=[discovered_by.get((body.msn, body.reference)) for body in bodies],
        )
    except SchemaError:
        return None


def _decode_one_by_one(
    bodies: Sequence[bulk_decode.RawReading],
    settings: Settings,
    discovered_by: DiscoveryByKey,
    failures: list[Failure],
) -> list[PaymentTables]:
    readings = []
    for body in bodies:
        operation = "getPayment"
        try:
            payment = responses.decode_payment(200, body.payment, body.msn, body.reference)
            operation = "getPaymentEventLog"
            log = responses.decode_events(200, body.events or b"[]", body.msn, body.reference)
        except UnreadableAnswerError as error:
            failures.append(build_failure((body.msn, body.reference), operation, error))
        else:
            readings.append(Reading(payment, log, body.fetched_at))
    return _build_valid_tables(readings, settings, discovered_by, failures)


def _build_valid_tables(
    readings: Sequence[Reading],
    settings: Settings,
    discovered_by: DiscoveryByKey,
    failures: list[Failure],
) -> list[PaymentTables]:
    """Return tables of the readings that fit the schemas; halve the list to find the others."""
    if not readings:
        return []
    zones = _find_zones(
        {reading.payment.msn: reading.payment.currency for reading in readings}, settings
    )
    try:
        return [frames.build_tables(readings, zones, discovered_by)]
    except SchemaError as error:
        if len(readings) == 1:
            operation = "getPayment" if error.frame == "payments" else "getPaymentEventLog"
            title = "an answer that cannot be understood"
            key = readings[0].payment[:2]
            failures.append(Failure(*key, operation, 200, title, str(error)))
            return []
    half = len(readings) // 2
    return [
        *_build_valid_tables(readings[:half], settings, discovered_by, failures),
        *_build_valid_tables(readings[half:], settings, discovered_by, failures),
    ]


def _find_zones(currencies: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Return the zone of each sales unit: configured, else that of its currency's market."""
    zones = {}
    for msn, currency in currencies.items():
        unit = settings.unit(msn)
        if unit.market is None and unit.timezone is None:
            unit = replace(unit, market=MARKET_OF_CURRENCY.get(currency))
        zones[msn] = unit.zone
    return zones


def _filter_tables(
    tables: PaymentTables, keys: pl.DataFrame, how: Literal["semi", "anti"]
) -> PaymentTables:
    filtered = (
        pl.DataFrame(table)
        .join(keys, on=PAYMENT_KEY, how=how, maintain_order="left")
        .to_arrow(compat_level=pl.CompatLevel.oldest())
        .cast(table.schema)
        for table in tables
    )
    return PaymentTables(*filtered)
