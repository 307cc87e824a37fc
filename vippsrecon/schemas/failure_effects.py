"""What a row of `failures` means for a run: unanswered, not found, or not sent.

unanswered   no usable answer came: the run is incomplete
not_found    404: the payment does not exist, which is an answer
not_sent     the reference cannot be that of a payment, so no request was made
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

FailureEffect = Literal["unanswered", "not_found", "not_sent"]


def build_effect_condition(effect: FailureEffect) -> nw.Expr:
    """Return the narwhals condition for the rows of `schemas.FAILURES` with an effect."""
    import narwhals.stable.v2 as nw

    is_not_sent = nw.col("operation") == "not_sent"
    is_not_found = ~is_not_sent & (nw.col("status").fill_null(0) == 404)
    conditions = {
        "unanswered": ~is_not_sent & ~is_not_found,
        "not_found": is_not_found,
        "not_sent": is_not_sent,
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
