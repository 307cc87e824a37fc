"""Every sentence and word that a report shows, in five languages: one catalogue a language.

    say("headline.clean")                    the text in the language of the report
    say("counted.row", count=1200)           "1,200 rows": the form for the number, digits grouped
    format_money(123450, "NOK")              "1,234.50 NOK", as the language writes numbers

`language` chooses, `catalogue` looks texts up, `numbers` formats. Codes and names of columns in frames are
the same in every language. Error messages, the help of commands and the journal are English and not here.
"""

from vippsrecon.texts.catalogue import (
    count_of,
    find_text,
    list_section,
    list_texts_in,
    say,
    say_number,
    translate_words,
)
from vippsrecon.texts.language import (
    LANGUAGES,
    check_language,
    get_language,
    in_chosen_language,
    in_language_of_result,
    in_language_of_run,
    keep_language,
    set_language,
    use_language,
)
from vippsrecon.texts.numbers import (
    format_money,
    format_number,
    format_percent,
    format_share,
    format_spaced_money,
    format_spaced_number,
)

__all__ = [
    "LANGUAGES",
    "check_language",
    "count_of",
    "find_text",
    "format_money",
    "format_number",
    "format_percent",
    "format_share",
    "format_spaced_money",
    "format_spaced_number",
    "get_language",
    "in_chosen_language",
    "in_language_of_result",
    "in_language_of_run",
    "keep_language",
    "list_section",
    "list_texts_in",
    "say",
    "say_number",
    "set_language",
    "translate_words",
    "use_language",
]
