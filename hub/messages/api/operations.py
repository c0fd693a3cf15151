"""What needs a supervisor's eye: what could not be processed, and sends of unknown fate."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.access import rights
from hub.access.permissions import Permission
from hub.access.rights import require_conversation
from hub.core.errors import NotFound
from hub.messages.outbox import Outbox
from hub.messages.outbox import sql as outbox_sql
from hub.messages.quarantine import Quarantine
from hub.web.endpoints import Call, Endpoints
from hub.web.shapes import Id, In, Ref

operations = Endpoints("operations")


class QuarantinedMessage(BaseModel):
    id: int
    connector: str
    account_id: int | None
    content_type: str
    reason: str | None
    received_at: datetime


class UnsettledSend(BaseModel):
    id: int
    state: str
    error: str | None
    code: str | None
    params: dict[str, Any]
    conversation_id: int
    interaction_id: int
    created_at: datetime
    wire_at: datetime | None  # when it may have left
    next_try_at: datetime | None  # when it is sent again by itself, if the provider's list still lacks it
    channel: str
    account: str
    contact: Ref
    recipient: str
    preview: str


class QuarantinedMessageList(BaseModel):
    items: list[QuarantinedMessage]


class ReplayedMessage(BaseModel):
    conversation_id: int | None


class UnsettledSendList(BaseModel):
    items: list[UnsettledSend]


class SettleSend(In):
    arrived: bool


class SettleSends(In):
    ids: Annotated[list[Id], Field(min_length=1, max_length=200)]
    arrived: bool


class SettledSends(BaseModel):
    """Ids of sends: those that were settled, and those that were not unknown any more, or not one's own."""

    settled: list[int]
    passed: list[int]


# -- quarantine --------------------------------------------------------------------------------------------------------
@operations.add("GET", "/quarantine", needs=Permission.QUARANTINE_MANAGE, returns=QuarantinedMessageList)
async def list_quarantine(call: Call) -> dict[str, Any]:
    """What could not be processed on one's accounts, oldest first."""
    mine = await _own_accounts(call)
    found = [q for q in await _quarantine(call).listed() if mine is None or q.account_id in mine]
    return {"items": [_quarantined(q) for q in found]}


@operations.add(
    "POST", "/quarantine/{raw_id}/replay", needs=Permission.QUARANTINE_MANAGE, returns=ReplayedMessage, errors=(422,)
)
async def replay_quarantined(call: Call, raw_id: int) -> dict[str, Any]:
    """Try to take it in again."""
    await _require_quarantined(call, raw_id)
    done = await _quarantine(call).replay(raw_id)
    return {"conversation_id": done.conversation_id}


@operations.add("DELETE", "/quarantine/{raw_id}", needs=Permission.QUARANTINE_MANAGE, status=204, errors=(422,))
async def discard_quarantined(call: Call, raw_id: int) -> None:
    """Put it aside; the bytes stay."""
    await _require_quarantined(call, raw_id)
    await _quarantine(call).discard(raw_id)


async def _own_accounts(call: Call) -> set[int] | None:
    """The accounts whose troubles are the caller's; None: all, and what belongs to no account too."""
    return None if call.viewer["sees_all"] else await rights.accounts(call.core.db, call.viewer)


async def _require_quarantined(call: Call, raw_id: int) -> None:
    mine = await _own_accounts(call)
    if mine is not None and (await _quarantine(call).show(raw_id)).account_id not in mine:
        raise NotFound("There is nothing of that number in quarantine.", code="quarantine.unknown")


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


# -- sends of unknown fate ---------------------------------------------------------------------------------------------
@operations.add("GET", "/outbox/unsettled", needs=Permission.SEND_SETTLE, returns=UnsettledSendList)
async def list_unsettled_sends(call: Call) -> dict[str, Any]:
    """Sends in conversations one may see whose outcome nobody knows: a person decides."""
    return {"items": await call.core.db.dicts(outbox_sql["stuck"], {"limit": 200, **call.viewer})}


@operations.add("POST", "/outbox/{outbound_id}/settle", needs=Permission.SEND_SETTLE, status=204, errors=(409,))
async def settle_send(call: Call, outbound_id: int, body: SettleSend) -> None:
    """Say that a send arrived after all, or that it is to be sent again."""
    found = await call.core.db.dicts(outbox_sql["conversations_of"], {"ids": [outbound_id]})
    if not found:
        raise NotFound("There is no such send.", code="send.unknown")
    await require_conversation(call.core.db, int(found[0]["conversation_id"]), call.viewer)
    await Outbox(call.core).decide(outbound_id, arrived=body.arrived, actor_id=call.me.id)


@operations.add("POST", "/outbox/settle", needs=Permission.SEND_SETTLE, returns=SettledSends)
async def settle_sends(call: Call, body: SettleSends) -> dict[str, Any]:
    """Say the same of many sends whose outcome nobody knows.

    Those settled meanwhile, and those of conversations one may not see, are `passed`: so it is safe to repeat.
    """
    rows = await call.core.db.dicts(outbox_sql["conversations_of"], {"ids": body.ids})
    mine = await rights.conversations(call.core.db, [row["conversation_id"] for row in rows], call.viewer)
    ids = sorted(row["id"] for row in rows if row["conversation_id"] in mine)
    settled = await Outbox(call.core).decide_all(ids, arrived=body.arrived, actor_id=call.me.id)
    return {"settled": settled, "passed": sorted(set(body.ids) - set(settled))}
