"""What screens see of conversations: the shapes of the API, read from the views of the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.channels.capabilities import capabilities_of
from hub.channels.model import Account, Inbound, Page
from hub.core.clock import iso
from hub.core.db import Connection, Database, fetch_dicts
from hub.core.sql import Queries
from hub.messages import html, pages

sql = Queries.beside(__file__, "views.sql")
Shape = dict[str, Any]
MAX_TEXT = 50_000  # characters of a mail in lists; as in `interaction_shown`
_MAX_HTML = 200_000
_INNER = frozenset(
    {
        "meta", "lost", "quoted", "trimmed", "has_html", "page_version", "page_own", "page_whole", "page_pictures",
        "reply_to_counts",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """One row of the SQL function `intake`: what became of one message."""

    n: int
    duplicate: bool
    raw_id: int
    interaction_id: int | None
    conversation_id: int | None
    seq: int | None
    contact_id: int | None
    contact_name: str | None
    address_id: int | None
    event_id: int | None
    is_new: bool
    entry_id: int | None
    queue_id: int | None
    agent_id: int | None
    agent_seq: int | None
    at: datetime
    entry: str | None  # `router_entry_ever` as JSON, if it is in the queue now


def public_interaction(row: Shape) -> Shape:
    """An `interaction_shown` row as the API's Interaction, inner columns dropped.

    Its HTML is the page that was made of it; "" when that is too long for a list and is read by itself.
    """
    attachments = row["attachments"]
    shown = {k: v for k, v in row.items() if k not in _INNER}
    page = html.shown(page_of(row), attachments)
    blocked = page.blocked if page else 0
    can = capabilities_of(row["channel"])
    facts = mail_facts(row["meta"], trimmed=row["trimmed"], followed=row["reply_to_counts"], blocked=blocked)
    return {
        **shown,
        "html": None if page is None or not page.html else page.html if len(page.html) <= _MAX_HTML else "",
        "mail": facts if can.letter else None,
        "message": message_facts(row["meta"], row["lost"], row["quoted"]) if can.text else None,
        "attachments": [{k: v for k, v in a.items() if k != "content_id"} for a in attachments],
        "unseen": row["meta"].get("unseen"),
    }


def page_of(row: Shape) -> Page | None:
    """The page in a row of messages; None where it has no HTML, or none that could be made fit to be shown."""
    own = row["page_own"]
    return None if own is None else Page(own, row.get("page_whole"), tuple(row["page_pictures"]))


def mail_facts(meta: Shape, *, trimmed: bool, followed: bool, blocked: int = 0) -> Shape:
    """What the desk shows of a mail beside its words.

    `trimmed`: there is more than `text` and `html` show. `followed`: answers may go where the mail asks for them.
    `left_out` are the characters that only the original has.
    """
    return {
        "trimmed": trimmed,
        "blocked_images": blocked,
        "unreadable": meta.get("unreadable"),
        "reply_to": meta.get("reply_to"),
        "reply_to_followed": followed,
        "claims": meta.get("claims"),
        "forwarded_by": meta.get("forwarded_by"),
        "automatic": meta.get("automatic"),
        "invitation": meta.get("invitation"),
        "left_out": meta.get("left_out") or 0,
    }


def message_facts(meta: Shape, lost: list[Shape] | None = None, quoted: Shape | None = None) -> Shape:
    """What the desk shows of an SMS or a WhatsApp message beside its words.

    `files` is how many it named; those that are not here are on their way, but for the `lost`, each with the reason.
    """
    return {
        "files": meta.get("files") or 0,
        "lost": lost or [],
        "quoted": quoted,
        "location": meta.get("location"),
        "button": meta.get("button"),
        "forwarded": bool(meta.get("forwarded")),
        "advert": meta.get("advert"),
        "template": meta.get("template"),
        "consent": meta.get("consent"),
        "form": bool(meta.get("form")),
    }


def public_summary(row: Shape) -> Shape:
    """A `conversation_summary` row as the API's ConversationSummary."""
    inner = {"queue_id", "agent_id", "contact_id", "disposition", "wrap_up_until"}
    return {k: v for k, v in row.items() if k not in inner}


async def interactions(db: Database, ids: Iterable[int]) -> dict[int, Shape]:
    """Interactions by id."""
    rows = await db.dicts(sql["interactions"], {"ids": list(ids)})
    await pages.complete(db, rows)
    return {row["id"]: public_interaction(row) for row in rows}


async def interaction(conn: Connection, interaction_id: int) -> Shape:
    """One interaction, seen from inside a transaction."""
    rows = await fetch_dicts(conn, sql["interactions"], {"ids": [interaction_id]})
    return public_interaction(rows[0])


async def summaries(db: Database, ids: Iterable[int]) -> dict[int, Shape]:
    """Conversation summaries by id."""
    rows = await db.dicts(sql["summaries"], {"ids": list(ids)})
    return {row["id"]: public_summary(row) for row in rows}


def inbound_frames(inbound: Inbound, account: Account, taken: Taken) -> list[tuple[str, Shape]]:
    """What a fresh customer message says on the sockets, without asking the database again.

    Nobody can be listening to a conversation that has just begun; whoever opens it reads it whole.
    The shape equals `public_interaction` of the stored row (a test holds them together). A message with HTML or
    files is left to the socket's process to read, since both need the stored row.
    """
    base: Shape = {
        "id": taken.event_id,
        "at": iso(taken.at),
        "conversation_id": taken.conversation_id,
        "agent_id": taken.agent_id,
        "queue_id": None,
        "data": {"interaction_id": taken.interaction_id},
    }
    message: Shape = {**base, "type": "interaction.created", "seq": taken.seq}
    wordless = not inbound.text.strip() and bool(inbound.media)  # words for it are made of the stored files
    if not inbound.html and not inbound.attachments and not inbound.meta.get("replied_to") and not wordless:
        message["view"] = {"interaction": _inline(inbound, account, taken)}
    frames: list[tuple[str, Shape]] = [] if taken.is_new else [(f"c:{taken.conversation_id}", message)]
    if taken.agent_id is not None:
        frames.append(
            (f"u:{taken.agent_id}", {**base, "type": "conversation.updated", "seq": taken.agent_seq, "data": {}})
        )
    return frames


def _inline_facts(inbound: Inbound) -> Shape:
    facts = inbound.meta
    trimmed = bool(facts.get("full_text") or facts.get("html_own_end")) or len(inbound.text) > MAX_TEXT
    return mail_facts(facts, trimmed=trimmed, followed=inbound.verified)


def _inline(inbound: Inbound, account: Account, taken: Taken) -> Shape:
    return {
        "id": taken.interaction_id,
        "conversation_id": taken.conversation_id,
        "seq": taken.seq,
        "kind": "message",
        "direction": "in",
        "channel": account.channel,
        "agent": None,
        "contact": {"id": taken.contact_id, "name": taken.contact_name},
        "address": inbound.address,
        "subject": inbound.subject,
        "text": inbound.text[:MAX_TEXT] if capabilities_of(account.channel).letter else inbound.text,
        "html": None,
        "status": "received",
        "error": None,
        "at": iso(inbound.sent_at or taken.at),
        "client_id": None,
        "verified": inbound.verified,
        "automatic": inbound.automatic,
        "mail": _inline_facts(inbound) if capabilities_of(account.channel).letter else None,
        "message": message_facts(inbound.meta) if capabilities_of(account.channel).text else None,
        "delivery": None,
        "attachments": [],
        "unseen": None,
        "said": {"code": said["code"], "params": said["params"]} if (said := inbound.meta.get("said")) else None,
    }
