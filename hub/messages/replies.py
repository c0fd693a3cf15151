"""Writing into a conversation: replies, notes and lines of the system itself.

A reply is one transaction: the interaction, the outbound row that will carry it, the conversation's clocks and the
event. Writing the same words under the same `client_id` twice is writing once; other words are refused.
"""

from __future__ import annotations

from hub.agents import presence
from hub.conversations import conversation
from hub.conversations.conversation import LockedConversation
from hub.core.clock import now
from hub.core.db import Connection, execute, fetch_all, fetch_dicts
from hub.core.errors import Conflict, Forbidden, Invalid
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.messages import idempotency, interactions, outbound
from hub.messages.events import InteractionCreated, InteractionUpdated
from hub.messages.lines import Line, line
from hub.messages.model import Reply, ReplyChannel, Written

__all__ = ["Reply", "ReplyChannel", "Written"]

sql = Queries.beside(__file__, "replies.sql")


async def reply_channels(
    conn: Connection, conversation_id: int, *, bulk: bool = False, sender: int | None = None
) -> list[ReplyChannel]:
    """Every way to answer, the one last used first; `usable` by the agent `sender`, or by the hub itself (None).

    Who unsubscribed from mail still gets answers, only nothing in bulk; who said STOP on the phone gets nothing.
    """
    return await fetch_all(
        conn, ReplyChannel, sql["reply_channels"], {"conversation_id": conversation_id, "bulk": bulk, "sender": sender}
    )


async def reply(unit: Unit, vault: Vault, conversation_id: int, answer: Reply, *, actor_id: int | None) -> Written:
    """Write an answer and put it in the outbox. `actor_id` None: the hub itself."""
    held = await conversation.lock(unit.conn, conversation_id)
    before = await idempotency.written(unit.conn, answer.client_id, conversation_id=conversation_id, actor_id=actor_id)
    if before is not None:
        await idempotency.require_reply(unit.conn, before, answer, actor_id=actor_id)
        return Written(before.id, created=False)
    if not answer.text.strip() and not answer.html and not answer.attachments:
        raise Invalid(
            "The message is empty.", code="message.empty", fields={"text": "write something or attach a file"}
        )
    ways = await reply_channels(unit.conn, conversation_id, bulk=answer.bulk, sender=actor_id)
    way = _choose(ways, answer)
    _check_window(way, answer)
    if way.max_length is not None and len(answer.text) > way.max_length:
        raise Invalid(
            f"A message by {way.channel} holds at most {way.max_length:,} characters; this has {len(answer.text):,}.",
            remedy="Make it shorter, or send it in parts.",
            fields={"text": "too long"},
            code="message.too_long",
            params={"most": way.max_length, "length": len(answer.text)},
        )
    letter = await outbound.compose(unit, vault, held, answer, way, actor_id)
    event = await unit.log(
        InteractionCreated(
            interaction_id=letter.interaction_id,
            direction="out",
            channel=letter.way.channel,
            automatic=answer.automatic,
        ),
        conversation_id=conversation_id,
        contact_id=held.contact_id,
        actor_id=actor_id,
    )
    await outbound.store(unit, held, answer, letter, seq=event.conversation_seq or 0, actor_id=actor_id)
    await outbound.claim_uploads(unit, letter, answer, actor_id)
    if actor_id is not None:
        await presence.works(unit, actor_id)
    await outbound.hand_over(unit, held, answer, letter)
    await _after(unit, held, answer, letter.way, seq=event.conversation_seq or 0)
    if not answer.text.strip():
        await execute(unit.conn, sql["say_files"], {"interaction_id": letter.interaction_id})
    unit.notify("outbox")
    unit.notify("log")
    return Written(letter.interaction_id, created=True, channel=letter.way.channel)


async def note(
    unit: Unit, conversation_id: int, words: Line | str, client_id: str | None, *, actor_id: int | None
) -> Written:
    """Write an internal note; no customer ever sees it."""
    return await _internal(unit, conversation_id, "note", words, client_id, actor_id)


async def system_line(unit: Unit, conversation_id: int, words: Line, *, actor_id: int | None = None) -> Written:
    """Write what happened (transferred, resolved…) where people read."""
    return await _internal(unit, conversation_id, "system", words, None, actor_id)


async def take_reply_to(unit: Unit, interaction_id: int, *, actor_id: int) -> bool:
    """Let answers go where a mail asks for them, though nothing proves whose word that is; False if it asks for none.

    The conversation says who did it. Saying so again changes nothing.
    """
    rows = await fetch_dicts(unit.conn, sql["take_reply_to"], {"id": interaction_id, "agent_id": actor_id})
    for taken in rows:
        number = taken["conversation_id"]
        await system_line(unit, number, line("replyTo", address=taken["reply_to"]), actor_id=actor_id)
        said = InteractionUpdated(interaction_id=interaction_id)
        await unit.log(said, conversation_id=number, actor_id=actor_id)
    return bool(rows)


async def _internal(
    unit: Unit, conversation_id: int, kind: str, words: Line | str, client_id: str | None, actor_id: int | None
) -> Written:
    text = words if isinstance(words, str) else words.text
    held = await conversation.lock(unit.conn, conversation_id)
    before = None
    if client_id:
        before = await idempotency.written(unit.conn, client_id, conversation_id=conversation_id, actor_id=actor_id)
    if before is not None:
        idempotency.require_note(before, kind, text)
        return Written(before.id, created=False)
    if not text.strip():
        raise Invalid("The note is empty.", code="note.empty", fields={"text": "write something"})
    interaction_id = await interactions.next_id(unit.conn)
    event = await unit.log(
        InteractionCreated(interaction_id=interaction_id, direction="internal", kind=kind),
        conversation_id=conversation_id,
        actor_id=actor_id,
    )
    new = interactions.NewInteraction(
        conversation_id,
        held.contact_id,
        event.conversation_seq or 0,
        kind,
        "internal",
        text,
        agent_id=actor_id,
        client_id=client_id,
        automatic=actor_id is None,
        meta={} if isinstance(words, str) else {"said": words.said()},
    )
    await interactions.insert(unit.conn, interaction_id, new)
    return Written(interaction_id, created=True)


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
            code="message.unreachable",
            remedy="Choose one of the conversation's reply channels.",
            fields={"channel": "no address of this customer and account of ours fit"},
        )
    usable = [w for w in fitting if w.usable]
    if not usable:
        raise Forbidden(
            "This account belongs to a queue that is not yours.",
            code="account.not_yours",
            remedy="Answer from another account.",
        )
    if usable[0].opted_out and not answer.confirms_consent:
        raise Conflict(
            "The customer has opted out of messages to this address.",
            code="message.opted_out",
            remedy="Choose another channel.",
        )
    return usable[0]


def _check_window(way: ReplyChannel, answer: Reply) -> None:
    """After the customer's last message anything may be said for a while; then only what the provider has approved."""
    ends = way.window_ends
    if ends is not None and answer.template is None and (answer.due_at or now()) >= ends:
        raise Conflict(
            "The customer has not written for a day; only an approved template may be sent now.",
            code="message.window",
            remedy="Choose a template.",
        )


async def _after(unit: Unit, held: LockedConversation, answer: Reply, way: ReplyChannel, *, seq: int) -> None:
    done = conversation.Replied(
        seq, answer.shown(answer.text)[:200], answer.automatic, way.channel, answer.due_at or now()
    )
    await conversation.replied(unit.conn, held.id, done)
    keep = {"account_id": way.account_id, "address_id": way.address_id, "conversation_id": held.id}
    await execute(unit.conn, sql["keep_thread"], keep)
