"""`preview`: show what a file is and what was understood of it."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vippsrecon.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vippsrecon.config.settings import SalesUnit
    from vippsrecon.errors import VippsReconError
    from vippsrecon.sources.bank.csv.profiles import BankProfile
    from vippsrecon.sources.orders.profiles import Profile


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
    language: LanguageOption = None,
) -> None:
    """Show what files are and what was understood of them. Needs no keys and makes no calls.

    Shows the kind, format, rows, period and sums, the column with the reference, the rows that
    could not be read, what is missing, and which box to tick in the shop to get it.

    \b
    Example:
      vippsrecon preview orders.csv
      vippsrecon preview export.xlsx --shop shopify --json
      vippsrecon preview orders.csv --language nb
    """
    from vippsrecon.cli.errors import format_error, print_error
    from vippsrecon.config.load import load_settings
    from vippsrecon.texts import use_language
    from vippsrecon.workflow.preview_files import choose_mapping

    settings = load_settings(offline=True)
    profile, bank_profile = choose_mapping(shop, mapping)
    with use_language(language.value if language else settings.language):
        entries, errors = _preview_each(files, profile, settings.units, bank_profile, json=json)
    if errors:
        for earlier in errors[:-1]:
            print_error(format_error(earlier))
        raise errors[-1]
    if any(entry.get("rejects") for entry in entries):
        raise typer.Exit(1)


def _preview_each(
    files: Sequence[Path],
    profile: Profile | None,
    units: Sequence[SalesUnit],
    bank_profile: BankProfile | None,
    *,
    json: bool,
) -> tuple[list[dict[str, Any]], list[VippsReconError | OSError]]:
    """Print the preview of each file that can be read; return them, and the errors of the others."""
    from vippsrecon.cli import output
    from vippsrecon.errors import VippsReconError
    from vippsrecon.sources.file_preview import preview_file
    from vippsrecon.workflow.preview_files import exclude_superseded_rows

    read = []
    errors: list[VippsReconError | OSError] = []
    for file in files:
        try:
            read.append(preview_file(file, profile, units, bank_profile))
        except (VippsReconError, OSError) as error:
            errors.append(error)
    entries = exclude_superseded_rows(read)
    if json:
        print(output.format_json({"files": entries}))
    else:
        for entry in entries:
            print("\n".join(_format_file(entry)))
    return entries, errors


def _format_file(file: dict[str, Any]) -> list[str]:
    from vippsrecon.cli import output
    from vippsrecon.texts import list_section, say, say_number

    understood = []
    if file.get("rows") is not None:
        first, last = file.get("period") or ("", "")
        understood = [
            say_number("search_table.rows", file["rows"]),
            say("preview.period", first=str(first), last=str(last))
            if first
            else say("preview.period_unknown"),
        ]
    kind = list_section("files.kinds").get(file["kind"], file["kind"])
    heading = ": ".join(filter(None, [f"{kind}, {file['format']}", ", ".join(understood)]))
    lines = [printable(str(file["path"])), f"  {heading}"]
    for currency, sums in (file.get("totals") or {}).items():
        lines.append(f"  {currency}: {_format_sums(sums, currency)}")
        lines += [
            f"    {printable(account['account'] or say('preview.no_account'))}: {_format_sums(account, currency)}"
            for account in sums.get("accounts") or []
        ]
    rejects = file.get("rejects") or []
    if rejects:
        lines += [f"  {line}" for line in output.format_rejects(rejects)]
    word = say("words.note").lower()
    lines += [f"  {word}: {note}" for note in file.get("notes") or []]
    return lines


def _format_sums(sums: dict[str, Any], currency: str) -> str:
    from vippsrecon.cli import output
    from vippsrecon.texts import say, say_number

    return ", ".join(
        f"{say(f'preview.sums.{name}')} {output.format_major_amount(value, currency)}"
        if name.endswith("_minor")
        else say_number(f"preview.sums.{name}", value)
        for name, value in sums.items()
        if name not in ("account", "accounts")
    )
