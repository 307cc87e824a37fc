"""Determine the sales unit, currency and time zone of each row."""

from __future__ import annotations

import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.money import DECIMALS
from vippsrecon.sources.files.headings import normalize_word
from vippsrecon.texts import say
from vippsrecon.vipps_rules import (
    CURRENCY_OF_MARKET,
    MARKET_OF_CURRENCY,
    MSN_PATTERN,
    ZONE_OF_MARKET,
)

_MSN_PATTERN = re.compile(MSN_PATTERN)


class RowAssignment(NamedTuple):
    """Sales unit, currency and zone of a row, or the field at fault and the reason.

    `assumed`: the currency is only the preview's assumption.
    """

    msn: str | None
    currency: str | None
    zone: str
    field: str | None = None
    value: str | None = None
    reason: str | None = None
    assumed: bool = False


class SalesUnitResolver:
    """Determines sales unit, currency and zone of rows from their cells and the settings.

    Sales unit: from the file; else the one whose `stores` has the row's store; else the default
    or the only one configured, unless its currency is another than the row's and one sales unit
    has that; else the only one with the row's currency. Currency: from the file; else the sales
    unit's setting; else its market's.

    >>> resolver = SalesUnitResolver((SalesUnit("123456", market="DK"),), None, "orders.csv")
    >>> resolver.resolve_row("", "", "")[:3]
    ('123456', 'DKK', 'Europe/Copenhagen')
    >>> units = (SalesUnit("111111", market="NO"), SalesUnit("222222", market="DK"))
    >>> resolver = SalesUnitResolver(units, "111111", "orders.csv")
    >>> [resolver.resolve_row("", "", currency).msn for currency in ("NOK", "DKK", "EUR")]
    ['111111', '222222', '111111']
    """

    def __init__(
        self,
        units: tuple[SalesUnit, ...],
        default_msn: str | None,
        file: str,
        assumed_currency: str | None = None,
    ) -> None:
        """Store the settings of this file; a currency is assumed in previews only."""
        self.assumed_currency = assumed_currency
        self.units = {unit.msn: unit for unit in units}
        self.stores = {normalize_word(store): unit.msn for unit in units for store in unit.stores}
        self.default = default_msn or (units[0].msn if len(units) == 1 else None)
        self.file = file
        for unit in units:
            try:
                ZoneInfo(unit.zone)
            except (ValueError, OSError):
                raise ConfigurationError(
                    f"the timezone {unit.zone!r} of sales unit {unit.msn} is not known"
                ) from None

    def places(self, msn: pl.Series, store: pl.Series, currency: pl.Series) -> pl.DataFrame:
        """Return one assignment per row.

        Raises:
            SourceError: No row has a sales unit, or no row has a currency.
        """
        keys = pl.DataFrame({"_msn": msn, "_store": store, "_currency": currency})
        different = keys.unique(maintain_order=True)
        assignments = [self.resolve_row(*row) for row in different.iter_rows()]
        if assignments and all(place.msn is None for place in assignments):
            self._refuse_sales_unit(assignments[0])
        if assignments and all(place.currency is None and not place.value for place in assignments):
            self._refuse_currency(assignments)
        schema = dict.fromkeys(RowAssignment._fields, pl.String) | {"assumed": pl.Boolean}
        places_frame = pl.DataFrame(
            [list(place) for place in assignments], schema=schema, orient="row"
        )
        return keys.join(
            different.hstack(places_frame), on=keys.columns, how="left", maintain_order="left"
        ).drop(keys.columns)

    def resolve_row(self, msn: str, store: str, currency: str) -> RowAssignment:
        """Return the assignment of a row with these cells."""
        code = currency.upper()
        if msn and not _MSN_PATTERN.fullmatch(msn):
            return RowAssignment(None, None, "", "msn", msn, say("reasons.no_msn"))
        unit_msn = msn or self.stores.get(normalize_word(store)) or self._choose_unnamed_unit(code)
        if unit_msn is None:
            why = say("reasons.no_store_unit")
            return RowAssignment(None, code or None, "", "store", store, why)
        unit = self.units.get(unit_msn, SalesUnit(unit_msn))
        code = code or unit.currency or CURRENCY_OF_MARKET.get(unit.market or "", "")
        zone = unit.timezone or ZONE_OF_MARKET.get(
            unit.market or MARKET_OF_CURRENCY.get(code, ""), unit.zone
        )
        assumed = not code and self.assumed_currency is not None
        code = code or self.assumed_currency or ""
        if not code:
            return RowAssignment(unit_msn, None, zone, "currency", "", say("reasons.no_currency"))
        if code not in DECIMALS:
            known = ", ".join(DECIMALS)
            why = say("reasons.unknown_currency", known=known)
            return RowAssignment(unit_msn, None, zone, "currency", currency, why)
        return RowAssignment(unit_msn, code, zone, assumed=assumed)

    def _choose_unnamed_unit(self, code: str) -> str | None:
        default = self.units.get(self.default or "")
        has = default and (default.currency or CURRENCY_OF_MARKET.get(default.market or ""))
        if self.default and (not code or not has or has == code):
            return self.default
        return self._find_unit_by_currency(code) or self.default

    def _find_unit_by_currency(self, code: str) -> str | None:
        trading = [
            unit.msn
            for unit in self.units.values()
            if code and code == (unit.currency or CURRENCY_OF_MARKET.get(unit.market or ""))
        ]
        return trading[0] if len(trading) == 1 else None

    def _refuse_currency(self, assignments: list[RowAssignment]) -> None:
        msn = next((place.msn for place in assignments if place.msn is not None), "")
        raise SourceError(
            "the export has no currency. Write the shop's currency into vippsrecon.toml, for "
            f'example these three lines: [[sales_unit]] | msn = "{msn}" | currency = "NOK". If the '
            "sales unit already has a table, add only the last line to it. Or map the column with "
            "--mapping",
            file=self.file,
        )

    def _refuse_sales_unit(self, first: RowAssignment) -> None:
        if first.field == "msn":
            raise SourceError(
                f"{first.value!r} is not a merchant serial number", file=self.file, column="msn"
            )
        if self.units:
            raise SourceError(
                "it is not clear which of the sales units the orders belong to; name the shop's "
                "stores in 'stores' of each sales unit in vippsrecon.toml, or set VIPPS_MSN",
                file=self.file,
            )
        raise SourceError(
            "the export does not say which sales unit its orders belong to; add a column msn, set "
            "VIPPS_MSN, or in Python give units=[SalesUnit('123456')]",
            file=self.file,
        )
