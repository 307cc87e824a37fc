"""Define the settings of the simulator; each default is the value closest to production."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from vippsrecon.simulator.apis.error_responses import REFUSAL_CODES
from vippsrecon.simulator.errors import SimulatorInputError

_REFUSAL_FIELDS = {"code", "operation", "reference", "msn", "times"}


@dataclass(slots=True)
class SimulatorSettings:
    """All settings, as given in `{"settings": {…}}` in a state file or POST /_simulator/settings.

    Limits that are `None` are off.
    """

    key_lifetime_seconds: float | None = 86_400
    """How long an idempotency key is remembered: None permanently, 0 not at all. Undocumented."""
    event_log_lag_ms: float = 0
    """Delay until an event appears in the event log."""
    token_lifetime_seconds: float = 3_600
    specialised_token_lifetime_seconds: float = 900
    report_page_size: int = 1_000
    ledgers_page_size: int = 100
    writes_per_minute: int | None = 5
    reads_per_minute: int | None = 120
    magic_amounts: bool = True
    """Whether the amounts that fail on purpose in the test environment also fail here."""
    force_approve: bool = True
    """Whether force approve is available; it is not in production."""
    latency_ms: float = 0
    """Delay of every request; half of it passes before the operation is done."""
    refusals: list[dict[str, Any]] = field(default_factory=list)
    """Configured refusals, for codes with causes inside Vipps MobilePay or a bank:
    `{"code": 6260, "operation": "capture"}`, optionally with `reference`, `msn` and `times`
    (the number of times it is used)."""

    def update(self, changes: dict[str, Any]) -> None:
        """Change settings by name, all or none; refuse an unknown name or a wrong type."""
        types = {f.name: str(f.type) for f in fields(self)}
        for name, value in changes.items():
            if name not in types:
                raise SimulatorInputError(
                    f"there is no setting '{name}'; there are {', '.join(types)}"
                )
            if not _is_valid_value(value, types[name]):
                raise SimulatorInputError(f"the setting '{name}' cannot be {value!r}")
        for refusal in changes.get("refusals", []):
            check_ordered_refusal(refusal)
        for name, value in changes.items():
            # The list is copied, because its `times` are counted down.
            setattr(
                self, name, [dict(refusal) for refusal in value] if name == "refusals" else value
            )

    def changed(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults."""
        defaults = SimulatorSettings()
        current = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in current.items() if value != getattr(defaults, name)}

    def refusal(self, operation: str, msn: str, reference: str) -> int | None:
        """Return the refusal code configured for this request, if any, and count its use."""
        for order in self.refusals:
            request = {"operation": operation, "msn": msn, "reference": reference}
            if order.get("times") == 0 or any(
                order.get(name, value) != value for name, value in request.items()
            ):
                continue
            if "times" in order:
                order["times"] -= 1
            return int(order["code"])
        return None


def check_ordered_refusal(order: Any) -> None:
    """Raise SimulatorInputError if a configured refusal is not valid."""
    if not isinstance(order, dict) or order.get("code") not in REFUSAL_CODES:
        raise SimulatorInputError(f"a refusal needs a known code, this one is {order!r}")
    if unknown := set(order) - _REFUSAL_FIELDS:
        raise SimulatorInputError(f"a refusal has no field {', '.join(sorted(unknown))}")
    times = order.get("times", 0)
    if not isinstance(times, int) or isinstance(times, bool) or times < 0:
        raise SimulatorInputError(f"'times' of a refusal is a whole number, not {times!r}")


def _is_valid_value(value: Any, type_name: str) -> bool:
    if type_name == "bool":
        return isinstance(value, bool)
    if type_name.startswith("list"):
        return isinstance(value, list)
    if value is None:
        return "None" in type_name
    if isinstance(value, bool):
        return False
    kinds = (int, float) if "float" in type_name else (int,)
    return isinstance(value, kinds) and value >= (0 if "float" in type_name else 1)
