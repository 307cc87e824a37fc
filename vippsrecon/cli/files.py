"""`preview`: what is this file, and what was understood of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Shop = Annotated[
    str | None,
    typer.Option(
        "--shop",
        metavar="NAME",
        help="The shop's profile, where it is not to be recognised: shopify, woocommerce, "
        "magento, shopware, squarespace, plain.",
    ),
]
Mapping = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE.toml", help="Your own names of columns."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def preview(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to look at.")],
    shop: Shop = None,
    mapping: Mapping = None,
    json: AsJson = False,
) -> None:
    """Say what files are and what was understood of them. Needs no keys, asks nobody.

    Shows the kind, format, rows, period and sums, which column is the reference, the rows that
    could not be read, what is missing, and which box to tick in the shop to get it.

    \b
    Example:
      vippsrecon preview orders.csv
      vippsrecon preview export.xlsx --shop shopify --json
    """
    from vippsrecon.cli import show
    from vippsrecon.config import load_settings
    from vippsrecon.sources import preview as look

    found = look(files, shop=shop, mapping=mapping, units=load_settings(offline=True).units)
    if json:
        print(show.as_json(found))
    else:
        for file in found["files"]:
            print("\n".join(_lines(file)))
    if any(file.get("rejects") for file in found["files"]):
        raise typer.Exit(1)


def _lines(file: dict[str, Any]) -> list[str]:
    from vippsrecon.cli import show

    period = " to ".join(str(day) for day in file.get("period") or []) or "unknown"
    lines = [
        str(file["path"]),
        f"  {file['kind']}, {file['format']}: {file['rows']:,} rows, period {period}",
    ]
    for currency, sums in (file.get("totals") or {}).items():
        said = ", ".join(
            f"{name.removesuffix('_minor')} {show.major(value, currency)}"
            if name.endswith("_minor")
            else f"{value:,} {name}"
            for name, value in sums.items()
        )
        lines.append(f"  {currency}: {said}")
    rejects = file.get("rejects") or []
    if rejects:
        lines.append(f"  {len(rejects):,} rows could not be read:")
        lines += [
            f"    row {row['source_row']}: {row['reason']}"
            + (f" ({row['column']} = {row['value']!r})" if row.get("column") else "")
            for row in rejects[:20]
        ]
        if len(rejects) > 20:
            lines.append(f"    and {len(rejects) - 20:,} more; --json lists them")
    lines += [f"  note: {note}" for note in file.get("notes") or []]
    return lines
