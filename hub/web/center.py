"""Customers, colleagues, templates, files, the event feed, and what needs a supervisor's eye."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.access import rights
from hub.access.model import Action
from hub.access.rights import require_contact, require_conversation
from hub.agents import store as agents
from hub.channels.model import AddressKind
from hub.contacts import linking
from hub.contacts import store as contacts
from hub.conversations import store as conversations
from hub.core import events
from hub.core.db import Connection, fetch_dicts
from hub.core.errors import Invalid, NotFound
from hub.messages import pages, views
from hub.messages.outbox import Outbox
from hub.messages.outbox import sql as outbox_sql
from hub.messages.quarantine import Quarantine
from hub.messages.templates import render
from hub.web import shapes
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import Id, IdCursor, In, Line
from hub.web.uploads import read_file

records = Endpoints("contacts")
desk_lists = Endpoints("desk")
files = Endpoints("files")
operations = Endpoints("operations")
Limit = Annotated[int, Field(ge=1, le=100)]
# Shown in the browser as they are; whatever else is only ever downloaded (a script in an SVG or HTML file is a script).
INLINE_TYPES = {f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "avif", "heic", "heif")}
PLAYED = ("audio/", "video/")
SHOWN = ("application/octet-stream", "image/*", *(f"{kind}*" for kind in PLAYED))


class InOrderOfIds(In):
    cursor: IdCursor | None = None

    @property
    def after(self) -> int | None:
        """The id that the page before ended with."""
        return None if self.cursor is None else int(self.cursor)


class ContactQuery(InOrderOfIds):
    q: Annotated[str, StringConstraints(max_length=200)] = ""
    limit: Limit = 25


class ContactPage(BaseModel):
    items: list[shapes.Contact]
    next_cursor: str | None


class ContactChange(In):
    name: Annotated[str, StringConstraints(max_length=200)] | None = None
    locale: Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z0-9-]*$")] | None = None
    timezone: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_+/-]*$")] | None = None
    attributes: (
        Annotated[
            dict[Annotated[str, StringConstraints(max_length=64)], Line | int | bool | None], Field(max_length=100)
        ]
        | None
    ) = None


class TimelineQuery(InOrderOfIds):
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None
    limit: Limit = 25


class TimelinePage(BaseModel):
    items: list[shapes.TimelineItem]
    next_cursor: str | None


class ContactLink(In):
    contact_id: Id


class ColleagueList(BaseModel):
    items: list[shapes.Colleague]


class TemplateQuery(In):
    channel: Annotated[str, StringConstraints(max_length=40)] | None = None


class TemplateList(BaseModel):
    items: list[shapes.Template]


class RenderTemplate(In):
    conversation_id: Id


class DispositionList(BaseModel):
    items: list[shapes.Disposition]


class FeedQuery(InOrderOfIds):
    limit: Limit = 100


class EventPage(BaseModel):
    items: list[shapes.FeedEvent]
    next_cursor: str | None


class QuarantinedMessageList(BaseModel):
    items: list[shapes.QuarantinedMessage]


class ReplayedMessage(BaseModel):
    conversation_id: int | None


class UnsettledSendList(BaseModel):
    items: list[shapes.UnsettledSend]


class SettleSend(In):
    arrived: bool


class SettleSends(In):
    ids: Annotated[list[Id], Field(min_length=1, max_length=200)]
    arrived: bool


class SettledSends(BaseModel):
    """Ids of sends: those that were settled, and those that were not unknown any more, or not one's own."""

    settled: list[int]
    passed: list[int]


# -- customers -------------------------------------------------------------------------------------------------------
@records.add("GET", "/contacts", returns=ContactPage)
async def list_contacts(call: Call, query: ContactQuery) -> dict[str, Any]:
    """Find customers by name or address."""
    found = await contacts.search(call.core.db, query.q.replace("\x00", ""), cursor=query.after, limit=query.limit + 1)
    return _page(found, query.limit)


@records.add("GET", "/contacts/{contact_id}", returns=shapes.Contact)
async def read_contact(call: Call, contact_id: int) -> dict[str, Any]:
    """One customer: the record that stands for everything linked to it."""
    return await contacts.contact(call.core.db, contact_id)


@records.add("PATCH", "/contacts/{contact_id}", returns=shapes.Contact)
async def change_contact(call: Call, contact_id: int, body: ContactChange) -> dict[str, Any]:
    """Change what is known of a customer. Attributes that are not named stay; one that is null is taken away."""
    await require_contact(call.core.db, contact_id, call.me.viewer)
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    async with events.unit(call.core.db, call.core.feed) as unit:
        await contacts.update(unit, contact_id, changes, actor_id=call.me.id)
    return await contacts.contact(call.core.db, contact_id)


@records.add("GET", "/contacts/{contact_id}/timeline", returns=TimelinePage)
async def read_timeline(call: Call, contact_id: int, query: TimelineQuery) -> dict[str, Any]:
    """Everything said with a customer on any channel, newest first."""
    await contacts.contact(call.core.db, contact_id)
    rows = await contacts.timeline(
        call.core.db,
        contact_id,
        call.me.viewer,
        channel=query.channel,
        cursor=query.after,
        limit=query.limit + 1,
    )
    await pages.complete(call.core.db, rows[: query.limit])
    return _page([views.public_interaction(row) for row in rows], query.limit)


@records.add("POST", "/contacts/{contact_id}/link", returns=shapes.Contact, errors=(409,))
async def link_contact(call: Call, contact_id: int, body: ContactLink) -> dict[str, Any]:
    """Say that two records are one person; it can be undone without a trace."""
    for one in (contact_id, body.contact_id):
        await require_contact(call.core.db, one, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await linking.link(unit, contact_id, body.contact_id, actor_id=call.me.id)
    return await contacts.contact(call.core.db, contact_id)


@records.add("DELETE", "/contacts/{contact_id}/links/{link_id}", returns=shapes.Contact)
async def unlink_contact(call: Call, contact_id: int, link_id: int) -> dict[str, Any]:
    """Undo a link: both records are as they were."""
    await require_contact(call.core.db, contact_id, call.me.viewer)
    shown = await contacts.contact(call.core.db, contact_id)
    if link_id not in {linked["link_id"] for linked in shown["linked"]}:
        raise NotFound("There is no such link.")
    async with events.unit(call.core.db, call.core.feed) as unit:
        await linking.unlink(unit, link_id, actor_id=call.me.id)
    return await contacts.contact(call.core.db, contact_id)


@records.add("POST", "/contacts/{contact_id}/addresses", returns=shapes.Contact, errors=(409,))
async def add_contact_address(call: Call, contact_id: int, body: shapes.NewAddress) -> dict[str, Any]:
    """Add a way to reach a customer; it counts as unverified until they write from it."""
    await require_contact(call.core.db, contact_id, call.me.viewer)
    async with events.unit(call.core.db, call.core.feed) as unit:
        await contacts.add_address(unit, contact_id, AddressKind(body.kind), body.value, actor_id=call.me.id)
    return await contacts.contact(call.core.db, contact_id)


# -- the desk's furniture --------------------------------------------------------------------------------------------
@desk_lists.add("GET", "/agents", returns=ColleagueList)
async def list_agents(call: Call) -> dict[str, Any]:
    """Colleagues, to hand over to."""
    return {"items": await agents.agents_list(call.core.db)}


@desk_lists.add("GET", "/templates", returns=TemplateList)
async def list_templates(call: Call, query: TemplateQuery) -> dict[str, Any]:
    """Canned replies."""
    return {"items": await call.core.db.dicts(conversations.sql["templates"], {"channel": query.channel})}


@desk_lists.add("POST", "/templates/{template_id}/render", returns=shapes.Rendered)
async def render_template(call: Call, template_id: int, body: RenderTemplate) -> dict[str, Any]:
    """A canned reply with a conversation's names filled in."""
    await require_conversation(call.core.db, body.conversation_id, call.me.viewer)
    rows = await call.core.db.dicts(conversations.sql["template"], {"id": template_id})
    if not rows:
        raise NotFound("There is no such template.")
    [facts] = await call.core.db.dicts(conversations.sql["variables"], {"id": body.conversation_id})
    variables = {
        "contact.name": facts["contact_name"],
        "agent.name": call.me.name,
        "conversation.id": str(facts["conversation_id"]),
        "conversation.subject": facts["subject"],
        "queue.name": facts["queue_name"] or "",
    }
    return {"subject": render(rows[0]["subject"], variables), "body": render(rows[0]["body"], variables)}


@desk_lists.add("GET", "/dispositions", returns=DispositionList)
async def list_dispositions(call: Call) -> dict[str, Any]:
    """Outcome codes."""
    return {"items": await call.core.db.dicts(conversations.sql["dispositions"])}


@desk_lists.add("GET", "/config", returns=shapes.PublicConfig, action=None)
async def read_config(call: Call) -> dict[str, Any]:
    """What the pages need to know; who is signed in sees the accounts they may send from and all queues."""
    queues = await agents.all_queues(call.core.db) if call.actor else []
    accounts = list((await call.context.accounts.all()).values()) if call.actor else []
    usable = await rights.accounts(call.core.db, call.actor.viewer) if call.actor else set[int]()
    return {
        "product": "omnihub",
        "version": call.context.version,
        "demo": call.context.demo,
        "locales": ["en", "zh-CN"],
        "accounts": [
            {"id": a.id, "channel": a.channel, "name": a.name} for a in accounts if a.enabled and a.id in usable
        ],
        "queues": queues,
    }


# -- files -----------------------------------------------------------------------------------------------------------
@files.add("POST", "/uploads", returns=shapes.Upload, status=201, upload=True, errors=(422,))
async def upload_file(call: Call) -> dict[str, Any]:
    """Upload one file (multipart field `file`) to attach to a reply."""
    if call.request.content_type != "multipart/form-data":
        raise Invalid("This is not an upload.", fields={"file": "send multipart/form-data with one file"})
    name, content_type, body = await read_file(call.request)
    values = {"agent_id": call.me.id, "name": name, "content_type": content_type, "body": body}
    new_id = await call.core.db.value(conversations.sql["upload"], values)
    return {"id": new_id, "name": name, "size": len(body), "content_type": content_type}


@files.add("GET", "/attachments/{attachment_id}", returns=bytes, media=SHOWN)
async def read_attachment(call: Call, attachment_id: int) -> web.Response:
    """A file of a message one may see; only plain images are shown, everything else is downloaded."""
    rows = await call.core.db.dicts(conversations.sql["attachment"], {"id": attachment_id})
    if not rows or (rows[0]["conversation_id"] is None and rows[0]["uploaded_by"] != call.me.id):
        raise NotFound("There is no such file.")
    row = rows[0]
    if row["conversation_id"] is not None:
        await require_conversation(call.core.db, row["conversation_id"], call.me.viewer)
    kind = row["content_type"].split(";")[0].strip().lower()
    shown = kind in INLINE_TYPES or kind.startswith(PLAYED)
    headers = {
        "Content-Type": row["content_type"] if shown else "application/octet-stream",
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(row['name'], safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    return web.Response(body=row["body"], headers=headers)


# -- for supervisors -------------------------------------------------------------------------------------------------
@operations.add("GET", "/events", returns=EventPage, action=Action.SUPERVISE)
async def list_events(call: Call, query: FeedQuery) -> dict[str, Any]:
    """The event log after a cursor, oldest first, never skipping a late commit. Poll with `next_cursor`."""
    async with call.core.db.connection() as conn:
        rows = await _feed(conn, query, call.me.viewer)
    items = rows[: query.limit]
    return {"items": items, "next_cursor": str(items[-1]["id"]) if items else None}


@operations.add("GET", "/quarantine", returns=QuarantinedMessageList, action=Action.SUPERVISE)
async def list_quarantine(call: Call) -> dict[str, Any]:
    """What could not be processed on one's accounts, oldest first."""
    mine = await _own_accounts(call)
    found = [q for q in await _quarantine(call).listed() if mine is None or q.account_id in mine]
    return {"items": [_quarantined(q) for q in found]}


@operations.add("POST", "/quarantine/{raw_id}/replay", returns=ReplayedMessage, action=Action.SUPERVISE, errors=(422,))
async def replay_quarantined(call: Call, raw_id: int) -> dict[str, Any]:
    """Try to take it in again."""
    await _require_quarantined(call, raw_id)
    done = await _quarantine(call).replay(raw_id)
    return {"conversation_id": done.conversation_id}


@operations.add("DELETE", "/quarantine/{raw_id}", status=204, action=Action.SUPERVISE, errors=(422,))
async def discard_quarantined(call: Call, raw_id: int) -> None:
    """Put it aside; the bytes stay."""
    await _require_quarantined(call, raw_id)
    await _quarantine(call).discard(raw_id)


@operations.add("GET", "/outbox/unsettled", returns=UnsettledSendList, action=Action.SUPERVISE)
async def list_unsettled_sends(call: Call) -> dict[str, Any]:
    """Sends in conversations one may see whose outcome nobody knows: a person decides."""
    return {"items": await call.core.db.dicts(outbox_sql["stuck"], {"limit": 200, **call.me.viewer})}


@operations.add("POST", "/outbox/{outbound_id}/settle", status=204, action=Action.SUPERVISE, errors=(409,))
async def settle_send(call: Call, outbound_id: int, body: SettleSend) -> None:
    """Say that a send arrived after all, or that it is to be sent again."""
    found = await call.core.db.dicts(outbox_sql["conversations_of"], {"ids": [outbound_id]})
    if not found:
        raise NotFound("There is no such send.")
    await require_conversation(call.core.db, int(found[0]["conversation_id"]), call.me.viewer)
    await Outbox(call.core).decide(outbound_id, arrived=body.arrived, actor_id=call.me.id)


@operations.add("POST", "/outbox/settle", returns=SettledSends, action=Action.SUPERVISE)
async def settle_sends(call: Call, body: SettleSends) -> dict[str, Any]:
    """Say the same of many sends whose outcome nobody knows.

    Those settled meanwhile, and those of conversations one may not see, are `passed`: so it is safe to repeat.
    """
    rows = await call.core.db.dicts(outbox_sql["conversations_of"], {"ids": body.ids})
    mine = await rights.conversations(call.core.db, [row["conversation_id"] for row in rows], call.me.viewer)
    ids = sorted(row["id"] for row in rows if row["conversation_id"] in mine)
    settled = await Outbox(call.core).decide_all(ids, arrived=body.arrived, actor_id=call.me.id)
    return {"settled": settled, "passed": sorted(set(body.ids) - set(settled))}


async def _own_accounts(call: Call) -> set[int] | None:
    """The accounts whose troubles are the caller's; None: all, and what belongs to no account too."""
    return None if call.me.sees_all else await rights.accounts(call.core.db, call.me.viewer)


async def _require_quarantined(call: Call, raw_id: int) -> None:
    mine = await _own_accounts(call)
    if mine is not None and (await _quarantine(call).show(raw_id)).account_id not in mine:
        raise NotFound("There is nothing of that number in quarantine.")


def _quarantine(call: Call) -> Quarantine:
    return Quarantine(call.core, call.context.intake, call.context.accounts, call.context.connectors)


def _quarantined(q: Any) -> dict[str, Any]:
    return {
        "id": q.id,
        "connector": q.connector,
        "account_id": q.account_id,
        "content_type": q.content_type,
        "reason": q.reason,
        "received_at": q.received_at,
    }


def _page(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    items = found[:limit]
    return {"items": items, "next_cursor": str(items[-1]["id"]) if len(found) > limit else None}


async def _feed(conn: Connection, query: FeedQuery, viewer: dict[str, int | bool]) -> list[dict[str, Any]]:
    return await fetch_dicts(conn, events.sql["feed"], {"cursor": query.after or 0, "limit": query.limit, **viewer})
