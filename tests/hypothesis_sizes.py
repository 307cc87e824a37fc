"""Set how many examples a property test draws: few by default, many in the nightly run."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

NIGHTLY_FACTOR = 10


def draw_examples(count: int, **given: Any) -> settings:
    """Return settings that draw `count` examples, or ten times as many in the nightly profile.

    Args:
        count: Examples in the default run.
        **given: Further arguments of `hypothesis.settings`.
    """
    nightly = settings.get_current_profile_name() == "nightly"
    return settings(max_examples=count * (NIGHTLY_FACTOR if nightly else 1), **given)
