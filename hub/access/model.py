"""Who acts, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.core.errors import Forbidden


class Role(StrEnum):
    """What an agent is."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be allowed. Which conversations it reaches is a matter of queues, not of the action."""

    CONVERSE = "converse"  # read and answer within one's queues, see colleagues and contacts
    SUPERVISE = "supervise"  # read the event feed, settle sends, look at others' work within one's queues
    ADMINISTER = "administer"  # everything, everywhere


_ALLOWED: dict[Role, frozenset[Action]] = {
    Role.AGENT: frozenset({Action.CONVERSE}),
    Role.SUPERVISOR: frozenset({Action.CONVERSE, Action.SUPERVISE}),
    Role.ADMIN: frozenset(Action),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody signed in: by a session (`session_id`) or by an API token (`token_id`)."""

    id: int
    email: str
    name: str
    role: str
    locale: str
    theme: str
    session_id: bytes | None
    token_id: int | None
    seen_at: datetime

    @property
    def sees_all(self) -> bool:
        """Admins see every conversation; all others only those of their queues and their own desk."""
        return self.role == Role.ADMIN

    @property
    def viewer(self) -> dict[str, int | bool]:
        """The parameters of every query with the visibility rule."""
        return {"viewer": self.id, "sees_all": self.sees_all}


def authorize(actor: Actor, action: Action) -> None:
    """Raise `Forbidden` unless the actor's role allows the action: the one place where that is decided."""
    if action not in _ALLOWED[Role(actor.role)]:
        raise Forbidden(f"Your role ({actor.role}) does not allow this.", remedy="Ask an administrator.")
