"""Open the refund desk."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.bulk.verbs import VERBS
from vippsrecon.errors import ConfigurationError, InputError
from vippsrecon.texts import get_language

if TYPE_CHECKING:
    from vippsrecon.api import Client
    from vippsrecon.notebook.desk.panel import RefundDesk
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.store import Store


def refund_desk(
    reconciliation: Reconciliation | None,
    client: Client,
    store: Store,
    *,
    planner: str | None = None,
    plan_file: Path | str = "plan.json",
    folder: Path | str | None = None,
    verb: str = "refund",
) -> RefundDesk:
    """Open a panel to choose refunds, captures or cancels, check them, wait for an approval and carry them out.

    The panel does what `plan_refunds` (`plan_captures`, `plan_cancels`), `write_plan` and `carry_out` do, with their refusals, limits
    and deadlines. It approves nothing: another person runs the command that it shows. If a plan
    in `plan_file` was begun, for example before the kernel ended, it is shown as the journal has
    it and can be continued. It is in the language of the reconciliation, else of the settings.

    Args:
        reconciliation: Whose discrepancies can be planned; None: only continue the plan in
            `plan_file`.
        client: An open client.
        store: The workspace database.
        planner: Who plans; None: the operating system account.
        plan_file: Where the plan is written. An earlier plan is kept beside it.
        folder: The folder with the settings, in which the other person runs the command; None:
            the current one.
        verb: "refund", "capture" or "cancel": which proposals are shown first; the panel has a
            list to change it. A cancel releases all that is reserved, so its amount cannot be
            changed. A plan in `plan_file` keeps its own operation.

    Raises:
        InputError: `verb` is not one of the three.
        ConfigurationError: ipywidgets, which makes the panel, is not installed.
    """
    if find_spec("ipywidgets") is None:
        raise ConfigurationError(
            "refund_desk needs ipywidgets. Install it with: pip install 'vippsrecon[lab]'"
        )
    if verb not in VERBS:
        raise InputError(f"verb is {verb!r}, and must be one of {', '.join(VERBS)}")
    from vippsrecon.notebook.desk.case import Case
    from vippsrecon.notebook.desk.panel import RefundDesk

    case = Case(client, store, planner, Path(plan_file), verb)
    language = reconciliation.language if reconciliation else client.settings.language
    return RefundDesk(
        case, reconciliation, Path(folder or Path.cwd()).resolve(), language or get_language()
    )
