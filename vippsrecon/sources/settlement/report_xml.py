"""Read the XML settlement report, versions 2.0 and 3.0, net and gross.

The fee is positive here, where every other form has it negative. Version 2.0 has one signed amount
for captures and refunds, and does not say whether the fees are retained: its net amount shows it.

Source: SettlementReport-2.0.xsd and -3.0.xsd (https://github.com/vippsas/vipps-developers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vippsrecon.errors import SourceError
from vippsrecon.money import DECIMALS
from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.files.xml_file import Wanted, read_xml
from vippsrecon.sources.reject_frames import RejectCells, make_rejects
from vippsrecon.sources.settlement.cells import (
    CellError,
    parse_count,
    parse_date,
    parse_minor,
    parse_msn,
    parse_settlement_id,
    parse_time,
)
from vippsrecon.sources.settlement.result import ParsedSettlement
from vippsrecon.sources.settlement.transactions import (
    StatedSettlement,
    Transaction,
    compute_frames,
)
from vippsrecon.texts import say

MAX_TRANSACTIONS = 2_000_000

_SEPARATE_AMOUNTS = ("TransactionCaptureAmount", "TransactionRefundAmount")

_UNIT = "SettlementReport/SettlementDetailsInfo"
_PAYMENTS = f"{_UNIT}/PaymentsInfo"
_SETTLEMENT = f"{_PAYMENTS}/SettlementInfo"
_TRANSACTION = f"{_SETTLEMENT}/TransactionInfo"


def read_report_xml(path: Path, format_name: str) -> ParsedSettlement:
    """Read one report.

    Raises:
        SourceError: It cannot be read, or holds no settlement.
    """
    reading = _Reading(path.name)
    read_xml(path, reading.list_wanted())
    if not reading.settlements and not reading.rejects:
        raise SourceError("there is no settlement in it; download it again", file=path.name)
    computed = compute_frames(
        reading.transactions, reading.settlements, path.name, len(reading.rejects)
    )
    return ParsedSettlement(
        path.name,
        format_name,
        "",
        reading.number,
        computed.entries,
        computed.payouts,
        make_rejects([*reading.rejects, *computed.rejects]),
        tuple(computed.notes),
        computed.is_short,
    )


class _Reading:
    """Collects transactions and settlements while the file passes by."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.number = 0
        self.transactions: list[Transaction] = []
        self.settlements: list[StatedSettlement] = []
        self.rejects: list[RejectCells] = []
        self._unit: dict[str, str] = {}
        self._settlement: dict[str, str] = {}
        self._transaction: dict[str, str] = {}
        self._waiting: list[tuple[int, dict[str, str]]] = []

    def list_wanted(self) -> dict[str, Wanted]:
        """Return the elements to read, with what to do at each."""
        wanted = {
            _UNIT: Wanted(_clear(self._unit)),
            f"{_UNIT}/SerialNumber": Wanted(end=_keep(self._unit, "SerialNumber")),
            _SETTLEMENT: Wanted(self._start_settlement, self._end_settlement),
            _TRANSACTION: Wanted(_clear(self._transaction), self._end_transaction),
        }
        for name in ("SettlementCurrencyCode", "SettlementAccountNum"):
            wanted[f"{_PAYMENTS}/{name}"] = Wanted(end=_keep(self._unit, name))
        for name in (
            "SettlementDate", "SettlementBatchDate", "SettlementID", "SettlementCurrencyCode",
            "SettlementType", "NetSettlementAmount", "GrossSettlementAmount", "SettledAmount",
            "NumOfTransactions",
        ):  # fmt: skip
            wanted[f"{_SETTLEMENT}/{name}"] = Wanted(end=_keep(self._settlement, name))
        for name in (
            "TransactionTime", "TransactionDate", "TransactionCaptureAmount",
            "TransactionRefundAmount", "TransactionGrossAmount", "TransactionFeeAmount",
            "SettlementCurrencyCode", "TransactionID", "OrderID",
        ):  # fmt: skip
            wanted[f"{_TRANSACTION}/{name}"] = Wanted(end=_keep(self._transaction, name))
        return wanted

    def _start_settlement(self, _attributes: Mapping[str, str]) -> None:
        self._settlement.clear()
        self._waiting = []

    def _end_transaction(self, _text: str) -> None:
        self.number += 1
        if self.number > MAX_TRANSACTIONS:
            raise SourceError(
                "it has more than 2 million transactions; export fewer days", file=self._file
            )
        self._waiting.append((self.number, dict(self._transaction)))

    def _end_settlement(self, _text: str) -> None:
        try:
            settlement = self._build_settlement()
        except CellError as error:
            # Without its settlement, no transaction can be placed on a payout.
            first = self._waiting[0][0] if self._waiting else self.number + 1
            self._reject(first, error)
            for number, _ in self._waiting[1:]:
                self.rejects.append(
                    (self._file, number, None, None, say("reasons.settlement_unusable"))
                )
            return
        for number, fields in self._waiting:
            try:
                self.transactions += _build_transactions(number, fields, settlement)
            except CellError as error:
                self._reject(number, error)
        self.settlements.append(settlement)

    def _build_settlement(self) -> StatedSettlement:
        fields = self._settlement
        currency = fields.get("SettlementCurrencyCode") or self._unit.get(
            "SettlementCurrencyCode", ""
        )
        if currency not in DECIMALS:
            raise CellError("SettlementCurrencyCode", currency, say("reasons.not_paid_out"))
        day = "SettlementDate" if "SettlementDate" in fields else "SettlementBatchDate"
        return StatedSettlement(
            row=max(self.number, 1),
            msn=parse_msn(self._unit.get("SerialNumber", ""), "SerialNumber"),
            settlement_id=parse_settlement_id(fields.get("SettlementID", ""), "SettlementID"),
            currency=currency,
            day=parse_date(fields.get(day, ""), day),
            account=normalize_account(self._unit.get("SettlementAccountNum", "")),
            is_net=_is_net(fields),
            stated_minor=_find_stated(fields, currency),
            stated_count=parse_count(fields.get("NumOfTransactions", "")),
        )

    def _reject(self, number: int, error: CellError) -> None:
        self.rejects.append((self._file, number, error.column, error.value[:80], error.reason))


def _is_net(fields: Mapping[str, str]) -> bool | None:
    kind = fields.get("SettlementType", "").casefold()
    if kind not in ("", "net", "gross"):
        raise CellError(
            "SettlementType",
            fields["SettlementType"],
            say("reasons.neither", one="Net", other="Gross"),
        )
    return kind == "net" if kind else None


def _find_stated(fields: Mapping[str, str], currency: str) -> int | None:
    name = "SettledAmount" if "SettledAmount" in fields else "NetSettlementAmount"
    return parse_minor(fields[name], currency, name) if name in fields else None


def _build_transactions(
    number: int, fields: Mapping[str, str], settlement: StatedSettlement
) -> list[Transaction]:
    """Return the capture or refund of one element, or both; the fee is on the first."""
    currency = fields.get("SettlementCurrencyCode") or settlement.currency
    if currency != settlement.currency:
        raise CellError("SettlementCurrencyCode", currency, say("reasons.other_currency"))

    def amount(name: str) -> int:
        return parse_minor(fields.get(name, ""), currency, name)

    parts = [amount(name) for name in _SEPARATE_AMOUNTS if name in fields]
    parts = [part for part in parts if part] or parts[:1] or [amount("TransactionGrossAmount")]
    if "TransactionGrossAmount" in fields and sum(parts) != amount("TransactionGrossAmount"):
        raise CellError(
            "TransactionGrossAmount",
            fields["TransactionGrossAmount"],
            say("reasons.not_capture_plus_refund"),
        )
    fee = amount("TransactionFeeAmount")
    time = "TransactionTime" if "TransactionTime" in fields else "TransactionDate"
    whole = Transaction(
        number,
        settlement.msn,
        settlement.settlement_id,
        currency,
        parse_date(fields.get(time, ""), time),
        parse_time(fields.get(time, "")),
        fields.get("TransactionID") or None,
        fields.get("OrderID") or None,
        parts[0],
        fee,
    )
    return [whole, *(whole._replace(amount_minor=part, fee_minor=0) for part in parts[1:])]


def _clear(fields: dict[str, str]) -> Callable[[Mapping[str, str]], None]:
    return lambda _attributes: fields.clear()


def _keep(fields: dict[str, str], name: str) -> Callable[[str], None]:
    def keep(text: str) -> None:
        if text:
            fields[name] = text

    return keep
