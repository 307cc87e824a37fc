"""Build small reconciliations for the tests of the report; their frames fit the schemas."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from vippsrecon import schemas
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.reconciliation.results.groups import GROUPS

if TYPE_CHECKING:
    import pandas as pd

FROM = datetime(2026, 10, 1, 8, tzinfo=UTC)
AS_OF = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def frame(promise: schemas.Frame, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame that fits `promise`; a value that a row leaves out is unknown."""
    full_rows = [{name: row.get(name) for name in promise.names} for row in rows]
    built = pa.Table.from_pylist(full_rows, schema=promise.arrow_schema())
    schemas.validate(pl.DataFrame(built), promise)
    return schemas.to_pandas(built)


MANIFEST = {
    "as_of": "2026-11-02T06:30:00Z",
    "fetched_at": "2026-11-02T06:31:12Z",
    "exported_at": {"orders.csv": "2026-11-02T06:00:00Z"},
    "period": ["2026-10-01", "2026-10-31"],
    "sales_units": ["123456", "654321"],
    "environment": "test",
    "inputs": {"orders.csv": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    "versions": {"vippsrecon": "0.1.0", "pandas": "3.1.1"},
    "settings": {"rules": {"tolerance_minor": 0, "rounding_cap_minor": 1000}, "owners": ["Kari"]},
    "counts": {"orders": 100, "payments": 100},
    "outside_period": {"orders": 3, "payments": 2},
    "discovered_by": {"orders": 95, "ledger": 5},
}


@dataclass
class Month:
    """Collect the rows of a month: add pairs, then call `reconciliation` for the result."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    discrepancies: list[dict[str, Any]] = field(default_factory=list)
    buckets: list[dict[str, Any]] = field(default_factory=list)

    def pair(
        self,
        reference: str,
        total: int,
        captured: int,
        *,
        currency: str = "NOK",
        msn: str = "123456",
        kind: str = "",
        bucket: str = "matched",
        severity: str = "medium",
        order_number: str | None = None,
        **wrong: Any,
    ) -> None:
        """Add an order and its payment, and also a discrepancy if the bucket is `discrepancy`."""
        row = len(self.orders) + 2
        day = timedelta(hours=7 * (row % 100))
        at = FROM + day
        number = order_number if order_number is not None else f"#{1000 + row}"
        self.orders.append(
            {
                "msn": msn,
                "reference": reference,
                "order_number": number,
                "currency": currency,
                "ordered_at": at,
                "ordered_day": (at.date() - date(1970, 1, 1)).days,
                "total_minor": total,
                "refunded_minor": 0,
                "status": "fulfilled",
                "paid": "yes",
                "payment_method": "Vipps",
                "by_vipps": True,
                "recurring": False,
                "split_tender": False,
                "shop_currency_only": False,
                "exported_at": AS_OF - timedelta(minutes=30),
                "store": wrong.pop("store", "oslo"),
                "source_file": "orders.csv",
                "source_row": row,
            }
        )
        self.payments.append(
            {
                "msn": msn,
                "reference": reference,
                "psp_reference": f"psp-{row:06}",
                "state": "AUTHORIZED",
                "currency": currency,
                "amount_minor": max(total, captured),
                "authorized_minor": max(total, captured),
                "captured_minor": captured,
                "refunded_minor": 0,
                "cancelled_minor": 0,
                "payment_method": "WALLET",
                "created_at": at,
                "created_day": (at.date() - date(1970, 1, 1)).days,
                "authorized_at": at + timedelta(minutes=1),
                "authorized_day": (at.date() - date(1970, 1, 1)).days,
                "discovered_by": "orders",
                "fetched_at": AS_OF,
            }
        )
        for minutes, name in enumerate(("CREATED", "AUTHORIZED", "CAPTURED")):
            self.events.append(
                {
                    "msn": msn,
                    "reference": reference,
                    "psp_reference": f"psp-{row:06}-{minutes}",
                    "name": name,
                    "amount_minor": captured if name == "CAPTURED" else max(total, captured),
                    "currency": currency,
                    "event_at": at + timedelta(minutes=minutes),
                    "event_day": (at.date() - date(1970, 1, 1)).days,
                    "success": True,
                }
            )
        for side, key in (("orders", f"orders.csv:{row}"), ("payments", f"{msn}:{reference}")):
            self.buckets.append(
                {"side": side, "row_key": key, "bucket": bucket, "kind": kind, "flags": ""}
            )
        if bucket == "discrepancy":
            self.discrepancies.append(
                {
                    "discrepancy_id": f"{kind}:{msn}:{reference}",
                    "leg": "order_payment",
                    "question": "captured",
                    "kind": kind,
                    "severity": severity,
                    "msn": msn,
                    "reference": reference,
                    "order_number": number,
                    "currency": currency,
                    "expected_minor": total,
                    "actual_minor": captured,
                    "difference_minor": captured - total,
                    "at_risk_minor": abs(captured - total),
                    "flags": "",
                    "age_days": row % 40,
                    "first_seen_date": AS_OF.date(),
                    "cause": "Vipps MobilePay captured another amount than the order says.",
                    "next_step": "Look at the order in the shop, then capture or refund the rest.",
                    **wrong,
                }
            )

    def reconciliation(self, *, complete: bool = True, **changes: Any) -> Reconciliation:
        """Return the result of the month; its summary and bridge are computed from the rows."""
        order = {name: place for place, name in enumerate(schemas.SEVERITIES)}
        self.discrepancies.sort(
            key=lambda d: (order[d["severity"]], -d["at_risk_minor"], d["discrepancy_id"])
        )
        above_info = sum(d["severity"] != "info" for d in self.discrepancies)
        counts = {"above_info": above_info, "rejects": len(self.rejects)}
        fields: dict[str, Any] = {
            "orders": frame(schemas.ORDERS, self.orders),
            "payments": frame(schemas.PAYMENTS, self.payments),
            "events": frame(schemas.EVENTS, self.events),
            "failures": frame(schemas.FAILURES, self.failures),
            "rejects": frame(schemas.REJECTS, self.rejects),
            "discrepancies": frame(schemas.DISCREPANCIES, self.discrepancies),
            "buckets": frame(schemas.BUCKETS, self.buckets),
            "summary": frame(schemas.SUMMARY, self._summary()),
            "bridge": frame(schemas.BRIDGE, self._bridge()),
            "groups": frame(GROUPS, self._groups()),
            "open_items": frame(schemas.OPEN_ITEMS, []),
            "manifest": {**MANIFEST, "counts": counts, "complete": complete},
            **changes,
        }
        return Reconciliation(**fields)

    def _summary(self) -> list[dict[str, Any]]:
        sums: dict[tuple[str, str], list[int]] = {}
        for row in self.discrepancies:
            totals = sums.setdefault((row["currency"], row["kind"]), [0, 0, 0, 0])
            totals[0] += 1
            totals[1] += row["expected_minor"] or 0
            totals[2] += row["difference_minor"]
            totals[3] += row["at_risk_minor"]
        names = ("rows", "total_minor", "difference_minor", "at_risk_minor")
        return [
            {
                "leg": "order_payment",
                "currency": currency,
                "bucket": "discrepancy",
                "kind": kind,
                **dict(zip(names, totals, strict=True)),
            }
            for (currency, kind), totals in sorted(sums.items())
        ]

    def _groups(self) -> list[dict[str, Any]]:
        sums: dict[tuple[str, str, str], list[int]] = {}
        stores = {order["reference"]: order["store"] for order in self.orders}
        where: dict[tuple[str, str, str], set[str]] = {}
        for row in self.discrepancies:
            key = (row["kind"], row["currency"], row["cause"])
            totals = sums.setdefault(key, [0, 0, 0])
            totals[0] += 1
            totals[1] += row["difference_minor"]
            totals[2] += row["at_risk_minor"]
            where.setdefault(key, set()).add(stores.get(row["reference"], ""))
        names = ("rows", "difference_minor", "at_risk_minor")
        return [
            {
                **dict(zip(("kind", "currency", "cause"), key, strict=True)),
                **dict(zip(names, totals, strict=True)),
                "share_permille": totals[0] * 1000 // len(self.orders),
                "concentrated_in": next(iter(where[key])) if len(where[key]) == 1 else None,
            }
            for key, totals in sorted(sums.items())
        ]

    def _bridge(self) -> list[dict[str, Any]]:
        rows = []
        for msn, currency in sorted({(o["msn"], o["currency"]) for o in self.orders}):
            mine = [o for o in self.orders if (o["msn"], o["currency"]) == (msn, currency)]
            paid = [p for p in self.payments if (p["msn"], p["currency"]) == (msn, currency)]
            ordered = sum(o["total_minor"] for o in mine)
            captured = sum(p["captured_minor"] for p in paid)
            lines = [("orders", ordered, len(mine))]
            kinds = sorted({d["kind"] for d in self.discrepancies})
            explained = 0
            for kind in kinds:
                amounts = [
                    d["difference_minor"]
                    for d in self.discrepancies
                    if (d["kind"], d["msn"], d["currency"]) == (kind, msn, currency)
                ]
                if amounts:
                    lines.append((kind, sum(amounts), len(amounts)))
                    explained += sum(amounts)
            not_explained = captured - ordered - explained
            if not_explained:
                lines.append(("not_yet_due", not_explained, 1))
            legs = {"captured": [*lines, ("captured", captured, len(paid))]}
            legs["refunded"] = [("orders", 0, 0), ("refunded", 0, 0)]
            for leg, leg_lines in legs.items():
                for position, (line, amount, count) in enumerate(leg_lines, 1):
                    rows.append(
                        {
                            "leg": leg,
                            "msn": msn,
                            "currency": currency,
                            "line": line,
                            "position": position,
                            "amount_minor": amount,
                            "rows": count,
                        }
                    )
        return rows


def make_month(pairs: int = 120, seed: int = 7, *, flood: int = 30) -> Month:
    """Return a month with two sales units, two currencies and seven kinds of discrepancies."""
    draw = random.Random(seed)
    month = Month()
    trouble = (
        ("under_captured", "medium", -1),
        ("over_captured", "medium", 1),
        ("cancelled_but_captured", "high", 1),
        ("refund_exceeds_capture", "critical", 1),
        ("fulfilled_not_captured", "high", -1),
        ("authorization_expiring", "low", 0),
        ("rounding_difference", "info", 1),
    )
    for number in range(pairs):
        total = draw.randrange(4_900, 450_000)
        danish = number % 5 == 0
        where = {"msn": "654321", "currency": "DKK"} if danish else {}
        reference = f"acme-{number:05}"
        if number % 7 == 3:
            kind, severity, sign = trouble[draw.randrange(len(trouble))]
            gap = draw.randrange(1, total) if kind != "rounding_difference" else 1
            month.pair(
                reference,
                total,
                total + sign * gap,
                kind=kind,
                severity=severity,
                bucket="discrepancy",
                **where,
            )
        elif number % 17 == 5:
            month.pair(
                reference, total, 0, kind="timing_awaiting_fulfilment", bucket="timing", **where
            )
        elif number % 23 == 6:
            month.pair(reference, total, total, kind="waived", bucket="ignored", **where)
        else:
            month.pair(reference, total, total, **where)
    for number in range(flood):
        total = draw.randrange(10_000, 90_000)
        month.pair(
            f"flood-{number:03}",
            total,
            total - 100,
            kind="under_captured",
            severity="medium",
            bucket="discrepancy",
            store="bergen",
            cause="The shop captured before freight was added to the order.",
        )
    month.rejects.append(
        {
            "source_file": "orders.csv",
            "source_row": 77,
            "column": "Total",
            "value": "12.345",
            "reason": "three decimals",
        }
    )
    month.failures.append(
        {
            "msn": "123456",
            "reference": "gone-1",
            "operation": "getPayment",
            "status": 404,
            "title": "Not Found",
        }
    )
    return month
