"""Signing in and out, one's tokens, and what the pages need to know before and after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from hub.access import devices, rights, signin
from hub.access.devices import Device
from hub.access.permissions import Access, Permission
from hub.agents import presence
from hub.agents import store as agents
from hub.agents.api import Me, me
from hub.core import events
from hub.core.clock import now
from hub.core.errors import NotFound
from hub.web.context import WebContext, client_ip
from hub.web.endpoints import Call, Endpoints, dumps
from hub.web.shapes import In, Ref, Short

session = Endpoints("session")
config = Endpoints("desk")
Password = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SignIn(In):
    email: Annotated[str, StringConstraints(max_length=320)]
    password: Password


class UseLink(In):
    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: Password


class NewApiToken(In):
    name: Short
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class ApiToken(BaseModel):
    id: int
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class CreatedApiToken(BaseModel):
    id: int
    name: str
    token: str


class ApiTokenList(BaseModel):
    items: list[ApiToken]


class AccountRef(BaseModel):
    id: int
    channel: str
    name: str


class PlaceRef(Ref):
    """A queue to hand work to."""

    people: int = Field(description="Who can be given its work")
    present: int = Field(description="How many of them are there: available or busy")


class PublicConfig(BaseModel):
    product: str
    version: str
    demo: bool
    locales: list[str]
    accounts: list[AccountRef]
    queues: list[PlaceRef]


@session.add("POST", "/session", needs=Access.ANYONE, returns=Me, errors=(401, 403, 429))
async def sign_in(call: Call, body: SignIn) -> web.Response:
    """Sign in with e-mail address and password; sets the session cookie."""
    context, request = call.context, call.request
    ip, agent, device = client_ip(request, context), request.headers.get("User-Agent", ""), _device(call)
    done = await signin.sign_in(context.core.db, body.email, body.password, ip=ip, user_agent=agent, device=device)
    return await _welcome(context, done, device)


@session.add("POST", "/session/link", needs=Access.ANYONE, returns=Me, errors=(401, 403, 429))
async def sign_in_by_link(call: Call, body: UseLink) -> web.Response:
    """Set a password by a one-time link and sign in."""
    context, request = call.context, call.request
    ip, agent = client_ip(request, context), request.headers.get("User-Agent", "")
    agent_id = await signin.use_invitation(context.core.db, body.token, body.password, ip=ip)
    done = await signin.open_session(context.core.db, agent_id, ip=ip, user_agent=agent)
    await context.core.feed.notify("sessions")
    return await _welcome(context, done, _device(call))


@session.add("GET", "/session", needs=Access.SIGNED_IN, returns=Me)
async def read_session(call: Call) -> dict[str, Any]:
    """Who is signed in."""
    return await me(call.context, call.me.id)


@session.add("DELETE", "/session", needs=Access.ANYONE, status=204, errors=(403,))
async def sign_out(call: Call) -> web.Response:
    """Sign out; the session's sockets close within seconds. Signed out already is fine."""
    if call.actor is not None and call.actor.session_id is not None:
        await signin.sign_out(call.core.db, call.actor.session_id)
        await call.core.feed.notify("sessions")
        if not await call.core.db.value(signin.sql["has_session"], {"agent_id": call.actor.id}):
            async with events.unit(call.core.db, call.core.feed) as unit:  # nothing is offered to who has left
                await presence.set_presence(unit, call.actor.id, "offline", "signed out")
    response = web.Response(status=204)
    path = call.context.cookie_path
    response.del_cookie(call.context.cookie, path=path, secure=call.context.secure, httponly=True, samesite="Lax")
    # What was shown is not for the next person at this screen. (Browsers heed it on https and on localhost.)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@session.add("GET", "/tokens", needs=Access.SIGNED_IN, returns=ApiTokenList)
async def list_tokens(call: Call) -> dict[str, Any]:
    """One's API tokens, without their secrets."""
    return {"items": await call.core.db.dicts(signin.sql["tokens"], {"agent_id": call.me.id})}


@session.add("POST", "/tokens", needs=Access.SIGNED_IN, returns=CreatedApiToken, status=201)
async def create_token(call: Call, body: NewApiToken) -> dict[str, Any]:
    """Make an API token; it is shown this once."""
    expires: datetime | None = now() + timedelta(days=body.days) if body.days else None
    token_id, token = await signin.new_api_token(call.core.db, call.me.id, body.name, expires)
    return {"id": token_id, "name": body.name, "token": token}


@session.add("DELETE", "/tokens/{token_id}", needs=Access.SIGNED_IN, status=204)
async def revoke_token(call: Call, token_id: int) -> None:
    """Revoke one of one's API tokens."""
    if not await call.core.db.execute(signin.sql["drop_token"], {"id": token_id, "agent_id": call.me.id}):
        raise NotFound("There is no such token.", code="token.unknown")
    await call.core.feed.notify("sessions")


@config.add("GET", "/config", needs=Access.ANYONE, returns=PublicConfig)
async def read_config(call: Call) -> dict[str, Any]:
    """What the pages need to know; who is signed in sees the accounts they may send from and all queues."""
    queues = await agents.all_queues(call.core.db) if call.actor else []
    accounts = list((await call.context.accounts.all()).values()) if call.actor else []
    viewer = call.actor.viewer(Permission.CONVERSATION_REPLY) if call.actor else None
    usable = await rights.accounts(call.core.db, viewer) if viewer else set[int]()
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


def _device(call: Call) -> Device:
    """The browser that calls, as its cookie knows it."""
    return devices.read(call.core.vault, call.request.cookies.get(call.context.device_cookie))


async def _welcome(context: WebContext, done: signin.SignedIn, device: Device) -> web.Response:
    response = web.Response(body=dumps(await me(context, done.agent_id)), content_type="application/json")
    known = devices.write(context.core.vault, device.with_agent(done.agent_id))
    for name, value, seconds in (
        (context.cookie, done.token, signin.SESSION_HOURS * 3600),
        (context.device_cookie, known, devices.DAYS * 86400),
    ):
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=context.cookie_path,
            secure=context.secure,
            httponly=True,
            samesite="Lax",
        )
    return response
