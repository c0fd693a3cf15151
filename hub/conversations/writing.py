"""Writing into a conversation: replies, notes and lines of the system itself.

A reply is one transaction: the interaction, the outbound row that will carry it, the conversation's clocks and the
event. Writing the same `client_id` twice is writing once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.conversations import tokens
from hub.core.clock import iso, now
from hub.core.db import Connection, execute, fetch_all, fetch_dicts, fetch_one, fetch_value
from hub.core.errors import Conflict, Invalid, NotFound
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.core.sql import Queries

sql = Queries.beside(__file__, "writing.sql")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Without a channel or address it goes where the customer last wrote from.

    `attachments` are ids of uploads by the same agent. `automatic` marks what the hub sends by itself: it stops no
    clock and carries the headers that keep robots from answering it. `due_at` sends later.
    """

    text: str
    client_id: str
    html: str | None = None
    subject: str | None = None
    channel: str | None = None
    address_id: int | None = None
    account_id: int | None = None
    attachments: tuple[int, ...] = ()
    automatic: bool = False
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What writing made; `created` is False when it was there before."""

    interaction_id: int
    created: bool
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation row, locked."""

    id: int
    contact_id: int
    account_id: int | None
    subject: str
    status: str
    agent_id: int | None
    queue_id: int | None
    channel: str


@dataclass(frozen=True, slots=True)
class ReplyChannel:
    """One way to reach the customer of a conversation."""

    channel: str
    address_id: int
    address: str
    account_id: int
    account: str
    connector: str
    account_address: str | None
    opted_out: bool


async def lock(unit: Unit, conversation_id: int) -> Held:
    """The conversation, locked until the unit ends."""
    held = await fetch_one(unit.conn, Held, sql["lock"], {"id": conversation_id})
    if held is None:
        raise NotFound("There is no such conversation.")
    return held


async def reply_channels(conn: Connection, conversation_id: int) -> list[ReplyChannel]:
    """Every way to answer, the one last used first."""
    return await fetch_all(conn, ReplyChannel, sql["reply_channels"], {"conversation_id": conversation_id})


async def reply(unit: Unit, vault: Vault, conversation_id: int, answer: Reply, *, actor_id: int | None) -> Written:
    """Write an answer and put it in the outbox. `actor_id` None: the hub itself."""
    held = await lock(unit, conversation_id)
    before = await _before(unit, conversation_id, answer.client_id)
    if before is not None:
        return Written(before, created=False)
    if not answer.text.strip() and not answer.attachments:
        raise Invalid("The message is empty.", fields={"text": "write something or attach a file"})
    way = _choose(await reply_channels(unit.conn, conversation_id), answer)
    interaction_id = int(await fetch_value(unit.conn, sql["next_interaction"]))
    subject = (answer.subject or _re(held.subject)) if way.channel == "email" else ""
    domain = (way.account_address or "").rpartition("@")[2] or "hub.invalid"
    message_id = tokens.message_id(vault, conversation_id, interaction_id, domain)
    event = await unit.log(
        "interaction.created",
        conversation_id=conversation_id,
        contact_id=held.contact_id,
        actor_id=actor_id,
        data={
            "interaction_id": interaction_id,
            "direction": "out",
            "channel": way.channel,
            "automatic": answer.automatic,
        },
    )
    await execute(
        unit.conn,
        sql["insert_interaction"],
        {
            "id": interaction_id,
            "conversation_id": conversation_id,
            "contact_id": held.contact_id,
            "seq": event.conversation_seq,
            "kind": "message",
            "direction": "out",
            "channel": way.channel,
            "account_id": way.account_id,
            "address_id": way.address_id,
            "agent_id": actor_id,
            "subject": subject,
            "text": answer.text,
            "html": answer.html,
            "external_id": message_id if way.channel == "email" else None,
            "client_id": answer.client_id,
            "status": "pending",
            "automatic": answer.automatic,
            "at": now(),
        },
    )
    await _claim_uploads(unit, interaction_id, answer, actor_id)
    payload = await _payload(unit, held, answer, way, subject=subject, message_id=message_id)
    await execute(
        unit.conn,
        sql["insert_outbound"],
        {
            "interaction_id": interaction_id,
            "conversation_id": conversation_id,
            "account_id": way.account_id,
            "connector": way.connector,
            "payload": Jsonb(payload),
            "due_at": answer.due_at or now(),
        },
    )
    await _after(unit, held, answer, way, seq=event.conversation_seq or 0)
    unit.wake("outbox")
    unit.wake("log")
    return Written(interaction_id, created=True, channel=way.channel)


async def note(unit: Unit, conversation_id: int, text: str, client_id: str | None, *, actor_id: int | None) -> Written:
    """Write an internal note; no customer ever sees it."""
    return await _internal(unit, conversation_id, "note", text, client_id, actor_id)


async def system_line(unit: Unit, conversation_id: int, text: str, *, actor_id: int | None = None) -> Written:
    """Write what happened (transferred, resolved…) where people read."""
    return await _internal(unit, conversation_id, "system", text, None, actor_id)


async def mark_read(unit: Unit, conversation_id: int, seq: int) -> None:
    """Note what the desk has seen."""
    await execute(unit.conn, sql["mark_read"], {"id": conversation_id, "seq": seq})


async def _internal(
    unit: Unit, conversation_id: int, kind: str, text: str, client_id: str | None, actor_id: int | None
) -> Written:
    held = await lock(unit, conversation_id)
    before = await _before(unit, conversation_id, client_id) if client_id else None
    if before is not None:
        return Written(before, created=False)
    if not text.strip():
        raise Invalid("The note is empty.", fields={"text": "write something"})
    interaction_id = int(await fetch_value(unit.conn, sql["next_interaction"]))
    event = await unit.log(
        "interaction.created",
        conversation_id=conversation_id,
        actor_id=actor_id,
        data={"interaction_id": interaction_id, "direction": "internal", "kind": kind},
    )
    await execute(
        unit.conn,
        sql["insert_interaction"],
        {
            "id": interaction_id,
            "conversation_id": conversation_id,
            "contact_id": held.contact_id,
            "seq": event.conversation_seq,
            "kind": kind,
            "direction": "internal",
            "channel": None,
            "account_id": None,
            "address_id": None,
            "agent_id": actor_id,
            "subject": "",
            "text": text,
            "html": None,
            "external_id": None,
            "client_id": client_id,
            "status": "received",
            "automatic": actor_id is None,
            "at": now(),
        },
    )
    return Written(interaction_id, created=True)


async def _before(unit: Unit, conversation_id: int, client_id: str) -> int | None:
    found = await fetch_value(unit.conn, sql["written"], {"conversation_id": conversation_id, "client_id": client_id})
    return None if found is None else int(found)


def _choose(ways: list[ReplyChannel], answer: Reply) -> ReplyChannel:
    fitting = [
        w
        for w in ways
        if (answer.channel is None or w.channel == answer.channel)
        and (answer.address_id is None or w.address_id == answer.address_id)
        and (answer.account_id is None or w.account_id == answer.account_id)
    ]
    if not fitting:
        raise Invalid(
            "The customer cannot be reached that way.",
            remedy="Choose one of the conversation's reply channels.",
            fields={"channel": "no address of this customer and account of ours fit"},
        )
    if fitting[0].opted_out:
        raise Conflict("The customer has opted out of messages to this address.", remedy="Choose another channel.")
    return fitting[0]


async def _claim_uploads(unit: Unit, interaction_id: int, answer: Reply, actor_id: int | None) -> None:
    if not answer.attachments:
        return
    parameters = {"interaction_id": interaction_id, "ids": list(answer.attachments), "agent_id": actor_id}
    if await execute(unit.conn, sql["claim_uploads"], parameters) != len(set(answer.attachments)):
        raise Invalid(
            "An attachment is gone.", remedy="Upload it again.", fields={"attachments": "not found, or sent before"}
        )


async def _payload(
    unit: Unit, held: Held, answer: Reply, way: ReplyChannel, *, subject: str, message_id: str
) -> dict[str, Any]:
    """Everything the connector will need, fixed before the first try (RFC 5322 §3.6.4: one id, one date, for ever)."""
    customer = await fetch_dicts(unit.conn, sql["customer"], {"id": held.contact_id})
    thread = (
        await fetch_dicts(unit.conn, sql["mail_thread"], {"conversation_id": held.id}) if way.channel == "email" else []
    )
    earlier = [row["external_id"] for row in thread if row["external_id"] != message_id]
    answered = next((r["external_id"] for r in thread if r["direction"] == "in"), None)
    return {
        "channel": way.channel,
        "to": way.address,
        "to_name": customer[0]["name"],
        "subject": subject,
        "text": answer.text,
        "html": answer.html,
        "message_id": message_id,
        "date": iso(now()),
        "in_reply_to": answered,
        "references": earlier[::-1],
        "automatic": answer.automatic,
    }


async def _after(unit: Unit, held: Held, answer: Reply, way: ReplyChannel, *, seq: int) -> None:
    await execute(
        unit.conn,
        sql["after_reply"],
        {
            "conversation_id": held.id,
            "seq": seq,
            "preview": answer.text[:200],
            "automatic": answer.automatic,
            "channel": way.channel,
        },
    )
    keep = {"account_id": way.account_id, "address_id": way.address_id, "conversation_id": held.id}
    await execute(unit.conn, sql["keep_thread"], keep)


def _re(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}".strip()
