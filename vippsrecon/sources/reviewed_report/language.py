"""Find out in which language a report is, by the names of its sheets, and what it calls its parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vippsrecon.texts import LANGUAGES, list_texts_in

REQUIRED_SHEETS = ("discrepancies", "controls")
"""Sheets of every report that is read back. Their names together differ in every language."""


def find_report_language(sheet_names: Collection[str]) -> str | None:
    """Return the language of a report with these sheets; None if it is not a report."""
    for language in LANGUAGES:
        if {get_sheet_name(sheet, language) for sheet in REQUIRED_SHEETS} <= set(sheet_names):
            return language
    return None


def get_sheet_name(sheet: str, language: str) -> str:
    """Return what a sheet is called in the reports of a language."""
    return list_texts_in("sheets", language)[sheet]


def get_headings(section: str, columns: Collection[str], language: str) -> dict[str, str]:
    """Return column to heading, in a language.

    Args:
        section: The sheet's section in the catalogues, such as "discrepancies".
        columns: The columns.
        language: The language of the report.
    """
    headings = {
        **list_texts_in("columns.shared", language),
        **list_texts_in(f"columns.{section}", language),
    }
    return {name: headings[f"{name}.heading"] for name in columns}


def translate_back(section: str, language: str) -> Mapping[str, str]:
    """Return each word of a section in a language, with the English word that programs use."""
    english = list_texts_in(section, "en")
    return {word: english[key] for key, word in list_texts_in(section, language).items()}
