"""Read lists of references that are given in addition to orders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.errors import SourceError
from vippsrecon.sources.files.csv_file import read_text_lines
from vippsrecon.sources.files.detect import MAX_CELL_LENGTH, detect_file_type
from vippsrecon.sources.files.headings import normalize_heading
from vippsrecon.sources.files.invisible import repair_texts
from vippsrecon.sources.orders import profiles
from vippsrecon.sources.orders.fields import references
from vippsrecon.sources.orders.open import open_table
from vippsrecon.texts import say
from vippsrecon.vipps_rules import MAX_REFERENCE_LENGTH

if TYPE_CHECKING:
    import pandas as pd


class ReferenceList(NamedTuple):
    """A list of references, as read, in Polars.

    Attributes:
        references: msn, reference, discovered_by = "references", in the file's order.
        rejects: `schemas.REJECTS`.
        note: Which column was used, if there were others; else "".
    """

    references: pl.DataFrame
    rejects: pl.DataFrame
    note: str


def read_references(
    path: str | Path, default_msn: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a list of references: a column `reference` and maybe `msn`, or one on each line.

    Args:
        path: CSV or XLSX with a heading row, or a text file without one.
        default_msn: Sales unit of references without one.

    Returns:
        References (msn, reference, discovered_by = "references") in the file's order, and
        `schemas.REJECTS`. A repeated reference is returned twice; fetching reports it.

    Raises:
        SourceError: The file cannot be read as such a list, or has no sales unit and there is no
            default.
    """
    listed = read_reference_list(path, default_msn)
    return schemas.to_pandas(listed.references), schemas.to_pandas(listed.rejects)


def read_reference_list(path: str | Path, default_msn: str | None = None) -> ReferenceList:
    """Read a list as `read_references` does, into Polars, with a note on the column used."""
    path = Path(path)
    form = detect_file_type(path)
    if form in ("xml", "json"):
        raise SourceError(f"this is {form.upper()}, not a list of references", file=path.name)
    plain = form == "text" and not _has_headings(path)
    rows, note = (_read_plain_list(path), "") if plain else _read_table_list(path)
    # Reading moves no money, so a reference is repaired here; in a list of refunds it is refused.
    rows = rows.with_columns(
        reference=repair_texts(rows["reference"]),
        msn=pl.when(pl.col("msn") == "").then(pl.lit(default_msn)).otherwise("msn"),
    )
    if rows.height and rows["msn"].is_null().all():
        raise SourceError(
            "the list does not name the sales unit of its references; set VIPPS_MSN",
            file=path.name,
        )
    judged = rows.with_columns(
        reason=pl.when(pl.col("fault").is_not_null())
        .then("fault")
        .when(pl.col("reference") == "")
        .then(pl.lit(say("reasons.no_reference")))
        .when(pl.col("reference").str.len_chars() > MAX_REFERENCE_LENGTH)
        .then(pl.lit(say("reasons.reference_limit", limit=MAX_REFERENCE_LENGTH)))
        .when(pl.col("msn").is_null())
        .then(pl.lit(say("reasons.no_unit")))
    )
    rejects = judged.filter(pl.col("reason").is_not_null()).select(
        pl.lit(path.name).alias("source_file"),
        pl.col("row").alias("source_row"),
        pl.lit("reference").alias("column"),
        pl.col("reference").str.slice(0, 80).alias("value"),
        "reason",
    )
    usable = judged.filter(pl.col("reason").is_null()).select(
        "msn", "reference", pl.lit("references").alias("discovered_by")
    )
    return ReferenceList(
        usable.cast(pl.String), schemas.cast_to_schema(rejects, schemas.REJECTS), note
    )


def is_reference_list(path: str | Path) -> bool:
    """Return whether a file is a list of references rather than an order export.

    A list has a column of references and is not a known shop's export, or it is a text file
    without separators, with one reference per line.
    """
    path = Path(path)
    form = detect_file_type(path)
    if form not in ("text", "workbook"):
        return False
    headings = tuple(_read_first_cells(path)) if form == "text" else open_table(path).headings
    if len(headings) == 1 and path.suffix.lower() == ".txt":
        return True
    if "reference" not in profiles.get_profile("plain").places(headings):
        return False
    try:
        profiles.recognize_profile(headings, path.name)
    except SourceError:
        return True
    return False


def _read_first_cells(path: Path) -> list[str]:
    _, first = next(read_text_lines(path), (0, ""))
    return first.replace(";", ",").replace("\t", ",").replace("|", ",").split(",")


def _has_headings(path: Path) -> bool:
    """Return whether the first line is a heading row and not a reference."""
    names = {
        normalize_heading(alias) for alias in profiles.get_profile("plain").columns["reference"]
    }
    cells = _read_first_cells(path)
    if any(normalize_heading(cell) in names for cell in cells):
        return True
    if len(cells) > 1:
        raise SourceError(
            "several columns and none of them headed 'reference'; add a heading row", file=path.name
        )
    return False


def _read_plain_list(path: Path) -> pl.DataFrame:
    rows = []
    for number, line in read_text_lines(path):
        if len(line) > MAX_CELL_LENGTH:
            raise SourceError("a line is larger than 1 MB", file=path.name, row=number)
        rows.append((number, "", line, None))
    schema = {"row": pl.Int64, "msn": pl.String, "reference": pl.String, "fault": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(references.remove_spreadsheet_guards(frame["reference"]))


def _read_table_list(path: Path) -> tuple[pl.DataFrame, str]:
    """Return the rows, and a note on the column used if there were others."""
    table = open_table(path)
    places = profiles.get_profile("plain").places(table.headings)
    if "reference" not in places:
        raise SourceError("it has no column 'reference'", file=path.name)
    positions = {name: places[name][0] for name in ("reference", "msn") if name in places}
    frame = table.columns(list(positions.values()))
    cells: dict[str, pl.Series | pl.Expr] = {
        name: references.remove_spreadsheet_guards(frame[f"c{position}"])
        for position, name in enumerate(positions)
    }
    cells.setdefault("msn", pl.lit(""))
    note = (
        f"{path.name} is read as a list of references, from its column "
        f"{table.headings[positions['reference']].strip()!r}; its other columns are not used."
        if len(table.headings) > len(positions)
        else ""
    )
    return frame.select("row", "fault", **cells), note
