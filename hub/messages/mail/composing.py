"""What the desk needs to know before somebody writes: who would get an answer to all, and what is put below it."""

from __future__ import annotations

from typing import Any

from hub.channels.capabilities import MAX_MAIL_FILES
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.core.db import Connection, fetch_dicts
from hub.core.errors import Invalid
from hub.core.sql import Queries
from hub.messages import formatting
from hub.messages.outbound import answer_to, own_addresses

sql = Queries.beside(__file__, "composing.sql")
_ROBOTS = ("no-reply@", "noreply@", "no_reply@", "donotreply@", "do-not-reply@", "mailer-daemon@", "postmaster@")


async def composing(conn: Connection, conversation_id: int, agent_id: int) -> dict[str, Any]:
    """The API's Composing.

    `everybody` are those beside the customer whom the latest mail went to: never an address of ours, never a robot's.
    `answer_all` says whether to answer them without being asked: only when the sender was proved, because a forged
    mail could name a stranger who would then read along.
    """
    [latest] = await fetch_dicts(conn, sql["latest"], {"id": conversation_id}) or [{}]
    own = await own_addresses(conn)
    everybody = _everybody(latest, own)
    goes_to = await _goes_to(conn, conversation_id, latest)
    signatures = await fetch_dicts(conn, sql["signatures"], {"id": conversation_id, "agent_id": agent_id})
    return {
        "everybody": everybody,
        "answer_all": bool(everybody) and bool(latest.get("verified")),
        "reply_to": goes_to,
        "signatures": [{"account_id": row["account_id"], "text": _signature(row)} for row in signatures],
        "max_file_bytes": MAX_MAIL_FILES,
        "scheduled": await fetch_dicts(conn, sql["scheduled"], {"id": conversation_id}),
    }


async def _goes_to(conn: Connection, conversation_id: int, latest: dict[str, Any]) -> str | None:
    """Where an answer goes, if not to the address that the customer wrote from."""
    if not latest:
        return None
    found = await answer_to(conn, conversation_id, latest["address_id"], latest["address"])
    return ", ".join(found) if found != [latest["address"].lower()] else None


def _everybody(latest: dict[str, Any], own: list[str]) -> list[str]:
    customer = {str(latest.get("address") or "").lower(), str(latest.get("reply_to") or "").lower()}
    found: dict[str, None] = {}
    named: list[str] = [*(latest.get("to") or ()), *(latest.get("cc") or ())]
    for one in named:
        try:
            address = normalise(AddressKind.EMAIL, one)
        except Invalid:
            continue
        if address not in customer and not formatting.is_ours(address, own) and not address.startswith(_ROBOTS):
            found[address] = None
    return list(found)[: formatting.MAX_RECIPIENTS]


def _signature(row: dict[str, Any]) -> str:
    variables = {
        key.replace("_", ".", 1): str(row[key] or "")
        for key in ("agent_name", "agent_email", "queue_name", "conversation_id")
    }
    return formatting.signature(row["signature"], variables)
