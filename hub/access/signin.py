"""Signing in: argon2id passwords, server-side sessions, API tokens, one-time links.

Only hashes are stored: of passwords argon2id, of tokens (256 random bits) SHA-256. A sign-in for an unknown address
costs the same time and counts the same way as one with a wrong password (OWASP ASVS 5.0, 6.3). Guessing is slowed down
by `hub.access.guard`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.access import guard, hashing
from hub.access.devices import Device
from hub.access.guard import Attempt
from hub.access.model import Actor
from hub.core.clock import now
from hub.core.db import Database, execute, fetch_value
from hub.core.errors import Conflict, Invalid, TooMany, Unauthorized
from hub.core.identifiers import identifier
from hub.core.sql import Queries

sql = Queries.beside(__file__)
SESSION_HOURS = 24 * 7
IDLE_HOURS = 24
INVITATION_HOURS = 24
WINDOW = timedelta(minutes=15)
MIN_PASSWORD = 10
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")  # as in a center.toml


@dataclass(frozen=True, slots=True)
class _Agent:
    id: int
    email: str
    name: str
    role: str
    locale: str
    theme: str
    password_hash: str | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session; `token` is for the cookie and is not stored."""

    agent_id: int
    token: str


def digest(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


async def sign_in(
    db: Database, email: str, password: str, *, ip: str, user_agent: str, device: Device | None = None
) -> SignedIn:
    """Check the password and open a session. `Unauthorized` never says which of the two was wrong.

    `TooMany` after several failures, until a pause is over; a `device` that has signed in to this account before is
    counted by itself.
    """
    email = email.strip().lower()
    agent = await db.one(_Agent, sql["agent_by_email"], {"email": email})
    known = device is not None and agent is not None and agent.id in device.agents
    attempt = Attempt(db, email=email, ip=ip, device=device.id if device is not None and known else None)
    await attempt.reserve()
    stored = agent.password_hash if agent else None
    line = hashing.KNOWN if known else hashing.STRANGERS
    fits = await line.fits(stored, password)
    if agent is None or not fits or agent.disabled_at is not None or stored is None:
        raise Unauthorized("The e-mail address or the password is wrong.", code="signin.wrong")
    await attempt.succeeded()
    if hashing.needs_rehash(stored):
        await db.execute(sql["rehash"], {"id": agent.id, "hash": await line.hash(password)})
    return await open_session(db, agent.id, ip=ip, user_agent=user_agent)


async def open_session(db: Database, agent_id: int, *, ip: str, user_agent: str) -> SignedIn:
    """A new session with a new token: sign-in never keeps an old one."""
    token = secrets.token_urlsafe(32)
    await db.execute(
        sql["new_session"],
        {
            "id": digest(token),
            "agent_id": agent_id,
            "user_agent": user_agent[:300],
            "ip": ip[:60],
            "hours": SESSION_HOURS,
        },
    )
    return SignedIn(agent_id, token)


async def actor_of_session(db: Database, token: str) -> Actor | None:
    """Who holds this cookie, if it still counts."""
    actor = await db.one(Actor, sql["session_actor"], {"id": digest(token), "idle_hours": IDLE_HOURS})
    if actor is not None and now() - actor.seen_at > timedelta(minutes=5):
        await db.execute(sql["touch_session"], {"id": actor.session_id})
    return actor


async def actor_of_token(db: Database, token: str) -> Actor | None:
    """Who holds this API token."""
    return await db.one(Actor, sql["token_actor"], {"hash": digest(token)})


async def sign_out(db: Database, session_id: bytes) -> None:
    """End a session; its sockets close within seconds."""
    await db.execute(sql["end_session"], {"id": session_id})


async def new_api_token(db: Database, agent_id: int, name: str, expires_at: datetime | None = None) -> tuple[int, str]:
    """A token for scripts: (id, the token, shown once)."""
    token = f"hub_{secrets.token_urlsafe(32)}"
    parameters = {"hash": digest(token), "agent_id": agent_id, "name": name, "expires_at": expires_at}
    return int(await db.value(sql["new_token"], parameters)), token


async def add_agent(db: Database, *, email: str, name: str, role: str, locale: str = "en") -> int:
    """A new person of ours, without a password; `Conflict` when the address is taken."""
    if len(email) > 320 or not _ADDRESS.fullmatch(email.strip()):
        raise Invalid(f"{email!r} is not an e-mail address.", fields={"email": "not an e-mail address"})
    if not name.strip():
        raise Invalid("A person needs a name.", fields={"name": "must not be empty"})
    parameters = {"email": email.strip().lower(), "name": name.strip(), "role": role, "locale": locale}
    if not await db.value(sql["is_role"], {"key": role}):
        raise Invalid(
            f"There is no role {role!r}.",
            remedy="Use agent, supervisor, analyst, admin, or one of your own (Settings, Roles).",
            fields={"role": "not a role"},
        )
    made = await db.value(sql["new_agent"], parameters)
    if made is None:
        raise Conflict(f"There is already a user {email}.", remedy="Use another address.")
    return int(made)


async def invite(db: Database, agent_id: int) -> str:
    """A one-time token to set a password with, good for a day; older ones die."""
    token = secrets.token_urlsafe(24)
    await db.execute(sql["invite"], {"hash": digest(token), "agent_id": agent_id, "hours": INVITATION_HOURS})
    return token


async def use_invitation(db: Database, token: str, password: str, *, ip: str) -> int:
    """Set the password by a one-time link; the agent's id.

    Looked at first, counted then, and only then hashed: who has no link costs one look-up. `TooMany` after several
    links from one network that are none.
    """
    attempt = Attempt.by_link(db, ip=ip)
    await attempt.reserve()
    over = Unauthorized("This link has expired or was used.", remedy="Ask for a new one: `hub user invite EMAIL`.")
    if not await db.value(sql["good_invitation"], {"hash": digest(token)}):
        raise over
    await attempt.succeeded()
    hashed = await hash_password(password)
    async with db.transaction() as conn:
        agent_id = await fetch_value(conn, sql["use_invitation"], {"hash": digest(token)})
        if agent_id is None:
            raise over
        await execute(conn, sql["set_password"], {"id": agent_id, "hash": hashed})
    return int(agent_id)


async def hash_password(password: str) -> str:
    """The argon2id hash; `Invalid` when it is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= 200:
        rule = f"between {MIN_PASSWORD} and 200 characters"
        raise Invalid("The password does not fit.", remedy=f"Use {rule}.", fields={"password": rule})
    return await hashing.KNOWN.hash(password)


async def set_password(db: Database, agent_id: int, password: str) -> None:
    """A new password; every session and API token of the agent ends."""
    await db.execute(sql["set_password"], {"id": agent_id, "hash": await hash_password(password)})


async def expire(db: Database) -> None:
    """Forget sessions, links and counts that no longer matter."""
    await db.execute(sql["expire"])
    await guard.expire(db)


async def count(db: Database, key: str, limit: int, *, what: str) -> None:
    """Count one try of `key`; `TooMany` beyond `limit` in a quarter of an hour."""
    moment = now()
    start = datetime.fromtimestamp(moment.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds(), moment.tzinfo)
    if int(await db.value(sql["count_attempt"], {"key": identifier(key), "window": start})) > limit:
        left = int((start + WINDOW - moment).total_seconds()) + 1
        raise TooMany(f"Too many {what}.", retry_after=left, remedy="Wait a few minutes.")
