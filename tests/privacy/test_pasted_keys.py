"""A key that was pasted into the wrong line is in no message and in no frame of a traceback."""

from __future__ import annotations

import traceback

import pytest

from tests.privacy.markers import find_markers
from vippsrecon import ConfigurationError, load_settings

KEY = "planted-client-secret-71d2-and-some-more"
VARIABLES = {
    "VIPPS_ENVIRONMENT": "simulator",
    "VIPPS_BASE_URL": "http://127.0.0.1:9",
    "VIPPS_CLIENT_ID": "some-client",
    "VIPPS_CLIENT_SECRET": "some-secret",
    "VIPPS_SUBSCRIPTION_KEY": "some-key",
    "VIPPS_MSN": "123456",
}
UNIT = '[[sales_unit]]\nmsn = "123456"\n'


def assert_not_shown(error: BaseException) -> None:
    """Assert that neither the message nor a variable of a frame holds the key."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    own = [frame for frame in trace.stack if frame.filename != __file__]
    assert (
        find_markers("\n".join([str(error), repr(error), *(str(f.locals) for f in own)])) == set()
    )


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("text", [KEY, f"{KEY} x"], ids=["whole", "with a space"])
def test_key_in_a_variable_is_not_shown(tmp_path, monkeypatch, name, text):
    """Lines of `.env` are next to each other, and a paste hits the wrong one."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    lines = [f"{key}='{value}'" for key, value in (VARIABLES | {name: text}).items()]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    try:
        settings = load_settings(folder=tmp_path)
    except ConfigurationError as error:
        assert_not_shown(error)
    else:
        assert find_markers(repr(settings)) == set()


@pytest.mark.parametrize(
    "line",
    [
        f'client_secret = "{KEY}"',
        f'"{KEY}" = "x"',
        f'environment = "{KEY}"',
        f'base_url = "{KEY}"',
        f'msn = "{KEY}"',
        f'in_flight = "{KEY}"',
        f'partner = "{KEY}"',
        f'webhook_url = "https://hooks.example/{KEY}"',
        f'{UNIT}market = "{KEY}"',
        f'{UNIT}timezone = "{KEY}"',
        f'{UNIT}currency = "{KEY}"',
        f'{UNIT}capture = "{KEY}"',
        f'{UNIT}"{KEY}" = "x"',
        f'[tolerances]\ntolerance_minor = "{KEY}"',
        f'[limits]\nstop_at_share = "{KEY}"',
        KEY,
        f'x = "{KEY}',
    ],
)
def test_key_in_the_settings_file_is_not_shown(tmp_path, monkeypatch, line):
    """The file says what is wrong with a line without repeating it."""
    for variable, value in VARIABLES.items():
        monkeypatch.setenv(variable, value)
    if line.startswith(("environment", "base_url", "msn")):
        monkeypatch.delenv(f"VIPPS_{line.split()[0].upper()}")
    (tmp_path / "vippsrecon.toml").write_text(line, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(folder=tmp_path)
    assert_not_shown(caught.value)
