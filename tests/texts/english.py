"""Find English in what is shown in another language."""

from __future__ import annotations

import re

from vippsrecon.texts.catalogue import CountedText, load_catalogue


def list_english_phrases(language):
    """Return parts of English texts that no text of the other language contains."""
    other = " ".join(
        form
        for text in load_catalogue(language).values()
        for form in (text if isinstance(text, CountedText) else (text,))
    )
    phrases = {
        part.strip(" .,:;()")
        for text in load_catalogue("en").values()
        for form in (text if isinstance(text, CountedText) else (text,))
        for part in re.split(r"\{\w*\}", form)
    }
    return {phrase for phrase in phrases if re.search(r"\w+ \w+", phrase) and phrase not in other}
