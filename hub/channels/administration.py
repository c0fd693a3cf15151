"""Accounts as administrators see and change them: settings shown, secrets only named, every change in the log."""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ValidationError

from hub.channels import duplicates, trouble
from hub.channels.accounts import seal, split_secrets
from hub.channels.events import ConfigApplied
from hub.channels.model import Account, Connector
from hub.core.db import Connection, Database, execute, fetch_one, fetch_value
from hub.core.errors import ConfigError, Conflict, Invalid, NotFound
from hub.core.events import Unit
from hub.core.field_errors import FieldError, dotted, named, wrong
from hub.core.secrets import Vault
from hub.core.sql import Queries

sql = Queries.beside(__file__, "administration.sql")


@dataclass(frozen=True, slots=True)
class Row:
    """An account as it is stored, with whether it is well."""

    id: int
    key: str
    connector: str
    channel: str
    name: str
    address: str | None
    settings: dict[str, Any]
    secrets: bytes | None
    queue_id: int | None
    queue_name: str | None
    locale: str | None
    enabled: bool
    signature: str
    health: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different; None leaves it. `settings` and `secrets` are merged: a value of None is taken away."""

    name: str | None = None
    address: str | None = None
    queue_id: int | None = None
    signature: str | None = None
    enabled: bool | None = None
    settings: dict[str, Any] | None = None
    secrets: dict[str, str | None] = field(default_factory=dict[str, "str | None"])


async def listed(db: Database, connector: str) -> list[Row]:
    """The accounts of a connector, enabled or not."""
    return await db.all(Row, sql["accounts"], {"connector": connector, "id": None})


async def one(db: Database, connector: str, account_id: int) -> Row:
    """One account; `NotFound`."""
    found = await db.one(Row, sql["accounts"], {"connector": connector, "id": account_id})
    if found is None:
        raise NotFound("There is no such account.", code="account.unknown")
    return found


async def takes_work(conn: Connection, queue_id: int | None) -> bool:
    """Whether an account can deliver into a queue: into none, or into one that is in use."""
    return queue_id is None or bool(await fetch_value(conn, sql["queue_in_use"], {"id": queue_id}))


async def _require_queue(conn: Connection, queue_id: int | None) -> None:
    if not await takes_work(conn, queue_id):
        raise Invalid("There is no such queue.", code="queue.unknown", fields={"queue_id": wrong("unknown")})


async def create(unit: Unit, vault: Vault, connector: Connector, channel: str, change: Change, *, actor_id: int) -> int:
    """A new account; its id. `Invalid` names every setting that is wrong; `Conflict`: its address is another's."""
    key = f"{channel}-{random.token_hex(4)}"
    model = _new(connector, change)
    shown, hidden = split_secrets(model)
    values = {
        "key": key,
        "connector": connector.name,
        "channel": channel,
        "name": change.name,
        "address": change.address,
        "queue_id": change.queue_id,
        "signature": change.signature or "",
        "settings": Jsonb(shown),
        "secrets": seal(vault, key, hidden),
    }
    await _require_queue(unit.conn, change.queue_id)
    before = await duplicates.locked(unit.conn)
    try:
        account_id = int(await fetch_value(unit.conn, sql["create"], values))
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("There is an account of that name already.", code="account.exists") from error
    await duplicates.refuse(unit.conn, {connector.name: connector}, before)
    await unit.log(ConfigApplied(account=key, change="created"), actor_id=actor_id)
    unit.notify("router")
    return account_id


async def update(unit: Unit, vault: Vault, connector: Connector, row_id: int, change: Change, *, actor_id: int) -> None:
    """Change an account; what the change does not name stays. `Conflict`: its new address is another's."""
    before = await duplicates.locked(unit.conn)
    row = await fetch_one(unit.conn, Row, sql["accounts"], {"connector": connector.name, "id": row_id})
    if row is None:
        raise NotFound("There is no such account.", code="account.unknown")
    await _require_queue(unit.conn, change.queue_id)
    model = _changed(vault, connector, row, change)
    shown, hidden = split_secrets(model)
    values = {
        "id": row.id,
        "name": change.name,
        "address": change.address,
        "queue_id": change.queue_id,
        "signature": change.signature,
        "enabled": change.enabled,
        "settings": Jsonb(shown),
        "secrets": seal(vault, row.key, hidden),
    }
    await execute(unit.conn, sql["update"], values)
    await duplicates.refuse(unit.conn, {connector.name: connector}, before)
    await trouble.mended(unit.conn, row.id)
    unit.notify("outbox")
    await unit.log(ConfigApplied(account=row.key, change="changed"), actor_id=actor_id)
    unit.notify("router")


def imagined(vault: Vault, connector: Connector, row: Row | None, change: Change) -> Account:
    """An account as it would be after a change, to be tried. One that does not exist yet has the id 0."""
    if row is None:
        model = _new(connector, change)
        return Account(0, "new", connector.name, "", change.name or "", change.address, model, None, None, enabled=True)
    model = _changed(vault, connector, row, change)
    address = change.address or row.address
    return Account(
        row.id, row.key, row.connector, row.channel, row.name, address, model, row.queue_id, None, enabled=True
    )


def secret_names(vault: Vault, row: Row) -> list[str]:
    """Which secrets an account has."""
    try:
        return sorted(_opened(vault, row))
    except ConfigError:
        return []


def validated(connector: Connector, settings: dict[str, Any], secrets: dict[str, str]) -> BaseModel:
    """The connector's own model of these; `Invalid` names each setting that is wrong."""
    try:
        return connector.Settings.model_validate({**settings, **secrets})
    except ValidationError as error:
        fields = faults(connector, error)
        raise Invalid("The settings are not valid.", remedy="Correct the fields named.", fields=fields) from None


def faults(connector: Connector, error: ValidationError) -> dict[str, FieldError]:
    """What is wrong with an account's settings, by the field it is given in: secrets are given beside the settings."""
    secret = {name for name, field in connector.Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    return {
        dotted(("secrets" if place and place[0] in secret else "settings", *place)): what
        for place, what in named(error)
    }


def merged(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """`old` with a JSON merge patch laid over it (RFC 7396): what the patch does not name stays, null takes away."""
    found = dict(old)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            below: Any = found.get(name)
            found[name] = merged(below if isinstance(below, dict) else {}, value)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        else:
            found[name] = value
    return found


def _new(connector: Connector, change: Change) -> BaseModel:
    return validated(connector, merged({}, change.settings or {}), {k: v for k, v in change.secrets.items() if v})


def _changed(vault: Vault, connector: Connector, row: Row, change: Change) -> BaseModel:
    """The settings after a change. Stored secrets go along only to where they went before."""
    stored = _opened(vault, row)
    secrets = {name: value for name, value in {**stored, **change.secrets}.items() if value}
    model = validated(connector, merged(row.settings, change.settings or {}), secrets)
    kept = {name for name in stored if name in secrets and name not in change.secrets}
    if moved := _moved(connector, _as_stored(connector, row, stored), model, kept):
        raise Invalid(
            "A stored password is not sent to another server.",
            code="account.password",
            remedy="Enter it again for the new one.",
            fields={
                f"secrets.{name}": f"enter it again: {', '.join(places)} changed" for name, places in moved.items()
            },
        )
    return model


def _as_stored(connector: Connector, row: Row, stored: dict[str, str]) -> dict[str, Any]:
    """The settings before a change, with what they leave out as it is by default."""
    try:
        return split_secrets(connector.Settings.model_validate({**row.settings, **stored}))[0]
    except ValidationError:  # broken as it is: what it says is all that is known
        return row.settings


def _moved(connector: Connector, before: dict[str, Any], model: BaseModel, kept: set[str]) -> dict[str, list[str]]:
    """Which of the kept secrets would go to another place than before, and which settings say so.

    A connector's settings name the places of each secret in `secret_places`; a secret that is not named there is bound
    to every setting.
    """
    places: dict[str, tuple[str, ...]] = getattr(connector.Settings, "secret_places", {})
    after, _ = split_secrets(model)
    found: dict[str, list[str]] = {}
    for name in kept:
        settings = places.get(name, tuple(after))
        if changed := [s for s in settings if _at(before, s) != _at(after, s)]:
            found[name] = changed
    return found


def _at(settings: dict[str, Any], path: str) -> Any:
    """The setting at `imap.host`, or None."""
    value: Any = settings
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - any JSON
    return value  # pyright: ignore[reportUnknownVariableType] - any JSON


def _opened(vault: Vault, row: Row) -> dict[str, str]:
    if not row.secrets:
        return {}
    return dict(orjson.loads(vault.decrypt(f"account.secrets:{row.key}", row.secrets)))
