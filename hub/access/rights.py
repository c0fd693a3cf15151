"""Who may see and change what, asked of the database each time: rights are as they are now.

Every way in goes through here: the API by `require_…`, sockets by `told` for each delivery. What is in sight is said
once, in the SQL function `may_see`; how far a permission reaches is in `Actor.viewer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.access.model import Viewer
from hub.core.db import Database
from hub.core.errors import Forbidden, NotFound
from hub.core.sql import Queries

sql = Queries.beside(__file__, "rights.sql")


@dataclass(frozen=True, slots=True)
class Credential:
    """By what a screen is signed in: a session or an API token of an agent."""

    agent_id: int
    session_id: bytes | None
    token_id: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """A screen, and what it is to be told of: a conversation, a queue, the board, or (none) its own agent."""

    credential: Credential
    conversation_id: int | None = None
    queue_id: int | None = None
    board: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """`alive`: the credential counts. `may`: the agent has the right to the thing; `numbers`: to a queue's, too.

    By position `n`, from 1.
    """

    n: int
    alive: bool
    may: bool
    numbers: bool


async def require_conversation(db: Database, conversation_id: int, viewer: Viewer) -> None:
    """`NotFound`, as if it were not there, unless the viewer may see it."""
    if not await conversations(db, [conversation_id], viewer):
        raise NotFound("There is no such conversation.", code="conversation.unknown")


async def conversations(db: Database, ids: Sequence[int], viewer: Viewer) -> set[int]:
    """Those of the conversations that the viewer may see."""
    return {row["id"] for row in await db.dicts(sql["conversations"], {"ids": list(ids), **viewer})}


async def require_contact(db: Database, contact_id: int, viewer: Viewer) -> None:
    """`Forbidden` unless the viewer may change the record; `NotFound` when there is none."""
    if await db.value(sql["contact"], {"id": contact_id, **viewer}) is not None:
        return
    if await db.value(sql["contact_exists"], {"id": contact_id}) is None:
        raise NotFound("There is no such contact.", code="contact.unknown")
    raise Forbidden(
        "None of this customer's conversations is in your queues.",
        code="contact.not_yours",
        remedy="Ask somebody of the queue that serves them, or an administrator.",
    )


async def accounts(db: Database, viewer: Viewer) -> set[int]:
    """The accounts of ours that the viewer may send from, and whose troubles are theirs."""
    return {row["id"] for row in await db.dicts(sql["accounts"], dict(viewer))}


async def require_account(db: Database, account_id: int, viewer: Viewer) -> None:
    """`Forbidden` unless the viewer may send from the account."""
    if account_id not in await accounts(db, viewer):
        raise Forbidden(
            "This account belongs to a queue that is not yours.",
            code="account.not_yours",
            remedy="Choose one of your own queues'.",
        )


async def told(db: Database, subjects: Sequence[Subject]) -> list[Told]:
    """For each subject in order, what holds now."""
    if not subjects:
        return []
    found = await db.all(
        Told,
        sql["told"],
        {
            "agents": [s.credential.agent_id for s in subjects],
            "sessions": [s.credential.session_id for s in subjects],
            "tokens": [s.credential.token_id for s in subjects],
            "conversations": [s.conversation_id for s in subjects],
            "queues": [s.queue_id for s in subjects],
            "boards": [s.board for s in subjects],
        },
    )
    return sorted(found, key=lambda t: t.n)
