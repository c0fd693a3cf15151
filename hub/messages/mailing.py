"""An agent's words that go by mail as well, because who was to read them elsewhere is not there any more."""

from __future__ import annotations

from dataclasses import dataclass

from hub.channels.capabilities import MAX_MAIL_FILES
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.contacts.store import find_or_add
from hub.conversations import conversation
from hub.core.db import execute, fetch_one, fetch_value
from hub.core.errors import Invalid
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.messages import formatting, outbound
from hub.messages.events import InteractionCreated, InteractionUpdated
from hub.messages.model import Reply, ReplyChannel

sql = Queries.beside(__file__, "mailing.sql")


@dataclass(frozen=True, slots=True)
class MailAccount:
    """A mailbox of ours that a mail leaves by; `from_name` is what its readers see it called."""

    id: int
    name: str
    from_name: str
    connector: str
    address: str
    signature: str


@dataclass(frozen=True, slots=True)
class Words:
    """What was written, by whom, in which messages; `name` is the reader's."""

    text: str
    subject: str
    interactions: tuple[int, ...]
    agent_id: int
    name: str


async def mail_account(unit: Unit, key: str | None, queue_id: int | None) -> MailAccount | None:
    """The mailbox of this key; without a key that of the queue, one of no queue, or the only one. None: no such."""
    return await fetch_one(unit.conn, MailAccount, sql["mail_account"], {"key": key, "queue_id": queue_id})


async def usable(unit: Unit, address: str | None) -> str | None:
    """A mail address as it can be written to; None when it is none, or ours."""
    try:
        found = normalise(AddressKind.EMAIL, address or "")
    except Invalid:
        return None
    return None if formatting.is_ours(found, await outbound.own_addresses(unit.conn)) else found


async def mail(unit: Unit, vault: Vault, conversation_id: int, words: Words, account: MailAccount, to: str) -> int:
    """Put the words into the outbox as one mail of the conversation, with the messages' files; its id.

    They are written already, and counted: this stops no clock. Answers come back to the conversation. Whoever reads
    mail at the address is not taken for the one who gave it: it stays an address of its own until somebody links them.
    """
    held = await conversation.lock(unit.conn, conversation_id)
    owner = await find_or_add(unit, AddressKind.EMAIL, to, name=words.name)
    way = ReplyChannel(
        channel="email", address_id=owner.id, address=to, account_id=account.id, account=account.name,
        connector=account.connector, account_address=account.address, usable=True, opted_out=False,
        signature=account.signature,
    )  # fmt: skip
    said = Reply(text=words.text, client_id=f"mailed-{words.interactions[0]}", subject=words.subject)
    letter = await outbound.compose(unit, vault, held, said, way, words.agent_id)
    written = InteractionCreated(interaction_id=letter.interaction_id, direction="out", channel="email", automatic=True)
    event = await unit.log(written, conversation_id=conversation_id, contact_id=held.contact_id)
    seq = event.conversation_seq or 0
    await outbound.store(unit, held, said, letter, seq=seq, actor_id=words.agent_id)
    files = {"interaction_ids": list(words.interactions), "mail": letter.interaction_id, "most": MAX_MAIL_FILES}
    await execute(unit.conn, sql["copy_files"], files)
    await outbound.hand_over(unit, held, said, letter)
    thread = {"account_id": account.id, "address_id": owner.id, "conversation_id": conversation_id}
    await execute(unit.conn, sql["keep_thread"], thread)
    unit.notify("outbox")
    return letter.interaction_id


async def mark(unit: Unit, interaction_id: int, state: str, to: str | None = None, mail_id: int | None = None) -> None:
    """Say on a message whether its reader was there: `left`, `mailed` (then `to` whom, in which mail), `back`."""
    values = {"id": interaction_id, "state": state, "to": to, "mail": mail_id}
    conversation_id = await fetch_value(unit.conn, sql["mark"], values)
    if conversation_id is not None:
        await unit.log(InteractionUpdated(interaction_id=interaction_id), conversation_id=conversation_id)
