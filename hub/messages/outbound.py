"""One answer on its way out: what it says, to whom, with which files; fixed before the first try to send it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from hub.channels.capabilities import capabilities_of
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.conversations.conversation import LockedConversation
from hub.core.clock import iso, now
from hub.core.db import Connection, execute, fetch_dicts, fetch_value
from hub.core.errors import Invalid
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.messages import formatting, interactions, pages, tokens
from hub.messages.model import Reply, ReplyChannel

sql = Queries.beside(__file__, "replies.sql")


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """An answer on its way: where it goes, its ids, and its words as the customer gets them."""

    way: ReplyChannel
    interaction_id: int
    message_id: str
    subject: str
    text: str
    html: str | None
    pictures: tuple[int, ...]
    to: str
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    signature: str
    due_at: datetime


async def compose(
    unit: Unit,
    vault: Vault,
    held: LockedConversation,
    answer: Reply,
    way: ReplyChannel,
    actor_id: int | None,
) -> OutgoingMessage:
    """Decide everything about an answer; `Invalid` says what cannot be sent."""
    mail = capabilities_of(way.channel).letter
    if not mail and (answer.cc or answer.bcc):
        raise Invalid("Only mail has copies.", code="message.copies", fields={"cc": f"not possible by {way.channel}"})
    goes_to = await answer_to(unit.conn, held.id, way.address_id, way.address) if mail else [way.number or way.address]
    own = await own_addresses(unit.conn) if answer.cc or answer.bcc else []
    cc = formatting.recipients("cc", [*goes_to[1:], *answer.cc], without=[way.address, goes_to[0]])
    bcc = formatting.recipients("bcc", answer.bcc, without=[way.address, *cc])
    interaction_id = await interactions.next_id(unit.conn)
    domain = (way.account_address or "").rpartition("@")[2] or "hub.invalid"
    shown = formatting.pictures(answer.text) if mail and answer.html is None else []
    return OutgoingMessage(
        way=way,
        interaction_id=interaction_id,
        message_id=tokens.message_id(vault, held.id, interaction_id, domain),
        subject=(answer.subject or _re(await _subject(unit, held))) if mail else "",
        text=formatting.plain(answer.text) if shown else answer.text,
        html=formatting.to_html(answer.text) if shown else answer.html,
        pictures=tuple(shown),
        to=goes_to[0],
        cc=tuple(one for one in cc if not formatting.is_ours(one, own)),
        bcc=tuple(one for one in bcc if not formatting.is_ours(one, own)),
        signature=await _signature(unit, held, way, actor_id) if mail and not answer.automatic else "",
        due_at=answer.due_at or now(),
    )


async def own_addresses(conn: Connection) -> list[str]:
    """Our own mail addresses, which no answer of ours goes to."""
    return [row["address"] for row in await fetch_dicts(conn, sql["own_addresses"])]


async def _signature(unit: Unit, held: LockedConversation, way: ReplyChannel, actor_id: int | None) -> str:
    if not way.signature:
        return ""
    [row] = await fetch_dicts(unit.conn, sql["signer"], {"agent_id": actor_id, "conversation_id": held.id})
    variables = {key.replace("_", ".", 1): str(value or "") for key, value in row.items()}
    return formatting.signature(way.signature, variables)


async def store(
    unit: Unit, held: LockedConversation, answer: Reply, letter: OutgoingMessage, *, seq: int, actor_id: int | None
) -> None:
    """Write it into the conversation."""
    meta: dict[str, Any] = {"cc": list(letter.cc), "bcc": list(letter.bcc)}
    if answer.template is not None:
        meta["template"] = answer.template.id
    if letter.pictures:
        meta["source"] = answer.text  # as it was typed, for whoever takes it back
    new = interactions.NewInteraction(
        held.id,
        held.contact_id,
        seq,
        "message",
        "out",
        answer.shown(letter.text),
        channel=letter.way.channel,
        account_id=letter.way.account_id,
        address_id=letter.way.address_id,
        agent_id=actor_id,
        subject=answer.shown(letter.subject),
        html=None if letter.html is None else answer.shown(letter.html),
        external_id=letter.message_id if capabilities_of(letter.way.channel).letter else None,
        client_id=answer.client_id,
        status="pending",
        automatic=answer.automatic,
        meta={key: value for key, value in meta.items() if value},
    )
    await interactions.insert(unit.conn, letter.interaction_id, new)
    if letter.html is not None and answer.page is not None:
        await pages.store(unit.conn, letter.interaction_id, answer.page)


async def hand_over(unit: Unit, held: LockedConversation, answer: Reply, letter: OutgoingMessage) -> None:
    """Put it in the outbox."""
    await execute(
        unit.conn,
        sql["insert_outbound"],
        {
            "interaction_id": letter.interaction_id,
            "conversation_id": held.id,
            "account_id": letter.way.account_id,
            "connector": letter.way.connector,
            "payload": Jsonb(await _payload(unit, held, answer, letter)),
            "due_at": letter.due_at,
        },
    )


async def claim_uploads(unit: Unit, letter: OutgoingMessage, answer: Reply, actor_id: int | None) -> None:
    """Make the writer's uploads part of it; `Invalid` when one is gone or they are too large together."""
    wanted = {*answer.attachments, *letter.pictures}
    if not wanted:
        return
    parameters = {
        "interaction_id": letter.interaction_id,
        "ids": sorted(wanted),
        "agent_id": actor_id,
        "pictures": [*letter.pictures],
        "content_ids": [formatting.content_id(one) for one in letter.pictures],
    }
    claimed = await fetch_dicts(unit.conn, sql["claim_uploads"], parameters)
    if len(claimed) != len(wanted):
        raise Invalid(
            "An attachment is gone.",
            code="message.attachment_gone",
            remedy="Upload it again.",
            fields={"attachments": "not found, or sent before"},
        )
    size = sum(row["size"] for row in claimed)
    most = capabilities_of(letter.way.channel).max_bytes
    if most is not None and size > most:
        carrier = "mail" if capabilities_of(letter.way.channel).letter else letter.way.channel
        raise Invalid(
            f"The files are {size / 2**20:.1f} MB together; {carrier} carries at most {most // 2**20} MB.",
            remedy="Leave some out, or share a link.",
            fields={"attachments": "too large together"},
            code="message.too_large",
            params={"size": round(size / 2**20, 1), "most": most // 2**20},
        )


async def _payload(unit: Unit, held: LockedConversation, answer: Reply, letter: OutgoingMessage) -> dict[str, Any]:
    """Everything the connector will need, fixed before the first try (RFC 5322 §3.6.4: one id, one date, for ever)."""
    way = letter.way
    mail = capabilities_of(way.channel).letter
    customer = await fetch_dicts(unit.conn, sql["customer"], {"id": held.contact_id})
    thread = await fetch_dicts(unit.conn, sql["mail_thread"], {"conversation_id": held.id}) if mail else []
    earlier = [row["external_id"] for row in thread if row["external_id"] != letter.message_id]
    answered = next((r["external_id"] for r in thread if r["direction"] == "in"), None)
    return {
        "channel": way.channel,
        "to": letter.to,
        "to_name": customer[0]["name"],
        "cc": letter.cc,
        "bcc": letter.bcc,
        "subject": letter.subject,
        "text": formatting.signed(letter.text, letter.signature),
        "html": None if letter.html is None else formatting.signed_html(letter.html, letter.signature),
        "message_id": letter.message_id,
        "date": iso(letter.due_at),
        "in_reply_to": answered,
        "references": earlier[::-1],
        "automatic": answer.automatic,
        "unsubscribe": way.address_id if mail and answer.bulk else None,
        "template": asdict(answer.template) if answer.template else None,
    }


async def answer_to(conn: Connection, conversation_id: int, address_id: int, address: str) -> list[str]:
    """Where a customer is answered who wrote from an address: there, or where they asked for it (RFC 5322 §3.6.2).

    Asking counts only in a mail that began the matter, that is proved to be the customer's, or that one of us has said
    yes to (see `answer_to` in writing.sql); and never for an address of ours. They may ask for several.
    """
    [asked] = await fetch_dicts(
        conn, sql["answer_to"], {"conversation_id": conversation_id, "address_id": address_id}
    ) or [{}]
    if not asked.get("reply_to"):
        return [address]
    own = await own_addresses(conn)
    found: dict[str, None] = {}
    for one in [asked["reply_to"], *(asked["more"] or ())]:
        try:
            wanted = normalise(AddressKind.EMAIL, one)
        except Invalid:
            continue
        if not formatting.is_ours(wanted, own):
            found[wanted] = None
    return list(found) or [address]


async def _subject(unit: Unit, held: LockedConversation) -> str:
    return await fetch_value(unit.conn, sql["latest_subject"], {"conversation_id": held.id}) or held.subject


def _re(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}".strip()
