"""Run JupyterLab as `vippsrecon lab` does, and operate it in a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

from tests.chromium import SECONDS
from tests.waiting import wait_until

SETTINGS = {
    "notification": {"fetchNews": "false", "checkForUpdates": False},
    "themes": {"theme": "JupyterLab Light"},
}
PANEL = "[...(window.jupyterapp?.shell.widgets('main') ?? [])][0]"
IS_IDLE = f"{PANEL}?.sessionContext?.session?.kernel?.status === 'idle'"
RUN_ALL = f"""
window.jupyterapp.shell.activateById({PANEL}.id);
await window.jupyterapp.commands.execute("notebook:run-all-cells");
"""
EXECUTED = f"""
(() => {{
  const cells = {PANEL}?.content?.widgets ?? [];
  const code = cells.filter(cell => cell.model.type === "code");
  return code.length > 0 && code.every(cell => cell.model.executionCount !== null);
}})()
"""


@contextmanager
def serve_lab(folder, settings):
    """Run `vippsrecon lab` without a browser of its own and yield its address with the token."""
    for name, value in SETTINGS.items():
        file = settings / "@jupyterlab" / "apputils-extension" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    # The application becomes a variable of the page, so that the test can run its commands.
    config = {"LabApp": {"expose_app_in_browser": True}, "ServerApp": {"allow_root": True}}
    (settings / "jupyter_server_config.json").write_text(json.dumps(config))
    own = {
        "JUPYTER_CONFIG_DIR": str(settings),
        "JUPYTER_DATA_DIR": str(settings / "data"),
        "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    log = settings / "log.txt"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "vippsrecon", "lab", str(folder), "--no-browser"],
            env=os.environ | own,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            find = re.compile(r"http://127\.0\.0\.1:\d+/lab\?token=\w+")
            wait_until(lambda: find.search(log.read_text()) or process.poll() is not None, SECONDS)
            found = find.search(log.read_text())
            assert found, log.read_text()[-3000:]
            yield found[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def change_theme(page, theme):
    """Change JupyterLab's theme as its menu does."""
    page.run_script(
        f"await window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})"
    )
    is_light = str("Light" in theme).lower()
    page.wait_for(
        f"document.body.dataset.jpThemeLight === '{is_light}' && "
        f"document.body.dataset.jpThemeName === '{theme}'"
    )
