"""Settings: what is wrong is said with its file or variable, its key and what to do, and never silently ignored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hub import settings
from hub.cli.addresses import addresses, own_servers
from hub.core.errors import ConfigError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hub_toml(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "hub.toml"


def refusal(**overrides: Any) -> str:
    """What is said of a wrong setting, remedy included."""
    with pytest.raises(ConfigError) as caught:
        settings.load(**overrides)
    assert caught.value.remedy
    return str(caught.value)


def test_without_anything_set_the_defaults_hold() -> None:
    found = settings.load()
    assert (found.data, found.web.port, found.public_url) == (Path(".hub"), 8080, "http://127.0.0.1:8080")
    assert own_servers(found)


def test_arguments_win_over_variables_and_variables_over_the_file(
    hub_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_toml.write_text('data = "file"\n[web]\nport = 1111\nhost = "127.0.0.2"\n[log]\nlevel = "debug"\n')
    monkeypatch.setenv("HUB_WEB__PORT", "2222")
    monkeypatch.setenv("HUB_DATA", "variable")
    found = settings.load(data=Path("argument"))
    assert (found.data, found.web.port, found.web.host, found.log.level) == (
        Path("argument"), 2222, "127.0.0.2", "debug",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HUB_DATBASE__URL", "x", ["HUB_DATBASE__URL: there is no such setting", "HUB_DATABASE__URL"]),
        ("HUB_WEB__PRT", "1", ["HUB_WEB__PRT: there is no such setting", "HUB_WEB__PORT"]),
        ("HUB_WEB", "1", ["HUB_WEB: there is no such setting", "HUB_WEB__HOST"]),
        ("HUB_WEB__PORT__X", "1", ["HUB_WEB__PORT__X: there is no such setting", "HUB_WEB__PORT"]),
        ("HUB_DATA__X", "1", ["HUB_DATA__X: there is no such setting", "HUB_DATA"]),
        ("hub_web__prt", "1", ["hub_web__prt: there is no such setting"]),
        ("HUB_WEB__PORT", "eighty", ["environment variable HUB_WEB__PORT", "whole number"]),
        ("HUB_WEB__PORT", "70000", ["environment variable HUB_WEB__PORT", "65535"]),
        ("HUB_WEB__TRUSTED_PROXIES", "-1", ["HUB_WEB__TRUSTED_PROXIES", "at least 0"]),
        ("HUB_WEB__PUBLIC_URL", "hub.example.com", ["HUB_WEB__PUBLIC_URL", "https://hub.example.com"]),
        ("HUB_WEB__PUBLIC_URL", "ftp://hub.example.com", ["HUB_WEB__PUBLIC_URL", "full address"]),
        ("HUB_WEB__PUBLIC_URL", "https://", ["HUB_WEB__PUBLIC_URL", "full address"]),
        ("HUB_LOG__LEVEL", "loud", ["HUB_LOG__LEVEL", "debug, info, warning or error"]),
        ("HUB_LOG__JSON_LINES", "perhaps", ["HUB_LOG__JSON_LINES", "true or false"]),
        ("HUB_DATABASE__POOL", "1", ["HUB_DATABASE__POOL", "at least 2"]),
        ("HUB_DATABASE__URL", "s3cret nonsense", ["HUB_DATABASE__URL", "postgresql://"]),
        ("HUB_REDIS__URL", "http://s3cret", ["HUB_REDIS__URL", "redis://"]),
        ("HUB_REDIS__URL", "redis://s3cret:port", ["HUB_REDIS__URL", "redis://"]),
        ("HUB_CONFIG", "nowhere.toml", ["HUB_CONFIG", "nowhere.toml", "no such file"]),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    said = refusal()
    assert [w for w in words if w not in said] == [], said
    assert "s3cret" not in said  # addresses hold passwords


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[web]\nprt = 1\n", ["hub.toml, key 'web.prt': there is no such setting"]),
        ("[wb]\nport = 1\n", ["hub.toml, key 'wb': there is no such setting"]),
        ("[web]\nport = 'x'\n[log]\nlevel = 3\n", ["key 'web.port'", "key 'log.level'"]),
        ("web = 3\n", ["hub.toml, key 'web'"]),
        ("[web]\nport = 1\nport = 2\n", ["hub.toml is not valid TOML", "line 3"]),
        ('[web]\nhost = "x\n', ["hub.toml is not valid TOML", "line 2"]),
        ("[web]\npublic_url = 'nonsense'\n", ["key 'web.public_url'", "https://hub.example.com"]),
        ("[database]\nurl = 's3cret'\n", ["key 'database.url'", "postgresql://"]),
        (b"[web]\nhost = '\xff'\n", ["hub.toml is not UTF-8"]),
    ],
)
def test_a_wrong_file_is_named_with_its_place(hub_toml: Path, text: str | bytes, words: list[str]) -> None:
    hub_toml.write_bytes(text if isinstance(text, bytes) else text.encode())
    said = refusal()
    assert [w for w in words if w not in said] == [], said
    assert "s3cret" not in said


def test_a_variable_of_ours_that_is_no_setting_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "hub_abc")
    monkeypatch.setenv("HUB_CORE_REDIS", "redis://x")
    monkeypatch.setenv("HUBBLE", "space")
    settings.load()


def test_the_public_url_loses_its_trailing_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_WEB__PUBLIC_URL", "https://hub.example.com/")
    assert settings.load().public_url == "https://hub.example.com"


@pytest.mark.parametrize(
    ("there", "missing"), [("HUB_DATABASE__URL", "HUB_REDIS__URL"), ("HUB_REDIS__URL", "HUB_DATABASE__URL")]
)
def test_one_server_without_the_other_is_an_error(monkeypatch: pytest.MonkeyPatch, there: str, missing: str) -> None:
    scheme = "postgresql" if "DATABASE" in there else "redis"
    monkeypatch.setenv(there, f"{scheme}://127.0.0.1/x")
    for ask in (own_servers, addresses):
        with pytest.raises(ConfigError, match=missing):
            ask(settings.load())


def test_a_short_key_and_a_useless_folder_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", "postgresql://127.0.0.1/x")
    monkeypatch.setenv("HUB_REDIS__URL", "redis://127.0.0.1")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"data folder .*file/hub.* cannot be used"):
        addresses(settings.load(data=tmp_path / "file" / "hub"))
    monkeypatch.setenv("HUB_SECRET_KEY", "short")
    with pytest.raises(ConfigError, match="shorter than 32 bytes"):
        addresses(settings.load())


def test_the_key_is_made_once_for_our_eyes_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", "postgresql://127.0.0.1/x")
    monkeypatch.setenv("HUB_REDIS__URL", "redis://127.0.0.1")
    found = settings.load(data=tmp_path / "data")
    first = addresses(found)
    assert addresses(found).key == first.key
    assert len(first.key) >= 32
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert first.key.decode() not in repr(found)
