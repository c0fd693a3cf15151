"""The process's settings: `config/hub.toml`, overridden by `HUB_<SECTION>__<KEY>` in the environment.

Only `hub.cli` and `hub.app` see these; every part gets the few values it needs. What belongs to the center (queues,
skills, agents, accounts) is not here but in the database: see `hub apply`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from hub.core import urls
from hub.core.errors import ConfigError
from hub.core.field_errors import FieldError, Place, dotted, named
from hub.core.file_places import Bucket
from hub.core.files import FileSettings, Store
from hub.core.retention import Retention
from hub.core.service import CORE_VARIABLES


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


Services = Literal["all", "router", "none"]


class Web(_Section):
    """Where `hub serve` listens, and under which address the world reaches it."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    public_url: str | None = None  # default: http://host:port
    allowed_origins: list[str] = []  # beside public_url, for the desk's socket
    trusted_proxies: int = Field(0, ge=0, le=8)  # how many proxies of ours append to X-Forwarded-For
    connections_per_address: int = Field(500, ge=10, le=100_000)  # where no proxy of ours stands before us
    # Which of the leased services `hub serve` runs; the others are in `hub services`. The router is best where the
    # screens are: it hears of what came in, and they of its offers, without a detour.
    services: Services = "all"

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        return None if value is None else urls.public(value)

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return urls.listening(value)


class DatabaseSection(_Section):
    """PostgreSQL 15 or newer; without a URL the hub starts its own in the data folder."""

    url: SecretStr | None = None
    pool: int = Field(12, ge=2, le=200)

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            conninfo_to_dict(value.get_secret_value())
        except ProgrammingError:
            raise ValueError("must be an address such as postgresql://hub@db.example.com/hub") from None
        return value


class RedisSection(_Section):
    """Redis 7 or Valkey; without a URL the hub starts its own."""

    url: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"redis", "rediss", "unix"} or not _port_is_number(parts):
            raise ValueError("must be an address such as redis://redis.example.com:6379/0")
        return value


def _port_is_number(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


class FilesSection(_Section):
    """Where the bytes of files, of mails as they came and of recordings are kept."""

    store: Store = "database"  # where new ones go; what is elsewhere is read from there
    at_least: int = Field(16 * 1024, ge=0, le=2**30)  # bytes; smaller ones stay in the database
    folder: Path | None = None  # default: `files` in the data folder
    bucket: str | None = Field(None, min_length=1)
    endpoint: str | None = None  # of a store that is not Amazon's
    region: str = "us-east-1"
    prefix: str = ""
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must be an address such as https://s3.example.com")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.store == "s3" and not self.bucket:
            raise ValueError("a store of s3 wants a bucket")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        return self


class RetentionSection(_Section):
    """Days for which each kind is kept; 0: for ever."""

    decisions: int = Field(0, ge=0, le=36_500)  # why the router chose whom, and what was offered to whom
    originals: int = Field(0, ge=0, le=36_500)  # the bytes of messages as they came
    deliveries: int = Field(90, ge=0, le=36_500)  # providers' reports; what they said stays on the messages


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
    files: FilesSection = Field(default_factory=lambda: FilesSection.model_validate({}))
    retention: RetentionSection = Field(default_factory=lambda: RetentionSection.model_validate({}))
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
        return self.web.public_url or f"http://{urls.authority(self.web.host, self.web.port)}"

    @property
    def kept(self) -> Retention:
        """For how long each kind is kept."""
        return Retention(**self.retention.model_dump())

    @property
    def file_settings(self) -> FileSettings:
        """Where bytes are kept, as `hub.core.files` reads it."""
        f = self.files
        secret = f.secret_access_key.get_secret_value() if f.secret_access_key else None
        bucket = f.bucket and Bucket(f.bucket, f.endpoint, f.region, f.prefix, f.access_key_id, secret)
        return FileSettings(f.store, f.at_least, (f.folder or self.data / "files").absolute(), bucket or None)


def _file() -> Path:
    return Path(os.environ.get("HUB_CONFIG", "config/hub.toml"))


def load(**overrides: Any) -> Settings:
    """The settings, or a `ConfigError` that names file or variable, key and remedy."""
    _check_variables()
    _check_file()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(_problem(place, what) for place, what in named(error)),
            remedy="See docs/operate/operations.md, Settings.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{_file()} is not valid TOML: {error}.", remedy="Correct that line.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{_file()} is not UTF-8 text: {error}.", remedy="Save it as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{_file()} cannot be read: {error.strerror}.", remedy="Check its rights.") from error


def _check_file() -> None:
    """A file somebody named must be there; the default one need not."""
    if "HUB_CONFIG" in os.environ and not _file().is_file():
        raise ConfigError(
            f"HUB_CONFIG names {_file()}, and there is no such file.", remedy="Correct the path, or unset HUB_CONFIG."
        )


def _problem(loc: Place, what: FieldError) -> str:
    key = dotted(loc)
    variable = "HUB_" + "__".join(str(part).upper() for part in loc)
    where = f"environment variable {variable}" if variable in os.environ else f"{_file()}, key {key!r}"
    if what.code == "unknown":
        return f"{where}: there is no such setting."
    return f"{where}: {what}."


# Variables of ours that are not settings: the command line and the build read them.
_OTHERS = {"HUB_CONFIG", "HUB_UI", "HUB_TOKEN", "HUB_PASSWORD", *CORE_VARIABLES}


def _check_variables() -> None:
    """A mistyped variable would be silently ignored; name it instead."""
    for name in os.environ:
        if not name.upper().startswith("HUB_") or name in _OTHERS:
            continue
        section, *rest = name[4:].lower().split("__")
        keys = _keys(section)
        if section in Settings.model_fields and (rest[0] in keys if len(rest) == 1 else not rest and not keys):
            continue
        known = [f"HUB_{section}__{key}" for key in keys] if keys else list(_variables())
        raise ConfigError(
            f"Environment variable {name}: there is no such setting.",
            remedy=f"Known: {', '.join(known).upper()}.",
        )


def _variables() -> Iterator[str]:
    for section in Settings.model_fields:
        yield from (f"HUB_{section}__{key}" for key in _keys(section)) if _keys(section) else (f"HUB_{section}",)


def _keys(section: str) -> list[str]:
    """The keys of a section; none for a plain setting."""
    field = Settings.model_fields.get(section)
    kind: Any = field.annotation if field else None
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
