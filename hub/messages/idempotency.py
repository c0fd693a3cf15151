"""A client id names one message of a conversation: the same words again are it, other words under it are refused.

Nobody's words vanish behind an id that was used before. What the hub itself writes under an id of its own is written
once, whatever it would say the next time.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.channels.capabilities import capabilities_of
from hub.channels.model import AddressKind
from hub.contacts.identity import known_by, normalise
from hub.core.db import Connection, execute, fetch_one, fetch_value
from hub.core.errors import Conflict
from hub.core.sql import Queries
from hub.messages import formatting, outbound
from hub.messages.model import Reply

sql = Queries.beside(__file__, "idempotency.sql")


@dataclass(frozen=True, slots=True)
class Before:
    """A message that was written under a client id."""

    id: int
    conversation_id: int
    contact_id: int | None
    kind: str
    agent_id: int | None
    text: str
    html: str | None
    subject: str
    channel: str | None
    account_id: int | None
    address_id: int | None
    address_kind: str | None
    address: str | None
    template: str | None
    copies: list[str]


async def written(
    conn: Connection, client_id: str, *, conversation_id: int | None, actor_id: int | None
) -> Before | None:
    """What was written under this id in this conversation; where one is to begin (None), what this agent began so.

    From here to the end of the transaction nobody else uses the id.
    """
    values = {"client_id": client_id, "conversation_id": conversation_id, "agent_id": actor_id}
    if actor_id is not None:
        await execute(conn, sql["one_at_a_time"], values)
    return await fetch_one(conn, Before, sql["written"], values)


async def require_reply(conn: Connection, before: Before, answer: Reply, *, actor_id: int | None) -> None:
    """`Conflict` unless an agent's answer is the message that was written before: its words, files and recipients."""
    if actor_id is None or answer.automatic:
        return
    if before.kind != "message" or not _same_words(before, answer) or not _same_channel(before, answer):
        raise _used()
    if await _copied_to_others(conn, before, answer):
        raise _used()
    pictures = formatting.pictures(answer.text) if capabilities_of(before.channel).letter else ()
    files = sorted({*answer.attachments, *pictures})
    if not await fetch_value(conn, sql["same_files"], {"ids": files, "interaction_id": before.id}):
        raise _used()


def require_note(before: Before, kind: str, text: str) -> None:
    """`Conflict` unless this is the note that was written before."""
    if before.kind != kind or before.text != text:
        raise _used()


async def require_opening(
    conn: Connection, before: Before, answer: Reply, *, contact_id: int | None, address: tuple[AddressKind, str] | None
) -> None:
    """`Conflict` unless this is the message that began a conversation before, to the same person."""
    if not _same_words(before, answer) or not _same_channel(before, answer):
        raise _used()
    if address is not None:
        kind, value = address
        same = before.address_kind == kind and before.address == known_by(kind, normalise(kind, value))
    else:
        same = await fetch_value(conn, sql["same_person"], {"one": before.contact_id, "other": contact_id})
    if not same:
        raise _used()


def _used() -> Conflict:
    return Conflict("This id was used for another message.", remedy="Give every message a client_id of its own.")


def _same_words(before: Before, answer: Reply) -> bool:
    template = None if answer.template is None else answer.template.id
    same = before.text == answer.text and before.template == template
    return (
        same and answer.html in (None, before.html) and (not answer.subject or before.subject in ("", answer.subject))
    )


def _same_channel(before: Before, answer: Reply) -> bool:
    """Whether it went where this is to go, as far as this says where."""
    return (
        answer.channel in (None, before.channel)
        and answer.address_id in (None, before.address_id)
        and answer.account_id in (None, before.account_id)
    )


async def _copied_to_others(conn: Connection, before: Before, answer: Reply) -> bool:
    """Whether it has recipients beside those the mail had; the customer's and our own addresses are no copies."""
    wanted = {one.lower() for one in (*answer.cc, *answer.bcc)} - {one.lower() for one in before.copies}
    if not wanted or before.address_id is None or before.address is None:
        return bool(wanted)
    there = await outbound.answer_to(conn, before.conversation_id, before.address_id, before.address)
    known = [before.address, *there, *await outbound.own_addresses(conn)]
    return any(not formatting.is_ours(one, known) for one in wanted)
