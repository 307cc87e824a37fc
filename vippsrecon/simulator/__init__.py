"""Simulate Vipps MobilePay: Access Token, ePayment and Report APIs on the local machine.

The simulator imports nothing from the rest of vippsrecon: a shared decoder would share its mistakes.
"""

from vippsrecon.simulator.errors import ConnectionCut, SimulatorInputError
from vippsrecon.simulator.faults import OPERATIONS, read_faults
from vippsrecon.simulator.simulator import Simulator, run, serve

__all__ = [
    "OPERATIONS",
    "ConnectionCut",
    "Simulator",
    "SimulatorInputError",
    "read_faults",
    "run",
    "serve",
]
