"""Our own mailboxes, numbers and chat sites, with their secrets opened."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg.types.json import Jsonb
from pydantic import BaseModel, SecretStr, ValidationError

from hub.channels.model import Account, Connector
from hub.core import log
from hub.core.db import Database
from hub.core.errors import ConfigError
from hub.core.field_errors import dotted, named
from hub.core.secrets import Vault
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__)
_FRESH = 2.0  # seconds an account list may be old: a changed account takes effect within that
_AGAIN = 0.2  # and that of a connector without any: a first one is found at once
_AHEAD = 1.0  # seconds after which it is read again in the background, so that nobody has to wait for it


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    key: str
    connector: str
    channel: str
    name: str
    address: str | None
    settings: dict[str, Any]
    secrets: bytes | None
    queue_id: int | None
    locale: str | None
    enabled: bool
    unusable: str | None = None  # what its health says of settings that could not be read


def split_secrets(settings: BaseModel) -> tuple[dict[str, Any], dict[str, str]]:
    """A settings model as (what may be shown, what must be sealed): the `SecretStr` fields are the secrets."""
    hidden: dict[str, str] = {
        name: value.get_secret_value()
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr)
    }
    return settings.model_dump(mode="json", exclude=set(hidden)), hidden


def seal(vault: Vault, key: str, secrets: dict[str, str]) -> bytes | None:
    """Secrets as they lie in `account.secrets`."""
    return vault.encrypt(f"account.secrets:{key}", orjson.dumps(secrets)) if secrets else None


class Accounts:
    """Reads accounts and validates their settings with their connector's model. A broken one is left out, loudly."""

    def __init__(self, db: Database, vault: Vault, connectors: dict[str, Connector]):
        self._db = db
        self._vault = vault
        self._connectors = connectors
        self._cached: dict[int, Account] = {}
        self._enabled: dict[str, list[Account]] = {}
        self._broken: dict[int, str] = {}
        self._read_at = -_FRESH
        self._reading: asyncio.Task[None] | None = None

    async def all(self) -> dict[int, Account]:
        """Every usable account by id, at most two seconds old."""
        age = time.monotonic() - self._read_at
        if age >= _AHEAD:
            reading = self._read_soon()
            if age >= _FRESH:
                # Shielded: it is everybody's reading, whoever of them hangs up.
                await asyncio.shield(reading)
        return self._cached

    async def of(self, connector: str) -> list[Account]:
        """The enabled accounts of one connector; the same list until they are read again."""
        await self.all()
        if connector not in self._enabled and time.monotonic() - self._read_at >= _AGAIN:
            await asyncio.shield(self._read_soon())  # perhaps its first one has just been made
        return self._enabled.get(connector, [])

    async def get(self, account_id: int) -> Account | None:
        """One account, enabled or not."""
        return (await self.all()).get(account_id)

    async def fresh(self, account_id: int) -> Account | None:
        """One account as it is stored now: for the one try that shows whether what was changed has helped."""
        await self._read()
        return self._cached.get(account_id)

    async def note_health(self, account_id: int, facts: dict[str, Any]) -> None:
        """Merge facts into the account's health."""
        await self._db.execute(sql["note_health"], {"id": account_id, "facts": Jsonb(facts)})

    def _read_soon(self) -> asyncio.Task[None]:
        """The one reading under way, for however many ask: a hundred requests must not become a hundred queries."""
        loop = asyncio.get_running_loop()
        if self._reading is None or self._reading.done() or self._reading.get_loop() is not loop:
            self._reading = loop.create_task(self._read(), name="accounts")
            self._reading.add_done_callback(_heard)
        return self._reading

    async def _read(self) -> None:
        asked = time.monotonic()
        rows = await self._db.all(_Row, sql["accounts"], {"connector": None})
        self._cached = {row.id: account for row in rows if (account := self._open(row)) is not None}
        enabled: dict[str, list[Account]] = {}
        for account in self._cached.values():
            if account.enabled:
                enabled.setdefault(account.connector, []).append(account)
        self._enabled, self._read_at = enabled, asked
        for row in rows:  # `hub doctor` and the administration say so
            if (words := self._broken.get(row.id)) != row.unusable and row.connector in self._connectors:
                await self.note_health(row.id, {"unusable": words})

    def _open(self, row: _Row) -> Account | None:
        connector = self._connectors.get(row.connector)
        if connector is None:
            return None
        try:
            secrets: dict[str, str] = (
                orjson.loads(self._vault.decrypt(f"account.secrets:{row.key}", row.secrets)) if row.secrets else {}
            )
            settings = connector.Settings.model_validate({**row.settings, **secrets})
        except (ConfigError, ValidationError) as error:
            self._broken[row.id] = words = _words(error)
            logger.error("account_unusable", account=row.key, error=words)  # noqa: TRY400 - said to a person; no trace
            return None
        self._broken.pop(row.id, None)
        return Account(
            row.id,
            row.key,
            row.connector,
            row.channel,
            row.name,
            row.address,
            settings,
            row.queue_id,
            row.locale,
            row.enabled,
        )


def _words(error: ConfigError | ValidationError) -> str:
    """What is wrong, without what was given: that may be a secret."""
    if isinstance(error, ConfigError):
        return error.detail
    return "; ".join(f"{dotted(place)}: {what}" for place, what in named(error))[:500]


def _heard(reading: asyncio.Task[None]) -> None:
    """Whoever waits gets the error; a reading ahead of need that fails is tried again by the next who asks."""
    if not reading.cancelled():
        reading.exception()
