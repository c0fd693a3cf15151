"""A customer says that he wants no more messages, or wants them again: written down, obeyed, confirmed once."""

from __future__ import annotations

from dataclasses import dataclass

from hub.channels.consent import Consent, Wish, confirmation
from hub.channels.model import Delivery
from hub.channels.reasons import Reason
from hub.contacts import consent
from hub.contacts.consent import Entry
from hub.conversations import actions, lifecycle
from hub.core import events
from hub.core.db import execute, fetch_dicts, fetch_one, fetch_value
from hub.core.events import Unit
from hub.core.secrets import Vault
from hub.core.service import Core
from hub.core.sql import Queries
from hub.messages import replies
from hub.messages.lines import line

sql = Queries.beside(__file__, "consents.sql")
STOPPED = "The customer has opted out of messages before this one left."


@dataclass(frozen=True, slots=True)
class Place:
    """Where it was said."""

    address_id: int
    account_id: int
    channel: str
    conversation_id: int
    raw_id: int


async def obey(unit: Unit, vault: Vault, said: Consent, place: Place) -> None:
    """Write down and obey what a message said, in the transaction that stores it.

    What the provider has answered is never answered again; what it has not, once, and only if it changed anything. What
    may mean something else is left to the agent who talks with the customer. A stop that is obeyed is nobody's work: it
    waits nowhere, and a conversation that holds nothing else is over.
    """
    if said.wish is Wish.HELP:
        return
    if not said.certain and (said.sentence or await _talking(unit, place.conversation_id)):
        await replies.system_line(unit, place.conversation_id, line("perhaps", word=said.detail))
        return
    wanted = said.wish is Wish.START
    source = "provider" if said.source == "provider" else "word"
    entry = Entry(place.address_id, place.channel, wanted, source, said.detail, place.account_id, place.raw_id)
    new = await consent.record(unit.conn, entry)
    if new:
        await _heed(unit, vault, said, place)
    if not wanted:
        await execute(unit.conn, sql["asks_nothing"], {"raw_id": place.raw_id})
        await lifecycle.ask_nothing(unit, place.conversation_id)
        await actions.resolve_when_nothing_is_owed(unit, place.conversation_id)


async def _heed(unit: Unit, vault: Vault, said: Consent, place: Place) -> None:
    wanted = said.wish is Wish.START
    if not wanted:
        await _stop(unit, place.address_id)
        await execute(unit.conn, sql["understood"], {"raw_id": place.raw_id})
    await replies.system_line(unit, place.conversation_id, line("start" if wanted else "stop", word=said.detail))
    if not said.answered:
        await _confirm(unit, vault, said, place)


async def _talking(unit: Unit, conversation_id: int) -> bool:
    return bool(await fetch_value(unit.conn, sql["talking"], {"id": conversation_id}))


async def told(unit: Unit, contact_id: int, address_id: int, *, wanted: bool, detail: str, agent_id: int) -> None:
    """Write down and obey what a customer told one of us."""
    await consent.said_to_agent(unit, contact_id, address_id, wanted=wanted, detail=detail, agent_id=agent_id)
    # Conversations are locked before what waits in them, as wherever results of sends are written.
    for row in await fetch_dicts(unit.conn, sql["open_with"], {"address_id": address_id}):
        words = line("start" if wanted else "stop", word=detail or row["address"])
        await replies.system_line(unit, row["id"], words, actor_id=agent_id)
    if not wanted:
        await _stop(unit, address_id)


async def _stop(unit: Unit, address_id: int) -> None:
    await execute(
        unit.conn, sql["stop_waiting"], {"address_id": address_id, "words": STOPPED, "code": Reason.OPTED_OUT}
    )


async def _confirm(unit: Unit, vault: Vault, said: Consent, place: Place) -> None:
    answer = replies.Reply(
        confirmation(said.wish, said.language),
        f"consent-{place.raw_id}",
        address_id=place.address_id,
        account_id=place.account_id,
        automatic=True,
        confirms_consent=True,
    )
    await replies.reply(unit, vault, place.conversation_id, answer, actor_id=None)


@dataclass(frozen=True, slots=True)
class _Refused:
    conversation_id: int
    address_id: int
    account_id: int
    channel: str
    address: str
    outbound_id: int


async def refused(core: Core, delivery: Delivery) -> bool:
    """The provider says that a recipient has opted out; False if the send is none of ours. Repeats are harmless."""
    async with events.unit(core.db, core.feed) as unit:
        values = {
            "outbound_id": delivery.outbound_id, "provider_id": delivery.provider_id, "connector": delivery.connector,
        }  # fmt: skip
        found = await fetch_one(unit.conn, _Refused, sql["refused_send"], values)
        if found is None:
            return False
        entry = Entry(
            found.address_id, found.channel, wanted=False, source="refused", detail=(delivery.error or "")[:500],
            account_id=found.account_id, outbound_id=found.outbound_id,
        )  # fmt: skip
        if await consent.record(unit.conn, entry):
            await replies.system_line(unit, found.conversation_id, line("refused", address=found.address))
            await _stop(unit, found.address_id)
        return True
