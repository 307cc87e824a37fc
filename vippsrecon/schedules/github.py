"""A workflow for GitHub Actions."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vippsrecon.errors import InputError

if TYPE_CHECKING:
    from vippsrecon.schedules.job import Job

SECRETS = ("VIPPS_CLIENT_ID", "VIPPS_CLIENT_SECRET", "VIPPS_SUBSCRIPTION_KEY", "VIPPS_MSN")

_WORKFLOW = """\
# .github/workflows/vippsrecon.yml, in a private repository: reports contain payments of customers.
# Times are UTC. GitHub turns schedules off in a repository without commits for 60 days.
name: Reconcile with Vipps MobilePay
on:
  schedule:
    - cron: "{cron_fields}"
  workflow_dispatch:
permissions:
  contents: read
concurrency: vippsrecon
jobs:
  reconcile:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - run: pip install vippsrecon
      # Add a step here that copies the shop's export into this folder.
      - name: Reconcile
        env:
          VIPPS_ENVIRONMENT: {environment}
{secrets}
        run: |
          code=0
          {command} || code=$?
          if [ "$code" -eq 1 ]; then echo "::warning::Discrepancies: open the report."; fi
          [ "$code" -lt 2 ]
      - name: Keep the report
        if: always()
        uses: actions/upload-artifact@v4
        with:
          name: report
          path: {report}
          if-no-files-found: ignore
"""

_NOTIFY_SECRETS = """
          # Add each variable that [mail] or [webhook] in vippsrecon.toml names, in this way:
          # MAIL_PASSWORD: ${{ secrets.MAIL_PASSWORD }}"""


def format_github_workflow(job: Job, environment: str = "production") -> str:
    """Return a workflow. Exit code 1, discrepancies, is a warning and no failure.

    Source: GitHub, "Workflow syntax for GitHub Actions" and "Events that trigger workflows".

    Args:
        job: The job.
        environment: That of the settings. The simulator runs on this computer only, so the workflow
            then names production.

    Raises:
        InputError: An argument would be carried out as an expression.
    """
    command = shlex.join(["vippsrecon", *job.arguments])
    if "${{" in command:
        raise InputError("An argument contains ${{, which GitHub would carry out. Rename the file.")
    secrets = "\n".join(f"          {name}: ${{{{ secrets.{name} }}}}" for name in SECRETS)
    if "--notify" in job.arguments:
        secrets += _NOTIFY_SECRETS
    pattern = job.output.replace("{period}", "*")
    return _WORKFLOW.format(
        cron_fields=job.cron_fields,
        environment="test" if environment == "test" else "production",
        secrets=secrets,
        command=command,
        report="'" + pattern.replace("'", "''") + "'",
    ).rstrip()
