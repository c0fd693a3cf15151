"""One address of ours stands once: what an account is known by, and the refusal of a second one.

Two accounts of one connector and channel with the same address would fetch the same mail, or be told of the same
message, and nobody could say which of them answers. Only what a connector's settings name in `apart_by` (the folder of
a mailbox) tells two of one address apart. Accounts that stood twice before this rule stay as they are, and may be
changed in everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.channels.model import Connector
from hub.core.db import Connection, execute, fetch_all
from hub.core.errors import Conflict
from hub.core.field_errors import FieldError, wrong
from hub.core.sql import Queries

sql = Queries.beside(__file__, "administration.sql")
_NUMBER = re.compile(r"\+?[0-9 ()./-]{3,40}")
Identity = tuple[str, str, str]  # connector, channel, address in normal form


@dataclass(frozen=True, slots=True)
class Own:
    """An account, as far as its address goes."""

    id: int
    key: str
    connector: str
    channel: str
    name: str
    address: str | None
    settings: dict[str, Any]
    enabled: bool


async def locked(conn: Connection) -> dict[int, Own]:
    """Every account by id, as they stay until this transaction ends: whoever else changes accounts waits for it."""
    await execute(conn, sql["one_at_a_time"])
    return await _all(conn)


async def refuse(conn: Connection, connectors: Mapping[str, Connector], before: Mapping[int, Own]) -> None:
    """`Conflict` when since `before` (`locked`) an account has got an address that another one has."""
    after = await _all(conn)
    for account in after.values():
        old = before.get(account.id)
        if (identity := _identity(account)) is None or (
            old is not None and _place(connectors, old) == _place(connectors, account)
        ):
            continue
        for other in after.values():
            if other.id != account.id and _identity(other) == identity and not _apart(connectors, account, other):
                raise _refusal(account, other, folders=_apart_by(connectors, account.connector))


async def holder(
    conn: Connection, connectors: Mapping[str, Connector], account: Own, *, whole: bool = True
) -> Own | None:
    """Whose address an account of a form would take, as things are now; `refuse` has the last word.

    `whole`: its settings are without fault. Else they may leave open what would tell it apart, and nobody is blamed.
    """
    found = (await _all(conn)).values()
    if (identity := _identity(account)) is None or any(
        one.id == account.id and _place(connectors, one) == _place(connectors, account) for one in found
    ):
        return None
    for other in found:
        if other.id == account.id or _identity(other) != identity or _apart(connectors, account, other):
            continue
        if whole or _parts(connectors, account) == _parts(connectors, other):
            return other
    return None


def fault(other: Own) -> FieldError:
    """What is said at an address that another account has."""
    return wrong("address_taken", name=other.name, key=other.key)


def spelled(address: str) -> str:
    """An address in the form in which two spellings of one meet."""
    address = address.strip()
    return re.sub(r"[ ()./-]", "", address) if _NUMBER.fullmatch(address) else address.rstrip(".").lower()


def _identity(account: Own) -> Identity | None:
    """None for what has no address (a chat site)."""
    return (account.connector, account.channel, spelled(account.address)) if account.address else None


def _place(connectors: Mapping[str, Connector], account: Own) -> tuple[Identity | None, tuple[Any, ...]]:
    return _identity(account), _parts(connectors, account)


def _apart(connectors: Mapping[str, Connector], one: Own, other: Own) -> bool:
    return any(
        mine is not None and theirs is not None and mine != theirs
        for mine, theirs in zip(_parts(connectors, one), _parts(connectors, other), strict=True)
    )


def _parts(connectors: Mapping[str, Connector], account: Own) -> tuple[Any, ...]:
    return tuple(_at(account.settings, path) for path in _apart_by(connectors, account.connector))


def _apart_by(connectors: Mapping[str, Connector], name: str) -> tuple[str, ...]:
    connector = connectors.get(name)
    return () if connector is None else getattr(connector.Settings, "apart_by", ())


def _at(settings: Mapping[str, Any], path: str) -> Any:
    value: Any = settings
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - any JSON
    return value  # pyright: ignore[reportUnknownVariableType] - any JSON


async def _all(conn: Connection) -> dict[int, Own]:
    return {row.id: row for row in await fetch_all(conn, Own, sql["own"])}


def _refusal(account: Own, other: Own, *, folders: tuple[str, ...]) -> Conflict:
    state = "" if other.enabled else ", which is disabled"
    instead = "Change that one" if other.enabled else "Enable and change that one"
    more = f", or give each another {' or '.join(path.rpartition('.')[2] for path in folders)}" if folders else ""
    return Conflict(
        f"The address {account.address} belongs to the account {other.name!r} ({other.key}) already{state}.",
        remedy=f"{instead}, or use another address here{more}.",
        fields={"address": fault(other)},
    )
