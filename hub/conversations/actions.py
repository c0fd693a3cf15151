"""What people do with a conversation beside writing: resolve, reopen, snooze, hand over, start one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hub.channels import capabilities
from hub.channels.capabilities import AddressKind
from hub.channels.model import FilledTemplate
from hub.contacts import store as contacts
from hub.conversations import conversation, lifecycle
from hub.conversations.events import ConversationResolved, ConversationSnoozed
from hub.conversations.store import sql
from hub.core.clock import now
from hub.core.db import fetch_dicts, fetch_value
from hub.core.errors import Conflict, Forbidden, Invalid
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.messages import idempotency, replies
from hub.messages.model import Reply
from hub.queues import entries, telephone

MOST_SNOOZED = timedelta(days=366)


def kind_of(channel: str) -> AddressKind | None:
    """What customers are reached by on a channel on which we may write first."""
    can = capabilities.known().get(channel)
    return can.address if can is not None and can.reaches else None


async def resolve(unit: Unit, conversation_id: int, *, actor_id: int | None, disposition: str | None = None) -> None:
    """Close the matter; its agent goes into wrap-up where the queue gives time for it. Resolving twice is once.

    `Conflict` while its customer is on the line; the clock (no `actor_id`) then leaves it alone.
    """
    await conversation.lock(unit.conn, conversation_id)
    if actor_id is not None:
        await telephone.check_nobody_on_line(unit.conn, conversation_id)
    elif await telephone.customer_on_line(unit.conn, conversation_id) is not None:
        return
    await _check_disposition(unit, disposition)
    changed = await conversation.resolve(unit.conn, conversation_id, actor_id=actor_id, disposition=disposition)
    if changed is None:
        return
    await lifecycle.start_wrap_up(unit, conversation_id, "resolved")
    await unit.log(
        ConversationResolved(disposition=disposition),
        conversation_id=conversation_id,
        queue_id=changed["queue_id"],
        agent_id=changed["agent_id"],
        actor_id=actor_id,
    )
    unit.notify("log")


async def resolve_when_nothing_is_owed(unit: Unit, conversation_id: int) -> None:
    """Close what nobody has and in which nobody waits: nobody would ever close it."""
    await conversation.lock(unit.conn, conversation_id)
    if await fetch_value(unit.conn, sql["owes_nothing"], {"id": conversation_id}):
        await resolve(unit, conversation_id, actor_id=None)


async def snooze(unit: Unit, conversation_id: int, until: datetime, *, actor_id: int | None) -> None:
    """Put it out of sight until a moment within a year, or until the customer writes."""
    if until <= now():
        raise Invalid("The time lies in the past.", code="time.past", fields={"until": "choose a later time"})
    if until > now() + MOST_SNOOZED:
        raise Invalid(
            "The time is too far away.", code="time.far", fields={"until": f"at most {MOST_SNOOZED.days} days from now"}
        )
    await conversation.lock(unit.conn, conversation_id)
    await telephone.check_nobody_on_line(unit.conn, conversation_id)
    changed = await conversation.snooze(unit.conn, conversation_id, until=until)
    if changed is None:
        raise Conflict("Only an open conversation can be snoozed.", code="conversation.not_open")
    await entries.close(unit, conversation_id, outcome="snoozed")
    await unit.log(
        ConversationSnoozed(until=until),
        conversation_id=conversation_id,
        agent_id=changed["agent_id"],
        actor_id=actor_id,
    )
    unit.notify("log")


async def end_wrap_up(unit: Unit, conversation_id: int, *, agent_id: int, disposition: str | None) -> None:
    """Finish after-contact work early."""
    await conversation.lock(unit.conn, conversation_id)
    await _check_disposition(unit, disposition)
    await lifecycle.end_wrap_up(unit, conversation_id, agent_id, disposition)


@dataclass(frozen=True, slots=True)
class Opening:
    """A first message of ours: to a contact's own address of that channel, or to a given one."""

    channel: str
    text: str
    client_id: str
    contact_id: int | None = None
    address: str | None = None
    account_id: int | None = None
    subject: str = ""
    template: FilledTemplate | None = None


async def start(unit: Unit, vault: Vault, opening: Opening, *, actor_id: int) -> int:
    """Open a conversation by writing first; it is on the writer's desk. Its id.

    The same under the same client id begins one only; anything else under it is a `Conflict`.
    """
    before = await idempotency.written(unit.conn, opening.client_id, conversation_id=None, actor_id=actor_id)
    kind = kind_of(opening.channel)
    if kind is None:
        raise Invalid(
            "You cannot write first on this channel.",
            code="message.no_first",
            fields={"channel": "use email, sms or whatsapp"},
        )
    if before is not None:
        address = None if opening.address is None else (kind, opening.address)
        await idempotency.require_opening(
            unit.conn, before, _message(opening), contact_id=opening.contact_id, address=address
        )
        return before.conversation_id
    account = await fetch_dicts(
        unit.conn,
        sql["account_for"],
        {"channel": opening.channel, "account_id": opening.account_id, "agent_id": actor_id},
    )
    if not account:
        raise Invalid(
            "There is no account of ours for this channel.",
            code="message.no_account",
            fields={"channel": "configure one with `hub apply`"},
        )
    found = account[0]
    if not found["usable"]:
        raise Forbidden(
            "This account belongs to a queue that is not yours.",
            code="account.not_yours",
            remedy="Write from another account.",
        )
    address_id, contact_id = await _recipient(unit, kind, opening)
    new = conversation.NewConversation(
        contact_id, found["id"], opening.channel, found["queue_id"], actor_id, subject=opening.subject
    )
    conversation_id = await conversation.create(unit.conn, new)
    answer = replace(_message(opening), address_id=address_id, account_id=found["id"])
    await replies.reply(unit, vault, conversation_id, answer, actor_id=actor_id)
    return conversation_id


def _message(opening: Opening) -> Reply:
    return Reply(
        opening.text, opening.client_id, subject=opening.subject or None, channel=opening.channel,
        account_id=opening.account_id, template=opening.template,
    )  # fmt: skip


async def _recipient(unit: Unit, kind: AddressKind, opening: Opening) -> tuple[int, int]:
    if opening.address is not None:
        found = await contacts.find_or_add(unit, kind, opening.address)
        return found.id, found.contact_id
    if opening.contact_id is None:
        raise Invalid(
            "Nobody to write to.", code="message.nobody", fields={"contact_id": "give a contact or an address"}
        )
    rows: list[dict[str, Any]] = await fetch_dicts(unit.conn, contacts.sql["contacts"], {"ids": [opening.contact_id]})
    known: list[dict[str, Any]] = rows[0]["addresses"] if rows else []
    for address in known:
        if address["kind"] == kind.value:
            return int(address["id"]), opening.contact_id
    raise Invalid(
        "This contact has no address for that channel.",
        code="message.no_address",
        fields={"contact_id": f"add a {kind.value} address"},
    )


async def _check_disposition(unit: Unit, key: str | None) -> None:
    if key is not None and not await fetch_value(unit.conn, sql["known_disposition"], {"key": key}):
        raise Invalid(
            "There is no such outcome code.",
            code="conversation.outcome",
            fields={"disposition": "see GET /dispositions"},
        )
