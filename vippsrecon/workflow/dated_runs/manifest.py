"""Describe a dated run in manifest.json: what it read, with which settings, what it found and wrote.

It holds names of files and no folders, and no text of customers. A run writes it last, so that a
folder without it is not a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.input_files import is_present, read_small_json
from vippsrecon.output_files import flush_to_disk
from vippsrecon.report.figures import get_figures
from vippsrecon.report.sentences import format_headline
from vippsrecon.sources.files.detect import compute_file_sha256
from vippsrecon.texts import use_language
from vippsrecon.texts.language import LANGUAGES
from vippsrecon.version import __version__

if TYPE_CHECKING:
    from vippsrecon.dates import Period
    from vippsrecon.reconciliation import Reconciliation

MANIFEST_FILE = "manifest.json"

MANIFEST_FORMAT = 1
"""Increased when an older version would misread the file."""

REPORT_FILE = "report.xlsx"

_EXIT_CODES = (0, 1, 2)
_VERDICTS = ("clean", "discrepancies", "incomplete")


class DatedRun(NamedTuple):
    """A run as its manifest describes it.

    Attributes:
        name: Its period, such as 2026-10 or 2026-10-31.
        environment: test, production or simulator.
        complete: Whether it had all its data.
        verdict: clean, discrepancies or incomplete.
        headline: The verdict in one or two sentences, in the report's language.
        exit_code: How the run ended: 0, 1 or 2.
        outputs: SHA-256 of each file that it wrote, by its path in the folder.
        language: Of its report.
    """

    name: str
    environment: str
    complete: bool
    verdict: str
    headline: str
    exit_code: int
    outputs: dict[str, str]
    language: str = LANGUAGES[0]


def write_manifest(
    folder: Path,
    result: Reconciliation,
    period: Period,
    *,
    started_at: datetime,
    finished_at: datetime,
    inputs: Iterable[Path],
) -> None:
    """Describe a finished run in its folder.

    Args:
        folder: All that the run wrote.
        result: What it found.
        period: The days that it compared.
        started_at: When it began, by this computer's clock.
        finished_at: When everything else was written.
        inputs: The files that it read, for their sizes.
    """
    manifest = result.manifest
    with use_language(result.language):
        headline = format_headline(result, get_figures(result))
    facts = {
        "format": MANIFEST_FORMAT,
        "period": {
            "name": period.name,
            "first_day": period.first.isoformat(),
            "last_day": period.last.isoformat(),
        },
        "environment": str(manifest.get("environment") or ""),
        "sales_units": manifest.get("sales_units") or [],
        "started_at": _format_time(started_at),
        "finished_at": _format_time(finished_at),
        "as_of": manifest.get("as_of"),
        "fetched_at": manifest.get("fetched_at"),
        "verdict": result.verdict,
        "complete": result.complete,
        "exit_code": result.exit_code,
        "language": result.language,
        "headline": headline,
        "incomplete_because": list(manifest.get("incomplete_because") or ()),
        "version": __version__,
        "versions": manifest.get("versions") or {},
        "settings": manifest.get("settings") or {},
        "inputs": _describe_inputs(manifest, inputs, folder),
        "left_out": [
            {"file": name, "because": reason}
            for name, reason in (manifest.get("exports_left_out") or {}).items()
        ],
        "outputs": _describe_outputs(folder),
    }
    path = folder / MANIFEST_FILE
    path.write_text(
        json.dumps(facts, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8"
    )
    flush_to_disk(path)


def read_manifest(folder: Path) -> DatedRun | None:
    """Return the run that a folder holds; None if it holds no manifest.

    Raises:
        SourceError: The manifest cannot be read, is of a newer version, or is of another period than the
            name of the folder states.
    """
    path = folder / MANIFEST_FILE
    if not is_present(path):
        return None
    values: Any = read_small_json(path)
    try:
        run = _parse_run(values)
    except (KeyError, TypeError, ValueError):
        raise SourceError(
            "this is not what a run writes. Rename its folder, and reconcile again",
            file=f"{folder.name}/{MANIFEST_FILE}",
        ) from None
    if values["format"] > MANIFEST_FORMAT:
        raise SourceError(
            "a newer version of vippsrecon wrote this. Update vippsrecon",
            file=f"{folder.name}/{MANIFEST_FILE}",
        )
    return run


def list_written_files(folder: Path) -> list[Path]:
    """Return the files of a run, without its manifest and hidden files, by their path in the folder."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path for path in files if path.as_posix() != MANIFEST_FILE and not path.name.startswith(".")
    )


def _parse_run(values: dict[str, Any]) -> DatedRun:
    run = DatedRun(
        values["period"]["name"],
        values["environment"],
        values["complete"],
        values["verdict"],
        values["headline"],
        values["exit_code"],
        {output["file"]: output["sha256"] for output in values["outputs"]},
        # Manifests of earlier versions have no language, and their headline is in English.
        values.get("language", LANGUAGES[0]),
    )
    texts = (run.name, run.environment, run.headline, *run.outputs, *run.outputs.values())
    if not (
        all(isinstance(text, str) for text in texts)
        and isinstance(run.complete, bool)
        and isinstance(values["format"], int)
        and run.verdict in _VERDICTS
        and run.exit_code in _EXIT_CODES
        and run.language in LANGUAGES
        and run.complete is (run.exit_code != 2)
    ):
        raise ValueError
    return run


def _describe_inputs(
    manifest: dict[str, Any], inputs: Iterable[Path], folder: Path
) -> list[dict[str, Any]]:
    """Return name, hash and coverage of each file read; those that the run stored are outputs too."""
    sizes = {
        path.name: path.stat().st_size for path in [*inputs, *folder.rglob("*")] if path.is_file()
    }
    exported, coverage = manifest.get("exported_at") or {}, manifest.get("coverage") or {}
    return [
        {"file": name, "sha256": sha256, "bytes": sizes.get(name)}
        | ({"exported_at": exported[name]} if name in exported else {})
        | coverage.get(name, {})
        for name, sha256 in sorted((manifest.get("inputs") or {}).items())
    ]


def _describe_outputs(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "file": path.as_posix(),
            "sha256": compute_file_sha256(folder / path),
            "bytes": (folder / path).stat().st_size,
        }
        for path in list_written_files(folder)
    ]


def _format_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
