"""The process's settings: `config/hub.toml`, overridden by `HUB_<SECTION>__<KEY>` in the environment.

Only `hub.cli` and `hub.app` see these; every part gets the few values it needs. What belongs to the centre (queues,
skills, agents, accounts) is not here but in the database: see `hub apply`.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from hub.core.errors import ConfigError
from hub.core.service import CORE_VARIABLES


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Web(_Section):
    """Where `hub serve` listens, and under which address the world reaches it."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str | None = None  # default: http://host:port
    allowed_origins: list[str] = []  # beside public_url, for the desk's socket
    trusted_proxies: int = Field(0, ge=0, le=8)  # how many proxies of ours append to X-Forwarded-For

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must be a full address such as https://hub.example.com")
        return value.rstrip("/") if value else value


class DatabaseSection(_Section):
    """PostgreSQL 15 or newer; without a URL the hub starts its own in the data folder."""

    url: SecretStr | None = None
    pool: int = Field(12, ge=2, le=200)


class RedisSection(_Section):
    """Redis 7 or Valkey; without a URL the hub starts its own."""

    url: SecretStr | None = None


class Log(_Section):
    """How the hub speaks to its operator."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool = False


class Settings(BaseSettings):
    """Everything one process needs to start."""

    model_config = SettingsConfigDict(env_prefix="HUB_", env_nested_delimiter="__", extra="forbid")

    data: Path = Path(".hub")
    secret_key: SecretStr | None = None
    web: Web = Field(default_factory=lambda: Web.model_validate({}))
    database: DatabaseSection = Field(default_factory=lambda: DatabaseSection.model_validate({}))
    redis: RedisSection = RedisSection()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _file())

    @property
    def public_url(self) -> str:
        """Where customers and providers reach us, without a trailing slash."""
        return self.web.public_url or f"http://{self.web.host}:{self.web.port}"


def _file() -> Path:
    return Path(os.environ.get("HUB_CONFIG", "config/hub.toml"))


def load(**overrides: Any) -> Settings:
    """The settings, or a `ConfigError` that names file or variable, key and remedy."""
    _check_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(_problem(e["loc"], e["msg"], e["type"]) for e in error.errors()),
            remedy="See docs/operations.md, Settings.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{_file()} is not valid TOML: {error}.", remedy="Correct that line.") from error


def _problem(loc: tuple[int | str, ...], message: str, kind: str) -> str:
    key = ".".join(map(str, loc))
    variable = "HUB_" + "__".join(str(part).upper() for part in loc)
    where = f"environment variable {variable}" if variable in os.environ else f"{_file()}, key {key!r}"
    if kind == "extra_forbidden":
        return f"{where}: there is no such setting."
    return f"{where}: {message}."


# Variables of ours that are not settings: the command line and the build read them.
_OTHERS = {"HUB_CONFIG", "HUB_UI", "HUB_TOKEN", "HUB_PASSWORD", *CORE_VARIABLES}


def _check_variables() -> None:
    """A mistyped variable would be silently ignored; name it instead."""
    for name in os.environ:
        if not name.startswith("HUB_") or name in _OTHERS:
            continue
        section, *rest = name[4:].lower().split("__")
        if section in Settings.model_fields and (not rest or rest[0] in _keys(section)):
            continue
        known = ", ".join("HUB_" + n.upper() for n in Settings.model_fields)
        raise ConfigError(
            f"Environment variable {name}: there is no such setting.",
            remedy=f"Known: {known}, with HUB_SECTION__KEY below.",
        )


def _keys(section: str) -> set[str]:
    """The keys of a section; none for a plain setting."""
    kind: Any = Settings.model_fields[section].annotation
    return set(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else set()
