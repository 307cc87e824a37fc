"""Describe what the figures of a run are based on: hashes of inputs, versions, settings."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vippsrecon.config.settings import SalesUnit, Settings
    from vippsrecon.fetching import Fetched
    from vippsrecon.sources import OrderFiles
    from vippsrecon.workflow.inputs.money_files import MoneyFiles
    from vippsrecon.workflow.saved_run import FetchFacts

VERSIONED_LIBRARIES = ("narwhals", "pandas", "polars", "pyarrow")
"""The libraries whose versions could change a figure; the manifest lists them."""


def build_manifest(  # noqa: PLR0917 (each is a part of the run)
    files: OrderFiles[pl.DataFrame],
    fetched: Fetched[pl.DataFrame],
    settings: Settings,
    facts: FetchFacts,
    money: MoneyFiles,
    inputs: Mapping[str, str],
) -> dict[str, Any]:
    """Describe what the figures are based on: hashes of inputs, versions, settings.

    Contains no path and no time of running, so that a repeated run writes the same report.
    """
    return {
        "environment": facts.environment,
        "sales_units": sorted({*files.orders["msn"].unique(), *fetched.payments["msn"].unique()}),
        "fetched_at": _format_latest(fetched.payments["fetched_at"]),
        "discovered_by": dict(
            fetched.payments.drop_nulls("discovered_by")
            .group_by("discovered_by")
            .len()
            .sort("discovered_by")
            .rows()
        ),
        "inputs": {file.name: file.sha256 for file in files.files}
        | dict(money.inputs)
        | dict(inputs),
        "exported_at": {
            file.name: f"{file.exported_at:%Y-%m-%dT%H:%M:%SZ} ({file.exported_at_from})"
            for file in files.files
        },
        "coverage": {
            file.name: {
                "orders": file.orders,
                "first_day": file.period and file.period[0].isoformat(),
                "last_day": file.period and file.period[1].isoformat(),
            }
            for file in files.files
        },
        **money.describe(),
        "ledger_read": facts.ledger_read,
        "notes": [*(note for file in files.files for note in file.notes), *money.notes],
        "versions": {
            "vippsrecon": __version__,
            **{name: version(name) for name in VERSIONED_LIBRARIES},
        },
        "settings": {
            "sales_units": [_list_unit_settings(unit) for unit in settings.units],
            "rules": dict(vars(settings.rules)),
        },
    }


def _format_latest(moments: pl.Series) -> str | None:
    return f"{moments.sort()[-1]:%Y-%m-%dT%H:%M:%SZ}" if len(moments) else None


def _list_unit_settings(unit: SalesUnit) -> dict[str, Any]:
    return {name: value for name, value in vars(unit).items() if value not in (None, ())}
