"""A call begins: the caller's contact, one conversation, one interaction, and the customer's telephone."""

from __future__ import annotations

from dataclasses import dataclass

from hub.calls import store, wording
from hub.calls.store import sql
from hub.channels.calls import CallEvent
from hub.channels.model import Account, AddressKind
from hub.contacts import numbers
from hub.contacts import store as contacts
from hub.conversations import conversation
from hub.core.db import execute, fetch_dicts, fetch_value
from hub.core.events import Unit
from hub.messages import interactions
from hub.messages.events import InteractionCreated


@dataclass(frozen=True, slots=True)
class Beginning:
    """A call about to be written down. `agent_id`: who calls out; `external_id`: the provider's name of a call in."""

    account: Account
    number: str
    direction: str
    kind: str = "call"
    state: str = "menu"
    locale: str = "en"
    external_id: str | None = None
    agent_id: int | None = None
    conversation_id: int | None = None
    queue_id: int | None = None


async def arrive(unit: Unit, account: Account, event: CallEvent, locale: str) -> int:
    """The call of an incoming telephone; the same one when it was here before."""
    found = await _known(unit, account.id, event.leg)
    if found is not None:
        return found
    who = numbers.caller(event.sender, numbers.region_of(account.address))
    address = await _address(unit, event, who)
    found = await _known(unit, account.id, event.leg)  # its double may have held the address until now
    if found is not None:
        return found
    begun = Beginning(account, who.value, "in", locale=locale, external_id=event.leg, queue_id=account.queue_id)
    return await begin(unit, begun, address)


async def _known(unit: Unit, account_id: int, leg: str) -> int | None:
    rows = await fetch_dicts(unit.conn, sql["find"], {"account_id": account_id, "leg": leg, "leg_id": None})
    return int(rows[0]["call_id"]) if rows else None


async def _address(unit: Unit, event: CallEvent, who: numbers.Caller) -> contacts.Found:
    """Whose call it is: the customer of a number, always the same behind a line's name; withheld, each by itself."""
    if who.kind == "phone":
        return await contacts.find_or_add(unit, AddressKind.PHONE, who.value)
    if who.kind == "line":
        name = who.value.partition(":")[2]
        return await contacts.find_or_add(unit, AddressKind.VISITOR, who.value, name=name[:200])
    return await contacts.find_or_add(unit, AddressKind.VISITOR, f"withheld:{event.leg}", name=numbers.WITHHELD)


async def begin(unit: Unit, begun: Beginning, address: contacts.Found) -> int:
    """Write a call down with its conversation and interaction; its id."""
    said = wording.begun(begun.direction, begun.kind)
    conversation_id = begun.conversation_id or await _conversation(unit, begun, address, said)
    await conversation.lock(unit.conn, conversation_id)
    interaction_id = await interactions.next_id(unit.conn)
    event = await unit.log(
        InteractionCreated(interaction_id=interaction_id, direction=begun.direction, channel="voice", automatic=False),
        conversation_id=conversation_id,
        contact_id=address.contact_id,
        actor_id=begun.agent_id,
    )
    new = interactions.NewInteraction(
        conversation_id,
        address.contact_id,
        event.conversation_seq or 0,
        "message",
        begun.direction,
        said.text,
        channel="voice",
        account_id=begun.account.id,
        address_id=address.id,
        agent_id=begun.agent_id,
        external_id=begun.external_id,
        meta={"said": said.row()},
    )
    await interactions.insert(unit.conn, interaction_id, new)
    await store.touch(unit, conversation_id, said, seq=event.conversation_seq)
    call_id = int(
        await fetch_value(
            unit.conn,
            sql["begin"],
            {
                "account_id": begun.account.id,
                "conversation_id": conversation_id,
                "interaction_id": interaction_id,
                "direction": begun.direction,
                "kind": begun.kind,
                "external_id": begun.external_id,
                "number": begun.number,
                "our_number": begun.account.address or "",
                "state": begun.state,
                "locale": begun.locale,
                "queue_id": begun.queue_id,
                "entry_id": None,
                "agent_id": begun.agent_id,
            },
        )
    )
    if begun.external_id is not None:
        await store.add_leg(unit, call_id, "customer", begun.number, external_id=begun.external_id)
    unit.notify("log")
    return call_id


async def _conversation(unit: Unit, begun: Beginning, address: contacts.Found, said: wording.Said) -> int:
    place = {"account_id": begun.account.id, "address_id": address.id}
    found = await fetch_value(unit.conn, sql["caller_conversation"], place)
    if found is None:
        queue_id = begun.queue_id or begun.account.queue_id
        new = conversation.NewConversation(
            address.contact_id, begun.account.id, "voice", queue_id, begun.agent_id, preview=said.text, heard=True
        )
        found = await conversation.create(unit.conn, new)
    await execute(unit.conn, sql["keep_thread"], {**place, "conversation_id": found})
    return int(found)
