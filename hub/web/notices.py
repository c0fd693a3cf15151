"""What everybody at a desk should know of the installation itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hub.access.permissions import Access, Permission
from hub.core import problems
from hub.web.endpoints import Call, Endpoints

notices = Endpoints("desk")


class Notice(BaseModel):
    code: str
    params: dict[str, Any]
    text: str  # in English; a screen that knows the code has its own words


class NoticeList(BaseModel):
    items: list[Notice]


@notices.add("GET", "/notices", needs=Access.SIGNED_IN, returns=NoticeList)
async def list_notices(call: Call) -> dict[str, Any]:
    """What keeps the hub from working as everybody expects, such as sending that is frozen after a restore.

    Who may change queues is told, too, which of them nobody serves: nobody else could do anything about it.
    """
    found = await problems.frozen(call.core.db)
    if call.me.may(Permission.QUEUE_MANAGE):
        found += await problems.unserved(call.core.db)
    return {"items": [{**one.shown(), "text": f"{one.what} {one.detail}"} for one in found]}
