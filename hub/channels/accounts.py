"""Our own mailboxes, numbers and chat sites, with their secrets opened."""

from __future__ import annotations

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
from hub.core.secrets import Vault
from hub.core.sql import Queries

logger = log.get(__name__)
sql = Queries.beside(__file__)
_FRESH = 2.0  # seconds an account list may be old: a changed account takes effect within that


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
        self._read_at = -_FRESH

    async def all(self) -> dict[int, Account]:
        """Every usable account by id, at most two seconds old."""
        if time.monotonic() - self._read_at >= _FRESH:
            rows = await self._db.all(_Row, sql["accounts"], {"connector": None})
            self._cached = {row.id: account for row in rows if (account := self._open(row)) is not None}
            self._read_at = time.monotonic()
        return self._cached

    async def of(self, connector: str) -> list[Account]:
        """The enabled accounts of one connector."""
        return [a for a in (await self.all()).values() if a.connector == connector and a.enabled]

    async def get(self, account_id: int) -> Account | None:
        """One account, enabled or not."""
        return (await self.all()).get(account_id)

    async def note_health(self, account_id: int, facts: dict[str, Any]) -> None:
        """Merge facts into the account's health."""
        await self._db.execute(sql["note_health"], {"id": account_id, "facts": Jsonb(facts)})

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
            logger.error("account_unusable", account=row.key, error=str(error))  # noqa: TRY400 - said to a person; no trace
            return None
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
