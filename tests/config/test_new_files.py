"""The first settings: what is written where, and that reading it gives the same."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vippsrecon.config.load import load_settings
from vippsrecon.config.new_files import (
    extend_gitignore,
    format_dotenv,
    make_new_settings,
    write_new_settings,
)
from vippsrecon.errors import ConfigurationError

VALUES = {
    "environment": "test",
    "msn": "123456",
    "market": "dk",
    "client_id": "invented-id",
    "client_secret": "invented-secret",
    "subscription_key": "invented-key",
}


class Ring:
    """A keyring in memory."""

    def __init__(self, **entries):
        self.entries = entries

    def get_password(self, service, name):
        """Return the secret of that name."""
        assert service == "vippsrecon"
        return self.entries.get(name)

    def set_password(self, service, name, secret):
        """Store a secret."""
        self.entries[name] = secret


class NullRing(Ring):
    """A keyring that keeps nothing, as keyring's own null backend."""

    def set_password(self, service, name, secret):
        """Do nothing."""


class NoRing:
    """A computer without a keyring, as keyring's own fail backend."""

    def get_password(self, service, name):
        """Fail."""
        raise RuntimeError("no backend")

    set_password = get_password


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a working folder of its own, without a keyring."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "keyring", None)
    return tmp_path


@pytest.mark.parametrize("ring", [None, NullRing(), NoRing()], ids=["none", "null", "fails"])
def test_without_a_keyring_the_keys_are_in_dotenv(folder, monkeypatch, ring):
    """A server often has no keyring, or one that keeps nothing."""
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert write_new_settings(folder, make_new_settings(VALUES)) is False
    settings = load_settings(folder=folder)

    assert settings.environment == "test"
    assert settings.units[0].market == "DK"
    assert settings.keys_of("123456").client_secret.get_secret_value() == VALUES["client_secret"]
    assert settings.sources["client_secret"] == ".env (VIPPS_CLIENT_SECRET)"
    assert "invented-secret" not in (folder / "vippsrecon.toml").read_text()


def test_with_a_keyring_no_file_has_a_secret(folder, monkeypatch):
    """Each sales unit has its own names there: its keys replace no others."""
    ring = Ring(VIPPS_CLIENT_SECRET="of-another-shop", VIPPS_SUBSCRIPTION_KEY="of-another-shop")
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert write_new_settings(folder, make_new_settings(VALUES)) is True
    settings = load_settings(folder=folder)
    keys = settings.keys_of("123456")
    written = "".join(path.read_text() for path in folder.iterdir())

    assert ring.entries["VIPPS_CLIENT_SECRET"] == "of-another-shop"
    assert ring.entries["VIPPS_CLIENT_SECRET_123456"] == VALUES["client_secret"]
    assert keys.client_secret.get_secret_value() == VALUES["client_secret"]
    assert keys.subscription_key.get_secret_value() == VALUES["subscription_key"]
    assert VALUES["client_secret"] not in written
    assert VALUES["subscription_key"] not in written


def test_a_secret_of_the_keyring_is_never_overwritten(folder, monkeypatch):
    """It may be the only copy."""
    ring = Ring(VIPPS_CLIENT_SECRET_123456="older")
    monkeypatch.setitem(sys.modules, "keyring", ring)

    with pytest.raises(
        ConfigurationError, match="keyring del vippsrecon VIPPS_CLIENT_SECRET_123456"
    ):
        write_new_settings(folder, make_new_settings(VALUES))
    assert ring.entries == {"VIPPS_CLIENT_SECRET_123456": "older"}
    assert list(folder.iterdir()) == []


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_key_is_read_back_from_dotenv(key):
    """Quotes, backslashes, dollar and number signs have a meaning there."""
    from io import StringIO

    from dotenv import dotenv_values

    new = make_new_settings({**VALUES, "client_secret": key})
    text = format_dotenv(new, in_keyring=False)

    assert dotenv_values(stream=StringIO(text), interpolate=False)["VIPPS_CLIENT_SECRET"] == key


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_only_this_account_can_open_the_keys(folder):
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        write_new_settings(folder, make_new_settings(VALUES))
    finally:
        os.umask(before)

    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, ".env\n", id="no file"),
        pytest.param("*.xlsx", "*.xlsx\n.env\n", id="no line break at the end"),
        pytest.param("a\n/.env\n", "a\n/.env\n", id="listed"),
        pytest.param(".env\n!.env\n", ".env\n!.env\n.env\n", id="listed and taken back"),
        pytest.param("# .env\n", "# .env\n.env\n", id="a comment"),
    ],
)
def test_git_ignores_the_keys(folder, before, after):
    """Keys that were committed once are public for good."""
    (folder / ".git").mkdir()
    path = folder / ".gitignore"
    if before is not None:
        path.write_text(before)
    assert extend_gitignore(folder)

    assert path.read_text() == after


def test_gitignore_of_the_repository_above_counts(folder):
    """The working folder is often a folder of a repository."""
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text(".env\n")
    (folder / "october").mkdir()

    assert extend_gitignore(folder / "october") == "git already ignores .env"
    assert not (folder / "october" / ".gitignore").exists()


def test_gitignore_is_not_followed_through_a_link(folder):
    """Git does not follow it either."""
    (folder / ".git").mkdir()
    (folder / ".gitignore").symlink_to(folder / "elsewhere")

    assert "warning: .gitignore is not an ordinary file" in extend_gitignore(folder)
    assert not (folder / "elsewhere").exists()


def test_no_repository_needs_no_gitignore(folder):
    """Nothing is written."""
    assert extend_gitignore(folder) is None
    assert list(folder.iterdir()) == []
