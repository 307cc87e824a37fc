"""`preview`: show what a file is and what was understood of it."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from vippsrecon.errors import printable


def _list_shop_names() -> list[str]:
    """Return the shops whose exports can be read, without the libraries that read them."""
    folder = Path(__file__).parent.parent / "sources" / "orders" / "profiles"
    profiles = [tomllib.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.toml")]
    return sorted(profile["name"] for profile in profiles if "refused" not in profile)


def _complete_shop_names(incomplete: str) -> list[str]:
    return [name for name in _list_shop_names() if name.startswith(incomplete)]


ShopOption = Annotated[
    str | None,
    typer.Option(
        "--shop",
        metavar="NAME",
        autocompletion=_complete_shop_names,
        help="The shop's profile, instead of recognising it: "
        + ", ".join(_list_shop_names())
        + ".",
    ),
]
MappingOption = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE.toml", help="Your own column names."),
]


class ReportLanguage(StrEnum):
    """The languages of reports: those of `texts.LANGUAGES`, which help must not load."""

    en = "en"
    nb = "nb"
    da = "da"
    sv = "sv"
    fi = "fi"


LanguageOption = Annotated[
    ReportLanguage | None,
    typer.Option(
        "--language",
        metavar="en|nb|da|sv|fi",
        help="English, Norwegian bokmål, Danish, Swedish or Finnish. Default: language in "
        "vippsrecon.toml, else English.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def preview(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to read.")],
    shop: ShopOption = None,
    mapping: MappingOption = None,
    json: JsonOption = False,
) -> None:
    """Show what files are and what was understood of them. Needs no keys and makes no calls.

    Shows the kind, format, rows, period and sums, the column with the reference, the rows that
    could not be read, what is missing, and which box to tick in the shop to get it.

    \b
    Example:
      vippsrecon preview orders.csv
      vippsrecon preview export.xlsx --shop shopify --json
    """
    from vippsrecon.cli import output
    from vippsrecon.cli.errors import format_error, print_error
    from vippsrecon.config.load import load_settings
    from vippsrecon.errors import VippsReconError
    from vippsrecon.sources.file_preview import preview_file
    from vippsrecon.workflow.preview_files import choose_mapping, exclude_superseded_rows

    units = load_settings(offline=True).units
    profile, bank_profile = choose_mapping(shop, mapping)
    read = []
    errors: list[VippsReconError | OSError] = []
    for file in files:
        try:
            read.append(preview_file(file, profile, units, bank_profile))
        except (VippsReconError, OSError) as error:
            errors.append(error)
    previews = {"files": exclude_superseded_rows(read)}
    if json:
        print(output.format_json(previews))
    else:
        for entry in previews["files"]:
            print("\n".join(_format_file(entry)))
    if errors:
        for earlier in errors[:-1]:
            print_error(format_error(earlier))
        raise errors[-1]
    if any(entry.get("rejects") for entry in previews["files"]):
        raise typer.Exit(1)


def _format_file(file: dict[str, Any]) -> list[str]:
    from vippsrecon.cli import output
    from vippsrecon.money import format_count

    understood = []
    if file.get("rows") is not None:
        period = " to ".join(str(day) for day in file.get("period") or []) or "unknown"
        understood = [format_count(file["rows"], "row"), f"period {period}"]
    heading = ": ".join(filter(None, [f"{file['kind']}, {file['format']}", ", ".join(understood)]))
    lines = [printable(str(file["path"])), f"  {heading}"]
    for currency, sums in (file.get("totals") or {}).items():
        lines.append(f"  {currency}: {_format_sums(sums, currency)}")
        lines += [
            f"    {printable(account['account'] or 'no account')}: {_format_sums(account, currency)}"
            for account in sums.get("accounts") or []
        ]
    rejects = file.get("rejects") or []
    if rejects:
        lines += [f"  {line}" for line in output.format_rejects(rejects)]
    lines += [f"  note: {note}" for note in file.get("notes") or []]
    return lines


def _format_sums(sums: dict[str, Any], currency: str) -> str:
    from vippsrecon.cli import output
    from vippsrecon.money import format_count

    return ", ".join(
        f"{name.removesuffix('_minor')} {output.format_major_amount(value, currency)}"
        if name.endswith("_minor")
        else format_count(value, "entry", "entries")
        if name == "entries"
        else format_count(value, name.removesuffix("s"))
        for name, value in sums.items()
        if name not in ("account", "accounts")
    )
