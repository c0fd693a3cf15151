"""Who works here, oneself, and whether one may be given work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from hub.access import signin
from hub.access.permissions import Access, Scope
from hub.agents import load, presence, store
from hub.channels.api.connectors import ChannelFacts, channel_facts
from hub.channels.capabilities import known
from hub.core import events
from hub.web.context import WebContext
from hub.web.endpoints import Call, Endpoints
from hub.web.realtime import topics
from hub.web.shapes import In, Ref

oneself = Endpoints("session")
colleagues = Endpoints("desk")
Presence_ = Literal["available", "away", "busy", "offline"]


class Agent(BaseModel):
    id: int
    name: str
    email: str
    role: str
    locale: Literal["en", "zh-CN"]
    theme: Literal["auto", "light", "dark"]


class Presence(BaseModel):
    state: Presence_
    reason: str | None
    since: datetime


class ChannelLoad(BaseModel):
    count: int
    max: int


class Load(BaseModel):
    used: int
    gives_way: int = Field(description="How much of it gives way to other work held, and is no limit to that")
    capacity: int
    by_channel: dict[str, ChannelLoad]


class Me(BaseModel):
    agent: Agent
    presence: Presence
    load: Load
    queues: list[Ref]
    topic: str
    seq: int
    permissions: dict[str, Scope] = Field(description="What one's role allows, and how far")
    channels: dict[str, ChannelFacts] = Field(description="What each channel known here can do")


class Colleague(BaseModel):
    id: int
    name: str
    state: Presence_
    role: str
    queues: list[int]


class ProfileChange(In):
    locale: Literal["en", "zh-CN"] | None = None
    theme: Literal["auto", "light", "dark"] | None = None


class NewPresence(In):
    state: Literal["available", "away", "busy", "offline"]
    reason: Annotated[str, StringConstraints(max_length=100)] | None = None


class ColleagueList(BaseModel):
    items: list[Colleague]


@oneself.add("GET", "/me", needs=Access.SIGNED_IN, returns=Me)
async def read_me(call: Call) -> dict[str, Any]:
    """Oneself: presence, load, queues."""
    return await me(call.context, call.me.id)


@oneself.add("PATCH", "/me", needs=Access.SIGNED_IN, returns=Me)
async def change_me(call: Call, body: ProfileChange) -> dict[str, Any]:
    """Change language or theme."""
    await call.core.db.execute(
        signin.sql["set_profile"], {"id": call.me.id, "locale": body.locale, "theme": body.theme}
    )
    return await me(call.context, call.me.id)


@oneself.add("PUT", "/me/presence", needs=Access.SIGNED_IN, returns=Me, errors=(409,))
async def change_presence(call: Call, body: NewPresence) -> dict[str, Any]:
    """Become available, away, busy or offline."""
    async with events.unit(call.core.db, call.core.feed) as unit:
        await presence.set_presence(unit, call.me.id, body.state, body.reason)
    return await me(call.context, call.me.id)


@colleagues.add("GET", "/agents", needs=Access.SIGNED_IN, returns=ColleagueList)
async def list_agents(call: Call) -> dict[str, Any]:
    """Colleagues, to hand over to."""
    return {"items": await store.agents_list(call.core.db)}


async def me(context: WebContext, agent_id: int) -> dict[str, Any]:
    """The API's Me."""
    db = context.core.db
    [agent] = await db.dicts(signin.sql["me"], {"id": agent_id})
    permissions = agent.pop("permissions")
    seq = await db.value(topics.sql["agent_sequence"], {"id": agent_id})
    async with db.connection() as conn:
        held = await load.load(conn, agent_id)
    return {
        "agent": agent,
        "presence": await presence.presence(db, agent_id),
        "load": held,
        "queues": await store.queues_of(db, agent_id),
        "topic": f"u:{agent_id}",
        "seq": seq or 0,
        "permissions": permissions,
        "channels": {name: channel_facts(can) for name, can in known().items()},
    }
