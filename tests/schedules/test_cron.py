"""Test a real cron: the installed line makes the month's folder without a person."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import KEYS
from tests.payments import make_history_line
from tests.waiting import wait_until
from vippsrecon.simulator import Simulator, serve

HEAD = "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"


def find_obstacle():
    """Return why no cron can run here; "" if one can."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return "cron needs root"
    if shutil.which("cron") is None or shutil.which("crontab") is None:
        return "cron is not installed (Debian: apt-get install cron)"
    if Path("/var/run/crond.pid").exists():
        return "a cron runs already, whose jobs are not touched"
    if subprocess.run(["crontab", "-l"], capture_output=True, check=False).returncode == 0:
        return "root has a crontab, which is not touched"
    return ""


@pytest.fixture
def cron():
    """Return a function that starts cron in the foreground; at the end the crontab is deleted."""
    obstacle = find_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    started = []

    def start():
        started.append(subprocess.Popen(["cron", "-f"]))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait()
    subprocess.run(["crontab", "-r"], capture_output=True, check=False)
    Path("/var/run/crond.pid").unlink(missing_ok=True)


@pytest.mark.nightly
def test_cron_makes_the_folder_of_the_month(cron, tmp_path, root):
    """From `schedule --install` to `reports/2026-10`, with nothing but what cron gives a job.

    Only the time is changed: the line would run on the fifth of the month, here in every minute, so
    that it also starts while the month is reconciled already.
    """
    today = datetime.now(UTC)
    month = today.replace(day=1) - timedelta(days=1)
    days = [month.replace(day=day, hour=10, minute=0, second=0) for day in (2, 12, month.day)]
    lines = [
        make_history_line(
            f"order-{number}",
            [(name, 1000, f"{day:%Y-%m-%d}T10:0{place}:00Z") for place, name in
             enumerate(("CREATED", "AUTHORIZED", "CAPTURED"))],
        )
        for number, day in enumerate(days)
    ]  # fmt: skip
    exports = tmp_path / "exports"
    exports.mkdir()
    rows = [
        f"123456,order-{number},{number},NOK,10.00,0.00,fulfilled,{day:%Y-%m-%dT10:00:00Z},"
        f"{day:%Y-%m-%dT11:00:00Z}\n"
        for number, day in enumerate(days)
    ]
    (exports / "orders.csv").write_text(HEAD + "".join(rows))
    with serve(Simulator(lines)) as url:
        settings = {"VIPPS_ENVIRONMENT": "simulator", "VIPPS_BASE_URL": url, **KEYS}
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        command = [
            *(
                sys.executable,
                "-m",
                "vippsrecon",
                "schedule",
                "--for",
                "cron",
                "--install",
                "--yes",
            ),
            *("--period", "last-month", "--", "--orders", "exports", "--into", "reports"),
        ]
        clean = {**os.environ, "PYTHONPATH": str(root)}
        installed = subprocess.run(
            command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert installed.returncode == 0, installed.stderr
        line = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=True).stdout
        assert line.startswith("30 6 5 * * cd ")
        line = line.replace("30 6 5 * *", "* * * * *")
        # The package may be installed in another folder than that of these tests.
        subprocess.run(["crontab", "-"], input=f"PYTHONPATH={root}\n{line}", text=True, check=True)
        process = cron()
        place = tmp_path / "reports" / f"{month:%Y-%m}"
        wait_until(lambda: (place / "manifest.json").exists() or process.poll() is not None, 300)
        assert process.poll() is None
        log = tmp_path / "vippsrecon.log"
        wait_until(lambda: "reconciled already" in log.read_text(), 300)
    assert sorted(path.name for path in place.iterdir()) == [
        *("manifest.json", "report.data", "report.html", "report.xlsx"),
    ]
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [place.name]
