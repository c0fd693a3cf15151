"""Answering a calendar invitation: an iTIP REPLY (RFC 5546 §3.2.3) that leaves as an ordinary answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from icalendar import Calendar, Event, vCalAddress
from psycopg.types.json import Jsonb

from hub.core.clock import now
from hub.core.db import execute, fetch_one, fetch_value
from hub.core.errors import Conflict, NotFound
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.core.sql import Queries
from hub.messages import replies
from hub.messages.events import InteractionUpdated
from hub.messages.model import Reply, Written

sql = Queries.beside(__file__, "invitations.sql")
Answer = Literal["accepted", "tentative", "declined"]
CONTENT_TYPE = "text/calendar; method=REPLY"
_WORDS = {
    ("accepted", "en"): "Accepted: {}", ("tentative", "en"): "Tentative: {}", ("declined", "en"): "Declined: {}",
    ("accepted", "zh"): "已接受：{}", ("tentative", "zh"): "暂定：{}", ("declined", "zh"): "已拒绝：{}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Invited:
    conversation_id: int
    invitation: dict[str, Any] | None
    address: str
    account_address: str
    account_id: int
    address_id: int
    locale: str


async def answer(
    unit: Unit, vault: Vault, interaction_id: int, said: Answer, *, client_id: str, actor_id: int
) -> Written:
    """Tell the organizer yes, perhaps or no; the last answer counts and is remembered with the invitation.

    `Conflict` when the message invites to nothing, or the meeting was called off.
    """
    found = await fetch_one(unit.conn, _Invited, sql["invited"], {"id": interaction_id})
    if found is None:
        raise NotFound("There is no such message.", code="message.unknown")
    invitation = found.invitation
    if invitation is None or invitation.get("method") != "REQUEST" or not invitation.get("organizer"):
        raise Conflict("This message asks for no answer.", code="invitation.none", remedy="Write a reply instead.")
    body = reply_calendar(invitation, found.account_address, said, at=now())
    file_id = int(
        await fetch_value(unit.conn, sql["attach"], {"agent_id": actor_id, "type": CONTENT_TYPE, "body": body})
    )
    organizer = str(invitation["organizer"]["address"])
    words = _WORDS[said, "zh" if found.locale.startswith("zh") else "en"].format(invitation.get("summary") or organizer)
    written = await replies.reply(
        unit,
        vault,
        found.conversation_id,
        Reply(
            words,
            client_id,
            subject=words,
            channel="email",
            address_id=found.address_id,
            account_id=found.account_id,
            attachments=(file_id,),
            cc=(organizer,) if organizer.lower() != found.address.lower() else (),
        ),
        actor_id=actor_id,
    )
    if written.created:
        await execute(unit.conn, sql["remember"], {"id": interaction_id, "answer": Jsonb(said)})
        changed = InteractionUpdated(interaction_id=interaction_id)
        await unit.log(changed, conversation_id=found.conversation_id, actor_id=actor_id)
    return written


def reply_calendar(invitation: dict[str, Any], own: str, said: Answer, *, at: datetime) -> bytes:
    """The calendar object that answers: who we are, what we say, and which meeting of which version it is about."""
    calendar = Calendar()
    calendar.add("prodid", "-//Omnihub//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REPLY")
    event = Event()
    event.add("uid", invitation["uid"])
    event.add("dtstamp", at.astimezone(UTC))
    event.add("sequence", int(invitation.get("sequence", 0)))
    event["organizer"] = _mailto(str(invitation["organizer"]["address"]))
    if invitation.get("recurrence_id"):
        event["recurrence-id"] = str(invitation["recurrence_id"])
    if invitation.get("summary"):
        event.add("summary", invitation["summary"])
    if invitation.get("starts"):
        event.add("dtstart", _moment(invitation["starts"]))
    event["attendee"] = _attendee(invitation, own, said)
    calendar.add_component(event)
    return calendar.to_ical()


def _attendee(invitation: dict[str, Any], own: str, said: Answer) -> vCalAddress:
    """We answer under the address that was invited, which may be an alias with a plus-part."""
    mailbox, domain = own.lower().rpartition("@")[::2]
    invited = next(
        (
            a["address"]
            for a in invitation.get("attendees", [])
            if a["address"].lower().rpartition("@")[2] == domain
            and a["address"].lower().rpartition("@")[0].partition("+")[0] == mailbox
        ),
        own,
    )
    attendee = _mailto(invited)
    attendee.params["PARTSTAT"] = said.upper()
    return attendee


def _mailto(address: str) -> vCalAddress:
    return vCalAddress("mailto:" + "".join(address.split()))


def _moment(text: str) -> Any:
    return datetime.fromisoformat(text) if "T" in text else datetime.fromisoformat(text).date()
