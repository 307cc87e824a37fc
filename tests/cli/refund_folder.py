"""A folder with a list of refunds, and the simulator with its payments."""

from __future__ import annotations

from pathlib import Path

from vippsrecon.simulator import Simulator

MSN = "123456"
SUM = "1250.50 NOK"
"""The sum of the plan of the fixture `ready`."""


class RefundFolder:
    """A folder with a list of refunds, and the simulator with its payments."""

    def __init__(self, run, simulator: Simulator, folder: Path) -> None:
        self.run, self.simulator, self.folder = run, simulator, folder

    def plan(self, *amounts: str, references=()) -> None:
        """Plan refunds of these amounts, for the payments from `order-000001` on."""
        named = references or [f"order-{n:06d}" for n in range(1, len(amounts) + 1)]
        rows = [
            f"{reference},{amount},NOK" for reference, amount in zip(named, amounts, strict=True)
        ]
        listed = "\n".join(["reference,amount,currency", *rows])
        self.folder.joinpath("refunds.csv").write_text(listed, encoding="utf-8")
        result = self.run("plan", "refunds", "refunds.csv", "--out", "plan.json", "--as", "kari")
        assert result.exit_code == 0, result.output

    def approve(self) -> None:
        """Approve the plan as a person other than its planner."""
        result = self.run("approve", "plan.json", "--as", "ola")
        assert result.exit_code == 0, result.output

    def effects(self) -> dict[str, int]:
        """Return the refunded sum of each refunded payment."""
        payments = self.simulator.requests()["payments"].get(MSN, {})
        return {
            ref: operations["refund"]["sum"]
            for ref, operations in payments.items()
            if "refund" in operations
        }
