"""Tell the receivers in vippsrecon.toml what a run found, or that it failed: `reconcile --notify`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.cli.errors import FAILURE_EXIT_CODE, describe_failure, print_error
from vippsrecon.errors import VippsReconError, printable_line

if TYPE_CHECKING:
    from vippsrecon.config.notifications import NotificationSettings
    from vippsrecon.notification.digest import Digest


class Notifier:
    """Sends a message about each run that is not clean.

    Args:
        settings: To whom; None: to nobody.
        quiet: Whether standard output is for one JSON object only.
    """

    def __init__(self, settings: NotificationSettings | None, *, quiet: bool) -> None:
        self._settings = settings
        self._quiet = quiet

    def tell_result(self, report: Path, exit_code: int) -> int:
        """Send a report, unless its run was clean. Return the exit code: 2 if it was not sent."""
        from vippsrecon.notification.digest import build_report_digest

        if self._settings is None or exit_code == 0:
            return exit_code
        return max(exit_code, self._send(build_report_digest(report)))

    def tell_failure(self, error: BaseException, before: str = "") -> None:
        """Send why a run could not finish."""
        from vippsrecon.notification.digest import build_failure_digest

        if self._settings is not None:
            self._send(build_failure_digest(before + describe_failure(error)))

    @contextmanager
    def telling_failures(self) -> Iterator[None]:
        """Send the error that ends the block, and raise it again."""
        try:
            yield
        except Exception as error:
            self.tell_failure(error)
            raise

    def _send(self, digest: Digest) -> int:
        from vippsrecon.notification.send import send_digest

        assert self._settings is not None, "asked before"
        try:
            sent = send_digest(digest, self._settings)
        except VippsReconError as error:
            print_error(str(error))
            return FAILURE_EXIT_CODE
        for sentence in [] if self._quiet else sent:
            print(printable_line(sentence))
        return 0
