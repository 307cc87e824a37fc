"""Open an order export as a table, and recognise or check the profile of its shop."""

from __future__ import annotations

from pathlib import Path

from vippsrecon.errors import SourceError
from vippsrecon.sources.files.csv_file import open_csv_table
from vippsrecon.sources.files.detect import (
    FILE_KIND_NAMES,
    detect_file_type,
    is_known_heading_row,
    recognize_headings,
    recognize_xml,
)
from vippsrecon.sources.files.excel_file import open_excel_table
from vippsrecon.sources.files.json_stream import recognize_json
from vippsrecon.sources.files.table import Table
from vippsrecon.sources.orders import profiles
from vippsrecon.sources.orders.notes import describe_missing_reference
from vippsrecon.sources.orders.order_frame import OrderFrame
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.sources.orders.woocommerce_rest import open_rest_table
from vippsrecon.texts import use_language


def open_table(path: Path) -> Table:
    """Open a file as a table.

    Raises:
        SourceError: It cannot be opened, or does not have rows and columns.
    """
    form = detect_file_type(path)
    if form == "xml":
        file_format = recognize_xml(path)
        raise SourceError(
            f"this is {FILE_KIND_NAMES[file_format.kind]}, not a table", file=path.name
        )
    if form == "json":
        other = recognize_json(path)
        if other:
            raise SourceError(f"this is {FILE_KIND_NAMES[other.kind]}, not a table", file=path.name)
        return open_rest_table(path)
    columns = profiles.get_profile("plain").columns
    usual = [text for texts in columns.values() for text in texts]
    if form == "workbook":
        return open_excel_table(path, usual_headings=usual, is_heading_row=is_known_heading_row)
    return open_csv_table(path, usual_headings=usual, is_heading_row=is_known_heading_row)


def choose_profile(shop: str | None, mapping: str | Path | None) -> Profile | None:
    """Return the profile that the user chose by name or mapping; None to recognise each file."""
    if mapping is not None:
        return profiles.read_mapping(Path(mapping))
    return profiles.get_profile(shop) if shop else None


def open_with_profile(source: Path | OrderFrame, profile: Profile | None) -> tuple[Table, Profile]:
    """Open a file or a frame and recognise its profile, unless one is given."""
    if isinstance(source, OrderFrame):
        return source.open_table(), source.choose_profile(profile)
    table = open_table(source)
    if profile is None:
        other = recognize_headings(table.headings)
        if other:
            problem = f"this is {FILE_KIND_NAMES[other.kind]}, not an order export"
            raise SourceError(problem, file=table.name)
        return table, profiles.recognize_profile(table.headings, table.name)
    lacking = [name for name in profile.find_missing_fields(table.headings) if name != "reference"]
    if lacking:
        raise SourceError(_describe_other_shop(table, profile, lacking), file=table.name)
    shop = profiles.find_contradicting_profile(profile, table.headings)
    if shop is not None:
        raise SourceError(
            shop.refused
            or f"this is an export of {shop.title}, not of {profile.title or profile.name}; "
            f"omit --shop, or use --shop {shop.name}",
            file=table.name,
        )
    return table, profile


def refuse_unusable_export(table: Table, profile: Profile, *, preview: bool) -> None:
    """Refuse an export that cannot be used, naming the fault or the right export."""
    if profile.refused:
        raise SourceError(profile.refused, file=table.name)
    twice = profile.find_ambiguous_heading(table.headings)
    if twice is not None:
        raise SourceError(
            f"several columns are headed {twice.strip()!r}, and it is not clear which one is "
            "meant; rename or remove the others",
            file=table.name,
        )
    if not preview and "reference" not in profile.places(table.headings) and not profile.prefix:
        with use_language("en"):
            missing = describe_missing_reference(profile)
        raise SourceError(missing[0].lower() + missing[1:].rstrip("."), file=table.name)


def _describe_other_shop(table: Table, profile: Profile, lacking: list[str]) -> str:
    headings = ", ".join(
        " or ".join(repr(text) for text in profile.columns.get(name, (name,))[:2])
        for name in lacking
    )
    if profile.name not in profiles.load_builtin_profiles() and not all(
        name in profile.columns for name in lacking
    ):
        return (
            f"the mapping names no column for {' and '.join(lacking)}: name it under [columns], or "
            "add extends = 'plain' (or another shop) to take over that shop's columns"
        )
    problem = (
        f"this is not an export of {profile.title or profile.name}: it has no column {headings}"
    )
    try:
        other = profiles.recognize_profile(table.headings, table.name)
    except SourceError:
        return problem
    return other.refused or f"{problem}; it looks like {other.title}, --shop {other.name}"
