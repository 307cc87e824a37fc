"""Settings: the source of each value, and what is refused before any call."""

from __future__ import annotations

import os
import pickle
import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Keys, Rules, SalesUnit, Settings
from vippsrecon.errors import ConfigurationError

SECRET = "MARK-secret-1f3e"
KEYS = {"client_id": "id", "client_secret": SECRET, "subscription_key": "sub"}
SIMULATOR = {"environment": "simulator", "base_url": "http://127.0.0.1:8800"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working folder of its own, without a keyring."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "keyring", None)
    return tmp_path


def write(folder: Path, toml: str = "", dotenv: str = "") -> None:
    """Write the files of a working folder."""
    if toml:
        (folder / "vippsrecon.toml").write_text(toml, "utf-8")
    if dotenv:
        (folder / ".env").write_text(dotenv, "utf-8")


@pytest.mark.parametrize(
    ("environment", "base_url", "spoken_to"),
    [
        ("production", None, "https://api.vipps.no"),
        ("test", None, "https://apitest.vipps.no"),
        ("test", "https://apitest.vipps.no/", "https://apitest.vipps.no"),
        ("simulator", "http://127.0.0.1:8800", "http://127.0.0.1:8800"),
        ("simulator", "https://localhost:8800/", "https://localhost:8800"),
        ("simulator", "http://[::1]:8800", "http://[::1]:8800"),
    ],
)
def test_each_environment_has_its_host(folder, environment, base_url, spoken_to):
    """One word decides whether calls move real money."""
    assert load_settings(environment=environment, base_url=base_url).base_url == spoken_to


@pytest.mark.parametrize(
    ("environment", "base_url"),
    [
        pytest.param(None, None, id="no environment"),
        pytest.param("prod", None, id="no such environment"),
        pytest.param("production", "https://apitest.vipps.no", id="production to the test host"),
        pytest.param(
            "production", "https://api.vipps.no.example.com", id="a host with a similar name"
        ),
        pytest.param("production", "http://api.vipps.no", id="plain http"),
        pytest.param("test", "https://api.vipps.no", id="test to the production host"),
        pytest.param("test", "http://127.0.0.1:8800", id="test to loopback"),
        pytest.param("simulator", None, id="simulator nowhere"),
        pytest.param("simulator", "https://api.vipps.no", id="simulator to production"),
        pytest.param("simulator", "http://127.0.0.1.example.com", id="loopback as a subdomain"),
        pytest.param("simulator", "http://localhost@example.com", id="loopback as a user"),
        pytest.param("simulator", "http://127.0.0.1:80\\@example.com", id="backslash"),
        pytest.param("simulator", "http://127.0.0.1:8800/path", id="path"),
        pytest.param("simulator", "ftp://127.0.0.1", id="no http"),
        pytest.param("simulator", "http://127.0.0.1:8800\n", id="line break"),
        pytest.param("simulator", "http://0.0.0.0:8800", id="every address"),
    ],
)
def test_host_outside_the_environment_is_refused(folder, environment, base_url):
    """Keys that are sent to another host are no longer secret."""
    with pytest.raises(ConfigurationError, match="VIPPS_"):
        load_settings(environment=environment, base_url=base_url)


def test_first_source_with_a_value_is_used(folder, monkeypatch):
    """Argument, environment, file, .env, in that order; each value has its source."""
    write(
        folder,
        toml='client_id = "from-file"\ndatabase_url = "sqlite:///file.db"\nmsn = "111111"\n',
        dotenv="VIPPS_CLIENT_ID=from-env-file\nVIPPS_CLIENT_SECRET=s\nVIPPS_MSN=222222\n"
        "VIPPS_SUBSCRIPTION_KEY=from-env-file\n",
    )
    monkeypatch.setenv("VIPPS_CLIENT_SECRET", "from-environment")
    monkeypatch.setenv("VIPPSRECON_DATABASE_URL", "from-environment")
    settings = load_settings(**SIMULATOR, database_url="sqlite:///argument.db")
    keys = settings.keys_of("111111")

    assert keys.client_id == "from-file"
    assert keys.client_secret.get_secret_value() == "from-environment"
    assert keys.subscription_key.get_secret_value() == "from-env-file"
    assert settings.database_url == "sqlite:///argument.db"
    assert settings.sources["client_id"] == "vippsrecon.toml"
    assert settings.sources["client_secret"] == "environment (VIPPS_CLIENT_SECRET)"
    assert settings.sources["subscription_key"] == ".env (VIPPS_SUBSCRIPTION_KEY)"
    assert settings.sources["database_url"] == "argument"
    assert settings.sources["in_flight"] == "default"


def test_default_unit_names_the_file_it_came_from(folder):
    """The only sales unit of the file becomes the default, so its source is the file."""
    write(folder, toml='[[sales_unit]]\nmsn = "111111"\nclient_id = "from-own-file"\n')
    (folder / "vippsrecon.toml").rename(folder / "own.toml")
    settings = load_settings(**SIMULATOR, file=folder / "own.toml")

    assert settings.default_msn == "111111"
    assert settings.sources["msn"] == "own.toml"
    assert settings.sources["111111.client_id"] == "own.toml"
    assert load_settings(**SIMULATOR).sources["msn"] == "default"


class Ring:
    """A keyring with one secret."""

    def get_password(self, service, name):
        """Return it for its name, and nothing for another."""
        return SECRET if (service, name) == ("vippsrecon", "VIPPS_CLIENT_SECRET") else None


class Locked:
    """A keyring that cannot be opened."""

    def get_password(self, service, name):
        """Fail, as backends do."""
        raise RuntimeError("no backend")


def test_the_keyring_comes_after_the_environment(folder, monkeypatch):
    """A secret in the system's keyring need not be in any file."""
    write(folder, dotenv="VIPPS_CLIENT_SECRET=from-env-file\n")
    monkeypatch.setitem(sys.modules, "keyring", Ring())
    defaults = {**SIMULATOR, "client_id": "id", "subscription_key": "sub", "msn": "123456"}
    assert load_settings(**defaults).keys_of("123456").client_secret.get_secret_value() == SECRET
    monkeypatch.setenv("VIPPS_CLIENT_SECRET", "from-environment")
    settings = load_settings(**defaults)

    assert settings.sources["client_secret"] == "environment (VIPPS_CLIENT_SECRET)"


def test_failing_keyring_is_ignored(folder, monkeypatch):
    """A server has no keyring, and this is not an error in the settings."""
    monkeypatch.setitem(sys.modules, "keyring", Locked())

    assert load_settings(**SIMULATOR).default_keys is None


TWO_UNITS = """
in_flight = 64
ignore_file = "ignore.csv"

[[sales_unit]]
msn = "111111"
market = "NO"
capture = "at_once"
stores = ["Oslo", "Bergen"]
currency = "NOK"

[[sales_unit]]
msn = "222222"
market = "FI"
late_capture = true
client_id = "finnish-id"
client_secret_from = "FINNISH_SECRET"
subscription_key_from = "FINNISH_KEY"

[tolerances]
tolerance_minor = 2

[limits]
per_run = 100000
"""


def test_each_sales_unit_has_its_own_keys(folder, monkeypatch):
    """The file names the variables that contain secrets, never the secrets."""
    write(folder, TWO_UNITS)
    monkeypatch.setenv("FINNISH_SECRET", "fs")
    monkeypatch.setenv("FINNISH_KEY", "fk")
    settings = load_settings(**SIMULATOR, **KEYS)

    assert settings.units == (
        SalesUnit(
            "111111", market="NO", capture="at_once", stores=("Oslo", "Bergen"), currency="NOK"
        ),
        SalesUnit("222222", market="FI", late_capture=True),
    )
    assert settings.unit("222222").zone == "Europe/Helsinki"
    assert settings.unit("999999") == SalesUnit("999999")
    assert settings.default_msn is None
    assert settings.keys_of("111111").client_id == "id"
    assert settings.keys_of("222222").client_id == "finnish-id"
    assert settings.keys_of("222222").client_secret.get_secret_value() == "fs"
    assert settings.sources["222222.client_secret"] == "environment (FINNISH_SECRET)"
    assert settings.rules == Rules(tolerance_minor=2)
    assert settings.limits == {"per_run": 100000}
    assert settings.in_flight == 64
    assert settings.ignore_file == folder / "ignore.csv"


FEE_CONTRACTS = """
[[fee_contract]]
percent = 2.99
fixed_minor = 100
currency = "NOK"

[[fee_contract]]
percent = "1.5"
currency = "NOK"
msn = "111111"
payment_method = "CARD"
from_date = 2026-10-01
tolerance_minor = 0
"""


def test_fee_contracts_are_exact(folder):
    """A percentage written as a number of TOML is the decimal number that is written there."""
    write(folder, FEE_CONTRACTS)
    contracts = load_settings(**SIMULATOR).fee_contracts

    assert contracts == (
        FeeContract("2.99", "NOK", 100),
        FeeContract("1.5", "NOK", 0, "111111", "CARD", date(2026, 10, 1), 0),
    )
    assert [contract.parts_per_million for contract in contracts] == [29_900, 15_000]


def test_only_sales_unit_is_the_default(folder):
    """Most merchants have one, and need not name it."""
    write(folder, '[[sales_unit]]\nmsn = "111111"\n')

    assert load_settings(**SIMULATOR).default_msn == "111111"
    assert load_settings(**SIMULATOR, msn="222222").default_msn == "222222"
    assert len(load_settings(**SIMULATOR, msn="222222").units) == 2


def test_sales_unit_argument_replaces_those_of_the_file(folder):
    """The demo uses its own, whatever the folder contains."""
    write(folder, '[[sales_unit]]\nmsn = "111111"\n')
    mine = (SalesUnit("333333"),)

    assert load_settings(**SIMULATOR, units=mine, rules=Rules(5)).units == mine


@pytest.mark.parametrize(
    ("arguments", "msn", "message"),
    [
        pytest.param({}, "111111", "no keys are configured", id="unknown sales unit"),
        pytest.param({"msn": "111111"}, "111111", "no complete keys", id="incomplete keys"),
        pytest.param(
            {"msn": "111111", **KEYS}, "222222", "no keys are configured", id="another's keys"
        ),
    ],
)
def test_missing_keys_are_named(folder, arguments, msn, message):
    """They are found before the first call, with the names of the variables to set."""
    with pytest.raises(ConfigurationError, match=message):
        load_settings(environment="test", **arguments).keys_of(msn)


def test_partner_keys_serve_all_sales_units(folder):
    """A partner has one set of keys for every linked merchant."""
    settings = load_settings(environment="production", partner=True, **KEYS)

    assert settings.keys_of("987654").client_id == "id"


def test_accounting_keys_have_no_subscription_key(folder, monkeypatch):
    """The token service refuses a subscription key beside them."""
    write(folder, '[accounting]\nclient_id = "acc"\nclient_secret_from = "BOOKS"\n')
    assert load_settings(**SIMULATOR).accounting is None
    monkeypatch.setenv("BOOKS", SECRET)
    accounting = load_settings(**SIMULATOR).accounting

    assert (accounting.client_id, accounting.subscription_key) == ("acc", None)


def test_offline_work_needs_no_environment(folder):
    """Reconciling files that were fetched last month makes no call."""
    assert load_settings(offline=True).base_url == ""
    with pytest.raises(ConfigurationError):
        load_settings(offline=True, environment="prod")


def test_settings_repr_shows_no_secret(folder):
    """Settings are printed in notebooks and pasted into mails."""
    settings = load_settings(
        **SIMULATOR, **KEYS, msn="123456", database_url=f"postgresql://me:{SECRET}@localhost/db"
    )

    assert SECRET not in repr(settings) + str(settings.sources) + repr(settings.keys)
    assert KEYS["client_id"] not in re.findall("'([^']*)'", repr(settings))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        pytest.param("tolerence = 1", "not a setting.*tolerances", id="misspelled"),
        pytest.param(
            "[tolerances]\ntolerence_minor = 1", "did you mean tolerance_minor", id="in a table"
        ),
        pytest.param('[[sales_unit]]\nmsn = "111111"\nzone = "x"', "'zone' is not", id="in a unit"),
        pytest.param("[limits]\nper_year = 1", "did you mean per_", id="in the limits"),
        pytest.param(
            f'client_secret = "{SECRET}"', "VIPPS_CLIENT_SECRET.*client_secret_from", id="secret"
        ),
        pytest.param(
            f'[[sales_unit]]\nmsn = "111111"\nsubscription-key = "{SECRET}"',
            "is a secret.*VIPPS_SUBSCRIPTION_KEY",
            id="secret in a unit",
        ),
        pytest.param(f'[accounting]\ntoken = "{SECRET}"', "token is a secret", id="token"),
        pytest.param(
            f'database_url = "postgresql://me:{SECRET}@localhost/db"', "password", id="password"
        ),
        pytest.param(
            f'database_url = "postgresql://me:{SECRET}\u2100@[localhost/db"', "not a URL", id="no URL"
        ),
        pytest.param(f'in_flight = "{SECRET}"', "not a number", id="a secret for a number"),
        pytest.param('[limits]\nper_day = true', "not an amount", id="no amount"),
        pytest.param('msn = "12"', "4 to 10 digits", id="the default msn"),
        pytest.param("in_flight = true", "whole number", id="true for a number"),
        pytest.param('in_flight = "32"', "whole number", id="text for a number"),
        pytest.param("in_flight = 257", "1 to 256", id="too many in flight"),
        pytest.param("in_flight = 0", "1 to 256", id="none in flight"),
        pytest.param("retry_seconds = 0", "above 0", id="no time"),
        pytest.param("[[sales_unit]]\nmsn = 111111", "in quotes", id="msn without quotes"),
        pytest.param('[[sales_unit]]\nmsn = "12"', "4 to 10 digits", id="msn too short"),
        pytest.param("[[sales_unit]]\n", "has no msn", id="no msn"),
        pytest.param("sales_unit = [1]", "not a table", id="unit not a table"),
        pytest.param(
            '[[sales_unit]]\nmsn = "111111"\n[[sales_unit]]\nmsn = "111111"', "twice", id="twice"
        ),
        pytest.param('[[sales_unit]]\nmsn = "111111"\nmarket = "no"', "NO, SE", id="market"),
        pytest.param('[[sales_unit]]\nmsn = "111111"\ncapture = "on_fulfillment"', "mean on_ful",
                     id="capture"),
        pytest.param('[[sales_unit]]\nmsn = "111111"\nstores = [1]', "list of texts", id="stores"),
        pytest.param(
            '[[sales_unit]]\nmsn = "111111"\ntimezone = "Europe/Olso"', "not known", id="zone"
        ),
        pytest.param("[tolerances]\ntolerance_minor = -1", "from 0 to", id="negative"),
        pytest.param("[tolerances]\ntolerance_minor = 0.5", "whole number", id="half an øre"),
        pytest.param("in_flight = ", "not TOML", id="broken"),
        pytest.param("[tolerances]\ntolerance_minor = 10000000000000000", "from 0 to", id="amount"),
        pytest.param("[tolerances]\ndelivery_grace_days = 99999999", "from 0 to", id="days"),
        pytest.param('[[sales_unit]]\nmsn = "111111"\ncurrency = "XXX"', "NOK", id="currency"),
        pytest.param('[[sales_unit]]\nmsn = "111111"\ncurrency = "nok"', "NOK", id="in small"),
        pytest.param('[[sales_unit]]\nmsn = "111111"\ntimezone = "/etc/passwd"', "not known",
                     id="a path"),
        pytest.param('[[sales_unit]]\nmsn = "111111"\ntimezone = "localtime"', "not known",
                     id="as here"),
        pytest.param('[[fee_contract]]\ncurrency = "NOK"', "has no percent", id="no percentage"),
        pytest.param('[[fee_contract]]\npercent = "2,99"\ncurrency = "NOK"', "such as \"2.99\"",
                     id="a decimal comma"),
        pytest.param("[[fee_contract]]\npercent = 101\ncurrency = 'NOK'", "0 to 100", id="above 100"),
        pytest.param("[[fee_contract]]\npercent = nan\ncurrency = 'NOK'", "0 to 100", id="not a number"),
        pytest.param("[[fee_contract]]\npercent = true\ncurrency = 'NOK'", "0 to 100", id="true"),
        pytest.param("[[fee_contract]]\npercent = 0.00001\ncurrency = 'NOK'", "four decimals",
                     id="five decimals"),
        pytest.param("[[fee_contract]]\npercent = 2\ncurrency = 'NOK'\nfrom_date = 'today'",
                     "2026-10-01", id="not a day"),
        pytest.param("a = " + "[" * 100_000, "nested too deeply", id="deep"),
        pytest.param("in_flight = " + "1" * 5000, "not TOML", id="long number"),
        pytest.param("in_flight = 1\nin_flight = 2", "not TOML", id="a key twice"),
    ],
)  # fmt: skip
def test_invalid_settings_file_error_names_the_fault(folder, toml, message):
    """A misspelled tolerance would silently not be set."""
    write(folder, toml)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings(**SIMULATOR)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: SalesUnit(123456.0), "msn must be text", id="number for a text"),
        pytest.param(lambda: SalesUnit("123456", "no"), "Use one of NO, SE", id="market"),
        pytest.param(
            lambda: SalesUnit("123456", late_capture="yes"), "true or false", id="text for yes"
        ),
        pytest.param(
            lambda: SalesUnit("123456", day_ends_at="4:00"), "time of day in quotes", id="time"
        ),
        pytest.param(lambda: SalesUnit("123456", zone="x"), "mean timezone", id="misspelled"),
        pytest.param(SalesUnit, "SalesUnit has no msn", id="no msn"),
        pytest.param(lambda: replace(Rules(), tolerance_minor=-1), "from 0 to", id="a copy"),
        pytest.param(
            lambda: Settings("simulator", "", retry_seconds=float("nan")), "above 0", id="NaN"
        ),
        pytest.param(lambda: Settings("simulator", "", units=(SECRET,)), "not a table", id="unit"),
        pytest.param(lambda: Keys("id", SecretStr(SECRET), 5), "must be text", id="key"),
        pytest.param(
            lambda: Settings("simulator", "", keys={"1": {"client_secret": SECRET}}),
            "has no client_id",
            id="key in a table",
        ),
    ],
)
def test_settings_made_in_python_are_checked(build, message):
    """A notebook makes sales units and tolerances itself, with the same typing errors."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        build()

    assert SECRET not in str(caught.value)


def test_models_compare_and_hash_by_their_values():
    """Sales units are keys of dictionaries and are compared in tests and notebooks."""
    unit = SalesUnit("123456", "NO", stores=["Oslo"])

    assert {unit, SalesUnit("123456", market="NO", stores=("Oslo",))} == {unit}
    assert pickle.loads(pickle.dumps(unit)) == unit


def test_settings_file_that_is_not_text_is_refused(folder):
    """The file may be a renamed workbook."""
    (folder / "vippsrecon.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings(**SIMULATOR)


def test_missing_settings_file_is_refused(folder):
    """Without it the run would use other tolerances."""
    with pytest.raises(ConfigurationError, match=r"other\.toml: there is no such file"):
        load_settings(**SIMULATOR, file=folder / "other.toml")


def test_env_file_that_is_not_text_is_refused(folder):
    """Windows' editor can save UTF-16."""
    (folder / ".env").write_bytes("VIPPS_MSN=1".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings(**SIMULATOR)


def test_key_with_a_line_break_is_refused(folder):
    """Such a key would be sent as two headers."""
    with pytest.raises(ConfigurationError, match="VIPPS_CLIENT_SECRET") as caught:
        load_settings(**SIMULATOR, **{**KEYS, "client_secret": f"{SECRET}\nX-Other: 1"})

    assert SECRET not in str(caught.value)


def test_spaces_around_a_key_are_removed(folder):
    """Copying from a portal often adds spaces."""
    settings = load_settings(**SIMULATOR, **{**KEYS, "client_secret": f" {SECRET}\n"}, msn="123456")

    assert settings.keys_of("123456").client_secret.get_secret_value() == SECRET


def test_misspelled_argument_is_refused(folder):
    """A misspelled keyword would silently not be a setting."""
    with pytest.raises(ConfigurationError, match="did you mean client_id"):
        load_settings(**SIMULATOR, clientid="id")


def test_invalid_msn_is_refused(folder):
    """The number is sent in a header."""
    with pytest.raises(ConfigurationError, match="VIPPS_MSN"):
        load_settings(**SIMULATOR, msn="12-34")


@pytest.mark.parametrize("name", ["vippsrecon.toml", ".env"])
@pytest.mark.parametrize("kind", ["pipe", "link to nothing", "device", "too large"])
def test_settings_path_that_is_not_a_file_is_refused(folder, name, kind):
    """Without an error, the limits in the file would silently not apply."""
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "too large":
        path.touch()
        os.truncate(path, 5 * 1024**2)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "nothing")

    with pytest.raises(ConfigurationError, match=rf"^{re.escape(name)}: (this is|the file is)"):
        load_settings(**SIMULATOR)


def test_folder_named_as_the_settings_file_is_refused(folder):
    """A folder `.env` is allowed, because many Python environments have that name."""
    (folder / ".env").mkdir()
    load_settings(**SIMULATOR)
    (folder / "vippsrecon.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"vippsrecon\.toml: this is a directory"):
        load_settings(**SIMULATOR)


def test_vipps_msn_sets_the_default_sales_unit(folder):
    """VIPPS_MSN sets the default sales unit, also where there are several sales units."""
    write(folder, '[[sales_unit]]\nmsn = "111111"\n[[sales_unit]]\nmsn = "222222"\n')

    assert load_settings(**SIMULATOR).default_msn is None
    assert load_settings(**SIMULATOR, msn="222222").default_msn == "222222"
    settings = Settings("simulator", "http://127.0.0.1:1", units=(SalesUnit("333333"),))
    assert settings.default_msn == "333333"


def test_sales_unit_may_be_a_whole_number():
    """A spreadsheet gives a number, and `fetch` takes one; true is not a number."""
    settings = Settings("test", "https://apitest.vipps.no", default_msn=123456)

    assert settings.default_msn == "123456"
    assert SalesUnit(123456).msn == "123456"
    with pytest.raises(ConfigurationError):
        SalesUnit(True)
