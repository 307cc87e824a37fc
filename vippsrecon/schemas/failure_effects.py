"""What a row of `failures` means for a run: unanswered, not found, not sent, or not in the files.

unanswered     no usable answer came: the run is incomplete
not_found      404: the payment does not exist, which is an answer
not_sent       the reference cannot be that of a payment, so no request was made
not_in_files   a run without keys: the settlement files do not show it, so it is not checked
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

FailureEffect = Literal["unanswered", "not_found", "not_sent", "not_in_files"]

NOT_IN_FILES = "not_in_files"
"""The operation of a payment that was not requested, because there were settlement files only."""


def build_effect_condition(effect: FailureEffect) -> nw.Expr:
    """Return the narwhals condition for the rows of `schemas.FAILURES` with an effect."""
    import narwhals.stable.v2 as nw

    is_not_sent = nw.col("operation") == "not_sent"
    is_not_in_files = nw.col("operation") == NOT_IN_FILES
    is_not_found = ~is_not_sent & (nw.col("status").fill_null(0) == 404)
    conditions = {
        "unanswered": ~is_not_sent & ~is_not_found & ~is_not_in_files,
        "not_found": is_not_found,
        "not_sent": is_not_sent,
        "not_in_files": is_not_in_files,
    }
    return conditions[effect]


def select_failures(failures: Any, effect: FailureEffect) -> Any:
    """Return the rows with an effect, in the engine of the frame given.

    >>> import pandas as pd
    >>> rows = {"operation": ["getPayment", "getPayment", "not_sent"], "status": [404, 503, None]}
    >>> failures = pd.DataFrame(rows).convert_dtypes()
    >>> select_failures(failures, "unanswered")["status"].to_list()
    [503]
    """
    import narwhals.stable.v2 as nw

    return nw.from_native(failures).filter(build_effect_condition(effect)).to_native()
