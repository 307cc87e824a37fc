"""Write a Reconciliation as one HTML page to mail or to archive.

Reconciliation → content → template → one file that loads nothing: styles and script are in it, and
its Content-Security-Policy allows only these two, by their hashes.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.dates import to_date
from vippsrecon.display.written_file import WrittenFile
from vippsrecon.output_files import PAGE_SUFFIX, atomic_report
from vippsrecon.report.changes import find_changes
from vippsrecon.report.html.content import build_content
from vippsrecon.report.html.visible_text import make_visible
from vippsrecon.texts import format_number, in_language_of_result, say

if TYPE_CHECKING:
    from jinja2 import Template

    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.changes import ReportChanges

_GENERATOR = "vippsrecon"
_MARK = f'<meta name="generator" content="{_GENERATOR}">'.encode()


@in_language_of_result
def write_html(
    reconciliation: Reconciliation,
    path: str | Path,
    *,
    workbook: str | Path | None = None,
    earlier: str | Path | ReportChanges | None = None,
) -> Path:
    """Write a Reconciliation as one HTML page. The same input gives the same bytes.

    The page is in the language of the comparison. It has the verdict, the notices, the summary of each currency, the bridge, figures, the
    discrepancies (with search and sorting; it can be read without a script too), timing, rejects and
    failures, and controls. It loads nothing from a network, and can be printed on A4. Amounts are in
    major units, per currency.

    The page is small enough to mail: it shows at most 1,000 discrepancies, the most severe first, and
    500 rows of each other list. It states how many there are, and that all of them are in the workbook.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned. Not changed.
        path: Path of the page, ending in .html. An existing page is replaced when the new one is
            complete. Another file is first renamed to `<name>.before-1.html`, and a warning is logged.
        workbook: The workbook of the same result, which the page names where rows are left out.
        earlier: An earlier report that people worked in: its owners, decisions and notes are shown,
            and what changed since, as `write_workbook` does.

    Returns:
        The path of the page.

    Raises:
        InputError: `earlier` is of another environment.
        SourceError: `earlier` cannot be read as a report.
        OutputError: The name does not end in .html, is a folder, or cannot be written: folder
            missing, disk full.
    """
    path = Path(path)
    changes = find_changes(reconciliation, earlier)
    with atomic_report(path, must_keep=_is_other_file, suffix=PAGE_SUFFIX) as folder:
        name = Path(workbook).name if workbook else ""
        page = render_page(reconciliation, workbook=name, changes=changes)
        (folder / path.name).write_bytes(page.encode())
    return WrittenFile(path)


@in_language_of_result
def render_page(
    reconciliation: Reconciliation, *, workbook: str = "", changes: ReportChanges | None = None
) -> str:
    """Return the page as text.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned.
        workbook: Name of the workbook of the same result; "" if it is not known.
        changes: What changed since an earlier report; None: there is no earlier report.
    """
    if changes is not None:
        reconciliation = changes.add_to(reconciliation)
    return _load_template().render(build_content(reconciliation, workbook, changes))


@cache
def _load_template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def show(value: Any) -> Any:
        return value if isinstance(value, Markup) else make_visible(value)

    environment = Environment(
        autoescape=True,
        loader=PackageLoader(__package__),
        undefined=StrictUndefined,
        finalize=show,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_read_source(name) for name in ("page.css", "page.js"))
    environment.filters["grouped"] = format_number
    environment.filters["visible"] = make_visible
    environment.filters["day"] = lambda day: None if day is None else to_date(day).isoformat()
    environment.globals["word"] = say
    environment.globals["generator"] = _GENERATOR
    environment.globals["style"] = Markup(style)
    environment.globals["script"] = Markup(script)
    environment.globals["policy"] = Markup(_build_policy(style, script))
    return environment.get_template("page.html.jinja")


def _build_policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: this style, this script, and nothing else."""
    style_hash, script_hash = (
        b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _read_source(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _is_other_file(path: Path) -> bool:
    """Return whether a file is not a page that this module wrote."""
    with path.open("rb") as file:
        return _MARK not in file.read(4096)
