"""Continue a plan at the refund desk, and die by SIGKILL when the first refund has been made.

    python crashing_desk.py FOLDER plan.json

The simulator has made the refund, and this process has not written it down: what a kernel that is
killed leaves behind.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import httpx

from tests.notebooks.desk_steps import confirm_and_send
from vippsrecon import Client, load_settings, open_store, refund_desk


class FatalTransport(httpx.AsyncHTTPTransport):
    """The network, which ends this process after the first refund."""

    async def handle_async_request(self, request):
        """Send the request; die where its answer would be returned."""
        response = await super().handle_async_request(request)
        if request.url.path.endswith("/refund"):
            os.kill(os.getpid(), signal.SIGKILL)
        return response


folder, plan_file = Path(sys.argv[1]), Path(sys.argv[2])
settings = load_settings(folder=folder)
desk = refund_desk(
    None,
    Client(settings, transport=FatalTransport()),
    open_store(settings.database_url),
    plan_file=plan_file,
)
desk.open_plan.click()
desk.look.click()
confirm_and_send(desk)
sys.exit(f"not killed: {desk!r} {desk.message}")
