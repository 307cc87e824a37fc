"""Reconcile a month: read the order exports, fetch the payments, compare, store the fetch.

    order files ──read──► orders ──references──► fetch ──► payments, events, failures
                                       ▲                        │ stored in report.data/
                ledger, --references ──┘                        ▼
                                                   reconcile ──► Reconciliation

Where a workspace database exists, its journal shows which refunds were made with this toolkit
and which discrepancies are closed by their receipts. `vippsrecon reconcile` and the notebooks
call `reconcile_month`.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon import schemas
from vippsrecon.dates import parse_optional_day
from vippsrecon.reconciliation import Reconciliation, reconcile
from vippsrecon.sources import choose_profile, list_sources, read_order_files
from vippsrecon.texts import in_language_of_run
from vippsrecon.workflow.coverage import (
    leave_out_orders,
    leave_out_references,
)
from vippsrecon.workflow.decisions.ignore_file import read_waivers
from vippsrecon.workflow.export_folder import choose_exports
from vippsrecon.workflow.fetch_references import choose_ledger_start, fetch_month
from vippsrecon.workflow.hints import (
    capture_setting_hints,
    drop_superseded_rows,
    export_time_hints,
    late_cutoff_hints,
    unknown_refund_hints,
)
from vippsrecon.workflow.history.closed_discrepancies import (
    add_closed_discrepancies,
    read_journal_facts,
)
from vippsrecon.workflow.history.earlier_runs import RunRecords
from vippsrecon.workflow.history.item_tracking import track_open_items
from vippsrecon.workflow.history.saved_runs import hash_saved_runs, read_saved_runs
from vippsrecon.workflow.input_checks import (
    refuse_early_as_of,
    refuse_empty_period,
    refuse_unreadable_exports,
    refuse_wrong_month,
)
from vippsrecon.workflow.inputs.gaps import find_gaps
from vippsrecon.workflow.inputs.money_files import MoneyPaths, read_money_files
from vippsrecon.workflow.inputs.payment_source import PaymentSource, find_known_payments
from vippsrecon.workflow.inputs.payments_from_files import refuse_other_environment
from vippsrecon.workflow.inputs.run_manifest import build_manifest
from vippsrecon.workflow.month_end.closed_months import add_restatement
from vippsrecon.workflow.month_end.papers import add_month_end
from vippsrecon.workflow.month_end.saved_money import (
    hide_other_texts,
    refuse_ledger_folder,
    save_money,
)
from vippsrecon.workflow.references import (
    add_earlier_references,
    collect_fetch_references,
    drop_expected_misses,
    stack_frames,
)
from vippsrecon.workflow.retried_payments import mark_requested_attempts
from vippsrecon.workflow.saved_run import hash_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vippsrecon.api import Client
    from vippsrecon.config.settings import Settings
    from vippsrecon.sources.reviewed_report.read import ReviewedReport


@in_language_of_run
def reconcile_month(
    order_files: Any,
    settings: Settings,
    *,
    client: Client | None = None,
    shop: str | None = None,
    mapping: Path | str | None = None,
    payments: Path | str | None = None,
    references: Sequence[Path | str] = (),
    first: date | str | None = None,
    last: date | str | None = None,
    as_of: datetime | None = None,
    exported_at: datetime | None = None,
    earlier: Path | str | Sequence[Path | str] = (),
    previous: ReviewedReport | Path | str | None = None,
    ledger: Path | str | None = None,
    settlement: Sequence[Path | str] = (),
    bank: Sequence[Path | str] = (),
    bank_mapping: Path | str | None = None,
    cutoff: date | str | None = None,
    keep: Path | str | None = None,
    record: bool = False,
    language: str | None = None,
    progress: bool = False,
) -> Reconciliation:
    """Compare a month's order exports with the payments at Vipps MobilePay.

    Args:
        order_files: The shop's exports: files, or frames as `read_orders` takes them. Of a folder,
            the exports with orders of the period are read.
        settings: Environment, keys, sales units, tolerances.
        client: An open client; None: one is opened and closed.
        shop: Profile of the exports; None: recognise it.
        mapping: TOML file with the user's own names of columns.
        payments: Folder written by `fetch` or by an earlier run. Then no call is made, and a
            reference that is not in that fetch makes the run incomplete. What an earlier run read with
            `ledger`, `settlement` and `bank` is read from it too, unless it is given.
        references: Files with further references to fetch.
        first: First local day of the period, included, as a date or "2026-10-01"; None or "":
            everything.
        last: Last local day of the period, included.
        as_of: The cut-off time; None: server time at the end of the fetch.
        exported_at: When the exports were taken; None: read from each file.
        earlier: Folders that earlier runs stored with `keep`: for the day on which a discrepancy was
            first seen, and for the orders of earlier exports.
        previous: A report of an earlier run that people worked in: its decisions *in progress* become
            the status of the open items.
        ledger: Folder written by `vippsrecon ledger`: the payments are compared with its entries, and
            the entries with the payouts.
        settlement: Settlement files of Vipps MobilePay, in place of `ledger`. Without an environment
            and keys, the payments themselves are those of these files.
        bank: Bank statements, in which the payouts are looked for.
        bank_mapping: TOML file with the user's own names of the columns of a bank's CSV.
        cutoff: The day of the cut-off pack, which needs a ledger; None: the last day of the period.
        keep: Folder to store the fetch in, so that `payments=keep` repeats the result, and what
            this run compared, so that a later run can use it (`earlier`).
        record: Use the runs recorded in the workspace database, and record this one, for the same.
        language: Of the sentences and of the report: en, nb, da, sv or fi; None: that of the settings.
        progress: Show a progress bar in a terminal or a notebook.

    Raises:
        InputError: A file cannot be used, or contains no order of the period; or a folder of
            `earlier` is not of an earlier run in this environment.
        ConfigurationError: A required setting is missing.
        OutputError: `keep` cannot be used.
        ApiError, NoAnswerError: The keys were not accepted, or Vipps MobilePay cannot be reached.
            A single reference that could not be read becomes a row of `failures` instead.
    """
    first, last, cutoff = (
        parse_optional_day(first, "--from"),
        parse_optional_day(last, "--to"),
        parse_optional_day(cutoff, "--cutoff"),
    )
    refuse_ledger_folder(keep)
    read = partial(
        read_order_files,
        profile=choose_profile(shop, mapping),
        units=settings.units,
        default_msn=settings.default_msn,
        exported_at=exported_at,
    )
    exports = choose_exports(list_sources(order_files), read, first, last)
    files = read(exports.sources)
    refuse_unreadable_exports(files)
    files, left_out = leave_out_orders(files, settings.units)
    refuse_wrong_month(files, first, last)
    refuse_early_as_of(files, as_of)
    reference_set = leave_out_references(
        collect_fetch_references(files.orders, references, settings.default_msn), settings.units
    )
    order_msns = frozenset(files.orders["msn"].unique())
    money = read_money_files(
        MoneyPaths(ledger, settlement, bank, bank_mapping, payments),
        settings,
        period=(first, last),
        msns=order_msns,
        others=files.files,
        cutoff=cutoff,
    )
    msns = set() if first is None and last is None else set(order_msns)
    folders = [
        Path(folder) for folder in ([earlier] if isinstance(earlier, str | Path) else earlier)
    ]
    source = find_known_payments(
        payments,
        money,
        files.orders,
        settings,
        reference_set=reference_set,
        references=references,
    )
    environment = settings.environment if source is None else source.facts.environment
    saved_runs = read_saved_runs(folders, environment)
    records = RunRecords(settings, environment, enabled=record, saved_runs=saved_runs)
    unsettled = records.read_unsettled(msns, last)
    refuse_other_environment(money, environment)
    if source is None:
        reference_set = add_earlier_references(
            reference_set, [(order.msn, order.reference) for order in unsettled]
        )
        fetched, facts = fetch_month(
            reference_set,
            settings,
            client=client,
            first=choose_ledger_start(files.orders, first),
            last=last,
            out=None if keep is None else Path(keep),
            progress=progress,
        )
        source = PaymentSource(fetched, facts, None if keep is None else Path(keep))
    fetched, facts = source.fetched, source.facts
    payment_hashes = source.hash_inputs()
    extra_files = [*references, *(file for file in (mapping, settings.ignore_file) if file)]
    inputs = hash_files(extra_files) | payment_hashes | hash_saved_runs(folders)
    compared_at = as_of or facts.as_of
    gaps = [
        *exports.gaps,
        *money.gaps,
        *find_gaps(files, fetched, facts, (first, last), compared_at, settings.units),
    ]
    earlier_orders = records.find_earlier_orders(files.orders, fetched, unsettled)
    memory = records.read_money()
    journal = read_journal_facts(settings, facts.environment)
    waivers = read_waivers(settings, compared_at)
    result = reconcile(
        mark_requested_attempts(
            stack_frames([files.orders, earlier_orders.orders], schemas.ORDERS),
            fetched.payments,
            fetched.failures,
        ),
        fetched.payments,
        fetched.events,
        drop_expected_misses(fetched, reference_set, files.orders),
        rejects=stack_frames(
            [files.rejects, reference_set.rejects, money.rejects], schemas.REJECTS
        ),
        units=settings.units,
        rules=settings.rules,
        as_of=compared_at,
        first=first,
        last=last,
        waived=frozenset((waiver.msn, waiver.reference) for waiver in waivers),
        ours=journal.keys,
        unsettled=journal.unsettled,
        first_seen=records.read_first_seen(),
        earlier_files=earlier_orders.files,
        manifest=build_manifest(files, fetched, settings, facts, money, inputs)
        | {
            "complete": not gaps,
            "incomplete_because": [gap.clause for gap in gaps],
            "earlier_orders": len(earlier_orders.orders),
            "exports_left_out": exports.left_out,
        },
        contracts=settings.fee_contracts,
        known_accounts=memory.choose_accounts(money.payouts),
        disputed=memory.find_disputed(money.entries, fetched.events),
        **money.list_arguments(),
    )
    refuse_empty_period(result, files, first, last)
    result = hide_other_texts(result)
    result = add_restatement(
        add_month_end(result, settings, money, period=(first, last), cutoff=cutoff),
        settings,
        money,
        (first, last),
    )
    if journal.available:
        result = add_closed_discrepancies(result, settings)
    notices = (
        *(gap.sentence for gap in gaps if gap.sentence),
        *exports.notices,
        *money.notices,
        *result.notices,
        *journal.notices,
        *earlier_orders.describe(),
        *left_out,
        *capture_setting_hints(
            drop_superseded_rows(files.orders, result.polars_frame("buckets")),
            fetched.payments,
            settings.units,
        ),
        *reference_set.notes,
        *facts.notes,
        *export_time_hints(files, facts.as_of),
        *late_cutoff_hints(compared_at, facts.as_of),
        *unknown_refund_hints(files.orders),
    )
    result, items = track_open_items(
        result.with_changes(notices=notices),
        records,
        period=(first, last),
        units=settings.units,
        waivers=waivers,
        previous=previous,
    )
    if keep is not None:
        save_money(result, money, Path(keep), payment_hashes, settings.fee_contracts)
    records.record_money(money.entries, money.payouts)
    records.record(
        result,
        files.orders,
        earlier_orders,
        (first, last),
        folder=None if keep is None else Path(keep),
        items=items,
    )
    return result.with_changes(notices=(*result.notices, *records.notices))
