"""Run `reconcile --into`: each period gets its own folder, and missed periods are caught up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.cli.errors import FAILURE_EXIT_CODE, print_failure, print_warning
from vippsrecon.cli.runs.report_run import (
    Report,
    ReportOptions,
    build_report_json,
    make_report,
    print_report,
    print_warnings,
)

if TYPE_CHECKING:
    from vippsrecon.cli.runs.notice import Notifier
    from vippsrecon.config.settings import Settings
    from vippsrecon.dates import Period
    from vippsrecon.workflow.dated_runs.folders import DatedFolders
    from vippsrecon.workflow.dated_runs.manifest import DatedRun

_MADE_BEFORE = "already_reconciled"


def run_into_folders(
    options: ReportOptions,
    settings: Settings,
    into: Path,
    period: Period,
    *,
    catch_up: bool,
    again: bool,
    clock: Callable[[], datetime],
    notifier: Notifier,
) -> int:
    """Make the run of a period in its folder, and print what it found.

    Args:
        options: What to read, and how.
        settings: Environment, keys, sales units.
        into: The folder of the runs.
        period: The days to compare.
        catch_up: Also make the runs of missed periods before it, oldest first.
        again: Also make the run of this period if it is there and complete.
        clock: The time now.
        notifier: Tells people what each run found.

    Returns:
        The exit code: the worst of all periods.
    """
    from vippsrecon.cli.output import format_json
    from vippsrecon.workflow.dated_runs.folders import DatedFolders, lock_reports

    with ExitStack() as stack:
        with notifier.telling_failures():
            stack.enter_context(lock_reports(into))
        folders = DatedFolders(into, settings.environment)
        if not catch_up:
            with notifier.telling_failures():
                code, shown = _run_period(
                    options, settings, folders, period, again=again, clock=clock
                )
            code = _tell(notifier, code, shown, folders.place(period.name))
            if options.json:
                print(format_json(shown))
            return code
        periods = _list_periods(into, period)
        codes, entries = [], []
        for number, each in enumerate(periods):
            if not options.json and len(periods) > 1:
                print(("\n" if number else "") + f"=== {each.name}")
            try:
                code, shown = _run_period(
                    options,
                    settings,
                    folders,
                    each,
                    again=again and each == period,
                    clock=clock,
                )
            except MemoryError:
                raise
            except Exception as error:  # one period must not hide the others
                print_failure(error, f"{each.name}: ")
                notifier.tell_failure(error, f"{each.name}: ")
                code, shown = FAILURE_EXIT_CODE, {"complete": False, "verdict": "incomplete"}
            else:
                code = _tell(notifier, code, shown, folders.place(each.name))
            codes.append(code)
            entries.append({"period": each.name, "exit_code": code} | shown)
        if options.json:
            print(format_json({"exit_code": max(codes), "periods": entries}))
        return max(codes)


def _tell(notifier: Notifier, code: int, shown: dict[str, Any], place: Path) -> int:
    """Tell people of a run that was made now, and return the exit code."""
    from vippsrecon.workflow.dated_runs.manifest import REPORT_FILE

    return code if shown.get(_MADE_BEFORE) else notifier.tell_result(place / REPORT_FILE, code)


def _list_periods(into: Path, period: Period) -> Sequence[Period]:
    from vippsrecon.workflow.dated_runs.missed_periods import find_missed_periods

    missed = find_missed_periods(into, period)
    if missed.too_old is not None:
        first, last = missed.too_old
        print_warning(
            f"Not caught up: {first} to {last}, because that is too long ago. Run a period of these "
            f"with --period {first}."
        )
    return [*missed.periods, period]


def _run_period(
    options: ReportOptions,
    settings: Settings,
    folders: DatedFolders,
    period: Period,
    *,
    again: bool,
    clock: Callable[[], datetime],
) -> tuple[int, dict[str, Any]]:
    """Make one run, unless it is there and complete. Return its exit code and what --json shows."""
    from vippsrecon.workflow.dated_runs.manifest import MANIFEST_FILE, REPORT_FILE, write_manifest

    place = folders.place(period.name)
    finished = folders.find_run(period.name)
    if finished is not None and finished.complete and not again:
        return finished.exit_code, _show_finished(finished, place, json=options.json)
    started_at = clock()
    days = (period.first.isoformat(), period.last.isoformat())
    with folders.make_run(period.name) as folder:
        report = make_report(
            options,
            settings,
            folder / REPORT_FILE,
            days,
            html=True,
            replaces=place / REPORT_FILE,
        )
        write_manifest(
            folder,
            report.result,
            period,
            started_at=started_at,
            finished_at=clock(),
            inputs=options.list_inputs(settings),
        )
    moved = _move(report, place)
    if not options.json:
        print_report(moved)
    print_warnings(moved.result, moved.workbook)
    files = {"manifest": str(place / MANIFEST_FILE)}
    return moved.result.exit_code, (build_report_json(moved) | files if options.json else {})


def _move(report: Report, place: Path) -> Report:
    """Return the report with the names that its files have now."""
    page = report.page and place / report.page.name
    return report._replace(workbook=place / report.workbook.name, page=page)


def _show_finished(run: DatedRun, place: Path, *, json: bool) -> dict[str, Any]:
    """Say that a run is not made again, and what it had found."""
    from vippsrecon.errors import printable, printable_line
    from vippsrecon.texts import say, use_language
    from vippsrecon.workflow.dated_runs.manifest import MANIFEST_FILE, REPORT_FILE

    report = place / REPORT_FILE
    with use_language(run.language):
        line = f"{run.headline} {say('terminal.report', path=report)}"
        made_before = say("messages.made_before", run=printable(run.name))
    if not json:
        print(printable_line(made_before))
        print(printable_line(line))
    if run.exit_code:
        print_warning(line)
    return {
        "verdict": run.verdict,
        "complete": run.complete,
        "headline": run.headline,
        "report": str(report),
        "manifest": str(place / MANIFEST_FILE),
        _MADE_BEFORE: True,
    }
