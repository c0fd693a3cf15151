"""Customer records: search, read, change, and the timeline across all channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypedDict

from psycopg.types.json import Jsonb

from hub.channels.model import AddressKind
from hub.contacts.events import ContactAddressAdded, ContactUpdated
from hub.contacts.identity import known_by, normalise
from hub.contacts.numbers import E164
from hub.core.db import Connection, Database, fetch_dicts, fetch_one, fetch_value
from hub.core.errors import Conflict, NotFound
from hub.core.events import Unit
from hub.core.sql import Queries
from hub.search import find

sql = Queries.beside(__file__)
_NUMBERED = re.compile(r"#[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Found:
    """An address of a customer, existing or just made."""

    id: int
    contact_id: int
    created: bool


async def contact(db: Database, contact_id: int) -> dict[str, Any]:
    """The record that stands for a contact, as the API's Contact."""
    rows = await db.lists.dicts(sql["contacts"], {"ids": [contact_id]})
    if not rows:
        raise NotFound("There is no such contact.", code="contact.unknown")
    return rows[0]


async def newest(db: Database, *, cursor: int | None, limit: int) -> list[dict[str, Any]]:
    """Contacts, the newest first."""
    rows = await db.lists.dicts(sql["newest"], {"cursor": cursor, "limit": limit})
    return await db.lists.dicts(sql["contacts"], {"ids": [row["id"] for row in rows]})


async def search(
    db: Database, q: str, place: find.Place, *, limit: int
) -> tuple[list[dict[str, Any]], find.Place | None]:
    """Contacts whose names, addresses and fields have all words of `q`, or whose number it is (#17); the best first.

    And where the next page begins, if there is one.
    """
    following = None
    if _NUMBERED.fullmatch(q.strip()):
        ids = [int(q.strip()[1:])]
    else:
        ids, following = await find.people(db, q, place, limit=limit)
    return await db.lists.dicts(sql["contacts"], {"ids": ids}), following


async def timeline(
    db: Database, contact_id: int, viewer: dict[str, int | bool], *, channel: str | None, cursor: int | None, limit: int
) -> list[dict[str, Any]]:
    """`interaction_view` rows with `conversation_subject`, newest first."""
    return await db.lists.dicts(
        sql["timeline"], {"id": contact_id, "channel": channel, "cursor": cursor, "limit": limit, **viewer}
    )


async def update(unit: Unit, contact_id: int, changes: dict[str, Any], *, actor_id: int) -> None:
    """Change name, locale, timezone or attributes; keys left out stay, an attribute of None is taken away."""
    attributes = changes.get("attributes")
    parameters = {
        "id": contact_id,
        "name": changes.get("name"),
        "locale": changes.get("locale"),
        "timezone": changes.get("timezone"),
        "attributes": Jsonb(attributes) if attributes is not None else None,
    }
    root = await fetch_value(unit.conn, sql["update"], parameters)
    if root is None:
        raise NotFound("There is no such contact.", code="contact.unknown")
    await unit.log(ContactUpdated(fields=sorted(changes)), contact_id=int(root), actor_id=actor_id)


async def add_address(unit: Unit, contact_id: int, kind: AddressKind, value: str, *, actor_id: int) -> None:
    """Add an address; `Conflict` when it belongs to somebody else (then link the two instead)."""
    root = await root_of(unit.conn, contact_id)
    spelled = _spelled(kind, value)
    parameters = {"contact_id": contact_id, **spelled}
    if kind in (AddressKind.PHONE, AddressKind.WHATSAPP) and E164.fullmatch(spelled["value"]):
        owner = await fetch_value(unit.conn, sql["own_number"], {"value": spelled["value"], "contact_id": root})
        if owner != root:
            raise _taken()
    if await fetch_value(unit.conn, sql["add_address"], parameters) is None:
        owner = await fetch_value(unit.conn, sql["address_owner"], parameters)
        if owner != root:
            raise _taken()
        return
    await unit.log(ContactAddressAdded(kind=kind.value), contact_id=contact_id, actor_id=actor_id)


def _taken() -> Conflict:
    return Conflict("This address belongs to another contact.", remedy="Link the two contacts instead.")


class _Spelled(TypedDict):
    """The form under which somebody is known, and the one that was given where that is another."""

    kind: str
    value: str
    reported: str | None


def _spelled(kind: AddressKind, value: str) -> _Spelled:
    normal = normalise(kind, value)
    known = known_by(kind, normal)
    return {"kind": kind.value, "value": known, "reported": normal if normal != known else None}


async def find_or_add(unit: Unit, kind: AddressKind, value: str, *, name: str = "") -> Found:
    """The address of somebody we write to, or who calls; with a new contact, of that name, when nobody has it."""
    found = await fetch_one(unit.conn, Found, sql["find_or_add"], {**_spelled(kind, value), "name": name})
    assert found is not None  # noqa: S101 - the upsert always returns its row
    return found


async def root_of(conn: Connection, contact_id: int) -> int:
    """The record that stands for a contact."""
    rows = await fetch_dicts(conn, sql["root"], {"id": contact_id})
    if not rows:
        raise NotFound("There is no such contact.", code="contact.unknown")
    return int(rows[0]["root_id"])
