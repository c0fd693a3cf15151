"""Who acts, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.access.permissions import Permission, Scope
from hub.core.errors import Forbidden

Viewer = dict[str, Any]  # `Actor.viewer`


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody signed in: by a session (`session_id`) or by an API token (`token_id`).

    `grants`: what their role allows, and how far; `queues`: theirs; `offered`: conversations offered to them now.
    """

    id: int
    email: str
    name: str
    role: str
    locale: str
    theme: str
    session_id: bytes | None
    token_id: int | None
    seen_at: datetime
    grants: dict[str, str]
    queues: list[int]
    offered: list[int]

    def may(self, permission: Permission) -> bool:
        """Whether their role allows something at all."""
        return permission in self.grants

    def viewer(self, permission: Permission = Permission.CONVERSATION_READ) -> Viewer:
        """How far a permission reaches: the parameters of every statement that asks `may_see`."""
        scope = self.grants.get(permission)
        return {
            "viewer": self.id,
            "sees_all": scope == Scope.ALL,
            "queues": self.queues if scope == Scope.QUEUE else [],
            "offered": self.offered if scope else [],
        }

    def require(self, permission: Permission) -> None:
        """`Forbidden` unless their role allows it."""
        if permission not in self.grants:
            raise Forbidden(
                f"Your role does not allow this: it needs {permission.value}.",
                remedy="Ask an administrator.",
                code="right.missing",
                params={"permission": permission.value},
            )
